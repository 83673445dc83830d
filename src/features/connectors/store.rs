//! Breakers and what became of calls.

pub mod calls;
pub mod proposals;
pub mod turns;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

pub use super::breaker::BreakerId;
use super::breaker::{Breaker, State, Trial, Verdict};
use crate::features::packs::pack::{Is, ItemId};
use crate::foundation::db::schema::breaker;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Scope};

/// A breaker's row.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: BreakerId,
    pub platform: Option<PlatformId>,
    pub connector: Option<ItemId>,
    pub dependency: String,
    pub operation: String,
    pub name: String,
    pub breaker: Breaker,
    pub failing_since: Option<DateTime<Utc>>,
    pub tally: Tally,
    pub called_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
}

/// What became of all calls ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub answered: i64,
    pub failed: i64,
    pub limited: i64,
    pub short_circuited: i64,
}

impl Tally {
    pub const fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Answered => self.answered += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Limited(_) => self.limited += 1,
            Verdict::Nothing => {}
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = breaker)]
struct Row {
    id: Uuid,
    platform_id: Option<Uuid>,
    connector_id: Option<Uuid>,
    dependency: String,
    operation: String,
    name: String,
    state: String,
    since: DateTime<Utc>,
    recent: String,
    passed: i32,
    openings: i32,
    retry_at: Option<DateTime<Utc>>,
    trial: Option<Uuid>,
    trial_until: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    wait_until: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    answered: i64,
    failed: i64,
    limited: i64,
    short_circuited: i64,
    called_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Held {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state: State = row
            .state
            .parse()
            .map_err(|_| Error::Damaged("a breaker's state"))?;
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.map(PlatformId::from),
            connector: row.connector_id.map(ItemId::from),
            dependency: row.dependency,
            operation: row.operation,
            name: row.name,
            breaker: Breaker {
                state,
                since: row.since,
                recent: row.recent.chars().map(|letter| letter == 'g').collect(),
                passed: row.passed.unsigned_abs(),
                openings: row.openings.unsigned_abs(),
                retry_at: row.retry_at,
                trial: row
                    .trial
                    .zip(row.trial_until)
                    .map(|(id, until)| Trial { id, until }),
                ends_at: row.ends_at,
                wait_until: row.wait_until,
            },
            failing_since: row.failing_since,
            tally: Tally {
                answered: row.answered,
                failed: row.failed,
                limited: row.limited,
                short_circuited: row.short_circuited,
            },
            called_at: row.called_at,
            due_at: row.due_at,
        })
    }
}

/// What stands before a call: whose, and what people call it.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    pub platform: Option<PlatformId>,
    pub connector: Option<ItemId>,
    pub dependency: &'a str,
    pub operation: &'a str,
    pub name: &'a str,
    pub due_at: Option<DateTime<Utc>>,
}

/// Gives it its row, closed, unless it has one. One that was retired is back in force. Returns the row's id.
pub fn enrol(conn: &mut Conn, new: &New<'_>, now: DateTime<Utc>) -> Result<BreakerId> {
    if let Some(known) = known(conn, new.dependency, new.operation)? {
        // Its pack may call it something else by now.
        diesel::update(
            breaker::table
                .find(known.uuid())
                .filter(breaker::name.ne(new.name)),
        )
        .set(breaker::name.eq(new.name))
        .execute(conn)?;
        return Ok(known);
    }
    let id: Uuid = diesel::insert_into(breaker::table)
        .values((
            breaker::id.eq(BreakerId::new().uuid()),
            breaker::platform_id.eq(new.platform.map(PlatformId::uuid)),
            breaker::connector_id.eq(new.connector.map(ItemId::uuid)),
            breaker::dependency.eq(new.dependency),
            breaker::operation.eq(new.operation),
            breaker::name.eq(new.name),
            breaker::made_at.eq(now),
            breaker::state.eq(State::Closed.as_str()),
            breaker::since.eq(now),
            breaker::recent.eq(""),
            breaker::passed.eq(0),
            breaker::openings.eq(0),
            breaker::due_at.eq(new.due_at),
        ))
        .on_conflict((breaker::dependency, breaker::operation))
        .do_update()
        .set((
            breaker::retired_at.eq(None::<DateTime<Utc>>),
            breaker::due_at.eq(new.due_at),
            breaker::name.eq(new.name),
        ))
        .returning(breaker::id)
        .get_result(conn)?;
    Ok(id.into())
}

