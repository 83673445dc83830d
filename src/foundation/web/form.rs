use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::form_urlencoded;
use uuid::Uuid;

use super::Error;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::FormToken;
use crate::foundation::kernel::local_moment;

/// Longest body of a form; files go through multipart, which has its own limits.
pub const LIMIT_BYTES: usize = 256 * 1024;

/// The field that binds a form to its session.
pub const CSRF_FIELD: &str = "csrf";
/// The field that makes a double submit one act.
pub const KEY_FIELD: &str = "idempotency";
/// Stands for a file that came with a form and is not kept with it; its value is the file's name. No form has such a field.
const FILE_LEFT_OUT: &str = "file left out";

/// A posted form whose session token has been checked.
#[derive(Debug)]
pub struct Form<T> {
    pub data: T,
    /// The same for both posts of a double submit; see [`crate::foundation::audit::Tx::once`].
    pub key: FormKey,
}

/// What this request has posted, as it came: whoever answers instead of the handler can give it back.
#[derive(Clone, Debug)]
pub struct Posted(pub Bytes);

/// The hidden fields that every form carries.
#[derive(Deserialize)]
struct Envelope {
    csrf: Option<String>,
    idempotency: Option<Uuid>,
}

impl Posted {
    /// What the request has posted, where its form was read.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// As a form without files says these fields. The names of the files that came beside them are remembered.
    #[must_use]
    pub fn without_files(fields: &[(String, String)], files: &[String]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        form.extend_pairs(files.iter().map(|name| (FILE_LEFT_OUT, name)));
        Self(Bytes::from(form.finish()))
    }

    /// The names of files that came with it and are left out, for whoever is to choose them again.
    #[must_use]
    pub fn files_left_out(&self) -> String {
        let fields = form_urlencoded::parse(&self.0);
        let files = fields.filter(|(name, _)| name == FILE_LEFT_OUT);
        let names: Vec<_> = files.map(|(_, value)| value).collect();
        names.join(", ")
    }

    /// Everything but the fields that belong to the session and to the rendering.
    pub fn typed(&self) -> impl Iterator<Item = (String, String)> {
        typed(&self.0)
    }

    /// The first field of this name.
    #[must_use]
    pub fn field(&self, wanted: &str) -> Option<String> {
        form_urlencoded::parse(&self.0)
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    }
}

fn typed(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(body)
        .filter(|(name, _)| is_typed(name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
}

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let expected = request
            .extensions()
            .get::<FormToken>()
            .map(|token| token.0.clone());
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let mut body = Vec::new();
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| Error::Malformed("the form broke off".to_owned()))?;
                if body.len() + chunk.len() > LIMIT_BYTES {
                    return Err(Error::TooLarge {
                        limit_bytes: LIMIT_BYTES,
                    });
                }
                body.extend_from_slice(&chunk);
            }
            let body = Bytes::from(body);
            request.extensions_mut().insert(Posted(body.clone()));
            Self::parse(&body, expected.as_deref())
        })
    }
}

impl<T: DeserializeOwned> Form<T> {
    fn parse(body: &[u8], expected_csrf: Option<&str>) -> Result<Self, Error> {
        let malformed =
            |error: serde_html_form::de::Error| Error::Malformed(format!("the form: {error}"));
        let envelope: Envelope = serde_html_form::from_bytes(body).map_err(malformed)?;
        if let Some(expected) = expected_csrf {
            let given = envelope.csrf.unwrap_or_default();
            if !bool::from(given.as_bytes().ct_eq(expected.as_bytes())) {
                return Err(Error::ForgedForm);
            }
        }
        let Some(id) = envelope.idempotency else {
            return Err(Error::Malformed(
                "the form came without its key; reload its page and send it again".to_owned(),
            ));
        };
        Ok(Self {
            data: serde_html_form::from_bytes(body).map_err(malformed)?,
            key: FormKey {
                id,
                digest: Some(digest(typed(body))),
            },
        })
    }
}

/// A moment as a form sends it, by the reader's clock. A time over which clocks jump moves forward, and of one that comes
/// twice it is the first.
#[must_use]
pub fn moment(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let patterns = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let mut read = patterns
        .iter()
        .filter_map(|pattern| NaiveDateTime::parse_from_str(text.trim(), pattern).ok());
    local_moment(read.next()?, zone)
}

/// What was typed, as one number, without the fields that belong to the session and to the rendering. Lengths stand before
/// names and values, so that no two forms run together.
#[must_use]
pub fn digest(fields: impl Iterator<Item = (String, String)>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, value) in fields.filter(|(name, _)| is_typed(name)) {
        for part in [name, value] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}

fn is_typed(name: &str) -> bool {
    ![CSRF_FIELD, KEY_FIELD, FILE_LEFT_OUT].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "idempotency=01900000-0000-7000-8000-000000000000";

    #[derive(Debug, Deserialize)]
    struct Note {
        note: String,
        #[serde(default)]
        reason: Vec<String>,
    }

    fn parse(body: &str) -> Result<Form<Note>, Error> {
        Form::parse(format!("{KEY}&{body}").as_bytes(), Some("t"))
    }

    #[test]
    fn repeated_fields_are_a_list() {
        let form = parse("csrf=t&note=a%20b&reason=x&reason=y").unwrap();
        assert_eq!(form.data.note, "a b");
        assert_eq!(form.data.reason, ["x", "y"]);
    }

    #[test]
    fn a_form_without_the_sessions_token_is_forged() {
        for body in ["note=a", "note=a&csrf=", "note=a&csrf=other"] {
            assert!(matches!(parse(body), Err(Error::ForgedForm)), "{body}");
        }
    }

    #[test]
    fn a_moment_that_clocks_leave_out_moves_forward() {
        let read = |text: &str| moment(text, Tz::America__New_York).map(|at| at.to_rfc3339());
        let there = |text: &str| Some(text.to_owned());
        assert_eq!(read("2026-03-08T02:30"), there("2026-03-08T07:00:00+00:00"));
        assert_eq!(
            read(" 2026-11-01 01:30 "),
            there("2026-11-01T05:30:00+00:00")
        );
        assert_eq!(
            read("2026-03-02T09:00:07"),
            there("2026-03-02T14:00:07+00:00")
        );
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn a_form_without_a_key_is_refused() {
        let keyless = Form::<Note>::parse(b"csrf=t&note=a", Some("t"));
        assert!(matches!(keyless, Err(Error::Malformed(_))), "{keyless:?}");
    }

    #[test]
    fn the_digest_is_of_what_was_typed() {
        let digest = |body: &str| parse(body).unwrap().key.digest;
        let first = digest("csrf=t&note=a&reason=x");
        assert_eq!(first, digest("note=a&reason=x&csrf=t"));
        for other in [
            "note=b&reason=x",
            "note=a",
            "note=a&reason=x&reason=x",
            "note=areason&reason=x",
        ] {
            assert_ne!(first, digest(&format!("csrf=t&{other}")), "{other}");
        }
    }
}
