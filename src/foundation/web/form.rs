use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Error;
use crate::foundation::auth::FormToken;

/// Longest body of a form; files go through multipart, which has its own limits.
const LIMIT_BYTES: usize = 256 * 1024;

/// A posted form whose session token has been checked.
#[derive(Debug)]
pub struct Form<T> {
    pub data: T,
    /// The same for both posts of a double submit; see [`crate::foundation::audit::Tx::once`].
    pub key: Uuid,
}

/// The hidden fields that every form carries.
#[derive(Deserialize)]
struct Envelope {
    csrf: Option<String>,
    idempotency: Option<Uuid>,
}

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let expected = request
            .extensions()
            .get::<FormToken>()
            .map(|token| token.0.clone());
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
        Ok(Self {
            data: serde_html_form::from_bytes(body).map_err(malformed)?,
            key: envelope.idempotency.unwrap_or_else(Uuid::now_v7),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Note {
        note: String,
        #[serde(default)]
        reason: Vec<String>,
    }

    #[test]
    fn repeated_fields_are_a_list() {
        let form: Form<Note> =
            Form::parse(b"csrf=t&note=a%20b&reason=x&reason=y", Some("t")).unwrap();
        assert_eq!(form.data.note, "a b");
        assert_eq!(form.data.reason, ["x", "y"]);
    }

    #[test]
    fn a_form_without_the_sessions_token_is_forged() {
        for body in ["note=a", "note=a&csrf=", "note=a&csrf=other"] {
            assert!(
                matches!(
                    Form::<Note>::parse(body.as_bytes(), Some("token")),
                    Err(Error::ForgedForm)
                ),
                "{body}"
            );
        }
    }
}