fn known(conn: &mut Conn, dependency: &str, operation: &str) -> Result<Option<BreakerId>> {
    let id: Option<Uuid> = breaker::table
        .filter(breaker::dependency.eq(dependency))
        .filter(breaker::operation.eq(operation))
        .filter(breaker::retired_at.is_null())
        .select(breaker::id)
        .first(conn)
        .optional()?;
    Ok(id.map(BreakerId::from))
}

/// Nothing is called through them any more. They stay on record.
pub fn retire(conn: &mut Conn, ids: &[BreakerId], now: DateTime<Utc>) -> Result<()> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    diesel::update(breaker::table.filter(breaker::id.eq_any(ids)))
        .set((
            breaker::retired_at.eq(now),
            breaker::due_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)?;
    Ok(())
}

/// Those of this dependency that are in force.
pub fn of_dependency(conn: &mut Conn, dependency: &str) -> Result<Vec<BreakerId>> {
    let ids: Vec<Uuid> = breaker::table
        .filter(breaker::dependency.eq(dependency))
        .filter(breaker::retired_at.is_null())
        .select(breaker::id)
        .load(conn)?;
    Ok(ids.into_iter().map(BreakerId::from).collect())
}

/// The row, locked: whoever calls at the same time waits here.
pub fn lock(conn: &mut Conn, id: BreakerId) -> Result<Held> {
    breaker::table
        .find(id.uuid())
        .filter(breaker::retired_at.is_null())
        .select(Row::as_select())
        .for_update()
        .first(conn)?
        .try_into()
}

pub fn find(conn: &mut Conn, id: BreakerId) -> Result<Held> {
    breaker::table
        .find(id.uuid())
        .filter(breaker::retired_at.is_null())
        .select(Row::as_select())
        .first(conn)?
        .try_into()
}

/// Whether somebody who reaches these platforms is shown it. What is nobody's is for those who reach all.
#[must_use]
pub fn is_within(reach: &Scope, platform: Option<PlatformId>) -> bool {
    match platform {
        Some(platform) => reach.allows(platform),
        None => *reach == Scope::All,
    }
}

/// All in force.
pub fn all(conn: &mut Conn) -> Result<Vec<Held>> {
    let rows: Vec<Row> = breaker::table
        .filter(breaker::retired_at.is_null())
        .order((breaker::name, breaker::operation))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Held::try_from).collect()
}

/// How the worst operation of a connector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    pub is: Is,
    pub since: DateTime<Utc>,
    /// When any of the operations was last called.
    pub called_at: Option<DateTime<Utc>>,
}

/// Of every connector that was ever called.
pub fn worst(conn: &mut Conn) -> Result<HashMap<ItemId, Worst>> {
    let rank = |is| match is {
        Is::Open => 3,
        Is::Disabled => 2,
        Is::Failing => 1,
        _ => 0,
    };
    let mut worst: HashMap<ItemId, Worst> = HashMap::new();
    for held in all(conn)? {
        let (Some(connector), Some(stands)) = (held.connector, held.stands()) else {
            continue;
        };
        let known = worst.entry(connector).or_insert(stands);
        let called_at = known.called_at.max(stands.called_at);
        if rank(stands.is) > rank(known.is) {
            *known = stands;
        }
        known.called_at = called_at;
    }
    Ok(worst)
}

