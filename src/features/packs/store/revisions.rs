//! Every pack that was ever applied, as it was given.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::Applied;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{pack, pack_revision};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// One application of a pack.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = pack_revision)]
pub struct Revision {
    pub platform_id: Uuid,
    pub revision: i64,
    pub version: String,
    /// The file as it was given, byte for byte.
    pub source: String,
    pub digest: Vec<u8>,
    pub parameters: Value,
    pub accepted: Value,
    pub differences: Value,
    pub lowers: Value,
    pub applied_at: DateTime<Utc>,
    pub applied_by: String,
    pub applied_name: String,
    /// `command_line`, `pages` or `job`.
    pub through: String,
    pub reason: Option<String>,
    pub change_id: Option<Uuid>,
}

/// A parameter as a revision keeps it.
#[derive(serde::Deserialize)]
struct Kept {
    name: String,
    value: Option<String>,
}

impl Revision {
    /// The parameters that it was applied with, and the values that were given for them.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, Option<String>> {
        // Written by us.
        let kept: Vec<Kept> = serde_json::from_value(self.parameters.clone()).unwrap_or_default();
        kept.into_iter().map(|it| (it.name, it.value)).collect()
    }

    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        words(&self.differences)
    }

    #[must_use]
    pub fn lowers(&self) -> Vec<String> {
        words(&self.lowers)
    }
}

/// A list of words that we wrote.
pub(super) fn words(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

pub fn insert(tx: &mut Tx<'_>, revision: &Revision) -> Result<()> {
    diesel::insert_into(pack_revision::table)
        .values(revision)
        .execute(&mut **tx)?;
    Ok(())
}

/// The pack that a platform runs on, where there is one.
pub fn in_force(conn: &mut Conn, platform: PlatformId) -> Result<Option<Applied>> {
    Ok(pack::table
        .find(platform.uuid())
        .select(Applied::as_select())
        .first(conn)
        .optional()?)
}

/// The same, locked: nobody applies another meanwhile.
pub fn lock_in_force(tx: &mut Tx<'_>, platform: PlatformId) -> Result<Applied> {
    Ok(pack::table
        .find(platform.uuid())
        .select(Applied::as_select())
        .for_update()
        .first(&mut **tx)?)
}

/// One revision; nothing where it was applied before sources were kept.
pub fn one(conn: &mut Conn, platform: PlatformId, revision: i64) -> Result<Option<Revision>> {
    Ok(pack_revision::table
        .find((platform.uuid(), revision))
        .select(Revision::as_select())
        .first(conn)
        .optional()?)
}

/// The last that were kept, newest first.
pub fn last(conn: &mut Conn, platform: PlatformId, at_most: i64) -> Result<Vec<Revision>> {
    Ok(pack_revision::table
        .filter(pack_revision::platform_id.eq(platform.uuid()))
        .order(pack_revision::revision.desc())
        .limit(at_most)
        .select(Revision::as_select())
        .load(conn)?)
}

/// The last that was kept before this one.
pub fn before(conn: &mut Conn, platform: PlatformId, revision: i64) -> Result<Option<Revision>> {
    Ok(pack_revision::table
        .filter(pack_revision::platform_id.eq(platform.uuid()))
        .filter(pack_revision::revision.lt(revision))
        .order(pack_revision::revision.desc())
        .select(Revision::as_select())
        .first(conn)
        .optional()?)
}

/// Whether what runs was changed from the pages since exactly this file was applied.
pub fn is_changed_since(conn: &mut Conn, platform: PlatformId, digest: &[u8]) -> Result<bool> {
    let last = last(conn, platform, 1)?.pop();
    if last.is_none_or(|last| last.through != "pages") {
        return Ok(false);
    }
    Ok(diesel::select(diesel::dsl::exists(
        pack_revision::table
            .filter(pack_revision::platform_id.eq(platform.uuid()))
            .filter(pack_revision::digest.eq(digest)),
    ))
    .get_result(conn)?)
}
