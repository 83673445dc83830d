//! A hit and what may be decided about it: the pure part.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::birth::BirthMatch;
use super::listed::Quality;
use super::matching::CountryMatch;
use super::policy::ScreeningPolicy;
use super::word::Likeness;
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

/// Why, in codes that can be counted.
pub const REASONS: [(&str, &str); 6] = [
    ("birth_differs", "Date of birth differs"),
    ("name_differs", "Name differs"),
    ("country_differs", "Country differs"),
    ("document_differs", "Papers differ"),
    ("identifiers_agree", "Name and date or papers agree"),
    ("facts_missing", "Facts are missing"),
];

pub fn reason_label(code: &str) -> Option<&'static str> {
    REASONS
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, label)| *label)
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
    pub report_due: Option<NaiveDate>,
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
}

impl Hit {
    /// A confirmation always, a dismissal where the likeness is great.
    pub fn needs_two(&self, outcome: Outcome, policy: &ScreeningPolicy) -> bool {
        match outcome {
            Outcome::Confirmed => true,
            Outcome::Dismissed => self.exact || self.score >= policy.two_people_at,
            Outcome::NeedsInformation => false,
        }
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

/// The date `days` business days later. Weekends are not business days; holidays are the business
/// calendar's, which may only make it later than this.
pub fn business_days_after(from: NaiveDate, days: u16) -> NaiveDate {
    let mut date = from;
    let mut left = days;
    while left > 0 {
        date = date.checked_add_days(Days::new(1)).unwrap_or(date);
        if !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
            left -= 1;
        }
    }
    date
}

/// What matched and what differed. It speaks of the subject, so it is stored under its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub subject_name: String,
    pub entry_name: String,
    pub quality: Quality,
    pub name_score: u16,
    pub matched: Vec<MatchedPart>,
    pub only_subject: Vec<String>,
    pub only_entry: Vec<String>,
    pub birth: BirthMatch,
    pub country: CountryMatch,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedPart {
    pub subject: String,
    pub entry: String,
    pub likeness: u16,
    pub how: Likeness,
}

impl Explanation {
    pub fn is_exact(&self) -> bool {
        let same = self.matched.iter().all(|part| part.how == Likeness::Same);
        same && self.only_subject.is_empty()
            && self.only_entry.is_empty()
            && self.birth == BirthMatch::Exact
    }

    /// In words, what agrees.
    pub fn agreements(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .matched
            .iter()
            .map(|part| match part.how {
                Likeness::Same => format!("“{}” is the same", part.subject),
                Likeness::SpellingHabit => {
                    format!("“{}” is a spelling of “{}”", part.subject, part.entry)
                }
                Likeness::SimilarLetters => {
                    format!("“{}” is written like “{}”", part.subject, part.entry)
                }
                Likeness::SoundsAlike => {
                    format!("“{}” sounds like “{}”", part.subject, part.entry)
                }
                Likeness::Initial => {
                    format!("“{}” may stand for “{}”", part.subject, part.entry)
                }
                Likeness::Joined => {
                    format!(
                        "“{}” is “{}” written together or apart",
                        part.subject, part.entry
                    )
                }
            })
            .collect();
        match self.birth {
            BirthMatch::Exact => lines.push("the date of birth is the same".into()),
            BirthMatch::Agrees => {
                lines.push("the date of birth is within what the list says".into());
            }
            BirthMatch::Slip => {
                lines.push("the dates of birth differ as by a slip of the pen".into());
            }
            BirthMatch::Near | BirthMatch::Unknown | BirthMatch::Differs => {}
        }
        if self.country == CountryMatch::Agrees {
            lines.push("a country is the same".into());
        }
        lines
    }

    /// In words, what does not agree or is not known.
    pub fn differences(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(
            self.only_subject
                .iter()
                .map(|t| format!("“{t}” is not on the list")),
        );
        lines.extend(
            self.only_entry
                .iter()
                .map(|t| format!("the list also has “{t}”")),
        );
        match self.birth {
            BirthMatch::Differs => lines.push("the date of birth differs".into()),
            BirthMatch::Near => lines.push("the date of birth differs by about a year".into()),
            BirthMatch::Unknown => lines.push("a date of birth is not known".into()),
            BirthMatch::Exact | BirthMatch::Agrees | BirthMatch::Slip => {}
        }
        match self.country {
            CountryMatch::Differs => lines.push("no country is the same".into()),
            CountryMatch::Unknown => lines.push("a country is not known".into()),
            CountryMatch::Agrees => {}
        }
        if self.quality == Quality::Weak {
            lines.push("the list calls this alias weak".into());
        }
        lines
    }
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
            report_due: None,
        }
    }

    const POLICY: ScreeningPolicy = ScreeningPolicy {
        hit_at: 850,
        two_people_at: 930,
        list_stale_days: 30,
        report_business_days: 10,
    };

    #[test]
    fn great_likeness_needs_two_people() {
        assert!(!hit(900, false).needs_two(Outcome::Dismissed, &POLICY));
        assert!(hit(930, false).needs_two(Outcome::Dismissed, &POLICY));
        assert!(hit(880, true).needs_two(Outcome::Dismissed, &POLICY));
        assert!(hit(850, false).needs_two(Outcome::Confirmed, &POLICY));
        assert!(!hit(1000, true).needs_two(Outcome::NeedsInformation, &POLICY));
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

    #[test]
    fn business_days_skip_weekends() {
        let friday: NaiveDate = "2026-11-20".parse().unwrap();
        assert_eq!(business_days_after(friday, 1).to_string(), "2026-11-23");
        assert_eq!(business_days_after(friday, 10).to_string(), "2026-12-04");
    }
}
