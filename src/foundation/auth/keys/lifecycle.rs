//! How a key begins, changes its secret and ends.

use std::collections::BTreeSet;

use chrono::Duration;

use super::store;
use super::{Key, KeyId, KeyScope, LIVES_AT_MOST, OVERLAP_AT_MOST, State, text};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db;
use crate::foundation::kernel::{Networks, Scope, Secret};

const LONGEST_NAME: usize = 100;
const MOST_NETWORKS: usize = 20;
/// Keys that are live at once: more than anybody keeps an eye on.
const MOST_LIVE: i64 = 200;

#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub scopes: BTreeSet<KeyScope>,
    pub networks: Networks,
    pub reach: Scope,
    pub lives: Duration,
}

/// A key, and what it is: shown once, and kept nowhere.
#[derive(Debug)]
pub struct Made {
    pub key: Key,
    pub text: Secret<String>,
}

/// Why a key was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("a name has 1 to {LONGEST_NAME} characters, and none that cannot be seen")]
    Name,
    #[error("a key needs at least one scope")]
    NoScope,
    #[error("a key lives for at least a minute and at most {} days", LIVES_AT_MOST.num_days())]
    Lifetime,
    #[error("at most {MOST_NETWORKS} networks")]
    Networks,
    #[error("a key that is limited to platforms needs at least one")]
    NoPlatform,
    #[error("{MOST_LIVE} keys are live already; revoke those that nobody uses")]
    TooMany,
    #[error("the old secret goes on for at most {} days", OVERLAP_AT_MOST.num_days())]
    Overlap,
    #[error("this key was revoked")]
    Revoked,
    #[error("this key has expired; make another one")]
    Expired,
    #[error("a key for wall screens is for nothing else; give it the scope display alone")]
    NotAlone,
    #[error("a key for wall screens has no secret to change; make another one before it ends")]
    NoRotation,
    #[error("this key does not have the scope display")]
    NotForScreens,
    #[error(
        "this key has as many screens and open links as it can have; end one, or make another key"
    )]
    TooManyScreens,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Makes a key. It reaches no further than whoever makes it.
pub fn add(tx: &mut Tx<'_>, new: NewKey) -> Result<Made, Refusal> {
    let name = new.name.trim();
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) || name.contains(char::is_control) {
        return Err(Refusal::Name);
    }
    if new.scopes.is_empty() {
        return Err(Refusal::NoScope);
    }
    if new.scopes.contains(&KeyScope::Display) && new.scopes.len() > 1 {
        return Err(Refusal::NotAlone);
    }
    if new.lives < Duration::minutes(1) || new.lives > LIVES_AT_MOST {
        return Err(Refusal::Lifetime);
    }
    if new.networks.len() > MOST_NETWORKS {
        return Err(Refusal::Networks);
    }
    if new.reach == Scope::nothing() {
        return Err(Refusal::NoPlatform);
    }
    if !tx.actor().reach().covers(&new.reach) {
        return Err(db::Error::NotFound.into());
    }
    let now = tx.now();
    if store::live_count(tx, now)? >= MOST_LIVE {
        return Err(Refusal::TooMany);
    }
    let id = KeyId::generate();
    let (text, hash) = text::generate(&id);
    let key = Key {
        id,
        name: name.to_owned(),
        scopes: new.scopes,
        networks: new.networks,
        reach: new.reach,
        created_by: tx.actor().to_string(),
        created_at: now,
        secret_made_at: now,
        expires_at: now + new.lives,
        previous_ends_at: None,
        revoked: None,
        last_used: None,
    };
    store::insert(tx, &key, &hash)?;
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let event = about("key.added", &key)
        .detail("scopes", scopes)
        .detail("networks", key.networks.len())
        .detail(
            "platforms",
            key.reach.ids().map(|ids| serde_json::json!(ids)),
        )
        .detail("expires_at", key.expires_at.to_rfc3339());
    tx.record(event)?;
    Ok(Made { key, text })
}

/// Gives a key another secret, and as long a time again. The present one opens for `overlap` more, so that those who
/// hold it can be given the new one; whatever was before it ends at once.
pub fn rotate(tx: &mut Tx<'_>, id: &KeyId, overlap: Duration) -> Result<Made, Refusal> {
    if overlap < Duration::zero() || overlap > OVERLAP_AT_MOST {
        return Err(Refusal::Overlap);
    }
    let (mut key, before) = locked(tx, id)?;
    if key.is_for_screens() {
        return Err(Refusal::NoRotation);
    }
    let now = tx.now();
    match key.state(now) {
        State::Live => {}
        State::Revoked => return Err(Refusal::Revoked),
        State::Expired => return Err(Refusal::Expired),
    }
    let (text, hash) = text::generate(id);
    // The old secret lives no longer than it would have.
    key.previous_ends_at = (!overlap.is_zero()).then(|| key.expires_at.min(now + overlap));
    key.expires_at = now + (key.expires_at - key.secret_made_at);
    key.secret_made_at = now;
    let kept = key.previous_ends_at.map(|_| &before);
    store::replace_secret(tx, &key, &hash, kept)?;
    let event = about("key.rotated", &key)
        .detail(
            "old_ends_at",
            key.previous_ends_at.unwrap_or(now).to_rfc3339(),
        )
        .detail("expires_at", key.expires_at.to_rfc3339());
    tx.record(event)?;
    Ok(Made { key, text })
}

/// Ends a key: the next request with it is refused.
pub fn revoke(tx: &mut Tx<'_>, id: &KeyId) -> Result<Key, Refusal> {
    let (key, _) = locked(tx, id)?;
    if key.revoked.is_some() {
        return Err(Refusal::Revoked);
    }
    store::set_revoked(tx, id)?;
    tx.record(about("key.revoked", &key))?;
    Ok(key)
}

/// The key, held, if it is within the actor's reach; elsewhere it does not exist for them.
pub(super) fn locked(tx: &mut Tx<'_>, id: &KeyId) -> db::Result<(Key, [u8; 32])> {
    let (key, hash) = store::lock(tx, id)?;
    if key.is_within(tx.actor().reach()) {
        Ok((key, hash))
    } else {
        Err(db::Error::NotFound)
    }
}

fn about(kind: &'static str, key: &Key) -> Event {
    Event::new(kind, Subject::new("api_key", &key.id))
}
