use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::super::Error;
use super::super::policy::{DEFAULTS, Defaults, KEEPING, Keeping};
use super::super::subject::{Personal, Risk, Status, SubjectKind};
use super::document_place;
use crate::foundation::crypto::{Keyring, subject_keys};
use crate::foundation::db::schema::{platform, subject, subject_key, subject_personal};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope, SubjectId};
use crate::foundation::policy;

/// A platform that subjects may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    pub id: PlatformId,
    pub slug: String,
    pub name: String,
}

/// All platforms by name.
pub fn platforms(conn: &mut Conn) -> db::Result<Vec<Platform>> {
    let rows: Vec<(Uuid, String, String)> = platform::table
        .order(platform::name)
        .select((platform::id, platform::slug, platform::name))
        .limit(200)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, slug, name)| Platform {
            id: id.into(),
            slug,
            name,
        })
        .collect())
}

/// The platform that is meant when nobody says which: the only one, or the one that policy names.
pub fn default_platform(conn: &mut Conn, at: DateTime<Utc>) -> Result<Option<Platform>, Error> {
    let mut platforms = platforms(conn)?;
    if platforms.len() == 1 {
        return Ok(platforms.pop());
    }
    let defaults = policy::at::<Defaults>(conn, DEFAULTS, at)?;
    Ok(platforms
        .into_iter()
        .find(|platform| platform.slug == defaults.value.platform))
}

/// For how many days rejected rows are kept.
pub fn kept_days(conn: &mut Conn, at: DateTime<Utc>) -> Result<u16, Error> {
    Ok(policy::at::<Keeping>(conn, KEEPING, at)?
        .value
        .rejected_days)
}

pub fn platform_by_slug(conn: &mut Conn, slug: &str) -> db::Result<Option<Platform>> {
    Ok(platforms(conn)?.into_iter().find(|p| p.slug == slug))
}

/// A subject and what is known about them.
#[derive(Clone, Debug)]
pub struct SubjectRecord {
    pub id: SubjectId,
    pub platform: PlatformId,
    pub external_id: String,
    pub kind: SubjectKind,
    pub status: Status,
    pub risk: Option<Risk>,
    /// Rises with every change of what the platform says.
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// `None` once the subject has been erased.
    pub personal: Option<Personal>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subject)]
struct SubjectRow {
    id: Uuid,
    platform_id: Uuid,
    external_id: String,
    kind: String,
    status: String,
    risk: Option<String>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The records of many subjects, in three queries however many there are. Unknown ids are left
/// out; the order is not that of `ids`.
pub fn records(
    conn: &mut Conn,
    keyring: &Keyring,
    ids: &[SubjectId],
) -> db::Result<Vec<SubjectRecord>> {
    let mut documents = documents(conn, keyring, ids)?;
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<SubjectRow> = subject::table
        .filter(subject::id.eq_any(uuids))
        .select(SubjectRow::as_select())
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| SubjectRecord {
            id: row.id.into(),
            platform: row.platform_id.into(),
            external_id: row.external_id,
            kind: SubjectKind::parse(&row.kind).unwrap_or(SubjectKind::Person),
            status: Status::parse(&row.status).unwrap_or(Status::NotStarted),
            risk: row.risk.as_deref().and_then(Risk::parse),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            personal: documents.remove(&row.id.into()),
        })
        .collect())
}

/// All that is known about one subject; `None` when they are unknown or have been erased.
pub fn personal(conn: &mut Conn, keyring: &Keyring, id: SubjectId) -> db::Result<Option<Personal>> {
    Ok(documents(conn, keyring, &[id])?.remove(&id))
}

fn documents(
    conn: &mut Conn,
    keyring: &Keyring,
    ids: &[SubjectId],
) -> db::Result<HashMap<SubjectId, Personal>> {
    let keys = subject_keys::load(conn, keyring, ids)?;
    let uuids: Vec<Uuid> = keys.keys().map(|id| id.uuid()).collect();
    let rows: Vec<(Uuid, Vec<u8>)> = subject_personal::table
        .filter(subject_personal::subject_id.eq_any(uuids))
        .select((subject_personal::subject_id, subject_personal::ciphertext))
        .load(conn)?;
    let mut documents = HashMap::with_capacity(rows.len());
    for (id, ciphertext) in rows {
        let id = SubjectId::from(id);
        let Some(key) = keys.get(&id) else { continue };
        let plain = key.open(&document_place(id), &ciphertext)?;
        // It opened under its own key, so it is what we wrote; only a change of shape could fail.
        let personal = serde_json::from_slice(&plain)
            .map_err(|_| crate::foundation::crypto::CryptoError::Tampered)?;
        documents.insert(id, personal);
    }
    Ok(documents)
}

