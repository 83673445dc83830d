//! The outermost middleware: gives the request its id, logs it once, counts it, and gives an
//! error its page.

use std::time::Instant;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest};

use super::Error;
use super::error_page;
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
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = give_page(next.call(request).await?, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    observe(response.request(), response.status().as_u16(), started, &id);
    Ok(response)
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

fn observe(head: &HttpRequest, status: u16, started: Instant, id: &str) {
    let template = head.match_pattern().unwrap_or_else(|| "none".to_owned());
    let took = started.elapsed();
    metrics::observe_request(head.method().as_str(), &template, status, took);
    tracing::info!(
        request = id,
        method = head.method().as_str(),
        route = template,
        status,
        latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
}
