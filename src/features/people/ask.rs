//! What is proposed: the payload of a proposal and its hash.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::proposal::Kind;
use crate::foundation::audit::jcs;
use crate::foundation::auth::grants::Period;
use crate::foundation::auth::{Role, Watch};
use crate::foundation::db;
use crate::foundation::kernel::{PersonId, PlatformId, Scope};

/// Roles that are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantAsk {
    pub roles: Vec<Role>,
    /// Nothing for all of them.
    pub platforms: Option<Vec<PlatformId>>,
    /// Nothing for the moment of the approval.
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub watch: Watch,
}

impl GrantAsk {
    #[must_use]
    pub fn scope(&self) -> Scope {
        match &self.platforms {
            None => Scope::All,
            Some(platforms) => platforms.iter().copied().collect(),
        }
    }

    /// From when until when it counts, approved now.
    #[must_use]
    pub fn period(&self, now: DateTime<Utc>) -> Period {
        Period {
            starts_at: self.starts_at.map_or(now, |start| start.max(now)),
            ends_at: self.ends_at,
        }
    }

    #[must_use]
    pub fn audits(&self) -> bool {
        self.roles.contains(&Role::Auditor)
    }
}

/// "Operator, Reviewing admin".
#[must_use]
pub fn role_names(roles: &[Role]) -> String {
    roles
        .iter()
        .map(|role| role.label())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What exactly is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    Grant(GrantAsk),
    Enable,
    ResetFactors,
    /// Whether the second factor is lost as well.
    Recovery {
        factors: bool,
    },
}

#[derive(Serialize, Deserialize)]
struct RecoveryAsk {
    factors: bool,
}

impl Payload {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Grant(_) => Kind::Grant,
            Self::Enable => Kind::Enable,
            Self::ResetFactors => Kind::ResetFactors,
            Self::Recovery { .. } => Kind::Recovery,
        }
    }

    /// In one line: "Grant roles: Operator".
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Grant(ask) => format!("Grant roles: {}", role_names(&ask.roles)),
            other => other.kind().label().to_owned(),
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Grant(ask) => json!(ask),
            Self::Enable | Self::ResetFactors => json!({}),
            Self::Recovery { factors } => json!(RecoveryAsk { factors: *factors }),
        }
    }

    pub fn read(kind: Kind, value: Value) -> db::Result<Self> {
        let damaged = |_| db::Error::Damaged("a proposal's payload");
        Ok(match kind {
            Kind::Grant => Self::Grant(serde_json::from_value(value).map_err(damaged)?),
            Kind::Enable => Self::Enable,
            Kind::ResetFactors => Self::ResetFactors,
            Kind::Recovery => {
                let RecoveryAsk { factors } = serde_json::from_value(value).map_err(damaged)?;
                Self::Recovery { factors }
            }
        })
    }

    /// The hash that an approval binds to.
    pub fn sha256(&self, person: PersonId, reason: &str) -> db::Result<[u8; 32]> {
        let whole = json!({
            "kind": self.kind().as_str(),
            "person": person,
            "payload": self.to_json(),
            "reason": reason,
        });
        let bytes = jcs::to_vec(&whole).map_err(|error| db::Error::Event(error.to_string()))?;
        Ok(Sha256::digest(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_proposal_is_in_its_hash() {
        let (person, other) = (PersonId::new(), PersonId::new());
        let now: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
        let ask = GrantAsk {
            roles: vec![Role::Operator],
            platforms: None,
            starts_at: None,
            ends_at: None,
            watch: Watch::default(),
        };
        let grant = Payload::Grant(ask.clone());
        let first = grant.sha256(person, "why").unwrap();
        assert_eq!(grant.sha256(person, "why").unwrap(), first);
        assert_ne!(grant.sha256(other, "why").unwrap(), first);
        assert_ne!(grant.sha256(person, "why not").unwrap(), first);
        let wider = Payload::Grant(GrantAsk {
            ends_at: Some(now),
            ..ask
        });
        assert_ne!(wider.sha256(person, "why").unwrap(), first);
        for payload in [
            grant,
            Payload::Enable,
            Payload::ResetFactors,
            Payload::Recovery { factors: true },
        ] {
            let again = Payload::read(payload.kind(), payload.to_json()).unwrap();
            assert_eq!(
                again.sha256(person, "why").unwrap(),
                payload.sha256(person, "why").unwrap()
            );
        }
    }
}
