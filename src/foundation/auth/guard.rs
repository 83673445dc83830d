//! Stands before every route of the route table: loads the session, its person and their roles,
//! and lets through whom the table names. Nothing is remembered between requests, so disabling
//! somebody or changing their roles acts on the next one.

use actix_session::SessionExt;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;

pub use super::client_address::client_address;
use super::denials::{self, Why};
use super::facts::{self, Facts};
use super::sar::{self, SarAccess};
use super::sessions::{self, Stage};
pub use super::turned_away::{
    ENROLMENT_PATH, PARKED_PATH, SECOND_FACTOR_PATH, SIGN_IN_PATH, STEP_UP_PATH, came_from,
    local_path, local_target, same_page, with_next,
};
use super::turned_away::{after_proof, forms_own, is_for_programs, lead_on, turn_away};
use super::{FormToken, HalfSigned, Permission, Signed, csrf, session_store};
use super::{keys, limits};
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db::PoolKind;
use crate::foundation::web::{self, Access, Error, RequestId, block, block_sign_in};

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
    step_up: bool,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let admitted = match admit(access, &mut request).await {
        Ok(()) if step_up => demand_proof(&mut request).await,
        Ok(()) => Ok(None),
        Err(error) => Err(error),
    };
    let instead = match admitted {
        Ok(None) => None,
        Ok(Some(page)) => Some(page),
        Err(error) => Some(HttpResponse::from_error(error)),
    };
    if let Some(answer) = instead {
        // Not `into_response`, which loses the error, and with it the page that it is to get.
        let (request, _) = request.into_parts();
        return Ok(ServiceResponse::new(request, answer));
    }
    let response = next.call(request).await?;
    if is_forged(&response) {
        return Ok(answer_forged(response).await);
    }
    Ok(response)
}

/// Finds out who asks, for what stands outside the table: an unknown address, a wrong method. Nobody is turned away
/// who has not asked too often.
pub async fn acquaint(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Ok(services) = services(request.request())
        && let Ok(found) = find(Access::Signed, &request, &services).await
    {
        if let Err(error) = limit(&request, &services, &found) {
            return Ok(request.error_response(error));
        }
        introduce(Access::PublicOrSigned, &request, found);
    }
    next.call(request).await
}

async fn admit(access: Access, request: &mut ServiceRequest) -> Result<(), Error> {
    let services = services(request.request())?;
    if let Access::Sar(wanted) = access {
        return admit_to_compartment(wanted, request, &services).await;
    }
    if let Access::Key(scope) = access {
        return keys::admit(scope, request, &services).await;
    }
    if access == Access::Display {
        return keys::displays::admit(request, &services).await;
    }
    if access == Access::Ping {
        let named = request.match_info();
        let secret = named.get("secret").or(named.get("id")).unwrap_or_default();
        let from = client_address(request.request());
        return services.limits.check_ping(from, secret);
    }
    refuse_foreign(request, &services).await?;
    if access == Access::Public {
        return limit(request, &services, &Found::Nothing);
    }
    let mut found = find(access, request, &services).await?;
    limit(request, &services, &found)?;
    if let Found::Whole(known) = &mut found {
        touch(access, request, &services, &mut known.facts).await;
    }
    match (access, found) {
        (Access::Key(_) | Access::Display | Access::Ping, _) => {
            return Err(Error::internal("a key was taken for a session"));
        }
        (Access::HalfSigned, Found::Whole(_)) => return Err(Error::SeeOther("/".to_owned())),
        (Access::Public | Access::PublicOrSigned, found)
        | (Access::HalfSigned, found @ Found::HalfWay(_))
        | (Access::Signed, found @ Found::Whole(_)) => introduce(access, request, found),
        (Access::Needs(permission), found @ Found::Whole(_)) => {
            introduce(access, request, found);
            require(request, &services, permission).await?;
        }
        (Access::Sar(_), Found::Whole(_)) => return Err(Error::NotFound),
        (_, Found::HalfWay(known)) => {
            return Err(lead_on(request, &services, &known.facts).await);
        }
        (_, Found::Over(known)) => {
            return Err(turn_away(request, &services, Some(&known.facts)).await);
        }
        (_, Found::Nothing) => return Err(turn_away(request, &services, None).await),
    }
    Ok(())
}

