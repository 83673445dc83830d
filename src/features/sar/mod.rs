//! The compartment of suspicious activity reports: so far, who may open it.
//!
//! Invariants:
//! - a grant is proposed by somebody who holds it, approved by another one who holds it, and is for neither of them; the
//!   first two come from the command line, and no more do;
//! - nobody opens the compartment without proving that it is them and saying what for, and each look is recorded;
//! - what happens here is told to the second log and to no other;
//! - to everybody else an address here answers like one that does not exist, and nothing of the compartment is read.
//!
//! Deliberately absent: the reports themselves.

pub mod actions;
mod events;
pub mod grant;
mod pages;
mod store;
mod views;

use crate::foundation::auth::sar::SarAccess;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let holders = Access::Sar(SarAccess::Any);
    Routes::new()
        .get("/sar/grants", holders, pages::show)
        .post("/sar/grants", holders, pages::propose)
        .with_step_up()
        .post("/sar/grants/opening", holders, pages::open)
        .with_step_up()
        .post("/sar/grants/{id}/approval", holders, pages::approve)
        .with_step_up()
        .post("/sar/grants/{id}/end", holders, pages::end)
        .with_step_up()
}
