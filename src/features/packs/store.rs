//! Packs in the database. Other features read definitions through [`live`].

pub mod changes;
pub mod revisions;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::guards::Specs;
use super::pack::{
    BackupPlan, Capacity, Checklist, Connector, Contact, ErrorCode, Escalation, EventType,
    ExternalService, Heartbeat, Indicator, Inhibition, ItemId, LogSource, Maintenance, Platform,
    Probe, ReleaseGate, Rota, Rule, Runbook, Service, Slo,
};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{pack, pack_item, platform};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Scope};

/// What kind of thing a type of [`super::pack`] is in the database.
pub trait Definition: DeserializeOwned {
    const KIND: &'static str;
}

impl Definition for Service {
    const KIND: &'static str = "service";
}
impl Definition for Probe {
    const KIND: &'static str = "probe";
}
impl Definition for Indicator {
    const KIND: &'static str = "indicator";
}
impl Definition for EventType {
    const KIND: &'static str = "event_type";
}
impl Definition for Heartbeat {
    const KIND: &'static str = "heartbeat";
}
impl Definition for Connector {
    const KIND: &'static str = "connector";
}
impl Definition for LogSource {
    const KIND: &'static str = "log_source";
}
impl Definition for ErrorCode {
    const KIND: &'static str = "error_code";
}
impl Definition for Slo {
    const KIND: &'static str = "slo";
}
impl Definition for Capacity {
    const KIND: &'static str = "capacity";
}
impl Definition for Inhibition {
    const KIND: &'static str = "inhibit";
}
impl Definition for Maintenance {
    const KIND: &'static str = "maintenance";
}
impl Definition for Rule {
    const KIND: &'static str = "rule";
}
impl Definition for Contact {
    const KIND: &'static str = "contact";
}
impl Definition for Rota {
    const KIND: &'static str = "rota";
}
impl Definition for Escalation {
    const KIND: &'static str = "escalation";
}
impl Definition for ExternalService {
    const KIND: &'static str = "external_service";
}
impl Definition for BackupPlan {
    const KIND: &'static str = "backup_plan";
}
impl Definition for Checklist {
    const KIND: &'static str = "checklist";
}
impl Definition for ReleaseGate {
    const KIND: &'static str = "release_gate";
}
impl Definition for Runbook {
    const KIND: &'static str = "runbook";
}

/// A definition as it stands in the database.
#[derive(Clone, Debug)]
pub struct Item<T> {
    pub id: ItemId,
    pub platform: PlatformId,
    pub slug: String,
    pub name: String,
    pub changed_at: DateTime<Utc>,
    pub retired_at: Option<DateTime<Utc>>,
    /// Since when it is in force: when it came, or last came back.
    pub declared_at: DateTime<Utc>,
    pub spec: T,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = pack_item)]
struct ItemRow {
    id: Uuid,
    platform_id: Uuid,
    slug: String,
    name: String,
    spec: Value,
    changed_at: DateTime<Utc>,
    retired_at: Option<DateTime<Utc>>,
    declared_at: DateTime<Utc>,
}

impl ItemRow {
    fn into_item<T>(self, read: impl FnOnce(Value) -> Result<T>) -> Result<Item<T>> {
        Ok(Item {
            id: self.id.into(),
            platform: self.platform_id.into(),
            slug: self.slug,
            name: self.name,
            changed_at: self.changed_at,
            retired_at: self.retired_at,
            declared_at: self.declared_at,
            spec: read(self.spec)?,
        })
    }
}

fn read_spec<T: DeserializeOwned>(spec: Value) -> Result<T> {
    serde_json::from_value(spec)
        .map_err(|error| Error::Query(diesel::result::Error::DeserializationError(error.into())))
}

/// A platform that we watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub id: PlatformId,
    pub slug: String,
    pub name: String,
    /// Where its business day is.
    pub zone: Tz,
}

