//! Lets programs in: the key of a request, found and judged anew each time.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Duration, Utc};
use subtle::{Choice, ConstantTimeEq};

use super::super::attempts::{self, Counted, Outcome as Try};
use super::super::client_address::client_address;
use super::super::throttle::{self, Scope as Throttle};
use super::super::{denials, token::TokenHash};
use super::store::{self, Secrets};
use super::text::Presented;
use super::{Key, KeyId, KeyScope, State, TOUCH_EVERY};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::db::PoolKind;
use crate::foundation::kernel::Scope;
use crate::foundation::web::{Error, RequestId, block};

/// A key that was used from a network this lately has tries of its own there: others cannot use them up.
const KNOWN_FOR: Duration = Duration::days(7);

/// The program of a request, as the route guard found its key a moment ago.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub id: KeyId,
    pub name: String,
    reach: Scope,
    request: String,
}

impl Keyed {
    pub(super) fn of(key: &Key, request: String) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            reach: key.reach.clone(),
            request,
        }
    }

    /// The platforms that the key was given.
    #[must_use]
    pub fn reach(&self) -> &Scope {
        &self.reach
    }

    /// Who acts. The writes of its transactions reach no further than the key.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::key(self.id.as_str())
            .with_request(&self.request)
            .reaching(self.reach.clone())
    }
}

impl FromRequest for Keyed {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or(Error::KeyMissing))
    }
}

/// Finds the key of a request and lets it through if it opens `scope`.
///
/// Cookies are not looked at, and no token against forgery is asked for: a browser sends this header for nobody who
/// has not written a program that does.
pub(in super::super) async fn admit(
    scope: KeyScope,
    request: &ServiceRequest,
    services: &Services,
) -> Result<(), Error> {
    let from = client_address(request.request());
    let route = request.match_pattern().unwrap_or_default();
    let text = match bearer(request.headers()) {
        None if takes_basic(&route) => password(request.headers()),
        found => found.map(str::to_owned),
    };
    let Some(text) = text else {
        services.limits.check_address(from)?;
        return Err(Error::KeyMissing);
    };
    let asking = Asking {
        presented: Presented::read(&text),
        from,
        scope,
        route,
        request: RequestId::of(request.request()),
    };
    let services = services.clone();
    let keyed = block(move || asking.answer(&services)).await?;
    request.extensions_mut().insert(keyed);
    Ok(())
}

/// Where programs of others come, of which some know names and passwords only.
fn takes_basic(route: &str) -> bool {
    route.starts_with("/api/v2/") || route.starts_with("/hooks/")
}

/// The one credential of the request, if it is of the kind that we take.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    credential(headers, "bearer")
}

/// The password of a request whose name may be any: it is the key.
fn password(headers: &HeaderMap) -> Option<String> {
    let decoded = BASE64.decode(credential(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

fn credential<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let mut sent = headers.get_all(AUTHORIZATION);
    let (only, None) = (sent.next()?, sent.next()) else {
        return None;
    };
    let (scheme, text) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| text.trim())
}

struct Asking {
    /// `None` where what was sent is no key by its shape. It is looked for and counted like any other.
    presented: Option<Presented>,
    from: IpAddr,
    scope: KeyScope,
    route: String,
    request: String,
}

/// Why a key opens nothing. Whoever sends it is told no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Unknown,
    Secret,
    /// It was one of its secrets, and no longer is.
    SecretEnded,
    Expired,
    Revoked,
}

