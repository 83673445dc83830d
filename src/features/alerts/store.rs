//! Alerts, their timelines, and what is known about rules between two ticks.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::alert::{PerLevel, Track};
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{alert, alert_change, rule_state, rule_tick};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{Level, PersonId, PlatformId};

use super::AlertId;

/// What is known about a rule, with how many events it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleState {
    pub track: Track,
    pub events_seen: i64,
    /// Why the rule could not be evaluated, if it could not.
    pub error: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = rule_state)]
struct RuleStateRow {
    rule_id: Uuid,
    red_at: Option<DateTime<Utc>>,
    yellow_at: Option<DateTime<Utc>>,
    blue_at: Option<DateTime<Utc>>,
    no_data_since: Option<DateTime<Utc>>,
    cleared_at: Option<DateTime<Utc>>,
    events_seen: i64,
    error: Option<String>,
}

impl RuleStateRow {
    /// The level at which a rule's alert fires stands with the alert, not with the rule.
    fn with(self, firing: Option<Level>) -> RuleState {
        let active_at = PerLevel {
            red: self.red_at,
            yellow: self.yellow_at,
            blue: self.blue_at,
        };
        RuleState {
            track: Track {
                active_at,
                no_data_since: self.no_data_since,
                firing,
                cleared_at: self.cleared_at,
            },
            events_seen: self.events_seen,
            error: self.error,
        }
    }
}

/// What is known about every rule that was ever evaluated.
pub fn rule_states(conn: &mut Conn) -> Result<HashMap<ItemId, RuleState>> {
    let firing: HashMap<Uuid, String> = alert::table
        .filter(alert::status.eq("firing"))
        .filter(alert::about.eq("platform"))
        .select((alert::rule_id, alert::level))
        .load::<(Uuid, String)>(conn)?
        .into_iter()
        .collect();
    let rows: Vec<RuleStateRow> = rule_state::table
        .select(RuleStateRow::as_select())
        .load(conn)?;
    let mut states = HashMap::new();
    for row in rows {
        let level = firing
            .get(&row.rule_id)
            .map(|level| read_level(level))
            .transpose()?;
        states.insert(row.rule_id.into(), row.with(level));
    }
    Ok(states)
}

/// What is known about one rule, locked: whoever evaluates it at the same time waits here.
pub fn lock_rule(conn: &mut Conn, rule: ItemId) -> Result<Option<RuleState>> {
    let row: Option<RuleStateRow> = rule_state::table
        .find(rule.uuid())
        .select(RuleStateRow::as_select())
        .for_update()
        .first(conn)
        .optional()?;
    let level: Option<String> = alert::table
        .filter(alert::rule_id.eq(rule.uuid()))
        .filter(alert::status.eq("firing"))
        .filter(alert::about.eq("platform"))
        .select(alert::level)
        .first(conn)
        .optional()?;
    let level = level.map(|level| read_level(&level)).transpose()?;
    Ok(row.map(|row| row.with(level)))
}

