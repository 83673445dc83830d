//! Where people are sent who may not go on yet, and what becomes of the form that they were sending: it is kept, and
//! they come back to it.

use actix_multipart::Multipart;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{CONTENT_TYPE, REFERER};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use super::facts::Facts;
use super::guard::wants;
use super::sessions::Stage;
use super::{Signed, parked};
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::parts::{MOST_PARTS, file_name};
use crate::foundation::web::{Error, FORM_LIMIT_BYTES, Posted, block};

pub const SIGN_IN_PATH: &str = "/sign-in";
pub const SECOND_FACTOR_PATH: &str = "/sign-in/code";
pub const ENROLMENT_PATH: &str = "/enrol/authenticator";
/// Where somebody proves again that it is them.
pub const STEP_UP_PATH: &str = "/step-up";
/// Where a parked form waits; its id follows.
pub const PARKED_PATH: &str = "/account/parked";

/// The pages that lead in. Nobody wants to go to them for their own sake.
const DOORS: [&str; 3] = [SIGN_IN_PATH, "/enrol", STEP_UP_PATH];

/// Half way in, somebody is shown the next step, whatever they asked for. What they were sending waits for them behind it.
pub(super) async fn lead_on(
    request: &mut ServiceRequest,
    services: &Services,
    facts: &Facts,
) -> Error {
    if is_for_programs(request) {
        return Error::SignInRequired;
    }
    let step = match facts.stage {
        Stage::Enrolment => ENROLMENT_PATH,
        Stage::SecondFactor | Stage::Full => SECOND_FACTOR_PATH,
    };
    if request.method().is_safe() {
        return Error::SeeOther(step.to_owned());
    }
    let posted = read(request).await;
    match keep(request.request(), services, facts.person, posted.as_ref()).await {
        Ok(Some(path)) => Error::SeeOther(with_next(step, &path)),
        Ok(None) => Error::SeeOther(step.to_owned()),
        Err(error) => error,
    }
}

/// To the sign-in page, and from there back to where they wanted to go. What they were sending is
/// kept for them.
pub(super) async fn turn_away(
    request: &mut ServiceRequest,
    services: &Services,
    facts: Option<&Facts>,
) -> Error {
    if is_for_programs(request) {
        return Error::SignInRequired;
    }
    if request.method().is_safe() {
        return to_sign_in(&wanted(request.request(), None));
    }
    let known = facts.filter(|facts| facts.stage == Stage::Full && !facts.disabled);
    let Some(facts) = known else {
        let posted = read_plain(request).await;
        return to_sign_in(&wanted(request.request(), posted.as_ref()));
    };
    let posted = read(request).await;
    match keep(request.request(), services, facts.person, posted.as_ref()).await {
        Ok(Some(path)) => to_sign_in(&path),
        Ok(None) => to_sign_in(&wanted(request.request(), posted.as_ref())),
        Err(error) => error,
    }
}

/// Where somebody goes on who proves first that it is them: the page that they asked for, or what they were sending,
/// which is kept for them.
pub(super) async fn after_proof(
    request: &mut ServiceRequest,
    services: &Services,
    person: PersonId,
) -> Result<String, Error> {
    if request.method().is_safe() {
        return Ok(local_target(request.request()));
    }
    let posted = read(request).await;
    let kept = keep(request.request(), services, person, posted.as_ref()).await?;
    Ok(kept.unwrap_or_else(|| came_from(request.request())))
}

/// Keeps what this request has posted for whoever is signed in, and says where.
pub(super) async fn forms_own(
    request: &HttpRequest,
    services: &Services,
) -> Result<Option<String>, Error> {
    let person = request
        .extensions()
        .get::<Signed>()
        .map(|signed| signed.person);
    match person {
        Some(person) => keep(request, services, person, Posted::of(request).as_ref()).await,
        None => Ok(None),
    }
}

/// The form that this request posts. Files are not read, nor is what stands behind them. Whoever sends it is known.
async fn read(request: &mut ServiceRequest) -> Option<Posted> {
    if !is_of_kind(request, b"multipart/form-data") {
        return read_plain(request).await;
    }
    let parts = request.extract::<Multipart>().await.ok()?;
    texts_of(parts).await
}

/// The same of a form without files, as all forms at the door are.
async fn read_plain(request: &mut ServiceRequest) -> Option<Posted> {
    if !is_of_kind(request, b"application/x-www-form-urlencoded") {
        return None;
    }
    request.extract::<Bytes>().await.ok().map(Posted)
}

fn is_of_kind(request: &ServiceRequest, kind: &[u8]) -> bool {
    let given = request.headers().get(CONTENT_TYPE);
    given.is_some_and(|given| given.as_bytes().starts_with(kind))
}

/// What was typed beside the files of a form, as a form without any would say it. Of one that goes on and on nothing is
/// kept.
async fn texts_of(mut parts: Multipart) -> Option<Posted> {
    let (mut typed, mut length, mut seen) = (Vec::new(), 0, 0);
    while let Some(part) = parts.next().await {
        let mut part = part.ok()?;
        let name = part.name()?.to_owned();
        length += name.len();
        seen += 1;
        if seen > MOST_PARTS {
            return None;
        }
        let file = file_name(&part);
        if let Some(file) = file.as_ref().filter(|file| !file.is_empty()) {
            return Some(Posted::without_files(&typed, std::slice::from_ref(file)));
        }
        let mut value = Vec::new();
        while let Some(bytes) = part.next().await {
            let bytes = bytes.ok()?;
            length += bytes.len();
            if length > FORM_LIMIT_BYTES {
                return None;
            }
            value.extend_from_slice(&bytes);
        }
        if file.is_none() {
            typed.push((name, String::from_utf8(value).ok()?));
        }
    }
    Some(Posted::without_files(&typed, &[]))
}

