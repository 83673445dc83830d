//! One time that a list is gone through: how it stands, what is missing before it can be signed, who may review it. Pure.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::features::packs::pack::{CheckItem, Checklist, Evidence, ItemId};
use crate::foundation::kernel::{PersonId, PlatformId};

crate::typed_id!(
    /// One time that a list was due, or was started.
    RunId,
    /// A file that shows something.
    EvidenceId,
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits for somebody to go through it.
    Open,
    /// It waits for somebody else to look it over.
    Signed,
    Accepted,
    Objected,
    /// The next one opened before anybody had signed it.
    Missed,
    CalledOff,
}

impl State {
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Signed,
        Self::Accepted,
        Self::Objected,
        Self::Missed,
        Self::CalledOff,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Signed => "signed",
            Self::Accepted => "accepted",
            Self::Objected => "objected",
            Self::Missed => "missed",
            Self::CalledOff => "called_off",
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a state of a checklist"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Pass,
    Fail,
    /// Nobody knows: nothing was read, or what was read is stale.
    Unknown,
    NotApplicable,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Pass, Self::Fail, Self::Unknown, Self::NotApplicable];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Whether it says that something is not as it should be, or that nobody knows.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Unknown)
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not an answer"))
    }
}

/// What was answered for an item, by a reading or by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub item: String,
    pub at: DateTime<Utc>,
    /// Nobody where it was read.
    pub by: Option<PersonId>,
    pub name: String,
    pub outcome: Outcome,
    pub value: String,
    pub source: String,
    pub seen_at: Option<DateTime<Utc>>,
    pub note: String,
    pub reference: String,
    pub alert: Option<uuid::Uuid>,
}

/// A file that was added to an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: EvidenceId,
    pub item: String,
    pub at: DateTime<Utc>,
    pub by: PersonId,
    pub name: String,
    pub file: uuid::Uuid,
    pub bytes: i64,
    pub sha256: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub at: DateTime<Utc>,
    pub by: PersonId,
    pub name: String,
    pub performers: Vec<PersonId>,
    pub contents: String,
    pub digest: Vec<u8>,
    /// How many items failed, or nobody knows.
    pub failed: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub at: DateTime<Utc>,
    pub by: PersonId,
    pub name: String,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub platform: PlatformId,
    pub item: ItemId,
    pub name: String,
    pub spec: Checklist,
    pub schedule: String,
    pub slot: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub opened_by: Option<PersonId>,
    pub opened_name: String,
    pub subject: String,
    pub window: Option<uuid::Uuid>,
    pub state: State,
    pub signature: Option<Signature>,
    pub review: Option<Review>,
    pub ended: Option<(DateTime<Utc>, String)>,
}

/// One that waits for somebody, as far as its times go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: RunId,
    pub platform: PlatformId,
    pub item: ItemId,
    pub state: State,
    pub slot: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
}

impl Waiting {
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        deadline(self.state, self.slot, self.due_at).is_some_and(|deadline| now > deadline)
    }
}

/// To be signed, then as long again to be reviewed.
fn deadline(state: State, slot: DateTime<Utc>, due_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match state {
        State::Open => Some(due_at),
        State::Signed => Some(due_at + (due_at - slot)),
        _ => None,
    }
}

/// Why an item keeps a list from being signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    Unanswered,
    NoNote,
    NoEvidence,
}

impl Gap {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered => "is not answered",
            Self::NoNote => "needs a note",
            Self::NoEvidence => "needs evidence",
        }
    }
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it is over, or was signed by now")]
    NotOpen,
    #[error("it was not signed yet, or was reviewed by now")]
    NotSigned,
    #[error("something is still missing")]
    Incomplete,
    #[error("it has been changed since you read it")]
    Changed,
    #[error("whoever went through a list does not review it as well")]
    OwnWork,
    #[error("an objection says what is wrong")]
    NoReason,
    #[error("what opens by itself is not called off")]
    NotStarted,
}