impl Held {
    /// As a rule reads it. One that opened, tried and opened again has been cut off all the while.
    fn stands(&self) -> Option<Worst> {
        let breaker = &self.breaker;
        let (is, since) = match breaker.state {
            State::Open | State::HalfOpen => {
                (Is::Open, self.failing_since.unwrap_or(breaker.since))
            }
            State::ForcedOpen => (Is::Open, breaker.since),
            State::Disabled => (Is::Disabled, breaker.since),
            State::Closed => match self.failing_since {
                Some(since) => (Is::Failing, since),
                None => (Is::Up, self.called_at?),
            },
        };
        Some(Worst {
            is,
            since,
            called_at: self.called_at,
        })
    }
}

/// Everything that a call may change.
#[derive(AsChangeset)]
#[diesel(table_name = breaker, treat_none_as_null = true)]
struct Changes {
    state: &'static str,
    since: DateTime<Utc>,
    recent: String,
    passed: i32,
    openings: i32,
    retry_at: Option<DateTime<Utc>>,
    trial: Option<Uuid>,
    trial_until: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    wait_until: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    answered: i64,
    failed: i64,
    limited: i64,
    short_circuited: i64,
    called_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
}

pub fn save(conn: &mut Conn, held: &Held) -> Result<()> {
    let it = &held.breaker;
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let letter = |good: &bool| if *good { 'g' } else { 'f' };
    diesel::update(breaker::table.find(held.id.uuid()))
        .set(Changes {
            state: it.state.as_str(),
            since: it.since,
            recent: it.recent.iter().map(letter).collect(),
            passed: count(it.passed),
            openings: count(it.openings),
            retry_at: it.retry_at,
            trial: it.trial.map(|trial| trial.id),
            trial_until: it.trial.map(|trial| trial.until),
            ends_at: it.ends_at,
            wait_until: it.wait_until,
            failing_since: held.failing_since,
            answered: held.tally.answered,
            failed: held.tally.failed,
            limited: held.tally.limited,
            short_circuited: held.tally.short_circuited,
            called_at: held.called_at,
            due_at: held.due_at,
        })
        .execute(conn)?;
    Ok(())
}

/// Those that time alone may turn: a trial is lost, or what two people agreed to ends.
pub fn overdue(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<BreakerId>> {
    let ids: Vec<Uuid> = breaker::table
        .filter(breaker::retired_at.is_null())
        .filter(breaker::trial_until.le(now).or(breaker::ends_at.le(now)))
        .select(breaker::id)
        .load(conn)?;
    Ok(ids.into_iter().map(BreakerId::from).collect())
}

/// Takes on what the clock asks next. Whoever takes one on moves it by `lease`, so that nobody else asks meanwhile; what
/// comes of the call moves it on.
pub fn claim(
    conn: &mut Conn,
    now: DateTime<Utc>,
    lease: chrono::TimeDelta,
    at_most: i64,
) -> Result<Vec<Held>> {
    let due: Vec<Row> = breaker::table
        .filter(breaker::due_at.le(now))
        .filter(breaker::retired_at.is_null())
        .order(breaker::due_at)
        .limit(at_most)
        .select(Row::as_select())
        .for_update()
        .skip_locked()
        .load(conn)?;
    let ids: Vec<Uuid> = due.iter().map(|row| row.id).collect();
    diesel::update(breaker::table.filter(breaker::id.eq_any(ids)))
        .set(breaker::due_at.eq(now + lease))
        .execute(conn)?;
    due.into_iter().map(Held::try_from).collect()
}

/// Notes when the clock asks next.
pub fn set_due(conn: &mut Conn, id: BreakerId, at: DateTime<Utc>) -> Result<()> {
    diesel::update(
        breaker::table
            .find(id.uuid())
            .filter(breaker::retired_at.is_null()),
    )
    .set(breaker::due_at.eq(at))
    .execute(conn)?;
    Ok(())
}
