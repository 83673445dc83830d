//! Stands before every route of the route table: loads the session, its person and their roles,
//! and lets through whom the table names. Nothing is remembered between requests, so disabling
//! somebody or changing their roles acts on the next one.

use std::net::{IpAddr, Ipv4Addr};

use actix_session::SessionExt;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, REFERER};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage, HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::attempts;
use super::sessions::{self, Facts, Stage};
use super::throttle::Scope;
use super::{FormToken, HalfSigned, Permission, Signed, csrf, parked, session_store};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::db::PoolKind;
use crate::foundation::web::{self, Access, Error, RequestId, block, block_sign_in};

pub const SIGN_IN_PATH: &str = "/sign-in";
pub const SECOND_FACTOR_PATH: &str = "/sign-in/code";
pub const ENROLMENT_PATH: &str = "/enrol/authenticator";
/// Where a parked form waits; its id follows.
pub const PARKED_PATH: &str = "/account/parked";

/// A request's session, as it stands in the database.
enum Found {
    Nothing,
    /// Time is up, or its person was disabled.
    Over(Known),
    HalfWay(Known),
    Whole(Known),
}

struct Known {
    facts: Facts,
    csrf: String,
}

/// Lets the request through to its handler, or answers in its place.
pub async fn check(
    access: Access,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Err(error) = admit(access, &mut request).await {
        let response = actix_web::HttpResponse::from_error(error);
        return Ok(request.into_response(response));
    }
    next.call(request).await
}

async fn admit(access: Access, request: &mut ServiceRequest) -> Result<(), Error> {
    let services = services(request.request())?;
    refuse_foreign(request, &services)?;
    if access == Access::Public {
        return Ok(());
    }
    let found = find(access, request, &services).await?;
    match (access, found) {
        (Access::Public | Access::PublicOrSigned, found) => greet(request, found),
        (Access::HalfSigned, Found::HalfWay(known)) => let_half_in(request, known),
        (Access::HalfSigned, Found::Whole(_)) => return Err(Error::SeeOther("/".to_owned())),
        (Access::Signed, Found::Whole(known)) => let_in(request, &services, known).await?,
        (Access::Needs(permission), Found::Whole(known)) => {
            let_in(request, &services, known).await?;
            require(request, &services, permission).await?;
        }
        (_, Found::HalfWay(known)) => return Err(lead_on(request, known.facts.stage)),
        (_, Found::Over(known)) => return Err(turn_away(request, &services, Some(known)).await),
        (_, Found::Nothing) => return Err(turn_away(request, &services, None).await),
    }
    Ok(())
}

/// Whoever is on the way in goes by the reserve, so that a standstill of the pages keeps nobody out.
async fn find(
    access: Access,
    request: &ServiceRequest,
    services: &Services,
) -> Result<Found, Error> {
    let Some(token) = session_store::token(&request.get_session()) else {
        return Ok(Found::Nothing);
    };
    let (services, hash) = (services.clone(), token.hash());
    let now = services.clock.now();
    let look = move |pool| {
        services.db.read_on(pool, |conn| {
            sessions::find(conn, &hash).map_err(Error::from)
        })
    };
    let facts = match access {
        Access::HalfSigned | Access::Public | Access::PublicOrSigned => {
            block_sign_in(move || look(PoolKind::SignIn)).await?
        }
        Access::Signed | Access::Needs(_) => block(move || look(PoolKind::Web)).await?,
    };
    let Some(facts) = facts else {
        return Ok(Found::Nothing);
    };
    let known = Known {
        csrf: csrf::token(token.expose()),
        facts,
    };
    Ok(match known.facts.stage {
        _ if !known.facts.is_live(now) => Found::Over(known),
        Stage::Full => Found::Whole(known),
        Stage::SecondFactor | Stage::Enrolment => Found::HalfWay(known),
    })
}

/// Whatever changes something must come from our own pages.
fn refuse_foreign(request: &ServiceRequest, services: &Services) -> Result<(), Error> {
    let base_url = &services.config.web.base_url;
    if request.method().is_safe() || csrf::is_same_origin(request.headers(), base_url) {
        Ok(())
    } else {
        Err(Error::ForgedForm)
    }
}

