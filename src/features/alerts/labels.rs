//! What an alert is about, by name, as Prometheus writes it.

use std::collections::BTreeMap;

use super::alert::fingerprint;
use crate::foundation::kernel::Level;

/// Names and values, in the order of the names.
pub type Labels = BTreeMap<String, String>;

/// The label that says how bad it is. It is no part of the identity of what our rules light.
pub const SEVERITY: &str = "severity";
/// The label that names the alert.
pub const ALERTNAME: &str = "alertname";
/// The label that says whose it is.
pub const PLATFORM: &str = "platform";
/// The label that says what of the platform it is about.
pub const SERVICE: &str = "service";

/// The identity that labels make.
#[must_use]
pub fn identity(labels: &Labels) -> String {
    let pairs: Vec<(&str, &str)> = labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fingerprint(&pairs)
}

/// A level as others name it.
#[must_use]
pub const fn severity(level: Level) -> &'static str {
    match level {
        Level::Red => "critical",
        Level::Yellow => "warning",
        Level::Blue => "info",
    }
}

/// The level of a severity, as it is named here and there. What nobody knows is a warning: it is neither slept
/// through nor woken for.
#[must_use]
pub fn level_of(severity: Option<&str>) -> Level {
    let severity = severity.unwrap_or_default().trim().to_ascii_lowercase();
    match severity.as_str() {
        "critical" | "crit" | "page" | "emergency" | "fatal" | "disaster" | "high" | "error"
        | "red" => Level::Red,
        "info" | "information" | "informational" | "none" | "notice" | "low" | "debug" | "blue" => {
            Level::Blue
        }
        _ => Level::Yellow,
    }
}

/// Labels with how bad it is now, unless they say so themselves.
#[must_use]
pub fn with_severity(labels: &Labels, level: Level) -> Labels {
    let mut all = labels.clone();
    all.entry(SEVERITY.to_owned())
        .or_insert_with(|| severity(level).to_owned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_of_others_are_levels_of_ours() {
        for level in [Level::Red, Level::Yellow, Level::Blue] {
            assert_eq!(level_of(Some(severity(level))), level);
        }
        assert_eq!(level_of(Some("Page")), Level::Red);
        assert_eq!(level_of(None), Level::Yellow);
        assert_eq!(level_of(Some("odd")), Level::Yellow);
    }

    #[test]
    fn what_it_says_of_itself_stays() {
        let own = Labels::from([(SEVERITY.to_owned(), "page".to_owned())]);
        assert_eq!(with_severity(&own, Level::Blue), own);
        let all = with_severity(&Labels::new(), Level::Red);
        assert_eq!(all[SEVERITY], "critical");
    }

    #[test]
    fn the_identity_is_that_of_the_labels_alone() {
        let labels = Labels::from([(ALERTNAME.to_owned(), "ok".to_owned())]);
        assert_eq!(identity(&labels), "01167342b0fed1b2");
    }
}
