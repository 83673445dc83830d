//! Roles are sets of permissions. A route names a permission, never a role.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::foundation::kernel::Scope;

/// One thing that somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Overview, services, probes.
    HealthRead,
    AlertsRead,
    /// Acknowledge.
    AlertsAct,
    IncidentsRead,
    /// Open, lead, mend, and write what was learned.
    IncidentsAct,
    /// Approve what somebody else has written of one.
    IncidentsApprove,
    /// The addresses that jobs ping, which are secrets.
    HeartbeatsManage,
    /// Report an indicator's value by hand, and agree to what somebody else reported.
    IndicatorsReport,
    /// Force breakers open or to a trial, and ask for or agree to what takes two.
    ConnectorsAct,
    /// What the platforms' logs say.
    LogsRead,
    /// What was told to whom, and whether it arrived.
    NoticesRead,
    /// Try again, and send tests.
    NoticesAct,
    ChecklistsRead,
    /// Go through, and sign.
    ChecklistsAct,
    /// Look over what somebody else has signed.
    ChecklistsReview,
    ReleasesRead,
    /// Draft, deploy and go back.
    ReleasesAct,
    /// Approve what somebody else drafted, and override gates.
    ReleasesApprove,
    PacksRead,
    /// Change what packs say; somebody else applies it.
    PacksPropose,
    /// Apply, alone where it lowers no guard, and what somebody else proposed.
    PacksApply,
    JobsRead,
    /// Cancel, have run again what was given up, and remove what has ended.
    JobsAct,
    /// Personal data of customers.
    SubjectsRead,
    IntakeWrite,
    ReviewsRead,
    /// Claim and decide.
    ReviewsAct,
    /// Approve what somebody else proposed.
    ReviewsApprove,
    ScreeningRead,
    /// Put a sanctions list in place.
    ScreeningLoad,
    PolicyRead,
    PolicyPropose,
    /// Approve what somebody else proposed.
    PolicyApprove,
    AuditRead,
    AuditExport,
    AuditVerify,
    /// Who may do what, and the access reviews.
    PeopleRead,
    PeopleManage,
    /// Which API keys there are; never their secrets.
    KeysRead,
    KeysManage,
    /// Which endpoints take webhooks; never their secrets.
    WebhooksRead,
    WebhooksManage,
    /// The posture page: what protects this installation, and what does not.
    SecurityRead,
}

impl Permission {
    /// Whether it is about the work of the whole installation, so that a grant for some platforms does not give it.
    const fn needs_all_platforms(self) -> bool {
        matches!(
            self,
            Self::JobsRead
                | Self::JobsAct
                | Self::PeopleRead
                | Self::PeopleManage
                | Self::WebhooksRead
                | Self::WebhooksManage
                | Self::SecurityRead
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Operator,
    Reviewer,
    Compliance,
    Auditor,
    Administrator,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Operator,
        Self::Reviewer,
        Self::Compliance,
        Self::Auditor,
        Self::Administrator,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reviewer => "reviewer",
            Self::Compliance => "compliance",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Operator => "Operator",
            Self::Reviewer => "Reviewing admin",
            Self::Compliance => "Compliance officer",
            Self::Auditor => "Auditor",
            Self::Administrator => "Administrator",
        }
    }

    /// What the role gives somebody who holds it for `scope`.
    fn gives(self, scope: &Scope) -> impl Iterator<Item = Permission> {
        let held = self.permissions().iter().copied();
        held.filter(move |permission| *scope == Scope::All || !permission.needs_all_platforms())
    }