/// A public page that says hello: it serves everybody, and knows who is signed in.
fn greet(request: &ServiceRequest, found: Found) {
    let id = RequestId::of(request.request());
    let mut extensions = request.extensions_mut();
    match found {
        Found::Whole(known) => {
            extensions.insert(FormToken(known.csrf.clone()));
            extensions.insert(Signed::new(known.facts, known.csrf, id));
        }
        Found::HalfWay(known) => {
            extensions.insert(HalfSigned::new(known.facts, known.csrf, id));
        }
        Found::Over(_) | Found::Nothing => {}
    }
}

fn let_half_in(request: &ServiceRequest, known: Known) {
    let id = RequestId::of(request.request());
    let mut extensions = request.extensions_mut();
    extensions.insert(FormToken(known.csrf.clone()));
    extensions.insert(HalfSigned::new(known.facts, known.csrf, id));
}

async fn let_in(request: &ServiceRequest, services: &Services, known: Known) -> Result<(), Error> {
    let now = services.clock.now();
    if known.facts.wants_touch(now) && is_deliberate(request) {
        let (services, session) = (services.clone(), known.facts.session);
        block_sign_in(move || {
            services
                .audit
                .write_unaudited(Unaudited::SessionTouch, |conn| {
                    sessions::touch(conn, session, now).map_err(Error::from)
                })
        })
        .await?;
    }
    let id = RequestId::of(request.request());
    let mut extensions = request.extensions_mut();
    extensions.insert(FormToken(known.csrf.clone()));
    extensions.insert(Signed::new(known.facts, known.csrf, id));
    Ok(())
}

/// Whether a person did this. What scripts fetch by themselves, and event streams, keep no session
/// alive: nobody may be there any more.
fn is_deliberate(request: &ServiceRequest) -> bool {
    let fetched_by_script = request
        .headers()
        .get("sec-fetch-dest")
        .is_some_and(|dest| dest == "empty");
    let background = fetched_by_script && request.method().is_safe();
    !background && !wants(request.headers(), "text/event-stream")
}

async fn require(
    request: &ServiceRequest,
    services: &Services,
    permission: Permission,
) -> Result<(), Error> {
    let signed = {
        let mut extensions = request.extensions_mut();
        let Some(signed) = extensions.get_mut::<Signed>() else {
            return Err(Error::SignInRequired);
        };
        if signed.may(permission) {
            signed.under(permission);
            return Ok(());
        }
        signed.clone()
    };
    let route = request.match_pattern().unwrap_or_default();
    let method = request.method().to_string();
    record_denial(services, &signed, &route, &method).await?;
    Err(Error::Forbidden)
}

/// Each denial is an event; a person who runs into many is recorded once a minute.
async fn record_denial(
    services: &Services,
    signed: &Signed,
    route: &str,
    method: &str,
) -> Result<(), Error> {
    let event = Event::new("access.denied", Subject::new("route", route))
        .outcome(Outcome::Denied)
        .detail("method", method);
    let key = services
        .keyring
        .token("access_denied", &signed.person.to_string());
    let (services, actor) = (services.clone(), signed.actor());
    block(move || {
        let now = services.clock.now();
        let outcome = services
            .audit
            .write_unaudited(Unaudited::Throttle, |conn| {
                attempts::count(conn, vec![(Scope::Denial, key)], now)
            })?;
        match outcome {
            attempts::Outcome::Refused { note: false, .. } => Ok(()),
            _ => write(&services, &actor, event),
        }
    })
    .await
}

fn write(services: &Services, actor: &Actor, event: Event) -> Result<(), Error> {
    services.audit.write(actor, |tx| {
        tx.record(event)?;
        Ok(())
    })
}

/// Half way in, somebody is shown the next step, whatever they asked for.
fn lead_on(request: &ServiceRequest, stage: Stage) -> Error {
    if is_for_programs(request) {
        return Error::SignInRequired;
    }
    let next = match stage {
        Stage::Enrolment => ENROLMENT_PATH,
        Stage::SecondFactor | Stage::Full => SECOND_FACTOR_PATH,
    };
    Error::SeeOther(next.to_owned())
}

