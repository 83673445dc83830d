//! Heartbeats: jobs that the platforms run by themselves, and whose silence is noticed.
//!
//! Beside `health` and not in it: a probe asks and is answered at once, a heartbeat is told and waits. They share the
//! packs that name them and the rules that read them, and nothing in between.
//!
//! Invariants:
//! - the moment that turns a heartbeat is its deadline, whenever and by whomever it is noticed: all of its state is in
//!   the database, and a standstill of ours loses none of it;
//! - what turns a heartbeat is an audited event in the transaction that turns it, under the lock of its row; a ping that
//!   turns nothing is a sample and is not;
//! - whoever knows the secret of an address can do one thing with it, which is to ping. It is found by a hash, kept
//!   sealed, shown to those who set up jobs, and dead from the moment it is replaced or its heartbeat is retired;
//! - an address that is no more answers like one that never was.
//!
//! Deliberately absent: running the jobs, and any opinion on what a silence means; that is the rules' (`alerts`).

pub mod actions;
pub mod address;
pub mod board;
pub mod expect;
pub mod heartbeat;
pub mod pages;
pub mod ping;
pub mod runner;
pub mod store;
pub mod views;

use crate::foundation::auth::Permission::{HealthRead, HeartbeatsManage};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new()
        .get("/heartbeats", Access::Needs(HealthRead), pages::list)
        .get("/heartbeats/{id}", Access::Needs(HealthRead), pages::one)
        .post(
            "/heartbeats/{id}/address",
            Access::Needs(HeartbeatsManage),
            pages::renew,
        )
        .with_step_up()
        .get("/ping/{secret}", Access::Ping, address::succeeded)
        .post("/ping/{secret}", Access::Ping, address::succeeded)
        .get("/ping/{secret}/{word}", Access::Ping, address::said)
        .post("/ping/{secret}/{word}", Access::Ping, address::said)
}
