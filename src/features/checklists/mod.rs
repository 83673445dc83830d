//! Checklists: what people go through by day, week, month, release and maintenance, kept as evidence.
//!
//! Invariants:
//! - a slot opens once, whoever opens it, and one that nobody did is listed as missed, also where nobody could have;
//! - an item with an expectation is answered by what was read, with its source and age; no person changes what was read,
//!   and what is stale or unknown is no pass;
//! - what fails, and what nobody knows, has a note before anybody can sign;
//! - what is signed is what the signer has read, and never changes: its bytes are kept with their hash, and the database refuses every change;
//! - whoever signed a list, or answered for an item of it, does not review it; in the database as well as here;
//! - whoever takes a list or its evidence out of the house leaves an event;
//! - a list that is overdue is a number that the platform's rules read.
//!
//! Deliberately absent: an answer that a person gives in place of a probe, and any way to skip a slot.

pub mod actions;
pub mod demo;
mod evidence;
mod export;
mod items;
pub mod pages;
pub mod run;
pub mod runner;
pub mod slots;
pub mod store;
pub mod sweep;
mod views;
mod words;

use crate::foundation::auth::Permission::{ChecklistsAct, ChecklistsRead, ChecklistsReview};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let read = Access::Needs(ChecklistsRead);
    let act = Access::Needs(ChecklistsAct);
    Routes::new()
        .get("/checklists", read, pages::list)
        .get("/checklists/{id}", read, pages::history)
        .post("/checklists/{id}/runs", act, pages::start)
        .get("/checklists/runs/{id}", read, pages::one)
        .get("/checklists/runs/{id}/print", read, export::print)
        .get("/checklists/runs/{id}/csv", read, export::csv)
        .get("/checklists/runs/{id}/json", read, export::json)
        .post("/checklists/runs/{id}/readings", act, pages::read_again)
        .get("/checklists/runs/{id}/items/{item}", read, items::show)
        .post("/checklists/runs/{id}/items/{item}", act, items::answer)
        .post(
            "/checklists/runs/{id}/items/{item}/evidence",
            act,
            evidence::add,
        )
        .get("/checklists/evidence/{id}", read, evidence::download)
        .post("/checklists/runs/{id}/signature", act, pages::sign)
        .with_step_up()
        .post("/checklists/runs/{id}/end", act, pages::call_off)
        .post(
            "/checklists/runs/{id}/review",
            Access::Needs(ChecklistsReview),
            pages::review,
        )
        .with_step_up()
}