/// To whoever holds no grant, an address of the compartment is one that does not exist: found out by the same query,
/// answered with the same page, noted nowhere. What a holder was sending when their session ran out is kept for them.
async fn admit_to_compartment(
    wanted: SarAccess,
    request: &mut ServiceRequest,
    services: &Services,
) -> Result<(), Error> {
    let access = Access::Sar(wanted);
    let mut found = find(access, request, services).await?;
    limit(request, services, &found)?;
    match &mut found {
        Found::Whole(known) if wanted.admits(&sar::held(&known.facts.sar)) => {
            refuse_foreign(request, services).await?;
            touch(access, request, services, &mut known.facts).await;
            introduce(access, request, found);
            Ok(())
        }
        Found::Over(known)
            if !request.method().is_safe() && wanted.admits(&sar::held(&known.facts.sar)) =>
        {
            refuse_foreign(request, services).await?;
            Err(turn_away(request, services, Some(&known.facts)).await)
        }
        _ => {
            introduce(Access::PublicOrSigned, request, found);
            Err(Error::NotFound)
        }
    }
}

/// Whether they have not asked too often.
fn limit(request: &ServiceRequest, services: &Services, found: &Found) -> Result<(), Error> {
    if limits::is_exempt(request.path()) {
        return Ok(());
    }
    match found {
        Found::Whole(known) | Found::HalfWay(known) => {
            services.limits.check_session(known.facts.session)
        }
        Found::Over(_) | Found::Nothing => services
            .limits
            .check_address(client_address(request.request())),
    }
}

