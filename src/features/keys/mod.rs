//! API keys as people see and manage them: which there are, what each opens, when it ends.
//!
//! Invariants:
//! - the key itself stands in one answer and nowhere else;
//! - nobody sees or manages a key that reaches further than they do, nor makes one;
//! - a key for wall screens is shown to nobody: a link makes a browser a screen, once, and only when its button is
//!   pressed.
//!
//! Deliberately absent: a second person. A key approves nothing, whatever it is given.

pub mod actions;
mod pages;
mod screens;
mod store;
mod views;

use crate::foundation::auth::Permission;
use crate::foundation::web::{Access, Routes};

#[must_use]
pub fn routes() -> Routes {
    let read = Access::Needs(Permission::KeysRead);
    let manage = Access::Needs(Permission::KeysManage);
    Routes::new()
        .get("/keys", read, pages::list)
        .post("/keys", manage, pages::add)
        .with_step_up()
        .get("/keys/new", manage, pages::form)
        .get("/keys/{id}", read, pages::one)
        .post("/keys/{id}/rotation", manage, pages::rotate)
        .with_step_up()
        .post("/keys/{id}/revocation", manage, pages::revoke)
        .with_step_up()
        .post("/keys/{id}/screens", manage, screens::offer)
        .with_step_up()
        .post("/keys/{id}/screens/{screen}/end", manage, screens::end)
        .get("/display/link/{token}", Access::Public, screens::link)
        .post("/display/link/{token}", Access::Public, screens::open)
}