/// Gives a row to a rule that has none, so that it can be locked.
pub fn enrol_rule(conn: &mut Conn, rule: ItemId, events_seen: i64) -> Result<()> {
    diesel::insert_into(rule_state::table)
        .values((
            rule_state::rule_id.eq(rule.uuid()),
            rule_state::events_seen.eq(events_seen),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

pub fn save_rule(conn: &mut Conn, rule: ItemId, state: &RuleState) -> Result<()> {
    let track = &state.track;
    diesel::update(rule_state::table.find(rule.uuid()))
        .set((
            rule_state::red_at.eq(track.active_at.red),
            rule_state::yellow_at.eq(track.active_at.yellow),
            rule_state::blue_at.eq(track.active_at.blue),
            rule_state::no_data_since.eq(track.no_data_since),
            rule_state::cleared_at.eq(track.cleared_at),
            rule_state::events_seen.eq(state.events_seen),
            rule_state::error.eq(&state.error),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that rules were evaluated at `now`. Returns when they were before.
pub fn tick(conn: &mut Conn, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let before: Option<DateTime<Utc>> = rule_tick::table
        .select(rule_tick::at)
        .for_update()
        .first(conn)
        .optional()?;
    diesel::insert_into(rule_tick::table)
        .values((rule_tick::one.eq(true), rule_tick::at.eq(now)))
        .on_conflict(rule_tick::one)
        .do_update()
        .set(rule_tick::at.eq(now))
        .execute(conn)?;
    Ok(before)
}

/// When rules were last evaluated.
pub fn last_tick(conn: &mut Conn) -> Result<Option<DateTime<Utc>>> {
    Ok(rule_tick::table
        .select(rule_tick::at)
        .first(conn)
        .optional()?)
}

/// An alert as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub id: AlertId,
    pub platform: PlatformId,
    pub rule: ItemId,
    pub service: Option<ItemId>,
    pub fingerprint: String,
    pub firing: bool,
    pub level: Level,
    pub name: String,
    pub summary: String,
    pub active_at: DateTime<Utc>,
    pub fired_at: DateTime<Utc>,
    /// When it last rose to its level.
    pub level_at: DateTime<Utc>,
    pub was_red: bool,
    pub resolved_at: Option<DateTime<Utc>>,
    pub acknowledged: Option<Acknowledged>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub at: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub by: PersonId,
    pub name: String,
    pub note: String,
}

impl Alert {
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
    rule_id: Uuid,
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
}

impl TryFrom<AlertRow> for Alert {
    type Error = Error;

    fn try_from(row: AlertRow) -> Result<Self> {
        let acknowledged = match (
            row.acknowledged_at,
            row.acknowledged_until,
            row.acknowledged_by,
        ) {
            (Some(at), Some(until), Some(by)) => Some(Acknowledged {
                at,
                until,
                by: by.into(),
                name: row.acknowledged_name.unwrap_or_default(),
                note: row.acknowledged_note.unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            rule: row.rule_id.into(),
            service: row.service_id.map(ItemId::from),
            fingerprint: row.fingerprint,
            firing: row.status == "firing",
            level: read_level(&row.level)?,
            name: row.name,
            summary: row.summary,
            active_at: row.active_at,
            fired_at: row.fired_at,
            level_at: row.level_at,
            was_red: row.was_red,
            resolved_at: row.resolved_at,
            acknowledged,
        })
    }
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

/// Everything that wants a hand, worst first, oldest first within a level.
pub fn open(conn: &mut Conn) -> Result<Vec<Alert>> {
    let unseen = alert::was_red.and(alert::acknowledged_at.is_null());
    let rows: Vec<AlertRow> = alert::table
        .filter(alert::status.eq("firing").or(unseen))
        .order((alert::level_at, alert::id))
        .limit(rows_at_most(OPEN_AT_MOST))
        .select(AlertRow::as_select())
        .load(conn)?;
    let mut open = read_all(rows)?;
    open.sort_by_key(|alert| std::cmp::Reverse(alert.level));
    Ok(open)
}

/// Closed alerts, newest first.
pub fn closed(
    conn: &mut Conn,
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
    if let Some((at, id)) = before {
        let older = alert::resolved_at
            .lt(at)
            .or(alert::resolved_at.eq(at).and(alert::id.lt(id)));
        query = query.filter(older.assume_not_null());
    }
    read_all(query.load(conn)?)
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

/// The lit alert of this identity, locked.
pub fn lock_firing(tx: &mut Tx<'_>, fingerprint: &str) -> Result<Option<Alert>> {
    alert::table
        .filter(alert::fingerprint.eq(fingerprint))
        .filter(alert::status.eq("firing"))
        .select(AlertRow::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?
        .map(Alert::try_from)
        .transpose()
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Platform,
    /// The rule itself, which cannot be evaluated.
    Rule,
}

impl About {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Rule => "rule",
        }
    }
}

pub fn insert(tx: &mut Tx<'_>, about: About, new: &Alert) -> Result<()> {
    diesel::insert_into(alert::table)
        .values((
            alert::id.eq(new.id.uuid()),
            alert::platform_id.eq(new.platform.uuid()),
            alert::rule_id.eq(new.rule.uuid()),
            alert::service_id.eq(new.service.map(ItemId::uuid)),
            alert::fingerprint.eq(&new.fingerprint),
            alert::about.eq(about.as_str()),
            alert::status.eq("firing"),
            alert::level.eq(new.level.as_str()),
            alert::name.eq(&new.name),
            alert::summary.eq(&new.summary),
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
    diesel::update(alert::table.find(changed.id.uuid()))
        .set((
            alert::status.eq(if changed.firing { "firing" } else { "resolved" }),
            alert::level.eq(changed.level.as_str()),
            alert::summary.eq(&changed.summary),
            alert::level_at.eq(changed.level_at),
            alert::was_red.eq(changed.was_red),
            alert::resolved_at.eq(changed.resolved_at),
            alert::acknowledged_at.eq(acknowledged.map(|it| it.at)),
            alert::acknowledged_until.eq(acknowledged.map(|it| it.until)),
            alert::acknowledged_by.eq(acknowledged.map(|it| it.by.uuid())),
            alert::acknowledged_name.eq(acknowledged.map(|it| &it.name)),
            alert::acknowledged_note.eq(acknowledged.map(|it| &it.note)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// A line of an alert's timeline.
#[derive(Clone, Debug, Queryable)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub kind: String,
    pub level: String,
    pub who: String,
    pub text: String,
}

pub fn insert_change(
    tx: &mut Tx<'_>,
    alert: AlertId,
    kind: &'static str,
    level: Level,
    who: &str,
    text: &str,
) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(alert_change::table)
        .values((
            alert_change::id.eq(Uuid::now_v7()),
            alert_change::alert_id.eq(alert.uuid()),
            alert_change::at.eq(now),
            alert_change::kind.eq(kind),
            alert_change::level.eq(level.as_str()),
            alert_change::who.eq(who),
            alert_change::text.eq(text),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The timeline, oldest first.
pub fn changes(conn: &mut Conn, alert: AlertId) -> Result<Vec<Change>> {
    const AT_MOST: i64 = 500;
    Ok(alert_change::table
        .filter(alert_change::alert_id.eq(alert.uuid()))
        .order((alert_change::at, alert_change::id))
        .limit(AT_MOST)
        .select((
            alert_change::at,
            alert_change::kind,
            alert_change::level,
            alert_change::who,
            alert_change::text,
        ))
        .load(conn)?)
}
