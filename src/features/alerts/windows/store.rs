//! Maintenance windows as rows.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::window::{TOLD_AHEAD, Window, WindowId};
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::maintenance_window as row;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::{PersonId, Scope};

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    item_id: Option<Uuid>,
    name: String,
    services: Vec<Option<Uuid>>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    announced_at: DateTime<Utc>,
    announced_by: Option<Uuid>,
    announced_name: String,
    needs_second: bool,
    approved_at: Option<DateTime<Utc>>,
    approved_by: Option<Uuid>,
    approved_name: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    ended_name: Option<String>,
    told_at: Option<DateTime<Utc>>,
    told_off_at: Option<DateTime<Utc>>,
    tell: Value,
}

impl From<Row> for Window {
    fn from(row: Row) -> Self {
        let approved = row.approved_at.zip(row.approved_by);
        Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            item: row.item_id.map(ItemId::from),
            name: row.name,
            services: row
                .services
                .into_iter()
                .flatten()
                .map(ItemId::from)
                .collect(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            announced_at: row.announced_at,
            announced_by: row.announced_by.map(Into::into),
            announced_name: row.announced_name,
            needs_second: row.needs_second,
            approved: approved
                .map(|(at, by)| (at, by.into(), row.approved_name.unwrap_or_default())),
            ended: row
                .ended_at
                .map(|at| (at, row.ended_name.unwrap_or_default())),
            // Whom none can be read of, nobody is told of; it holds all the same.
            tell: serde_json::from_value(row.tell).unwrap_or_default(),
            told_at: row.told_at,
            told_off_at: row.told_off_at,
        }
    }
}

fn read_all(rows: Vec<Row>) -> Vec<Window> {
    rows.into_iter().map(Window::from).collect()
}

/// Those whose end is still to come, the first first.
pub fn running(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<Window>> {
    let mut query = row::table
        .filter(row::ended_at.is_null())
        .filter(row::ends_at.gt(now))
        .order((row::starts_at, row::id))
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    Ok(read_all(query.load(conn)?))
}

/// Those that wait for a second person, the first first.
pub fn proposed(
    conn: &mut Conn,
    scope: &Scope,
    now: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Window>> {
    let mut query = row::table
        .filter(row::needs_second)
        .filter(row::approved_at.is_null())
        .filter(row::ended_at.is_null())
        .filter(row::ends_at.gt(now))
        .order((row::starts_at, row::id))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    Ok(read_all(query.load(conn)?))
}

/// Those that hold or held after `from`.
pub fn held_since(conn: &mut Conn, from: DateTime<Utc>) -> Result<Vec<Window>> {
    let rows = row::table
        .filter(row::ends_at.gt(from))
        .filter(
            row::needs_second
                .eq(false)
                .or(row::approved_at.is_not_null()),
        )
        .filter(
            row::ended_at
                .is_null()
                .or(row::ended_at.gt(row::starts_at.nullable())),
        )
        .select(Row::as_select())
        .load(conn)?;
    Ok(read_all(rows))
}

/// What calendars brought and was not called off, that has begun after `from` and by `now`, the first first.
pub fn begun_since(
    conn: &mut Conn,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Window>> {
    const AT_MOST: i64 = 1_000;
    let rows = row::table
        .filter(row::item_id.is_not_null())
        .filter(row::starts_at.gt(from).and(row::starts_at.le(now)))
        .filter(
            row::needs_second
                .eq(false)
                .or(row::approved_at.is_not_null()),
        )
        .filter(
            row::ended_at
                .is_null()
                .or(row::ended_at.gt(row::starts_at.nullable())),
        )
        .order((row::starts_at, row::id))
        .limit(AT_MOST)
        .select(Row::as_select())
        .load(conn)?;
    Ok(read_all(rows))
}

/// What calendars brought whose time is still to come, called off or not.
pub fn announced(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<Window>> {
    let rows = row::table
        .filter(row::item_id.is_not_null())
        .filter(row::ends_at.gt(now))
        .select(Row::as_select())
        .load(conn)?;
    Ok(read_all(rows))
}

/// Those whose time is still to come and of which something may have to be told: that they are coming, or that they were
/// called off.
pub fn to_tell(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<Window>> {
    const AT_MOST: i64 = 1_000;
    let coming = row::told_at.is_null().and(row::ended_at.is_null());
    let off = row::told_at
        .is_not_null()
        .and(row::told_off_at.is_null())
        .and(row::ended_at.is_not_null());
    let rows = row::table
        .filter(row::ends_at.gt(now))
        .filter(row::starts_at.le(now + TOLD_AHEAD))
        .filter(coming.or(off))
        .order((row::starts_at, row::id))
        .limit(AT_MOST)
        .select(Row::as_select())
        .load(conn)?;
    Ok(read_all(rows))
}

/// Those that are over, the last first.
pub fn over(
    conn: &mut Conn,
    scope: &Scope,
    now: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<Window>> {
    let mut query = row::table
        .filter(row::ended_at.is_not_null().or(row::ends_at.le(now)))
        .order((row::starts_at.desc(), row::id.desc()))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    Ok(read_all(query.load(conn)?))
}

pub fn one(conn: &mut Conn, id: WindowId) -> Result<Window> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    Ok(found.into())
}

pub fn lock(tx: &mut Tx<'_>, id: WindowId) -> Result<Window> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?;
    Ok(found.into())
}

/// False where somebody else has announced the same time of the same definition.
pub fn insert(tx: &mut Tx<'_>, new: &Window) -> Result<bool> {
    let services: Vec<Option<Uuid>> = new.services.iter().map(|id| Some(id.uuid())).collect();
    let inserted = diesel::insert_into(row::table)
        .values((
            row::id.eq(new.id.uuid()),
            row::platform_id.eq(new.platform.uuid()),
            row::item_id.eq(new.item.map(ItemId::uuid)),
            row::name.eq(&new.name),
            row::services.eq(services),
            row::starts_at.eq(new.starts_at),
            row::ends_at.eq(new.ends_at),
            row::announced_at.eq(new.announced_at),
            row::announced_by.eq(new.announced_by.map(PersonId::uuid)),
            row::announced_name.eq(&new.announced_name),
            row::needs_second.eq(new.needs_second),
            row::tell.eq(json!(new.tell)),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    Ok(inserted == 1)
}

/// The answers that a window has been given.
pub fn save(tx: &mut Tx<'_>, changed: &Window) -> Result<()> {
    let by = tx.actor().to_string();
    let approved = changed.approved.as_ref();
    let ended = changed.ended.as_ref();
    diesel::update(row::table.find(changed.id.uuid()))
        .set((
            row::approved_at.eq(approved.map(|(at, ..)| *at)),
            row::approved_by.eq(approved.map(|(_, by, _)| by.uuid())),
            row::approved_name.eq(approved.map(|(.., name)| name)),
            row::ended_at.eq(ended.map(|(at, _)| *at)),
            row::ended_by.eq(ended.map(|_| by)),
            row::ended_name.eq(ended.map(|(_, name)| name)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes when whoever is to know of it was told.
pub fn note_told(tx: &mut Tx<'_>, changed: &Window) -> Result<()> {
    diesel::update(row::table.find(changed.id.uuid()))
        .set((
            row::told_at.eq(changed.told_at),
            row::told_off_at.eq(changed.told_off_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
