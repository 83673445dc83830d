//! What is learned of an incident: written, signed by whoever answers for it, approved by somebody else. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest as _, Sha256};

use super::incident::IncidentId;
use crate::foundation::kernel::PersonId;

crate::typed_id!(
    /// Something that is to be done so that it does not come again.
    FollowUpId,
);

/// Longest part of a review, in characters.
pub const PART_AT_MOST: usize = 8_000;
/// Longest action, and what became of it.
pub const ACTION_AT_MOST: usize = 500;
pub const OUTCOME_AT_MOST: usize = 1_000;

/// Somebody, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand {
    pub at: DateTime<Utc>,
    pub by: PersonId,
    pub name: String,
}

/// What a review says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub summary: String,
    pub cause: String,
    pub went_well: String,
    pub went_badly: String,
}

impl Written {
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &str); 4] {
        [
            ("summary", &self.summary),
            ("cause", &self.cause),
            ("went_well", &self.went_well),
            ("went_badly", &self.went_badly),
        ]
    }

    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts().iter().all(|(_, text)| !text.trim().is_empty())
    }

    /// What somebody has read who writes it anew.
    #[must_use]
    pub fn digest(&self, incident: IncidentId) -> String {
        let mut hash = Sha256::new();
        add(&mut hash, incident.uuid().as_bytes());
        for (_, text) in self.parts() {
            add(&mut hash, text.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// Lengths stand before what is hashed, so that no two parts run together.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_be_bytes());
    hash.update(part);
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub incident: IncidentId,
    pub written: Written,
    /// Everybody who wrote at it, and who gave it an action or ended one.
    pub authors: Vec<PersonId>,
    /// Who wrote last.
    pub saved: Hand,
    pub signed: Option<Hand>,
    pub approved: Option<Hand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("something is not written yet")]
    NotWhole,
    #[error("nobody has signed it")]
    NotSigned,
    #[error("it is signed already")]
    Signed,
    #[error("it is approved already")]
    Approved,
    #[error("whoever wrote or signed a review does not approve it")]
    OwnWork,
    #[error("it has been changed since you read it")]
    Changed,
}

impl Review {
    /// One that somebody begins to write. Whoever gave it its actions is an author as well.
    #[must_use]
    pub fn begin(incident: IncidentId, written: Written, by: Hand, actions: &[FollowUp]) -> Self {
        let hands = actions.iter().flat_map(|it| [it.made_by, it.ended_by]);
        let mut authors: Vec<PersonId> = hands.flatten().chain([by.by]).collect();
        authors.sort_unstable();
        authors.dedup();
        Self {
            incident,
            written,
            authors,
            saved: by,
            signed: None,
            approved: None,
        }
    }

    /// What a signature and an approval are bound to: what it says, and what is to be done.
    #[must_use]
    pub fn digest(&self, actions: &[FollowUp]) -> String {
        let mut hash = Sha256::new();
        add(&mut hash, self.written.digest(self.incident).as_bytes());
        let mut actions: Vec<&FollowUp> = actions.iter().collect();
        actions.sort_unstable_by_key(|action| action.id);
        for action in actions {
            let due = action.due.to_string();
            add(&mut hash, action.id.uuid().as_bytes());
            add(&mut hash, action.owner.uuid().as_bytes());
            for text in [
                action.text.as_str(),
                &due,
                action.state.as_str(),
                &action.outcome,
            ] {
                add(&mut hash, text.as_bytes());
            }
        }
        hex::encode(hash.finalize())
    }

    /// Whether somebody has written or signed it, so that it is not theirs to approve.
    #[must_use]
    pub fn is_own(&self, person: PersonId) -> bool {
        self.authors.contains(&person) || self.signed.as_ref().is_some_and(|it| it.by == person)
    }

    /// Writes it anew, over what was read. A signature stood for what it said before, and goes.
    pub fn write(&mut self, written: Written, by: Hand, read: &str) -> Result<(), Refusal> {
        if self.approved.is_some() {
            return Err(Refusal::Approved);
        }
        if read != self.written.digest(self.incident) {
            return Err(Refusal::Changed);
        }
        self.touch(by.by);
        self.written = written;
        self.saved = by;
        Ok(())
    }

    /// Somebody changes what it says or what is to be done. True where it was signed, and is no more.
    pub fn touch(&mut self, by: PersonId) -> bool {
        if !self.authors.contains(&by) {
            self.authors.push(by);
        }
        self.signed.take().is_some()
    }

    /// Somebody who has read exactly this answers for it.
    pub fn sign(&mut self, by: Hand, read: &str, actions: &[FollowUp]) -> Result<(), Refusal> {
        if self.approved.is_some() {
            return Err(Refusal::Approved);
        }
        if self.signed.is_some() {
            return Err(Refusal::Signed);
        }
        if !self.written.is_whole() {
            return Err(Refusal::NotWhole);
        }
        if read != self.digest(actions) {
            return Err(Refusal::Changed);
        }
        self.signed = Some(by);
        Ok(())
    }

    /// Somebody who has read exactly this agrees to it.
    pub fn approve(&mut self, by: Hand, read: &str, actions: &[FollowUp]) -> Result<(), Refusal> {
        self.answered_by(by.by)?;
        if read != self.digest(actions) {
            return Err(Refusal::Changed);
        }
        self.approved = Some(by);
        Ok(())
    }

    /// Somebody who has read it wants it otherwise.
    pub fn give_back(&mut self, by: PersonId) -> Result<(), Refusal> {
        self.answered_by(by)?;
        self.signed = None;
        Ok(())
    }

    fn answered_by(&self, by: PersonId) -> Result<(), Refusal> {
        if self.approved.is_some() {
            return Err(Refusal::Approved);
        }
        if self.signed.is_none() {
            return Err(Refusal::NotSigned);
        }
        if self.is_own(by) {
            return Err(Refusal::OwnWork);
        }
        Ok(())
    }
}

/// How an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    Open,
    Done,
    /// It is not done, for a reason.
    Dropped,
}

