//! What came of heartbeats, and what turned them.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use uuid::Uuid;

use crate::features::heartbeats::heartbeat::{Signal, Turn};
use crate::features::heartbeats::ping::Ping;
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::{heartbeat_ping, heartbeat_turn};
use crate::foundation::db::{Conn, Result};

/// Pings of one heartbeat that are kept.
pub const KEPT: i64 = 100;

/// How long turns are kept. What turned and when stands in the audit log, too.
const TURNS_KEPT: TimeDelta = TimeDelta::days(400);

fn place(id: Uuid) -> String {
    format!("heartbeat_ping:body:{id}")
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Fail => "fail",
            Self::Exit(_) => "exit",
            Self::Log => "log",
        }
    }

    fn of(name: &str, exit_code: Option<i16>) -> Self {
        match name {
            "start" => Self::Start,
            "fail" => Self::Fail,
            "log" => Self::Log,
            "exit" => Self::Exit(
                exit_code
                    .and_then(|code| code.try_into().ok())
                    .unwrap_or(u8::MAX),
            ),
            _ => Self::Success,
        }
    }
}

pub fn insert(
    conn: &mut Conn,
    keyring: &Keyring,
    heartbeat: ItemId,
    at: DateTime<Utc>,
    ping: &Ping,
    took: Option<TimeDelta>,
) -> Result<()> {
    let id = Uuid::now_v7();
    let exit_code = match ping.signal {
        Signal::Exit(code) => Some(i16::from(code)),
        _ => None,
    };
    let body = (!ping.body.is_empty()).then(|| keyring.seal(&place(id), &ping.body));
    diesel::insert_into(heartbeat_ping::table)
        .values((
            heartbeat_ping::id.eq(id),
            heartbeat_ping::heartbeat_id.eq(heartbeat.uuid()),
            heartbeat_ping::at.eq(at),
            heartbeat_ping::kind.eq(ping.signal.name()),
            heartbeat_ping::exit_code.eq(exit_code),
            heartbeat_ping::run.eq(ping.run),
            heartbeat_ping::took_ms.eq(took.map(|took| took.num_milliseconds())),
            heartbeat_ping::method.eq(ping.method.as_str()),
            heartbeat_ping::source.eq(&ping.source),
            heartbeat_ping::agent.eq(&ping.agent),
            heartbeat_ping::body.eq(body),
            heartbeat_ping::cut.eq(ping.cut),
        ))
        .execute(conn)?;
    Ok(())
}

/// A ping as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub at: DateTime<Utc>,
    pub signal: Signal,
    pub run: Option<Uuid>,
    pub took: Option<TimeDelta>,
    pub method: String,
    pub source: String,
    pub agent: String,
    /// Nothing where none came, and where it does not open.
    pub body: Vec<u8>,
    pub cut: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = heartbeat_ping)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    kind: String,
    exit_code: Option<i16>,
    run: Option<Uuid>,
    took_ms: Option<i64>,
    method: String,
    source: String,
    agent: String,
    body: Option<Vec<u8>>,
    cut: bool,
}

/// The last pings of a heartbeat, newest first.
pub fn last(conn: &mut Conn, keyring: &Keyring, heartbeat: ItemId) -> Result<Vec<Kept>> {
    let rows: Vec<Row> = heartbeat_ping::table
        .filter(heartbeat_ping::heartbeat_id.eq(heartbeat.uuid()))
        .order((heartbeat_ping::at.desc(), heartbeat_ping::id.desc()))
        .limit(KEPT)
        .select(Row::as_select())
        .load(conn)?;
    let kept = |row: Row| {
        let body = row.body.map(|sealed| keyring.open(&place(row.id), &sealed));
        let body = body.transpose().unwrap_or_else(|error| {
            tracing::error!(ping = %row.id, %error, "what a job said does not open");
            None
        });
        Kept {
            at: row.at,
            signal: Signal::of(&row.kind, row.exit_code),
            run: row.run,
            took: row.took_ms.map(TimeDelta::milliseconds),
            method: row.method,
            source: row.source,
            agent: row.agent,
            body: body.unwrap_or_default(),
            cut: row.cut,
        }
    };
    Ok(rows.into_iter().map(kept).collect())
}

