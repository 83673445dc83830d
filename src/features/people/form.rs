//! How the form for roles is read, and what every form of people has: a reason.

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::ask::GrantAsk;
use super::store::Platform;
use crate::foundation::auth::grants::LONGEST_AUDIT;
use crate::foundation::auth::{QUEUES, Role, Watch, check_roles};
use crate::foundation::kernel::{PlatformId, day_begins};
use crate::foundation::web::{Problems, format};

/// Longer than any reason has to be; the database says the same.
pub const LONGEST_REASON: usize = 2_000;

/// Stands for everything, also what is still to come, beside the names of single things.
pub const ALL: &str = "all";

/// The fields of the form for roles, as they were typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GrantForm {
    pub role: Vec<String>,
    pub platform: Vec<String>,
    pub starts: String,
    pub ends: String,
    pub log_from: String,
    pub log_until: String,
    pub queue: Vec<String>,
    pub reason: String,
    /// Of somebody new.
    pub email: String,
    pub name: String,
}

impl GrantForm {
    /// How the form stands before anything is typed: everywhere, from the approval on.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            platform: vec![ALL.to_owned()],
            queue: vec![ALL.to_owned()],
            ..Self::default()
        }
    }

    /// Reads what was typed, in the reader's zone.
    pub fn read(
        &self,
        platforms: &[Platform],
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<GrantAsk, Problems> {
        let mut problems = Problems::new();
        let roles = self.roles(&mut problems);
        let reached = self.platforms(platforms, &mut problems);
        let starts_at = first_moment("starts", &self.starts, zone, &mut problems);
        let ends_at = last_moment("ends", &self.ends, zone, &mut problems);
        if starts_at.is_some_and(|start| start + Days::new(1) <= now) {
            problems.add(
                "starts",
                "This day is over. Leave it empty to begin with the approval.",
            );
        }
        if ends_at.is_some_and(|end| end <= starts_at.unwrap_or(now).max(now)) {
            problems.add("ends", "It would be over before it begins.");
        }
        let watch = if roles.contains(&Role::Auditor) {
            let start = starts_at.unwrap_or(now).max(now);
            self.audit(start, ends_at, zone, &mut problems)
        } else {
            self.refuse_audit_limits(&mut problems);
            Watch::default()
        };
        check_reason("reason", &self.reason, &mut problems);
        problems.or(GrantAsk {
            roles,
            platforms: reached,
            // A day that has begun already is now.
            starts_at: starts_at.filter(|start| *start > now),
            ends_at,
            watch,
        })
    }

    fn roles(&self, problems: &mut Problems) -> Vec<Role> {
        let mut roles: Vec<Role> = Vec::new();
        for name in &self.role {
            match name.parse() {
                Ok(role) if roles.contains(&role) => {}
                Ok(role) => roles.push(role),
                Err(_) => problems.add("role", "There is no such role. Pick from the list."),
            }
        }
        if problems.of("role").is_none()
            && let Err(conflict) = check_roles(&roles)
        {
            problems.add("role", sentence(&conflict.to_string()));
        }
        roles.sort_unstable();
        roles
    }

    fn platforms(&self, known: &[Platform], problems: &mut Problems) -> Option<Vec<PlatformId>> {
        let picked = self.platform.iter().filter(|value| *value != ALL);
        let ids: Vec<Option<PlatformId>> = picked
            .map(|value| {
                let id = value.parse().ok()?;
                known.iter().find(|platform| platform.id == id)?;
                Some(id)
            })
            .collect();
        let all = self.platform.iter().any(|value| value == ALL);
        if ids.contains(&None) {
            problems.add("platform", "There is no such platform. Pick from the list.");
        } else if all && !ids.is_empty() {
            problems.add("platform", "Pick either every platform or single ones.");
        } else if !all && ids.is_empty() {
            problems.add("platform", "Pick the platforms on which it counts.");
        }
        let mut ids: Vec<PlatformId> = ids.into_iter().flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        (!all).then_some(ids)
    }

    fn audit(
        &self,
        start: DateTime<Utc>,
        ends_at: Option<DateTime<Utc>>,
        zone: Tz,
        problems: &mut Problems,
    ) -> Watch {
        match ends_at {
            None if problems.of("ends").is_none() => problems.add(
                "ends",
                "An audit has an end. Give the last day on which the auditor may look.",
            ),
            Some(end) if end - start > LONGEST_AUDIT => {
                problems.add(
                    "ends",
                    "An audit lasts at most a year. Give an earlier day.",
                );
            }
            _ => {}
        }
        let log_from = first_moment("log_from", &self.log_from, zone, problems);
        let log_until = last_moment("log_until", &self.log_until, zone, problems);
        if let (Some(from), Some(until)) = (log_from, log_until)
            && from >= until
        {
            problems.add("log_until", "The last day is before the first one.");
        }
        let all = self.queue.iter().any(|value| value == ALL);
        let named: Vec<String> = self
            .queue
            .iter()
            .filter(|value| *value != ALL)
            .cloned()
            .collect();
        if named
            .iter()
            .any(|name| QUEUES.iter().all(|(known, _)| known != name))
        {
            problems.add("queue", "There is no such queue. Pick from the list.");
        } else if all && !named.is_empty() {
            problems.add("queue", "Pick either every queue or single ones.");
        }
        Watch {
            log_from,
            log_until,
            queues: (!all).then_some(named),
        }
    }

    fn refuse_audit_limits(&self, problems: &mut Problems) {
        for (name, typed) in [("log_from", &self.log_from), ("log_until", &self.log_until)] {
            if !typed.trim().is_empty() {
                problems.add(
                    name,
                    "Only an audit is limited to dates of the log. Leave it empty.",
                );
            }
        }
        if self.queue.iter().any(|value| value != ALL) {
            problems.add(
                "queue",
                "Only an audit is limited to queues. Leave every queue ticked.",
            );
        }
    }
}