/// Where a subject stands, and which version of what the platform says that is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub version: i32,
    pub status: Status,
    pub risk: Option<Risk>,
}

/// Locks these subjects to the end of the transaction, in the order of their ids. Whoever changes a
/// subject's standing, cases or hits begins with this, so that they come one after the other.
pub fn lock_standings(
    conn: &mut Conn,
    ids: &[SubjectId],
) -> db::Result<HashMap<SubjectId, Standing>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<SubjectRow> = subject::table
        .filter(subject::id.eq_any(ids))
        .order(subject::id)
        .select(SubjectRow::as_select())
        // Rows that refer to the subject may still be added meanwhile.
        .for_no_key_update()
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let standing = Standing {
                version: row.version,
                status: Status::parse(&row.status).unwrap_or(Status::NotStarted),
                risk: row.risk.as_deref().and_then(Risk::parse),
            };
            (row.id.into(), standing)
        })
        .collect())
}

/// Writes where a subject stands, as decided by the reviews.
pub fn set_standing(
    conn: &mut Conn,
    id: SubjectId,
    status: Status,
    risk: Option<Risk>,
) -> db::Result<()> {
    let changed = diesel::update(subject::table.find(id.uuid()))
        .set((
            subject::status.eq(status.as_str()),
            subject::risk.eq(risk.map(Risk::as_str)),
        ))
        .execute(conn)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(db::Error::NotFound)
    }
}

/// These subjects have been assessed as they are now.
pub fn mark_assessed(conn: &mut Conn, ids: &[SubjectId]) -> db::Result<()> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    diesel::update(subject::table.filter(subject::id.eq_any(ids)))
        .filter(subject::assessed_version.is_distinct_from(subject::version.nullable()))
        .set(subject::assessed_version.eq(subject::version.nullable()))
        .execute(conn)?;
    Ok(())
}

/// Subjects on these platforms who have not been assessed as they have been since `since` or longer, in the order
/// of their ids after this one. Those who have been erased are past assessing.
pub fn unassessed(
    conn: &mut Conn,
    scope: &Scope,
    since: DateTime<Utc>,
    after: Option<SubjectId>,
    limit: i64,
) -> db::Result<Vec<SubjectId>> {
    let known = subject_key::table.filter(subject_key::subject_id.eq(subject::id));
    let mut query = subject::table
        .filter(subject::assessed_version.is_distinct_from(subject::version.nullable()))
        .filter(subject::updated_at.le(since))
        .filter(diesel::dsl::exists(known))
        .select(subject::id)
        .order(subject::id)
        .limit(limit)
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(subject::platform_id.eq_any(platforms));
    }
    if let Some(after) = after {
        query = query.filter(subject::id.gt(after.uuid()));
    }
    let ids: Vec<Uuid> = query.load(conn)?;
    Ok(ids.into_iter().map(SubjectId::from).collect())
}

pub fn platform_of(conn: &mut Conn, id: SubjectId) -> db::Result<Option<PlatformId>> {
    let found: Option<Uuid> = subject::table
        .find(id.uuid())
        .select(subject::platform_id)
        .first(conn)
        .optional()?;
    Ok(found.map(PlatformId::from))
}

/// Ids after this one, in their order: for whoever has to go over everybody in bounded steps.
pub fn ids_after(
    conn: &mut Conn,
    after: Option<SubjectId>,
    limit: i64,
) -> db::Result<Vec<SubjectId>> {
    let mut query = subject::table
        .select(subject::id)
        .order(subject::id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(subject::id.gt(after.uuid()));
    }
    let ids: Vec<Uuid> = query.load(conn)?;
    Ok(ids.into_iter().map(SubjectId::from).collect())
}
