//! Wall screens: browsers that show health and alerts and nothing else, for as long as a key with the scope `display`
//! lives. A key in an address would stand in histories and logs; so a one-time link makes a browser a screen, and from
//! then on it comes with a cookie of its own.

use std::net::IpAddr;

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, HttpRequest};
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::super::client_address::client_address;
use super::super::token::{Token, TokenHash};
use super::super::{denials, throttle};
use super::{Key, KeyId, Keyed, Refusal, State, TOUCH_EVERY, lifecycle, store};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Tx, Unaudited};
use crate::foundation::db::schema::display;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::web::{Error, RequestId, block};

/// How long a link works.
pub const LINK_LIVES: Duration = Duration::minutes(15);

/// Screens of one key, with links that nobody has opened yet: more than any room has walls.
const MOST_OF_A_KEY: i64 = 20;

/// A browser that is a screen.
#[derive(Clone, Debug, Queryable)]
pub struct Screen {
    pub id: Uuid,
    pub opened_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// Its network.
    pub last_seen_from: String,
}

/// Why a link made no screen. It stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Dead {
    #[error("the link is used up, too old, nobody's, or its key has ended")]
    Link,
    #[error("the key may not be used from here")]
    Network { screen: Uuid, key: KeyId },
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Makes the link by which one browser becomes a screen: its token.
pub fn offer(tx: &mut Tx<'_>, id: &KeyId) -> Result<Token, Refusal> {
    let (key, _) = lifecycle::locked(tx, id)?;
    let now = tx.now();
    check(&key, now)?;
    forget_old_links(tx, id, now)?;
    if count(tx, id)? >= MOST_OF_A_KEY {
        return Err(Refusal::TooManyScreens);
    }
    let (screen, token) = (Uuid::now_v7(), Token::generate());
    diesel::insert_into(display::table)
        .values((
            display::id.eq(screen),
            display::key_id.eq(id.as_str()),
            display::token_hash.eq(token.hash().to_vec()),
            display::made_at.eq(now),
        ))
        .execute(&mut **tx)
        .map_err(db::Error::from)?;
    tx.record(about("display.offered", screen, id))?;
    Ok(token)
}

/// Why a key has no screens, if it has none.
fn check(key: &Key, now: DateTime<Utc>) -> Result<(), Refusal> {
    match key.state(now) {
        State::Revoked => Err(Refusal::Revoked),
        State::Expired => Err(Refusal::Expired),
        State::Live if key.is_for_screens() => Ok(()),
        State::Live => Err(Refusal::NotForScreens),
    }
}

fn forget_old_links(conn: &mut Conn, id: &KeyId, now: DateTime<Utc>) -> db::Result<()> {
    diesel::delete(
        display::table
            .filter(display::key_id.eq(id.as_str()))
            .filter(display::opened_at.is_null())
            .filter(display::made_at.le(now - LINK_LIVES)),
    )
    .execute(conn)?;
    Ok(())
}

fn count(conn: &mut Conn, id: &KeyId) -> db::Result<i64> {
    Ok(display::table
        .filter(display::key_id.eq(id.as_str()))
        .count()
        .get_result(conn)?)
}

/// Whether a link with this token waits for somebody to open it, and its key still lives.
pub fn waits(conn: &mut Conn, link: &Token, now: DateTime<Utc>) -> db::Result<bool> {
    let id: Option<String> = display::table
        .filter(display::token_hash.eq(link.hash().to_vec()))
        .filter(display::opened_at.is_null())
        .filter(display::made_at.gt(now - LINK_LIVES))
        .select(display::key_id)
        .get_result(conn)
        .optional()?;
    let key = match id {
        Some(id) => store::look_up(conn, &id)?,
        None => None,
    };
    Ok(key.is_some_and(|(key, _)| check(&key, now).is_ok()))
}

/// Opens a link, which can be done once: the screen's own token, and until when it is good.
pub fn open(tx: &mut Tx<'_>, link: &Token, from: IpAddr) -> Result<(Token, DateTime<Utc>), Dead> {
    let (now, token) = (tx.now(), Token::generate());
    let network = throttle::network(from);
    // Of whoever has both, the key is held first: so do those who end a screen or a key.
    let this = || {
        display::table
            .filter(display::token_hash.eq(link.hash().to_vec()))
            .filter(display::opened_at.is_null())
            .filter(display::made_at.gt(now - LINK_LIVES))
    };
    let found: Option<(Uuid, String)> = this()
        .select((display::id, display::key_id))
        .get_result(&mut **tx)
        .optional()
        .map_err(db::Error::from)?;
    let (screen, id) = found.ok_or(Dead::Link)?;
    let id: KeyId = id.parse().map_err(|_| db::Error::Damaged("a screen"))?;
    let (key, _) = store::lock(tx, &id)?;
    if check(&key, now).is_err() {
        return Err(Dead::Link);
    }
    if !key.allows(from) {
        return Err(Dead::Network { screen, key: id });
    }
    let opened = diesel::update(this())
        .set((
            display::token_hash.eq(token.hash().to_vec()),
            display::opened_at.eq(now),
            display::last_seen_at.eq(now),
            display::last_seen_from.eq(&network),
        ))
        .execute(&mut **tx)
        .map_err(db::Error::from)?;
    if opened == 0 {
        return Err(Dead::Link);
    }
    store::touch(tx, &id, &network, now)?;
    tx.record(about("display.opened", screen, &id))?;
    Ok((token, key.expires_at))
}

/// The screens of a key, the newest first.
pub fn list(conn: &mut Conn, id: &KeyId) -> db::Result<Vec<Screen>> {
    Ok(display::table
        .filter(display::key_id.eq(id.as_str()))
        .filter(display::opened_at.is_not_null())
        .order((display::opened_at.desc(), display::id))
        .limit(MOST_OF_A_KEY)
        .select((
            display::id,
            display::opened_at.assume_not_null(),
            display::last_seen_at.assume_not_null(),
            display::last_seen_from.assume_not_null(),
        ))
        .load(conn)?)
}