    #[must_use]
    #[allow(clippy::too_many_lines, reason = "one list for each role")]
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission::{
            AlertsAct, AlertsRead, AuditExport, AuditRead, AuditVerify, ChecklistsAct,
            ChecklistsRead, ChecklistsReview, ConnectorsAct, HealthRead, HeartbeatsManage,
            IncidentsAct, IncidentsApprove, IncidentsRead, IndicatorsReport, IntakeWrite, JobsAct,
            JobsRead, KeysManage, KeysRead, LogsRead, NoticesAct, NoticesRead, PacksApply,
            PacksPropose, PacksRead, PeopleManage, PeopleRead, PolicyApprove, PolicyPropose,
            PolicyRead, ReleasesAct, ReleasesApprove, ReleasesRead, ReviewsAct, ReviewsApprove,
            ReviewsRead, ScreeningLoad, ScreeningRead, SecurityRead, SubjectsRead, WebhooksManage,
            WebhooksRead,
        };
        match self {
            Self::Operator => &[
                HealthRead,
                HeartbeatsManage,
                ConnectorsAct,
                IndicatorsReport,
                AlertsRead,
                AlertsAct,
                IncidentsRead,
                IncidentsAct,
                IncidentsApprove,
                LogsRead,
                NoticesRead,
                NoticesAct,
                ChecklistsRead,
                ChecklistsAct,
                ChecklistsReview,
                ReleasesRead,
                ReleasesAct,
                ReleasesApprove,
                PacksRead,
                PacksPropose,
                JobsRead,
                JobsAct,
            ],
            Self::Reviewer => &[
                HealthRead,
                AlertsRead,
                SubjectsRead,
                ReviewsRead,
                ReviewsAct,
                ReviewsApprove,
                ScreeningRead,
            ],
            Self::Compliance => &[
                HealthRead,
                IndicatorsReport,
                AlertsRead,
                ChecklistsRead,
                ChecklistsReview,
                ReleasesRead,
                IncidentsRead,
                JobsRead,
                JobsAct,
                SubjectsRead,
                IntakeWrite,
                ReviewsRead,
                ReviewsAct,
                ReviewsApprove,
                ScreeningRead,
                ScreeningLoad,
                PolicyRead,
                PolicyPropose,
                PolicyApprove,
                AuditRead,
            ],
            Self::Auditor => &[
                HealthRead,
                AlertsRead,
                IncidentsRead,
                LogsRead,
                NoticesRead,
                ChecklistsRead,
                ReleasesRead,
                PacksRead,
                JobsRead,
                SubjectsRead,
                ReviewsRead,
                ScreeningRead,
                PolicyRead,
                AuditRead,
                AuditExport,
                AuditVerify,
                PeopleRead,
                KeysRead,
                WebhooksRead,
                SecurityRead,
            ],
            Self::Administrator => &[
                HealthRead,
                HeartbeatsManage,
                ConnectorsAct,
                AlertsRead,
                IncidentsRead,
                IncidentsApprove,
                LogsRead,
                NoticesRead,
                NoticesAct,
                ChecklistsRead,
                ChecklistsReview,
                ReleasesRead,
                ReleasesApprove,
                PacksRead,
                PacksPropose,
                PacksApply,
                JobsRead,
                PolicyRead,
                AuditRead,
                PeopleRead,
                PeopleManage,
                KeysRead,
                KeysManage,
                WebhooksRead,
                WebhooksManage,
                SecurityRead,
            ],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::as_str).join(", ");
                format!("\"{text}\" is not a role; there are {names}")
            })
    }
}

/// Roles that one person cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleConflict {
    #[error("somebody needs at least one role")]
    None,
    #[error("an auditor holds no other role: who watches does not act")]
    AuditorActs,
}

/// Whether one person may hold all of these. The database holds to the same rule.
pub fn check_roles(roles: &[Role]) -> Result<(), RoleConflict> {
    let audits = roles.contains(&Role::Auditor);
    let acts = roles.iter().any(|role| *role != Role::Auditor);
    match (audits, acts) {
        (false, false) => Err(RoleConflict::None),
        (true, true) => Err(RoleConflict::AuditorActs),
        _ => Ok(()),
    }
}

/// A role, and the platforms for which somebody holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub role: Role,
    pub scope: Scope,
}

/// What the holder of these grants may do somewhere.
#[must_use]
pub fn permissions_of(grants: &[Grant]) -> BTreeSet<Permission> {
    grants
        .iter()
        .flat_map(|grant| grant.role.gives(&grant.scope))
        .collect()
}

