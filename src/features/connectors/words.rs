//! The words of a circuit breaker: its states, what a call says, and why it turns. Pure.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use super::breaker::WAIT_LONGEST;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Closed,
    Open,
    HalfOpen,
    /// Every call goes out, whatever became of the last: two people wanted it.
    Disabled,
    /// No call goes out: somebody wanted it.
    ForcedOpen,
}

impl State {
    pub const ALL: [Self; 5] = [
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::Disabled,
        Self::ForcedOpen,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Disabled => "disabled",
            Self::ForcedOpen => "forced_open",
        }
    }

    /// For people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "Closed",
            Self::Open => "Open",
            Self::HalfOpen => "Half-open",
            Self::Disabled => "Disabled",
            Self::ForcedOpen => "Forced open",
        }
    }

    /// For metrics.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
            Self::Disabled => 3,
            Self::ForcedOpen => 4,
        }
    }

    /// Whether calls are kept back.
    #[must_use]
    pub const fn cuts_off(self) -> bool {
        matches!(self, Self::Open | Self::HalfOpen | Self::ForcedOpen)
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a state of a breaker"))
    }
}

/// What a call says of whoever was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered, be it that what we asked was wrong.
    Answered,
    /// No connection, no answer in time, 5xx or 408.
    Failed,
    /// 429, with what `Retry-After` asked for.
    Limited(Option<TimeDelta>),
    /// Nothing: we did not come to ask, for reasons of our own.
    Nothing,
}

impl Verdict {
    /// What an HTTP status says. `retry_after` is what the header of this name asks for.
    #[must_use]
    pub const fn of_status(status: u16, retry_after: Option<TimeDelta>) -> Self {
        match status {
            429 => Self::Limited(retry_after),
            408 | 500.. => Self::Failed,
            _ => Self::Answered,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Limited(_) => "limited",
            Self::Nothing => "nothing",
        }
    }
}

/// What `Retry-After` asks for: a number of seconds, or a date.
#[must_use]
pub fn retry_after(header: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = header.trim();
    let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let wait = if is_number {
        // More digits than there are seconds to wait for are as many as we wait for.
        let seconds = text.parse::<u32>().unwrap_or(u32::MAX);
        TimeDelta::seconds(i64::from(seconds))
    } else {
        DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc) - now
    };
    Some(wait.clamp(TimeDelta::zero(), WAIT_LONGEST))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Open,
    ForcedOpen,
    /// Another trial is under way.
    Trial,
    /// It asked us to wait.
    Limited,
}

impl Refused {
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Open => "its breaker is open",
            Self::ForcedOpen => "its breaker is forced open",
            Self::Trial => "a trial of it is under way",
            Self::Limited => "it asked us to wait",
        }
    }
}

/// Why a breaker turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Failures,
    Share,
    Due,
    TrialsPassed,
    TrialFailed,
    TrialLost,
    Ended,
    Forced,
    Reset,
    Agreed,
}

impl Why {
    pub const ALL: [Self; 10] = [
        Self::Failures,
        Self::Share,
        Self::Due,
        Self::TrialsPassed,
        Self::TrialFailed,
        Self::TrialLost,
        Self::Ended,
        Self::Forced,
        Self::Reset,
        Self::Agreed,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Share => "share",
            Self::Due => "due",
            Self::TrialsPassed => "trials_passed",
            Self::TrialFailed => "trial_failed",
            Self::TrialLost => "trial_lost",
            Self::Ended => "ended",
            Self::Forced => "forced",
            Self::Reset => "reset",
            Self::Agreed => "agreed",
        }
    }

    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Failures => "Five failures in a row.",
            Self::Share => "Half of the last ten calls failed.",
            Self::Due => "Its time was over, and a trial went out.",
            Self::TrialsPassed => "Two trials in a row were answered.",
            Self::TrialFailed => "The trial failed.",
            Self::TrialLost => "The trial brought no verdict within a minute.",
            Self::Ended => "The end that was agreed to has come.",
            Self::Forced => "Somebody forced it open.",
            Self::Reset => "Somebody asked for a trial.",
            Self::Agreed => "Two people agreed to let every call through.",
        }
    }
}

impl FromStr for Why {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is no reason of a breaker's"))
    }
}
