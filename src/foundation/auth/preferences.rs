//! How somebody wants the pages: in which zone, in which light, with shortcuts or without, moving or still.

use std::str::FromStr;

use chrono_tz::Tz;
use diesel::prelude::*;

use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db;
use crate::foundation::db::schema::person;
use crate::foundation::kernel::PersonId;

/// In which light the pages are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the reader's system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "As the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// What the page is told, where it is not left to the system.
    #[must_use]
    pub fn fixed(self) -> Option<&'static str> {
        (self != Self::System).then(|| self.as_str())
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

/// What one person has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// In which every moment is told.
    pub zone: Tz,
    pub theme: Theme,
    /// Whether single keys do something.
    pub shortcuts: bool,
    /// Whether open pages renew themselves, and announce what is new.
    pub live: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            zone: Tz::UTC,
            theme: Theme::System,
            shortcuts: true,
            live: true,
        }
    }
}

pub(super) type Row = (String, String, bool, bool);

pub(super) const COLUMNS: (person::zone, person::theme, person::shortcuts, person::live) =
    (person::zone, person::theme, person::shortcuts, person::live);

impl From<Row> for Preferences {
    fn from((zone, theme, shortcuts, live): Row) -> Self {
        Self {
            zone: Tz::from_str(&zone).unwrap_or(Tz::UTC),
            theme: Theme::parse(&theme).unwrap_or_default(),
            shortcuts,
            live,
        }
    }
}

/// Changes what somebody has chosen, and records what was and what is; false where it is that already.
pub fn change(tx: &mut Tx<'_>, who: PersonId, wanted: Preferences) -> db::Result<bool> {
    let row: Row = person::table
        .find(who.uuid())
        .select(COLUMNS)
        .for_update()
        .get_result(&mut **tx)?;
    let before = Preferences::from(row);
    if before == wanted {
        return Ok(false);
    }
    diesel::update(person::table.find(who.uuid()))
        .set((
            person::zone.eq(wanted.zone.name()),
            person::theme.eq(wanted.theme.as_str()),
            person::shortcuts.eq(wanted.shortcuts),
            person::live.eq(wanted.live),
        ))
        .execute(&mut **tx)?;
    tx.record(changed(who, before, wanted))?;
    Ok(true)
}

/// Names what differs, and nothing else.
fn changed(who: PersonId, before: Preferences, after: Preferences) -> Event {
    let mut event = Event::new("preferences.changed", Subject::new("person", who));
    if before.zone != after.zone {
        event = event
            .detail("zone", after.zone.name())
            .detail("zone_before", before.zone.name());
    }
    if before.theme != after.theme {
        event = event
            .detail("theme", after.theme.as_str())
            .detail("theme_before", before.theme.as_str());
    }
    for (name, before, after) in [
        ("shortcuts", before.shortcuts, after.shortcuts),
        ("live", before.live, after.live),
    ] {
        if before != after {
            event = event.detail(name, after);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_was_chosen() {
        for theme in Theme::ALL {
            assert_eq!(Theme::parse(theme.as_str()), Some(theme));
        }
        assert_eq!(Theme::parse("sepia"), None);
    }

    #[test]
    fn a_zone_that_is_no_longer_known_is_utc() {
        let row = ("Mars/Base".to_owned(), "dark".to_owned(), false, true);
        let read = Preferences::from(row);
        assert_eq!((read.zone, read.theme), (Tz::UTC, Theme::Dark));
        assert!(!read.shortcuts && read.live);
    }

    #[test]
    fn the_system_decides_where_nobody_else_does() {
        assert_eq!(Theme::System.fixed(), None);
        assert_eq!(Theme::Light.fixed(), Some("light"));
        assert_eq!(Theme::Dark.fixed(), Some("dark"));
    }
}
