//! The outermost middleware: gives the request its id, logs it once, counts it, and gives an
//! error its page.

use std::time::Instant;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest};

use super::Error;
use super::error_page;
use crate::foundation::auth::sar::is_compartment;
use crate::foundation::telemetry::metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What ties a log line, an audit event and the page that somebody complains about together.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of a request that went through [`log_requests`].
    #[must_use]
    pub fn of(request: &HttpRequest) -> String {
        request
            .extensions()
            .get::<Self>()
            .map(|id| id.0.clone())
            .unwrap_or_default()
    }
}

pub async fn log_requests<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    let started = Instant::now();
    let id = uuid::Uuid::now_v7().simple().to_string();
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id.clone()));
    match next.call(request).await {
        Ok(response) => {
            let mut response = without_endless_body(give_page(response, &id));
            mark(response.headers_mut(), &id);
            // That somebody opens the compartment is for its own log.
            let route = response
                .request()
                .match_pattern()
                .filter(|route| !is_compartment(route));
            observe(&method, route, response.status().as_u16(), started, &id);
            Ok(response)
        }
        // A middleware failed, and took the request with it: a bare answer, logged and counted like any other.
        Err(error) => {
            let error = Error::internal(error.to_string());
            note_cause(&error, &id);
            let mut answer = error_page::bare(&error, &id);
            mark(answer.headers_mut(), &id);
            observe(&method, None, answer.status().as_u16(), started, &id);
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

fn mark(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}

/// HEAD asks what GET would answer, and a stream of events would keep it waiting for the end.
fn without_endless_body<B: MessageBody + 'static>(
    response: ServiceResponse<EitherBody<B, BoxBody>>,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let is_stream = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if response.request().method() == Method::HEAD && is_stream {
        response.map_body(|_, _| EitherBody::right(BoxBody::new(())))
    } else {
        response
    }
}

/// An answer that carries an error gets a body that its reader can use.
fn give_page<B: MessageBody>(
    response: ServiceResponse<B>,
    id: &str,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let Some(error) = response.response().error() else {
        return response.map_into_left_body();
    };
    let page = match error.as_error::<Error>() {
        Some(error) => {
            note_cause(error, id);
            error_page::render(response.request(), error, id)
        }
        None => error_page::render_foreign(response.request(), error, id),
    };
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, page).map_into_right_body()
}

fn note_cause(error: &Error, id: &str) {
    match error {
        Error::Internal(source) => {
            tracing::error!(request = id, cause = %source, "a request failed");
        }
        Error::OutcomeUnknown(why) => {
            tracing::error!(request = id, cause = %why, "nobody knows how a request ended");
        }
        Error::Unavailable(why) => {
            tracing::warn!(request = id, cause = %why, "a request could not be served");
        }
        _ => {}
    }
}

fn observe(method: &Method, route: Option<String>, status: u16, started: Instant, id: &str) {
    let route = route.unwrap_or_else(|| "none".to_owned());
    let took = started.elapsed();
    metrics::observe_request(method.as_str(), &route, status, took);
    tracing::info!(
        request = id,
        method = method.as_str(),
        route,
        status,
        latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, test, web};

    use super::*;
    use crate::foundation::web::headers;

    async fn fail(
        _: ServiceRequest,
        _: Next<impl MessageBody>,
    ) -> Result<ServiceResponse, actix_web::Error> {
        Err(actix_web::error::ErrorInternalServerError(
            "the store is away",
        ))
    }

    #[actix_web::test]
    async fn a_middleware_that_fails_is_answered_with_an_id_and_the_headers() {
        let app = test::init_service(
            App::new()
                .wrap(from_fn(fail))
                .wrap(from_fn(log_requests))
                .wrap(from_fn(headers::secure))
                .route("/", web::get().to(HttpResponse::Ok)),
        )
        .await;
        let request = test::TestRequest::get().uri("/").to_request();
        let error = test::try_call_service(&app, request).await.unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), 500);
        let headers = answer.headers();
        assert_eq!(headers.get("x-request-id").unwrap().len(), 32);
        assert_eq!(headers.get("x-content-type-options").unwrap(), "nosniff");
        assert!(headers.contains_key("content-security-policy"));
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        assert!(body.starts_with("Something went wrong"), "{body}");
        assert!(!body.contains("the store is away"), "{body}");
    }
}
