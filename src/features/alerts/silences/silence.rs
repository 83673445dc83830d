//! A silence: for a while, nobody is told of these alerts. What one person may do alone, when it holds, and what it is
//! still waiting for. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::matcher::{Matcher, Op, all_match};
use crate::features::alerts::alert::Holder;
use crate::features::alerts::labels::{Labels, PLATFORM, SEVERITY, level_of};
use crate::foundation::kernel::{Level, PersonId, PlatformId};

crate::typed_id!(
    /// A time in which nobody is told of some alerts.
    SilenceId,
);

/// What one person may silence alone: an alert that can be red, and any other single alert.
pub const RED_ALONE: TimeDelta = TimeDelta::hours(1);
pub const ALONE: TimeDelta = TimeDelta::hours(8);
/// The longest that anybody may.
pub const LONGEST: TimeDelta = TimeDelta::days(30);
/// Whoever works on an alert is told so long before its silence ends.
pub const REMINDED_BEFORE: TimeDelta = TimeDelta::minutes(15);
/// A red alert is silenced by one person once in this time, until somebody has countersigned.
pub const ONCE_IN: TimeDelta = TimeDelta::hours(24);

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: DateTime<Utc>,
    pub by: Holder,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub id: SilenceId,
    pub platform: PlatformId,
    pub matchers: Vec<Matcher>,
    /// The one alert that it is about; where there is none it is broad.
    pub fingerprint: Option<String>,
    /// Whether it holds for a red alert when nobody else has agreed.
    pub covers_red: bool,
    pub reason: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub created: Mark,
    pub needs_second: bool,
    pub approved: Option<Mark>,
    /// Refused by somebody else, or withdrawn by whoever asked.
    pub refused: Option<Mark>,
    /// Ended before its time.
    pub ended: Option<Mark>,
    /// By when somebody else is to countersign.
    pub countersign_by: Option<DateTime<Utc>>,
    pub countersigned: Option<Mark>,
    pub reminded_at: Option<DateTime<Utc>>,
    /// It is about one alert as it is: when that is worse, it is told.
    pub snooze: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a second person, and silences nothing.
    Proposed,
    Refused,
    /// Its time passed before anybody had agreed.
    Lapsed,
    Coming,
    Active,
    Ended,
}

impl State {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "waits for a second person",
            Self::Refused => "refused",
            Self::Lapsed => "lapsed unapproved",
            Self::Coming => "to come",
            Self::Active => "in force",
            Self::Ended => "ended",
        }
    }
}

impl Silence {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        if self.refused.is_some() {
            State::Refused
        } else if self.ended.is_some() {
            State::Ended
        } else if self.needs_second && self.approved.is_none() {
            if now >= self.ends_at {
                State::Lapsed
            } else {
                State::Proposed
            }
        } else if now >= self.ends_at {
            State::Ended
        } else if now < self.starts_at {
            State::Coming
        } else {
            State::Active
        }
    }

    /// When it ends, or ended.
    #[must_use]
    pub fn end(&self) -> DateTime<Utc> {
        self.ended
            .as_ref()
            .map_or(self.ends_at, |mark| mark.at.min(self.ends_at))
    }

    /// Whether it means this alert, whenever it may be in force. One that a single person made for something that was
    /// never to be red does not cover it once it is.
    #[must_use]
    pub fn covers(
        &self,
        platform: PlatformId,
        fingerprint: &str,
        labels: &Labels,
        level: Level,
    ) -> bool {
        let red_too = level != Level::Red || self.covers_red || self.approved.is_some();
        let the_one = self
            .fingerprint
            .as_ref()
            .is_none_or(|one| one == fingerprint);
        platform == self.platform && red_too && the_one && self.matches(labels, level)
    }

    /// What was put aside as bad as it was stays aside when it gets better.
    fn matches(&self, labels: &Labels, level: Level) -> bool {
        let severity = self.matchers.iter().find(|it| it.name == SEVERITY);
        match severity.filter(|_| self.snooze) {
            Some(then) => level <= level_of(Some(&then.value)) && may_mean(&self.matchers, labels),
            None => all_match(&self.matchers, labels),
        }
    }

    /// Whether a countersignature is owed.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.countersign_by.is_some() && self.countersigned.is_none()
    }

    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.is_owed() && self.countersign_by.is_some_and(|by| now > by)
    }

    #[must_use]
    pub fn is_by(&self, person: PersonId) -> bool {
        self.created.by == Holder::Person(person)
    }

    /// Whether it is about to end, and nobody has been told.
    #[must_use]
    pub fn wants_reminder(&self, now: DateTime<Utc>) -> bool {
        // Of a short one whoever made it still knows.
        let before = REMINDED_BEFORE.min((self.ends_at - self.starts_at) / 3);
        self.state(now) == State::Active
            && self.reminded_at.is_none()
            && now >= self.ends_at - before
    }
}

