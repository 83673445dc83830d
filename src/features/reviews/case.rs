//! A case and what may happen to it: the pure state machine. The store locks the row, this decides,
//! and the store writes what came of it.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use super::risk::Band;
use crate::foundation::kernel::{PersonId, PlatformId, SubjectId};

crate::typed_id!(
    /// An item that a person decides.
    CaseId,
    /// One decision about it, proposed or taken.
    DecisionId,
);

/// How long a claim holds without the claimant doing anything.
pub const LEASE_MINUTES: i64 = 30;
/// A case put aside comes back after at most so long.
pub const LONGEST_PARKING_DAYS: i64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Open,
    Proposed,
    NeedsInformation,
    Parked,
    Approved,
    Rejected,
}

impl Status {
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Proposed,
        Self::NeedsInformation,
        Self::Parked,
        Self::Approved,
        Self::Rejected,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::NeedsInformation => "needs_information",
            Self::Parked => "parked",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Proposed => "Awaiting approval",
            Self::NeedsInformation => "Needs information",
            Self::Parked => "Parked",
            Self::Approved => "Approved",
            Self::Rejected => "Rejected",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn is_closed(self) -> bool {
        matches!(self, Self::Approved | Self::Rejected)
    }

    /// Whether somebody can work on it now.
    fn is_workable(self) -> bool {
        matches!(self, Self::Open | Self::NeedsInformation)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Approve,
    Reject,
    RequestInformation,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::RequestInformation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::RequestInformation => "request_information",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Reject => "Reject",
            Self::RequestInformation => "Ask for information",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
    }
}

/// Why, in codes that can be counted. Neutral towards the customer.
pub const REASONS: [(&str, &str); 8] = [
    ("identity_verified", "Identity verified"),
    ("hits_cleared", "Screening hits cleared"),
    ("risk_understood", "Risk understood and acceptable"),
    ("documents_missing", "Documents missing or expired"),
    ("identity_doubtful", "Identity in doubt"),
    ("listed_person", "Listed person or company"),
    ("outside_appetite", "Outside what we accept"),
    ("information_requested", "Information requested"),
];

/// The label of a reason code; unknown codes have none and are refused.
pub fn reason_label(code: &str) -> Option<&'static str> {
    REASONS
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, label)| *label)
}

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
    pub policy_version: i32,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub claim: Option<Claim>,
    pub parked_until: Option<DateTime<Utc>>,
    pub version: i32,
}

/// Why the case says no. Each has words for the person in `actions.rs`.
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

    /// Takes the case, or renews one's own claim.
    pub fn claim(&mut self, by: PersonId, now: DateTime<Utc>) -> Result<(), CaseRefusal> {
        self.workable()?;
        if self.live_claim(now).is_some_and(|claim| claim.by != by) {
            return Err(CaseRefusal::ClaimedByOther);
        }
        self.claim = Some(Claim {
            by,
            until: now + Duration::minutes(LEASE_MINUTES),
        });
        self.version += 1;
        Ok(())
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
        undecided_hits: bool,
        now: DateTime<Utc>,
    ) -> Result<Effect, CaseRefusal> {
        self.workable()?;
        self.held(by, now)?;
        if verdict == Verdict::Approve && undecided_hits {
            return Err(CaseRefusal::UndecidedHit);
        }
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
        undecided_hits: bool,
        now: DateTime<Utc>,
    ) -> Result<(), CaseRefusal> {
        self.proposed()?;
        if proposal.by == by {
            return Err(CaseRefusal::OwnProposal);
        }
        if proposal.payload_hash != payload_now {
            return Err(CaseRefusal::Altered);
        }
        if undecided_hits {
            return Err(CaseRefusal::UndecidedHit);
        }
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

/// A decision that awaits its second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub id: DecisionId,
    pub verdict: Verdict,
    pub by: PersonId,
    pub payload_hash: [u8; 32],
}

/// Everything that an approval binds to. Any change of it gives another hash.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    pub case: CaseId,
    pub verdict: Verdict,
    pub reasons: &'a [String],
    pub note: &'a str,
    pub band: Band,
    pub score: u16,
    /// The assessment that the case shows: a keyed hash of the subject's facts, lists and policy.
    pub basis: &'a [u8],
    /// Each hit with its version.
    pub hits: &'a [(uuid::Uuid, i32)],
}

