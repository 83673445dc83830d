//! Minutes, hours and days of results: adding to them, rolling them up, dropping what is old.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::features::health::latency::Histogram;
use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::{probe_change, probe_run, sample};
use crate::foundation::db::{Conn, Result};

/// What a sample covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    Minute,
    Hour,
    Day,
}

impl Span {
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long samples are kept.
    #[must_use]
    pub fn kept(self) -> TimeDelta {
        match self {
            Self::Minute => TimeDelta::hours(48),
            Self::Hour => TimeDelta::days(90),
            Self::Day => TimeDelta::days(7 * 366),
        }
    }
}

/// Counts of a minute, an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub at: DateTime<Utc>,
    pub good: i64,
    pub failed: i64,
    pub unknown: i64,
    pub histogram: Histogram,
    /// Invented history of the demo.
    pub demo: bool,
}

impl Sample {
    #[must_use]
    pub fn total(&self) -> i64 {
        self.good + self.failed + self.unknown
    }
}

/// Adds counts to a sample, which is made if it is not there.
pub fn add(conn: &mut Conn, probe: ItemId, span: Span, sample: &Sample) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO sample (probe_id, span, at, good, failed, unknown, buckets, demo) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (probe_id, span, at) DO UPDATE SET \
             good = sample.good + excluded.good, \
             failed = sample.failed + excluded.failed, \
             unknown = sample.unknown + excluded.unknown, \
             buckets = (SELECT array_agg(a + b ORDER BY place) \
                        FROM unnest(sample.buckets, excluded.buckets) WITH ORDINALITY AS pair (a, b, place)), \
             demo = sample.demo OR excluded.demo",
    )
    .bind::<SqlUuid, _>(probe.uuid())
    .bind::<Text, _>(span.as_str())
    .bind::<Timestamptz, _>(sample.at)
    .bind::<BigInt, _>(sample.good)
    .bind::<BigInt, _>(sample.failed)
    .bind::<BigInt, _>(sample.unknown)
    .bind::<Array<BigInt>, _>(sample.histogram.counts().to_vec())
    .bind::<Bool, _>(sample.demo)
    .execute(conn)?;
    Ok(())
}

/// Writes many samples at once; one that is there already stays as it is.
pub fn insert(conn: &mut Conn, probe: ItemId, span: Span, samples: &[Sample]) -> Result<()> {
    const AT_ONCE: usize = 1_000;
    for some in samples.chunks(AT_ONCE) {
        let rows: Vec<_> = some
            .iter()
            .map(|one| {
                (
                    sample::probe_id.eq(probe.uuid()),
                    sample::span.eq(span.as_str()),
                    sample::at.eq(one.at),
                    sample::good.eq(one.good),
                    sample::failed.eq(one.failed),
                    sample::unknown.eq(one.unknown),
                    sample::buckets.eq(one.histogram.counts().to_vec()),
                    sample::demo.eq(one.demo),
                )
            })
            .collect();
        diesel::insert_into(sample::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(conn)?;
    }
    Ok(())
}

type Row = (Uuid, DateTime<Utc>, i64, i64, i64, Vec<Option<i64>>, bool);

/// Samples since `from`, oldest first, by probe.
pub fn since(
    conn: &mut Conn,
    probes: &[ItemId],
    span: Span,
    from: DateTime<Utc>,
) -> Result<HashMap<ItemId, Vec<Sample>>> {
    let ids: Vec<Uuid> = probes.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = sample::table
        .filter(sample::probe_id.eq_any(ids))
        .filter(sample::span.eq(span.as_str()))
        .filter(sample::at.ge(from))
        .order(sample::at)
        .select((
            sample::probe_id,
            sample::at,
            sample::good,
            sample::failed,
            sample::unknown,
            sample::buckets,
            sample::demo,
        ))
        .load(conn)?;
    let mut found: HashMap<ItemId, Vec<Sample>> = HashMap::new();
    for (probe, at, good, failed, unknown, buckets, demo) in rows {
        let counts: Vec<i64> = buckets.into_iter().map(Option::unwrap_or_default).collect();
        let histogram = Histogram::from_counts(&counts);
        let sample = Sample {
            at,
            good,
            failed,
            unknown,
            histogram,
            demo,
        };
        found.entry(probe.into()).or_default().push(sample);
    }
    Ok(found)
}

/// Recomputes the last hour and the last day that were summed up, and sums up those that have ended since,
/// however long ago that is. What begins before its parts are kept is never recomputed: some of them are
/// dropped. Running it twice changes nothing.
pub fn roll_up(conn: &mut Conn, now: DateTime<Utc>) -> Result<()> {
    for (from, into) in [(Span::Minute, Span::Hour), (Span::Hour, Span::Day)] {
        let start = last(conn, into)?.unwrap_or(DateTime::UNIX_EPOCH);
        sum_up(conn, from, into, start, now)?;
    }
    Ok(())
}

fn last(conn: &mut Conn, span: Span) -> Result<Option<DateTime<Utc>>> {
    Ok(sample::table
        .filter(sample::span.eq(span.as_str()))
        .select(diesel::dsl::max(sample::at))
        .first(conn)?)
}

/// Sums up everything since `from`; what begins before its parts are kept stays where it is there already.
pub fn roll_up_since(conn: &mut Conn, from: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
    sum_up(conn, Span::Minute, Span::Hour, from, now)?;
    sum_up(conn, Span::Hour, Span::Day, from, now)
}

fn sum_up(
    conn: &mut Conn,
    from: Span,
    into: Span,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO sample (probe_id, span, at, good, failed, unknown, buckets, demo) \
         SELECT probe_id, $2, at, sum(good)::bigint, sum(failed)::bigint, sum(unknown)::bigint, \
                (SELECT array_agg(total ORDER BY place) FROM ( \
                     SELECT place, sum(count)::bigint AS total \
                     FROM sample AS part, unnest(part.buckets) WITH ORDINALITY AS bucket (count, place) \
                     WHERE part.probe_id = whole.probe_id AND part.span = $1 \
                       AND part.at >= whole.at AND part.at < whole.at + ('1 ' || $2)::interval \
                     GROUP BY place) AS totals), \
                bool_or(demo) \
         FROM (SELECT probe_id, date_trunc($2, at, 'UTC') AS at, good, failed, unknown, demo FROM sample \
               WHERE span = $1 AND at >= date_trunc($2, $3::timestamptz, 'UTC') \
                 AND at < date_trunc($2, $4::timestamptz, 'UTC')) AS whole \
         GROUP BY probe_id, at \
         ON CONFLICT (probe_id, span, at) DO UPDATE SET good = excluded.good, failed = excluded.failed, \
             unknown = excluded.unknown, buckets = excluded.buckets, demo = excluded.demo \
             WHERE excluded.at >= $5",
    )
    .bind::<Text, _>(from.as_str())
    .bind::<Text, _>(into.as_str())
    .bind::<Timestamptz, _>(start)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - from.kept())
    .execute(conn)?;
    Ok(())
}

/// Drops what is older than it is kept. Returns how many rows went.
pub fn prune(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize> {
    let mut gone = 0;
    for span in Span::ALL {
        gone += diesel::delete(sample::table)
            .filter(sample::span.eq(span.as_str()))
            .filter(sample::at.lt(now - span.kept()))
            .execute(conn)?;
    }
    gone += diesel::delete(probe_run::table)
        .filter(probe_run::at.lt(now - Span::Minute.kept()))
        .execute(conn)?;
    gone += diesel::delete(probe_change::table)
        .filter(probe_change::at.lt(now - Span::Day.kept()))
        .execute(conn)?;
    Ok(gone)
}
