//! Connectors: what we call outside of this house, and the circuit breaker that stands before every call.
//!
//! Invariants:
//! - a call asks its breaker first ([`gate::ask`]) and tells it what came of it ([`gate::tell`]); both lock the breaker's
//!   row, so that any number of processes keep one state and let one trial through at a time;
//! - a change of state is an audited event and a row that never changes, in the transaction that makes it; a call that
//!   changes nothing is a sample and is not;
//! - what is kept back is counted as short-circuited, and is no failure of anybody's;
//! - no call waits in here: whoever is turned away is told when to come again, and keeps what it wanted to send.
//!
//! Deliberately absent: what is sent. Notices are `notify`'s, and the platform's own calls are the platform's; ours only
//! look whether the other side answers.

pub mod actions;
pub mod board;
pub mod breaker;
pub mod calls;
pub mod gate;
pub mod pages;
pub mod runner;
pub mod store;
pub mod views;
pub mod words;

use crate::foundation::auth::Permission::{ConnectorsAct, HealthRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let (see, act) = (Access::Needs(HealthRead), Access::Needs(ConnectorsAct));
    Routes::new()
        .get("/connectors", see, pages::list)
        .get("/connectors/{id}", see, pages::one)
        .post("/connectors/{id}/change", act, pages::change)
        .post(
            "/connectors/{id}/proposals/{proposal}/approval",
            act,
            pages::approve,
        )
        .with_step_up()
        .post(
            "/connectors/{id}/proposals/{proposal}/refusal",
            act,
            pages::refuse,
        )
}
