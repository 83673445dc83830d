//! Turns slots into jobs, and reports those that were missed.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;

use super::engine::Engine;
use super::queue;
use super::schedule::{Late, Schedule};
use crate::foundation::audit::{Actor, Event, Outcome, Subject};
use crate::foundation::db::schema::job_schedule;
use crate::foundation::db::{self, Conn, PoolKind};

/// A slot that is older than this when we come to it was missed: nobody was running then.
const GRACE_SECS: i64 = 120;
/// Most late slots of one schedule that are run after an outage; older ones are only reported.
const LATE_LIMIT: usize = 100;

/// Enqueues what has become due since the last tick, on whichever replica is first.
pub(super) fn tick(engine: &Engine) -> db::Result<()> {
    let now = engine.services.clock.now();
    for schedule in engine.registry.schedules() {
        let after = engine.bookkeeping(|conn| dealt_with(conn, schedule, now))?;
        if schedule.slots(after, now).next().is_some() {
            enqueue(engine, schedule, now)?;
        }
    }
    Ok(())
}

/// The slot up to which all is dealt with. A schedule that is new begins now, not in the past.
fn dealt_with(
    conn: &mut Conn,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> db::Result<DateTime<Utc>> {
    let known = job_schedule::table
        .find(schedule.name)
        .select(job_schedule::last_slot)
        .first(conn)
        .optional()?;
    if let Some(slot) = known {
        return Ok(slot);
    }
    diesel::insert_into(job_schedule::table)
        .values((
            job_schedule::name.eq(schedule.name),
            job_schedule::last_slot.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(now)
}

/// Slots by what becomes of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    on_time: Vec<DateTime<Utc>>,
    run_late: Vec<DateTime<Utc>>,
    skipped: Vec<DateTime<Utc>>,
}

impl Sorted {
    fn has_missed(&self) -> bool {
        !self.run_late.is_empty() || !self.skipped.is_empty()
    }
}

fn sort(schedule: &Schedule, slots: Vec<DateTime<Utc>>, now: DateTime<Utc>) -> Sorted {
    let in_time = |slot: &DateTime<Utc>| now - *slot <= Duration::seconds(GRACE_SECS);
    let (on_time, mut missed): (Vec<_>, Vec<_>) = slots.into_iter().partition(in_time);
    let run_late = match schedule.late {
        Late::Run => missed.split_off(missed.len().saturating_sub(LATE_LIMIT)),
        Late::Skip => Vec::new(),
    };
    Sorted {
        on_time,
        run_late,
        skipped: missed,
    }
}

fn enqueue(engine: &Engine, schedule: &Schedule, now: DateTime<Utc>) -> db::Result<()> {
    let lock = |conn: &mut Conn| -> db::Result<Sorted> {
        let after = job_schedule::table
            .find(schedule.name)
            .select(job_schedule::last_slot)
            .for_update()
            .first(conn)?;
        Ok(sort(schedule, schedule.slots(after, now).collect(), now))
    };
    let missed = engine.bookkeeping(|conn| {
        let sorted = lock(conn)?;
        let missed = sorted.has_missed();
        if !missed {
            insert(conn, schedule, &sorted, now)?;
        }
        Ok(missed)
    })?;
    if !missed {
        return Ok(());
    }
    let actor = Actor::job(schedule.kind);
    let noted = engine
        .services
        .audit
        .write_on(PoolKind::Jobs, &actor, |tx| {
            let sorted = lock(tx)?;
            // Another process has noted them meanwhile. What is on time is found by the next look.
            if !sorted.has_missed() {
                return Err(db::Error::NoEvent);
            }
            insert(tx, schedule, &sorted, now)?;
            tx.record(missed_event(schedule, &sorted))?;
            Ok(())
        });
    match noted {
        Err(db::Error::NoEvent) => Ok(()),
        noted => noted,
    }
}

fn insert(
    conn: &mut Conn,
    schedule: &Schedule,
    sorted: &Sorted,
    now: DateTime<Utc>,
) -> db::Result<()> {
    for slot in sorted.run_late.iter().chain(&sorted.on_time) {
        queue::insert_slot(conn, schedule, *slot, now)?;
    }
    let missed = sorted.run_late.len() + sorted.skipped.len();
    if missed > 0 {
        let missed = i64::try_from(missed).unwrap_or(i64::MAX);
        diesel::update(job_schedule::table.find(schedule.name))
            .set((
                job_schedule::missed.eq(job_schedule::missed + missed),
                job_schedule::missed_at.eq(now),
            ))
            .execute(conn)?;
    }
    let all = [&sorted.on_time, &sorted.run_late, &sorted.skipped];
    if let Some(last) = all.into_iter().flatten().max() {
        diesel::update(job_schedule::table.find(schedule.name))
            .set(job_schedule::last_slot.eq(last))
            .execute(conn)?;
    }
    Ok(())
}

/// The kind of the event that says so.
pub const SLOT_MISSED: &str = "schedule.slot_missed";

fn missed_event(schedule: &Schedule, sorted: &Sorted) -> Event {
    let mut missed = sorted.skipped.iter().chain(&sorted.run_late);
    let first = missed.next();
    let last = missed.last().or(first);
    let when = |slot: Option<&DateTime<Utc>>| slot.map(DateTime::to_rfc3339);
    Event::new(SLOT_MISSED, Subject::new("schedule", schedule.name))
        .outcome(Outcome::Failure)
        .detail("first", when(first))
        .detail("last", when(last))
        .detail("run_late", sorted.run_late.len())
        .detail("skipped", sorted.skipped.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_slots_are_run_late_or_left_as_the_schedule_says() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-11-20T12:01:00Z");
        let hourly = Schedule::new("t", "0 * * * *", "UTC", "t").unwrap();
        let slots: Vec<_> = hourly.slots(at("2026-11-20T09:30:00Z"), now).collect();
        let run = sort(&hourly, slots.clone(), now);
        assert_eq!(run.on_time, [at("2026-11-20T12:00:00Z")]);
        assert_eq!(run.run_late, slots[..2]);
        let left = sort(&hourly.clone().late(Late::Skip), slots.clone(), now);
        assert_eq!(left.skipped, slots[..2]);
        let many: Vec<_> = hourly.slots(at("2026-11-01T00:00:00Z"), now).collect();
        let capped = sort(&hourly, many, now);
        assert_eq!(capped.run_late.len(), LATE_LIMIT);
        assert!(!capped.skipped.is_empty(), "older ones are reported");
    }
}
