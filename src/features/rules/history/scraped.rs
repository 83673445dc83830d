//! What is kept of scraped metrics: steps of five minutes.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::{Asked, History, PEAKS, Past, STEPS, lasts, looked, named};
use crate::features::alerts::evaluate::TICK;
use crate::features::alerts::rule::Reading;
use crate::features::health::store::past::{self, Chosen, Together};
use crate::features::health::store::slices::STEP;
use crate::features::packs::pack::{MetricOf, Probe, Selector, Source, Take};
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store::Item;
use crate::features::rules::replay::Said;
use crate::features::rules::said::{self, Rebuilt, Stepped, Taken};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::format::duration;

/// Steps are added up every few minutes: a metric whose last is older than this is gone.
pub(super) const SUMMED_LATE: TimeDelta = TimeDelta::minutes(15);

/// What is kept of a source that reads scraped metrics. Where high values count most, `up`.
pub(super) fn read(conn: &mut Conn, asked: Asked, on: &Source, up: bool) -> db::Result<Past> {
    let slug = on.probe().unwrap_or_default();
    let read = |conn: &mut Conn, asked: Asked, probe: &Item<Probe>| match on {
        Source::Metric(of) => metric(conn, asked, probe, of, up).map(Past::Kept),
        Source::Absence(of) => absence(conn, asked, probe, &of.select).map(Past::Kept),
        on => rebuilt(conn, asked, probe, on),
    };
    named(conn, asked, slug, "scrape", read)
}

/// Whether anybody looked is known by the hour.
const GRAIN: TimeDelta = TimeDelta::hours(1);

/// Series that are read together, and from when on: many of them less far back, which whoever reads it is told.
struct Reach {
    from: DateTime<Utc>,
    /// From when on what is read says something: a window has to be filled first.
    start: DateTime<Utc>,
    caveat: Option<String>,
}

impl Reach {
    fn of(chosen: &[&Chosen], asked: Asked, before: TimeDelta) -> Self {
        let series = chosen.iter().map(|it| it.count()).sum();
        let reach = past::reach(series);
        let wanted = asked.from - before;
        let nearest = asked.now - reach;
        if nearest <= wanted {
            return Self {
                from: wanted,
                start: wanted,
                caveat: None,
            };
        }
        let said = duration((reach - before).to_std().unwrap_or_default());
        Self {
            from: nearest,
            start: nearest + before,
            caveat: Some(format!(
                "It reads {series} series, so only the last {said} are gone through."
            )),
        }
    }

    /// A history of what was read so.
    fn history(self, said: Vec<Said>, caveat: &str) -> History {
        let cut = self.caveat.is_some();
        let caveats = [self.caveat.unwrap_or_default(), caveat.to_owned()];
        let caveats = caveats.into_iter().filter(|it| !it.is_empty());
        History {
            caveat: caveats.collect::<Vec<_>>().join(" "),
            is_cut: cut,
            ..History::new(said, STEPS, STEP)
        }
    }
}

fn metric(
    conn: &mut Conn,
    asked: Asked,
    probe: &Item<Probe>,
    of: &MetricOf,
    up: bool,
) -> db::Result<History> {
    let select = (of.select.name.as_str(), &of.select);
    let chosen = past::chosen(conn, probe.id, select, false)?;
    let reach = Reach::of(&[&chosen], asked, TimeDelta::zero());
    let rows = past::together(conn, &chosen, reach.from)?;
    let stepped = rows.iter().map(|row| {
        let last = match of.take {
            None | Some(Take::Sum) => row.sum,
            Some(Take::Max) => row.highest,
            Some(Take::Min) => row.lowest,
        };
        // The highest of several at once is that of one of them; their highest sum is not known.
        let extreme = match (of.take, up) {
            (Some(Take::Max), true) => row.high,
            (Some(Take::Min), false) => row.low,
            _ if row.series == 1 && up => row.high,
            _ if row.series == 1 => row.low,
            _ => last,
        };
        Stepped {
            begins: row.at - STEP,
            ends: row.at.min(asked.now),
            extreme,
            last,
        }
    });
    let stepped: Vec<Stepped> = stepped.collect();
    let mut said = said::stepped(&stepped, TICK, lasts(&probe.spec));
    // What is not added up yet is not gone.
    let last = rows.last().map(|row| row.at + SUMMED_LATE);
    if last.is_some_and(|last| last > asked.now) {
        said.pop_if(|last| *last == Said::nothing(last.at));
    }
    Ok(reach.history(said, PEAKS))
}

