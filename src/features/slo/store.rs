//! Settled spans of time as rows, and sums over them.

pub mod months;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Nullable, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::features::health::slice::Tally;
use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::slo_span;
use crate::foundation::db::{Conn, Result};

/// How long quarters are kept: longer than a month, which is summed up by the day.
pub const QUARTERS_KEPT: TimeDelta = TimeDelta::days(40);
const DAYS_KEPT: TimeDelta = TimeDelta::days(7 * 366);

const QUARTER: &str = "quarter";
const DAY: &str = "day";

/// What was counted between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub tally: Tally,
}

/// A target, and the share that it promises now: what is settled keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Promised {
    pub slo: ItemId,
    pub share: f64,
}

/// Writes spans down; one that is there already stays as it is.
fn insert(conn: &mut Conn, of: Promised, span: &str, spans: &[Spent]) -> Result<usize> {
    const AT_ONCE: usize = 500;
    let mut inserted = 0;
    for some in spans.chunks(AT_ONCE) {
        let rows: Vec<_> = some
            .iter()
            .map(|it| {
                (
                    slo_span::slo_id.eq(of.slo.uuid()),
                    slo_span::span.eq(span),
                    slo_span::at.eq(it.at),
                    slo_span::until.eq(it.until),
                    slo_span::good.eq(it.tally.good),
                    slo_span::bad.eq(it.tally.bad),
                    slo_span::good_ms.eq(it.tally.good_ms),
                    slo_span::bad_ms.eq(it.tally.bad_ms),
                    slo_span::unknown_ms.eq(it.tally.unknown_ms),
                    slo_span::planned_ms.eq(it.tally.planned_ms),
                    slo_span::demo.eq(it.tally.demo),
                    slo_span::target.eq(of.share),
                )
            })
            .collect();
        inserted += diesel::insert_into(slo_span::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(conn)?;
    }
    Ok(inserted)
}

pub fn insert_quarters(conn: &mut Conn, of: Promised, spans: &[Spent]) -> Result<usize> {
    insert(conn, of, QUARTER, spans)
}

/// Days that are there as such; of the demo.
pub fn insert_days(conn: &mut Conn, of: Promised, spans: &[Spent]) -> Result<usize> {
    insert(conn, of, DAY, spans)
}

/// How far a target is settled.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Settled {
    #[diesel(sql_type = SqlUuid)]
    slo_id: Uuid,
    /// The first quarter that is kept.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub first: Option<DateTime<Utc>>,
    /// The end of the last quarter.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub until: Option<DateTime<Utc>>,
    /// The end of the last day that is summed up.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub days_until: Option<DateTime<Utc>>,
    /// When the oldest day begins.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest: Option<DateTime<Utc>>,
}

pub fn settled(conn: &mut Conn, slos: &[ItemId]) -> Result<HashMap<ItemId, Settled>> {
    let ids: Vec<Uuid> = slos.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Settled> = diesel::sql_query(
        "SELECT id AS slo_id, \
            (SELECT min(at) FROM slo_span WHERE slo_id = id AND span = 'quarter') AS first, \
            (SELECT until FROM slo_span WHERE slo_id = id AND span = 'quarter' ORDER BY at DESC LIMIT 1) AS until, \
            (SELECT until FROM slo_span WHERE slo_id = id AND span = 'day' ORDER BY at DESC LIMIT 1) AS days_until, \
            (SELECT min(at) FROM slo_span WHERE slo_id = id AND span = 'day') AS oldest \
         FROM unnest($1) AS asked (id)",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)?;
    let keyed = |row: Settled| (ItemId::from(row.slo_id), row);
    Ok(rows.into_iter().map(keyed).collect())
}

/// What was promised over some spans: what each promised, by how long it lasted.
macro_rules! promised {
    () => {
        "CASE WHEN min(target) = max(target) THEN min(target) \
              ELSE (sum(target * extract(epoch FROM until - at)) \
                    / sum(extract(epoch FROM until - at)) FILTER (WHERE target IS NOT NULL))::float8 END"
    };
}

