//! A hit and what may be decided about it: the pure part.

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use crate::foundation::kernel::{PersonId, PlatformId, SubjectId};

crate::typed_id!(
    /// A version of a list.
    ListId,
    /// One entry of a list, as one or more versions had it.
    EntryId,
    /// A subject that an entry fits.
    HitId,
    /// What was decided about a hit, or proposed.
    DispositionId,
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HitStatus {
    Open,
    Proposed,
    NeedsInformation,
    Confirmed,
    Dismissed,
    /// The two records no longer fit; nobody had decided.
    Withdrawn,
}

impl HitStatus {
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Proposed,
        Self::NeedsInformation,
        Self::Confirmed,
        Self::Dismissed,
        Self::Withdrawn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::NeedsInformation => "needs_information",
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Undecided",
            Self::Proposed => "Awaiting a second person",
            Self::NeedsInformation => "Needs information",
            Self::Confirmed => "Confirmed",
            Self::Dismissed => "Dismissed",
            Self::Withdrawn => "No longer alike",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// As long as one of these stands, the case cannot be approved.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::Open | Self::Proposed | Self::NeedsInformation)
    }
}

/// What somebody says that a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Confirmed,
    Dismissed,
    NeedsInformation,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Dismissed, Self::Confirmed, Self::NeedsInformation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Dismissed => "dismissed",
            Self::NeedsInformation => "needs_information",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Confirmed => "The same: confirm the hit",
            Self::Dismissed => "Somebody else: dismiss the hit",
            Self::NeedsInformation => "Cannot be told yet: needs information",
        }
    }

    /// "dismiss", after "to".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Confirmed => "confirm",
            Self::Dismissed => "dismiss",
            Self::NeedsInformation => "wait for information",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }

    pub fn status(self) -> HitStatus {
        match self {
            Self::Confirmed => HitStatus::Confirmed,
            Self::Dismissed => HitStatus::Dismissed,
            Self::NeedsInformation => HitStatus::NeedsInformation,
        }
    }
}

/// Why, in a code that can be counted, and what it speaks for.
#[derive(Debug)]
pub struct Reason {
    pub code: &'static str,
    pub label: &'static str,
    pub fits: Outcome,
}

impl Reason {
    const fn new(code: &'static str, label: &'static str, fits: Outcome) -> Self {
        Self { code, label, fits }
    }
}

/// Those that fit the same outcome stand together.
pub const REASONS: [Reason; 6] = [
    Reason::new("birth_differs", "Date of birth differs", Outcome::Dismissed),
    Reason::new("name_differs", "Name differs", Outcome::Dismissed),
    Reason::new("country_differs", "Country differs", Outcome::Dismissed),
    Reason::new("document_differs", "Papers differ", Outcome::Dismissed),
    Reason::new(
        "identifiers_agree",
        "Name and date or papers agree",
        Outcome::Confirmed,
    ),
    Reason::new(
        "facts_missing",
        "Facts are missing",
        Outcome::NeedsInformation,
    ),
];

pub fn reason(code: &str) -> Option<&'static Reason> {
    REASONS.iter().find(|reason| reason.code == code)
}

pub fn reason_label(code: &str) -> Option<&'static str> {
    reason(code).map(|reason| reason.label)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub id: HitId,
    pub platform: PlatformId,
    pub subject: SubjectId,
    pub source: String,
    pub reference: String,
    pub entry: EntryId,
    pub list_version: i32,
    pub score: u16,
    pub exact: bool,
    pub subject_hash: Vec<u8>,
    pub entry_hash: Vec<u8>,
    pub status: HitStatus,
    pub found_at: DateTime<Utc>,
    pub version: i32,
    /// The threshold for a second person, as it was when the two were compared.
    pub two_people_at: u16,
    /// When two people first found that the two are the same; kept when the hit is opened again.
    pub confirmed_at: Option<DateTime<Utc>>,
    pub report_due: Option<NaiveDate>,
    pub reported_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HitRefusal {
    #[error("the hit has changed since the page was made")]
    Stale,
    #[error("the hit awaits the second person")]
    AwaitingApproval,
    #[error("the hit is decided")]
    Decided,
    #[error("nothing was proposed")]
    NothingProposed,
    #[error("the proposer cannot approve")]
    OwnProposal,
    #[error("what was proposed is no longer what is approved")]
    Altered,
    #[error("there is nothing to report about the hit")]
    NothingToReport,
}