pub fn platforms(conn: &mut Conn) -> Result<Vec<Watched>> {
    let rows: Vec<(Uuid, String, String, String)> = platform::table
        .select((platform::id, platform::slug, platform::name, platform::zone))
        .order(platform::name)
        .load(conn)?;
    let watched = |(id, slug, name, zone): (Uuid, _, _, String)| Watched {
        id: id.into(),
        slug,
        name,
        zone: zone.parse().unwrap_or_default(),
    };
    Ok(rows.into_iter().map(watched).collect())
}

/// Where a platform's business day is.
pub fn zone(conn: &mut Conn, id: PlatformId) -> Result<Tz> {
    let zone: String = platform::table
        .find(id.uuid())
        .select(platform::zone)
        .first(conn)?;
    Ok(zone.parse().unwrap_or_default())
}

/// All definitions of one kind that are in force, in the order of their packs. One that cannot be read
/// is left out and logged, so that it does not take all others with it: whatever leans on it says that
/// it is not there.
pub fn live<T: Definition>(conn: &mut Conn) -> Result<Vec<Item<T>>> {
    live_within(conn, &Scope::All)
}

/// Those of [`live`] that belong to these platforms.
pub fn live_within<T: Definition>(conn: &mut Conn, scope: &Scope) -> Result<Vec<Item<T>>> {
    Ok(readable(live_rows(conn, T::KIND, scope)?))
}

/// All definitions of one kind that ever were in force: those that are, and then those that packs took away.
pub fn ever<T: Definition>(conn: &mut Conn) -> Result<Vec<Item<T>>> {
    let rows = pack_item::table
        .filter(pack_item::kind.eq(T::KIND))
        .order((
            pack_item::retired_at.asc().nulls_first(),
            pack_item::platform_id,
            pack_item::position,
        ))
        .select(ItemRow::as_select())
        .load(conn)?;
    Ok(readable(rows))
}

fn readable<T: Definition>(rows: Vec<ItemRow>) -> Vec<Item<T>> {
    let read = |row: ItemRow| {
        let (id, slug) = (row.id, row.slug.clone());
        let read = row.into_item(read_spec);
        read.inspect_err(|error| {
            tracing::error!(%error, %id, slug, kind = T::KIND, "a definition cannot be read");
        })
        .ok()
    };
    rows.into_iter().filter_map(read).collect()
}

/// Rules as they are stored, so that one that cannot be read is known all the same.
pub fn live_rules(conn: &mut Conn) -> Result<Vec<Item<Value>>> {
    live_rows(conn, Rule::KIND, &Scope::All)?
        .into_iter()
        .map(|row| row.into_item(Ok))
        .collect()
}

fn live_rows(conn: &mut Conn, kind: &str, scope: &Scope) -> Result<Vec<ItemRow>> {
    let mut query = pack_item::table
        .filter(pack_item::kind.eq(kind))
        .filter(pack_item::retired_at.is_null())
        .order((pack_item::platform_id, pack_item::position))
        .select(ItemRow::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(pack_item::platform_id.eq_any(platforms));
    }
    Ok(query.load(conn)?)
}

/// The name that a definition's pack gives it, and whether it is in force.
pub fn named(conn: &mut Conn, id: ItemId) -> Result<(String, bool)> {
    let (slug, retired_at): (String, Option<DateTime<Utc>>) = pack_item::table
        .find(id.uuid())
        .select((pack_item::slug, pack_item::retired_at))
        .first(conn)?;
    Ok((slug, retired_at.is_none()))
}

/// One definition, retired or not.
pub fn item<T: Definition>(conn: &mut Conn, id: ItemId) -> Result<Item<T>> {
    pack_item::table
        .find(id.uuid())
        .filter(pack_item::kind.eq(T::KIND))
        .select(ItemRow::as_select())
        .first(conn)?
        .into_item(read_spec)
}

