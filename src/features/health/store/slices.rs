//! What the results of a target were, slice by slice, from whatever they are kept as.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::past::Since;
use super::samples::Span;
use crate::features::health::latency::{BOUNDS_US, bucket};
use crate::features::health::series;
use crate::features::health::slice::Slice;
use crate::features::health::store::series::{self as points, Wanted};
use crate::features::packs::pack::{ItemId, Labels, Selector, Sli};
use crate::foundation::db::schema::{
    event_report, indicator_report, sample, series as series_table, series_step,
};
use crate::foundation::db::{Conn, Result};

/// How long each scraped step is.
pub const STEP: TimeDelta = TimeDelta::minutes(5);

/// What a target reads, found in the database.
#[derive(Clone, Debug)]
pub struct Read {
    pub sli: Sli,
    /// The probe, scrape or indicator.
    pub item: ItemId,
    /// How long a result stands for: until the next is due.
    pub every: TimeDelta,
}

impl Read {
    /// A gap so long is a result that came a little late.
    #[must_use]
    pub fn slack(&self) -> TimeDelta {
        match self.sli {
            Sli::Counted(_) | Sli::Histogram(_) => TimeDelta::zero(),
            _ => self.every,
        }
    }
}

/// Slices as fine as they are kept: minutes of a probe, five minutes of what is scraped, each report.
pub fn fine(
    conn: &mut Conn,
    read: &Read,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Slice>> {
    match &read.sli {
        Sli::Availability(_) => runs(conn, read, Span::Minute, None, from, until),
        Sli::Latency(of) => runs(
            conn,
            read,
            Span::Minute,
            Some(of.within.millis()),
            from,
            until,
        ),
        Sli::Counted(_) | Sli::Histogram(_) => steps(conn, read, from, until),
        Sli::Reports(_) => Ok(reports(conn, read, (from, until), i64::MAX)?.all),
    }
}

/// Slices of an hour where finer ones are not kept for so long, or are too many to read again and again.
pub fn coarse(
    conn: &mut Conn,
    read: &Read,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Slice>> {
    match &read.sli {
        Sli::Availability(_) => runs(conn, read, Span::Hour, None, from, until),
        Sli::Latency(of) => runs(
            conn,
            read,
            Span::Hour,
            Some(of.within.millis()),
            from,
            until,
        ),
        _ => fine(conn, read, from, until),
    }
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    good: i64,
    #[diesel(sql_type = BigInt)]
    bad: i64,
    #[diesel(sql_type = Bool)]
    demo: bool,
}

/// Of a probe: runs that succeeded and failed, or answers within a bound and beyond it.
fn runs(
    conn: &mut Conn,
    read: &Read,
    span: Span,
    within_ms: Option<i64>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Slice>> {
    let edge = within_ms.map(|ms| i32::try_from(bucket(ms * 1_000) + 1).unwrap_or(i32::MAX));
    let rows: Vec<Counted> = match edge {
        None => diesel::sql_query(
            "SELECT at, good, failed AS bad, demo FROM sample \
             WHERE probe_id = $1 AND span = $2 AND at >= $3 AND at < $4 ORDER BY at",
        )
        .bind::<SqlUuid, _>(read.item.uuid())
        .bind::<Text, _>(span.as_str())
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(until)
        .load(conn)?,
        Some(edge) => diesel::sql_query(
            "SELECT at, coalesce((SELECT sum(count) FROM unnest(buckets[1:$5]) AS count), 0)::bigint AS good, \
                    coalesce((SELECT sum(count) FROM unnest(buckets[$5 + 1:]) AS count), 0)::bigint AS bad, demo \
             FROM sample WHERE probe_id = $1 AND span = $2 AND at >= $3 AND at < $4 ORDER BY at",
        )
        .bind::<SqlUuid, _>(read.item.uuid())
        .bind::<Text, _>(span.as_str())
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(until)
        .bind::<Integer, _>(edge.min(i32::try_from(BOUNDS_US.len()).unwrap_or(i32::MAX)))
        .load(conn)?,
    };
    let lasts = match span {
        Span::Minute => TimeDelta::minutes(1),
        Span::Hour => TimeDelta::hours(1),
        Span::Day => TimeDelta::days(1),
    };
    Ok(rows
        .into_iter()
        .map(|row| slice(row, lasts, read.every))
        .collect())
}

fn slice(row: Counted, lasts: TimeDelta, every: TimeDelta) -> Slice {
    let results = i32::try_from(row.good + row.bad).unwrap_or(i32::MAX);
    Slice {
        at: row.at,
        lasts,
        good: row.good,
        bad: row.bad,
        stands_for: every * results,
        demo: row.demo,
    }
}

/// Each report of a target that reads reports, of very many the last; of any other target none.
pub fn reports(
    conn: &mut Conn,
    read: &Read,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    at_most: i64,
) -> Result<Since<Slice>> {
    let since = |rows| Since::of(rows, at_most, from, |slice: &Slice| slice.at);
    let Sli::Reports(of) = &read.sli else {
        return Ok(since(Vec::new()));
    };
    let (most, least) = (
        of.at_most.unwrap_or(f64::INFINITY),
        of.at_least.unwrap_or(f64::NEG_INFINITY),
    );
    let rows: Vec<Counted> = diesel::sql_query(
        "SELECT at, (value <= $4 AND value >= $5)::int::bigint AS good, \
                (NOT (value <= $4 AND value >= $5))::int::bigint AS bad, demo \
         FROM indicator_report \
         WHERE indicator_id = $1 AND at >= $2 AND at < $3 AND superseded_by IS NULL \
         ORDER BY at DESC, id DESC LIMIT $6",
    )
    .bind::<SqlUuid, _>(read.item.uuid())
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .bind::<Double, _>(most)
    .bind::<Double, _>(least)
    .bind::<BigInt, _>(at_most)
    .load(conn)?;
    let rows = rows.into_iter();
    let slices = rows.map(|row| slice(row, TimeDelta::zero(), read.every));
    Ok(since(slices.collect()))
}

/// The part and the whole of what is scraped, and whether the part is the good one.
fn parts(sli: &Sli) -> Option<(Selector, Selector, bool)> {
    match sli {
        Sli::Counted(of) => {
            let (part, is_good) = match (&of.good, &of.bad) {
                (Some(good), _) => (good.clone(), true),
                (None, Some(bad)) => (bad.clone(), false),
                (None, None) => return None,
            };
            Some((part, of.total.clone(), is_good))
        }
        Sli::Histogram(of) => Some((of.buckets(), of.buckets(), true)),
        _ => None,
    }
}

/// Whether a series is the bucket with this bound, where buckets are meant.
fn is_bucket(sli: &Sli, labels: &Labels, whole: bool) -> bool {
    let Sli::Histogram(of) = sli else {
        return true;
    };
    let bound = |text: &str| text.parse::<f64>().ok();
    let le = labels.get("le").and_then(|le| bound(le));
    if whole {
        le == Some(f64::INFINITY)
    } else {
        le.is_some() && le == bound(&of.bucket)
    }
}

/// The series of a scrape that are the part, and those that are the whole.
fn chosen(conn: &mut Conn, read: &Read) -> Result<Option<(Vec<i64>, Vec<i64>, bool)>> {
    let Some((part, whole, is_good)) = parts(&read.sli) else {
        return Ok(None);
    };
    let rows: Vec<(i64, String, serde_json::Value)> = series_table::table
        .filter(series_table::scrape_id.eq(read.item.uuid()))
        .filter(series_table::name.eq_any([&part.name, &whole.name]))
        .select((series_table::id, series_table::name, series_table::labels))
        .load(conn)?;
    let (mut parts, mut wholes) = (Vec::new(), Vec::new());
    for (id, name, labels) in rows {
        let labels: Labels = serde_json::from_value(labels).unwrap_or_default();
        if part.matches(&name, &labels) && is_bucket(&read.sli, &labels, false) {
            parts.push(id);
        }
        if whole.matches(&name, &labels) && is_bucket(&read.sli, &labels, true) {
            wholes.push(id);
        }
    }
    // A histogram without that bound says nothing of it; a counter that never counted is nothing counted.
    let is_histogram = matches!(read.sli, Sli::Histogram(_));
    if wholes.is_empty() || (is_histogram && parts.is_empty()) {
        return Ok(None);
    }
    Ok(Some((parts, wholes, is_good)))
}

/// How many series are read at once.
pub fn width(conn: &mut Conn, read: &Read) -> Result<usize> {
    let chosen = chosen(conn, read)?;
    Ok(chosen.map_or(0, |(parts, wholes, _)| parts.len() + wholes.len()))
}

/// Of what is scraped: by how much its counters grew in each step.
fn steps(
    conn: &mut Conn,
    read: &Read,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Slice>> {
    let Some((parts, wholes, is_good)) = chosen(conn, read)? else {
        return Ok(Vec::new());
    };
    let ids: Vec<i64> = parts.iter().chain(&wholes).copied().collect();
    let rows: Vec<(i64, DateTime<Utc>, f64)> = series_step::table
        .filter(series_step::series_id.eq_any(ids))
        .filter(series_step::at.ge(from))
        .filter(series_step::at.lt(until))
        .order(series_step::at)
        .select((
            series_step::series_id,
            series_step::at,
            series_step::increase,
        ))
        .load(conn)?;
    let mut slices: Vec<(DateTime<Utc>, f64, f64)> = Vec::new();
    for (id, at, increase) in rows {
        if slices.last().is_none_or(|(last, ..)| *last != at) {
            slices.push((at, 0.0, 0.0));
        }
        let Some((_, part, whole)) = slices.last_mut() else {
            continue;
        };
        if parts.contains(&id) {
            *part += increase;
        }
        if wholes.contains(&id) {
            *whole += increase;
        }
    }
    Ok(slices
        .into_iter()
        .map(|(at, part, whole)| split(at, STEP, part, whole, is_good))
        .collect())
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "counts of five minutes are far below 2^53"
)]
fn split(at: DateTime<Utc>, lasts: TimeDelta, part: f64, whole: f64, is_good: bool) -> Slice {
    let whole = whole.max(0.0).round() as i64;
    let part = (part.max(0.0).round() as i64).min(whole);
    let (good, bad) = if is_good {
        (part, whole - part)
    } else {
        (whole - part, part)
    };
    Slice {
        at,
        lasts,
        good,
        bad,
        stands_for: lasts,
        demo: false,
    }
}

/// What scraped counters grew by in each of these windows that end now, from each value, as rules reckon it.
pub fn grown(
    conn: &mut Conn,
    read: &Read,
    now: DateTime<Utc>,
    windows: &[TimeDelta],
) -> Result<Vec<Option<Slice>>> {
    let Some((part, whole, is_good)) = parts(&read.sli) else {
        return Ok(vec![None; windows.len()]);
    };
    let longest = windows.iter().max().copied().unwrap_or_default();
    let since = now - longest;
    let wanted = |select: &Selector| Wanted {
        scrape: read.item,
        name: select.name.clone(),
        select: vec![select.clone()],
        since,
    };
    let mut asked = vec![wanted(&part)];
    if part.name != whole.name {
        asked.push(wanted(&whole));
    } else if let Some(first) = asked.first_mut() {
        first.select.push(whole.clone());
    }
    let found = points::read(conn, &asked, now)?;
    let all = found.get(&read.item).map_or(&[][..], Vec::as_slice);
    let sum = |select: &Selector, is_whole: bool, window: TimeDelta| {
        let fits = |one: &&series::Series| {
            select.matches(&one.name, &one.labels) && is_bucket(&read.sli, &one.labels, is_whole)
        };
        let (now_ms, window_ms) = (now.timestamp_millis(), window.num_milliseconds());
        let grown = all
            .iter()
            .filter(fits)
            .filter_map(|one| one.growth(now_ms, window_ms));
        grown.fold(None, |sum, one| Some(sum.unwrap_or(0.0) + one))
    };
    let is_histogram = matches!(read.sli, Sli::Histogram(_));
    let of = |window: &TimeDelta| {
        let grown = (sum(&part, false, *window), sum(&whole, true, *window));
        match grown {
            (_, None) => None,
            (None, _) if is_histogram => None,
            (part, Some(whole)) => {
                let (at, part) = (now - *window, part.unwrap_or(0.0));
                Some(split(at, *window, part, whole, is_good))
            }
        }
    };
    Ok(windows.iter().map(of).collect())
}

/// When the oldest result in this time is from.
pub fn oldest(conn: &mut Conn, read: &Read, from: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    use diesel::dsl::min;
    Ok(match &read.sli {
        Sli::Availability(_) | Sli::Latency(_) => sample::table
            .filter(sample::probe_id.eq(read.item.uuid()))
            .filter(sample::span.eq(Span::Minute.as_str()))
            .filter(sample::at.ge(from))
            .select(min(sample::at))
            .first(conn)?,
        Sli::Reports(_) => indicator_report::table
            .filter(indicator_report::indicator_id.eq(read.item.uuid()))
            .filter(indicator_report::at.ge(from))
            .filter(indicator_report::superseded_by.is_null())
            .select(min(indicator_report::at))
            .first(conn)?,
        Sli::Counted(_) | Sli::Histogram(_) => {
            let Some((_, wholes, _)) = chosen(conn, read)? else {
                return Ok(None);
            };
            series_step::table
                .filter(series_step::series_id.eq_any(wholes))
                .filter(series_step::at.ge(from))
                .select(min(series_step::at))
                .first(conn)?
        }
    })
}

/// How often an event was reported since a moment.
pub fn events_since(conn: &mut Conn, event_type: Uuid, since: DateTime<Utc>) -> Result<i64> {
    Ok(event_report::table
        .filter(event_report::event_type_id.eq(event_type))
        .filter(event_report::at.ge(since))
        .count()
        .get_result(conn)?)
}
