use super::{health_routes, home};
use crate::features::account;
use crate::foundation::web::{Access, Routes, assets};

/// Everything that the application answers, in one tree.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .and(health_routes::routes())
        .get("/assets/{digest}/{path:.*}", Access::Public, assets::serve)
        .get("/", Access::PublicOrSigned, home::show)
        .and(account::routes())
}
