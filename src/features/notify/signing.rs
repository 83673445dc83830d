//! The signatures of Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

pub const ID: &str = "webhook-id";
pub const TIMESTAMP: &str = "webhook-timestamp";
pub const SIGNATURE: &str = "webhook-signature";

/// Bytes of a secret that we make.
pub const SECRET_BYTES: usize = 32;

const PREFIX: &str = "whsec_";
/// Sender and receiver may differ by so much, and no message is taken that is older.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// More signatures than any rotation needs.
const MOST_SIGNATURES: usize = 10;

/// So many secrets before the newest go on for the time of an overlap.
const EARLIER: usize = 3;

/// The secrets before the newest, once it is replaced: itself, and, where an overlap runs, those before it. Whoever
/// changes a secret twice cuts off nobody who has the first.
#[must_use]
pub fn earlier(newest: &[u8], before: &[u8]) -> Vec<u8> {
    let all = newest.iter().chain(before).copied();
    all.take(EARLIER * SECRET_BYTES).collect()
}

/// Each of what [`earlier`] has put together, the newest first.
pub fn each_earlier(all: &[u8]) -> impl Iterator<Item = &[u8]> {
    all.chunks(SECRET_BYTES)
}

/// A secret as it is handed over: `whsec_…`.
#[must_use]
pub fn secret_text(secret: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}

/// A secret from its text, with or without the prefix.
#[must_use]
pub fn secret_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
    STANDARD
        .decode(encoded)
        .ok()
        .filter(|bytes| bytes.len() >= 16)
}

/// One signature.
#[must_use]
pub fn sign(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    format!(
        "v1,{}",
        STANDARD.encode(digest(secret, id, timestamp, body))
    )
}

/// One signature for each secret, with a space between: whoever has either takes the message.
#[must_use]
pub fn sign_with_all<'a>(
    secrets: impl IntoIterator<Item = &'a [u8]>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let signatures = secrets
        .into_iter()
        .map(|secret| sign(secret, id, timestamp, body));
    signatures.collect::<Vec<_>>().join(" ")
}

fn digest(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes a key of any length"); // cannot fail
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("the headers webhook-id, webhook-timestamp and webhook-signature are not all there")]
    Headers,
    #[error("the message is older, or newer, than five minutes")]
    Age,
    #[error("no signature is by a secret of this endpoint")]
    Signature,
}

/// What came with a message.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signatures: &'a str,
}

impl Signed<'_> {
    /// Whether one of these secrets has signed this body lately. Whoever takes a message in drops those whose id it has
    /// seen: within the tolerance the same one can come again.
    pub fn check(
        &self,
        secrets: &[&[u8]],
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), Rejected> {
        // A point in the id would let what is signed be split elsewhere.
        if self.id.is_empty() || self.id.len() > 200 || self.id.contains('.') {
            return Err(Rejected::Headers);
        }
        let timestamp: i64 = self.timestamp.parse().map_err(|_| Rejected::Headers)?;
        let at = DateTime::from_timestamp(timestamp, 0).ok_or(Rejected::Headers)?;
        if (now - at).abs() > TOLERANCE {
            return Err(Rejected::Age);
        }
        let mut given = self
            .signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|encoded| STANDARD.decode(encoded).ok())
            .take(MOST_SIGNATURES);
        let is_ours = given.any(|given| {
            secrets.iter().any(|secret| {
                let expected = digest(secret, self.id, timestamp, body);
                bool::from(expected.as_slice().ct_eq(&given))
            })
        });
        if is_ours {
            Ok(())
        } else {
            Err(Rejected::Signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vector.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const EXPECTED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret() -> Vec<u8> {
        secret_bytes(SECRET).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_published_vector() {
        assert_eq!(sign(&secret(), MESSAGE, AT, BODY), EXPECTED);
        assert_eq!(secret_bytes(&format!("whsec_{SECRET}")), Some(secret()));
        assert_eq!(secret_text(&secret()), format!("whsec_{SECRET}"));
        assert_eq!(secret_bytes("whsec_short"), None);
    }

    fn check(
        signed: &Signed<'_>,
        secrets: &[&[u8]],
        body: &[u8],
        now: i64,
    ) -> Result<(), Rejected> {
        signed.check(secrets, body, at(now))
    }

    #[test]
    fn a_message_is_taken_within_five_minutes_and_as_it_was_signed() {
        let (timestamp, secret) = (AT.to_string(), secret());
        let signed = Signed {
            id: MESSAGE,
            timestamp: &timestamp,
            signatures: EXPECTED,
        };
        let secrets = [secret.as_slice()];
        for now in [AT - 300, AT, AT + 300] {
            assert_eq!(check(&signed, &secrets, BODY, now), Ok(()));
        }
        for now in [AT - 301, AT + 301] {
            assert_eq!(check(&signed, &secrets, BODY, now), Err(Rejected::Age));
        }
        let other = check(&signed, &secrets, b"{}", AT);
        assert_eq!(other, Err(Rejected::Signature));
        let stranger: &[u8] = b"somebody else's secret";
        assert_eq!(
            check(&signed, &[stranger], BODY, AT),
            Err(Rejected::Signature)
        );
        let moved = Signed {
            id: "msg_other",
            ..signed
        };
        assert_eq!(check(&moved, &secrets, BODY, AT), Err(Rejected::Signature));
        for (id, timestamp) in [("", "1614265330"), ("a.b", "1614265330"), (MESSAGE, "soon")] {
            let broken = Signed {
                id,
                timestamp,
                signatures: EXPECTED,
            };
            assert_eq!(check(&broken, &secrets, BODY, AT), Err(Rejected::Headers));
        }
    }

    #[test]
    fn during_a_rotation_either_secret_opens() {
        let (old, new): (&[u8], &[u8]) = (b"the secret of before", b"the secret from now on");
        let signatures = sign_with_all([new, old], MESSAGE, AT, BODY);
        assert_eq!(signatures.split(' ').count(), 2);
        let timestamp = AT.to_string();
        let signed = Signed {
            id: MESSAGE,
            timestamp: &timestamp,
            signatures: &signatures,
        };
        for secret in [old, new] {
            assert_eq!(check(&signed, &[secret], BODY, AT), Ok(()));
        }
        let unknown = Signed {
            signatures: "v2,AAAA v1a,BBBB v1,%%% nonsense",
            ..signed
        };
        assert_eq!(check(&unknown, &[old], BODY, AT), Err(Rejected::Signature));
    }
}
