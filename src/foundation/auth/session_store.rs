//! Where actix-session meets our table.
//!
//! The rows are written by audited transactions ([`sessions::begin`]), together with the event that
//! says why, and read by the guard, which knows whether a route wants a session at all and can
//! answer 503 when the database is away. What is left for this store is the cookie: it hands out a
//! token that a transaction has made, and sees to it that a replaced or ended session is gone.

use std::collections::HashMap;

use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Key, SameSite};

use super::sessions;
use super::token::Token;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::web::{self, block_sign_in};

/// The one thing in a request's session state: the token from its cookie.
const TOKEN: &str = "token";

type State = HashMap<String, String>;

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
    SessionMiddleware::builder(PgSessions(services.clone()), cookie_key(services))
        .cookie_name(cookie_name(services).to_owned())
        .cookie_secure(services.config.web.is_https())
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

/// The token that came with the request.
#[must_use]
pub fn token(session: &Session) -> Option<Token> {
    let text: Option<String> = session.get(TOKEN).ok().flatten();
    text.as_deref().map(Token::from_text)
}

/// Makes the answer to this request carry `token` instead of whatever came with it.
pub fn carry(session: &Session, token: &Token) -> Result<(), web::Error> {
    session.renew();
    session
        .insert(TOKEN, token.expose())
        .map_err(web::Error::internal)
}

impl SessionStore for PgSessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let token = serde_json::to_string(key.as_ref())
            .map_err(|error| LoadError::Deserialization(error.into()))?;
        Ok(Some(State::from([(TOKEN.to_owned(), token)])))
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
    /// been missed, it goes here. That this cannot be looked for is no reason to fail what has been done.
    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let hash = Token::from_text(key.as_ref()).hash();
        let services = self.0.clone();
        let swept = block_sign_in(move || {
            services
                .audit
                .write_unaudited(Unaudited::SessionEnd, |conn| {
                    sessions::end_by_token(conn, &hash).map_err(web::Error::from)
                })
        })
        .await;
        if let Err(error) = swept {
            tracing::warn!(%error, "the row of a session that has ended was not looked for");
        }
        Ok(())
    }
}

fn key_of(state: &State) -> Result<SessionKey, anyhow::Error> {
    let token: String = serde_json::from_str(state.get(TOKEN).ok_or(NoToken)?)?;
    Ok(SessionKey::try_from(token)?)
}
