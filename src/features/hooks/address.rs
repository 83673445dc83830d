//! `POST /hooks/events/{id}`: where other programs send events.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::actions::{self, Taken};
use crate::features::notify::signing;
use crate::foundation::Services;
use crate::foundation::web::api::collect;
use crate::foundation::web::{self, block};

/// Longest body, in bytes.
pub const BODY_AT_MOST: usize = 64 * 1024;

/// That a message was taken.
#[derive(Debug, Serialize)]
pub struct EventTaken {
    /// Whether it came before, and changed nothing this time.
    repeated: bool,
    /// Whether a pack of the platform names the type. An event that none does is kept, and counts for nothing.
    known: bool,
}

/// Takes an event that its sender has signed, as Standard Webhooks says: `webhook-id`, `webhook-timestamp` and
/// `webhook-signature`, and a body with a `type`.
pub async fn take(
    services: Data<Services>,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> web::Result {
    let body: Bytes = collect(payload.into_inner(), BODY_AT_MOST).await?;
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let message = actions::Message {
        id: header(signing::ID),
        timestamp: header(signing::TIMESTAMP),
        signatures: header(signing::SIGNATURE),
        body,
    };
    let app = services.clone();
    let taken = block(move || {
        let source = id.parse().ok();
        actions::take(&app, source, &message)
    })
    .await?;
    match taken {
        Taken::Event { repeated, known } => {
            Ok(HttpResponse::build(StatusCode::OK).json(EventTaken { repeated, known }))
        }
        Taken::Unfit(unfit) => Err(web::Error::Malformed(unfit.to_string())),
        Taken::NotHere(note) => {
            if let Some((source, why)) = note {
                // After the answer, so that it tells nobody what there is.
                actix_web::rt::spawn(async move {
                    let noted = block(move || {
                        actions::refuse(&services, source, why).map_err(web::Error::from)
                    });
                    if noted.await.is_err() {
                        tracing::warn!(%source, "a message that was not taken could not be counted");
                    }
                });
            }
            Err(web::Error::NotFound)
        }
    }
}
