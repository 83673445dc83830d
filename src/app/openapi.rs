//! What keys open, as OpenAPI says it. The document is made of the handlers.

use actix_web::HttpResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Written, OpenApiVersion};
use utoipa::{Modify, OpenApi};

use crate::features::{alerts, audit_log, health, intake, logs, reviews};
use crate::foundation::web::{self, api};

/// Everything under `/api/v1`, what of Alertmanager's API is under `/api/v2`, and the hooks.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Signalbox",
        description = "For programs that hand in customers, read cases and alerts, or follow the audit log. Each comes \
                       with a key that an administrator has made for it, in the header Authorization. No key approves \
                       or decides anything. Errors are problems as RFC 9457 has them, with a code that does not \
                       change.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        intake::api::hand_in,
        intake::api::batch,
        reviews::api::list,
        reviews::api::one,
        alerts::api::list,
        alerts::api::one,
        alerts::api::acknowledge,
        health::api::report_indicator,
        health::api::report_event,
        logs::api::hand_in,
        alerts::alertmanager::alerts::list,
        alerts::alertmanager::alerts::groups,
        alerts::alertmanager::intake::post,
        alerts::alertmanager::intake::hook,
        alerts::alertmanager::answers::status,
        alerts::alertmanager::answers::receivers,
        alerts::alertmanager::silences::list,
        alerts::alertmanager::silences::one,
        alerts::alertmanager::silences::create,
        alerts::alertmanager::silences::end,
        audit_log::api::events,
    ),
    components(schemas(api::Problem)),
    modifiers(&Keys),
)]
pub struct Document;

/// How a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Written) {
        // What the tools of today read.
        document.openapi = OpenApiVersion::Version31;
        if let Some(components) = &mut document.components {
            let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.add_security_scheme("key", bearer);
        }
    }
}

/// `GET /api/openapi.json`. It says nothing that is secret, and whoever writes a program has no key yet.
pub async fn show() -> web::Result {
    Ok(HttpResponse::Ok().json(Document::openapi()))
}
