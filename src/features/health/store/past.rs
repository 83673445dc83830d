//! What was, for whoever goes through it again: how probes stood, what they answered, what was reported and scraped.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Timestamptz};

use super::samples::Span;
use super::slices::STEP;
use crate::features::packs::pack::{ItemId, Labels, ProbeState, Selector};
use crate::foundation::db::schema::{
    event_report, indicator_report, probe_change, probe_run, probe_state, sample, series,
};
use crate::foundation::db::{Conn, Result};

/// More rows than this are read of nothing, the newest: a probe that ran every second for two days.
const AT_MOST: i64 = 200_000;

/// So many steps of series are read together.
const STEPS_AT_MOST: i32 = 400_000;

/// Everything since a moment, oldest first. Where there is more than is read, since a later one than was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since<T> {
    pub from: DateTime<Utc>,
    pub all: Vec<T>,
    /// There is more, or may be, than is read.
    pub is_cut: bool,
}

impl<T> Since<T> {
    /// Of rows that were read newest first, and at most `at_most` of them.
    #[must_use]
    pub fn of(
        mut rows: Vec<T>,
        at_most: i64,
        from: DateTime<Utc>,
        at: impl Fn(&T) -> DateTime<Utc>,
    ) -> Self {
        rows.reverse();
        let is_cut = i64::try_from(rows.len()).is_ok_and(|count| count >= at_most);
        let from = match rows.first() {
            Some(first) if is_cut => at(first),
            _ => from,
        };
        Self {
            from,
            all: rows,
            is_cut,
        }
    }
}

/// How a probe stood from `from` on: first as it was then, then at each change.
pub fn states(
    conn: &mut Conn,
    probe: ItemId,
    from: DateTime<Utc>,
) -> Result<Since<(DateTime<Utc>, ProbeState)>> {
    let changes: Vec<(DateTime<Utc>, String, String)> = probe_change::table
        .filter(probe_change::probe_id.eq(probe.uuid()))
        .filter(probe_change::at.gt(from))
        .order(probe_change::at.desc())
        .limit(AT_MOST)
        .select((probe_change::at, probe_change::was, probe_change::now))
        .load(conn)?;
    let changes = Since::of(changes, AT_MOST, from, |(at, ..)| *at);
    let (from, is_cut, changes) = (changes.from, changes.is_cut, changes.all);
    let read = |text: &str| text.parse::<ProbeState>().unwrap_or_default();
    let first = match changes.first() {
        Some((_, was, _)) => read(was),
        None => probe_state::table
            .find(probe.uuid())
            .filter(probe_state::since.le(from))
            .select(probe_state::state)
            .first::<String>(conn)
            .optional()?
            .map_or(ProbeState::Unknown, |state| read(&state)),
    };
    let changed = changes.iter().map(|(at, _, now)| (*at, read(now)));
    Ok(Since {
        from,
        all: std::iter::once((from, first)).chain(changed).collect(),
        is_cut,
    })
}

/// The beginnings of the minutes and hours since `from` in which a probe had a result, with how long each is.
pub fn looked(
    conn: &mut Conn,
    probe: ItemId,
    from: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, TimeDelta)>> {
    let spans = [Span::Minute, Span::Hour].map(Span::as_str);
    let rows: Vec<(DateTime<Utc>, String)> = sample::table
        .filter(sample::probe_id.eq(probe.uuid()))
        .filter(sample::span.eq_any(spans))
        .filter(sample::at.ge(from - TimeDelta::hours(1)))
        .order(sample::at.desc())
        .limit(AT_MOST)
        .select((sample::at, sample::span))
        .load(conn)?;
    let length = |span: &str| match span {
        span if span == Span::Hour.as_str() => TimeDelta::hours(1),
        _ => TimeDelta::minutes(1),
    };
    let lengths = rows.into_iter().map(|(at, span)| (at, length(&span)));
    Ok(lengths.rev().collect())
}

/// What a probe's runs took since `from`, oldest first; nothing where a run says nothing of it.
pub fn latencies(
    conn: &mut Conn,
    probe: ItemId,
    from: DateTime<Utc>,
) -> Result<Since<(DateTime<Utc>, Option<i64>)>> {
    let runs: Vec<(DateTime<Utc>, Option<i64>)> = probe_run::table
        .filter(probe_run::probe_id.eq(probe.uuid()))
        .filter(probe_run::at.ge(from))
        .order(probe_run::at.desc())
        .limit(AT_MOST)
        .select((probe_run::at, probe_run::latency_us))
        .load(conn)?;
    Ok(Since::of(runs, AT_MOST, from, |(at, _)| *at))
}