/// These definitions, retired or not, in the order in which they are asked for; each once, and only those that can be read.
pub fn items<T: Definition>(conn: &mut Conn, ids: &[ItemId]) -> Result<Vec<Item<T>>> {
    let wanted: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = pack_item::table
        .filter(pack_item::id.eq_any(&wanted))
        .filter(pack_item::kind.eq(T::KIND))
        .select(ItemRow::as_select())
        .load(conn)?;
    let mut items = readable(rows);
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.id));
    Ok(items)
}

/// One definition in force, by the name that its pack gives it.
pub fn by_slug<T: Definition>(
    conn: &mut Conn,
    platform: PlatformId,
    slug: &str,
) -> Result<Item<T>> {
    pack_item::table
        .filter(pack_item::platform_id.eq(platform.uuid()))
        .filter(pack_item::kind.eq(T::KIND))
        .filter(pack_item::slug.eq(slug))
        .filter(pack_item::retired_at.is_null())
        .select(ItemRow::as_select())
        .first(conn)?
        .into_item(read_spec)
}

/// A number that grows with every pack that is applied: whoever keeps definitions in memory reads
/// them again when it has changed.
pub fn revision(conn: &mut Conn) -> Result<i64> {
    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;
    Ok(pack::table
        .select(sql::<BigInt>("coalesce(sum(revision), 0)::bigint"))
        .first(conn)?)
}

/// A pack as it was last applied.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = pack)]
pub struct Applied {
    pub platform_id: Uuid,
    pub version: String,
    pub revision: i64,
    pub digest: Vec<u8>,
    pub applied_at: DateTime<Utc>,
    pub applied_by: String,
    pub parameters: Value,
    pub accepted: Value,
}

/// Everything that a platform's pack defines now, by kind and name.
pub fn in_force(conn: &mut Conn, platform: PlatformId) -> Result<Specs> {
    let rows: Vec<(String, String, Value)> = pack_item::table
        .filter(pack_item::platform_id.eq(platform.uuid()))
        .filter(pack_item::retired_at.is_null())
        .select((pack_item::kind, pack_item::slug, pack_item::spec))
        .load(conn)?;
    let keyed = |(kind, slug, spec)| ((kind, slug), spec);
    Ok(rows.into_iter().map(keyed).collect())
}

pub fn applied(conn: &mut Conn) -> Result<Vec<Applied>> {
    Ok(pack::table.select(Applied::as_select()).load(conn)?)
}

/// How many things of each kind are in force, by platform.
pub fn counts(conn: &mut Conn) -> Result<BTreeMap<(PlatformId, String), i64>> {
    let rows: Vec<(Uuid, String, i64)> = pack_item::table
        .filter(pack_item::retired_at.is_null())
        .group_by((pack_item::platform_id, pack_item::kind))
        .select((
            pack_item::platform_id,
            pack_item::kind,
            diesel::dsl::count_star(),
        ))
        .load(conn)?;
    let keyed = |(platform, kind, count): (Uuid, _, _)| ((platform.into(), kind), count);
    Ok(rows.into_iter().map(keyed).collect())
}

/// A definition on its way into the database.
#[derive(Clone, Debug)]
pub struct NewItem {
    pub kind: &'static str,
    pub slug: String,
    pub name: String,
    pub position: i32,
    pub spec: Value,
}

/// What is stored under a name, for comparing.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: Uuid,
    pub position: i32,
    pub spec: Value,
    pub retired: bool,
}

/// The platform of this short name, where it is known.
pub fn find(conn: &mut Conn, slug: &str) -> Result<Option<Watched>> {
    Ok(platforms(conn)?.into_iter().find(|it| it.slug == slug))
}

/// The same, locked.
pub fn lock_known(tx: &mut Tx<'_>, slug: &str) -> Result<Option<PlatformId>> {
    let id: Option<Uuid> = platform::table
        .filter(platform::slug.eq(slug))
        .select(platform::id)
        .for_update()
        .first(&mut **tx)
        .optional()?;
    Ok(id.map(PlatformId::from))
}

