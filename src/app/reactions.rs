//! What follows from an event, across features: the jobs that are enqueued in its transaction.

use crate::foundation::audit::{Event, NewJob};

#[must_use]
pub fn reactions(event: &Event) -> Vec<NewJob> {
    match event.kind() {
        _ => Vec::new(),
    }
}
