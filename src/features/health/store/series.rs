//! Scraped series: taking them down, reading them for rules and pages, rolling them up, dropping what is old.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::features::health::exposition::{KEPT_AT_MOST, Value};
use crate::features::health::series::{Point, Series};
use crate::features::packs::pack::{ItemId, Selector};
use crate::foundation::db::schema::{series, series_point, series_step};
use crate::foundation::db::{Conn, Result};

/// Each value, for a little longer than the longest window.
const POINTS_KEPT: TimeDelta = TimeDelta::hours(26);
/// Steps of five minutes: whoever goes through the last 30 days needs the longest window before them, that of a burn rate.
pub const STEPS_KEPT: TimeDelta = TimeDelta::days(34);

/// Series that a scrape may have known in that time, gone ones among them: an exporter that gives its series new labels
/// all the time is not let fill the disk.
const KNOWN_AT_MOST: usize = 10 * KEPT_AT_MOST;

/// How many series are pruned by one statement.
const AT_ONCE: i64 = 500;

/// Takes down what a scrape brought. Returns how many series were too many to be known.
pub fn record(
    conn: &mut Conn,
    scrape: ItemId,
    at: DateTime<Utc>,
    values: &[Value],
) -> Result<usize> {
    if values.is_empty() {
        return Ok(0);
    }
    let mut known = known(conn, scrape)?;
    let key = |value: &Value| (value.name.clone(), json(&value.labels).to_string());
    let mut new: Vec<&Value> = values
        .iter()
        .filter(|value| !known.contains_key(&key(value)))
        .collect();
    let room = KNOWN_AT_MOST.saturating_sub(known.len());
    let refused = new.len().saturating_sub(room);
    new.truncate(room);
    if !new.is_empty() {
        insert_series(conn, scrape, &new)?;
        known = self::known(conn, scrape)?;
    }
    let found = values
        .iter()
        .filter_map(|value| Some((*known.get(&key(value))?, value.value)));
    let (ids, values): (Vec<i64>, Vec<f64>) = found.unzip();
    diesel::sql_query(
        "INSERT INTO series_point (series_id, at, value) SELECT id, $2, value FROM unnest($1, $3) AS new (id, value) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Timestamptz, _>(at)
    .bind::<Array<Double>, _>(values)
    .execute(conn)?;
    Ok(refused)
}

/// The series of a scrape that were ever seen, by name and labels.
fn known(conn: &mut Conn, scrape: ItemId) -> Result<HashMap<(String, String), i64>> {
    let rows: Vec<(i64, String, Json)> = series::table
        .filter(series::scrape_id.eq(scrape.uuid()))
        .select((series::id, series::name, series::labels))
        .load(conn)?;
    let keyed = |(id, name, labels): (i64, String, Json)| ((name, labels.to_string()), id);
    Ok(rows.into_iter().map(keyed).collect())
}

fn json(labels: &BTreeMap<String, String>) -> Json {
    let text = |(name, value): (&String, &String)| (name.clone(), plain(value).into());
    Json::Object(labels.iter().map(text).collect())
}

/// The database's text has no NUL, and nobody means one.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn insert_series(conn: &mut Conn, scrape: ItemId, new: &[&Value]) -> Result<()> {
    let rows: Vec<_> = new
        .iter()
        .map(|value| {
            (
                series::scrape_id.eq(scrape.uuid()),
                series::name.eq(&value.name),
                series::labels.eq(json(&value.labels)),
            )
        })
        .collect();
    diesel::insert_into(series::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

/// Series that somebody wants to read, back to a moment.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub scrape: ItemId,
    pub name: String,
    /// Those that any of these select by their labels.
    pub select: Vec<Selector>,
    pub since: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    scrape_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Jsonb)]
    labels: Json,
}

#[derive(QueryableByName)]
struct Points {
    #[diesel(sql_type = BigInt)]
    series_id: i64,
    #[diesel(sql_type = Array<Timestamptz>)]
    at: Vec<DateTime<Utc>>,
    #[diesel(sql_type = Array<Double>)]
    value: Vec<f64>,
}

/// What is wanted, by the scrape that brought it. A series without a value in its time is left out.
pub fn read(
    conn: &mut Conn,
    wanted: &[Wanted],
    now: DateTime<Utc>,
) -> Result<HashMap<ItemId, Vec<Series>>> {
    let mut found: HashMap<ItemId, Vec<Series>> = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let mut asked: HashMap<(ItemId, &str), Vec<&Wanted>> = HashMap::new();
    for one in wanted {
        let of = asked.entry((one.scrape, &one.name)).or_default();
        of.push(one);
    }
    let mut open: HashMap<i64, (ItemId, Series)> = HashMap::new();
    let (mut ids, mut since) = (Vec::new(), Vec::new());
    for row in named(conn, asked.keys())? {
        let scrape = ItemId::from(row.scrape_id);
        let labels = serde_json::from_value(row.labels).unwrap_or_default();
        let of = asked.get(&(scrape, row.name.as_str()));
        let reach = of
            .into_iter()
            .flatten()
            .filter(|one| one.select.iter().any(|it| it.fits(&labels)))
            .map(|one| one.since)
            .min();
        let Some(reach) = reach else { continue };
        ids.push(row.id);
        since.push(reach);
        let series = Series {
            name: row.name,
            labels,
            points: Vec::new(),
        };
        open.insert(row.id, (scrape, series));
    }
    for points in points(conn, ids, since, now)? {
        let Some((scrape, mut series)) = open.remove(&points.series_id) else {
            continue;
        };
        let point = |(at, value): (DateTime<Utc>, f64)| Point {
            at_ms: at.timestamp_millis(),
            value,
        };
        series.points = points.at.into_iter().zip(points.value).map(point).collect();
        found.entry(scrape).or_default().push(series);
    }
    Ok(found)
}