/// The platforms for which these grants hold a permission.
#[must_use]
pub fn reach_of(grants: &[Grant], permission: Permission) -> Scope {
    grants
        .iter()
        .filter(|grant| {
            grant
                .role
                .gives(&grant.scope)
                .any(|given| given == permission)
        })
        .fold(Scope::nothing(), |reach, grant| {
            reach.and(grant.scope.clone())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::kernel::PlatformId;

    /// What an auditor must never be able to do, and an operator or administrator neither when it
    /// is about cases.
    const ACTING: [Permission; 16] = [
        Permission::IndicatorsReport,
        Permission::ConnectorsAct,
        Permission::NoticesAct,
        Permission::WebhooksManage,
        Permission::AlertsAct,
        Permission::IncidentsAct,
        Permission::IncidentsApprove,
        Permission::PacksApply,
        Permission::IntakeWrite,
        Permission::ReviewsAct,
        Permission::ReviewsApprove,
        Permission::ScreeningLoad,
        Permission::PolicyPropose,
        Permission::PolicyApprove,
        Permission::PeopleManage,
        Permission::KeysManage,
    ];

    fn everywhere(role: Role) -> Grant {
        let scope = Scope::All;
        Grant { role, scope }
    }

    #[test]
    fn a_permission_reaches_what_its_own_grants_reach() {
        let (lait, finchat) = (PlatformId::new(), PlatformId::new());
        let held = [
            Grant {
                role: Role::Operator,
                scope: Scope::one(lait),
            },
            Grant {
                role: Role::Reviewer,
                scope: Scope::one(finchat),
            },
        ];
        let both = Scope::one(lait).and(Scope::one(finchat));
        assert_eq!(reach_of(&held, Permission::AlertsAct), Scope::one(lait));
        assert_eq!(reach_of(&held, Permission::ReviewsAct), Scope::one(finchat));
        assert_eq!(reach_of(&held, Permission::HealthRead), both);
        assert_eq!(reach_of(&held, Permission::PacksApply), Scope::nothing());
        let held = [everywhere(Role::Compliance), held[1].clone()];
        assert_eq!(reach_of(&held, Permission::ReviewsAct), Scope::All);
    }

    #[test]
    fn jobs_of_the_installation_need_a_grant_for_all_platforms() {
        let scope = Scope::one(PlatformId::new());
        let limited = [Grant {
            role: Role::Compliance,
            scope,
        }];
        let held = permissions_of(&limited);
        for shared in [Permission::JobsAct, Permission::JobsRead] {
            assert!(!held.contains(&shared));
            assert_eq!(reach_of(&limited, shared), Scope::nothing());
            assert!(permissions_of(&[everywhere(Role::Compliance)]).contains(&shared));
        }
        assert!(held.contains(&Permission::ReviewsAct));
        assert!(held.contains(&Permission::PolicyRead));
    }

    #[test]
    fn an_auditor_changes_nothing() {
        let held = permissions_of(&[everywhere(Role::Auditor)]);
        assert!(ACTING.iter().all(|permission| !held.contains(permission)));
    }

    #[test]
    fn an_auditor_holds_no_other_role() {
        for role in Role::ALL {
            let expected = if role == Role::Auditor {
                Ok(())
            } else {
                Err(RoleConflict::AuditorActs)
            };
            assert_eq!(check_roles(&[Role::Auditor, role]), expected);
        }
        assert_eq!(check_roles(&[Role::Reviewer, Role::Compliance]), Ok(()));
        assert_eq!(check_roles(&[]), Err(RoleConflict::None));
    }

    #[test]
    fn who_runs_the_platform_decides_no_cases() {
        for role in [Role::Operator, Role::Administrator] {
            for permission in [Permission::ReviewsAct, Permission::ReviewsApprove] {
                assert!(!role.permissions().contains(&permission), "{role}");
            }
        }
    }

    #[test]
    fn names_lead_back_to_roles() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
