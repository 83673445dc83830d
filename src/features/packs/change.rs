//! What somebody wants a pack to say, and what became of it. Pure.

use chrono::{DateTime, Utc};

use crate::foundation::kernel::{PersonId, PlatformId};

crate::typed_id!(
    /// A change of a pack that waits for a second person, or has been answered.
    ChangeId,
);

/// The longest pack that is taken from the pages; the longest that ships has a sixth of it.
pub const SOURCE_AT_MOST: usize = 256 * 1024;
pub const REASON_AT_MOST: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub id: ChangeId,
    pub platform: PlatformId,
    /// The revision that it was written over.
    pub base: i64,
    pub source: String,
    pub digest: Vec<u8>,
    pub reason: String,
    /// Which guards it lowers, in words.
    pub lowers: Vec<String>,
    pub asked_at: DateTime<Utc>,
    pub asked_by: PersonId,
    pub asked_name: String,
    pub answer: Option<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub kind: Kind,
    pub at: DateTime<Utc>,
    pub name: String,
    pub reason: Option<String>,
    /// The revision that it became.
    pub revision: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Applied,
    Rejected,
    Withdrawn,
}

impl Kind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// How a change stands beside the pack in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waits,
    /// Another revision was applied since it was written: as it stands it would undo that one.
    Overtaken,
    Answered(Kind),
}

/// Why somebody may not answer a change so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    #[error("you proposed this change yourself, so somebody else answers it")]
    OwnWork,
    #[error("only whoever proposed a change takes it back")]
    OthersWork,
    #[error("this change has been answered already")]
    Answered,
    #[error(
        "another revision has been applied since this change was written, and it would undo that one: begin anew from \
         its text"
    )]
    Overtaken,
    #[error("the change is not the one that was shown")]
    Another,
}

impl Change {
    #[must_use]
    pub fn state(&self, in_force: i64) -> State {
        match &self.answer {
            Some(answer) => State::Answered(answer.kind),
            None if self.base != in_force => State::Overtaken,
            None => State::Waits,
        }
    }

    /// Whether `person` may answer it so, while `in_force` is the revision that runs and `seen` what they were shown.
    ///
    /// # Errors
    /// Why they may not.
    pub fn may(
        &self,
        kind: Kind,
        person: PersonId,
        in_force: i64,
        seen: &[u8],
    ) -> Result<(), Unanswerable> {
        let own = self.asked_by == person;
        match (self.state(in_force), kind) {
            (State::Answered(_), _) => Err(Unanswerable::Answered),
            (_, Kind::Withdrawn) if !own => Err(Unanswerable::OthersWork),
            (_, Kind::Applied | Kind::Rejected) if own => Err(Unanswerable::OwnWork),
            (State::Overtaken, Kind::Applied) => Err(Unanswerable::Overtaken),
            (_, Kind::Applied) if seen != self.digest => Err(Unanswerable::Another),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(by: PersonId) -> Change {
        Change {
            id: ChangeId::new(),
            platform: PlatformId::new(),
            base: 3,
            source: String::new(),
            digest: vec![7],
            reason: "why".to_owned(),
            lowers: Vec::new(),
            asked_at: DateTime::UNIX_EPOCH,
            asked_by: by,
            asked_name: "Ada".to_owned(),
            answer: None,
        }
    }

    #[test]
    fn somebody_else_answers_and_only_the_author_takes_back() {
        let (ada, bob) = (PersonId::new(), PersonId::new());
        let change = change(ada);
        for kind in [Kind::Applied, Kind::Rejected] {
            assert_eq!(change.may(kind, bob, 3, &[7]), Ok(()));
            assert_eq!(change.may(kind, ada, 3, &[7]), Err(Unanswerable::OwnWork));
        }
        assert_eq!(change.may(Kind::Withdrawn, ada, 3, &[]), Ok(()));
        assert_eq!(
            change.may(Kind::Withdrawn, bob, 3, &[]),
            Err(Unanswerable::OthersWork)
        );
    }

    #[test]
    fn what_was_overtaken_is_rejected_or_taken_back_and_never_applied() {
        let (ada, bob) = (PersonId::new(), PersonId::new());
        let change = change(ada);
        assert_eq!(change.state(4), State::Overtaken);
        assert_eq!(
            change.may(Kind::Applied, bob, 4, &[7]),
            Err(Unanswerable::Overtaken)
        );
        assert_eq!(change.may(Kind::Rejected, bob, 4, &[]), Ok(()));
        assert_eq!(change.may(Kind::Withdrawn, ada, 4, &[]), Ok(()));
    }

    #[test]
    fn it_is_answered_once_and_as_it_was_shown() {
        let (ada, bob) = (PersonId::new(), PersonId::new());
        let mut change = change(ada);
        assert_eq!(
            change.may(Kind::Applied, bob, 3, &[8]),
            Err(Unanswerable::Another)
        );
        change.answer = Some(Answer {
            kind: Kind::Rejected,
            at: DateTime::UNIX_EPOCH,
            name: "Bob".to_owned(),
            reason: Some("no".to_owned()),
            revision: None,
        });
        assert_eq!(change.state(3), State::Answered(Kind::Rejected));
        assert_eq!(
            change.may(Kind::Applied, bob, 3, &[7]),
            Err(Unanswerable::Answered)
        );
    }
}