/// Whoever is on the way in goes by the reserve, so that a standstill of the pages keeps nobody out, and nobody who
/// is in uses it up.
async fn find(
    access: Access,
    request: &ServiceRequest,
    services: &Services,
) -> Result<Found, Error> {
    let Some(token) = session_store::token(&request.get_session()) else {
        return Ok(Found::Nothing);
    };
    let at_the_door = is_at_the_door(access, request);
    let (services, hash) = (services.clone(), token.hash());
    let now = services.clock.now();
    let look = move |pool| {
        let found = services
            .db
            .look_up(pool, |conn| facts::find(conn, &hash, now));
        found.map_err(Error::from)
    };
    let facts = if at_the_door {
        block_sign_in(move || look(PoolKind::SignIn)).await?
    } else {
        block(move || look(PoolKind::Web)).await?
    };
    let Some(mut facts) = facts else {
        return Ok(Found::Nothing);
    };
    facts.sar.retain(|grant| grant.is_live(now));
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

fn is_at_the_door(access: Access, request: &ServiceRequest) -> bool {
    access == Access::HalfSigned || request.path() == SIGN_IN_PATH
}

/// The page that asks somebody to prove that it is them, and then leads on to an address. Its feature has it registered.
#[derive(Clone, Copy)]
pub struct ProofPage(pub fn(Services, Signed, String) -> LocalBoxFuture<'static, web::Result>);

/// Nothing where the person has proved lately that it is them. Else the page that asks for it: what they were sending
/// waits behind it. Programs are told in a status.
async fn demand_proof(request: &mut ServiceRequest) -> Result<Option<HttpResponse>, Error> {
    let services = services(request.request())?;
    let signed = request.extensions().get::<Signed>().cloned();
    let signed = signed.ok_or(Error::SignInRequired)?;
    if signed.is_proved(services.clock.now()) {
        return Ok(None);
    }
    denials::record(request.request(), &services, Why::Proof).await?;
    let page = request.app_data::<Data<ProofPage>>().cloned();
    let Some(page) = page.filter(|_| !is_for_programs(request)) else {
        return Err(Error::StepUp);
    };
    let next = after_proof(request, &services, signed.person).await?;
    (page.0)(services, signed, next).await.map(Some)
}

/// Whatever changes something must come from our own pages.
async fn refuse_foreign(request: &ServiceRequest, services: &Services) -> Result<(), Error> {
    let base_url = &services.config.web.base_url;
    if request.method().is_safe() || csrf::is_same_origin(request.headers(), base_url) {
        return Ok(());
    }
    if !is_own_look(request, services) {
        denials::record(request.request(), services, Why::Forged).await?;
    }
    Err(Error::ForgedForm)
}

/// The header by which the security posture's own forged form is known: it is refused like any other, and is no attack
/// that the log has to hold.
pub const OWN_LOOK: &str = "x-signalbox-look";

/// What stands in that header, for this minute and the next. Nobody else can make it up.
#[must_use]
pub fn own_look(services: &Services) -> String {
    look_of(services, minute(services))
}

fn is_own_look(request: &ServiceRequest, services: &Services) -> bool {
    let given = request.headers().get(OWN_LOOK);
    let now = minute(services);
    given
        .and_then(|given| given.to_str().ok())
        .is_some_and(|given| {
            [now, now - 1]
                .iter()
                .any(|minute| csrf::token_matches(&look_of(services, *minute), given))
        })
}

fn minute(services: &Services) -> i64 {
    services.clock.now().timestamp() / 60
}

fn look_of(services: &Services, minute: i64) -> String {
    hex::encode(services.keyring.token("own_look", &minute.to_string()))
}

/// Leaves for the handler what it may know of who asks. Forms of a page for everybody are bound to no session: one
/// may have begun since the page was opened.
fn introduce(access: Access, request: &ServiceRequest, found: Found) {
    let id = RequestId::of(request.request());
    let mut extensions = request.extensions_mut();
    if let (Found::Whole(known) | Found::HalfWay(known), true) =
        (&found, access != Access::PublicOrSigned)
    {
        extensions.insert(FormToken(known.csrf.clone()));
    }
    match found {
        Found::Whole(known) => {
            extensions.insert(Signed::new(known.facts, known.csrf, id));
        }
        Found::HalfWay(known) => {
            extensions.insert(HalfSigned::new(known.facts, known.csrf, id));
        }
        Found::Over(_) | Found::Nothing => {}
    }
}

/// Notes that a whole session is used. A note that fails is no reason to refuse the page: it comes with the next one.
async fn touch(access: Access, request: &ServiceRequest, services: &Services, facts: &mut Facts) {
    let now = services.clock.now();
    if is_at_the_door(access, request) || !facts.wants_touch(now) || !is_deliberate(request) {
        return;
    }
    let (services, session) = (services.clone(), facts.session);
    let noted = block(move || {
        services
            .audit
            .write_unaudited(Unaudited::SessionTouch, |conn| {
                sessions::touch(conn, session, now).map_err(Error::from)
            })
    })
    .await;
    match noted {
        Ok(()) => facts.last_seen_at = now,
        Err(error) => tracing::warn!(%error, "the use of a session was not noted"),
    }
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
    {
        let mut extensions = request.extensions_mut();
        let Some(signed) = extensions.get_mut::<Signed>() else {
            return Err(Error::SignInRequired);
        };
        if signed.may(permission) {
            signed.under(permission);
            return Ok(());
        }
    }
    denials::record(request.request(), services, Why::Permission).await?;
    Err(Error::Forbidden)
}

fn is_forged(response: &ServiceResponse<BoxBody>) -> bool {
    response
        .response()
        .error()
        .and_then(|error| error.as_error::<Error>())
        .is_some_and(|error| matches!(error, Error::ForgedForm))
}

/// A form of our own pages that belongs to an older session of this browser, such as one that somebody has signed in
/// again beside. It does nothing, and it is kept for whoever is signed in now, who sees it before it is sent again.
async fn answer_forged(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = response.request().clone();
    let answer = match services(&request) {
        Ok(services) => match denials::record(&request, &services, Why::Forged).await {
            Ok(()) => forms_own(&request, &services).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match answer {
        Ok(None) => response,
        Ok(Some(path)) => {
            ServiceResponse::new(request, HttpResponse::from_error(Error::SeeOther(path)))
        }
        Err(error) => ServiceResponse::new(request, HttpResponse::from_error(error)),
    }
}

pub(super) fn wants(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.trim_start().starts_with(kind))
}

fn services(request: &HttpRequest) -> Result<Services, Error> {
    request
        .app_data::<Data<Services>>()
        .map(|services| services.get_ref().clone())
        .ok_or_else(|| web::Error::internal("the application has no services"))
}
