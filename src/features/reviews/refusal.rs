//! Why reviews say no, and the words that a person gets for it.

use super::case::CaseRefusal;
use crate::features::screening::actions::ActError;
use crate::features::screening::hit::HitRefusal;
use crate::foundation::db;
use crate::foundation::policy::PolicyError;
use crate::foundation::web::{self, Refusal};

#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error(transparent)]
    Case(#[from] CaseRefusal),
    #[error(transparent)]
    Hit(#[from] HitRefusal),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Web(#[from] web::Error),
}

impl From<ActError> for ReviewError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Refused(refusal) => Self::Hit(refusal),
            ActError::Database(error) => Self::Database(error),
        }
    }
}

impl From<ReviewError> for web::Error {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::Case(refusal) => Self::Refused(case_words(refusal)),
            ReviewError::Hit(refusal) => Self::Refused(hit_words(refusal)),
            ReviewError::Policy(PolicyError::Database(error)) => error.into(),
            ReviewError::Policy(error) => Self::internal(error),
            // The rules that stand in the database as well: somebody was faster, or code is wrong.
            ReviewError::Database(db::Error::Check { constraint })
                if constraint == "review_case_undecided_hit" =>
            {
                Self::Refused(case_words(CaseRefusal::UndecidedHit))
            }
            ReviewError::Database(db::Error::Check { constraint })
                if constraint == "review_case_confirmed_hit" =>
            {
                Self::Refused(case_words(CaseRefusal::ConfirmedHit))
            }
            ReviewError::Database(error) => error.into(),
            ReviewError::Web(error) => error,
        }
    }
}

fn case_words(refusal: CaseRefusal) -> Refusal {
    let (code, title, advice) = match refusal {
        CaseRefusal::Closed => (
            "case_closed",
            "This case is closed.",
            "Its decision stands. A new case opens when the facts change.",
        ),
        CaseRefusal::ClaimedByOther => (
            "case_claimed",
            "Somebody else has claimed this case.",
            "You can read it. Claim another one, or come back when the claim has run out.",
        ),
        CaseRefusal::NotClaimed => (
            "case_not_claimed",
            "Your claim on this case has run out, or there was none.",
            "Claim the case again, then repeat what you did.",
        ),
        CaseRefusal::AwaitingApproval => (
            "case_proposed",
            "This case awaits the approval of a second person.",
            "Nothing else can be decided about it until they have answered.",
        ),
        CaseRefusal::NothingProposed => (
            "case_not_proposed",
            "Nothing is proposed on this case any more.",
            "Open the case to see what happened.",
        ),
        CaseRefusal::OwnProposal => (
            "own_proposal",
            "You proposed this, so somebody else has to approve it.",
            "A high risk is never approved by one person alone. Ask a colleague to look at it.",
        ),
        CaseRefusal::Altered => (
            "proposal_altered",
            "What was proposed has changed since.",
            "The proposal no longer holds. Open the case to see what changed.",
        ),
        CaseRefusal::UndecidedHit => (
            "undecided_hit",
            "A screening hit of this subject is undecided.",
            "Decide every hit first, then close the case.",
        ),
        CaseRefusal::ConfirmedHit => (
            "confirmed_hit",
            "A screening hit of this subject is confirmed.",
            "A listed subject is not approved. Reject the case, and report the hit.",
        ),
        CaseRefusal::Stale => (
            "case_changed",
            "The case has changed since you opened it.",
            "Look at what changed, then decide again.",
        ),
        CaseRefusal::ParkingTime => (
            "parking_time",
            "A case is parked for one to thirty days.",
            "Choose an end within thirty days.",
        ),
    };
    Refusal::new(code, title, advice)
}

fn hit_words(refusal: HitRefusal) -> Refusal {
    let (code, title, advice) = match refusal {
        HitRefusal::Stale => (
            "hit_changed",
            "The hit has changed since you opened the case.",
            "Open the case again and compare the two records as they are now.",
        ),
        HitRefusal::AwaitingApproval => (
            "hit_proposed",
            "This hit awaits the answer of a second person.",
            "Nothing else can be said about it until they have answered.",
        ),
        HitRefusal::Decided => (
            "hit_decided",
            "This hit is decided.",
            "It opens again when either record changes.",
        ),
        HitRefusal::NothingProposed => (
            "hit_not_proposed",
            "Nothing is proposed on this hit any more.",
            "Open the case to see what happened.",
        ),
        HitRefusal::OwnProposal => (
            "own_proposal",
            "You proposed this, so somebody else has to agree.",
            "Ask a colleague to compare the two records.",
        ),
        HitRefusal::Altered => (
            "proposal_altered",
            "What you answered is no longer what is proposed.",
            "Look at the hit as it is now, then answer again.",
        ),
        HitRefusal::NothingToReport => (
            "nothing_to_report",
            "There is nothing to report about this hit any more.",
            "It was reported already, or two people took the confirmation back.",
        ),
    };
    Refusal::new(code, title, advice)
}
