//! Rules as people read and change them: what each says, what it did, what it would have done, and how it became so.
//!
//! Invariants:
//! - a rule is a piece of its pack's text, and is changed by changing that text, through the one path that packs have;
//! - what would have been is gone through with the step that every tick takes, over what is kept and nothing else;
//! - what is not kept is said to be, and never counted as nothing;
//! - trying something out writes nothing.
//!
//! Deliberately absent: a switch that turns a rule off. Taking it out of the pack does, with a second person.

pub mod backtest;
pub mod beats;
pub mod burns;
mod choices;
mod edit;
mod editing;
pub mod fields;
pub mod form;
pub mod history;
mod list;
mod overtaken;
mod pages;
mod removal;
pub mod replay;
pub mod said;
mod subjects;
mod tested;
pub mod text;
mod versions;
mod views;
mod words;

use crate::foundation::auth::Permission::{PacksPropose, PacksRead};
use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    let (read, propose) = (Access::Needs(PacksRead), Access::Needs(PacksPropose));
    Routes::new()
        .get("/rules", read, list::show)
        .get("/rules/{id}", read, pages::one)
        .get("/rules/{id}/change", propose, editing::change_form)
        .post("/rules/{id}/trial", propose, editing::try_change)
        .post("/rules/{id}/change", propose, editing::submit_change)
        .with_step_up()
        .get("/rules/{id}/removal", propose, removal::form)
        .post("/rules/{id}/removal", propose, removal::submit)
        .with_step_up()
        .get("/packs/{platform}/rules/new", propose, editing::new_form)
        .post("/packs/{platform}/rules/trial", propose, editing::try_new)
        .post("/packs/{platform}/rules", propose, editing::submit_new)
        .with_step_up()
}
