//! The addresses that jobs call: `/ping/{secret}`, with `/start`, `/fail`, `/log` or an exit code behind it.
//!
//! GET changes something here, as in no other place: a crontab has `curl` and no more. What lets it in is the secret
//! in the address and no cookie, so a page of somebody else's can make a browser send nothing that its author could
//! not send alone.

use std::time::Duration;

use actix_web::http::Method as Verb;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, USER_AGENT};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::actions;
use super::heartbeat::Signal;
use super::ping::{self, BODY_LIMIT, Method, Ping};
use crate::foundation::Services;
use crate::foundation::auth::guard::client_address;
use crate::foundation::web::{self, block};

/// What is read and thrown away of a body that is too long; a sender of more is cut off.
const READ_LIMIT: usize = 1024 * 1024;

/// How long a body may take. What has come by then is what the job had to say.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
pub struct Which {
    rid: Option<String>,
}

/// `/ping/{secret}`: the job has run, and all is well.
pub async fn succeeded(
    services: Data<Services>,
    request: HttpRequest,
    secret: Path<String>,
    which: Option<Query<Which>>,
    payload: Payload,
) -> web::Result {
    answer(
        &services,
        &request,
        &secret,
        Signal::Success,
        which,
        payload,
    )
    .await
}

/// `/ping/{secret}/{word}`: what the word says.
pub async fn said(
    services: Data<Services>,
    request: HttpRequest,
    path: Path<(String, String)>,
    which: Option<Query<Which>>,
    payload: Payload,
) -> web::Result {
    let (secret, word) = path.into_inner();
    match ping::signal(&word) {
        Some(signal) => answer(&services, &request, &secret, signal, which, payload).await,
        None => Ok(plain(StatusCode::NOT_FOUND, "not found")),
    }
}

async fn answer(
    services: &Data<Services>,
    request: &HttpRequest,
    secret: &str,
    signal: Signal,
    which: Option<Query<Which>>,
    payload: Payload,
) -> web::Result {
    let Ok(secret) = secret.parse::<Uuid>() else {
        return Ok(plain(StatusCode::NOT_FOUND, "not found"));
    };
    let run = match which.and_then(|which| which.into_inner().rid) {
        None => None,
        Some(text) => match text.parse::<Uuid>() {
            Ok(run) => Some(run),
            Err(_) => return Ok(plain(StatusCode::BAD_REQUEST, "rid is not a UUID")),
        },
    };
    let (body, cut) = timeout_body(payload).await;
    let ping = Ping {
        signal,
        run,
        method: match *request.method() {
            Verb::POST => Method::Post,
            Verb::HEAD => Method::Head,
            _ => Method::Get,
        },
        source: client_address(request).to_string(),
        agent: request
            .headers()
            .get(USER_AGENT)
            .map(|agent| ping::agent(agent.as_bytes()))
            .unwrap_or_default(),
        body,
        cut,
    };
    let services = services.clone();
    let known =
        block(move || actions::hear(&services, secret, &ping).map_err(web::Error::from)).await?;
    if known {
        Ok(plain(StatusCode::OK, "OK"))
    } else {
        Ok(plain(StatusCode::NOT_FOUND, "not found"))
    }
}

/// Every answer looks alike, so that one which is no longer there cannot be told from one that never was.
fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header(("Ping-Body-Limit", BODY_LIMIT.to_string()))
        .body(text)
}

/// The beginning of the body, and whether there was more. A sender that breaks off has said what it has said.
async fn timeout_body(payload: Payload) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    let mut seen = 0;
    let whole = timeout(BODY_PATIENCE, read(payload, &mut kept, &mut seen)).await;
    (kept, whole.is_err() || seen > BODY_LIMIT)
}

async fn read(mut payload: Payload, kept: &mut Vec<u8>, seen: &mut usize) {
    while let Some(Ok(chunk)) = payload.next().await {
        let room = BODY_LIMIT - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        *seen += chunk.len();
        if *seen > READ_LIMIT {
            return;
        }
    }
}
