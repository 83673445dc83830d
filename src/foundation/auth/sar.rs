//! Grants for suspicious activity reports. They stand outside the roles: nobody gets one by being made compliance officer
//! or administrator, and without one nothing tells that there are reports at all.
//!
//! What a session may do is read with the session, from `person_grant`, by the same query for everybody. That table is
//! not part of the compartment: it says of a person what they may open, and nothing of what is there. Who gave what to
//! whom, and for what, is in the compartment, behind row security, and is asked for only by those who hold a grant.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

/// Under this path stands everything of the compartment, and nothing else.
pub const COMPARTMENT: &str = "/sar";

/// One thing that somebody may do with reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SarGrant {
    Read,
    Draft,
    Approve,
    File,
}

impl SarGrant {
    pub const ALL: [Self; 4] = [Self::Read, Self::Draft, Self::Approve, Self::File];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "sar.read",
            Self::Draft => "sar.draft",
            Self::Approve => "sar.approve",
            Self::File => "sar.file",
        }
    }

    /// What it lets somebody do, in words.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Read => "Read reports",
            Self::Draft => "Draft reports",
            Self::Approve => "Approve reports",
            Self::File => "File reports",
        }
    }

    /// Whether it changes anything. Who only watches holds none that does.
    #[must_use]
    pub const fn acts(self) -> bool {
        !matches!(self, Self::Read)
    }
}

impl fmt::Display for SarGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SarGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|grant| grant.as_str() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::as_str).join(", ");
                format!("\"{text}\" is no grant for reports; there are {names}")
            })
    }
}

/// What a route of the compartment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SarAccess {
    /// Whoever holds any of the grants.
    Any,
    Needs(SarGrant),
}

impl SarAccess {
    #[must_use]
    pub fn admits(self, held: &BTreeSet<SarGrant>) -> bool {
        match self {
            Self::Any => !held.is_empty(),
            Self::Needs(grant) => held.contains(&grant),
        }
    }
}

/// A grant and its time, as a session's query finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedGrant {
    pub grant: SarGrant,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl TimedGrant {
    /// Whether its time is now.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.starts_at <= now && now < self.ends_at
    }
}

/// What these grants let somebody do, whenever.
#[must_use]
pub fn held(grants: &[TimedGrant]) -> BTreeSet<SarGrant> {
    grants.iter().map(|timed| timed.grant).collect()
}

/// Whether a route's path is part of the compartment, so that what happens there is told to its own log only.
#[must_use]
pub fn is_compartment(path: &str) -> bool {
    path.strip_prefix(COMPARTMENT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_counts_in_its_time() {
        let at = |secs| DateTime::from_timestamp(secs, 0).unwrap();
        let timed = TimedGrant {
            grant: SarGrant::Draft,
            starts_at: at(10),
            ends_at: at(20),
        };
        for (now, live) in [(9, false), (10, true), (19, true), (20, false)] {
            assert_eq!(timed.is_live(at(now)), live, "{now}");
        }
        assert_eq!(held(&[timed]), BTreeSet::from([SarGrant::Draft]));
    }

    #[test]
    fn a_route_asks_for_its_own_grant_or_for_any() {
        let held = BTreeSet::from([SarGrant::Read]);
        assert!(SarAccess::Any.admits(&held));
        assert!(SarAccess::Needs(SarGrant::Read).admits(&held));
        assert!(!SarAccess::Needs(SarGrant::File).admits(&held));
        assert!(!SarAccess::Any.admits(&BTreeSet::new()));
    }

    #[test]
    fn the_compartment_is_what_stands_under_its_path() {
        assert!(is_compartment("/sar") && is_compartment("/sar/grants/{id}/end"));
        assert!(!is_compartment("/sardines") && !is_compartment("/"));
    }

    #[test]
    fn grants_are_named() {
        for grant in SarGrant::ALL {
            assert_eq!(grant.as_str().parse(), Ok(grant));
        }
        assert!("sar.everything".parse::<SarGrant>().is_err());
    }
}
