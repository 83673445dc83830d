//! People who were sent to the provider. A journey is bound to the browser by a cookie, works once, and is over after ten
//! minutes. Nothing in its row opens anything: the nonce and the PKCE verifier follow from the two tokens, which only
//! the browser has, and from our key, which it has not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::auth::token::{Token, TokenHash};
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::provider_journey;
use crate::foundation::db::{self, Conn};

/// How long somebody may take at the provider, and then to say whether it is them.
pub const LIVES: Duration = Duration::minutes(10);
/// The longest address that somebody is brought back to; a longer one is forgotten.
const LONGEST_NEXT: usize = 2_000;

/// What a browser carries on the way.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// There and back in the addresses.
    pub state: Token,
    /// In a cookie.
    pub browser: Token,
}

/// A journey that has come back.
#[derive(Clone, Debug)]
pub struct Back {
    /// Whose it was, where somebody signed in wants to be connected.
    pub session: Option<Uuid>,
    pub next: String,
}

/// What the provider has said of somebody, who has not said yet that it is them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which answer of the provider's this is: whoever says that it is them says it of this one.
    pub mark: String,
    pub subject: String,
    pub email: Option<String>,
}

impl Tokens {
    #[must_use]
    pub fn generate() -> Self {
        Self {
            state: Token::generate(),
            browser: Token::generate(),
        }
    }

    pub(super) fn nonce(&self, keyring: &Keyring) -> String {
        self.derived(keyring, "provider_nonce")
    }

    pub(super) fn verifier(&self, keyring: &Keyring) -> String {
        self.derived(keyring, "provider_verifier")
    }

    fn derived(&self, keyring: &Keyring, domain: &str) -> String {
        let both = format!("{} {}", self.state.expose(), self.browser.expose());
        URL_SAFE_NO_PAD.encode(keyring.token(domain, &both))
    }
}

/// Remembers that somebody was sent. A session has one journey at a time.
pub fn remember(
    conn: &mut Conn,
    issuer: &str,
    tokens: &Tokens,
    (session, next): (Option<Uuid>, &str),
    now: DateTime<Utc>,
) -> db::Result<()> {
    if let Some(session) = session {
        forget(conn, session)?;
    }
    let next = if next.len() > LONGEST_NEXT { "/" } else { next };
    diesel::insert_into(provider_journey::table)
        .values((
            provider_journey::state_hash.eq(tokens.state.hash().to_vec()),
            provider_journey::browser_hash.eq(tokens.browser.hash().to_vec()),
            provider_journey::session_id.eq(session),
            provider_journey::issuer.eq(issuer),
            provider_journey::next.eq(next),
            provider_journey::expires_at.eq(now + LIVES),
        ))
        .execute(conn)?;
    Ok(())
}

/// Takes the journey of this browser: something for the one caller that gets to.
pub fn take(
    conn: &mut Conn,
    issuer: &str,
    tokens: &Tokens,
    now: DateTime<Utc>,
) -> db::Result<Option<Back>> {
    let this = provider_journey::table
        .find(tokens.state.hash().to_vec())
        .filter(provider_journey::issuer.eq(issuer))
        .filter(provider_journey::browser_hash.eq(tokens.browser.hash().to_vec()))
        .filter(provider_journey::subject.is_null())
        .filter(provider_journey::expires_at.gt(now));
    let taken: Option<(Option<Uuid>, String)> = diesel::delete(this)
        .returning((provider_journey::session_id, provider_journey::next))
        .get_result(conn)
        .optional()?;
    Ok(taken.map(|(session, next)| Back { session, next }))
}

/// Keeps what the provider has said of whoever sits at this session, until they say whether it is them.
pub fn keep(
    conn: &mut Conn,
    issuer: &str,
    session: Uuid,
    (subject, email): (&str, Option<&str>),
    now: DateTime<Utc>,
) -> db::Result<()> {
    // Nobody comes back with these.
    let [state, browser]: [TokenHash; 2] = [Token::generate().hash(), Token::generate().hash()];
    forget(conn, session)?;
    diesel::insert_into(provider_journey::table)
        .values((
            provider_journey::state_hash.eq(state.to_vec()),
            provider_journey::browser_hash.eq(browser.to_vec()),
            provider_journey::session_id.eq(session),
            provider_journey::issuer.eq(issuer),
            provider_journey::next.eq("/"),
            provider_journey::subject.eq(subject),
            provider_journey::email.eq(email),
            provider_journey::expires_at.eq(now + LIVES),
        ))
        .execute(conn)?;
    Ok(())
}

/// What this provider has said, and waits for the word of whoever sits at this session.
pub fn waiting(
    conn: &mut Conn,
    issuer: &str,
    session: Uuid,
    now: DateTime<Utc>,
) -> db::Result<Option<Waiting>> {
    let row: Option<(Vec<u8>, String, Option<String>)> = provider_journey::table
        .filter(provider_journey::session_id.eq(session))
        .filter(provider_journey::issuer.eq(issuer))
        .filter(provider_journey::subject.is_not_null())
        .filter(provider_journey::expires_at.gt(now))
        .select((
            provider_journey::state_hash,
            provider_journey::subject.assume_not_null(),
            provider_journey::email,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(state, subject, email)| Waiting {
        mark: hex::encode(state),
        subject,
        email,
    }))
}

/// Lets go whatever this session has begun.
pub fn forget(conn: &mut Conn, session: Uuid) -> db::Result<()> {
    diesel::delete(provider_journey::table.filter(provider_journey::session_id.eq(session)))
        .execute(conn)?;
    Ok(())
}

/// Removes up to `limit` journeys from which nobody came back. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    let over: Vec<Vec<u8>> = provider_journey::table
        .filter(provider_journey::expires_at.lt(now))
        .select(provider_journey::state_hash)
        .limit(limit)
        .load(conn)?;
    let over = provider_journey::table.filter(provider_journey::state_hash.eq_any(over));
    Ok(diesel::delete(over).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_is_given_follows_from_both_tokens_and_shows_neither() {
        let keyring = Keyring::parse("q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=").unwrap();
        let tokens = Tokens::generate();
        let (nonce, verifier) = (tokens.nonce(&keyring), tokens.verifier(&keyring));
        assert_ne!(nonce, verifier);
        assert_eq!(verifier.len(), 43, "as long as PKCE asks for");
        let elsewhere = Tokens {
            browser: Token::generate(),
            ..tokens.clone()
        };
        assert_ne!(elsewhere.nonce(&keyring), nonce);
        assert_ne!(elsewhere.verifier(&keyring), verifier);
        let again = Tokens {
            state: Token::generate(),
            ..tokens
        };
        assert_ne!(again.nonce(&keyring), nonce);
    }
}
