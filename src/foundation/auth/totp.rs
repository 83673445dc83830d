//! Time-based one-time codes (RFC 6238): 30 s steps, six digits, SHA-1, which is what authenticator
//! apps expect. One step of clock drift is accepted on each side, and a code only once: the caller
//! burns the matched step with [`store::accept_step`](super::store::accept_step).

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use qrcode::{Color, EcLevel, QrCode};
use totp_rs::{Builder, Secret, Totp};

use crate::foundation::crypto::CryptoError;

pub const STEP_SECS: i64 = 30;
const ISSUER: &str = "Signalbox";

/// The shared secret of one person's authenticator app.
pub struct Seed(Totp);

/// A QR code as the outline of its dark modules, for an SVG `path` in a square of `size` units.
#[derive(Debug, PartialEq, Eq)]
pub struct QrPath {
    pub size: usize,
    pub outline: String,
}

impl Seed {
    /// A fresh seed of 160 bits.
    #[must_use]
    pub fn generate(account: &str) -> Self {
        Self::build(Secret::generate(), account)
    }

    pub fn from_bytes(bytes: &[u8], account: &str) -> Result<Self, CryptoError> {
        let bytes: [u8; 20] = bytes.try_into().map_err(|_| CryptoError::Tampered)?;
        Ok(Self::build(Secret::from(bytes), account))
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.secret().as_bytes()
    }

    /// The seed for typing into an app by hand, in groups of four.
    #[must_use]
    pub fn spelled(&self) -> String {
        let letters: Vec<char> = self.0.secret().to_base32().chars().collect();
        letters
            .chunks(4)
            .map(|group| group.iter().collect::<String>())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The `otpauth:` address that authenticator apps take.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.to_url().unwrap_or_default()
    }

    #[must_use]
    pub fn qr(&self) -> Option<QrPath> {
        let code = QrCode::with_error_correction_level(self.address(), EcLevel::M).ok()?;
        Some(QrPath::from(&code))
    }

    /// The code that an app shows at `now`.
    #[must_use]
    pub fn code_at(&self, now: DateTime<Utc>) -> String {
        self.0.generate(unix_secs(now)).to_string()
    }

    /// The step that the typed code belongs to, if it is a code of about now. Spaces are forgiven:
    /// apps show two groups of three.
    #[must_use]
    pub fn matched_step(&self, typed: &str, now: DateTime<Utc>) -> Option<i64> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let shaped = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
        let step = shaped.then(|| self.0.check(&digits, unix_secs(now)))??;
        i64::try_from(step).ok()
    }

    /// `account` stands in the app beside the code; a colon would break the address.
    fn build(secret: Secret, account: &str) -> Self {
        Self(
            Builder::new()
                .with_secret(secret)
                .with_issuer(Some(ISSUER))
                .with_account_name(account.replace(':', "-"))
                .build_noncompliant(),
        )
    }
}

/// Whole seconds until the next code.
#[must_use]
pub fn seconds_left(now: DateTime<Utc>) -> i64 {
    STEP_SECS - now.timestamp().rem_euclid(STEP_SECS)
}

fn unix_secs(now: DateTime<Utc>) -> u64 {
    u64::try_from(now.timestamp()).unwrap_or(0)
}

impl From<&QrCode> for QrPath {
    fn from(code: &QrCode) -> Self {
        /// Scanners need a quiet margin of four modules.
        const MARGIN: usize = 4;
        let width = code.width();
        let mut outline = String::new();
        for (at, colour) in code.to_colors().into_iter().enumerate() {
            if colour == Color::Dark {
                let (x, y) = (at % width + MARGIN, at / width + MARGIN);
                // Writing to a String cannot fail.
                let _ = write!(outline, "M{x} {y}h1v1h-1z");
            }
        }
        Self {
            size: width + 2 * MARGIN,
            outline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(secs, 0).unwrap()
    }

    fn rfc_seed() -> Seed {
        Seed::from_bytes(b"12345678901234567890", "a@example.org").unwrap()
    }

    /// RFC 6238, appendix B, the SHA-1 rows, shortened to six digits.
    #[test]
    fn rfc_6238_vectors() {
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc_seed().code_at(at(secs)), code);
            assert_eq!(rfc_seed().matched_step(code, at(secs)), Some(secs / 30));
        }
    }

    #[test]
    fn one_step_of_drift_and_no_more() {
        let seed = rfc_seed();
        let noon = 1_800_000_000;
        let code = seed.code_at(at(noon));
        for (drift, accepted) in [
            (-31, false),
            (-30, true),
            (0, true),
            (59, true),
            (60, false),
        ] {
            let step = seed.matched_step(&code, at(noon + drift));
            assert_eq!(step.is_some(), accepted, "{drift} s");
            assert!(step.is_none_or(|step| step == noon / 30));
        }
    }

    #[test]
    fn only_six_digits_are_a_code() {
        let seed = rfc_seed();
        assert_eq!(seed.matched_step(" 287 082 ", at(59)), Some(1));
        for typed in [
            "",
            "28708",
            "2870820",
            "+87082",
            "٢٨٧٠٨٢",
            "287082x",
            "94287082",
        ] {
            assert_eq!(seed.matched_step(typed, at(59)), None, "{typed}");
        }
    }

    #[test]
    fn seeds_differ_and_survive_storage() {
        let (one, two) = (Seed::generate("a@b.c"), Seed::generate("a@b.c"));
        assert_ne!(one.bytes(), two.bytes());
        let again = Seed::from_bytes(one.bytes(), "a@b.c").unwrap();
        assert_eq!(again.spelled(), one.spelled());
        assert_eq!(one.spelled().len(), 32 + 7);
        assert!(Seed::from_bytes(b"short", "a@b.c").is_err());
    }

    #[test]
    fn the_address_names_the_account() {
        assert_eq!(
            rfc_seed().address(),
            "otpauth://totp/Signalbox:a%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Signalbox"
        );
        let qr = rfc_seed().qr().unwrap();
        assert!(qr.outline.starts_with("M4 4h1v1h-1z"));
        assert!(qr.size > 29);
    }

    #[test]
    fn seconds_left_counts_down_to_the_next_step() {
        assert_eq!(seconds_left(at(60)), 30);
        assert_eq!(seconds_left(at(89)), 1);
    }
}
