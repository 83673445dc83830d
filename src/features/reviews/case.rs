//! A case and what may happen to it: the pure state machine. The store locks the row, this decides,
//! and the store writes what came of it.

use chrono::{DateTime, Duration, Utc};

use super::proposal::Proposal;
use super::risk::Band;
use super::verdict::{Status, Verdict};
use crate::foundation::kernel::{PersonId, PlatformId, SubjectId};

crate::typed_id!(
    /// An item that a person decides.
    CaseId,
    /// One decision about it, proposed or taken.
    DecisionId,
);

/// The kind of every case there is so far, which is also the queue that it stands in.
pub const KIND: &str = "kyc";
/// How long a claim holds without the claimant doing anything.
pub const LEASE_MINUTES: i64 = 30;
/// A case put aside comes back after at most so long.
pub const LONGEST_PARKING_DAYS: i64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub by: PersonId,
    pub until: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub id: CaseId,
    pub number: i64,
    pub platform: PlatformId,
    pub subject: SubjectId,
    /// What the platform calls the subject.
    pub external_id: String,
    pub company: bool,
    pub status: Status,
    pub band: Band,
    pub score: u16,
    /// The policies that the case was opened under. It is judged under them to its end.
    pub policy_version: i32,
    pub screening_policy_version: i32,
    pub opened_for: OpenedFor,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub claim: Option<Claim>,
    pub parked_until: Option<DateTime<Utc>>,
    pub version: i32,
}

/// What made a person have to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedFor {
    /// The risk, or a screening hit.
    Assessment,
    /// The profile was approved long enough ago.
    ReviewDue,
    /// The identity document that the approval rested on has expired.
    DocumentExpired,
}

impl OpenedFor {
    pub const ALL: [Self; 3] = [Self::Assessment, Self::ReviewDue, Self::DocumentExpired];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assessment => "assessment",
            Self::ReviewDue => "review_due",
            Self::DocumentExpired => "document_expired",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Assessment => "Opened because of the risk or a screening hit.",
            Self::ReviewDue => "Opened because the approval is due to be looked at again.",
            Self::DocumentExpired => "Opened because the identity document has expired.",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// How the subject's screening hits stand when a case is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HitsNow {
    pub undecided: bool,
    pub confirmed: bool,
}

/// Why the case says no. Each has words for the person in `refusal.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseRefusal {
    #[error("the case is closed")]
    Closed,
    #[error("somebody else has claimed the case")]
    ClaimedByOther,
    #[error("claim the case first")]
    NotClaimed,
    #[error("the case awaits the approval of a proposal")]
    AwaitingApproval,
    #[error("nothing was proposed")]
    NothingProposed,
    #[error("the proposer cannot approve")]
    OwnProposal,
    #[error("what was proposed is no longer what is approved")]
    Altered,
    #[error("a screening hit is undecided")]
    UndecidedHit,
    #[error("a screening hit is confirmed")]
    ConfirmedHit,
    #[error("the case has changed since the page was made")]
    Stale,
    #[error("a case is parked for one to thirty days")]
    ParkingTime,
}

/// What a decision leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It holds at once.
    Decided,
    /// A second person has to approve it.
    Proposed,
}

