//! Sources, how far their files have been read, and what they said.

pub mod found;
pub mod past;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::line::Line;
use crate::features::packs::pack::{ItemId, LinesOf, LogSource};
use crate::features::packs::severity::Severity;
use crate::features::packs::store::Item;
use crate::foundation::db::schema::{log_count, log_delivery, log_file, log_line, log_source};
use crate::foundation::db::{Conn, Result};

/// Rows that go into one statement.
const ROWS_AT_ONCE: usize = 1_000;

/// How far a line's own time may lie ahead of ours.
const AHEAD_AT_MOST: TimeDelta = TimeDelta::minutes(5);

/// Lines of one source that are kept in a day. What comes beyond is counted; warnings and errors are kept up to twice as
/// many.
pub const LINES_A_DAY: i64 = 1_000_000;

/// How a source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub looked_at: Option<DateTime<Utc>>,
    /// The pattern that was looked for then.
    pub files: Option<String>,
    pub error: Option<String>,
    pub heard_at: Option<DateTime<Utc>>,
}

/// A file as far as it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub device: i64,
    pub inode: i64,
    pub path: String,
    pub read_bytes: i64,
    pub head: Vec<u8>,
    pub head_bytes: i64,
}

pub fn enrol(conn: &mut Conn, sources: &[ItemId]) -> Result<()> {
    let rows: Vec<_> = sources
        .iter()
        .map(|id| log_source::id.eq(id.uuid()))
        .collect();
    diesel::insert_into(log_source::table)
        .values(rows)
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

/// Takes a source's files in hand until then, unless somebody else has them. The token says whose turn it is.
pub fn claim(
    conn: &mut Conn,
    source: ItemId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let free = log_source::claimed_until
        .is_null()
        .or(log_source::claimed_until.le(now));
    let token = Uuid::now_v7();
    let taken = diesel::update(log_source::table.find(source.uuid()))
        .filter(free.assume_not_null())
        .set((
            log_source::claim.eq(token),
            log_source::claimed_until.eq(until),
        ))
        .execute(conn)?;
    Ok((taken == 1).then_some(token))
}

/// How a look at a log's files came out.
#[derive(Clone, Copy, Debug)]
pub struct Look<'l> {
    /// The pattern that was looked for, and when, where anything could be seen.
    pub seen: Option<(&'l str, DateTime<Utc>)>,
    pub trouble: Option<&'l str>,
}

/// Ends a turn. False where the turn was over before: somebody else reads now.
pub fn release(conn: &mut Conn, source: ItemId, token: Uuid, look: Look<'_>) -> Result<bool> {
    let ours =
        diesel::update(log_source::table.find(source.uuid())).filter(log_source::claim.eq(token));
    let free = (
        log_source::claim.eq(None::<Uuid>),
        log_source::claimed_until.eq(None::<DateTime<Utc>>),
    );
    let seen = look.seen.map(|(pattern, at)| {
        (
            log_source::looked_at.eq(at),
            log_source::files.eq(pattern.to_owned()),
        )
    });
    let released = ours
        .set((free, log_source::error.eq(look.trouble), seen))
        .execute(conn)?;
    Ok(released == 1)
}

pub fn heard(conn: &mut Conn, source: ItemId, now: DateTime<Utc>) -> Result<()> {
    diesel::update(log_source::table.find(source.uuid()))
        .set(log_source::heard_at.eq(now))
        .execute(conn)?;
    Ok(())
}

pub fn states(conn: &mut Conn) -> Result<HashMap<ItemId, State>> {
    type Row = (
        Uuid,
        Option<DateTime<Utc>>,
        Option<String>,
        Option<String>,
        Option<DateTime<Utc>>,
    );
    let rows: Vec<Row> = log_source::table
        .select((
            log_source::id,
            log_source::looked_at,
            log_source::files,
            log_source::error,
            log_source::heard_at,
        ))
        .load(conn)?;
    let each = rows
        .into_iter()
        .map(|(id, looked_at, files, error, heard_at)| {
            let state = State {
                looked_at,
                files,
                error,
                heard_at,
            };
            (id.into(), state)
        });
    Ok(each.collect())
}

pub fn positions(conn: &mut Conn, source: ItemId) -> Result<Vec<Position>> {
    type Row = (i64, i64, String, i64, Vec<u8>, i64);
    let rows: Vec<Row> = log_file::table
        .filter(log_file::source_id.eq(source.uuid()))
        .select((
            log_file::device,
            log_file::inode,
            log_file::path,
            log_file::read_bytes,
            log_file::head,
            log_file::head_bytes,
        ))
        .load(conn)?;
    let each =
        rows.into_iter().map(
            |(device, inode, path, read_bytes, head, head_bytes)| Position {
                device,
                inode,
                path,
                read_bytes,
                head,
                head_bytes,
            },
        );
    Ok(each.collect())
}

pub fn save_position(
    conn: &mut Conn,
    source: ItemId,
    position: &Position,
    now: DateTime<Utc>,
) -> Result<()> {
    let news = (
        log_file::path.eq(&position.path),
        log_file::read_bytes.eq(position.read_bytes),
        log_file::head.eq(&position.head),
        log_file::head_bytes.eq(position.head_bytes),
        log_file::seen_at.eq(now),
    );
    diesel::insert_into(log_file::table)
        .values((
            log_file::source_id.eq(source.uuid()),
            log_file::device.eq(position.device),
            log_file::inode.eq(position.inode),
            news,
        ))
        .on_conflict((log_file::source_id, log_file::device, log_file::inode))
        .do_update()
        .set(news)
        .execute(conn)?;
    Ok(())
}

/// Forgets a file that is gone.
pub fn forget(conn: &mut Conn, source: ItemId, gone: &Position) -> Result<()> {
    diesel::delete(log_file::table.find((source.uuid(), gone.device, gone.inode))).execute(conn)?;
    Ok(())
}

/// When a line counts as written: when it says, unless that is ahead of the clock or older than what is kept.
fn moment(line: &Line, spec: &LogSource, now: DateTime<Utc>) -> DateTime<Utc> {
    let kept = now - spec.keep.delta()..=now + AHEAD_AT_MOST;
    line.at.filter(|at| kept.contains(at)).unwrap_or(now)
}

/// Counts lines, and keeps as many as a day has room for.
pub fn keep(
    conn: &mut Conn,
    source: &Item<LogSource>,
    lines: &[Line],
    now: DateTime<Utc>,
) -> Result<()> {
    let mut room = LINES_A_DAY - counted_since(conn, source.id, now - TimeDelta::days(1))?;
    let mut counts: BTreeMap<(DateTime<Utc>, i16, &str, &str), i64> = BTreeMap::new();
    let mut kept = Vec::new();
    for line in lines {
        let at = moment(line, &source.spec, now);
        let minute = at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at);
        let component = match line.component.as_str() {
            "" => source.spec.component.as_str(),
            named => named,
        };
        let level = line.severity.number();
        *counts
            .entry((minute, level, component, line.code.as_str()))
            .or_default() += 1;
        room -= 1;
        if room < 0 && (line.severity < Severity::Warn || room < -LINES_A_DAY) {
            continue;
        }
        kept.push((
            log_line::source_id.eq(source.id.uuid()),
            log_line::platform_id.eq(source.platform.uuid()),
            log_line::at.eq(at),
            log_line::level.eq(level),
            log_line::component.eq(component.to_owned()),
            log_line::code.eq(line.code.clone()),
            log_line::message.eq(line.message.clone()),
            log_line::latency_ms.eq(line.latency_ms),
            log_line::fields.eq(serde_json::Value::Object(line.fields.clone())),
        ));
    }
    for rows in kept.chunks(ROWS_AT_ONCE) {
        diesel::insert_into(log_line::table)
            .values(rows)
            .execute(conn)?;
    }
    count(conn, source.id, &counts)?;
    heard(conn, source.id, now)
}

