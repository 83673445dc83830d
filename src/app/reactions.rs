//! What follows from an event, across features: the jobs that are enqueued in its transaction.

use crate::features::{intake, reviews, screening};
use crate::foundation::audit::{Event, NewJob};

#[must_use]
pub fn reactions(event: &Event) -> Vec<NewJob> {
    let job = match event.kind() {
        intake::events::CHUNK_RECORDED => intake::events::assess(event),
        screening::lists::LIST_LOADED => Some(reviews::jobs::after_list_loaded(event)),
        "job.discarded" | "job.cancel_requested" => intake::events::after_job(event),
        _ => None,
    };
    job.into_iter().collect()
}
