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

    /// What an approval is bound to.
    #[must_use]
    pub fn digest(&self, incident: IncidentId) -> String {
        let mut hash = Sha256::new();
        hash.update(incident.uuid().as_bytes());
        for (_, text) in self.parts() {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hex::encode(hash.finalize())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub incident: IncidentId,
    pub written: Written,
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
    #[must_use]
    pub fn digest(&self) -> String {
        self.written.digest(self.incident)
    }

    /// Writes it anew. A signature stood for what it said before, and goes.
    pub fn write(&mut self, written: Written, by: Hand) -> Result<(), Refusal> {
        if self.approved.is_some() {
            return Err(Refusal::Approved);
        }
        self.written = written;
        self.saved = by;
        self.signed = None;
        Ok(())
    }

    pub fn sign(&mut self, by: Hand) -> Result<(), Refusal> {
        if self.approved.is_some() {
            return Err(Refusal::Approved);
        }
        if self.signed.is_some() {
            return Err(Refusal::Signed);
        }
        if !self.written.is_whole() {
            return Err(Refusal::NotWhole);
        }
        self.signed = Some(by);
        Ok(())
    }

    /// Somebody who has read exactly this agrees to it.
    pub fn approve(&mut self, by: Hand, read: &str) -> Result<(), Refusal> {
        self.answered_by(by.by)?;
        if read != self.digest() {
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
        let Some(signed) = &self.signed else {
            return Err(Refusal::NotSigned);
        };
        if signed.by == by || self.saved.by == by {
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
    pub made_name: String,
    pub made_at: DateTime<Utc>,
    pub ended: Option<(DateTime<Utc>, String)>,
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
    pub fn end(
        &mut self,
        to: Progress,
        outcome: &str,
        now: DateTime<Utc>,
        name: &str,
    ) -> Result<(), NotEnded> {
        if self.state != Progress::Open || to == Progress::Open {
            return Err(NotEnded::Ended);
        }
        if to == Progress::Dropped && outcome.trim().is_empty() {
            return Err(NotEnded::NoReason);
        }
        self.state = to;
        outcome.trim().clone_into(&mut self.outcome);
        self.ended = Some((now, name.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand() -> Hand {
        Hand {
            at: DateTime::UNIX_EPOCH,
            by: PersonId::new(),
            name: "Somebody".to_owned(),
        }
    }

    fn whole() -> Written {
        Written {
            summary: "It was down".to_owned(),
            cause: "A disk".to_owned(),
            went_well: "The alert".to_owned(),
            went_badly: "The spare".to_owned(),
        }
    }

    fn written(by: Hand) -> Review {
        Review {
            incident: IncidentId::new(),
            written: whole(),
            saved: by,
            signed: None,
            approved: None,
        }
    }

    #[test]
    fn nobody_approves_what_they_wrote_or_signed() {
        let (author, signer, other) = (hand(), hand(), hand());
        let mut review = written(author.clone());
        let read = review.digest();
        assert_eq!(
            review.approve(other.clone(), &read),
            Err(Refusal::NotSigned)
        );
        review.sign(signer.clone()).unwrap();
        for own in [author, signer] {
            assert_eq!(review.approve(own.clone(), &read), Err(Refusal::OwnWork));
            assert_eq!(review.give_back(own.by), Err(Refusal::OwnWork));
        }
        assert_eq!(
            review.approve(other.clone(), "something else"),
            Err(Refusal::Changed)
        );
        assert_eq!(review.approve(other.clone(), &read), Ok(()));
        assert_eq!(review.write(whole(), hand()), Err(Refusal::Approved));
        assert_eq!(review.sign(hand()), Err(Refusal::Approved));
        assert_eq!(review.approve(hand(), &read), Err(Refusal::Approved));
    }

    #[test]
    fn a_change_voids_the_signature() {
        let mut review = written(hand());
        review.sign(hand()).unwrap();
        assert_eq!(review.sign(hand()), Err(Refusal::Signed));
        let before = review.digest();
        let mut other = whole();
        other.cause = "Two disks".to_owned();
        review.write(other, hand()).unwrap();
        assert_eq!(review.signed, None);
        assert_ne!(review.digest(), before);
    }

    #[test]
    fn what_is_signed_says_something_everywhere() {
        for part in 0..4 {
            let mut review = written(hand());
            let said = &mut review.written;
            let parts = [
                &mut said.summary,
                &mut said.cause,
                &mut said.went_well,
                &mut said.went_badly,
            ];
            for (at, text) in parts.into_iter().enumerate() {
                if at == part {
                    *text = " \n".to_owned();
                }
            }
            assert_eq!(review.sign(hand()), Err(Refusal::NotWhole));
        }
    }

    #[test]
    fn the_digest_tells_parts_apart() {
        let id = IncidentId::new();
        let digest = |summary: &str, cause: &str| {
            let written = Written {
                summary: summary.to_owned(),
                cause: cause.to_owned(),
                ..Written::default()
            };
            written.digest(id)
        };
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
    }

    #[test]
    fn given_back_it_waits_for_another_signature() {
        let mut review = written(hand());
        review.sign(hand()).unwrap();
        review.give_back(PersonId::new()).unwrap();
        assert_eq!(review.give_back(PersonId::new()), Err(Refusal::NotSigned));
    }

    #[test]
    fn an_action_ends_once_and_is_dropped_for_a_reason() {
        let now = DateTime::UNIX_EPOCH;
        let mut action = FollowUp {
            id: FollowUpId::new(),
            incident: IncidentId::new(),
            text: "Buy a disk".to_owned(),
            owner: PersonId::new(),
            owner_name: "Ada".to_owned(),
            due: now.date_naive(),
            overdue_at: now,
            state: Progress::Open,
            outcome: String::new(),
            made_name: "Grace".to_owned(),
            made_at: now,
            ended: None,
        };
        assert!(!action.is_overdue(now));
        let later = now + chrono::TimeDelta::seconds(1);
        assert!(action.is_overdue(later));
        assert_eq!(
            action.end(Progress::Dropped, " ", later, "Ada"),
            Err(NotEnded::NoReason)
        );
        assert_eq!(action.end(Progress::Done, " bought ", later, "Ada"), Ok(()));
        assert_eq!(action.outcome, "bought");
        assert!(!action.is_overdue(later));
        assert_eq!(
            action.end(Progress::Dropped, "no", later, "Ada"),
            Err(NotEnded::Ended)
        );
        for progress in Progress::ALL {
            assert_eq!(progress.as_str().parse(), Ok(progress));
        }
    }
}
