//! Handlers, by page.

mod grant;
mod list;
mod person;
mod proposal;

pub use grant::{grant, invitation, invite, propose_grant};
pub use list::list;
pub use person::{
    disable, end_session, end_sessions, invite_again, person, propose_enabling, propose_recovery,
    propose_reset, review_use, revoke,
};
pub use proposal::{approve, decline, proposal};

use serde::Deserialize;

use super::views::HandedPage;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::auth::factors::LINK_LIVES;
use crate::foundation::web::{Chrome, Nav, Who};

/// A form without fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// The page of an enrolment link.
fn enrolment_link(
    signed: &Signed,
    services: &Services,
    person: Who,
    link: String,
    next: String,
) -> HandedPage {
    let title = "Link to enrol";
    HandedPage {
        chrome: Chrome::new(signed, services, title, Nav::People),
        title,
        given: ", and to nobody else: whoever opens it chooses the password. Print this page, or copy the link. \
                Signalbox sends no mail."
            .to_owned(),
        lines: vec![format!(
            "It works once, within {} hours.",
            LINK_LIVES.num_hours()
        )],
        person,
        secret: link,
        next,
    }
}