/// Adds to the counts, in the order of their keys, so that two who count cannot wait for each other.
fn count(
    conn: &mut Conn,
    source: ItemId,
    counts: &BTreeMap<(DateTime<Utc>, i16, &str, &str), i64>,
) -> Result<()> {
    let column = |pick: fn(&(DateTime<Utc>, i16, &str, &str)) -> String| {
        counts.keys().map(pick).collect::<Vec<_>>()
    };
    let minutes: Vec<DateTime<Utc>> = counts.keys().map(|key| key.0).collect();
    let levels: Vec<i16> = counts.keys().map(|key| key.1).collect();
    let lines: Vec<i64> = counts.values().copied().collect();
    diesel::sql_query(
        "INSERT INTO log_count (source_id, minute, level, component, code, lines) \
         SELECT $1, * FROM unnest($2, $3, $4, $5, $6) \
         ON CONFLICT (source_id, minute, level, component, code) \
             DO UPDATE SET lines = log_count.lines + excluded.lines",
    )
    .bind::<SqlUuid, _>(source.uuid())
    .bind::<Array<Timestamptz>, _>(minutes)
    .bind::<Array<SmallInt>, _>(levels)
    .bind::<Array<Text>, _>(column(|key| key.2.to_owned()))
    .bind::<Array<Text>, _>(column(|key| key.3.to_owned()))
    .bind::<Array<BigInt>, _>(lines)
    .execute(conn)?;
    Ok(())
}

fn total(sum: Option<bigdecimal::BigDecimal>) -> i64 {
    use bigdecimal::ToPrimitive;
    sum.and_then(|sum| sum.to_i64()).unwrap_or(0)
}

