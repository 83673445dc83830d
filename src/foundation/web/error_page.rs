//! An error as the reader can use it: a page for people, problem+json (RFC 9457) for programs.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use serde_json::json;

use super::api::{PROBLEM, Problem};
use super::error::NO_DISPLAY;
use super::format::{bytes, wait};
use super::{Chrome, Door, Error, Posted};
use crate::foundation::Services;
use crate::foundation::auth::{Signed, guard, parked};

const PLAIN: &str = "text/plain; charset=utf-8";

/// What the page says, and where one can go from it.
struct Sorry<'a> {
    title: &'a str,
    advice: &'a str,
    ways: Vec<Way>,
    status: u16,
    request_id: &'a str,
}

struct Way {
    href: String,
    label: &'static str,
}

#[derive(Template)]
#[template(path = "errors/error.html")]
struct SignedOutPage<'a> {
    door: Door,
    sorry: Sorry<'a>,
}

#[derive(Template)]
#[template(path = "errors/signed_in.html")]
struct SignedInPage<'a> {
    chrome: Chrome,
    sorry: Sorry<'a>,
}

/// A form that is not what was sent first: what was typed is there, to be sent as an act of its own.
#[derive(Template)]
#[template(path = "errors/altered.html")]
struct AlteredPage {
    chrome: Chrome,
    path: String,
    fields: Vec<(String, String)>,
    /// The names of files that came with it and are not kept.
    files: String,
}

pub(super) fn render(request: &HttpRequest, error: &Error, id: &str) -> HttpResponse {
    let (title, advice) = words(error, request.method().is_safe());
    let answer = error.error_response();
    if answer.status() == StatusCode::SEE_OTHER {
        return answer;
    }
    if let (Error::Altered, false) = (error, wants_json(request))
        && let Some(page) = altered_page(request, &title)
    {
        return with_body(answer, "text/html; charset=utf-8", page);
    }
    let way = match error {
        Error::Refused(refusal) => refusal.way.clone(),
        _ => None,
    };
    let words = (title.as_str(), advice.as_str());
    fill(request, answer, error.code(), words, way, id)
}

/// An answer without a page, where there is no request left to make one for.
pub(super) fn bare(error: &Error, id: &str) -> HttpResponse {
    let (title, advice) = words(error, false);
    let sentence = format!("{title}. {advice} ({id})");
    with_body(error.error_response(), PLAIN, sentence)
}

fn altered_page(request: &HttpRequest, title: &str) -> Option<String> {
    let services = request.app_data::<Data<Services>>()?;
    let signed = request.extensions().get::<Signed>().cloned()?;
    let posted = Posted::of(request).filter(|posted| !parked::holds_secret(posted))?;
    let page = AlteredPage {
        chrome: Chrome::nowhere(&signed, services, title),
        path: guard::local_target(request),
        fields: posted.typed().collect(),
        files: posted.files_left_out(),
    };
    page.render().ok()
}

fn with_body(answer: HttpResponse, content_type: &'static str, body: String) -> HttpResponse {
    let mut answer = answer.set_body(body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.map_into_boxed_body()
}

/// An error of the framework: an unreadable path, query or body, a wrong method.
pub(super) fn render_foreign(
    request: &HttpRequest,
    error: &actix_web::Error,
    id: &str,
) -> HttpResponse {
    let answer = error.as_response_error().error_response();
    let code = match answer.status() {
        // An id that is none leads nowhere, as one does that nothing has.
        StatusCode::NOT_FOUND => return render(request, &Error::NotFound, id),
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        status if status.is_server_error() => {
            tracing::error!(request = id, cause = %error, "a request failed");
            "internal"
        }
        _ => "malformed",
    };
    let title = answer
        .status()
        .canonical_reason()
        .unwrap_or("The request failed");
    fill(
        request,
        HttpResponse::new(answer.status()),
        code,
        (title, "Check the address and try again."),
        None,
        id,
    )
}

fn fill(
    request: &HttpRequest,
    answer: HttpResponse,
    code: &str,
    (title, advice): (&str, &str),
    way: Option<(&'static str, String)>,
    id: &str,
) -> HttpResponse {
    let status = answer.status();
    let (content_type, body) = if is_ping(request) {
        (PLAIN, format!("{title}. {advice} ({id})\n"))
    } else if wants_json(request) {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: advice.to_owned(),
            instance: format!("urn:request:{id}"),
            code: code.to_owned(),
        };
        (PROBLEM, json!(problem).to_string())
    } else {
        let mended = way.map(|(label, href)| Way { href, label });
        let sorry = Sorry {
            title,
            advice,
            ways: mended
                .into_iter()
                .chain(ways(request, status, code))
                .collect(),
            status: status.as_u16(),
            request_id: id,
        };
        ("text/html; charset=utf-8", render_page(request, sorry))
    };
    with_body(answer, content_type, body)
}

/// A signed-in reader keeps their navigation. A page that cannot be rendered is still a sentence.
fn render_page(request: &HttpRequest, sorry: Sorry<'_>) -> String {
    let fallback = format!("{}. {}", sorry.title, sorry.advice);
    let Some(services) = request.app_data::<Data<Services>>() else {
        return fallback;
    };
    let signed = request.extensions().get::<Signed>().cloned();
    let page = match signed {
        Some(signed) => SignedInPage {
            chrome: Chrome::nowhere(&signed, services, sorry.title),
            sorry,
        }
        .render(),
        None => SignedOutPage {
            door: Door::new(services, sorry.title),
            sorry,
        }
        .render(),
    };
    page.unwrap_or(fallback)
}

fn ways(request: &HttpRequest, status: StatusCode, code: &str) -> Vec<Way> {
    // Nobody stands at a wall to sign in.
    if code == NO_DISPLAY {
        return Vec::new();
    }
    let (href, label) = match status {
        StatusCode::UNAUTHORIZED => ("/".to_owned(), "Sign in"),
        StatusCode::TOO_MANY_REQUESTS if request.method().is_safe() => {
            (guard::local_target(request), "Try again")
        }
        // Each form has a page at its own address.
        StatusCode::TOO_MANY_REQUESTS => (guard::same_page(request), "Back to the form"),
        _ => ("/".to_owned(), "Go to the start"),
    };
    vec![Way { href, label }]
}

/// What a crontab calls, whose reader sees the answer in a mail.
fn is_ping(request: &HttpRequest) -> bool {
    request.path().starts_with("/ping/")
}

fn wants_json(request: &HttpRequest) -> bool {
    let accepts_json = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("json") && !accept.contains("text/html"));
    let path = request.path();
    accepts_json || path.starts_with("/api/") || path.starts_with("/hooks/")
}