/// Sums up a day from its quarters. False where it has none, or was summed up before.
pub fn sum_up_day(
    conn: &mut Conn,
    slo: ItemId,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
) -> Result<bool> {
    const SUM_UP: &str = concat!(
        "INSERT INTO slo_span (slo_id, span, at, until, good, bad, good_ms, bad_ms, unknown_ms, planned_ms, demo, \
                               target) \
         SELECT slo_id, 'day', $2, $3, sum(good)::bigint, sum(bad)::bigint, sum(good_ms)::bigint, \
                sum(bad_ms)::bigint, sum(unknown_ms)::bigint, sum(planned_ms)::bigint, bool_or(demo), ",
        promised!(),
        " FROM slo_span WHERE slo_id = $1 AND span = 'quarter' AND at >= $2 AND at < $3 GROUP BY slo_id \
         ON CONFLICT DO NOTHING"
    );
    let inserted = diesel::sql_query(SUM_UP)
        .bind::<SqlUuid, _>(slo.uuid())
        .bind::<Timestamptz, _>(begins)
        .bind::<Timestamptz, _>(ends)
        .execute(conn)?;
    Ok(inserted == 1)
}

/// A target whose spans are to be added up, from `from` on; `day` is the first midnight after it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub slo: ItemId,
    pub from: DateTime<Utc>,
    pub day: DateTime<Utc>,
}

/// What a target's spans add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    pub tally: Tally,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// How many spans were added up.
    pub spans: i64,
}

/// The shares that were promised at some time, the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promises {
    /// All of them, each by how long it was in force.
    pub share: f64,
    pub least: f64,
    pub most: f64,
}

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = SqlUuid)]
    slo_id: Uuid,
    #[diesel(sql_type = BigInt)]
    good: i64,
    #[diesel(sql_type = BigInt)]
    bad: i64,
    #[diesel(sql_type = BigInt)]
    good_ms: i64,
    #[diesel(sql_type = BigInt)]
    bad_ms: i64,
    #[diesel(sql_type = BigInt)]
    unknown_ms: i64,
    #[diesel(sql_type = BigInt)]
    planned_ms: i64,
    #[diesel(sql_type = Bool)]
    demo: bool,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    until: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    spans: i64,
}

impl From<SumRow> for (ItemId, Sum) {
    fn from(row: SumRow) -> Self {
        let tally = Tally {
            good: row.good,
            bad: row.bad,
            good_ms: row.good_ms,
            bad_ms: row.bad_ms,
            unknown_ms: row.unknown_ms,
            planned_ms: row.planned_ms,
            demo: row.demo,
        };
        let sum = Sum {
            tally,
            from: row.at,
            until: row.until,
            spans: row.spans,
        };
        (row.slo_id.into(), sum)
    }
}

/// What both sums ask for.
macro_rules! sums_over {
    ($of:literal) => {
        concat!(
            "SELECT slo_id, sum(good)::bigint AS good, sum(bad)::bigint AS bad, sum(good_ms)::bigint AS good_ms, \
                    sum(bad_ms)::bigint AS bad_ms, sum(unknown_ms)::bigint AS unknown_ms, \
                    sum(planned_ms)::bigint AS planned_ms, bool_or(demo) AS demo, min(at) AS at, \
                    max(until) AS until, count(*) AS spans FROM ",
            $of,
            " GROUP BY slo_id"
        )
    };
}

const SINCE: &str = sums_over!(
    "unnest($1, $2, $3) AS asked (id, since, day) \
     CROSS JOIN LATERAL (SELECT coalesce((SELECT until FROM slo_span \
         WHERE slo_id = asked.id AND span = 'day' AND at >= asked.day ORDER BY at DESC LIMIT 1), asked.day) \
         AS summed) AS last \
     CROSS JOIN LATERAL (\
         SELECT * FROM slo_span WHERE slo_id = asked.id AND span = 'day' AND at >= asked.day \
         UNION ALL SELECT * FROM slo_span WHERE slo_id = asked.id AND span = 'quarter' \
             AND at >= asked.since AND at < asked.day \
         UNION ALL SELECT * FROM slo_span WHERE slo_id = asked.id AND span = 'quarter' \
             AND at >= last.summed) AS span"
);

const WHOLE_DAYS: &str =
    sums_over!("slo_span WHERE slo_id = ANY ($1) AND span = 'day' AND at >= $2 AND until <= $3");

