//! Logs for programs: what a platform's own senders hand in.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::{self, Delivery, Taken};
use crate::features::packs::pack::LogSource;
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn};
use crate::foundation::web::api::{self, Always, Asked, Problem};
use crate::foundation::web::{self, Problems, Refusal, block};

/// Longest body: some thousand lines.
const LIMIT_BYTES: usize = 1024 * 1024;

const TAKES: &str = "application/x-ndjson, application/json or text/plain";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The log, by the id that its pack gives it.
    #[param(example = "api")]
    source: String,
    /// The platform, by its short name. Needed where the key reaches more than one.
    platform: Option<String>,
}

/// What was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinesTaken {
    /// Lines that were counted and kept. Lines that go on where the one before stopped belong to it.
    lines: usize,
}

/// Hands in lines of a log, oldest first.
///
/// Each line of the body is one of the log: JSON, `key=value` or plain text, or either as a container's runtime wraps
/// it. An array of JSON is a line for each element. Secrets and numbers of cards are masked. With an Idempotency-Key the
/// same body is taken once within two days.
#[utoipa::path(
    post, path = "/api/v1/logs", tag = "Logs", operation_id = "handInLogs",
    params(Which, ("Idempotency-Key" = Option<String>, Header, description = "The same for every attempt")),
    request_body(content(
        (String = "application/x-ndjson"),
        (serde_json::Value = "application/json",
         example = json!([{"timestamp": "2026-11-20T10:30:00Z", "level": "error", "message": "Search is away", "code": "LEGAL_001"}])),
        (String = "text/plain"),
    )),
    responses(
        (status = 202, description = "Taken in", body = LinesTaken),
        (status = 404, description = "There is no such log, or it is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The Idempotency-Key came before with something else (`idempotency_key_reused`)",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor text", body = Problem,
         content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["logs:write"])),
)]
pub async fn hand_in(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    asked: Asked<Which>,
    payload: Payload,
) -> web::Result {
    let is_list = match api::media_type(&request).as_deref() {
        Some("application/json") => true,
        Some("application/x-ndjson" | "text/plain") => false,
        _ => return Err(web::Error::UnsupportedMedia { takes: TAKES }),
    };
    let body = api::collect(payload.into_inner(), LIMIT_BYTES).await?;
    let name = api::idempotency_key(&request)?;
    let Asked(which) = asked;
    let taken = block(move || {
        let text = if is_list {
            lines_of_json(&body)?
        } else {
            String::from_utf8_lossy(&body).into_owned()
        };
        let source = services.db.read(|conn| named(conn, &keyed, &which))?;
        let delivery = name.map(|name| Delivery {
            token: services.keyring.token(
                "log delivery",
                &format!("{} {} {name}", keyed.actor(), source.id),
            ),
        });
        Ok::<_, web::Error>(actions::hand_in(
            &services,
            source,
            &text,
            delivery.as_ref(),
        )?)
    })
    .await?;
    match taken {
        Taken::Lines(lines) => Ok(HttpResponse::Accepted().json(LinesTaken { lines })),
        Taken::NameReused => Err(web::Error::Refused(Refusal::new(
            "idempotency_key_reused",
            "This Idempotency-Key came before, with something else.",
            "What came first has been taken in, and this has not. Give each delivery a key of its own.",
        ))),
    }
}

/// The log that is meant. One out of reach is none.
fn named(conn: &mut Conn, keyed: &Keyed, which: &Which) -> Result<Item<LogSource>, web::Error> {
    let mut platforms = packs::platforms(conn)?;
    platforms.retain(|platform| keyed.reach().allows(platform.id));
    if let Some(slug) = &which.platform {
        platforms.retain(|platform| platform.slug == *slug);
        if platforms.is_empty() {
            return Err(Problems::no_platform(slug));
        }
    }
    let mut found = Vec::new();
    for platform in &platforms {
        match packs::by_slug::<LogSource>(conn, platform.id, &which.source) {
            Ok(item) => found.push(item),
            Err(db::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match found.len() {
        0 => Err(web::Error::NotFound),
        1 => Ok(found.remove(0)),
        _ => Err(web::Error::Malformed(
            "several platforms have a log of this name; say which: &platform= and its short name"
                .to_owned(),
        )),
    }
}

/// A line for each element, on one line each.
fn lines_of_json(body: &[u8]) -> Result<String, web::Error> {
    let all: Vec<serde_json::Value> = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        web::Error::Malformed(format!(
            "this is not an array of JSON: line {line}, character {column}"
        ))
    })?;
    let each = all.iter().map(|element| match element {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Ok(each.collect::<Vec<_>>().join("\n"))
}
