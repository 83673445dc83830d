use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How bad it is. The order is by urgency: `Blue < Yellow < Red`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Information; to be seen by the next business day.
    Blue,
    /// Warning; to be acknowledged within the hour.
    Yellow,
    /// Critical; to be acknowledged within 15 minutes.
    Red,
}

impl Level {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Blue => "blue",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "red" => Ok(Self::Red),
            "yellow" => Ok(Self::Yellow),
            "blue" => Ok(Self::Blue),
            other => Err(format!("\"{other}\" is not a level: red, yellow or blue")),
        }
    }
}
