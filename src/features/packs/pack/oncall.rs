//! Who is told of alerts, in which order, as packs write it.

use std::fmt;

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

use crate::features::packs::quantity::Lasting;
use crate::foundation::kernel::Level;

/// How often an escalation may begin again.
pub const REPEAT_AT_MOST: u32 = 5;

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub team: String,
    /// A mailbox; empty where this installation gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name of an endpoint of this installation; empty where it gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Shown to people, and never dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// What a day or a week came to, sent to whoever asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<DigestKind>,
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestKind {
    Daily,
    Weekly,
}

impl DigestKind {
    pub const ALL: [Self; 2] = [Self::Daily, Self::Weekly];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }
}

impl Contact {
    /// The mailbox, where there is one.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        given(self.email.as_ref())
    }

    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        given(self.endpoint.as_ref())
    }

    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        given(self.phone.as_ref())
    }

    /// Whether anything reaches them.
    #[must_use]
    pub fn has_address(&self) -> bool {
        self.email().is_some() || self.endpoint().is_some()
    }
}

/// A parameter that is not given is empty.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// Who is on call: one after the other, for a day or a week each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rota {
    pub id: String,
    pub name: String,
    /// Contacts, in the order of their turns.
    pub members: Vec<String>,
    pub turn: Turn,
    /// The local time of the hand-over.
    #[serde(default = "nine", with = "clock")]
    pub at: NaiveTime,
    /// IANA zone of the hand-over; by default the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The day on which the first turn begins.
    #[serde(deserialize_with = "super::date")]
    pub start: NaiveDate,
}

impl Rota {
    /// The zone of its hand-over on a platform of this zone.
    #[must_use]
    pub fn zone<'a>(&'a self, platform: &'a str) -> &'a str {
        self.zone.as_deref().unwrap_or(platform)
    }
}

/// How long a turn lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    Daily,
    /// From the weekday of the start to the same of the next week.
    Weekly,
}

impl Turn {
    #[must_use]
    pub const fn days(self) -> i64 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
        }
    }
}

fn nine() -> NaiveTime {
    NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default()
}

/// A time of day as clocks show it: "09:00".
mod clock {
    use chrono::NaiveTime;
    use serde::{Deserialize, Deserializer, Serializer};

    const SHOWN: &str = "%H:%M";

    pub fn serialize<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.format(SHOWN))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveTime::parse_from_str(&text, SHOWN).map_err(|_| {
            serde::de::Error::custom(format!("\"{text}\" is not a time of day: write \"09:00\""))
        })
    }
}

/// Who is told, step by step, until somebody has the alert in hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    pub id: String,
    pub name: String,
    /// The levels that it is for, of rules that name no other.
    #[serde(default)]
    pub levels: Vec<Level>,
    pub steps: Vec<Step>,
    /// How often it begins again after its last step.
    #[serde(default)]
    pub repeat: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Step {
    Notify(Target),
    Wait(Lasting),
    /// Opens an incident of the alert, if it belongs to none that is not resolved.
    Incident(bool),
}

/// Who is told by one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// Whoever is on call.
    Rota(String),
    Contact(String),
    /// Everybody of a team.
    Team(String),
    /// An endpoint of this installation, by its name.
    Endpoint(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rota(id) => write!(f, "rota {id}"),
            Self::Contact(id) => write!(f, "contact {id}"),
            Self::Team(name) => write!(f, "team {name}"),
            Self::Endpoint(name) => write!(f, "endpoint {name}"),
        }
    }
}
