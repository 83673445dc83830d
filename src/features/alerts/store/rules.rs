//! What is known about rules between two ticks.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use uuid::Uuid;

use super::read_level;
use crate::features::alerts::alert::{PerLevel, Track};
use crate::features::alerts::alertmanager::store as outside;
use crate::features::alerts::flap::{Flap, Held};
use crate::features::alerts::step::RuleState;
use crate::features::packs::pack::ItemId;
use crate::foundation::db::schema::{alert, rule_state, rule_tick};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::Level;

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
    event_type_id: Option<Uuid>,
    flap_turns: Vec<Option<DateTime<Utc>>>,
    flap_held_since: Option<DateTime<Utc>>,
    flap_on: Option<bool>,
}

impl RuleStateRow {
    /// The level at which a rule's alert fires stands with the alert, not with the rule.
    fn with(self, lit: Option<Level>) -> RuleState {
        let active_at = PerLevel {
            red: self.red_at,
            yellow: self.yellow_at,
            blue: self.blue_at,
        };
        let held = self.flap_held_since.zip(self.flap_on);
        let flap = Flap {
            turns: self.flap_turns.into_iter().flatten().collect(),
            held: held.map(|(since, on)| Held { since, on }),
        };
        let track = Track {
            active_at,
            no_data_since: self.no_data_since,
            firing: None,
            cleared_at: self.cleared_at,
        };
        let state = RuleState {
            track,
            flap,
            lit: None,
            event_type: self.event_type_id.map(ItemId::from),
            events_seen: self.events_seen,
            error: self.error,
        };
        state.lit_at(lit)
    }
}

/// What is known about every rule that was ever evaluated.
pub fn rule_states(conn: &mut Conn) -> Result<HashMap<ItemId, RuleState>> {
    let firing: HashMap<Uuid, String> = alert::table
        .filter(alert::status.eq("firing"))
        .filter(alert::about.eq("platform"))
        .select((alert::rule_id.assume_not_null(), alert::level))
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

/// The rules that could not be evaluated, or have had nothing to read since `before`.
pub fn unseeing(conn: &mut Conn, before: DateTime<Utc>) -> Result<Vec<ItemId>> {
    let ids: Vec<Uuid> = rule_state::table
        .filter(
            rule_state::error
                .is_not_null()
                .or(rule_state::no_data_since.le(before)),
        )
        .select(rule_state::rule_id)
        .load(conn)?;
    Ok(ids.into_iter().map(ItemId::from).collect())
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
pub fn enrol_rule(conn: &mut Conn, rule: ItemId) -> Result<()> {
    diesel::insert_into(rule_state::table)
        .values((
            rule_state::rule_id.eq(rule.uuid()),
            rule_state::events_seen.eq(0),
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
            rule_state::event_type_id.eq(state.event_type.map(ItemId::uuid)),
            rule_state::events_seen.eq(state.events_seen),
            rule_state::error.eq(&state.error),
            rule_state::flap_turns.eq(&state.flap.turns),
            rule_state::flap_held_since.eq(state.flap.held.map(|held| held.since)),
            rule_state::flap_on.eq(state.flap.held.map(|held| held.on)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that rules are evaluated at `now`. After a pause longer than `standstill` nobody saw anything last:
/// what was on its way is moved by the pause, in the same transaction, so that it is moved once whoever
/// evaluates first. What other programs could not send again meanwhile is given time.
pub fn tick(conn: &mut Conn, now: DateTime<Utc>, standstill: TimeDelta) -> Result<()> {
    let before: Option<DateTime<Utc>> = rule_tick::table
        .select(rule_tick::at)
        .for_update()
        .first(conn)
        .optional()?;
    // Another process's clock may be a little ahead of ours.
    let at = before.map_or(now, |before| before.max(now));
    diesel::insert_into(rule_tick::table)
        .values((rule_tick::one.eq(true), rule_tick::at.eq(at)))
        .on_conflict(rule_tick::one)
        .do_update()
        .set(rule_tick::at.eq(at))
        .execute(conn)?;
    match before.map(|before| now - before) {
        Some(pause) if pause > standstill => {
            // Whoever lights or puts out one holds the row of its identity first.
            outside::flaps::shift(conn, pause)?;
            outside::give_grace(conn, now - pause, now)?;
            shift(conn, pause)
        }
        _ => Ok(()),
    }
}

/// The turns of a rule that cannot be evaluated move when it can be again, by all of the time in which nobody saw them.
fn shift(conn: &mut Conn, pause: TimeDelta) -> Result<()> {
    diesel::sql_query(
        "UPDATE rule_state SET \
             red_at = red_at + pause, yellow_at = yellow_at + pause, blue_at = blue_at + pause, \
             no_data_since = no_data_since + pause, cleared_at = cleared_at + pause, \
             flap_turns = CASE WHEN flap_held_since IS NULL OR error IS NOT NULL THEN flap_turns \
                 ELSE ARRAY(SELECT turn + pause FROM unnest(flap_turns) AS turn ORDER BY turn) END \
         FROM (SELECT $1 * interval '1 microsecond' AS pause) AS standstill",
    )
    .bind::<BigInt, _>(pause.num_microseconds().unwrap_or(i64::MAX))
    .execute(conn)?;
    Ok(())
}

/// When rules were last evaluated.
pub fn last_tick(conn: &mut Conn) -> Result<Option<DateTime<Utc>>> {
    Ok(rule_tick::table
        .select(rule_tick::at)
        .first(conn)
        .optional()?)
}
