//! Silences as rows.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::silence::{Mark, ONCE_IN, Silence, SilenceId};
use crate::features::alerts::alert::Holder;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::silence;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Scope};

#[derive(Queryable, Selectable)]
#[diesel(table_name = silence)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    matchers: Value,
    fingerprint: Option<String>,
    covers_red: bool,
    reason: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    created_by: Option<Uuid>,
    created_by_key: Option<String>,
    created_name: String,
    needs_second: bool,
    approved_at: Option<DateTime<Utc>>,
    approved_by: Option<Uuid>,
    approved_name: Option<String>,
    refused_at: Option<DateTime<Utc>>,
    refused_by: Option<Uuid>,
    refused_name: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    ended_by: Option<String>,
    ended_name: Option<String>,
    countersign_by: Option<DateTime<Utc>>,
    countersigned_at: Option<DateTime<Utc>>,
    countersigned_by: Option<Uuid>,
    countersigned_name: Option<String>,
    reminded_at: Option<DateTime<Utc>>,
    snooze: bool,
}

fn mark(at: Option<DateTime<Utc>>, by: Option<Holder>, name: Option<String>) -> Option<Mark> {
    Some(Mark {
        at: at?,
        by: by?,
        name: name.unwrap_or_default(),
    })
}

fn person(id: Option<Uuid>) -> Option<Holder> {
    id.map(|id| Holder::Person(id.into()))
}

/// A person by their id, a program by that of its key.
fn holder(text: &str) -> Holder {
    text.parse()
        .map_or_else(|_| Holder::Key(text.to_owned()), Holder::Person)
}

impl TryFrom<Row> for Silence {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        const DAMAGED: Error = Error::Damaged("a silence's row");
        let author = person(row.created_by).or(row.created_by_key.map(Holder::Key));
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            matchers: serde_json::from_value(row.matchers).map_err(|_| DAMAGED)?,
            fingerprint: row.fingerprint,
            covers_red: row.covers_red,
            reason: row.reason,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            created: mark(Some(row.created_at), author, Some(row.created_name)).ok_or(DAMAGED)?,
            needs_second: row.needs_second,
            approved: mark(row.approved_at, person(row.approved_by), row.approved_name),
            refused: mark(row.refused_at, person(row.refused_by), row.refused_name),
            ended: mark(
                row.ended_at,
                row.ended_by.as_deref().map(holder),
                row.ended_name,
            ),
            countersign_by: row.countersign_by,
            countersigned: mark(
                row.countersigned_at,
                person(row.countersigned_by),
                row.countersigned_name,
            ),
            reminded_at: row.reminded_at,
            snooze: row.snooze,
        })
    }
}

fn read_all(rows: Vec<Row>) -> Result<Vec<Silence>> {
    rows.into_iter().map(Silence::try_from).collect()
}

