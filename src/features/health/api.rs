//! What programs report: values of indicators, and that something happened.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::reporting::{self, Measured, ReportError, Reporter};
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::web::api::{Act, Always, Asked, Nothing, Problem, Sent, Settled};
use crate::foundation::web::{self, Problems, block};

/// A value of an indicator.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicatorReport {
    /// The indicator, by the id that its pack gives it.
    #[schema(example = "ncc_qos")]
    indicator: String,
    /// In the indicator's unit.
    #[schema(example = 97.4)]
    value: f64,
    /// The platform, by its short name. Needed where several that the key reaches have such an indicator.
    #[serde(default)]
    platform: Option<String>,
    /// When it was so, within the last 30 days; now where it is left out.
    #[serde(default)]
    at: Option<DateTime<Utc>>,
    /// How it is known, in up to 500 characters; it is kept in the audit log.
    #[serde(default)]
    #[schema(example = "Report 2026-11, page 3")]
    evidence: Option<String>,
}

/// Something that happened.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventReport {
    /// The type of event, by the id that its pack gives it.
    #[schema(example = "report.submitted")]
    event: String,
    /// The platform, by its short name. Needed where several that the key reaches have such a type.
    #[serde(default)]
    platform: Option<String>,
    /// What belongs to it. A pack may say where in it the value of an indicator stands; nothing else is kept of it.
    #[serde(default)]
    #[schema(value_type = Object)]
    data: Value,
}

/// What was taken down.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportTaken {
    /// The id that the pack gives it.
    name: String,
}

/// Reports a value of an indicator.
#[utoipa::path(
    post, path = "/api/v1/indicators", tag = "Signals", operation_id = "reportIndicator",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same for every attempt at one report")),
    request_body(content = IndicatorReport, content_type = "application/json"),
    responses(
        (status = 201, description = "Taken down; rules read it within seconds", body = ReportTaken),
        (status = 200, description = "Taken down before, under this Idempotency-Key", body = ReportTaken),
        (status = 404, description = "There is no such indicator, or it is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The Idempotency-Key came before with something else (`idempotency_key_reused`)",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["indicators:write"])),
)]
pub async fn report_indicator(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    _: Asked<Nothing>,
    sent: Sent<IndicatorReport>,
) -> web::Result {
    let act = Act::of(&request, &services.keyring, &keyed.actor(), &sent.body)?;
    let IndicatorReport {
        indicator,
        value,
        platform,
        at,
        evidence,
    } = sent.data;
    let name = indicator.clone();
    let settled = block(move || {
        let reporter = Reporter::program(&keyed, act.key);
        let measured = Measured {
            value,
            at,
            evidence: evidence.as_deref(),
        };
        let platform = platform.as_deref();
        let done = reporting::report_indicator_by(&services, &reporter, &name, &measured, platform);
        act.settle(done.map(drop).map_err(web::Error::from))
    })
    .await?;
    Ok(taken(&settled).json(ReportTaken { name: indicator }))
}

/// Reports that something happened.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "Signals", operation_id = "reportEvent",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same for every attempt at one report")),
    request_body(content = EventReport, content_type = "application/json"),
    responses(
        (status = 201, description = "Taken down; rules read it within seconds", body = ReportTaken),
        (status = 200, description = "Taken down before, under this Idempotency-Key", body = ReportTaken),
        (status = 404, description = "There is no such type of event, or it is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The Idempotency-Key came before with something else (`idempotency_key_reused`)",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["events:write"])),
)]
pub async fn report_event(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    _: Asked<Nothing>,
    sent: Sent<EventReport>,
) -> web::Result {
    let act = Act::of(&request, &services.keyring, &keyed.actor(), &sent.body)?;
    let EventReport {
        event,
        platform,
        data,
    } = sent.data;
    let name = event.clone();
    let settled = block(move || {
        let reporter = Reporter::program(&keyed, act.key);
        let message = json!({ "data": data });
        let platform = platform.as_deref();
        let done = reporting::report_event_by(&services, &reporter, &name, &message, platform);
        act.settle(done.map(drop).map_err(web::Error::from))
    })
    .await?;
    Ok(taken(&settled).json(ReportTaken { name: event }))
}

fn taken(settled: &Settled<()>) -> HttpResponseBuilder {
    HttpResponse::build(match settled {
        Settled::Done(()) => StatusCode::CREATED,
        Settled::Before(_) => StatusCode::OK,
    })
}

impl From<ReportError> for web::Error {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Unknown { .. } => Self::NotFound,
            ReportError::NoPlatform(slug) => Problems::no_platform(&slug),
            ReportError::Ambiguous { name, platforms } => Self::Malformed(format!(
                "{} have \"{name}\": say which with \"platform\"",
                platforms.join(", ")
            )),
            ReportError::NotFinite | ReportError::Moment(_) | ReportError::Evidence => {
                Self::Malformed(error.to_string())
            }
            ReportError::Database(error) => error.into(),
        }
    }
}