impl Run {
    /// The moment after which it is overdue: to be signed, then as long again to be reviewed. Nothing where nobody has to
    /// do anything.
    #[must_use]
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        deadline(self.state, self.slot, self.due_at)
    }

    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.deadline().is_some_and(|deadline| now > deadline)
    }

    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Open | State::Signed)
    }

    #[must_use]
    pub fn item(&self, id: &str) -> Option<&CheckItem> {
        self.spec.items.iter().find(|item| item.id == id)
    }

    /// Whether every item is as it should be.
    #[must_use]
    pub fn is_all_well(&self, answers: &[Answer]) -> bool {
        let passes = |item: &CheckItem| {
            last(&item.id, answers).is_some_and(|answer| answer.outcome == Outcome::Pass)
        };
        self.spec.items.iter().all(passes)
    }

    /// What keeps it from being signed.
    #[must_use]
    pub fn gaps<'r>(&'r self, answers: &[Answer], shown: &[Shown]) -> Vec<(&'r CheckItem, Gap)> {
        let gap = |item: &'r CheckItem| Some((item, gap(item, answers, shown)?));
        self.spec.items.iter().filter_map(gap).collect()
    }

    /// Signs it, with what exactly is signed.
    ///
    /// # Errors
    /// It is not open, or something is missing.
    pub fn sign(
        &mut self,
        signature: Signature,
        answers: &[Answer],
        shown: &[Shown],
    ) -> Result<(), Refused> {
        if self.state != State::Open {
            return Err(Refused::NotOpen);
        }
        if !self.gaps(answers, shown).is_empty() {
            return Err(Refused::Incomplete);
        }
        self.state = State::Signed;
        self.signature = Some(signature);
        Ok(())
    }

    /// Looks it over.
    ///
    /// # Errors
    /// It does not wait for that, it is the reviewer's own work, or an objection without a reason.
    pub fn review(&mut self, accepts: bool, review: Review) -> Result<(), Refused> {
        let Some(signature) = self
            .signature
            .as_ref()
            .filter(|_| self.state == State::Signed)
        else {
            return Err(Refused::NotSigned);
        };
        if signature.performers.contains(&review.by) {
            return Err(Refused::OwnWork);
        }
        if !accepts && review.note.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        self.state = if accepts {
            State::Accepted
        } else {
            State::Objected
        };
        self.review = Some(review);
        Ok(())
    }

    /// Ends one that somebody started and nobody needs after all.
    ///
    /// # Errors
    /// It opened by itself, or is over.
    pub fn call_off(&mut self, at: DateTime<Utc>, why: String) -> Result<(), Refused> {
        if self.opened_by.is_none() {
            return Err(Refused::NotStarted);
        }
        self.end(State::CalledOff, at, why)
    }

    /// Ends one without a signature.
    ///
    /// # Errors
    /// It is not open.
    pub fn end(&mut self, state: State, at: DateTime<Utc>, why: String) -> Result<(), Refused> {
        if self.state != State::Open {
            return Err(Refused::NotOpen);
        }
        self.state = state;
        self.ended = Some((at, why));
        Ok(())
    }
}

/// The answer that counts.
#[must_use]
pub fn last<'a>(item: &str, answers: &'a [Answer]) -> Option<&'a Answer> {
    answers.iter().rev().find(|answer| answer.item == item)
}

fn gap(item: &CheckItem, answers: &[Answer], shown: &[Shown]) -> Option<Gap> {
    let Some(answer) = last(&item.id, answers) else {
        return Some(Gap::Unanswered);
    };
    // What was only read is no answer where a person judges it.
    if !item.is_read() && answer.by.is_none() {
        return Some(Gap::Unanswered);
    }
    if answer.outcome != Outcome::Pass && answer.note.trim().is_empty() {
        return Some(Gap::NoNote);
    }
    let is_shown =
        !answer.reference.trim().is_empty() || shown.iter().any(|file| file.item == item.id);
    let wants = item.evidence == Evidence::Required && answer.outcome != Outcome::NotApplicable;
    (wants && !is_shown).then_some(Gap::NoEvidence)
}

/// Whoever answered for an item or added something, and whoever signs.
#[must_use]
pub fn performers(signer: PersonId, answers: &[Answer], shown: &[Shown]) -> Vec<PersonId> {
    let answered = answers.iter().filter_map(|answer| answer.by);
    let added = shown.iter().map(|file| file.by);
    let mut all: Vec<PersonId> = answered.chain(added).chain([signer]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// How many items are not as they should be.
#[must_use]
pub fn failed(run: &Run, answers: &[Answer]) -> usize {
    let items = run.spec.items.iter();
    items
        .filter_map(|item| last(&item.id, answers))
        .filter(|answer| answer.outcome.is_bad())
        .count()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
