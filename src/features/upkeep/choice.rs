//! Which of the ended jobs somebody means, as addresses and forms say it.

use chrono::{DateTime, Duration, Utc};

use crate::foundation::jobs::JobState;
use crate::foundation::jobs::ended::Ended;

/// How jobs ended: the word in an address, what it is called, and the states.
type Way = (&'static str, &'static str, &'static [JobState]);

pub const WAYS: [Way; 4] = [
    ("done", "Done", &[JobState::Done]),
    ("cancelled", "Cancelled", &[JobState::Cancelled]),
    ("given_up", "Given up", &[JobState::Discarded]),
    (
        "all",
        "Any",
        &[JobState::Done, JobState::Cancelled, JobState::Discarded],
    ),
];

/// How long ago they ended at least: hours, and what that is called. The first is [`super::actions::LEAST_AGE`].
pub const AGES: [(i64, &str); 6] = [
    (1, "an hour ago"),
    (24, "a day ago"),
    (72, "3 days ago"),
    (168, "7 days ago"),
    (336, "14 days ago"),
    (720, "30 days ago"),
];

/// What somebody has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub way: &'static str,
    pub kind: Option<String>,
    pub hours: i64,
    states: &'static [JobState],
}

impl Choice {
    /// What is no choice counts as the first one of its kind, or as a day.
    #[must_use]
    pub fn of(way: &str, kind: &str, hours: &str) -> Self {
        let known = WAYS.iter().find(|known| known.0 == way);
        let (way, _, states) = *known.unwrap_or(&WAYS[0]);
        let asked: Option<i64> = hours.parse().ok();
        let known = AGES.iter().find(|(known, _)| asked == Some(*known));
        Self {
            way,
            kind: Some(kind.trim())
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned),
            hours: known.map_or(24, |(hours, _)| *hours),
            states,
        }
    }

    /// The jobs that are meant by somebody who looks now.
    #[must_use]
    pub fn as_of(&self, now: DateTime<Utc>) -> Ended {
        self.until(now - Duration::hours(self.hours))
    }

    /// Those that were meant when the page was made: what has become old enough since was not counted.
    #[must_use]
    pub fn until(&self, before: DateTime<Utc>) -> Ended {
        Ended {
            states: self.states.to_vec(),
            kind: self.kind.clone(),
            before,
        }
    }

    /// Where it can be looked at.
    #[must_use]
    pub fn address(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("way", self.way)
            .append_pair("kind", self.kind.as_deref().unwrap_or_default())
            .append_pair("hours", &self.hours.to_string())
            .finish();
        format!("/jobs/purge?{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::upkeep::actions::LEAST_AGE;

    #[test]
    fn a_choice_leads_back_to_itself() {
        let choice = Choice::of("given_up", " intake.read & more ", "168");
        assert_eq!(choice.kind.as_deref(), Some("intake.read & more"));
        assert_eq!(
            choice.address(),
            "/jobs/purge?way=given_up&kind=intake.read+%26+more&hours=168"
        );
        let now = DateTime::UNIX_EPOCH + Duration::days(10);
        let ended = choice.as_of(now);
        assert_eq!(ended.states, [JobState::Discarded]);
        assert_eq!(ended.before, DateTime::UNIX_EPOCH + Duration::days(3));
    }

    #[test]
    fn what_is_no_choice_removes_no_more_than_what_is_done() {
        for (way, hours) in [("", ""), ("waiting", "0"), ("running", "-24"), ("x", "9e9")] {
            let choice = Choice::of(way, "", hours);
            assert_eq!((choice.way, choice.hours), ("done", 24), "{way:?}");
            assert_eq!(choice.kind, None);
        }
    }

    #[test]
    fn the_least_age_is_the_first_of_those_to_choose() {
        assert_eq!(Duration::hours(AGES[0].0), LEAST_AGE);
        assert!(AGES.is_sorted());
    }

    #[test]
    fn no_choice_is_of_jobs_that_are_open() {
        for (way, _, states) in WAYS {
            assert!(states.iter().all(|state| !state.is_open()), "{way}");
        }
    }
}
