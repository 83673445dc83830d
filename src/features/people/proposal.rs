//! A proposed change of somebody's access, and who may answer it: the pure state machine. The store locks the row,
//! this decides, and the store writes what came of it. The database holds to the same rules.

use chrono::{DateTime, Duration, Utc};

use crate::foundation::kernel::PersonId;

crate::typed_id!(
    /// A change that waits for a second administrator, or waited for one.
    ProposalId,
);

/// After this a proposal that nobody has answered is void: whoever approves then would approve old news.
pub const LIVES: Duration = Duration::days(7);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Roles, on platforms, for a time.
    Grant,
    /// Let somebody in again.
    Enable,
    /// The password is known, the second factor is lost.
    ResetFactors,
    /// The password is lost.
    Recovery,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::Grant,
        Self::Enable,
        Self::ResetFactors,
        Self::Recovery,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Enable => "enable",
            Self::ResetFactors => "reset_factors",
            Self::Recovery => "recovery",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What it does to the person, as a title.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Grant => "Grant roles",
            Self::Enable => "Enable again",
            Self::ResetFactors => "Reset the second factor",
            Self::Recovery => "Recover the account",
        }
    }

    /// Whether somebody may propose it for themselves; another one approves it. Of two administrators, who approves what
    /// one of them gets can only be the other, so that one has to ask; the page says so to whoever approves.
    #[must_use]
    pub const fn may_be_for_oneself(self) -> bool {
        matches!(self, Self::Grant)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approved,
    Refused,
    /// By whoever proposed it.
    Withdrawn,
}

impl Decision {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approved, Self::Refused, Self::Withdrawn]
            .into_iter()
            .find(|decision| decision.as_str() == text)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    /// Nobody answered in time.
    Lapsed,
    Decided(Decision),
}

/// Why somebody may not answer a proposal so, in words for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("You proposed this, so another administrator has to approve it.")]
    Own,
    #[error(
        "This is about your own access, so an administrator who is neither you nor the proposer has to approve it."
    )]
    AboutYou,
    #[error("This was answered before.")]
    Answered,
    #[error("Nobody approved this within seven days, so it is void. Propose it again.")]
    Lapsed,
    #[error("What you saw is not what was proposed. Open the proposal and read it again.")]
    Changed,
    #[error("Somebody cannot propose this for themselves. Ask another administrator.")]
    ForOneself,
}

/// What of a proposal decides who may answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub person: PersonId,
    pub proposed_by: PersonId,
    pub expires_at: DateTime<Utc>,
    pub decision: Option<Decision>,
    /// SHA-256 of exactly what was proposed.
    pub payload_sha256: [u8; 32],
}

impl Standing {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        match self.decision {
            Some(decision) => State::Decided(decision),
            None if now >= self.expires_at => State::Lapsed,
            None => State::Waiting,
        }
    }

    /// Whether somebody asks for themselves, which whoever approves it is told.
    #[must_use]
    pub fn is_for_oneself(&self) -> bool {
        self.person == self.proposed_by
    }

    fn check_waiting(&self, now: DateTime<Utc>) -> Result<(), Fault> {
        match self.state(now) {
            State::Waiting => Ok(()),
            State::Lapsed => Err(Fault::Lapsed),
            State::Decided(_) => Err(Fault::Answered),
        }
    }

    /// Whether this person may approve it at all: what a page asks before it shows the button.
    pub fn may_approve(&self, by: PersonId, now: DateTime<Utc>) -> Result<(), Fault> {
        self.check_waiting(now)?;
        if by == self.proposed_by {
            return Err(Fault::Own);
        }
        if by == self.person {
            return Err(Fault::AboutYou);
        }
        Ok(())
    }

    /// Approves exactly what the approver saw.
    pub fn approve(
        &self,
        by: PersonId,
        seen: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Decision, Fault> {
        self.may_approve(by, now)?;
        if seen != self.payload_sha256 {
            return Err(Fault::Changed);
        }
        Ok(Decision::Approved)
    }

    /// Says no, which is the safe direction: anybody among the administrators may.
    pub fn decline(&self, by: PersonId, now: DateTime<Utc>) -> Result<Decision, Fault> {
        self.check_waiting(now)?;
        Ok(if by == self.proposed_by {
            Decision::Withdrawn
        } else {
            Decision::Refused
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cast {
        proposer: PersonId,
        other: PersonId,
        person: PersonId,
        now: DateTime<Utc>,
        standing: Standing,
    }

    fn cast() -> Cast {
        let (proposer, other, person) = (PersonId::new(), PersonId::new(), PersonId::new());
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Cast {
            proposer,
            other,
            person,
            now,
            standing: Standing {
                person,
                proposed_by: proposer,
                expires_at: now + LIVES,
                decision: None,
                payload_sha256: [7; 32],
            },
        }
    }

    #[test]
    fn only_a_third_person_approves() {
        let Cast {
            proposer,
            other,
            person,
            now,
            standing,
        } = cast();
        assert_eq!(standing.approve(proposer, &[7; 32], now), Err(Fault::Own));
        assert_eq!(
            standing.approve(person, &[7; 32], now),
            Err(Fault::AboutYou)
        );
        assert_eq!(
            standing.approve(other, &[7; 32], now),
            Ok(Decision::Approved)
        );
    }

    #[test]
    fn an_approval_is_of_what_was_seen() {
        let Cast {
            other,
            now,
            standing,
            ..
        } = cast();
        for seen in [&[8; 32][..], &[], &[7; 31]] {
            assert_eq!(standing.approve(other, seen, now), Err(Fault::Changed));
        }
    }

    #[test]
    fn it_lapses_after_seven_days() {
        let Cast {
            proposer,
            other,
            now,
            standing,
            ..
        } = cast();
        let last = now + LIVES - Duration::seconds(1);
        assert_eq!(
            standing.approve(other, &[7; 32], last),
            Ok(Decision::Approved)
        );
        assert_eq!(standing.state(now + LIVES), State::Lapsed);
        assert_eq!(
            standing.approve(other, &[7; 32], now + LIVES),
            Err(Fault::Lapsed)
        );
        assert_eq!(standing.decline(proposer, now + LIVES), Err(Fault::Lapsed));
    }

    #[test]
    fn it_is_answered_once() {
        let Cast {
            proposer,
            other,
            now,
            standing,
            ..
        } = cast();
        for decision in [Decision::Approved, Decision::Refused, Decision::Withdrawn] {
            let decided = Standing {
                decision: Some(decision),
                ..standing.clone()
            };
            assert_eq!(decided.approve(other, &[7; 32], now), Err(Fault::Answered));
            assert_eq!(decided.decline(proposer, now), Err(Fault::Answered));
            assert_eq!(decided.state(now + LIVES), State::Decided(decision));
        }
    }

    #[test]
    fn whoever_proposed_withdraws_and_others_refuse() {
        let Cast {
            proposer,
            other,
            person,
            now,
            standing,
        } = cast();
        assert_eq!(standing.decline(proposer, now), Ok(Decision::Withdrawn));
        assert_eq!(standing.decline(other, now), Ok(Decision::Refused));
        assert_eq!(standing.decline(person, now), Ok(Decision::Refused));
    }

    #[test]
    fn names_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind.may_be_for_oneself(), kind == Kind::Grant);
        }
        assert_eq!(Kind::parse("other"), None);
        assert_eq!(Decision::parse("other"), None);
    }
}