/// What somebody asks for, with what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// How many alerts it may ever be about, of those that are known; and whether it names one by its labels alone.
    pub identities: usize,
    pub by_name: bool,
    /// Whether one of them is red or can become so.
    pub can_be_red: bool,
    pub lasts: TimeDelta,
    /// Whether one person silenced the same alert lately, and nobody has countersigned.
    pub again: bool,
}

/// What has to happen beside asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Governance {
    Alone,
    /// It is in force at once, and somebody else signs by the end of the next day.
    Countersigned,
    /// It is in force when somebody else has agreed.
    Second(Why),
}

/// Why one person is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Broad,
    Unknown,
    RedTooLong,
    TooLong,
    RedAgain,
}

impl Why {
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Broad => "it means more than one alert",
            Self::Unknown => {
                "it does not name one alert that is lit, was lit in the last 30 days, or has a rule"
            }
            Self::RedTooLong => {
                "an alert that can be red is silenced by one person for an hour at most"
            }
            Self::TooLong => "one person silences for 8 hours at most",
            Self::RedAgain => {
                "one person silenced this red alert in the last day, and nobody has countersigned it"
            }
        }
    }
}

/// What operations ask for: one alert for a short while alone, everything else with a second person first.
#[must_use]
pub fn governance(asked: Asked) -> Governance {
    if asked.identities == 0 {
        Governance::Second(Why::Unknown)
    } else if asked.identities > 1 || !asked.by_name {
        Governance::Second(Why::Broad)
    } else if asked.lasts > ALONE {
        Governance::Second(Why::TooLong)
    } else if !asked.can_be_red {
        Governance::Alone
    } else if asked.lasts > RED_ALONE {
        Governance::Second(Why::RedTooLong)
    } else if asked.again {
        Governance::Second(Why::RedAgain)
    } else {
        Governance::Countersigned
    }
}

/// Whether matchers say what they mean by name, and not by what it is like or is not.
#[must_use]
pub fn by_name(matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.op == Op::Is)
}

/// Whether matchers may mean an alert with these labels. How bad it is moves, so that does not tell alerts apart.
#[must_use]
pub fn may_mean(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers
        .iter()
        .filter(|matcher| matcher.name != SEVERITY)
        .all(|matcher| matcher.matches(labels))
}