/// Makes the platform if it is new, and locks it: packs of one platform are applied one at a time.
pub fn lock_platform(tx: &mut Tx<'_>, described: &Platform) -> Result<PlatformId> {
    let now = tx.now();
    let id: Uuid = diesel::insert_into(platform::table)
        .values((
            platform::id.eq(PlatformId::new().uuid()),
            platform::slug.eq(&described.id),
            platform::name.eq(&described.name),
            platform::zone.eq(&described.zone),
            platform::created_at.eq(now),
        ))
        .on_conflict(platform::slug)
        .do_update()
        .set((
            platform::name.eq(&described.name),
            platform::zone.eq(&described.zone),
        ))
        .returning(platform::id)
        .get_result(&mut **tx)?;
    Ok(id.into())
}

/// Everything that a platform's packs ever defined, by kind and name.
pub fn stored(conn: &mut Conn, platform: PlatformId) -> Result<BTreeMap<(String, String), Stored>> {
    type Row = (Uuid, String, String, i32, Value, Option<DateTime<Utc>>);
    let rows: Vec<Row> = pack_item::table
        .filter(pack_item::platform_id.eq(platform.uuid()))
        .select((
            pack_item::id,
            pack_item::kind,
            pack_item::slug,
            pack_item::position,
            pack_item::spec,
            pack_item::retired_at,
        ))
        .load(conn)?;
    let keyed = |(id, kind, slug, position, spec, retired_at): Row| {
        let retired = retired_at.is_some();
        (
            (kind, slug),
            Stored {
                id,
                position,
                spec,
                retired,
            },
        )
    };
    Ok(rows.into_iter().map(keyed).collect())
}

pub fn insert(tx: &mut Tx<'_>, platform: PlatformId, item: &NewItem) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(pack_item::table)
        .values((
            pack_item::id.eq(ItemId::new().uuid()),
            pack_item::platform_id.eq(platform.uuid()),
            pack_item::kind.eq(item.kind),
            pack_item::slug.eq(&item.slug),
            pack_item::name.eq(&item.name),
            pack_item::position.eq(item.position),
            pack_item::spec.eq(&item.spec),
            pack_item::changed_at.eq(now),
            pack_item::declared_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Replaces a definition, and takes it back into force if it was retired.
pub fn update(tx: &mut Tx<'_>, id: Uuid, item: &NewItem, returns: bool) -> Result<()> {
    let now = tx.now();
    diesel::update(pack_item::table.find(id))
        .set((
            pack_item::name.eq(&item.name),
            pack_item::position.eq(item.position),
            pack_item::spec.eq(&item.spec),
            pack_item::changed_at.eq(now),
            pack_item::retired_at.eq(None::<DateTime<Utc>>),
            returns.then(|| pack_item::declared_at.eq(now)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Gives a definition its place in the file, which is no change of it.
pub fn place(tx: &mut Tx<'_>, id: Uuid, position: i32) -> Result<()> {
    diesel::update(pack_item::table.find(id))
        .set(pack_item::position.eq(position))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn retire(tx: &mut Tx<'_>, id: Uuid) -> Result<()> {
    let now = tx.now();
    diesel::update(pack_item::table.find(id))
        .set(pack_item::retired_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes which pack the platform runs on now. Returns how many have been applied to it.
pub fn save_applied(
    tx: &mut Tx<'_>,
    platform: PlatformId,
    version: &str,
    digest: &[u8],
    parameters: &Value,
    accepted: &Value,
) -> Result<i64> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    let news = (
        pack::version.eq(version),
        pack::digest.eq(digest),
        pack::applied_at.eq(now),
        pack::applied_by.eq(by),
        pack::parameters.eq(parameters),
        pack::accepted.eq(accepted),
    );
    Ok(diesel::insert_into(pack::table)
        .values((
            pack::platform_id.eq(platform.uuid()),
            pack::revision.eq(1),
            news.clone(),
        ))
        .on_conflict(pack::platform_id)
        .do_update()
        .set((pack::revision.eq(pack::revision + 1), news))
        .returning(pack::revision)
        .get_result(&mut **tx)?)
}
