//! Events of the compartment. They go to the second log and to no other.

use super::grant::{Given, SarGrantId};
use crate::foundation::audit::{Event, Log, Subject};
use crate::foundation::auth::sar::SarGrant;
use crate::foundation::kernel::PersonId;

fn of_grant(kind: &'static str, id: SarGrantId) -> Event {
    Event::new(kind, Subject::new("sar_grant", id)).log(Log::Sar)
}

/// Proposed, or given at once by the command line.
pub(super) fn given(kind: &'static str, given: &Given<SarGrant>) -> Event {
    of_grant(kind, given.id)
        .detail("person", given.person.to_string())
        .detail("grant", given.grant.as_str())
        .detail("purpose", given.purpose.as_str())
        .detail("starts_at", given.starts_at.to_rfc3339())
        .detail("ends_at", given.ends_at.to_rfc3339())
}

pub(super) fn approved(id: SarGrantId) -> Event {
    of_grant("sar.grant_approved", id)
}

pub(super) fn ended(id: SarGrantId) -> Event {
    of_grant("sar.grant_ended", id)
}

pub(super) fn opened(person: PersonId, purpose: &str) -> Event {
    Event::new("sar.opened", Subject::new("person", person))
        .log(Log::Sar)
        .detail("purpose", purpose)
}

pub(super) fn viewed(page: &'static str, purpose: &str) -> Event {
    Event::new("sar.viewed", Subject::new("page", page))
        .log(Log::Sar)
        .detail("purpose", purpose)
}