impl Hit {
    /// A confirmation always; a dismissal where the likeness is great, or where it takes back what
    /// two people had confirmed.
    pub fn needs_two(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Confirmed => true,
            Outcome::Dismissed => {
                self.exact || self.score >= self.two_people_at || self.confirmed_at.is_some()
            }
            Outcome::NeedsInformation => false,
        }
    }

    /// The clock starts with the first confirmation and is not set back by a later one.
    pub fn start_clock(&mut self, now: DateTime<Utc>, due: NaiveDate) {
        self.confirmed_at.get_or_insert(now);
        self.report_due.get_or_insert(due);
    }

    /// Two people found that it was not the same after all. What was reported stays reported.
    pub fn stop_clock(&mut self) {
        if self.reported_at.is_none() {
            self.confirmed_at = None;
            self.report_due = None;
        }
    }

    pub fn is_to_be_reported(&self) -> bool {
        self.report_due.is_some() && self.reported_at.is_none()
    }

    pub fn report(&mut self, now: DateTime<Utc>) -> Result<(), HitRefusal> {
        if !self.is_to_be_reported() {
            return Err(HitRefusal::NothingToReport);
        }
        self.reported_at = Some(now);
        Ok(())
    }

    /// Whether somebody may say something about it; `seen` is the version on their page.
    pub fn judge(&self, seen: i32) -> Result<(), HitRefusal> {
        match self.status {
            HitStatus::Proposed => Err(HitRefusal::AwaitingApproval),
            status if !status.is_undecided() => Err(HitRefusal::Decided),
            _ if self.version != seen => Err(HitRefusal::Stale),
            _ => Ok(()),
        }
    }

    /// Whether this person may be the second one for exactly this.
    pub fn second(
        &self,
        proposal: &Disposition,
        by: PersonId,
        payload_now: [u8; 32],
    ) -> Result<(), HitRefusal> {
        if self.status != HitStatus::Proposed {
            return Err(HitRefusal::NothingProposed);
        }
        if proposal.proposer == by {
            return Err(HitRefusal::OwnProposal);
        }
        if proposal.payload_hash != payload_now {
            return Err(HitRefusal::Altered);
        }
        Ok(())
    }
}

/// What was said about a hit, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    pub id: DispositionId,
    pub hit: HitId,
    pub outcome: Outcome,
    pub reason: String,
    pub two_people: bool,
    pub payload_hash: [u8; 32],
    pub proposer: PersonId,
    pub proposed_at: DateTime<Utc>,
    pub approver: Option<PersonId>,
    pub effective: bool,
}

/// Everything that the second person agrees to.
pub fn payload_hash(hit: &Hit, outcome: Outcome, reason: &str, note: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    let id = hit.id.uuid();
    let parts: [&[u8]; 6] = [
        id.as_bytes(),
        &hit.subject_hash,
        &hit.entry_hash,
        outcome.as_str().as_bytes(),
        reason.as_bytes(),
        note.as_bytes(),
    ];
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(score: u16, exact: bool) -> Hit {
        Hit {
            id: HitId::new(),
            platform: PlatformId::new(),
            subject: SubjectId::new(),
            source: "demo".into(),
            reference: "1".into(),
            entry: EntryId::new(),
            list_version: 1,
            score,
            exact,
            subject_hash: vec![1; 32],
            entry_hash: vec![2; 32],
            status: HitStatus::Open,
            found_at: DateTime::UNIX_EPOCH,
            version: 1,
            two_people_at: 930,
            confirmed_at: None,
            report_due: None,
            reported_at: None,
        }
    }

    #[test]
    fn great_likeness_needs_two_people() {
        assert!(!hit(900, false).needs_two(Outcome::Dismissed));
        assert!(hit(930, false).needs_two(Outcome::Dismissed));
        assert!(hit(880, true).needs_two(Outcome::Dismissed));
        assert!(hit(850, false).needs_two(Outcome::Confirmed));
        assert!(!hit(1000, true).needs_two(Outcome::NeedsInformation));
        let mut confirmed = hit(860, false);
        confirmed.start_clock(DateTime::UNIX_EPOCH, NaiveDate::MIN);
        assert!(confirmed.needs_two(Outcome::Dismissed));
    }

    #[test]
    fn the_clock_is_not_set_back() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut hit = hit(950, false);
        assert_eq!(
            hit.report(DateTime::UNIX_EPOCH),
            Err(HitRefusal::NothingToReport)
        );
        hit.start_clock(DateTime::UNIX_EPOCH, date("2026-03-16"));
        hit.start_clock(Utc::now(), date("2026-04-20"));
        assert_eq!(hit.report_due, Some(date("2026-03-16")));
        assert_eq!(hit.confirmed_at, Some(DateTime::UNIX_EPOCH));
        hit.report(DateTime::UNIX_EPOCH).unwrap();
        assert!(!hit.is_to_be_reported());
        hit.stop_clock();
        assert!(
            hit.report_due.is_some(),
            "what was reported stays on record"
        );
    }

    #[test]
    fn only_another_person_seconds_and_only_the_same() {
        let (ann, ben) = (PersonId::new(), PersonId::new());
        let mut hit = hit(950, false);
        let hash = payload_hash(&hit, Outcome::Dismissed, "birth_differs", "note");
        let proposal = Disposition {
            id: DispositionId::new(),
            hit: hit.id,
            outcome: Outcome::Dismissed,
            reason: "birth_differs".into(),
            two_people: true,
            payload_hash: hash,
            proposer: ann,
            proposed_at: DateTime::UNIX_EPOCH,
            approver: None,
            effective: false,
        };
        assert_eq!(
            hit.second(&proposal, ben, hash),
            Err(HitRefusal::NothingProposed)
        );
        hit.status = HitStatus::Proposed;
        assert_eq!(
            hit.second(&proposal, ann, hash),
            Err(HitRefusal::OwnProposal)
        );
        assert_eq!(
            hit.second(&proposal, ben, [0; 32]),
            Err(HitRefusal::Altered)
        );
        assert_eq!(hit.second(&proposal, ben, hash), Ok(()));
        let mut changed = hit.clone();
        changed.entry_hash = vec![3; 32];
        assert_ne!(
            payload_hash(&changed, Outcome::Dismissed, "birth_differs", "note"),
            hash
        );
    }
}