fn named<'w>(
    conn: &mut Conn,
    asked: impl Iterator<Item = &'w (ItemId, &'w str)>,
) -> Result<Vec<Named>> {
    let (scrapes, names): (Vec<Uuid>, Vec<&str>) =
        asked.map(|(scrape, name)| (scrape.uuid(), *name)).unzip();
    Ok(diesel::sql_query(
        "SELECT series.id, scrape_id, name, labels FROM series \
         JOIN unnest($1, $2) AS asked (scrape, metric) ON scrape_id = asked.scrape AND name = asked.metric",
    )
    .bind::<Array<SqlUuid>, _>(scrapes)
    .bind::<Array<Text>, _>(names)
    .load(conn)?)
}

fn points(
    conn: &mut Conn,
    ids: Vec<i64>,
    since: Vec<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<Points>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(diesel::sql_query(
        "SELECT series_id, array_agg(at ORDER BY at) AS at, array_agg(value ORDER BY at) AS value \
         FROM unnest($1, $2) AS asked (id, since) \
         JOIN series_point ON series_id = asked.id AND at >= asked.since AND at <= $3 \
         GROUP BY series_id ORDER BY series_id",
    )
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Timestamptz>, _>(since)
    .bind::<Timestamptz, _>(now)
    .load(conn)?)
}

/// Recomputes the last steps and sums up those that have ended since. A value belongs to the step that it was
/// scraped in, with what it grew by since the one before. Running it twice changes nothing.
pub fn roll_up(conn: &mut Conn, now: DateTime<Utc>) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO series_step (series_id, at, points, increase, low, high, last) \
         SELECT series_id, step, count(*), \
                sum(CASE WHEN before IS NULL THEN 0 WHEN value < before THEN value ELSE value - before END), \
                min(value), max(value), (array_agg(value ORDER BY at DESC))[1] \
         FROM (SELECT series_id, at, value, lag(value) OVER (PARTITION BY series_id ORDER BY at) AS before, \
                      date_bin('5 minutes', at, 'epoch') AS step \
               FROM series_point WHERE at >= $1 - interval '1 hour' AND at <= $2) AS grown \
         WHERE at >= $1 \
         GROUP BY series_id, step \
         ON CONFLICT (series_id, at) DO UPDATE SET points = excluded.points, increase = excluded.increase, \
             low = excluded.low, high = excluded.high, last = excluded.last",
    )
    .bind::<Timestamptz, _>(summed_until(conn, now)?)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}

/// The step that was last begun, or as far back as values are kept whole.
fn summed_until(conn: &mut Conn, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    #[derive(QueryableByName)]
    struct Last {
        #[diesel(sql_type = diesel::sql_types::Nullable<Timestamptz>)]
        at: Option<DateTime<Utc>>,
    }
    let last: Last = diesel::sql_query("SELECT max(at) AS at FROM series_step").get_result(conn)?;
    let oldest = now - POINTS_KEPT + TimeDelta::hours(2);
    Ok(last.at.map_or(oldest, |at| at.max(oldest)))
}

/// Drops what is older than it is kept, and series of which nothing is left. Returns how many rows went.
pub fn prune(conn: &mut Conn, now: DateTime<Utc>) -> Result<usize> {
    let mut gone = 0;
    let mut after = 0;
    loop {
        let ids: Vec<i64> = series::table
            .filter(series::id.gt(after))
            .order(series::id)
            .limit(AT_ONCE)
            .select(series::id)
            .load(conn)?;
        let Some(last) = ids.last() else {
            return Ok(gone);
        };
        after = *last;
        gone += prune_some(conn, &ids, now)?;
    }
}

fn prune_some(conn: &mut Conn, ids: &[i64], now: DateTime<Utc>) -> Result<usize> {
    let points = series_point::table
        .filter(series_point::series_id.eq_any(ids))
        .filter(series_point::at.lt(now - POINTS_KEPT));
    let steps = series_step::table
        .filter(series_step::series_id.eq_any(ids))
        .filter(series_step::at.lt(now - STEPS_KEPT));
    let mut gone = diesel::delete(points).execute(conn)? + diesel::delete(steps).execute(conn)?;
    gone += diesel::sql_query(
        "DELETE FROM series WHERE id = ANY ($1) \
           AND NOT EXISTS (SELECT FROM series_point WHERE series_id = id) \
           AND NOT EXISTS (SELECT FROM series_step WHERE series_id = id)",
    )
    .bind::<Array<BigInt>, _>(ids)
    .execute(conn)?;
    Ok(gone)
}