/// `reads`: the request only asked for something.
fn words(error: &Error, reads: bool) -> (String, String) {
    let pair = |title: &str, advice: &str| (title.to_owned(), advice.to_owned());
    match error {
        Error::NotFound => pair(
            "There is nothing here",
            "The address may be mistyped, or the record may not be yours to see.",
        ),
        Error::MethodNotAllowed { allow } => (
            "This address takes no such request".to_owned(),
            format!(
                "It takes {allow}. Whoever came by a link goes back to the page before it, or to the start."
            ),
        ),
        Error::Misdirected { ours } => (
            "This is not the address of Signalbox".to_owned(),
            format!("Open {ours} instead."),
        ),
        Error::SignInRequired => pair(
            "Please sign in",
            "Your session has ended, or you have not signed in yet.",
        ),
        Error::Forbidden => pair(
            "You may not do this",
            "Your roles do not include it. An administrator can say who may.",
        ),
        Error::KeyMissing => pair(
            "An API key is needed",
            "Send it in the header Authorization, as Bearer and the key. An administrator makes one on the page API \
             keys.",
        ),
        Error::KeyInvalid => pair(
            "This API key opens nothing",
            "It is mistyped, its time is over, or it was revoked. The page API keys and the audit log say which.",
        ),
        Error::KeyAddress => pair(
            "This API key may not be used from here",
            "It was made for certain networks. Use it from there, or have one made for this place.",
        ),
        Error::KeyScope { needed } => (
            "This API key may not do this".to_owned(),
            format!(
                "It takes the scope {needed}. What a key may do was decided when it was made; have another one made."
            ),
        ),
        Error::NoDisplay { ended: true } => pair(
            "This screen was ended",
            "The key was revoked or its time is over, somebody ended this screen, or it is in another network now. An \
             administrator makes a new link on the page of a key for wall screens.",
        ),
        Error::NoDisplay { ended: false } => pair(
            "This browser is not a wall screen",
            "An administrator makes a link on the page of a key for wall screens. Open that link here.",
        ),
        Error::UnsupportedMedia { takes } => (
            "This kind of content is not taken here".to_owned(),
            format!("Send {takes}, and say so in the header Content-Type."),
        ),
        Error::ForgedForm => pair(
            "This form is no longer valid",
            "It was opened in another session. Go back, reload the page and send it again.",
        ),
        Error::StepUp => pair(
            "Prove that it is you",
            "This act needs a fresh proof of identity.",
        ),
        Error::Refused(refusal) => (refusal.title.clone(), refusal.advice.clone()),
        Error::Altered => pair(
            "This form was sent before, with something else in it",
            "What was sent first has been carried out; this has not. Look at what came of the first one before you \
             send this too.",
        ),
        Error::Malformed(why) => (
            "The request cannot be read".to_owned(),
            format!("What is wrong: {why}."),
        ),
        Error::TooLarge { limit_bytes } => (
            "That is too large".to_owned(),
            format!("At most {} are taken here.", bytes(*limit_bytes as u64)),
        ),
        Error::TooMany { retry_after_secs } => (
            "Too many requests".to_owned(),
            format!("Try again in {}.", wait(*retry_after_secs)),
        ),
        Error::OutcomeUnknown(_) if !reads => pair(
            "The database did not answer in time",
            "It may have been done. Look before you send it again; sending the same form again is safe.",
        ),
        Error::Unavailable(_) | Error::OutcomeUnknown(_) => pair(
            "Signalbox cannot reach its database",
            "Nothing was changed. Try again in a moment.",
        ),
        Error::SeeOther(location) => (
            "Already done".to_owned(),
            format!("The result is at {location}."),
        ),
        Error::Internal(_) => pair(
            "Something went wrong on our side",
            "Nothing was half done. If it happens again, tell an administrator the request id.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_that_nothing_happened_when_nobody_knows() {
        let unknown = Error::OutcomeUnknown("gone".to_owned());
        let (_, advice) = words(&unknown, false);
        assert!(advice.contains("may have been done"), "{advice}");
        // Asking changes nothing, however it ends.
        let (_, advice) = words(&unknown, true);
        assert!(advice.contains("Nothing was changed"), "{advice}");
        assert_eq!(unknown.code(), "outcome_unknown");
        assert_eq!(unknown.status_code(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
