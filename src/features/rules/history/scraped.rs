//! What is kept of scraped metrics: steps of five minutes.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Asked, History, PEAKS, Past, STEPS, lasts, looked, named};
use crate::features::alerts::rule::Reading;
use crate::features::health::store::past::{self, Together};
use crate::features::health::store::slices::STEP;
use crate::features::packs::pack::{MetricOf, Probe, Selector, Source, Take};
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store::Item;
use crate::features::rules::replay::Said;
use crate::features::rules::said::{self, Rebuilt, Stepped, Taken};
use crate::foundation::db::{self, Conn};

/// Steps are added up every few minutes: a metric whose last is older than this is gone.
const SUMMED_LATE: TimeDelta = TimeDelta::minutes(15);

/// What is kept of a source that reads scraped metrics. Where high values count most, `up`.
pub(super) fn read(conn: &mut Conn, asked: Asked, on: &Source, up: bool) -> db::Result<Past> {
    let slug = on.probe().unwrap_or_default();
    let read = |conn: &mut Conn, asked: Asked, probe: &Item<Probe>| match on {
        Source::Metric(of) => metric(conn, asked, probe, of, up),
        Source::Absence(of) => absence(conn, asked, probe, &of.select),
        on => rebuilt(conn, asked, probe, on),
    };
    named(conn, asked, slug, "scrape", read)
}

fn metric(
    conn: &mut Conn,
    asked: Asked,
    probe: &Item<Probe>,
    of: &MetricOf,
    up: bool,
) -> db::Result<History> {
    let select = (of.select.name.as_str(), &of.select);
    let rows = past::together(conn, probe.id, select, false, asked.from)?;
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
            ends: row.at.min(asked.now),
            extreme,
            last,
        }
    });
    let stepped: Vec<Stepped> = stepped.collect();
    let said = said::stepped(&stepped, STEP, lasts(&probe.spec));
    Ok(History {
        caveat: Some(PEAKS),
        ..History::new(said, STEPS, STEP)
    })
}

fn absence(
    conn: &mut Conn,
    asked: Asked,
    probe: &Item<Probe>,
    select: &Selector,
) -> db::Result<History> {
    let rows = past::together(
        conn,
        probe.id,
        (select.name.as_str(), select),
        false,
        asked.from,
    )?;
    let there: Vec<_> = rows.iter().map(|row| (row.at - STEP, STEP)).collect();
    let there = said::merged(&there, lasts(&probe.spec));
    let turns: Vec<(DateTime<Utc>, bool)> = there
        .iter()
        .flat_map(|span| [(span.from, false), (span.until, true)])
        .collect();
    let before = std::iter::once((asked.from, true)).chain(turns);
    let turns: Vec<_> = before.filter(|(at, _)| *at <= asked.now).collect();
    let looked = looked(conn, asked, probe)?;
    let said = said::within(&turns, &looked, |absent| Reading::Absent(*absent));
    Ok(History::new(said, STEPS, STEP))
}

/// What grows is put together again from what it grew by.
fn rebuilt(conn: &mut Conn, asked: Asked, probe: &Item<Probe>, on: &Source) -> db::Result<History> {
    let rebuilt = Rebuilt::of(on, STEP);
    let [part, whole] = Rebuilt::names();
    let window = on.window().map_or(STEP, Lasting::delta);
    let from = asked.from - window.max(STEP);
    let mut read = |name: &str, select: &Selector, by_bound: bool| {
        past::together(conn, probe.id, (name, select), by_bound, from)
    };
    let grows = on.window().is_some();
    let taken = |rows: &[Together]| -> Vec<Taken> {
        let one = |row: &Together| Taken {
            ends: row.at,
            le: row.le.clone(),
            value: if grows { row.increase } else { row.sum },
        };
        rows.iter().map(one).collect()
    };
    let mut all = Vec::new();
    match on {
        Source::Rate(of) | Source::Increase(of) => {
            let rows = read(&of.select.name, &of.select, false)?;
            all.extend(said::series(whole, &taken(&rows), true));
        }
        Source::Share(of) => {
            let parts = read(&of.part.name, &of.part, false)?;
            let wholes = read(&of.whole.name, &of.whole, false)?;
            all.extend(said::series(part, &taken(&parts), grows));
            all.extend(said::series(whole, &taken(&wholes), grows));
        }
        Source::Quantile(of) => {
            let buckets = read(&of.buckets(), &of.select, true)?;
            let name = format!("{whole}_bucket");
            all.extend(said::series(&name, &taken(&buckets), true));
        }
        _ => {}
    }
    let points = all.iter().flat_map(|series| &series.points);
    let moments: Vec<i64> = points.map(|point| point.at_ms).collect();
    let moment = |ms: Option<&i64>| ms.copied().and_then(DateTime::from_timestamp_millis);
    let (first, last) = (moment(moments.iter().min()), moment(moments.iter().max()));
    let said = match first.zip(last) {
        Some((first, last)) => {
            let ends = said::ends(first, last.min(asked.now), STEP);
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
    Ok(History {
        caveat: Some(caveat),
        ..History::new(said, STEPS, STEP)
    })
}
