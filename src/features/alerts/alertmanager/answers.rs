//! What every address of the API has in common, and what it says of itself.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Content, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::features::alerts::silences::matcher::{self, Matcher};
use crate::foundation::Services;
use crate::foundation::web::api::{Always, PROBLEM};
use crate::foundation::web::{self};

/// Whom alerts go to, as Alertmanager has it: there is one, and who is told is said elsewhere.
pub const RECEIVER: &str = "signalbox";

/// A receiver.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReceiverView {
    pub name: &'static str,
}

/// 400 with a sentence, as Alertmanager says what is wrong: `amtool` shows it.
#[must_use]
pub fn refused(why: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(why)
}

/// What [`refused`] answers, for the OpenAPI document, beside what every address of ours answers. It stands after
/// [`Always`], whose 400 it takes the place of.
pub struct Refused;

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let sentence = ObjectBuilder::new().schema_type(Type::String);
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description("It cannot be read, or is refused: a sentence, as Alertmanager has it")
            .content("application/json", Content::new(Some(sentence)))
            .content(PROBLEM, problem);
        BTreeMap::from([("400".to_owned(), RefOr::T(response.build()))])
    }
}

/// A moment as Go reads it.
#[must_use]
pub fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The values of `filter` in a query, each one matcher or several between commas.
///
/// # Errors
/// What cannot be read, in words.
pub fn filters(query: &str) -> Result<Vec<Matcher>, String> {
    let mut all = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name == "filter" {
            all.extend(matcher::parse(&value)?);
        }
    }
    if all.len() > matcher::AT_MOST {
        return Err(format!("at most {} filters", matcher::AT_MOST));
    }
    Ok(all)
}

/// The words that Alertmanager takes for yes, in capitals or not; whatever else it is given it takes for no.
const YES: [&str; 10] = [
    "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled",
];
const NO: [&str; 7] = ["false", "0", "no", "n", "off", "f", "disabled"];

/// Whether a switch of the query is on; those that are not given, or are given without a word, are.
///
/// # Errors
/// What is neither, in words.
pub fn is_on(query: &str, wanted: &str) -> Result<bool, String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let Some((_, value)) = pairs.find(|(name, _)| name == wanted) else {
        return Ok(true);
    };
    let word = value.to_ascii_lowercase();
    if word.is_empty() || YES.contains(&word.as_str()) {
        Ok(true)
    } else if NO.contains(&word.as_str()) {
        Ok(false)
    } else {
        Err(format!("{wanted} is true or false, and not {value:?}"))
    }
}

/// What answers in Alertmanager's place.
#[utoipa::path(
    get, path = "/api/v2/status", tag = "Alertmanager", operation_id = "alertmanagerStatus",
    responses((status = 200, description = "That there is no cluster, and which version this is"), Always),
    security(("key" = ["alerts:read"])),
)]
pub async fn status(services: Data<Services>) -> web::Result {
    let version = env!("CARGO_PKG_VERSION");
    Ok(HttpResponse::Ok().json(json!({
        "cluster": { "name": "signalbox", "status": "disabled", "peers": [] },
        "config": { "original": "# Signalbox has packs in place of this file.\n" },
        "uptime": moment(services.clock.now()),
        "versionInfo": {
            "version": version, "revision": "signalbox", "branch": "", "buildUser": "", "buildDate": "",
            "goVersion": "",
        },
    })))
}

/// Whom alerts go to.
#[utoipa::path(
    get, path = "/api/v2/receivers", tag = "Alertmanager", operation_id = "alertmanagerReceivers",
    responses((status = 200, description = "The one that there is", body = Vec<ReceiverView>), Always),
    security(("key" = ["alerts:read"])),
)]
pub async fn receivers() -> web::Result {
    Ok(HttpResponse::Ok().json([ReceiverView { name: RECEIVER }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_given_in_the_words_that_alertmanager_takes() {
        for (query, is_on_then) in [
            ("", true),
            ("active=", true),
            ("active=True", true),
            ("active=1", true),
            ("active=YES", true),
            ("active=False", false),
            ("active=0", false),
            ("silenced=false&active=Off", false),
        ] {
            assert_eq!(is_on(query, "active"), Ok(is_on_then), "{query}");
        }
        for nonsense in ["active=null", "active=2", "active=truee"] {
            assert!(is_on(nonsense, "active").is_err(), "{nonsense}");
        }
    }
}