impl Wrong {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Secret => "wrong_secret",
            Self::SecretEnded => "secret_ended",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Asking {
    fn answer(self, services: &Services) -> Result<Keyed, Error> {
        let now = services.clock.now();
        let id = self.presented.as_ref().map_or("", |sent| sent.id.as_str());
        let found = services
            .db
            .look_up(PoolKind::Web, |conn| store::look_up(conn, id))?;
        let recent = &services.limits.recent_keys;
        let counted = if self.is_recent(services, now) {
            None
        } else {
            self.count(services, found.as_ref().map(|(key, _)| key), now)?
        };
        let hash = self.presented.as_ref().map(|sent| sent.hash);
        match judge(found.as_ref(), hash.as_ref(), now) {
            Ok((key, hash)) => {
                recent.remember(hash, now);
                self.note_use(services, key, counted.as_ref(), now)?;
                services.limits.check_key(&key.id)?;
                self.let_through(services, key)
            }
            Err(wrong) => {
                if let Some(hash) = &hash {
                    recent.forget(hash);
                }
                services.limits.check_address(self.from)?;
                let named = found.as_ref().map(|(key, _)| &key.id);
                self.record(services, named, wrong.as_str(), false)?;
                Err(Error::KeyInvalid)
            }
        }
    }

    /// Whether this very secret has opened something lately.
    fn is_recent(&self, services: &Services, now: DateTime<Utc>) -> bool {
        let sent = self.presented.as_ref();
        sent.is_some_and(|sent| services.limits.recent_keys.has(&sent.hash, now))
    }

    /// Counts a try before its secret is looked at. A key that is known in this network has its own counter there, so
    /// that a neighbour who has a wrong one does not shut it out; all others of an address share one.
    fn count(
        &self,
        services: &Services,
        claimed: Option<&Key>,
        now: DateTime<Utc>,
    ) -> Result<Option<Counted>, Error> {
        let network = throttle::network(self.from);
        let known = claimed.filter(|key| {
            let used = key.last_used.as_ref();
            used.is_some_and(|(at, from)| *from == network && now - *at < KNOWN_FOR)
        });
        let counter = match known {
            Some(key) => format!("key {} {network}", key.id),
            None => format!("key {}", throttle::counted_address(self.from)),
        };
        let counter = services.keyring.token("sign_in_throttle", &counter);
        let tried = services.audit.write_unaudited(Unaudited::KeyUse, |conn| {
            attempts::count(conn, vec![(Throttle::Key, counter)], now)
        })?;
        match tried {
            Try::Counted(counted) => Ok(Some(counted)),
            // It came beside many others of its own, of which one was right meanwhile.
            Try::Refused { .. } if self.is_recent(services, now) => Ok(None),
            Try::Refused { until, note } => {
                if note {
                    self.record(services, claimed.map(|key| &key.id), "too_many", false)?;
                }
                let secs = (until - now).num_seconds().max(1);
                Err(Error::TooMany {
                    retry_after_secs: secs.unsigned_abs(),
                })
            }
        }
    }

    /// The secret was right: the try is no failure, and once a minute it is written down that the key is used.
    fn note_use(
        &self,
        services: &Services,
        key: &Key,
        counted: Option<&Counted>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let fresh = key
            .last_used
            .as_ref()
            .is_some_and(|(at, _)| now - *at < TOUCH_EVERY);
        let usable = key.allows(self.from);
        if counted.is_none() && (fresh || !usable) {
            return Ok(());
        }
        let network = throttle::network(self.from);
        services.audit.write_unaudited(Unaudited::KeyUse, |conn| {
            if let Some(counted) = counted {
                attempts::take_back(conn, counted, now)?;
            }
            if !fresh && usable {
                store::touch(conn, &key.id, &network, now)?;
            }
            Ok(())
        })
    }

    /// The key is right. What it may not do is refused by name, because whoever holds it has to mend it.
    fn let_through(&self, services: &Services, key: &Key) -> Result<Keyed, Error> {
        if !key.allows(self.from) {
            self.record(services, Some(&key.id), "address", true)?;
            return Err(Error::KeyAddress);
        }
        if !key.scopes.contains(&self.scope) {
            self.record(services, Some(&key.id), "scope", true)?;
            return Err(Error::KeyScope {
                needed: self.scope.as_str(),
            });
        }
        Ok(Keyed::of(key, self.request.clone()))
    }

    /// Records that a key was refused. Whoever does not hold its secret is a stranger.
    fn record(
        &self,
        services: &Services,
        key: Option<&KeyId>,
        why: &str,
        holds_it: bool,
    ) -> Result<(), Error> {
        let network = throttle::network(self.from);
        let who = key.map_or_else(|| network.clone(), ToString::to_string);
        let actor = match key {
            Some(id) if holds_it => Actor::key(id.as_str()).with_request(&self.request),
            _ => denials::stranger(&services.keyring, &network, &self.request),
        };
        let subject = key.map_or("unknown", KeyId::as_str);
        let event = Event::new("key.refused", Subject::new("api_key", subject))
            .outcome(Outcome::Denied)
            .detail("why", why)
            .detail("route", self.route.as_str());
        denials::note(services, "key_refused", &who, &actor, event)
    }
}

/// Whether the secret is one of the key's, and the key still one. The same is done whatever is found: both secrets
/// are compared, in constant time, and where there is no such key, two that nobody has.
fn judge<'a>(
    found: Option<&'a (Key, Secrets)>,
    sent: Option<&TokenHash>,
    now: DateTime<Utc>,
) -> Result<(&'a Key, TokenHash), Wrong> {
    const NOBODYS: TokenHash = [0; 32];
    let sent = sent.unwrap_or(&NOBODYS);
    let current = found.map_or(&NOBODYS, |(_, secrets)| &secrets.current);
    let previous = found.and_then(|(_, secrets)| secrets.previous);
    let (before, ends) = previous.unwrap_or((NOBODYS, now));
    let is_current = sent.ct_eq(current);
    let is_before = sent.ct_eq(&before) & Choice::from(u8::from(previous.is_some()));
    let Some((key, _)) = found else {
        return Err(Wrong::Unknown);
    };
    if !bool::from(is_current | is_before) {
        return Err(Wrong::Secret);
    }
    match key.state(now) {
        State::Revoked => Err(Wrong::Revoked),
        State::Expired => Err(Wrong::Expired),
        State::Live if !bool::from(is_current) && now >= ends => Err(Wrong::SecretEnded),
        State::Live => Ok((key, *sent)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_and_nothing_else() {
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer  abc "])), Some("abc"));
        for refused in [&[][..], &["abc"], &["Basic abc"], &["Bearer a", "Bearer b"]] {
            assert_eq!(bearer(&headers(refused)), None, "{refused:?}");
        }
    }

    #[test]
    fn a_name_and_a_password_are_a_key_where_others_programs_come() {
        let of = |line: &str| password(&headers(&[line]));
        assert_eq!(of("Basic YW10b29sOnNnYng6eA=="), Some("sgbx:x".to_owned()));
        for refused in ["Basic YWJj", "Basic !", "Bearer YW10b29sOnNnYng6eA=="] {
            assert_eq!(of(refused), None, "{refused}");
        }
        assert!(takes_basic("/api/v2/alerts") && takes_basic("/hooks/alertmanager/{id}"));
        assert!(!takes_basic("/api/v1/alerts"));
    }

    fn key() -> (Key, Secrets) {
        let now = DateTime::UNIX_EPOCH;
        let key = Key {
            id: "abcdefghijkl".parse().unwrap(),
            name: "test".to_owned(),
            scopes: [KeyScope::AlertsRead].into(),
            networks: "10.0.0.0/8".parse().unwrap(),
            reach: Scope::All,
            created_by: String::new(),
            created_at: now,
            secret_made_at: now,
            expires_at: now + Duration::days(90),
            previous_ends_at: Some(now + Duration::hours(24)),
            revoked: None,
            last_used: None,
        };
        let secrets = Secrets {
            current: [1; 32],
            previous: Some(([2; 32], now + Duration::hours(24))),
        };
        (key, secrets)
    }

    #[test]
    fn two_secrets_open_until_the_old_one_ends() {
        let found = key();
        let told = |sent: u8, hours: i64| {
            let now = DateTime::UNIX_EPOCH + Duration::hours(hours);
            judge(Some(&found), Some(&[sent; 32]), now).err()
        };
        assert_eq!((told(1, 23), told(2, 23)), (None, None));
        assert_eq!((told(1, 24), told(2, 24)), (None, Some(Wrong::SecretEnded)));
        assert_eq!(told(3, 0), Some(Wrong::Secret));
        assert_eq!(told(1, 24 * 90), Some(Wrong::Expired));
    }

    #[test]
    fn nothing_opens_what_is_not_there_or_is_revoked() {
        let now = DateTime::UNIX_EPOCH;
        for sent in [None, Some(&[0; 32]), Some(&[1; 32])] {
            assert_eq!(judge(None, sent, now).err(), Some(Wrong::Unknown));
        }
        let mut revoked = key();
        revoked.0.revoked = Some((now, String::new()));
        assert_eq!(
            judge(Some(&revoked), Some(&[1; 32]), now).err(),
            Some(Wrong::Revoked)
        );
        let mut alone = key();
        alone.1.previous = None;
        for sent in [None, Some(&[0; 32])] {
            assert_eq!(judge(Some(&alone), sent, now).err(), Some(Wrong::Secret));
        }
    }
}
