//! Alerts.

pub mod decisions;
pub mod digest;
pub mod fired;
pub mod incidents;
pub mod known;
pub mod listed;
pub mod rules;
pub mod timeline;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::AlertId;
pub use super::alert::Holder;
use super::labels::{self, Labels};
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PersonId, PlatformId, Scope};

/// An alert as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub id: AlertId,
    pub platform: PlatformId,
    /// What lit it; nothing where another program handed it in.
    pub rule: Option<ItemId>,
    pub service: Option<ItemId>,
    pub fingerprint: String,
    /// What its fingerprint is made of.
    pub labels: Labels,
    pub firing: bool,
    pub level: Level,
    pub name: String,
    /// What it said when it came to its level; of another program's, what that says of it now.
    pub summary: String,
    /// What is read while it is lit; empty where there is no figure.
    pub reading: String,
    pub active_at: DateTime<Utc>,
    pub fired_at: DateTime<Utc>,
    /// When it last rose to its level.
    pub level_at: DateTime<Utc>,
    pub was_red: bool,
    pub resolved_at: Option<DateTime<Utc>>,
    pub acknowledged: Option<Acknowledged>,
    /// Since when it is held lit because it comes and goes.
    pub flapping_since: Option<DateTime<Utc>>,
    pub assigned: Option<Assigned>,
}

/// Who is to see to it, whether or not they have it in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub to: PersonId,
    pub name: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub by: Holder,
    pub name: String,
    pub note: String,
    /// When it was noted that it had run out.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Alert {
    /// From when on it waits for somebody: since it came to its level, or since the last who had it in
    /// hand had it no longer.
    #[must_use]
    pub fn waits_since(&self) -> DateTime<Utc> {
        match &self.acknowledged {
            Some(held) => self.level_at.max(held.until),
            None => self.level_at,
        }
    }

    /// What it is about, with how bad it is now.
    #[must_use]
    pub fn labels(&self) -> Labels {
        labels::with_severity(&self.labels, self.level)
    }

    /// Whether somebody has it in hand: an acknowledgement holds until it ends.
    #[must_use]
    pub fn is_acknowledged(&self, now: DateTime<Utc>) -> bool {
        self.acknowledged
            .as_ref()
            .is_some_and(|acknowledged| !self.firing || now < acknowledged.until)
    }

    /// A lamp that is lit, or a red one that went out before anybody looked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.firing || (self.was_red && self.acknowledged.is_none())
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = alert)]
struct AlertRow {
    id: Uuid,
    platform_id: Uuid,
    rule_id: Option<Uuid>,
    service_id: Option<Uuid>,
    fingerprint: String,
    status: String,
    level: String,
    name: String,
    summary: String,
    active_at: DateTime<Utc>,
    fired_at: DateTime<Utc>,
    level_at: DateTime<Utc>,
    was_red: bool,
    resolved_at: Option<DateTime<Utc>>,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_until: Option<DateTime<Utc>>,
    acknowledged_by: Option<Uuid>,
    acknowledged_name: Option<String>,
    acknowledged_note: Option<String>,
    reading: String,
    acknowledgement_ended_at: Option<DateTime<Utc>>,
    acknowledged_by_key: Option<String>,
    labels: Value,
    flapping_since: Option<DateTime<Utc>>,
    assigned_to: Option<Uuid>,
    assigned_name: Option<String>,
    assigned_at: Option<DateTime<Utc>>,
}

impl TryFrom<AlertRow> for Alert {
    type Error = Error;

    fn try_from(row: AlertRow) -> Result<Self> {
        let person = row.acknowledged_by.map(|id| Holder::Person(id.into()));
        let by = person.or(row.acknowledged_by_key.map(Holder::Key));
        let acknowledged = match (row.acknowledged_at, row.acknowledged_until, by) {
            (Some(at), Some(until), Some(by)) => Some(Acknowledged {
                at,
                until,
                by,
                name: row.acknowledged_name.unwrap_or_default(),
                note: row.acknowledged_note.unwrap_or_default(),
                ended_at: row.acknowledgement_ended_at,
            }),
            _ => None,
        };
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            rule: row.rule_id.map(ItemId::from),
            service: row.service_id.map(ItemId::from),
            fingerprint: row.fingerprint,
            labels: read_labels(row.labels)?,
            firing: row.status == "firing",
            level: read_level(&row.level)?,
            name: row.name,
            summary: row.summary,
            reading: row.reading,
            active_at: row.active_at,
            fired_at: row.fired_at,
            level_at: row.level_at,
            was_red: row.was_red,
            resolved_at: row.resolved_at,
            acknowledged,
            flapping_since: row.flapping_since,
            assigned: match (row.assigned_to, row.assigned_at) {
                (Some(to), Some(at)) => Some(Assigned {
                    to: to.into(),
                    name: row.assigned_name.unwrap_or_default(),
                    at,
                }),
                _ => None,
            },
        })
    }
}

