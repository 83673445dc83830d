//! A grant for reports, from its proposal to its end: who may do what to it, and when it counts.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};

use crate::foundation::kernel::PersonId;

crate::typed_id!(
    /// A grant for reports.
    SarGrantId,
);

/// The longest time that one is given for; it can be given again.
pub const LONGEST: Duration = Duration::days(366);
pub const LONGEST_PURPOSE: usize = 500;
/// How long an opening of the compartment lasts.
pub const OPEN_FOR: Duration = Duration::minutes(15);

/// Who did something: a person, or the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand {
    /// As the log names them.
    pub actor: String,
    pub at: DateTime<Utc>,
}

/// A grant as it stands. `G` is what it lets somebody do.
#[derive(Clone, Debug)]
pub struct Given<G> {
    pub id: SarGrantId,
    pub person: PersonId,
    pub grant: G,
    pub purpose: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub proposed: Hand,
    pub approved: Option<Hand>,
    pub ended: Option<Hand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For somebody's approval.
    Waiting,
    /// Approved, and its time has not come.
    ToCome,
    Held,
    /// Its time is over.
    Over,
    /// Taken back, or never given.
    Ended,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("only somebody who holds the grant gives it")]
    NotHeld,
    #[error("nobody gives a grant to themselves")]
    OnesOwn,
    #[error("you proposed it, so somebody else who holds it has to approve it")]
    Proposer,
    #[error("it was answered before")]
    Answered,
    #[error("it has ended already")]
    Over,
    #[error("they hold it already, or somebody has proposed it")]
    Exists,
    #[error("an auditor reads reports and does nothing else with them")]
    AuditorActs,
    #[error("it ends after it starts, after now, and within a year")]
    Period,
    #[error("say what it is for, in at most {LONGEST_PURPOSE} characters")]
    Purpose,
    #[error("nobody here has this address")]
    Nobody,
    #[error("two people hold it: they give it to others, on the page of the grants")]
    TwoHold,
}

impl<G: Copy + Ord> Given<G> {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        if self.ended.is_some() {
            State::Ended
        } else if self.ends_at <= now {
            State::Over
        } else if self.approved.is_none() {
            State::Waiting
        } else if now < self.starts_at {
            State::ToCome
        } else {
            State::Held
        }
    }

    /// Whether somebody who holds `held` may approve it.
    pub fn check_approval(
        &self,
        by: PersonId,
        held: &BTreeSet<G>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        match self.state(now) {
            State::Waiting => {}
            State::ToCome | State::Held => return Err(Refusal::Answered),
            State::Over | State::Ended => return Err(Refusal::Over),
        }
        if !held.contains(&self.grant) {
            return Err(Refusal::NotHeld);
        }
        if self.person == by {
            return Err(Refusal::OnesOwn);
        }
        if self.proposed.actor == format!("person:{by}") {
            return Err(Refusal::Proposer);
        }
        Ok(())
    }

    /// Whether somebody who holds `held` may end it. Nobody needs a second one for that, and everybody may give up what
    /// is theirs.
    pub fn check_end(
        &self,
        by: PersonId,
        held: &BTreeSet<G>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        match self.state(now) {
            State::Over | State::Ended => Err(Refusal::Over),
            _ if self.person == by || held.contains(&self.grant) => Ok(()),
            _ => Err(Refusal::NotHeld),
        }
    }
}

/// Whether a grant may be given for this time.
pub fn check_period(
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let fits = ends_at > starts_at && ends_at > now && ends_at - starts_at <= LONGEST;
    if fits { Ok(()) } else { Err(Refusal::Period) }
}

/// When a day begins: days are those of UTC.
#[must_use]
pub fn begin_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// A purpose as it is kept.
pub fn check_purpose(typed: &str) -> Result<&str, Refusal> {
    let purpose = typed.trim();
    let fits = !purpose.is_empty()
        && purpose.chars().count() <= LONGEST_PURPOSE
        && !purpose.contains(|c: char| c.is_control() && c != '\n' && c != '\r');
    if fits {
        Ok(purpose)
    } else {
        Err(Refusal::Purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn hand(person: PersonId) -> Hand {
        Hand {
            actor: format!("person:{person}"),
            at: now(),
        }
    }

    fn proposed(person: PersonId, by: PersonId) -> Given<char> {
        Given {
            id: SarGrantId::new(),
            person,
            grant: 'r',
            purpose: "a test".to_owned(),
            starts_at: now(),
            ends_at: now() + Duration::days(30),
            proposed: hand(by),
            approved: None,
            ended: None,
        }
    }

    #[test]
    fn another_holder_approves_and_neither_proposer_nor_grantee() {
        let (to, by, other) = (PersonId::new(), PersonId::new(), PersonId::new());
        let given = proposed(to, by);
        let held = BTreeSet::from(['r']);
        assert_eq!(given.check_approval(other, &held, now()), Ok(()));
        assert_eq!(
            given.check_approval(by, &held, now()),
            Err(Refusal::Proposer)
        );
        assert_eq!(
            given.check_approval(to, &held, now()),
            Err(Refusal::OnesOwn)
        );
        let others = BTreeSet::from(['w']);
        assert_eq!(
            given.check_approval(other, &others, now()),
            Err(Refusal::NotHeld)
        );
        let late = now() + Duration::days(30);
        assert_eq!(given.check_approval(other, &held, late), Err(Refusal::Over));
        let mut answered = given.clone();
        answered.approved = Some(hand(other));
        assert_eq!(
            answered.check_approval(other, &held, now()),
            Err(Refusal::Answered)
        );
    }

    #[test]
    fn a_holder_or_its_owner_ends_it_once() {
        let (to, by, other) = (PersonId::new(), PersonId::new(), PersonId::new());
        let mut given = proposed(to, by);
        let nothing = BTreeSet::new();
        assert_eq!(given.check_end(to, &nothing, now()), Ok(()));
        assert_eq!(
            given.check_end(other, &nothing, now()),
            Err(Refusal::NotHeld)
        );
        assert_eq!(
            given.check_end(other, &BTreeSet::from(['r']), now()),
            Ok(())
        );
        given.ended = Some(hand(other));
        assert_eq!(given.check_end(to, &nothing, now()), Err(Refusal::Over));
    }

    #[test]
    fn it_passes_through_its_states() {
        let mut given = proposed(PersonId::new(), PersonId::new());
        given.starts_at = now() + Duration::hours(1);
        assert_eq!(given.state(now()), State::Waiting);
        given.approved = Some(hand(PersonId::new()));
        assert_eq!(given.state(now()), State::ToCome);
        assert_eq!(given.state(now() + Duration::hours(1)), State::Held);
        assert_eq!(given.state(given.ends_at), State::Over);
        given.ended = Some(hand(PersonId::new()));
        assert_eq!(given.state(now()), State::Ended);
    }

    #[test]
    fn periods_and_purposes_have_limits() {
        let day = Duration::days(1);
        assert_eq!(check_period(now(), now() + day, now()), Ok(()));
        for (starts, ends) in [
            (now(), now()),
            (now() - day * 2, now() - day),
            (now(), now() + LONGEST + day),
        ] {
            assert_eq!(check_period(starts, ends, now()), Err(Refusal::Period));
        }
        assert_eq!(check_purpose("  case 7 "), Ok("case 7"));
        for wrong in ["", " ", "\0", &"x".repeat(501)] {
            assert_eq!(check_purpose(wrong), Err(Refusal::Purpose));
        }
    }
}