/// The matchers that mean an alert with these labels and no other, for a form. Its platform is asked for apart.
#[must_use]
pub fn matchers_of(labels: &Labels) -> Vec<Matcher> {
    labels
        .iter()
        .filter(|(name, value)| *name != PLATFORM && !value.is_empty())
        .map(|(name, value)| Matcher::is(name, value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::matcher::parse;
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn mark(hours: i64) -> Mark {
        Mark {
            at: at(hours),
            by: Holder::Person(PersonId::new()),
            name: "Ada".to_owned(),
        }
    }

    /// Of one alert from hour 1 to hour 2.
    fn silence() -> Silence {
        Silence {
            id: SilenceId::new(),
            platform: PlatformId::new(),
            matchers: parse("alertname=api-down").unwrap(),
            fingerprint: Some("1".to_owned()),
            covers_red: true,
            reason: "Deploying".to_owned(),
            starts_at: at(1),
            ends_at: at(2),
            created: mark(0),
            needs_second: false,
            approved: None,
            refused: None,
            ended: None,
            countersign_by: Some(at(48)),
            countersigned: None,
            reminded_at: None,
            snooze: false,
        }
    }

    #[test]
    fn it_holds_between_its_start_and_its_end() {
        let mut it = silence();
        assert_eq!(it.state(at(0)), State::Coming);
        assert_eq!(it.state(at(1)), State::Active);
        assert_eq!(it.state(at(2)), State::Ended);
        it.ended = Some(mark(1));
        assert_eq!((it.state(at(1)), it.end()), (State::Ended, at(1)));
    }

    #[test]
    fn one_that_takes_two_holds_nothing_until_somebody_has_agreed() {
        let mut it = silence();
        it.needs_second = true;
        assert_eq!(it.state(at(1)), State::Proposed);
        assert_eq!(it.state(at(2)), State::Lapsed);
        it.approved = Some(mark(1));
        assert_eq!(it.state(at(1)), State::Active);
        it.approved = None;
        it.refused = Some(mark(1));
        assert_eq!(it.state(at(1)), State::Refused);
    }

    #[test]
    fn it_covers_the_one_alert_and_red_only_where_that_was_meant() {
        let mut it = silence();
        let labels = Labels::from([("alertname".to_owned(), "api-down".to_owned())]);
        let covers =
            |it: &Silence, print: &str, level| it.covers(it.platform, print, &labels, level);
        assert!(covers(&it, "1", Level::Red));
        assert!(!covers(&it, "2", Level::Red), "another alert of this name");
        assert!(!it.covers(PlatformId::new(), "1", &labels, Level::Red));
        it.covers_red = false;
        assert!(!covers(&it, "1", Level::Red) && covers(&it, "1", Level::Yellow));
        it.approved = Some(mark(1));
        assert!(covers(&it, "1", Level::Red), "somebody else has agreed");
        it.fingerprint = None;
        assert!(covers(&it, "2", Level::Red), "it is broad");
    }

    #[test]
    fn what_one_person_may_do_alone() {
        let asked = |identities, can_be_red, hours, again| {
            governance(Asked {
                identities,
                by_name: true,
                can_be_red,
                lasts: TimeDelta::hours(hours),
                again,
            })
        };
        assert_eq!(asked(1, true, 1, false), Governance::Countersigned);
        assert_eq!(
            asked(1, true, 2, false),
            Governance::Second(Why::RedTooLong)
        );
        assert_eq!(asked(1, true, 1, true), Governance::Second(Why::RedAgain));
        assert_eq!(asked(1, false, 8, true), Governance::Alone);
        assert_eq!(asked(1, false, 9, false), Governance::Second(Why::TooLong));
        assert_eq!(asked(2, false, 1, false), Governance::Second(Why::Broad));
        assert_eq!(asked(0, false, 1, false), Governance::Second(Why::Unknown));
        let guessed = Asked {
            identities: 1,
            by_name: false,
            can_be_red: false,
            lasts: TimeDelta::hours(1),
            again: false,
        };
        assert_eq!(governance(guessed), Governance::Second(Why::Broad));
    }

    #[test]
    fn how_bad_it_is_does_not_tell_alerts_apart() {
        let labels = Labels::from([("alertname".to_owned(), "a".to_owned())]);
        let may = |text: &str| may_mean(&parse(text).unwrap(), &labels);
        assert!(may("alertname=a\nseverity=critical") && !may("alertname=b"));
        assert!(by_name(&parse("a=b").unwrap()) && !by_name(&parse("a=~b").unwrap()));
    }

    #[test]
    fn the_reminder_comes_once_and_before_the_end() {
        let mut it = silence();
        let minute = |minutes| at(1) + TimeDelta::minutes(minutes);
        assert!(!it.wants_reminder(minute(44)) && it.wants_reminder(minute(45)));
        assert!(!it.wants_reminder(minute(60)), "it is over");
        it.reminded_at = Some(minute(45));
        assert!(!it.wants_reminder(minute(46)));
        let mut short = silence();
        short.ends_at = minute(15);
        assert!(!short.wants_reminder(minute(9)) && short.wants_reminder(minute(10)));
    }
}
