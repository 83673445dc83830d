//! Where actix-session meets our table.
//!
//! The rows themselves are written by audited transactions ([`sessions::begin`]), together with the
//! event that says why. This store only leads from a cookie to its row: it loads the row for the
//! guard, hands out a token that a transaction has made, and sees to it that a replaced or ended
//! session is gone.

use std::collections::HashMap;

use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Key, SameSite};
use serde::{Deserialize, Serialize};

use super::sessions::{self, Facts, Token};
use super::csrf;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::web::{self, block};

const FOUND: &str = "found";
const TOKEN: &str = "token";

type State = HashMap<String, String>;

/// What the store tells the guard about a request's cookie.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Found {
    Session { facts: Facts, csrf: String },
    /// The database did not answer: not the same as being signed out.
    Unavailable(String),
}

#[derive(Debug, thiserror::Error)]
#[error("a session was saved without a token")]
struct NoToken;

/// Sessions in PostgreSQL.
#[derive(Clone)]
pub struct PgSessions(Services);

/// The middleware that reads and sets the session cookie. On https the cookie is bound to the host
/// and to TLS; plain http is served on loopback only.
#[must_use]
pub fn middleware(services: &Services) -> SessionMiddleware<PgSessions> {
    let https = services.config.web.is_https();
    SessionMiddleware::builder(PgSessions(services.clone()), cookie_key(services))
        .cookie_name(cookie_name(services).to_owned())
        .cookie_secure(https)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".to_owned())
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(BrowserSession::default())
        .build()
}

#[must_use]
pub fn cookie_name(services: &Services) -> &'static str {
    if services.config.web.is_https() {
        "__Host-signalbox"
    } else {
        "signalbox"
    }
}

/// Signs cookies, so that made-up ones are turned away before the database is asked.
#[must_use]
pub fn cookie_key(services: &Services) -> Key {
    let half = |value: &str| services.keyring.token("session_cookie", value);
    Key::from(&[half("first"), half("second")].concat())
}

/// Makes the answer to this request carry `token` instead of whatever came with it.
pub fn carry(session: &Session, token: &Token) -> Result<(), web::Error> {
    session.clear();
    session.renew();
    session
        .insert(TOKEN, token.expose())
        .map_err(web::Error::internal)
}

pub(super) fn found(session: &Session) -> Option<Found> {
    session.get(FOUND).ok().flatten()
}

impl PgSessions {
    async fn look_up(&self, token: Token) -> Result<Option<Found>, web::Error> {
        let (services, hash) = (self.0.clone(), token.hash());
        let facts = block(move || {
            services
                .db
                .read(|conn| sessions::find(conn, &hash).map_err(web::Error::from))
        })
        .await?;
        Ok(facts.map(|facts| Found::Session {
            facts,
            csrf: csrf::token(token.expose()),
        }))
    }
}

impl SessionStore for PgSessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let found = match self.look_up(Token::from_text(key.as_ref())).await {
            Ok(found) => found,
            Err(error) => Some(Found::Unavailable(error.to_string())),
        };
        found
            .map(|found| {
                let found = serde_json::to_string(&found)
                    .map_err(|error| LoadError::Deserialization(error.into()))?;
                Ok(State::from([(FOUND.to_owned(), found)]))
            })
            .transpose()
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        key_of(&state).map_err(SaveError::Other)
    }

    async fn update(
        &self,
        _: SessionKey,
        state: State,
        _: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        key_of(&state).map_err(UpdateError::Other)
    }

    /// Time limits follow from the row and the clock, never from a cookie.
    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    /// The audited transaction that ended the session has deleted its row already; should one have
    /// been missed, it goes here.
    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let hash = Token::from_text(key.as_ref()).hash();
        let services = self.0.clone();
        block(move || {
            services
                .audit
                .write_unaudited(Unaudited::SessionTouch, |conn| {
                    sessions::end_by_token(conn, &hash).map_err(web::Error::from)
                })
        })
        .await?;
        Ok(())
    }
}

fn key_of(state: &State) -> Result<SessionKey, anyhow::Error> {
    let token: String = serde_json::from_str(state.get(TOKEN).ok_or(NoToken)?)?;
    Ok(SessionKey::try_from(token)?)
}
