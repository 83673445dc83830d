//! What people are told, and policies as people read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::features::alerts::clock::acknowledge_by;
use crate::features::alerts::store::Alert;
use crate::features::alerts::store::decisions::News;
use crate::features::packs::pack::{Escalation, Step, Target};
use crate::foundation::web::format::{counted, moment, sentence};

/// "API is down, again". How bad it is and where stand beside it.
#[must_use]
pub fn title(alert: &Alert, news: News) -> String {
    let name = &alert.name;
    match news {
        News::Fires => name.clone(),
        News::Again => format!("{name}, again"),
        News::Flaps => format!("{name}, coming and going"),
        News::Still => format!("{name}, still"),
        News::Over => format!("Over: {name}"),
    }
}

#[must_use]
pub fn text(
    alert: &Alert,
    news: News,
    runbook: Option<&str>,
    why: &str,
    (now, zone): (DateTime<Utc>, Tz),
) -> String {
    let mut lines = Vec::new();
    // What another program says may be anything, also about people, and this leaves the house.
    if alert.rule.is_some() {
        lines.push(sentence(&alert.summary));
    }
    match news {
        News::Over => {
            let ended = alert.resolved_at.unwrap_or(alert.fired_at);
            lines.push(format!("It ended at {}.", moment(ended, zone)));
            if alert.was_red && alert.acknowledged.is_none() {
                lines.push("It stays listed until somebody has acknowledged it.".to_owned());
            }
        }
        // Information that is told when it was over already.
        News::Fires if !alert.firing => {
            let ended = alert.resolved_at.unwrap_or(alert.fired_at);
            lines.push(format!(
                "From {} to {}: it is over.",
                moment(alert.fired_at, zone),
                moment(ended, zone)
            ));
            if !why.is_empty() {
                lines.push(format!("You are told because you are {why}."));
            }
        }
        News::Fires | News::Again | News::Flaps | News::Still => {
            lines.push(format!("Since {}.", moment(alert.fired_at, zone)));
            if alert.flapping_since.is_some() {
                lines.push(
                    "It came or went four times in half an hour. It stays lit until it has been quiet for as long; \
                     that it goes out and comes back is not told until then."
                        .to_owned(),
                );
            }
            let by = acknowledge_by(alert.level, alert.waits_since(), zone);
            lines.push(if by > now {
                format!("Acknowledge it by {}.", moment(by, zone))
            } else {
                format!("It should have been acknowledged by {}.", moment(by, zone))
            });
            if let Some(runbook) = runbook {
                lines.push(format!("What to do: {runbook}."));
            }
            if !why.is_empty() && news == News::Fires {
                lines.push(format!("You are told because you are {why}."));
            }
        }
    }
    lines.join("\n")
}

/// "Tells whoever is on call on Operations at once; after 15m Ada; then begins again, up to 2 times."
#[must_use]
pub fn policy(policy: &Escalation, name: impl Fn(&Target) -> String) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut waited: Option<String> = None;
    let mut together = false;
    for step in &policy.steps {
        match step {
            Step::Wait(wait) => {
                waited = Some(match waited {
                    Some(before) => format!("{before} and {wait}"),
                    None => wait.to_string(),
                });
                together = false;
            }
            Step::Notify(target) => {
                let name = name(target);
                match (&waited, parts.last_mut()) {
                    (None, Some(last)) if together => {
                        last.push_str(" and ");
                        last.push_str(&name);
                    }
                    (None, _) => parts.push(format!("at once {name}")),
                    (Some(wait), _) => parts.push(format!("after {wait} {name}")),
                }
                waited = None;
                together = true;
            }
            Step::Incident(_) => {
                let after = waited.map_or_else(String::new, |wait| format!("after {wait} "));
                parts.push(format!("{after}opens an incident"));
                waited = None;
                together = false;
            }
        }
    }
    let mut words = format!("Tells {}", parts.join(", "));
    if policy.repeat > 0 {
        let times = counted(u64::from(policy.repeat), "more time", "more times");
        let rest = waited.map_or_else(String::new, |wait| format!(" after {wait}"));
        words.push_str(&format!(", and all of it up to {times}{rest}"));
    }
    words.push_str(" until somebody has it in hand.");
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::packs::quantity::Lasting;

    fn told(steps: Vec<Step>, repeat: u32) -> String {
        let described = Escalation {
            id: "e".to_owned(),
            name: "E".to_owned(),
            levels: Vec::new(),
            steps,
            repeat,
        };
        policy(&described, |target| match target {
            Target::Contact(id) => id.clone(),
            other => other.to_string(),
        })
    }

    fn tell(id: &str) -> Step {
        Step::Notify(Target::Contact(id.to_owned()))
    }

    fn wait(minutes: i64) -> Step {
        Step::Wait(Lasting::from_secs(minutes * 60))
    }

    #[test]
    fn a_policy_is_said_in_words() {
        assert_eq!(
            told(vec![tell("Ada")], 0),
            "Tells at once Ada until somebody has it in hand."
        );
        assert_eq!(
            told(
                vec![tell("Ada"), tell("Bob"), wait(15), tell("Grace"), wait(30)],
                2
            ),
            "Tells at once Ada and Bob, after 15m Grace, and all of it up to 2 more times after 30m \
             until somebody has it in hand."
        );
        assert_eq!(
            told(vec![wait(5), wait(10), tell("Ada")], 0),
            "Tells after 5m and 10m Ada until somebody has it in hand."
        );
    }
}
