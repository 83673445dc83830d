//! A place that takes webhooks, and when it is given no more. Pure.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

/// So many failures in a row, over at least [`DISABLED_OVER`], switch an endpoint off.
pub const DISABLED_AFTER: i32 = 10;
pub const DISABLED_OVER: TimeDelta = TimeDelta::hours(1);

/// How long the secret before the newest goes on signing.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// What it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Standard Webhooks: signed JSON.
    Standard,
    /// What Slack takes, and Mattermost and others with it. The address is the secret.
    Slack,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Standard, Self::Slack];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Slack => "slack",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Standard => "Signed JSON (Standard Webhooks)",
            Self::Slack => "Slack-compatible",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a kind of endpoint"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    Active,
    /// By a person.
    Paused,
    /// By us: it said that it is gone, or failed for too long.
    Disabled,
    /// Removed, and kept for the record.
    Retired,
}

impl Standing {
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Disabled, Self::Retired];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Retired => "retired",
        }
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a standing of an endpoint"))
    }
}

/// Failures since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub count: i32,
    pub since: Option<DateTime<Utc>>,
}

impl Failures {
    #[must_use]
    pub fn and_one_at(self, at: DateTime<Utc>) -> Self {
        Self {
            count: self.count.saturating_add(1),
            since: Some(self.since.unwrap_or(at)),
        }
    }

    /// Whether that is enough to switch the endpoint off.
    #[must_use]
    pub fn are_enough(self, now: DateTime<Utc>) -> bool {
        self.count >= DISABLED_AFTER && self.since.is_some_and(|since| now - since >= DISABLED_OVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_over_an_hour_are_enough_and_fewer_or_faster_ones_are_not() {
        let begin: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let after = |count: i32, over: TimeDelta| {
            let mut failures = Failures::default();
            for _ in 0..count {
                failures = failures.and_one_at(begin);
            }
            failures.are_enough(begin + over)
        };
        assert!(after(10, TimeDelta::hours(1)));
        assert!(!after(9, TimeDelta::days(9)));
        assert!(!after(500, TimeDelta::minutes(59)));
    }

    #[test]
    fn kinds_and_standings_are_what_they_are_called() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for standing in Standing::ALL {
            assert_eq!(standing.as_str().parse(), Ok(standing));
        }
    }
}
