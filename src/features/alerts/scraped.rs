//! What rules read of scraped metrics, for all of them at once.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize as _;
use serde_json::Value;

use super::rule::Reading;
use crate::features::health::series::{self, Figure, Moment, Series};
use crate::features::health::store::State;
use crate::features::health::store::series::{self as stored, Wanted};
use crate::features::packs::pack::{ItemId, Selector, Source};
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store::Item;
use crate::foundation::db::{self, Conn};

/// The series of each scrape, as far as somebody reads them.
#[derive(Default)]
pub struct Scraped(HashMap<ItemId, Vec<Series>>);

/// A source and the scrape that it reads.
pub struct Asked<'s> {
    pub scrape: ItemId,
    pub source: &'s Source,
}

impl Scraped {
    /// Reads what these sources need, from `since` on where they look at a moment rather than a window.
    pub fn read(
        conn: &mut Conn,
        asked: &[Asked<'_>],
        now: DateTime<Utc>,
        since: impl Fn(ItemId) -> DateTime<Utc>,
    ) -> db::Result<Self> {
        let wanted: Vec<Wanted> = asked
            .iter()
            .flat_map(|one| {
                let moment = since(one.scrape);
                let since = one
                    .source
                    .window()
                    .map_or(moment, |window| moment.min(now - window.delta()));
                wanted(one.scrape, one.source, since)
            })
            .collect();
        Ok(Self(stored::read(conn, &wanted, now)?))
    }

    /// Reads what these sources need to say what they said at any moment since `since`.
    pub fn read_since(
        conn: &mut Conn,
        asked: &[Asked<'_>],
        now: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> db::Result<Self> {
        let wanted: Vec<Wanted> = asked
            .iter()
            .flat_map(|one| {
                let window = one.source.window().map(Lasting::delta);
                wanted(one.scrape, one.source, since - window.unwrap_or_default())
            })
            .collect();
        Ok(Self(stored::read(conn, &wanted, now)?))
    }

    /// When a page of the scrape was last read before `moment`, and not before `since`.
    #[must_use]
    pub fn read_before(
        &self,
        scrape: ItemId,
        moment: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let range = since.timestamp_millis()..=moment.timestamp_millis();
        let points = self.of(scrape).iter().flat_map(|series| &series.points);
        let read = points
            .map(|point| point.at_ms)
            .filter(|at| range.contains(at));
        DateTime::from_timestamp_millis(read.max()?)
    }

    /// What a source says at `now`, when its page was last read at `read`.
    #[must_use]
    pub fn figure(
        &self,
        scrape: ItemId,
        source: &Source,
        now: DateTime<Utc>,
        read: Option<DateTime<Utc>>,
    ) -> Figure {
        let moment = Moment {
            now_ms: now.timestamp_millis(),
            read_ms: read.map(|at| at.timestamp_millis()),
        };
        series::figure(source, self.of(scrape), moment)
    }

    fn of(&self, scrape: ItemId) -> &[Series] {
        self.0.get(&scrape).map_or(&[], Vec::as_slice)
    }
}

fn wanted(scrape: ItemId, source: &Source, since: DateTime<Utc>) -> Vec<Wanted> {
    let one = |select: &Selector, name: String| Wanted {
        scrape,
        name,
        select: vec![select.clone()],
        since,
    };
    let plain = |select: &Selector| one(select, select.name.clone());
    match source {
        Source::Metric(of) => vec![plain(&of.select)],
        Source::Rate(of) | Source::Increase(of) => vec![plain(&of.select)],
        Source::Share(of) => vec![plain(&of.part), plain(&of.whole)],
        Source::Quantile(of) => vec![one(&of.select, of.buckets())],
        Source::Absence(of) => vec![plain(&of.select)],
        _ => Vec::new(),
    }
}

/// The rules that read scraped metrics, without reading the others.
pub fn sources(rules: &[Item<Value>]) -> Vec<(&Item<Value>, Source)> {
    const KINDS: [&str; 6] = ["metric", "rate", "increase", "share", "quantile", "absence"];
    let scraped = |item: &&Item<Value>| KINDS.iter().any(|kind| !item.spec["on"][kind].is_null());
    let read = |item: &'_ Item<Value>| Source::deserialize(&item.spec["on"]).ok();
    rules
        .iter()
        .filter(scraped)
        .filter_map(|item| Some((item, read(item)?)))
        .collect()
}

/// What a rule makes of a figure of a scrape that stands like this. A scrape that failed has brought nothing; of one
/// that said nothing, nobody knows what there is.
#[must_use]
pub fn reading(figure: Figure, state: &State) -> Reading {
    match figure {
        Figure::Absent(_) if !state.measured_now && state.error.is_none() => Reading::Nothing,
        figure => Reading::of(figure),
    }
}

/// When a scrape's page was last read, if its last run read one.
#[must_use]
pub fn read_at(state: &State) -> Option<DateTime<Utc>> {
    state.checked_at.filter(|_| state.measured_now)
}
