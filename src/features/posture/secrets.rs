//! The installation's own keys: how old they are.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use crate::foundation::crypto::{KeyFacts, KeyUse};

/// A key that has been in use for so long wants to be rotated.
const OLD: TimeDelta = TimeDelta::days(365);
const MEND: &str = "`signalbox keys rotate`, while everything runs";

/// Findings about the keys that everything at rest is encrypted under.
pub fn encryption(keys: &[KeyFacts], now: DateTime<Utc>) -> Vec<Finding> {
    const SUBJECT: &str = "Encryption key";
    let in_use = keys.iter().find(|key| key.used == KeyUse::InUse);
    let mut findings = vec![match in_use.map(|key| (key.number, key.since)) {
        None => Finding::fail(SUBJECT, "none is in use", MEND),
        Some((number, None)) => Finding::warn(
            SUBJECT,
            format!("nobody wrote down since when key {number} is in use"),
            MEND,
        ),
        Some((number, Some(since))) => {
            let found = format!("key {number}, in use since {}", since.date_naive());
            if now - since > OLD {
                Finding::warn(SUBJECT, found, MEND)
            } else {
                Finding::ok(SUBJECT, found)
            }
        }
    }];
    let older: Vec<String> = keys
        .iter()
        .filter(|key| key.used == KeyUse::Older)
        .map(|key| key.number.to_string())
        .collect();
    if !older.is_empty() {
        findings.push(Finding::warn(
            SUBJECT,
            format!("still opens what stands under: {}", older.join(", ")),
            "`signalbox keys rotate --status` tells whether anything does; then `signalbox keys retire`",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn verdicts(keys: &[(KeyUse, Option<i64>)]) -> Vec<Verdict> {
        let now = Utc::now();
        let facts: Vec<KeyFacts> = (1..)
            .zip(keys)
            .map(|(number, (used, days))| KeyFacts {
                number,
                since: days.map(|days| now - TimeDelta::days(days)),
                used: *used,
            })
            .collect();
        let findings = encryption(&facts, now);
        findings.iter().map(|each| each.verdict).collect()
    }

    #[test]
    fn a_key_wants_rotating_after_a_year() {
        use Verdict::{Fail, Ok, Warn};
        assert_eq!(verdicts(&[(KeyUse::InUse, Some(365))]), [Ok]);
        assert_eq!(verdicts(&[(KeyUse::InUse, Some(366))]), [Warn]);
        assert_eq!(verdicts(&[(KeyUse::InUse, None)]), [Warn]);
        assert_eq!(verdicts(&[]), [Fail]);
    }

    #[test]
    fn an_older_key_wants_retiring() {
        use Verdict::{Ok, Warn};
        let both = [(KeyUse::Older, None), (KeyUse::InUse, Some(1))];
        assert_eq!(verdicts(&both), [Ok, Warn]);
        let retired = [(KeyUse::TokensOnly, None), (KeyUse::InUse, Some(1))];
        assert_eq!(verdicts(&retired), [Ok]);
    }
}