/// Those that have neither ended nor been refused, and may be in force now or later. One that cannot be read silences
/// nothing.
pub fn running(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<Silence>> {
    let mut query = silence::table
        .filter(silence::ended_at.is_null())
        .filter(silence::refused_at.is_null())
        .filter(silence::ends_at.gt(now))
        .order((silence::ends_at, silence::id))
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(silence::platform_id.eq_any(platforms));
    }
    let rows: Vec<Row> = query.load(conn)?;
    let read = |row: Row| {
        Silence::try_from(row)
            .inspect_err(|error| tracing::error!(%error, "a silence cannot be read"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Those that somebody still has to countersign, the first to be due first.
pub fn owed(conn: &mut Conn, scope: &Scope) -> Result<Vec<Silence>> {
    const AT_MOST: i64 = 500;
    let mut query = silence::table
        .filter(silence::countersign_by.is_not_null())
        .filter(silence::countersigned_at.is_null())
        .order((silence::countersign_by, silence::id))
        .limit(AT_MOST)
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(silence::platform_id.eq_any(platforms));
    }
    read_all(query.load(conn)?)
}

/// How many countersignatures are late.
pub fn overdue(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<i64> {
    let mut query = silence::table
        .filter(silence::countersign_by.lt(now))
        .filter(silence::countersigned_at.is_null())
        .count()
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(silence::platform_id.eq_any(platforms));
    }
    Ok(query.get_result(conn)?)
}

/// Those that are over, newest first.
pub fn over(
    conn: &mut Conn,
    scope: &Scope,
    now: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Silence>> {
    let mut query = silence::table
        .filter(
            silence::ended_at
                .is_not_null()
                .or(silence::refused_at.is_not_null())
                .or(silence::ends_at.le(now)),
        )
        .order((silence::created_at.desc(), silence::id.desc()))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(silence::platform_id.eq_any(platforms));
    }
    read_all(query.load(conn)?)
}

pub fn one(conn: &mut Conn, id: SilenceId) -> Result<Silence> {
    silence::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?
        .try_into()
}

pub fn lock(tx: &mut Tx<'_>, id: SilenceId) -> Result<Silence> {
    silence::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?
        .try_into()
}

/// Whether somebody silenced this red alert alone within the last day, and nobody has countersigned it.
pub fn was_alone_lately(
    conn: &mut Conn,
    platform: PlatformId,
    fingerprint: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let lately = silence::table
        .filter(silence::platform_id.eq(platform.uuid()))
        .filter(silence::fingerprint.eq(fingerprint))
        .filter(silence::created_at.gt(now - ONCE_IN))
        .filter(silence::countersign_by.is_not_null())
        .filter(silence::countersigned_at.is_null());
    Ok(diesel::select(diesel::dsl::exists(lately)).get_result(conn)?)
}

pub fn insert(tx: &mut Tx<'_>, new: &Silence) -> Result<()> {
    let (person, key) = match &new.created.by {
        Holder::Person(id) => (Some(id.uuid()), None),
        Holder::Key(id) => (None, Some(id)),
    };
    diesel::insert_into(silence::table)
        .values((
            silence::id.eq(new.id.uuid()),
            silence::platform_id.eq(new.platform.uuid()),
            silence::matchers.eq(json!(new.matchers)),
            silence::fingerprint.eq(&new.fingerprint),
            silence::covers_red.eq(new.covers_red),
            silence::reason.eq(&new.reason),
            silence::starts_at.eq(new.starts_at),
            silence::ends_at.eq(new.ends_at),
            silence::created_at.eq(new.created.at),
            silence::created_by.eq(person),
            silence::created_by_key.eq(key),
            silence::created_name.eq(&new.created.name),
            silence::snooze.eq(new.snooze),
            silence::needs_second.eq(new.needs_second),
            silence::countersign_by.eq(new.countersign_by),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The answers that a silence has been given.
pub fn save(tx: &mut Tx<'_>, changed: &Silence) -> Result<()> {
    let person = |mark: &Option<Mark>| match mark.as_ref().map(|mark| &mark.by) {
        Some(Holder::Person(id)) => Some(id.uuid()),
        _ => None,
    };
    let at = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.at);
    let name = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.name.clone());
    let it = changed;
    diesel::update(silence::table.find(it.id.uuid()))
        .set((
            silence::approved_at.eq(at(&it.approved)),
            silence::approved_by.eq(person(&it.approved)),
            silence::approved_name.eq(name(&it.approved)),
            silence::refused_at.eq(at(&it.refused)),
            silence::refused_by.eq(person(&it.refused)),
            silence::refused_name.eq(name(&it.refused)),
            silence::ended_at.eq(at(&it.ended)),
            silence::ended_by.eq(it.ended.as_ref().map(|mark| mark.by.to_string())),
            silence::ended_name.eq(name(&it.ended)),
            silence::countersigned_at.eq(at(&it.countersigned)),
            silence::countersigned_by.eq(person(&it.countersigned)),
            silence::countersigned_name.eq(name(&it.countersigned)),
            silence::reminded_at.eq(it.reminded_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