fn absence(
    conn: &mut Conn,
    asked: Asked,
    probe: &Item<Probe>,
    select: &Selector,
) -> db::Result<History> {
    let chosen = past::chosen(conn, probe.id, (select.name.as_str(), select), false)?;
    let reach = Reach::of(&[&chosen], asked, TimeDelta::zero());
    // Of the step in which it begins, only the rest would be known.
    let begins = reach.from.duration_trunc(STEP).unwrap_or(reach.from) + STEP;
    let rows = past::together(conn, &chosen, begins)?;
    let there: Vec<_> = rows.iter().map(|row| (row.at - STEP, STEP)).collect();
    let lasts = lasts(&probe.spec);
    let there = said::merged(&there, lasts);
    let turns = there
        .iter()
        .flat_map(|span| [(span.from, false), (span.until, true)]);
    let turns = std::iter::once((begins, true)).chain(turns);
    // What is not added up yet is not absent.
    let is_told = |(at, absent): &(DateTime<Utc>, bool)| {
        let summed = if *absent && *at > begins {
            *at - lasts + SUMMED_LATE
        } else {
            *at
        };
        summed <= asked.now
    };
    let turns: Vec<_> = turns.filter(is_told).collect();
    let mut looked = looked(conn, asked, probe)?;
    looked.retain(|span| span.until > begins);
    for span in &mut looked {
        span.from = span.from.max(begins);
    }
    let looked = said::trimmed(&looked, &there, GRAIN, asked.now);
    let said = said::within(&turns, &looked, |absent| Reading::Absent(*absent));
    Ok(reach.history(said, ""))
}

/// What grows is put together again from what it grew by.
fn rebuilt(conn: &mut Conn, asked: Asked, probe: &Item<Probe>, on: &Source) -> db::Result<Past> {
    let rebuilt = Rebuilt::of(on, STEP);
    let [part, whole] = Rebuilt::names();
    let window = on.window().map_or(STEP, Lasting::delta);
    let asked_for = asked_for(on);
    let mut chosen: Vec<Chosen> = Vec::with_capacity(asked_for.len());
    for (name, select, by_bound) in &asked_for {
        chosen.push(past::chosen(conn, probe.id, (name, select), *by_bound)?);
    }
    let all: Vec<&Chosen> = chosen.iter().collect();
    let before = window.max(STEP) + STEP;
    let reach = Reach::of(&all, asked, before);
    if reach.start >= asked.now {
        return Ok(Past::NotKept(format!(
            "It reads {} series, which are gone through no further back than its window of {} reaches.",
            all.iter().map(|it| it.count()).sum::<usize>(),
            on.window().unwrap_or_default()
        )));
    }
    let grows = on.window().is_some();
    let names = match on {
        Source::Quantile(_) => vec![format!("{whole}_bucket")],
        Source::Share(_) => vec![part.to_owned(), whole.to_owned()],
        _ => vec![whole.to_owned()],
    };
    let mut all = Vec::new();
    for (chosen, name) in chosen.iter().zip(names) {
        let rows = past::together(conn, chosen, reach.from)?;
        let taken: Vec<Taken> = rows.iter().map(|row| taken(row, grows)).collect();
        all.extend(said::series(&name, &taken, grows));
    }
    let points = all.iter().flat_map(|series| &series.points);
    let moments: Vec<i64> = points.map(|point| point.at_ms).collect();
    let moment = |ms: Option<&i64>| ms.copied().and_then(DateTime::from_timestamp_millis);
    let (first, last) = (moment(moments.iter().min()), moment(moments.iter().max()));
    let said = match first.zip(last) {
        Some((first, last)) => {
            let mut ends = said::ends(first, last.min(asked.now), STEP);
            ends.retain(|at| *at >= reach.start);
            let mut said = rebuilt.said(&all, &ends);
            said.push(Said::nothing(last + SUMMED_LATE));
            said
        }
        None => Vec::new(),
    };
    let caveat = if rebuilt.widened {
        "Its window is shorter than the steps that are kept, so it is read over five minutes: what comes and goes within \
         them is smoothed."
    } else {
        "What happens within a step is told at its end."
    };
    Ok(reach.history(said, caveat).into())
}

/// The series that a source reads: a name, what their labels have to be, and whether they are told apart by their bound.
fn asked_for(on: &Source) -> Vec<(String, &Selector, bool)> {
    let plain = |select: &'_ Selector| select.name.clone();
    match on {
        Source::Rate(of) | Source::Increase(of) => {
            vec![(plain(&of.select), &of.select, false)]
        }
        Source::Share(of) => vec![
            (plain(&of.part), &of.part, false),
            (plain(&of.whole), &of.whole, false),
        ],
        Source::Quantile(of) => vec![(of.buckets(), &of.select, true)],
        _ => Vec::new(),
    }
}

fn taken(row: &Together, grows: bool) -> Taken {
    Taken {
        ends: row.at,
        le: row.le.clone(),
        value: if grows { row.increase } else { row.sum },
    }
}