fn read_labels(labels: Value) -> Result<Labels> {
    serde_json::from_value(labels).map_err(|_| Error::Damaged("the labels of an alert"))
}

fn read_level(text: &str) -> Result<Level> {
    text.parse().map_err(|error: String| {
        Error::Query(diesel::result::Error::DeserializationError(error.into()))
    })
}

fn read_all(rows: Vec<AlertRow>) -> Result<Vec<Alert>> {
    rows.into_iter().map(Alert::try_from).collect()
}

/// Most open alerts that a page shows; beyond it there is a storm, and the page says so.
pub const OPEN_AT_MOST: usize = 500;

fn rows_at_most(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Everything on these platforms that wants a hand: what is lit before what has gone out unseen, worst
/// first, newest first within a level, so that what has just lit is never hidden behind what is old.
pub fn open(conn: &mut Conn, scope: &Scope) -> Result<Vec<Alert>> {
    open_of(conn, scope, None)
}

/// [`open`], of somebody those alone that were given to them or that they have taken in hand.
pub fn open_of(conn: &mut Conn, scope: &Scope, person: Option<PersonId>) -> Result<Vec<Alert>> {
    let unseen = alert::was_red.and(alert::acknowledged_at.is_null());
    let order = sql::<Bool>("(status = 'firing')").desc();
    let rank = sql::<Integer>("array_position(ARRAY['red', 'yellow', 'blue'], level)");
    let mut query = alert::table
        .filter(alert::status.eq("firing").or(unseen))
        .order((order, rank, alert::level_at.desc(), alert::id.desc()))
        .limit(rows_at_most(OPEN_AT_MOST))
        .select(AlertRow::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(alert::platform_id.eq_any(platforms));
    }
    if let Some(person) = person.map(PersonId::uuid) {
        let given = alert::assigned_to.eq(person);
        query = query.filter(
            given
                .or(alert::acknowledged_by.eq(person))
                .assume_not_null(),
        );
    }
    read_all(query.load(conn)?)
}

/// Closed alerts of these platforms, newest first.
pub fn closed(
    conn: &mut Conn,
    scope: &Scope,
    before: Option<(DateTime<Utc>, Uuid)>,
    at_most: usize,
) -> Result<Vec<Alert>> {
    let mut query = alert::table
        .filter(alert::status.eq("resolved"))
        .filter(
            alert::was_red
                .eq(false)
                .or(alert::acknowledged_at.is_not_null()),
        )
        .order((alert::resolved_at.desc(), alert::id.desc()))
        .limit(rows_at_most(at_most))
        .select(AlertRow::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(alert::platform_id.eq_any(platforms));
    }
    if let Some((at, id)) = before {
        let older = alert::resolved_at
            .lt(at)
            .or(alert::resolved_at.eq(at).and(alert::id.lt(id)));
        query = query.filter(older.assume_not_null());
    }
    read_all(query.load(conn)?)
}

/// What a rule has lit, as far as a tick needs to know.
#[derive(Clone, Debug)]
pub struct Lit {
    pub id: AlertId,
    pub about: About,
    pub level: Level,
    pub reading: String,
    pub active_at: DateTime<Utc>,
}

/// Everything that is lit, by the rule that lit it.
pub fn lit(conn: &mut Conn) -> Result<Vec<(ItemId, Lit)>> {
    type Row = (Uuid, Uuid, String, String, String, DateTime<Utc>);
    let rows: Vec<Row> = alert::table
        .filter(alert::status.eq("firing"))
        .filter(alert::about.ne(About::Outside.as_str()))
        .select((
            alert::rule_id.assume_not_null(),
            alert::id,
            alert::about,
            alert::level,
            alert::reading,
            alert::active_at,
        ))
        .load(conn)?;
    let each = rows.into_iter().map(|row| {
        let (rule, id, about, level, reading, active_at) = row;
        let about = if about == About::Rule.as_str() {
            About::Rule
        } else {
            About::Platform
        };
        let level = read_level(&level)?;
        let id = id.into();
        Ok((
            rule.into(),
            Lit {
                id,
                about,
                level,
                reading,
                active_at,
            },
        ))
    });
    each.collect()
}

/// Lit alerts whose acknowledgement has run out since anybody looked.
pub fn run_out(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<AlertId>> {
    let ids: Vec<Uuid> = alert::table
        .filter(alert::status.eq("firing"))
        .filter(alert::acknowledged_until.le(now))
        .filter(alert::acknowledgement_ended_at.is_null())
        .select(alert::id)
        .load(conn)?;
    Ok(ids.into_iter().map(AlertId::from).collect())
}

pub fn of_service(conn: &mut Conn, service: ItemId, at_most: i64) -> Result<Vec<Alert>> {
    let rows: Vec<AlertRow> = alert::table
        .filter(alert::service_id.eq(service.uuid()))
        .order(alert::fired_at.desc())
        .limit(at_most)
        .select(AlertRow::as_select())
        .load(conn)?;
    read_all(rows)
}

pub fn alert(conn: &mut Conn, id: AlertId) -> Result<Alert> {
    alert::table
        .find(id.uuid())
        .select(AlertRow::as_select())
        .first(conn)?
        .try_into()
}

pub fn lock_alert(tx: &mut Tx<'_>, id: AlertId) -> Result<Alert> {
    alert::table
        .find(id.uuid())
        .select(AlertRow::as_select())
        .for_update()
        .first(&mut **tx)?
        .try_into()
}

/// What a rule has lit, locked. It is found by its rule: its identity is that of the moment it lit, and a
/// pack may have given the rule another service since.
pub fn lock_lit(tx: &mut Tx<'_>, rule: ItemId, about: About) -> Result<Option<Alert>> {
    alert::table
        .filter(alert::rule_id.eq(rule.uuid()))
        .filter(alert::about.eq(about.as_str()))
        .filter(alert::status.eq("firing"))
        .select(AlertRow::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?
        .map(Alert::try_from)
        .transpose()
}

/// The last red one with the identity of `new` that went out before anybody saw it, locked.
pub fn lock_unseen(tx: &mut Tx<'_>, about: About, new: &Alert) -> Result<Option<Alert>> {
    alert::table
        .filter(alert::fingerprint.eq(&new.fingerprint))
        .filter(alert::platform_id.eq(new.platform.uuid()))
        .filter(alert::about.eq(about.as_str()))
        .filter(alert::status.eq("resolved"))
        .filter(alert::was_red)
        .filter(alert::acknowledged_at.is_null())
        .order(alert::resolved_at.desc())
        .select(AlertRow::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?
        .map(Alert::try_from)
        .transpose()
}

/// Notes what is read while an alert is lit: a measurement, and no change of the alert.
pub fn save_reading(conn: &mut Conn, id: AlertId, reading: &str) -> Result<()> {
    diesel::update(alert::table.find(id.uuid()))
        .filter(alert::status.eq("firing"))
        .set(alert::reading.eq(reading))
        .execute(conn)?;
    Ok(())
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    Platform,
    /// The rule itself, which cannot be evaluated.
    Rule,
    /// Whatever another program says that it is about.
    Outside,
}

impl About {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Rule => "rule",
            Self::Outside => "outside",
        }
    }
}

pub fn insert(tx: &mut Tx<'_>, about: About, new: &Alert) -> Result<()> {
    diesel::insert_into(alert::table)
        .values((
            alert::id.eq(new.id.uuid()),
            alert::platform_id.eq(new.platform.uuid()),
            alert::rule_id.eq(new.rule.map(ItemId::uuid)),
            alert::service_id.eq(new.service.map(ItemId::uuid)),
            alert::fingerprint.eq(&new.fingerprint),
            alert::labels.eq(json!(new.labels)),
            alert::about.eq(about.as_str()),
            alert::status.eq("firing"),
            alert::level.eq(new.level.as_str()),
            alert::name.eq(&new.name),
            alert::summary.eq(&new.summary),
            alert::reading.eq(&new.reading),
            alert::active_at.eq(new.active_at),
            alert::fired_at.eq(new.fired_at),
            alert::level_at.eq(new.level_at),
            alert::was_red.eq(new.was_red),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Everything about an alert that may change in its life.
pub fn save(tx: &mut Tx<'_>, changed: &Alert) -> Result<()> {
    let acknowledged = changed.acknowledged.as_ref();
    let (person, key) = match acknowledged.map(|it| &it.by) {
        Some(Holder::Person(id)) => (Some(id.uuid()), None),
        Some(Holder::Key(id)) => (None, Some(id)),
        None => (None, None),
    };
    diesel::update(alert::table.find(changed.id.uuid()))
        .set((
            alert::status.eq(if changed.firing { "firing" } else { "resolved" }),
            alert::level.eq(changed.level.as_str()),
            alert::summary.eq(&changed.summary),
            alert::reading.eq(&changed.reading),
            alert::active_at.eq(changed.active_at),
            alert::fired_at.eq(changed.fired_at),
            alert::level_at.eq(changed.level_at),
            alert::was_red.eq(changed.was_red),
            alert::resolved_at.eq(changed.resolved_at),
            alert::flapping_since.eq(changed.flapping_since),
            alert::assigned_to.eq(changed.assigned.as_ref().map(|it| it.to.uuid())),
            alert::assigned_name.eq(changed.assigned.as_ref().map(|it| &it.name)),
            alert::assigned_at.eq(changed.assigned.as_ref().map(|it| it.at)),
            alert::acknowledged_at.eq(acknowledged.map(|it| it.at)),
            alert::acknowledged_until.eq(acknowledged.map(|it| it.until)),
            alert::acknowledged_by.eq(person),
            alert::acknowledged_by_key.eq(key),
            alert::acknowledged_name.eq(acknowledged.map(|it| &it.name)),
            alert::acknowledged_note.eq(acknowledged.map(|it| &it.note)),
            alert::acknowledgement_ended_at.eq(acknowledged.and_then(|it| it.ended_at)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
