//! Notices: what leaves the house, to whom, and whether it got there.
//!
//! Invariants:
//! - whoever wants something told queues it in the transaction that causes it ([`actions::enqueue`]): either both
//!   happen or neither, and nothing is sent for what was rolled back;
//! - a notice is a row until it is delivered, given up or cancelled, and stays on record afterwards. Its key is queued
//!   once, ever;
//! - it is sent outside of any transaction, by whoever holds its row's lease; who has lost the lease changes nothing;
//! - delivery is at least once. Whoever stops between the receiver's answer and our note of it sends again, with the
//!   same id: receivers of webhooks drop what they have seen, mailboxes by the Message-ID.
//!
//! Deliberately absent: who is to be told of what; that is for those who call.

pub mod actions;
pub mod address;
pub mod channels;
pub mod delivery;
pub mod demo;
pub mod endpoint;
mod gather;
pub mod letter;
pub mod notice;
mod pages;
pub mod runner;
pub mod setup;
pub mod signing;
pub mod store;
mod views;
pub mod ways;

use crate::foundation::auth::Permission::{NoticesAct, NoticesRead, WebhooksManage, WebhooksRead};
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let (see, act) = (Access::Needs(NoticesRead), Access::Needs(NoticesAct));
    let (read, manage) = (Access::Needs(WebhooksRead), Access::Needs(WebhooksManage));
    Routes::new()
        .get("/deliveries", see, pages::deliveries::list)
        .post("/deliveries/test", act, pages::deliveries::test_mail)
        .get("/deliveries/{id}", see, pages::deliveries::one)
        .post("/deliveries/{id}/retry", act, pages::deliveries::retry)
        .get("/webhooks", read, pages::webhooks::list)
        .post("/webhooks", manage, pages::webhooks::add)
        .with_step_up()
        .get("/webhooks/{id}", read, pages::webhooks::one)
        .post("/webhooks/{id}/secret", manage, pages::webhooks::rotate)
        .with_step_up()
        .post("/webhooks/{id}/test", manage, pages::webhooks::test)
        .post("/webhooks/{id}/pause", manage, pages::webhooks::pause)
        .post("/webhooks/{id}/resumption", manage, pages::webhooks::resume)
        .with_step_up()
        .post("/webhooks/{id}/removal", manage, pages::webhooks::retire)
}