/// A reason as it is kept.
pub fn check_reason(field: &'static str, reason: &str, problems: &mut Problems) {
    if reason.trim().is_empty() {
        problems.add(field, "Say why, for whoever has to agree and for auditors.");
    } else if reason.chars().count() > LONGEST_REASON {
        problems.add(
            field,
            format!("Say it in at most {LONGEST_REASON} characters."),
        );
    } else {
        problems.check_plain(field, reason);
    }
}

fn day(field: &'static str, typed: &str, problems: &mut Problems) -> Option<NaiveDate> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    let day = NaiveDate::parse_from_str(typed, "%Y-%m-%d").ok();
    // What lies beyond has no place in a database, and in no plan.
    let plausible = day.filter(|day| {
        (NaiveDate::from_ymd_opt(2000, 1, 1)..NaiveDate::from_ymd_opt(2200, 1, 1))
            .contains(&Some(*day))
    });
    if plausible.is_none() {
        problems.add(field, "Give a day as year-month-day, such as 2026-12-31.");
    }
    plausible
}

fn first_moment(
    field: &'static str,
    typed: &str,
    zone: Tz,
    problems: &mut Problems,
) -> Option<DateTime<Utc>> {
    day_begins(day(field, typed, problems)?, zone)
}

/// The day itself is still in.
fn last_moment(
    field: &'static str,
    typed: &str,
    zone: Tz,
    problems: &mut Problems,
) -> Option<DateTime<Utc>> {
    let last = day(field, typed, problems)?;
    day_begins(last.checked_add_days(Days::new(1))?, zone)
}

