//! What was said, and whether it counts. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::foundation::kernel::PersonId;

crate::typed_id!(
    /// What somebody says that an indicator was.
    ClaimId,
);

/// What is said of longer ago is history, and no report.
pub const OLDEST: TimeDelta = TimeDelta::days(31);
pub const EVIDENCE_AT_MOST: usize = 2_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub id: ClaimId,
    pub value: f64,
    pub as_of: DateTime<Utc>,
    pub evidence: String,
    /// Of the file that shows it, which may stand with us.
    pub sha256: Option<String>,
    pub file: Option<File>,
    pub corrects: Option<ClaimId>,
    pub made_at: DateTime<Utc>,
    pub made_by: PersonId,
    pub made_name: String,
    pub needs_second: bool,
    pub answer: Option<Answer>,
}

/// The file that shows a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    pub id: Uuid,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub approved: bool,
    pub at: DateTime<Utc>,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Counts,
    /// It waits for a second person, and counts for nothing.
    Waits,
    Refused,
}

impl Claim {
    #[must_use]
    pub fn state(&self) -> State {
        match (&self.answer, self.needs_second) {
            (None, false) => State::Counts,
            (None, true) => State::Waits,
            (Some(answer), _) if answer.approved => State::Counts,
            (Some(_), _) => State::Refused,
        }
    }
}

/// A number as people write it: with a point, or with one comma.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim().replace('\u{2212}', "-");
    let text = if text.contains('.') || text.matches(',').count() != 1 {
        text
    } else {
        text.replace(',', ".")
    };
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    if !text.chars().all(plain) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The digest of a file as it was typed: nothing where nothing was.
///
/// # Errors
/// What was typed is none.
pub fn sha256(text: &str) -> Result<Option<String>, &'static str> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return Ok(None);
    }
    let is_hex = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    if is_hex {
        Ok(Some(text))
    } else {
        Err("A SHA-256 has 64 characters, 0 to 9 and a to f: sha256sum FILE prints it.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("97.4", Some(97.4)),
            (" 97,4 ", Some(97.4)),
            ("\u{2212}3", Some(-3.0)),
            ("1,234,567", None),
            ("1,234.5", None),
            ("97.4 %", None),
            ("1e5", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_digest_is_64_hexadecimals_or_nothing() {
        let hex = "A".repeat(64);
        assert_eq!(sha256(&hex), Ok(Some("a".repeat(64))));
        assert_eq!(sha256("  "), Ok(None));
        assert!(sha256("abc").is_err() && sha256(&"g".repeat(64)).is_err());
    }

    #[test]
    fn what_takes_two_counts_when_a_second_has_agreed() {
        let mut claim = Claim {
            id: ClaimId::new(),
            value: 97.4,
            as_of: DateTime::UNIX_EPOCH,
            evidence: "Report".to_owned(),
            sha256: None,
            file: None,
            corrects: None,
            made_at: DateTime::UNIX_EPOCH,
            made_by: PersonId::new(),
            made_name: "Ada".to_owned(),
            needs_second: false,
            answer: None,
        };
        assert_eq!(claim.state(), State::Counts);
        claim.needs_second = true;
        assert_eq!(claim.state(), State::Waits);
        let answer = |approved| Answer {
            approved,
            at: DateTime::UNIX_EPOCH,
            name: "Bob".to_owned(),
        };
        claim.answer = Some(answer(true));
        assert_eq!(claim.state(), State::Counts);
        claim.answer = Some(answer(false));
        assert_eq!(claim.state(), State::Refused);
    }
}
