//! Protection against requests that another site makes in our visitor's name. Two locks, each
//! enough alone: a token bound to the session, and the browser's own word on where a request comes
//! from.

use actix_web::http::header::{HeaderMap, ORIGIN};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::Url;

/// The token of a session: a keyed hash under the session's own secret, so it dies with the session
/// and needs no storage.
#[must_use]
pub fn token(session_token: &str) -> String {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(session_token.as_bytes());
    // HMAC takes keys of any length.
    let Ok(mut mac) = mac else {
        return String::new();
    };
    mac.update(b"signalbox csrf v1");
    hex::encode(mac.finalize().into_bytes())
}

/// Compares in constant time. An empty expectation matches nothing.
#[must_use]
pub fn token_matches(expected: &str, given: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

/// Whether the browser says that the request comes from our own pages: `Sec-Fetch-Site`, or where
/// the browser is too old to send it, `Origin`. A request that says neither is refused: no browser
/// posts a form without both.
#[must_use]
pub fn is_same_origin(headers: &HeaderMap, base_url: &Url) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    headers
        .get(ORIGIN)
        .and_then(|origin| origin.to_str().ok())
        .is_some_and(|origin| origin == base_url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn same_origin(headers: &[(&str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        is_same_origin(&headers, &"https://box.example/".parse().unwrap())
    }

    #[test]
    fn the_browser_says_where_a_request_comes_from() {
        assert!(same_origin(&[("sec-fetch-site", "same-origin")]));
        assert!(same_origin(&[("origin", "https://box.example")]));
        for refused in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://box.example"),
            ],
            &[("origin", "http://box.example")],
            &[("origin", "https://box.example.evil.test")],
            &[("origin", "null")],
        ] {
            assert!(!same_origin(refused), "{refused:?}");
        }
    }

    #[test]
    fn tokens_belong_to_their_session() {
        let one = token("one");
        assert!(token_matches(&one, &token("one")));
        assert!(!token_matches(&one, &token("two")));
        assert!(!token_matches("", ""));
    }
}
