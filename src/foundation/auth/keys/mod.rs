//! API keys: what programs come with instead of a session.
//!
//! Invariants:
//! - the key is shown once; only the SHA-256 of its secret is kept, and of at most two secrets at a time;
//! - a key opens what its scopes name, on the platforms and from the networks that it was given, until its day;
//! - revoking acts on the next request: nothing about a key is remembered between two;
//! - a key for wall screens is for nothing else, and its screens end with it;
//! - no scope approves or decides anything, so that four eyes stay those of people.
//!
//! Deliberately absent: changing a key. What it may do was decided when it was made; another one is made for
//! something else, and the log can be read without asking what a key was allowed at the time.

mod admission;
pub mod displays;
mod lifecycle;
mod recent;
mod scope;
mod store;
mod text;

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};

pub use admission::Keyed;
pub(super) use admission::admit;
pub use lifecycle::{Made, NewKey, Refusal, add, revoke, rotate};
pub use recent::Recent;
pub use scope::KeyScope;
pub use store::{find, has_read_log, list, note_log_read};
pub use text::KeyId;

use crate::foundation::kernel::{Networks, Scope};

/// How long a key lives where nobody says.
pub const LIVES_USUALLY: Duration = Duration::days(90);
pub const LIVES_AT_MOST: Duration = Duration::days(365);

/// How long the secret before a rotation goes on opening, where nobody says.
pub const OVERLAP_USUALLY: Duration = Duration::hours(24);
pub const OVERLAP_AT_MOST: Duration = Duration::days(30);

/// How often it is written down that a key is used.
const TOUCH_EVERY: Duration = Duration::minutes(1);

/// A key as it is known to us, without its secrets.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: KeyId,
    pub name: String,
    pub scopes: BTreeSet<KeyScope>,
    /// Where it may be used from; empty means anywhere.
    pub networks: Networks,
    pub reach: Scope,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub secret_made_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When the secret before the present one stops opening.
    pub previous_ends_at: Option<DateTime<Utc>>,
    pub revoked: Option<(DateTime<Utc>, String)>,
    /// When it was last used, and from which network.
    pub last_used: Option<(DateTime<Utc>, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Live,
    Expired,
    Revoked,
}

impl Key {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        if self.revoked.is_some() {
            State::Revoked
        } else if now >= self.expires_at {
            State::Expired
        } else {
            State::Live
        }
    }

    /// Whether it opens wall screens, and nothing else.
    #[must_use]
    pub fn is_for_screens(&self) -> bool {
        self.scopes.contains(&KeyScope::Display)
    }

    /// Whether it may be used from this address.
    #[must_use]
    pub fn allows(&self, from: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.contains(from)
    }

    /// When the secret before the present one ends, while it still opens.
    #[must_use]
    pub fn overlap(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let live = self.state(now) == State::Live;
        self.previous_ends_at.filter(|ends| live && now < *ends)
    }

    /// Whether somebody with this reach may see and manage it: a key that reaches further is another's business.
    #[must_use]
    pub fn is_within(&self, reach: &Scope) -> bool {
        reach.covers(&self.reach)
    }
}