/// What was reported of an indicator since `from`, and the last before that.
pub fn reports(
    conn: &mut Conn,
    indicator: ItemId,
    from: DateTime<Utc>,
) -> Result<Since<(DateTime<Utc>, f64)>> {
    let of = || {
        indicator_report::table
            .filter(indicator_report::indicator_id.eq(indicator.uuid()))
            .filter(indicator_report::superseded_by.is_null())
            .select((indicator_report::at, indicator_report::value))
    };
    let since: Vec<(DateTime<Utc>, f64)> = of()
        .filter(indicator_report::at.ge(from))
        .order((indicator_report::at.desc(), indicator_report::id.desc()))
        .limit(AT_MOST)
        .load(conn)?;
    let mut since = Since::of(since, AT_MOST, from, |(at, _)| *at);
    if !since.is_cut {
        let before: Option<(DateTime<Utc>, f64)> = of()
            .filter(indicator_report::at.lt(from))
            .order((indicator_report::at.desc(), indicator_report::id.desc()))
            .first(conn)
            .optional()?;
        since.all.splice(0..0, before);
    }
    Ok(since)
}

/// When events of a type were reported since `from`.
pub fn events(
    conn: &mut Conn,
    event_type: ItemId,
    from: DateTime<Utc>,
) -> Result<Since<DateTime<Utc>>> {
    let events: Vec<DateTime<Utc>> = event_report::table
        .filter(event_report::event_type_id.eq(event_type.uuid()))
        .filter(event_report::at.ge(from))
        .order((event_report::at.desc(), event_report::id.desc()))
        .limit(AT_MOST)
        .select(event_report::at)
        .load(conn)?;
    Ok(Since::of(events, AT_MOST, from, |at| *at))
}

/// Series of a scrape that a selector chooses, taken together step by step.
#[derive(Clone, Debug, QueryableByName)]
pub struct Together {
    /// The end of the step.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// The bound of a bucket, where they are told apart by it.
    #[diesel(sql_type = Nullable<Text>)]
    pub le: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub series: i64,
    #[diesel(sql_type = Double)]
    pub increase: f64,
    #[diesel(sql_type = Double)]
    pub low: f64,
    #[diesel(sql_type = Double)]
    pub high: f64,
    #[diesel(sql_type = Double)]
    pub lowest: f64,
    #[diesel(sql_type = Double)]
    pub highest: f64,
    #[diesel(sql_type = Double)]
    pub sum: f64,
}

/// Series of a scrape that a selector chooses, with the bound of each where they are buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    ids: Vec<i64>,
    bounds: Vec<Option<String>>,
}

impl Chosen {
    #[must_use]
    pub const fn count(&self) -> usize {
        self.ids.len()
    }
}

/// How far back so many series are read together: many of them less far.
#[must_use]
pub fn reach(series: usize) -> TimeDelta {
    let series = i32::try_from(series).unwrap_or(i32::MAX).max(1);
    STEP * (STEPS_AT_MOST / series).max(1)
}

/// What the chosen series were since `from`, oldest first: one row for a step, or one for each bound of a histogram's
/// buckets.
pub fn together(conn: &mut Conn, chosen: &Chosen, from: DateTime<Utc>) -> Result<Vec<Together>> {
    let Chosen { ids, bounds } = chosen;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(diesel::sql_query(
        "SELECT at + $4 * interval '1 second' AS at, le, count(*) AS series, sum(increase) AS increase, \
                min(low) AS low, max(high) AS high, min(last) AS lowest, max(last) AS highest, sum(last) AS sum \
         FROM unnest($1, $2) AS asked (id, le) JOIN series_step ON series_id = asked.id \
         WHERE at >= $3 GROUP BY at, le ORDER BY at, le",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Nullable<Text>>, _>(bounds)
    .bind::<Timestamptz, _>(from)
    .bind::<BigInt, _>(STEP.num_seconds())
    .load(conn)?)
}

/// The series of this name that fit a selector; of a histogram its buckets, or everything else.
pub fn chosen(
    conn: &mut Conn,
    scrape: ItemId,
    (name, select): (&str, &Selector),
    by_bound: bool,
) -> Result<Chosen> {
    let rows: Vec<(i64, serde_json::Value)> = series::table
        .filter(series::scrape_id.eq(scrape.uuid()))
        .filter(series::name.eq(name))
        .order(series::id)
        .select((series::id, series::labels))
        .load(conn)?;
    let mut found = Chosen::default();
    for (id, labels) in rows {
        let labels: Labels = serde_json::from_value(labels).unwrap_or_default();
        let le = labels.get("le").filter(|_| by_bound).cloned();
        if select.fits(&labels) && le.is_some() == by_bound {
            found.ids.push(id);
            found.bounds.push(le);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_is_read_begins_later() {
        let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let of = |rows: &[i64], at_most| {
            let rows = rows.iter().map(|minute| at(*minute)).collect();
            Since::of(rows, at_most, at(0), |at| *at)
        };
        let all = of(&[9, 5, 2], 4);
        assert_eq!((all.from, all.is_cut), (at(0), false));
        assert_eq!(all.all, [at(2), at(5), at(9)]);
        let cut = of(&[9, 5, 2], 3);
        assert_eq!(
            (cut.from, cut.is_cut),
            (at(2), true),
            "there may be more before it"
        );
        assert_eq!(of(&[], 3).from, at(0));
    }

    #[test]
    fn many_series_are_read_less_far_back() {
        assert!(reach(1) > TimeDelta::days(30) && reach(46) > TimeDelta::days(30));
        assert_eq!(reach(500), TimeDelta::minutes(5 * 800));
        assert_eq!(reach(usize::MAX), TimeDelta::minutes(5));
    }
}