/// Everything since each one's `from`: whole days, and the quarters before the first and after the last of them.
pub fn since(conn: &mut Conn, asked: &[Asked]) -> Result<HashMap<ItemId, Sum>> {
    let ids: Vec<Uuid> = asked.iter().map(|it| it.slo.uuid()).collect();
    let from: Vec<DateTime<Utc>> = asked.iter().map(|it| it.from).collect();
    let day: Vec<DateTime<Utc>> = asked.iter().map(|it| it.day).collect();
    let rows: Vec<SumRow> = diesel::sql_query(SINCE)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Timestamptz>, _>(from)
        .bind::<Array<Timestamptz>, _>(day)
        .load(conn)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The days of these targets that lie wholly between two moments, added up.
pub fn whole_days(
    conn: &mut Conn,
    slos: &[ItemId],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<HashMap<ItemId, Sum>> {
    let ids: Vec<Uuid> = slos.iter().map(|id| id.uuid()).collect();
    let rows: Vec<SumRow> = diesel::sql_query(WHOLE_DAYS)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(until)
        .load(conn)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// What these targets promised between two moments, those of which it is known. A day of which the quarters are kept is
/// no more than what they say.
pub fn promises(
    conn: &mut Conn,
    slos: &[ItemId],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<HashMap<ItemId, Promises>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        slo_id: Uuid,
        #[diesel(sql_type = Double)]
        share: f64,
        #[diesel(sql_type = Double)]
        least: f64,
        #[diesel(sql_type = Double)]
        most: f64,
    }
    const PROMISES: &str = concat!(
        "SELECT slo_id, share, least, most FROM (\
             SELECT slo_id, ",
        promised!(),
        " AS share FROM slo_span WHERE slo_id = ANY ($1) AND span = 'day' AND at >= $2 AND until <= $3 \
             AND target IS NOT NULL GROUP BY slo_id) AS days \
         JOIN (SELECT slo_id, min(target) AS least, max(target) AS most FROM slo_span \
               WHERE slo_id = ANY ($1) AND at >= $2 AND until <= $3 AND target IS NOT NULL GROUP BY slo_id) AS ever \
             USING (slo_id)"
    );
    let ids: Vec<Uuid> = slos.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = diesel::sql_query(PROMISES)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(until)
        .load(conn)?;
    let keyed = |row: Row| {
        let Row {
            share, least, most, ..
        } = row;
        (row.slo_id.into(), Promises { share, least, most })
    };
    Ok(rows.into_iter().map(keyed).collect())
}

/// Each day since `from` by itself, oldest first.
pub fn each_day(
    conn: &mut Conn,
    slos: &[ItemId],
    from: DateTime<Utc>,
) -> Result<HashMap<ItemId, Vec<Spent>>> {
    type Row = (
        Uuid,
        DateTime<Utc>,
        DateTime<Utc>,
        (i64, i64, i64, i64, i64, i64, bool),
    );
    let ids: Vec<Uuid> = slos.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = slo_span::table
        .filter(slo_span::slo_id.eq_any(ids))
        .filter(slo_span::span.eq(DAY))
        .filter(slo_span::at.ge(from))
        .order(slo_span::at)
        .select((
            slo_span::slo_id,
            slo_span::at,
            slo_span::until,
            (
                slo_span::good,
                slo_span::bad,
                slo_span::good_ms,
                slo_span::bad_ms,
                slo_span::unknown_ms,
                slo_span::planned_ms,
                slo_span::demo,
            ),
        ))
        .load(conn)?;
    let mut found: HashMap<ItemId, Vec<Spent>> = HashMap::new();
    for (slo, at, until, (good, bad, good_ms, bad_ms, unknown_ms, planned_ms, demo)) in rows {
        let tally = Tally {
            good,
            bad,
            good_ms,
            bad_ms,
            unknown_ms,
            planned_ms,
            demo,
        };
        let days = found.entry(slo.into()).or_default();
        days.push(Spent { at, until, tally });
    }
    Ok(found)
}

/// Drops what is older than it is kept, a part at a time. Returns how many rows went.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, at_most: i64) -> Result<usize> {
    let mut gone = 0;
    for (span, kept) in [(QUARTER, QUARTERS_KEPT), (DAY, DAYS_KEPT)] {
        gone += diesel::sql_query(
            "DELETE FROM slo_span WHERE ctid = ANY (ARRAY(\
                 SELECT ctid FROM slo_span WHERE span = $1 AND at < $2 LIMIT $3))",
        )
        .bind::<diesel::sql_types::Text, _>(span)
        .bind::<Timestamptz, _>(now - kept)
        .bind::<BigInt, _>(at_most)
        .execute(conn)?;
    }
    Ok(gone)
}
