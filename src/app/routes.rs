use super::health_routes;
use crate::foundation::web::Routes;

/// Everything that the application answers, in one tree.
#[must_use]
pub fn routes() -> Routes {
    Routes::new().and(health_routes::routes())
}
