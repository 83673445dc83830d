//! What few may know: that there is a suspicious-activity report, or that there is none.

use std::sync::LazyLock;

use regex::Regex;

/// "SAR" as a word, as a part of a name in whatever way names are written, and in full.
static REPORTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:^|[^a-zA-Z])(?i:sars?)(?:[^a-zA-Z]|$)|(?:^|[^a-zA-Z])sar[A-Z]|(?:^|[^A-Z])S(?:ar|AR)s?(?:[^a-zA-Z]|$|[A-Z][a-z])|(?i:suspicious[\W_]*activit)",
    )
    .expect("a pattern that the tests have read") // start-up
});

/// Whether a text as it was written says anything about a suspicious-activity report: that there is one, or that there
/// is none.
#[must_use]
pub fn is_about_sar(written: &str) -> bool {
    REPORTS.is_match(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_may_know_is_recognised_however_it_is_written() {
        for about in [
            "SAR filed for C-1",
            "job sar-monthly started",
            "SARs are due",
            "no suspicious activity reports are due",
            "SuspiciousActivityReport filed",
            "suspiciousActivity",
            "{\"msg\":\"x\",\"kind\":\"sar.due\"}",
            "{\"msg\":\"x\",\"sar_id\":1}",
            "App\\Jobs\\FileSarJob failed",
            "sarId=1",
            "SarFiled",
            "case_sar_id",
            "SAR2026-001 filed",
        ] {
            assert!(is_about_sar(about), "{about}");
        }
        for other in [
            "the sarcophagus is closed",
            "caesar",
            "necessary",
            "SARAH signed in",
            "Sarah signed in",
            "suspicious sign-in",
        ] {
            assert!(!is_about_sar(other), "{other}");
        }
    }
}