impl Progress {
    pub const ALL: [Self; 3] = [Self::Open, Self::Done, Self::Dropped];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Dropped => "dropped",
        }
    }
}

impl std::str::FromStr for Progress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not how an action stands"))
    }
}

/// Something that is to be done, by somebody, until a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUp {
    pub id: FollowUpId,
    pub incident: IncidentId,
    pub text: String,
    pub owner: PersonId,
    pub owner_name: String,
    pub due: NaiveDate,
    /// From when on it is late.
    pub overdue_at: DateTime<Utc>,
    pub state: Progress,
    /// What was done, or why it is not.
    pub outcome: String,
    /// Nobody where it was made before this was kept.
    pub made_by: Option<PersonId>,
    pub made_name: String,
    pub made_at: DateTime<Utc>,
    pub ended: Option<(DateTime<Utc>, String)>,
    pub ended_by: Option<PersonId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEnded {
    #[error("it has ended already")]
    Ended,
    #[error("say why it is not done")]
    NoReason,
}

impl FollowUp {
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.state == Progress::Open && self.overdue_at < now
    }

    /// It was done, or is not done any more. What is not done says why.
    pub fn end(&mut self, to: Progress, outcome: &str, by: Hand) -> Result<(), NotEnded> {
        if self.state != Progress::Open || to == Progress::Open {
            return Err(NotEnded::Ended);
        }
        if to == Progress::Dropped && outcome.trim().is_empty() {
            return Err(NotEnded::NoReason);
        }
        self.state = to;
        outcome.trim().clone_into(&mut self.outcome);
        self.ended = Some((by.at, by.name));
        self.ended_by = Some(by.by);
        Ok(())
    }
}

#[cfg(test)]
#[path = "review_tests.rs"]
mod tests;
