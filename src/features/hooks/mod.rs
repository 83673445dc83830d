//! Webhooks in: events that other programs sign and send, as Standard Webhooks says.
//!
//! Invariants:
//! - nothing is read of a message before one of its source's secrets has signed it, within five minutes; whatever is not
//!   so is answered as if there were nothing at its address;
//! - a message is taken once, whoever sends it how often and however many at once: its id is kept for longer than anybody
//!   sends again;
//! - what is taken is an event like any other, for the source's platform. A type that no pack names is kept and counted
//!   as unknown, under our own key, and read by name and reason only;
//! - a secret is shown once, when it is made. During a rotation the one before opens, too.
//!
//! Deliberately absent: events about suspicious-activity reports. They are refused, and nothing of them is kept.

pub mod actions;
pub mod address;
pub mod message;
pub mod pages;
pub mod setup;
pub mod store;
pub mod views;

use crate::foundation::auth::Permission::{WebhooksManage, WebhooksRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let (read, manage) = (Access::Needs(WebhooksRead), Access::Needs(WebhooksManage));
    Routes::new()
        .post("/hooks/events/{id}", Access::Ping, address::take)
        .get("/event-sources", read, pages::list)
        .post("/event-sources", manage, pages::add)
        .with_step_up()
        .get("/event-sources/{id}", read, pages::one)
        .post("/event-sources/{id}/secret", manage, pages::rotate)
        .with_step_up()
        .post("/event-sources/{id}/pause", manage, pages::pause)
        .post("/event-sources/{id}/resumption", manage, pages::resume)
        .with_step_up()
        .post("/event-sources/{id}/removal", manage, pages::retire)
        .with_step_up()
        .get(
            "/event-sources/{id}/unknown/{event}",
            manage,
            pages::unknown,
        )
}
