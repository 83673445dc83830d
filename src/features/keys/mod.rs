//! API keys as people see and manage them: which there are, what each opens, when it ends.
//!
//! Invariants:
//! - the key itself stands in one answer and nowhere else;
//! - nobody sees or manages a key that reaches further than they do, nor makes one.
//!
//! Deliberately absent: a second person. A key approves nothing, whatever it is given.

pub mod actions;
mod pages;
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
}
