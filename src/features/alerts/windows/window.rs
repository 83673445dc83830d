//! A maintenance window: when it holds, for what, and whether it was planned. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use crate::features::packs::pack::{ItemId, Target};
use crate::foundation::kernel::{PersonId, PlatformId};

crate::typed_id!(
    /// A time in which a platform is worked on.
    WindowId,
);

/// Announced so long ahead, a window is planned.
pub const NOTICE: TimeDelta = TimeDelta::hours(48);
pub const LONGEST: TimeDelta = TimeDelta::hours(24);
/// Whoever is to know of it is told so long ahead: two days, and some time for the notice to arrive.
pub const TOLD_AHEAD: TimeDelta = TimeDelta::minutes(48 * 60 + 15);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub id: WindowId,
    pub platform: PlatformId,
    /// The pack's definition; nothing where a person made it.
    pub item: Option<ItemId>,
    pub name: String,
    /// The services that are worked on; none: all of the platform.
    pub services: Vec<ItemId>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub announced_at: DateTime<Utc>,
    pub announced_by: Option<PersonId>,
    pub announced_name: String,
    pub needs_second: bool,
    pub approved: Option<(DateTime<Utc>, PersonId, String)>,
    /// Ended before its time, or called off.
    pub ended: Option<(DateTime<Utc>, String)>,
    /// Whom a person tells of it; of a calendar's it is the pack that says so.
    pub tell: Vec<Target>,
    /// When they were told that it is coming, and that it was called off.
    pub told_at: Option<DateTime<Utc>>,
    pub told_off_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a second person, and keeps nothing back.
    Proposed,
    Lapsed,
    Coming,
    Active,
    Over,
    CalledOff,
}

impl State {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "waits for a second person",
            Self::Lapsed => "lapsed unapproved",
            Self::Coming => "to come",
            Self::Active => "now",
            Self::Over => "over",
            Self::CalledOff => "called off",
        }
    }
}

/// What is told of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Coming,
    CalledOff,
}

impl Window {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> State {
        if let Some((at, _)) = self.ended {
            return if at <= self.starts_at {
                State::CalledOff
            } else {
                State::Over
            };
        }
        match (self.needs_second && self.approved.is_none(), now) {
            (true, now) if now >= self.ends_at => State::Lapsed,
            (true, _) => State::Proposed,
            (false, now) if now >= self.ends_at => State::Over,
            (false, now) if now >= self.starts_at => State::Active,
            (false, _) => State::Coming,
        }
    }

    #[must_use]
    pub fn end(&self) -> DateTime<Utc> {
        self.ended
            .as_ref()
            .map_or(self.ends_at, |(at, _)| (*at).min(self.ends_at))
    }

    /// Whether it counts as planned for the service level.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        // Before a second person has agreed nothing is announced.
        let agreed = self.approved.as_ref().map(|(at, _, _)| *at);
        let announced = agreed.map_or(self.announced_at, |at| at.max(self.announced_at));
        self.starts_at - announced >= NOTICE
    }

    /// What is to be told of it now, to whoever is to know; nothing before a second person has agreed, where it takes one.
    #[must_use]
    pub fn news(&self, now: DateTime<Utc>) -> Option<News> {
        if self.item.is_none() && self.tell.is_empty() {
            return None;
        }
        match self.state(now) {
            // One that was announced later than that is told at once.
            State::Coming | State::Active
                if self.told_at.is_none() && self.starts_at - now <= TOLD_AHEAD =>
            {
                Some(News::Coming)
            }
            State::CalledOff if self.told_at.is_some() && self.told_off_at.is_none() => {
                Some(News::CalledOff)
            }
            _ => None,
        }
    }

    /// Whether it is about an alert of this service, or of none.
    #[must_use]
    pub fn covers(&self, platform: PlatformId, service: Option<ItemId>) -> bool {
        platform == self.platform
            && (self.services.is_empty()
                || service.is_some_and(|service| self.services.contains(&service)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn window() -> Window {
        Window {
            id: WindowId::new(),
            platform: PlatformId::new(),
            item: None,
            name: "Upgrade".to_owned(),
            services: Vec::new(),
            starts_at: at(48),
            ends_at: at(50),
            announced_at: at(0),
            announced_by: Some(PersonId::new()),
            announced_name: "Ada".to_owned(),
            needs_second: false,
            approved: None,
            ended: None,
            tell: Vec::new(),
            told_at: None,
            told_off_at: None,
        }
    }

    /// FC-14, FC-15
    #[test]
    fn it_is_planned_when_announced_two_days_ahead() {
        let mut it = window();
        assert!(it.is_planned());
        it.announced_at = at(0) + TimeDelta::seconds(1);
        assert!(!it.is_planned());
        // Nor where a second person agreed when it had begun: until then nothing was announced.
        let mut it = window();
        it.needs_second = true;
        it.approved = Some((at(0), PersonId::new(), "Grace".to_owned()));
        assert!(it.is_planned());
        it.approved = Some((at(49), PersonId::new(), "Grace".to_owned()));
        assert!(!it.is_planned());
    }

    #[test]
    fn it_holds_from_its_start_to_its_end() {
        let mut it = window();
        let states = [47, 48, 50].map(|hour| it.state(at(hour)));
        assert_eq!(states, [State::Coming, State::Active, State::Over]);
        it.ended = Some((at(49), "Ada".to_owned()));
        assert_eq!((it.state(at(49)), it.end()), (State::Over, at(49)));
        it.ended = Some((at(1), "Ada".to_owned()));
        assert_eq!(it.state(at(49)), State::CalledOff);
    }

    #[test]
    fn at_short_notice_it_takes_two() {
        let mut it = window();
        it.needs_second = true;
        assert_eq!(it.state(at(49)), State::Proposed);
        assert_eq!(it.state(at(50)), State::Lapsed);
        it.approved = Some((at(47), PersonId::new(), "Grace".to_owned()));
        assert_eq!(it.state(at(49)), State::Active);
    }

    #[test]
    fn it_is_told_two_days_ahead_or_at_once_and_only_where_it_holds() {
        let mut it = window();
        assert_eq!(it.news(at(1)), None, "there is nobody to tell");
        it.tell = vec![Target::Contact("ada".to_owned())];
        it.starts_at = at(72);
        it.ends_at = at(74);
        assert_eq!(it.news(at(23)), None);
        let due = [at(24), at(73)].map(|now| it.news(now));
        assert_eq!(due, [Some(News::Coming); 2]);
        assert_eq!(it.news(at(74)), None, "it is over");
        it.needs_second = true;
        assert_eq!(it.news(at(71)), None, "nobody has agreed");
        it.approved = Some((at(71), PersonId::new(), "Grace".to_owned()));
        assert_eq!(it.news(at(71)), Some(News::Coming));
        it.ended = Some((at(71), "Ada".to_owned()));
        assert_eq!(it.news(at(71)), None, "nobody knew of it");
        it.told_at = Some(at(71));
        assert_eq!(it.news(at(71)), Some(News::CalledOff));
        it.told_off_at = Some(at(71));
        assert_eq!(it.news(at(71)), None);
    }

    #[test]
    fn it_is_about_its_services_or_about_everything() {
        let mut it = window();
        let (api, web) = (ItemId::new(), ItemId::new());
        let covers = |it: &Window, service| it.covers(it.platform, service);
        assert!(covers(&it, None) && covers(&it, Some(api)));
        assert!(!it.covers(PlatformId::new(), Some(api)));
        it.services = vec![api];
        assert!(covers(&it, Some(api)) && !covers(&it, Some(web)) && !covers(&it, None));
    }
}