impl Case {
    /// The claim, unless its lease has run out.
    pub fn live_claim(&self, now: DateTime<Utc>) -> Option<Claim> {
        self.claim.filter(|claim| claim.until > now)
    }

    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        !self.status.is_closed() && self.due_at <= now
    }

    /// Whether this verdict needs a second person.
    pub fn needs_two(&self, verdict: Verdict) -> bool {
        verdict == Verdict::Approve && self.band.needs_review()
    }

    /// Takes the case, or renews one's own claim. True where it was not one's own before.
    pub fn claim(&mut self, by: PersonId, now: DateTime<Utc>) -> Result<bool, CaseRefusal> {
        self.workable()?;
        if self.renew(by, now) {
            return Ok(false);
        }
        if self.live_claim(now).is_some() {
            return Err(CaseRefusal::ClaimedByOther);
        }
        self.claim = Some(lease(by, now));
        self.version += 1;
        Ok(true)
    }

    /// Whoever works on a case keeps it. This changes nothing that anybody decides on, so nobody's
    /// page grows stale by it. True where the claim was theirs.
    pub fn renew(&mut self, by: PersonId, now: DateTime<Utc>) -> bool {
        let own = self.live_claim(now).is_some_and(|claim| claim.by == by);
        if own {
            self.claim = Some(lease(by, now));
        }
        own
    }

    pub fn release(&mut self, by: PersonId, now: DateTime<Utc>) -> Result<(), CaseRefusal> {
        self.held(by, now)?;
        self.claim = None;
        self.version += 1;
        Ok(())
    }

    /// Decides, or proposes where a second person has to agree.
    pub fn decide(
        &mut self,
        by: PersonId,
        verdict: Verdict,
        hits: HitsNow,
        now: DateTime<Utc>,
    ) -> Result<Effect, CaseRefusal> {
        self.workable()?;
        self.held(by, now)?;
        barred_by_hits(verdict, hits)?;
        self.claim = None;
        self.version += 1;
        if self.needs_two(verdict) {
            self.status = Status::Proposed;
            return Ok(Effect::Proposed);
        }
        self.close(verdict, now);
        Ok(Effect::Decided)
    }

    /// The second person agrees to exactly what was proposed.
    pub fn approve(
        &mut self,
        proposal: &Proposal,
        by: PersonId,
        payload_now: [u8; 32],
        hits: HitsNow,
        now: DateTime<Utc>,
    ) -> Result<(), CaseRefusal> {
        self.proposed()?;
        if proposal.by == by {
            return Err(CaseRefusal::OwnProposal);
        }
        if proposal.payload_hash != payload_now {
            return Err(CaseRefusal::Altered);
        }
        barred_by_hits(proposal.verdict, hits)?;
        self.version += 1;
        self.close(proposal.verdict, now);
        Ok(())
    }

    /// The second person disagrees, or the proposer withdraws: the case is open again.
    pub fn reopen(&mut self) -> Result<(), CaseRefusal> {
        self.proposed()?;
        self.status = Status::Open;
        self.version += 1;
        Ok(())
    }

    pub fn park(
        &mut self,
        by: PersonId,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), CaseRefusal> {
        self.workable()?;
        self.held(by, now)?;
        if until <= now || until > now + Duration::days(LONGEST_PARKING_DAYS) {
            return Err(CaseRefusal::ParkingTime);
        }
        self.status = Status::Parked;
        self.parked_until = Some(until);
        self.claim = None;
        self.version += 1;
        Ok(())
    }

    /// The end of parking, by the clock or by hand.
    pub fn resume(&mut self) {
        if self.status == Status::Parked {
            self.status = Status::Open;
            self.parked_until = None;
            self.version += 1;
        }
    }

    /// New facts: whatever was proposed on the old ones is void.
    pub fn reassess(&mut self, band: Band, score: u16, due_at: DateTime<Utc>) {
        self.band = band;
        self.score = score;
        self.due_at = self.due_at.min(due_at);
        if matches!(
            self.status,
            Status::Proposed | Status::NeedsInformation | Status::Parked
        ) {
            self.status = Status::Open;
            self.parked_until = None;
        }
        self.version += 1;
    }

    fn close(&mut self, verdict: Verdict, now: DateTime<Utc>) {
        (self.status, self.closed_at) = match verdict {
            Verdict::Approve => (Status::Approved, Some(now)),
            Verdict::Reject => (Status::Rejected, Some(now)),
            Verdict::RequestInformation => (Status::NeedsInformation, None),
        };
    }

    fn workable(&self) -> Result<(), CaseRefusal> {
        match self.status {
            status if status.is_closed() => Err(CaseRefusal::Closed),
            Status::Proposed => Err(CaseRefusal::AwaitingApproval),
            status if status.is_workable() => Ok(()),
            _ => Err(CaseRefusal::NotClaimed),
        }
    }

    /// What to say to a decision on an older version: whether there is still something to decide comes first,
    /// so that nobody is asked to decide again what is closed.
    pub fn why_stale(&self) -> CaseRefusal {
        match self.status {
            status if status.is_closed() => CaseRefusal::Closed,
            Status::Proposed => CaseRefusal::AwaitingApproval,
            _ => CaseRefusal::Stale,
        }
    }

    fn proposed(&self) -> Result<(), CaseRefusal> {
        match self.status {
            Status::Proposed => Ok(()),
            status if status.is_closed() => Err(CaseRefusal::Closed),
            _ => Err(CaseRefusal::NothingProposed),
        }
    }

    fn held(&self, by: PersonId, now: DateTime<Utc>) -> Result<(), CaseRefusal> {
        match self.live_claim(now) {
            Some(claim) if claim.by == by => Ok(()),
            Some(_) => Err(CaseRefusal::ClaimedByOther),
            None => Err(CaseRefusal::NotClaimed),
        }
    }
}

fn lease(by: PersonId, now: DateTime<Utc>) -> Claim {
    Claim {
        by,
        until: now + Duration::minutes(LEASE_MINUTES),
    }
}

/// A closed case takes no more answers about its hits, so that none may be left open; and nobody is
/// approved whom two people have found on a list.
fn barred_by_hits(verdict: Verdict, hits: HitsNow) -> Result<(), CaseRefusal> {
    match verdict {
        Verdict::Approve | Verdict::Reject if hits.undecided => Err(CaseRefusal::UndecidedHit),
        Verdict::Approve if hits.confirmed => Err(CaseRefusal::ConfirmedHit),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