/// Puts a form aside for this person. The request has been found to come from our own pages. Secrets are not kept,
/// nor is a form in which nobody typed anything.
async fn keep(
    request: &HttpRequest,
    services: &Services,
    person: PersonId,
    posted: Option<&Posted>,
) -> Result<Option<String>, Error> {
    let path = local_target(request);
    let Some(posted) = posted else {
        return Ok(None);
    };
    let is_empty = posted.typed().all(|(_, value)| value.is_empty());
    if is_empty || path.len() > parked::LONGEST_PATH || parked::holds_secret(posted) {
        return Ok(None);
    }
    let page = came_from(request);
    // A form that was sent from where it was kept stood elsewhere before, and nobody knows where any more.
    let is_known = page.len() <= parked::LONGEST_PATH && !page.starts_with(PARKED_PATH);
    let page = local_path(is_known.then_some(&page)).to_owned();
    let (services, posted) = (services.clone(), posted.clone());
    let id = block(move || {
        let now = services.clock.now();
        services
            .audit
            .write_unaudited(Unaudited::ParkedForm, |conn| {
                let places = (path.as_str(), page.as_str());
                parked::park(conn, &services.keyring, person, places, &posted, now)
                    .map_err(Error::from)
            })
    })
    .await?;
    Ok(Some(format!("{PARKED_PATH}/{id}")))
}

fn to_sign_in(next: &str) -> Error {
    Error::SeeOther(with_next(SIGN_IN_PATH, next))
}

/// A page of the way in that leads on to `next`.
#[must_use]
pub fn with_next(path: &str, next: &str) -> String {
    if next == "/" {
        return path.to_owned();
    }
    let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
    format!("{path}?next={next}")
}

/// Where somebody wanted to go: the page that they asked for or whose form they sent; at the door, where the door was
/// to lead.
fn wanted(request: &HttpRequest, posted: Option<&Posted>) -> String {
    if is_door(request.path()) {
        let next = posted
            .and_then(|posted| posted.field("next"))
            .or_else(|| next_in(request.query_string()))
            .or_else(|| next_in(referer(request)?.query()?));
        return local_path(next.as_deref()).to_owned();
    }
    if request.method().is_safe() {
        local_target(request)
    } else {
        local_path(Some(&came_from(request))).to_owned()
    }
}

fn next_in(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, next)| next.into_owned())
}

fn is_door(path: &str) -> bool {
    DOORS.iter().any(|door| {
        path.strip_prefix(door)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    })
}

/// What this request asks for: path and query.
#[must_use]
pub fn local_target(request: &HttpRequest) -> String {
    request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned()
}

/// The page of the form that this request has sent to the page's own address.
#[must_use]
pub fn same_page(request: &HttpRequest) -> String {
    if is_door(request.path()) {
        with_next(
            request.path(),
            &wanted(request, Posted::of(request).as_ref()),
        )
    } else {
        request.path().to_owned()
    }
}

/// The page of ours that a form stood on, without its query.
#[must_use]
pub fn came_from(request: &HttpRequest) -> String {
    referer(request).map_or_else(|| "/".to_owned(), |page| page.path().to_owned())
}

fn referer(request: &HttpRequest) -> Option<url::Url> {
    let referer = request.headers().get(REFERER)?.to_str().ok()?;
    url::Url::parse(referer).ok()
}

/// Programs and scripts are told in a status; people are led on.
pub(super) fn is_for_programs(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    request.path().starts_with("/api/")
        || wants(headers, "text/event-stream")
        || wants(headers, "application/json")
}

/// A path to go to after signing in: only ever one of ours, and none that leads back to the door.
#[must_use]
pub fn local_path(given: Option<&str>) -> &str {
    match given {
        Some(path)
            if path.starts_with('/')
                && !path.starts_with("//")
                && !is_door(path)
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
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_local_paths_are_followed() {
        assert_eq!(local_path(Some("/alerts?level=red")), "/alerts?level=red");
        assert_eq!(local_path(Some("/enrolments")), "/enrolments");
        for foreign in [
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "evil.test",
            "javascript:alert(1)",
            "/\t/evil.test",
            "/sign-in",
            "/sign-in/code?next=%2Faccount",
            "",
        ] {
            assert_eq!(local_path(Some(foreign)), "/", "{foreign:?}");
        }
        assert_eq!(local_path(None), "/");
    }

    #[test]
    fn the_way_on_survives_the_door() {
        let code = "/sign-in/code";
        let page = TestRequest::get()
            .uri("/sign-in/code?next=%2Falerts%3Flevel%3Dred")
            .to_http_request();
        assert_eq!(wanted(&page, None), "/alerts?level=red");
        let referred = TestRequest::post()
            .uri(code)
            .insert_header(("referer", "http://box/sign-in/code?next=%2Faccount"))
            .to_http_request();
        assert_eq!(wanted(&referred, None), "/account");
        let posted = Posted(Bytes::from_static(b"code=1&next=%2Faudit"));
        assert_eq!(wanted(&referred, Some(&posted)), "/audit");
        let nowhere = TestRequest::post().uri(code).to_http_request();
        assert_eq!(wanted(&nowhere, None), "/");
    }
}
