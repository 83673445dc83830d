//! What follows from an event, across features: the jobs that are enqueued in its transaction.

use crate::foundation::audit::{Event, NewJob};

#[must_use]
pub fn reactions(_event: &Event) -> Vec<NewJob> {
    Vec::new()
}