impl Payload<'_> {
    pub fn hash(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        part(self.case.uuid().as_bytes());
        part(self.verdict.as_str().as_bytes());
        part(&(self.reasons.len() as u64).to_be_bytes());
        for reason in self.reasons {
            part(reason.as_bytes());
        }
        part(self.note.as_bytes());
        part(self.band.as_str().as_bytes());
        part(&self.score.to_be_bytes());
        part(self.basis);
        for (hit, version) in self.hits {
            part(hit.as_bytes());
            part(&version.to_be_bytes());
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn case(band: Band) -> Case {
        Case {
            id: CaseId::new(),
            number: 1,
            platform: PlatformId::new(),
            subject: SubjectId::new(),
            external_id: "DEMO-1".into(),
            company: false,
            status: Status::Open,
            band,
            score: 500,
            policy_version: 1,
            opened_at: now(),
            due_at: now() + Duration::hours(48),
            closed_at: None,
            claim: None,
            parked_until: None,
            version: 1,
        }
    }

    fn proposal(by: PersonId) -> Proposal {
        Proposal {
            id: DecisionId::new(),
            verdict: Verdict::Approve,
            by,
            payload_hash: [7; 32],
        }
    }

    #[test]
    fn a_claim_is_a_lease() {
        let (ann, ben) = (PersonId::new(), PersonId::new());
        let mut case = case(Band::Medium);
        case.claim(ann, now()).unwrap();
        assert_eq!(case.claim(ben, now()), Err(CaseRefusal::ClaimedByOther));
        assert_eq!(case.release(ben, now()), Err(CaseRefusal::ClaimedByOther));
        let later = now() + Duration::minutes(LEASE_MINUTES);
        case.claim(ben, later).unwrap();
        assert_eq!(
            case.decide(ann, Verdict::Reject, false, later),
            Err(CaseRefusal::ClaimedByOther)
        );
    }

    #[test]
    fn one_person_decides_a_medium_risk() {
        let ann = PersonId::new();
        let mut case = case(Band::Medium);
        assert_eq!(
            case.decide(ann, Verdict::Approve, false, now()),
            Err(CaseRefusal::NotClaimed)
        );
        case.claim(ann, now()).unwrap();
        assert_eq!(
            case.decide(ann, Verdict::Approve, false, now()),
            Ok(Effect::Decided)
        );
        assert_eq!(
            (case.status, case.closed_at),
            (Status::Approved, Some(now()))
        );
        assert_eq!(case.claim(ann, now()), Err(CaseRefusal::Closed));
    }

    #[test]
    fn a_high_risk_needs_somebody_else() {
        let (ann, ben) = (PersonId::new(), PersonId::new());
        let mut case = case(Band::High);
        case.claim(ann, now()).unwrap();
        assert_eq!(
            case.decide(ann, Verdict::Approve, false, now()),
            Ok(Effect::Proposed)
        );
        let proposal = proposal(ann);
        let mut approve = |by, hash, hits| case.approve(&proposal, by, hash, hits, now());
        assert_eq!(approve(ann, [7; 32], false), Err(CaseRefusal::OwnProposal));
        assert_eq!(approve(ben, [8; 32], false), Err(CaseRefusal::Altered));
        assert_eq!(approve(ben, [7; 32], true), Err(CaseRefusal::UndecidedHit));
        assert_eq!(approve(ben, [7; 32], false), Ok(()));
        assert_eq!(approve(ben, [7; 32], false), Err(CaseRefusal::Closed));
        assert_eq!(case.status, Status::Approved);
    }

    #[test]
    fn one_person_may_reject_any_risk() {
        let ann = PersonId::new();
        let mut case = case(Band::Prohibited);
        case.claim(ann, now()).unwrap();
        assert_eq!(
            case.decide(ann, Verdict::Reject, true, now()),
            Ok(Effect::Decided)
        );
        assert_eq!(case.status, Status::Rejected);
    }

    #[test]
    fn an_undecided_hit_bars_approval() {
        let ann = PersonId::new();
        let mut case = case(Band::Low);
        case.claim(ann, now()).unwrap();
        assert_eq!(
            case.decide(ann, Verdict::Approve, true, now()),
            Err(CaseRefusal::UndecidedHit)
        );
        assert_eq!(
            case.live_claim(now()).map(|claim| claim.by),
            Some(ann),
            "nothing is lost"
        );
    }

    #[test]
    fn new_facts_void_a_proposal() {
        let ann = PersonId::new();
        let mut case = case(Band::High);
        case.claim(ann, now()).unwrap();
        case.decide(ann, Verdict::Approve, false, now()).unwrap();
        let version = case.version;
        case.reassess(Band::Prohibited, 1000, now() + Duration::hours(24));
        assert_eq!(case.status, Status::Open);
        assert!(case.version > version);
        assert_eq!(
            case.due_at,
            now() + Duration::hours(24),
            "the clock only gets shorter"
        );
    }

    #[test]
    fn parking_has_an_end() {
        let ann = PersonId::new();
        let mut case = case(Band::High);
        case.claim(ann, now()).unwrap();
        let too_long = now() + Duration::days(LONGEST_PARKING_DAYS + 1);
        assert_eq!(
            case.park(ann, too_long, now()),
            Err(CaseRefusal::ParkingTime)
        );
        case.park(ann, now() + Duration::days(3), now()).unwrap();
        assert!(case.claim(ann, now()).is_err());
        case.resume();
        case.claim(ann, now()).unwrap();
    }

    #[test]
    fn the_hash_covers_everything() {
        let reasons = ["hits_cleared".to_owned()];
        let case = CaseId::new();
        let hit = uuid::Uuid::now_v7();
        let hits = [(hit, 1)];
        let payload = Payload {
            case,
            verdict: Verdict::Approve,
            reasons: &reasons,
            note: "fine",
            band: Band::High,
            score: 500,
            basis: &[1; 32],
            hits: &hits,
        };
        let other_hits = [(hit, 2)];
        let others = [
            Payload {
                note: "fine.",
                ..payload.clone()
            },
            Payload {
                verdict: Verdict::Reject,
                ..payload.clone()
            },
            Payload {
                reasons: &[],
                ..payload.clone()
            },
            Payload {
                band: Band::Low,
                ..payload.clone()
            },
            Payload {
                score: 501,
                ..payload.clone()
            },
            Payload {
                basis: &[2; 32],
                ..payload.clone()
            },
            Payload {
                hits: &other_hits,
                ..payload.clone()
            },
        ];
        for other in others {
            assert_ne!(other.hash(), payload.hash(), "{other:?}");
        }
    }

    proptest::proptest! {
        /// Whatever is tried in whatever order: nobody's high risk is approved by one person, and a
        /// closed case stays as it is.
        #[test]
        fn no_order_of_acts_gets_around_the_second_person(
            acts in proptest::collection::vec((0_usize..7, 0_usize..3), 0..40),
        ) {
            let people = [PersonId::new(), PersonId::new(), PersonId::new()];
            let mut case = case(Band::High);
            let mut proposer = None;
            for (act, who) in acts {
                let by = people[who];
                let closed = case.status.is_closed();
                let before = case.clone();
                match act {
                    0 => drop(case.claim(by, now())),
                    1 => drop(case.release(by, now())),
                    2 => if case.decide(by, Verdict::Approve, false, now()).is_ok() {
                        proptest::prop_assert_eq!(case.status, Status::Proposed);
                        proposer = Some(by);
                    },
                    3 => if let Some(proposed_by) = proposer {
                        let agreed = case.approve(&proposal(proposed_by), by, [7; 32], false, now());
                        if agreed.is_ok() {
                            proptest::prop_assert_ne!(proposed_by, by);
                        }
                    },
                    4 => drop(case.reopen()),
                    5 => drop(case.decide(by, Verdict::RequestInformation, false, now())),
                    _ => drop(case.park(by, now() + Duration::days(1), now())),
                }
                if closed {
                    proptest::prop_assert_eq!(&case, &before);
                }
            }
        }
    }
}
