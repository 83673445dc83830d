//! Whether all is well. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// How late each may be before it counts as standing still.
pub const RULES_LATE: TimeDelta = TimeDelta::minutes(1);
pub const PROBES_LATE: TimeDelta = TimeDelta::minutes(2);
pub const JOBS_LATE: TimeDelta = TimeDelta::minutes(10);
pub const NOTICES_LATE: TimeDelta = TimeDelta::minutes(5);

/// What is known of the work that has to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether there are rules at all, and when they were last evaluated.
    pub has_rules: bool,
    pub rules_at: Option<DateTime<Utc>>,
    /// When the probe that is most overdue should have begun.
    pub probe_due: Option<DateTime<Utc>>,
    /// Since when the job that is most overdue waits.
    pub job_due: Option<DateTime<Utc>>,
    /// Since when the notice that is most overdue should have been tried.
    pub notice_due: Option<DateTime<Utc>>,
}

impl Facts {
    /// What stands still, if anything does.
    #[must_use]
    pub fn trouble(&self, now: DateTime<Utc>) -> Option<&'static str> {
        let late = |since: Option<DateTime<Utc>>, by| since.is_some_and(|since| now - since > by);
        if self.has_rules && self.rules_at.is_none_or(|at| now - at > RULES_LATE) {
            Some("the rules are not evaluated")
        } else if late(self.probe_due, PROBES_LATE) {
            Some("a probe is due and is not run")
        } else if late(self.job_due, JOBS_LATE) {
            Some("a job waits and is not run")
        } else if late(self.notice_due, NOTICES_LATE) {
            Some("a notice waits and is not sent")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_still_is_trouble() {
        let now: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let ago = |minutes| Some(now - TimeDelta::minutes(minutes));
        let well = Facts {
            has_rules: true,
            rules_at: ago(0),
            probe_due: ago(1),
            job_due: ago(9),
            notice_due: ago(4),
        };
        assert_eq!(well.trouble(now), None);
        assert_eq!(Facts::default().trouble(now), None, "nothing is to be done");
        for (facts, word) in [
            (
                Facts {
                    rules_at: None,
                    ..well
                },
                "rules",
            ),
            (
                Facts {
                    rules_at: ago(2),
                    ..well
                },
                "rules",
            ),
            (
                Facts {
                    probe_due: ago(3),
                    ..well
                },
                "probe",
            ),
            (
                Facts {
                    job_due: ago(11),
                    ..well
                },
                "job",
            ),
            (
                Facts {
                    notice_due: ago(6),
                    ..well
                },
                "notice",
            ),
        ] {
            assert!(facts.trouble(now).unwrap().contains(word), "{word}");
        }
    }
}
