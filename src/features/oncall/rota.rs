//! Who is on call, and until when. Pure: what the pack says, who was put in, and the time come in; shifts go out.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::features::packs::pack;

crate::typed_id!(
    /// Somebody who was put in for a time.
    OverrideId,
);

/// A rota as it is reckoned with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rota {
    pub members: Vec<String>,
    pub days: i64,
    /// The local time of the hand-over.
    pub at: NaiveTime,
    pub zone: Tz,
    pub start: NaiveDate,
}

/// Somebody stands in for whoever's turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub id: OverrideId,
    pub contact: String,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// A stretch of time with the same person on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// A contact; nobody before the rota begins.
    pub who: Option<String>,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Whoever was put in, in place of whose turn it is.
    pub instead: Option<(OverrideId, Option<String>)>,
}

impl Rota {
    #[must_use]
    pub fn of(spec: &pack::Rota, platform: Tz) -> Self {
        Self {
            members: spec.members.clone(),
            days: spec.turn.days(),
            at: spec.at,
            zone: spec.zone(platform.name()).parse().unwrap_or(platform),
            start: spec.start,
        }
    }

    /// When the turn of this number begins.
    fn begins(&self, turn: i64) -> DateTime<Utc> {
        let days = TimeDelta::try_days(turn.saturating_mul(self.days)).unwrap_or_default();
        let day = self.start.checked_add_signed(days).unwrap_or(self.start);
        handover(day, self.at, self.zone)
    }

    /// The number of the turn that runs at `at`; below 0 before the first.
    fn turn_at(&self, at: DateTime<Utc>) -> i64 {
        let day = at.with_timezone(&self.zone).date_naive();
        let mut turn = (day - self.start).num_days().div_euclid(self.days);
        // The day of a hand-over belongs to both.
        while self.begins(turn) > at {
            turn -= 1;
        }
        while self.begins(turn + 1) <= at {
            turn += 1;
        }
        turn
    }

    fn member(&self, turn: i64) -> Option<&String> {
        let count = i64::try_from(self.members.len()).ok()?;
        if turn < 0 || count == 0 {
            return None;
        }
        let place = usize::try_from(turn % count).ok()?;
        self.members.get(place)
    }

    /// Who is on call at `at`. Of several who were put in, the one who was put in last.
    #[must_use]
    pub fn on_call(&self, overrides: &[Override], at: DateTime<Utc>) -> Shift {
        let turn = self.turn_at(at);
        let (mut from, mut until) = (self.begins(turn), self.begins(turn + 1));
        let own = self.member(turn).cloned();
        let put_in = overrides
            .iter()
            .filter(|it| it.from <= at && at < it.until)
            .max_by_key(|it| it.id);
        // Nothing is changed between two moments at which somebody comes or goes.
        for edge in overrides.iter().flat_map(|it| [it.from, it.until]) {
            if edge <= at {
                from = from.max(edge);
            } else {
                until = until.min(edge);
            }
        }
        match put_in {
            Some(it) => Shift {
                who: Some(it.contact.clone()),
                from,
                until,
                instead: Some((it.id, own)),
            },
            None => Shift {
                who: own,
                from,
                until,
                instead: None,
            },
        }
    }

    /// The shifts that touch the time from `from` to `until`, in order; what changes nobody is one shift.
    #[must_use]
    pub fn shifts(
        &self,
        overrides: &[Override],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<Shift> {
        const AT_MOST: usize = 500;
        let mut shifts: Vec<Shift> = Vec::new();
        let mut at = from;
        while at < until && shifts.len() < AT_MOST {
            let shift = self.on_call(overrides, at);
            at = shift.until;
            match shifts.last_mut() {
                Some(last) if last.is_continued_by(&shift) => last.until = shift.until,
                _ => shifts.push(shift),
            }
        }
        shifts
    }

    /// Who is on call at `at` and until when they stay it, and who comes after them.
    #[must_use]
    pub fn standing(&self, overrides: &[Override], at: DateTime<Utc>) -> (Shift, Option<Shift>) {
        let ahead = at + TimeDelta::days(self.days * 2 + 1);
        let mut shifts = self.shifts(overrides, at, ahead).into_iter();
        let Some(mut now) = shifts.next() else {
            return (self.on_call(overrides, at), None);
        };
        for next in shifts {
            if next.who != now.who {
                return (now, Some(next));
            }
            now.until = next.until;
        }
        (now, None)
    }
}

impl Shift {
    fn is_continued_by(&self, next: &Self) -> bool {
        self.until == next.from && self.who == next.who && self.instead == next.instead
    }
}

/// The moment of a hand-over: where the clock jumps over it, the first moment after; where it comes twice, the first.
fn handover(day: NaiveDate, at: NaiveTime, zone: Tz) -> DateTime<Utc> {
    const STEP: TimeDelta = TimeDelta::minutes(1);
    /// No zone has ever jumped over more than a day.
    const STEPS: usize = 24 * 60;
    let mut local = day.and_time(at);
    for _ in 0..=STEPS {
        if let Some(found) = zone.from_local_datetime(&local).earliest() {
            return found.to_utc();
        }
        local += STEP;
    }
    local.and_utc()
}

#[cfg(test)]
#[path = "rota_tests.rs"]
mod tests;