fn counted_since(conn: &mut Conn, source: ItemId, from: DateTime<Utc>) -> Result<i64> {
    let sum = log_count::table
        .filter(log_count::source_id.eq(source.uuid()))
        .filter(log_count::minute.ge(from))
        .select(diesel::dsl::sum(log_count::lines))
        .first(conn)?;
    Ok(total(sum))
}

/// How many lines of level error or worse came in a time that is over; nothing where none of these logs was ever heard.
pub fn lines_between(
    conn: &mut Conn,
    sources: &[ItemId],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Option<i64>> {
    let ids: Vec<Uuid> = sources.iter().map(|id| id.uuid()).collect();
    let heard: i64 = log_source::table
        .filter(log_source::id.eq_any(&ids))
        .filter(log_source::heard_at.is_not_null())
        .count()
        .get_result(conn)?;
    if heard == 0 {
        return Ok(None);
    }
    let query = log_count::table
        .filter(log_count::source_id.eq_any(&ids))
        .filter(log_count::minute.ge(from))
        .filter(log_count::minute.lt(to))
        .filter(log_count::level.ge(Severity::Error.number()))
        .select(diesel::dsl::sum(log_count::lines));
    Ok(Some(total(query.first(conn)?)))
}

/// How many lines a rule counts, by whole minutes.
pub fn counted(conn: &mut Conn, source: ItemId, of: &LinesOf, now: DateTime<Utc>) -> Result<i64> {
    let mut query = log_count::table
        .filter(log_count::source_id.eq(source.uuid()))
        // The minute in which the time begins belongs to it: rather one line too many than one too few.
        .filter(log_count::minute.gt(now - of.within.delta() - TimeDelta::minutes(1)))
        .filter(log_count::level.ge(of.level.number()))
        .select(diesel::dsl::sum(log_count::lines))
        .into_boxed();
    if let Some(component) = &of.component {
        query = query.filter(log_count::component.eq(component));
    }
    if let Some(code) = &of.code {
        query = query.filter(log_count::code.eq(code));
    }
    Ok(total(query.first(conn)?))
}

/// What became of a delivery that has a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivered {
    New,
    /// The same came before, with so many lines.
    Before(i64),
    /// The name came before, with something else.
    Other,
}

/// Notes a delivery under its name. Whoever brings the same at the same time waits here for the first.
pub fn deliver(
    conn: &mut Conn,
    token: &[u8],
    digest: &[u8],
    lines: i64,
    now: DateTime<Utc>,
) -> Result<Delivered> {
    let new = diesel::insert_into(log_delivery::table)
        .values((
            log_delivery::token.eq(token),
            log_delivery::digest.eq(digest),
            log_delivery::lines.eq(lines),
            log_delivery::at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    if new == 1 {
        return Ok(Delivered::New);
    }
    let (known, lines): (Vec<u8>, i64) = log_delivery::table
        .find(token)
        .select((log_delivery::digest, log_delivery::lines))
        .first(conn)?;
    Ok(if known == digest {
        Delivered::Before(lines)
    } else {
        Delivered::Other
    })
}

/// How long the name of a delivery is remembered.
const DELIVERIES_KEPT: TimeDelta = TimeDelta::days(2);

/// How long the lines of a log are kept of which nobody can read any more how long.
const UNREAD_KEPT: TimeDelta = TimeDelta::days(30);

/// Removes lines, counts and names of deliveries whose time is over. Returns how many lines went.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, at_most: i64) -> Result<usize> {
    diesel::delete(log_delivery::table)
        .filter(log_delivery::at.lt(now - DELIVERIES_KEPT))
        .execute(conn)?;
    let mut gone = 0;
    for (source, kept) in kept_for(conn)? {
        let before = now - kept;
        diesel::delete(log_count::table)
            .filter(log_count::source_id.eq(source))
            .filter(log_count::minute.lt(before))
            .execute(conn)?;
        gone += diesel::sql_query(
            "DELETE FROM log_line WHERE id IN ( \
                 SELECT id FROM log_line WHERE source_id = $1 AND at < $2 ORDER BY at, id LIMIT $3)",
        )
        .bind::<SqlUuid, _>(source)
        .bind::<Timestamptz, _>(before)
        .bind::<BigInt, _>(at_most)
        .execute(conn)?;
    }
    Ok(gone)
}

/// How long the lines of each log are kept: as its pack says, or said last.
fn kept_for(conn: &mut Conn) -> Result<Vec<(Uuid, TimeDelta)>> {
    use crate::features::packs::store as packs;
    let known: Vec<Uuid> = log_source::table.select(log_source::id).load(conn)?;
    let each = known.into_iter().map(|id| {
        let kept = packs::item::<LogSource>(conn, id.into());
        (id, kept.map_or(UNREAD_KEPT, |item| item.spec.keep.delta()))
    });
    Ok(each.collect())
}
