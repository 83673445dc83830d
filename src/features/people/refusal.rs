//! Why a change of access is refused, and what to do.

use super::proposal::{Fault, ProposalId};
use crate::foundation::auth::{RoleConflict, grants, people};
use crate::foundation::db;
use crate::foundation::web::{self, Problems};

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What was typed has to be corrected.
    #[error("the form has to be corrected")]
    Form(Problems),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Conflict(#[from] RoleConflict),
    #[error("These are the last two administrators who can act.")]
    LastAdministrators,
    #[error("The same is proposed already.")]
    ProposedAlready(ProposalId),
    /// With what the other one asks for.
    #[error("Another proposal waits for them already: {1}.")]
    AnotherWaits(ProposalId, String),
    #[error("Whoever proposed this is no administrator any more.")]
    ProposerGone,
    #[error("Its end has passed before it was approved.")]
    Over,
    #[error("They hold this role now, and a new grant takes its place at once.")]
    HeldNow,
    #[error("This session is over.")]
    SessionOver,
    #[error("They do not hold this role.")]
    NotHeld,
    #[error("They are disabled.")]
    Disabled,
    #[error("They are not disabled.")]
    NotDisabled,
    #[error("They have signed in, or roles have been granted to them.")]
    PastInvitation,
    #[error("Whoever used the account does not review it.")]
    OwnUse,
    #[error("Somebody is signed in with this account now.")]
    InUse,
    #[error("Every use of this account has been reviewed.")]
    Reviewed,
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal {
    /// What the page says the person can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::LastAdministrators => {
                "Without two, nobody could approve anything. Let a third person become an administrator \
                 first, with a password and a second factor of their own."
            }
            Self::ProposedAlready(_) => "Open the proposal that waits, or withdraw it first.",
            Self::AnotherWaits(..) => {
                "It asks for something else than you: look at its roles, platforms and times. If yours is the right \
                 one, withdraw or refuse the other one first."
            }
            Self::ProposerGone | Self::Over => "Refuse it, and propose it again.",
            Self::HeldNow => "Leave the start empty, or revoke the role first.",
            Self::Disabled => "Propose to enable them first.",
            Self::PastInvitation => {
                "A new way in takes two administrators by now: propose to recover the account."
            }
            Self::InUse => {
                "Let them finish, or end its sessions, then read what was done with it and review all of it."
            }
            Self::Conflict(_) => "Revoke what they hold first, if that is what you want.",
            _ => "Nothing was changed.",
        }
    }

    /// The proposal that stands in the way.
    const fn proposal(&self) -> Option<ProposalId> {
        match self {
            Self::ProposedAlready(id) | Self::AnotherWaits(id, _) => Some(*id),
            _ => None,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Fault(Fault::Own | Fault::AboutYou) => "four_eyes",
            Self::Conflict(_) => "role_conflict",
            Self::LastAdministrators => "last_administrators",
            _ => "access_refused",
        }
    }
}

impl From<grants::Refusal> for Refusal {
    fn from(refusal: grants::Refusal) -> Self {
        match refusal {
            grants::Refusal::Conflict(conflict) => Self::Conflict(conflict),
            grants::Refusal::Db(error) => Self::Db(error),
        }
    }
}

impl From<people::Refusal> for Refusal {
    fn from(refusal: people::Refusal) -> Self {
        let field = match &refusal {
            people::Refusal::Spelling(fault) => fault.field(),
            people::Refusal::Exists(_) => "email",
            people::Refusal::Roles(conflict) => return Self::Conflict(*conflict),
            people::Refusal::Db(_) => "",
        };
        match refusal {
            people::Refusal::Db(error) => Self::Db(error),
            told => Self::Form(Problems::one(
                field,
                super::form::sentence(&told.to_string()),
            )),
        }
    }
}

impl From<Refusal> for web::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Db(error) => error.into(),
            told => {
                let title = super::form::sentence(&told.to_string());
                let refused = web::Refusal::new(told.code(), title, told.advice());
                Self::Refused(match told.proposal() {
                    Some(id) => {
                        let href = format!("/people/proposals/{id}");
                        refused.with_way("Open the proposal", href)
                    }
                    None => refused,
                })
            }
        }
    }
}
