//! The policies that assessments are made under: those in force, and for an open case those that it was
//! opened under.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::case::Case;
use super::risk::{self, RiskPolicy};
use crate::features::screening::policy::{self as screening, ScreeningPolicy};
use crate::foundation::db::Conn;
use crate::foundation::policy::{self, InForce, PolicyError};

/// Both policies, each as one of its versions has it.
#[derive(Clone)]
pub struct Rules {
    pub risk: InForce<RiskPolicy>,
    pub screening: InForce<ScreeningPolicy>,
}

impl Rules {
    /// What is in force.
    pub fn at(conn: &mut Conn, now: DateTime<Utc>) -> Result<Self, PolicyError> {
        Self {
            risk: policy::at(conn, risk::POLICY, now)?,
            screening: policy::at(conn, screening::POLICY, now)?,
        }
        .sound()
    }

    /// What the case was opened under.
    pub fn of_case(conn: &mut Conn, case: &Case) -> Result<Self, PolicyError> {
        let (risk, screening) = pins(case);
        Self {
            risk: policy::version(conn, risk::POLICY, risk)?,
            screening: policy::version(conn, screening::POLICY, screening)?,
        }
        .sound()
    }

    fn sound(self) -> Result<Self, PolicyError> {
        match self.risk.value.fault() {
            None => Ok(self),
            Some(fault) => Err(PolicyError::Unsound {
                key: risk::POLICY.to_owned(),
                version: self.risk.version,
                fault,
            }),
        }
    }
}

type Pins = (i32, i32);

fn pins(case: &Case) -> Pins {
    (case.policy_version, case.screening_policy_version)
}

/// The rules for a number of subjects.
pub struct RuleBook {
    pub now: Rules,
    pinned: HashMap<Pins, Rules>,
}

impl RuleBook {
    /// With whatever these open cases are pinned to.
    pub fn open<'c>(
        conn: &mut Conn,
        now: DateTime<Utc>,
        cases: impl IntoIterator<Item = &'c Case>,
    ) -> Result<Self, PolicyError> {
        let mut book = Self {
            now: Rules::at(conn, now)?,
            pinned: HashMap::new(),
        };
        let in_force = (book.now.risk.version, book.now.screening.version);
        for case in cases {
            let pins = pins(case);
            if pins != in_force && !book.pinned.contains_key(&pins) {
                book.pinned.insert(pins, Rules::of_case(conn, case)?);
            }
        }
        Ok(book)
    }

    pub fn of(&self, open: Option<&Case>) -> &Rules {
        open.and_then(|case| self.pinned.get(&pins(case)))
            .unwrap_or(&self.now)
    }
}