/// When which sign came, of the pings that are kept, oldest first; without what they said.
pub fn heard(
    conn: &mut Conn,
    heartbeat: ItemId,
) -> Result<Vec<(DateTime<Utc>, Signal, Option<Uuid>)>> {
    type Row = (DateTime<Utc>, String, Option<i16>, Option<Uuid>);
    let rows: Vec<Row> = heartbeat_ping::table
        .filter(heartbeat_ping::heartbeat_id.eq(heartbeat.uuid()))
        .order((heartbeat_ping::at.desc(), heartbeat_ping::id.desc()))
        .limit(KEPT)
        .select((
            heartbeat_ping::at,
            heartbeat_ping::kind,
            heartbeat_ping::exit_code,
            heartbeat_ping::run,
        ))
        .load(conn)?;
    let came = rows.into_iter().rev();
    let came = came.map(|(at, kind, code, run)| (at, Signal::of(&kind, code), run));
    Ok(came.collect())
}

/// A moment that turned a heartbeat, as it is kept.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = heartbeat_turn)]
pub struct Turned {
    pub heartbeat_id: Uuid,
    pub at: DateTime<Utc>,
    pub was: String,
    pub now: String,
    pub why: String,
}

/// Keeps a turn. Its event is recorded beside it.
pub fn insert_turn(
    tx: &mut Tx<'_>,
    heartbeat: ItemId,
    turn: &Turn,
    noticed_at: DateTime<Utc>,
) -> Result<()> {
    diesel::insert_into(heartbeat_turn::table)
        .values((
            heartbeat_turn::id.eq(Uuid::now_v7()),
            heartbeat_turn::heartbeat_id.eq(heartbeat.uuid()),
            heartbeat_turn::at.eq(turn.at),
            heartbeat_turn::noticed_at.eq(noticed_at.max(turn.at)),
            heartbeat_turn::was.eq(turn.was.as_str()),
            heartbeat_turn::now.eq(turn.now.as_str()),
            heartbeat_turn::why.eq(turn.why.as_str()),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// What turned a heartbeat since `from`, and the last turn before that, oldest first.
pub fn turns(conn: &mut Conn, heartbeat: ItemId, from: DateTime<Utc>) -> Result<Vec<Turned>> {
    const AT_MOST: i64 = 1_000;
    let of = || {
        heartbeat_turn::table
            .filter(heartbeat_turn::heartbeat_id.eq(heartbeat.uuid()))
            .order((heartbeat_turn::at.desc(), heartbeat_turn::id.desc()))
            .select(Turned::as_select())
    };
    let mut turns: Vec<Turned> = of()
        .filter(heartbeat_turn::at.ge(from))
        .limit(AT_MOST)
        .load(conn)?;
    let before: Option<Turned> = of()
        .filter(heartbeat_turn::at.lt(from))
        .first(conn)
        .optional()?;
    // Where not all of them were read, the last before the window is not the one before the first of these.
    if i64::try_from(turns.len()).is_ok_and(|count| count < AT_MOST) {
        turns.extend(before);
    }
    turns.reverse();
    Ok(turns)
}

/// Removes pings beyond those that are kept, and turns that are too old.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, at_most: i64) -> Result<usize> {
    let pings = diesel::sql_query(
        "DELETE FROM heartbeat_ping WHERE id IN ( \
             SELECT id FROM (SELECT id, row_number() OVER ( \
                                 PARTITION BY heartbeat_id ORDER BY at DESC, id DESC) AS place \
                             FROM heartbeat_ping) AS placed \
             WHERE place > $1 LIMIT $2)",
    )
    .bind::<BigInt, _>(KEPT)
    .bind::<BigInt, _>(at_most)
    .execute(conn)?;
    let turns = diesel::sql_query(
        "DELETE FROM heartbeat_turn WHERE id IN \
             (SELECT id FROM heartbeat_turn WHERE at < $1 LIMIT $2)",
    )
    .bind::<Timestamptz, _>(now - TURNS_KEPT)
    .bind::<BigInt, _>(at_most)
    .execute(conn)?;
    Ok(pings + turns)
}
