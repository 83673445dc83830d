//! What every feature is handed.

use std::sync::Arc;

use super::audit::Audit;
use super::auth::limits::Limits;
use super::auth::password::Hasher;
use super::auth::provider::Provider;
use super::config::Config;
use super::crypto::Keyring;
use super::db::Db;
use super::kernel::Clock;
use super::web::Board;

/// The foundation as one value: cheap to clone, and the only thing that pages, actions and jobs
/// take. Nothing global stands beside it.
#[derive(Clone)]
pub struct Services {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub db: Db,
    pub audit: Audit,
    pub keyring: Keyring,
    pub passwords: Hasher,
    /// The organisation's own place to sign in, where it has one.
    pub provider: Option<Provider>,
    /// How often anybody may ask.
    pub limits: Limits,
    /// What waits behind the items of the navigation.
    pub board: Board,
}