/// Ends one screen of a key: its next request is refused.
pub fn end(tx: &mut Tx<'_>, id: &KeyId, screen: Uuid) -> Result<(), Refusal> {
    lifecycle::locked(tx, id)?;
    let ended = diesel::delete(
        display::table
            .find(screen)
            .filter(display::key_id.eq(id.as_str()))
            .filter(display::opened_at.is_not_null()),
    )
    .execute(&mut **tx)
    .map_err(db::Error::from)?;
    if ended == 0 {
        return Err(db::Error::NotFound.into());
    }
    tx.record(about("display.ended", screen, id))?;
    Ok(())
}

fn about(kind: &'static str, screen: Uuid, key: &KeyId) -> Event {
    Event::new(kind, Subject::new("display", screen)).detail("key", key.as_str())
}

fn cookie_name(services: &Services) -> &'static str {
    if services.config.web.is_https() {
        "__Host-signalbox-display"
    } else {
        "signalbox-display"
    }
}

/// What makes a browser a screen, until then. It stands beside the cookie of a session, and neither replaces the other.
#[must_use]
pub fn cookie(services: &Services, token: &Token, until: DateTime<Utc>) -> Cookie<'static> {
    let secs = (until - services.clock.now()).num_seconds();
    Cookie::build(cookie_name(services), token.expose().to_owned())
        .path("/")
        .secure(services.config.web.is_https())
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(CookieDuration::seconds(secs))
        .finish()
}

fn presented(request: &HttpRequest, services: &Services) -> Option<TokenHash> {
    let cookie = request.cookie(cookie_name(services))?;
    Some(Token::from_text(cookie.value()).hash())
}

/// Lets a screen through whose key still opens the display, from here. It is asked anew each time, so revoking the key
/// ends its screens with their next request.
pub(in super::super) async fn admit(
    request: &ServiceRequest,
    services: &Services,
) -> Result<(), Error> {
    let from = client_address(request.request());
    let hash = presented(request.request(), services);
    let id = RequestId::of(request.request());
    let app = services.clone();
    let keyed = block(move || let_through(&app, hash.as_ref(), from, id)).await?;
    request.extensions_mut().insert(keyed);
    Ok(())
}

fn let_through(
    services: &Services,
    hash: Option<&TokenHash>,
    from: IpAddr,
    request: String,
) -> Result<Keyed, Error> {
    let now = services.clock.now();
    let found = match hash {
        Some(hash) => services
            .db
            .look_up(PoolKind::Web, |conn| find(conn, hash))?,
        None => None,
    };
    let Some(found) = found else {
        services.limits.check_address(from)?;
        return Err(Error::NoDisplay {
            ended: hash.is_some(),
        });
    };
    let key = &found.key;
    services.limits.check_key(&key.id)?;
    let wrong = match check(key, now) {
        Err(Refusal::Revoked) => Some("revoked"),
        Err(Refusal::Expired) => Some("expired"),
        Err(_) => Some("scope"),
        Ok(()) => (!key.allows(from)).then_some("address"),
    };
    if let Some(why) = wrong {
        refuse(services, (found.screen, &key.id), why, &request)?;
        return Err(Error::NoDisplay { ended: true });
    }
    if now - found.last_seen_at >= TOUCH_EVERY {
        let network = throttle::network(from);
        let noted = services.audit.write_unaudited(Unaudited::KeyUse, |conn| {
            store::touch(conn, &key.id, &network, now)?;
            touch(conn, found.screen, &network, now)
        });
        // A note that fails is no reason to darken the wall: it comes with the next look.
        if let Err(error) = noted {
            tracing::warn!(%error, "the use of a screen was not noted");
        }
    }
    Ok(Keyed::of(key, request))
}

/// Records that a screen was turned away that was one, or would have become one.
pub fn refuse(
    services: &Services,
    (screen, key): (Uuid, &KeyId),
    why: &str,
    request: &str,
) -> Result<(), Error> {
    let event = Event::new("key.refused", Subject::new("api_key", key))
        .outcome(Outcome::Denied)
        .detail("why", why)
        .detail("route", "/display")
        .detail("display", screen.to_string());
    let actor = Actor::key(key.as_str()).with_request(request);
    denials::note(services, "key_refused", key.as_str(), &actor, event)
}

/// A screen with its key.
struct Found {
    screen: Uuid,
    last_seen_at: DateTime<Utc>,
    key: Key,
}

fn find(conn: &mut Conn, hash: &TokenHash) -> QueryResult<Option<Found>> {
    let screen: Option<(Uuid, String, Option<DateTime<Utc>>)> = display::table
        .filter(display::token_hash.eq(hash.as_slice()))
        .filter(display::opened_at.is_not_null())
        .select((display::id, display::key_id, display::last_seen_at))
        .get_result(conn)
        .optional()?;
    let Some((screen, key, Some(last_seen_at))) = screen else {
        return Ok(None);
    };
    let key = store::look_up(conn, &key)?;
    Ok(key.map(|(key, _)| Found {
        screen,
        last_seen_at,
        key,
    }))
}

/// Notes that a screen still asks.
fn touch(conn: &mut Conn, screen: Uuid, network: &str, now: DateTime<Utc>) -> db::Result<()> {
    diesel::update(
        display::table
            .find(screen)
            .filter(display::opened_at.is_not_null()),
    )
    .set((
        display::last_seen_at.eq(now),
        display::last_seen_from.eq(network),
    ))
    .execute(conn)?;
    Ok(())
}
