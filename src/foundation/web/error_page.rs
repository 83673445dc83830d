//! An error as the reader can use it: a page for people, problem+json (RFC 9457) for programs.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use serde_json::json;

use super::Error;

#[derive(Template)]
#[template(path = "errors/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    advice: &'a str,
    request_id: &'a str,
}

pub(super) fn render(request: &HttpRequest, error: &Error, id: &str) -> HttpResponse {
    let (title, advice) = words(error);
    let answer = error.error_response();
    if answer.status() == StatusCode::SEE_OTHER {
        return answer;
    }
    fill(request, answer, error.code(), &title, &advice, id)
}

/// An error of the framework: an unreadable path, query or body, a wrong method.
pub(super) fn render_foreign(
    request: &HttpRequest,
    error: &actix_web::Error,
    id: &str,
) -> HttpResponse {
    let answer = error.as_response_error().error_response();
    let code = if answer.status().is_server_error() {
        tracing::error!(request = id, cause = %error, "a request failed");
        "internal"
    } else {
        "malformed"
    };
    let title = answer
        .status()
        .canonical_reason()
        .unwrap_or("The request failed");
    fill(
        request,
        HttpResponse::new(answer.status()),
        code,
        title,
        "Check the address and try again.",
        id,
    )
}

fn fill(
    request: &HttpRequest,
    answer: HttpResponse,
    code: &str,
    title: &str,
    advice: &str,
    id: &str,
) -> HttpResponse {
    let status = answer.status();
    let (content_type, body) = if wants_json(request) {
        let problem = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": advice,
            "instance": format!("urn:request:{id}"),
            "code": code,
        });
        ("application/problem+json", problem.to_string())
    } else {
        let page = ErrorPage {
            title,
            advice,
            request_id: id,
        };
        let body = page.render().unwrap_or_else(|_| title.to_owned());
        ("text/html; charset=utf-8", body)
    };
    let mut answer = answer.set_body(body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.map_into_boxed_body()
}

fn wants_json(request: &HttpRequest) -> bool {
    let accepts_json = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("json") && !accept.contains("text/html"));
    accepts_json || request.path().starts_with("/api/")
}

fn words(error: &Error) -> (String, String) {
    let pair = |title: &str, advice: &str| (title.to_owned(), advice.to_owned());
    match error {
        Error::NotFound => pair(
            "There is nothing here",
            "The address may be mistyped, or the record may not be yours to see.",
        ),
        Error::SignInRequired => pair(
            "Please sign in",
            "Your session has ended, or you have not signed in yet.",
        ),
        Error::Forbidden => pair(
            "You may not do this",
            "Your roles do not include it. An administrator can say who may.",
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
        Error::Malformed(why) => (
            "The request cannot be read".to_owned(),
            format!("What is wrong: {why}."),
        ),
        Error::TooLarge { limit_bytes } => (
            "That is too large".to_owned(),
            format!("At most {limit_bytes} bytes are taken here."),
        ),
        Error::TooMany { retry_after_secs } => (
            "Too many requests".to_owned(),
            format!("Try again in {retry_after_secs} seconds."),
        ),
        Error::Unavailable(_) => pair(
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
