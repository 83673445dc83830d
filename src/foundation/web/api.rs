//! What answers to programs are made of: what they ask is read strictly, pages have a cursor, and errors are problems
//! (RFC 9457).

use std::collections::BTreeMap;
use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut, Query};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use utoipa::openapi::header::Header;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use super::{Error, Refusal};
use crate::foundation::audit::{Actor, FormKey};
use crate::foundation::auth::guard;
use crate::foundation::crypto::Keyring;

/// The media type of an error.
pub const PROBLEM: &str = "application/problem+json";

const JSON: &str = "application/json";

/// Longest body that is a question or an act; files of records have their own limit.
const LIMIT_BYTES: usize = 64 * 1024;

/// Longest text that somebody may make an act recognisable by.
const LONGEST_KEY: usize = 255;

/// An error, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says more.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, for people.
    pub title: String,
    pub status: u16,
    /// What to do about it, for people.
    pub detail: String,
    /// The request, as it stands in our log and in the header X-Request-Id.
    pub instance: String,
    /// What happened, for programs. It does not change.
    pub code: String,
}

/// What stands behind `?`. A name that nobody knows is refused: a filter that was mistyped must not show everything.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Asked<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // An empty value is a value: it is not taken for one that is missing.
        let read = Query::<T>::from_query(request.query_string());
        ready(read.map(|read| Self(read.into_inner())).map_err(|error| {
            let why = match error {
                QueryPayloadError::Deserialize(why) => why.to_string(),
                other => other.to_string(),
            };
            Error::Malformed(format!("the query: {why}"))
        }))
    }
}

/// A question without any.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// An act as JSON. Nothing at all stands for an empty object.
#[derive(Debug)]
pub struct Sent<T> {
    pub data: T,
    /// The bytes that it was read from.
    pub body: Bytes,
}

impl<T: DeserializeOwned + 'static> FromRequest for Sent<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = media_type(request).is_some_and(|kind| kind == JSON);
        let body = collect(payload.take(), LIMIT_BYTES);
        Box::pin(async move {
            let body = body.await?;
            if !body.is_empty() && !is_json {
                return Err(Error::UnsupportedMedia { takes: JSON });
            }
            let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
            if !text.trim_ascii_start().starts_with(b"{") {
                // A list would pass for an object whose members stand in order.
                return Err(Error::Malformed("the JSON: it is not an object".to_owned()));
            }
            let data = serde_json::from_slice(text)
                .map_err(|error| Error::Malformed(format!("the JSON: {error}")))?;
            Ok(Self { data, body })
        })
    }
}

/// The whole body, if it is no longer than that.
pub async fn collect(mut payload: Payload, limit_bytes: usize) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Error::Malformed("the body broke off".to_owned()))?;
        if body.len() + chunk.len() > limit_bytes {
            return Err(Error::TooLarge { limit_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What the sender says that the body is, in small letters and without parameters.
#[must_use]
pub fn media_type(request: &HttpRequest) -> Option<String> {
    let kind = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default();
    Some(kind.trim().to_ascii_lowercase())
}

/// What makes requests one act: those of one key with the same `Idempotency-Key`, at the same address, with the same
/// body. Without the header each is an act of its own.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    pub key: FormKey,
}

/// How an act ended.
#[derive(Debug)]
pub enum Settled<T> {
    Done(T),
    /// It had been carried out before; this is where that led.
    Before(String),
}

impl Act {
    pub fn of(
        request: &HttpRequest,
        keyring: &Keyring,
        actor: &Actor,
        body: &[u8],
    ) -> Result<Self, Error> {
        let Some(sent) = idempotency_key(request)? else {
            let key = Uuid::now_v7().into();
            return Ok(Self { key });
        };
        let token = keyring.token("idempotency", &format!("{actor} {sent}"));
        let mut id = [0; 16];
        id.copy_from_slice(&token[..16]);
        let mut digest = Sha256::new();
        digest.update(guard::local_target(request).as_bytes());
        digest.update([0]);
        digest.update(body);
        Ok(Self {
            key: FormKey {
                id: Uuid::from_bytes(id),
                digest: Some(digest.finalize().into()),
            },
        })
    }

    /// Tells a repetition from a mistake.
    pub fn settle<T>(&self, outcome: Result<T, Error>) -> Result<Settled<T>, Error> {
        match outcome {
            Ok(done) => Ok(Settled::Done(done)),
            Err(Error::SeeOther(location)) => Ok(Settled::Before(location)),
            Err(Error::Altered) => Err(Error::Refused(Refusal::new(
                "idempotency_key_reused",
                "This Idempotency-Key came before, with something else.",
                "What came first has been carried out, and this has not. Give each act a key of its own.",
            ))),
            Err(error) => Err(error),
        }
    }
}

/// The header `Idempotency-Key`.
pub fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Error> {
    let Some(sent) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    match sent.to_str() {
        Ok(text) if (1..=LONGEST_KEY).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Error::Malformed(format!(
            "an Idempotency-Key has 1 to {LONGEST_KEY} visible characters"
        ))),
    }
}

/// Some of a list, and where the rest is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Where the next ones are; `null` at the end of the list.
    pub next: Option<String>,
}

impl<T: Serialize> Listed<T> {
    /// 200, with the next address in a `Link` as well.
    pub fn answer(&self) -> super::Result {
        let mut answer = HttpResponse::Ok();
        if let Some(next) = &self.next {
            answer.insert_header(("Link", format!("<{next}>; rel=\"next\"")));
        }
        Ok(answer.json(self))
    }
}

/// What a request with a key may be answered with, whatever it is about.
pub struct Always;

impl IntoResponses for Always {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let told = [
            ("400", "It cannot be read", None),
            (
                "401",
                "No key, or one that opens nothing",
                Some("WWW-Authenticate"),
            ),
            (
                "403",
                "The key lacks the scope, or is not to be used from here",
                None,
            ),
            (
                "421",
                "The request names another host than the one that Signalbox is reached at",
                None,
            ),
            (
                "429",
                "Too many requests, or too many wrong keys",
                Some("Retry-After"),
            ),
            ("500", "Our fault", None),
            ("503", "The database is away", Some("Retry-After")),
        ];
        let response = |(status, what, header): (&str, &str, Option<&str>)| {
            let mut response = ResponseBuilder::new().description(what).content(
                PROBLEM,
                Content::new(Some(Ref::from_schema_name("Problem"))),
            );
            if let Some(header) = header {
                response = response.header(header, Header::default());
            }
            (status.to_owned(), RefOr::T(response.build()))
        };
        told.map(response).into()
    }
}

/// This list's address with another cursor.
#[must_use]
pub fn next_address(request: &HttpRequest, name: &str, cursor: &str) -> String {
    let kept = url::form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(key, _)| key != name);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair(name, cursor)
        .finish();
    format!("{}?{query}", request.path())
}
