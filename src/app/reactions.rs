//! What follows from an event, across features: the jobs that are enqueued in its transaction.

use super::own_events;
use crate::features::audit_log::checking;
use crate::features::notify::delivery;
use crate::features::{incidents, intake, oncall, reviews, screening};
use crate::foundation::audit::{Event, NewJob};
use crate::foundation::auth::break_glass;
use crate::foundation::jobs;

#[must_use]
pub fn reactions(event: &Event) -> Vec<NewJob> {
    let also = match event.kind() {
        jobs::DISCARDED => own_events::job_given_up(event),
        _ => None,
    };
    let job = match event.kind() {
        intake::events::CHUNK_RECORDED => intake::events::assess(event),
        screening::lists::LIST_LOADED => Some(reviews::jobs::after_list_loaded(event)),
        jobs::DISCARDED | "job.cancel_requested" => intake::events::after_job(event),
        checking::FAILED => Some(incidents::jobs::after_check_failed(event)),
        "incident.opened" if incidents::jobs::is_own_security(event) => {
            Some(own_events::reported("incident.security"))
        }
        "incident.opened" => oncall::incidents::after_opened(event),
        incidents::actions::RATED | incidents::actions::REOPENED => {
            oncall::incidents::after_worse(event)
        }
        break_glass::USED => Some(own_events::reported(break_glass::USED)),
        kind @ (delivery::GIVEN_UP | delivery::ENDPOINT_DISABLED | jobs::SLOT_MISSED) => {
            Some(own_events::reported(kind))
        }
        _ => None,
    };
    job.into_iter().chain(also).collect()
}