/// To the sign-in page, and from there back to where they wanted to go. What they were sending is
/// kept for them.
async fn turn_away(
    request: &mut ServiceRequest,
    services: &Services,
    known: Option<Known>,
) -> Error {
    if is_for_programs(request) {
        return Error::SignInRequired;
    }
    if request.method().is_safe() {
        return to_sign_in(&local_target(request.request()));
    }
    let kept = match known {
        Some(known) if known.facts.stage == Stage::Full && !known.facts.disabled => {
            park(request, services, &known).await
        }
        _ => Ok(None),
    };
    match kept {
        Ok(Some(path)) => to_sign_in(&path),
        Ok(None) => to_sign_in(&came_from(request.request())),
        Err(error) => error,
    }
}

/// Puts a form aside for the person of the session that has run out. Only a form that carries that
/// session's token is theirs; files are not kept.
async fn park(
    request: &mut ServiceRequest,
    services: &Services,
    known: &Known,
) -> Result<Option<String>, Error> {
    let is_form = request.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let path = local_target(request.request());
    if !is_form || path.len() > parked::LONGEST_PATH {
        return Ok(None);
    }
    let Ok(body) = request.extract::<Bytes>().await else {
        return Ok(None);
    };
    let is_theirs = csrf::token_matches(&known.csrf, &parked::csrf_field(&body));
    if !is_theirs || parked::holds_secret(&body) {
        return Ok(None);
    }
    let (services, person) = (services.clone(), known.facts.person);
    let id = block(move || {
        let now = services.clock.now();
        services
            .audit
            .write_unaudited(Unaudited::ParkedForm, |conn| {
                parked::park(conn, &services.keyring, person, &path, &body, now)
                    .map_err(Error::from)
            })
    })
    .await?;
    Ok(Some(format!("{PARKED_PATH}/{id}")))
}

fn to_sign_in(next: &str) -> Error {
    if next == "/" {
        return Error::SeeOther(SIGN_IN_PATH.to_owned());
    }
    let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
    Error::SeeOther(format!("{SIGN_IN_PATH}?next={next}"))
}

fn local_target(request: &HttpRequest) -> String {
    request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned()
}

/// The page of ours that a form stood on, without its query.
#[must_use]
pub fn came_from(request: &HttpRequest) -> String {
    request
        .headers()
        .get(REFERER)
        .and_then(|referer| referer.to_str().ok())
        .and_then(|referer| url::Url::parse(referer).ok())
        .map_or_else(|| "/".to_owned(), |page| page.path().to_owned())
}

/// Programs and scripts are told in a status; people are led on.
fn is_for_programs(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    request.path().starts_with("/api/")
        || wants(headers, "text/event-stream")
        || wants(headers, "application/json")
}

fn wants(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.trim_start().starts_with(kind))
}

/// The address on the other end of the connection.
#[must_use]
pub fn client_address(request: &HttpRequest) -> IpAddr {
    request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip())
}

fn services(request: &HttpRequest) -> Result<Services, Error> {
    request
        .app_data::<Data<Services>>()
        .map(|services| services.get_ref().clone())
        .ok_or_else(|| web::Error::internal("the application has no services"))
}

/// A path to go to after signing in: only ever one of ours.
#[must_use]
pub fn local_path(given: Option<&str>) -> &str {
    match given {
        Some(path)
            if path.starts_with('/')
                && !path.starts_with("//")
                && path
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'\\') =>
        {
            path
        }
        _ => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_paths_are_followed() {
        assert_eq!(local_path(Some("/alerts?level=red")), "/alerts?level=red");
        for foreign in [
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "evil.test",
            "javascript:alert(1)",
            "/\t/evil.test",
            "",
        ] {
            assert_eq!(local_path(Some(foreign)), "/", "{foreign:?}");
        }
        assert_eq!(local_path(None), "/");
    }
}