/// A refusal as a sentence of its own.
#[must_use]
pub fn sentence(text: &str) -> String {
    format::sentence(&text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::kernel::Scope;

    fn now() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn form(role: &str) -> GrantForm {
        GrantForm {
            role: vec![role.to_owned()],
            reason: "on call".to_owned(),
            ..GrantForm::fresh()
        }
    }

    fn problem(form: &GrantForm, field: &str) -> String {
        let problems = form.read(&[], Tz::UTC, now()).unwrap_err();
        problems.of(field).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_plain_form_is_everywhere_and_from_the_approval_on() {
        let ask = form("operator").read(&[], Tz::UTC, now()).unwrap();
        assert_eq!(
            (ask.scope(), ask.starts_at, ask.ends_at),
            (Scope::All, None, None)
        );
        assert_eq!(ask.period(now()).starts_at, now());
        let today = GrantForm {
            starts: "2026-03-02".into(),
            ..form("operator")
        };
        assert_eq!(today.read(&[], Tz::UTC, now()).unwrap().starts_at, None);
    }

    #[test]
    fn the_last_day_is_in_and_days_are_the_readers() {
        let boxed = GrantForm {
            starts: "2026-03-29".into(),
            ends: "2026-03-29".into(),
            ..form("operator")
        };
        let ask = boxed.read(&[], Tz::Europe__Madrid, now()).unwrap();
        assert_eq!(
            ask.starts_at.unwrap().to_string(),
            "2026-03-28 23:00:00 UTC"
        );
        assert_eq!(ask.ends_at.unwrap().to_string(), "2026-03-29 22:00:00 UTC");
    }

    #[test]
    fn times_that_make_no_sense_are_said() {
        for (starts, ends, field, words) in [
            ("2026-03-01", "", "starts", "This day is over"),
            ("soon", "", "starts", "Give a day"),
            ("9999-01-01", "", "starts", "Give a day"),
            ("", "2026-03-01", "ends", "over before it begins"),
            ("2026-04-01", "2026-03-31", "ends", "over before it begins"),
        ] {
            let form = GrantForm {
                starts: starts.into(),
                ends: ends.into(),
                ..form("operator")
            };
            let said = problem(&form, field);
            assert!(said.contains(words), "{starts} {ends}: {said}");
        }
    }

    #[test]
    fn an_audit_has_an_end_within_a_year() {
        assert!(problem(&form("auditor"), "ends").contains("An audit has an end"));
        let long = GrantForm {
            ends: "2027-03-03".into(),
            ..form("auditor")
        };
        assert!(problem(&long, "ends").contains("at most a year"));
        let year = GrantForm {
            ends: "2027-03-01".into(),
            log_from: "2026-01-01".into(),
            log_until: "2026-02-28".into(),
            queue: Vec::new(),
            ..form("auditor")
        };
        let ask = year.read(&[], Tz::UTC, now()).unwrap();
        assert_eq!(
            ask.watch.log_until.unwrap().to_string(),
            "2026-03-01 00:00:00 UTC"
        );
        assert_eq!(ask.watch.queues, Some(Vec::new()));
        let backwards = GrantForm {
            log_until: "2025-12-31".into(),
            ..year.clone()
        };
        assert!(problem(&backwards, "log_until").contains("before the first"));
        let unknown = GrantForm {
            queue: vec!["x".into()],
            ..year
        };
        assert!(problem(&unknown, "queue").contains("no such queue"));
    }

    #[test]
    fn only_an_audit_is_limited_to_dates_and_queues() {
        let dated = GrantForm {
            log_from: "2026-01-01".into(),
            ..form("operator")
        };
        assert!(problem(&dated, "log_from").contains("Only an audit"));
        let queued = GrantForm {
            queue: vec!["kyc".into()],
            ..form("operator")
        };
        assert!(problem(&queued, "queue").contains("Only an audit"));
    }

    #[test]
    fn who_watches_does_not_act() {
        let mixed = GrantForm {
            role: vec!["auditor".into(), "operator".into()],
            ends: "2026-06-01".into(),
            ..form("auditor")
        };
        assert!(problem(&mixed, "role").contains("An auditor holds no other role"));
        assert!(
            problem(
                &GrantForm {
                    role: Vec::new(),
                    ..form("x")
                },
                "role"
            )
            .contains("at least one")
        );
        assert!(problem(&form("king"), "role").contains("no such role"));
    }

    #[test]
    fn platforms_are_all_or_picked() {
        let none = GrantForm {
            platform: Vec::new(),
            ..form("operator")
        };
        assert!(problem(&none, "platform").contains("Pick the platforms"));
        let unknown = GrantForm {
            platform: vec![PlatformId::new().to_string()],
            ..form("operator")
        };
        assert!(problem(&unknown, "platform").contains("no such platform"));
        let platform = Platform {
            id: PlatformId::new(),
            name: "Lait".into(),
        };
        let picked = GrantForm {
            platform: vec![platform.id.to_string()],
            ..form("operator")
        };
        let known = [platform];
        let ask = picked.read(&known, Tz::UTC, now()).unwrap();
        assert_eq!(ask.scope(), Scope::one(known[0].id));
        let both = GrantForm {
            platform: vec![ALL.into(), known[0].id.to_string()],
            ..form("operator")
        };
        assert!(
            both.read(&known, Tz::UTC, now())
                .unwrap_err()
                .of("platform")
                .is_some()
        );
    }
}
