//! A step in the timeline of a case.

use chrono::{DateTime, Utc};

use crate::foundation::kernel::PersonId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Opened,
    Reassessed,
    Claimed,
    Released,
    Noted,
    Proposed,
    Withdrawn,
    Refused,
    Approved,
    Rejected,
    InformationRequested,
    Parked,
    Resumed,
}

impl What {
    pub const ALL: [Self; 13] = [
        Self::Opened,
        Self::Reassessed,
        Self::Claimed,
        Self::Released,
        Self::Noted,
        Self::Proposed,
        Self::Withdrawn,
        Self::Refused,
        Self::Approved,
        Self::Rejected,
        Self::InformationRequested,
        Self::Parked,
        Self::Resumed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reassessed => "reassessed",
            Self::Claimed => "claimed",
            Self::Released => "released",
            Self::Noted => "noted",
            Self::Proposed => "proposed",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::InformationRequested => "information_requested",
            Self::Parked => "parked",
            Self::Resumed => "resumed",
        }
    }

    /// After a person's name: "Ada claimed the case".
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Opened => "opened the case",
            Self::Reassessed => "assessed the subject anew",
            Self::Claimed => "claimed the case",
            Self::Released => "released the case",
            Self::Noted => "noted",
            Self::Proposed => "proposed to approve",
            Self::Withdrawn => "took the proposal back",
            Self::Refused => "did not agree with the proposal",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::InformationRequested => "asked for information",
            Self::Parked => "parked the case",
            Self::Resumed => "took the case up again",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub struct Step {
    pub at: DateTime<Utc>,
    /// Nobody when the machine did it.
    pub by: Option<PersonId>,
    /// The version of the case that the step made.
    pub case_version: i32,
    pub what: What,
    pub note: Option<String>,
}
