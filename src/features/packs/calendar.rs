//! When a maintenance window is: "first Saturday 02:00-04:00 America/New_York". Pure.
//!
//! A time that does not exist moves forward to the first that does, and of one that comes twice it is the first. A window
//! that ends at or before the time at which it begins ends on the next day.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;

use crate::foundation::kernel::local_moment;

/// The longest that a window may be.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);

/// Looked no further ahead than this: a day of the month comes within two months, and a date is one day.
const DAYS_AHEAD: u64 = 400;

/// The days on which a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Once(NaiveDate),
    Daily,
    Weekly(Weekday),
    /// The first to fourth of the month, or the last.
    Nth(Nth, Weekday),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nth {
    Of(u32),
    Last,
}

const NTHS: [(&str, Nth); 5] = [
    ("first", Nth::Of(1)),
    ("second", Nth::Of(2)),
    ("third", Nth::Of(3)),
    ("fourth", Nth::Of(4)),
    ("last", Nth::Last),
];

/// When a window is, in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub days: On,
    pub from: NaiveTime,
    pub to: NaiveTime,
    /// By default that of the platform.
    pub zone: Option<Tz>,
}

/// One time that a window takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl Calendar {
    /// The times that end after `after`, in order, when the platform is in `zone`.
    pub fn after(&self, after: DateTime<Utc>, zone: Tz) -> impl Iterator<Item = Span> + '_ {
        let zone = self.zone.unwrap_or(zone);
        // A window may have begun the day before yesterday where the date line is near.
        let first = after.with_timezone(&zone).date_naive() - Days::new(2);
        let first = match self.days {
            On::Once(day) => day,
            _ => first,
        };
        let days = (0..DAYS_AHEAD).filter_map(move |n| first.checked_add_days(Days::new(n)));
        days.filter(|day| self.is_on(*day))
            .filter_map(move |day| self.on(day, zone))
            .filter(move |span| span.ends_at > after)
    }

    #[must_use]
    fn is_on(&self, day: NaiveDate) -> bool {
        match self.days {
            On::Once(once) => day == once,
            On::Daily => true,
            On::Weekly(weekday) => day.weekday() == weekday,
            On::Nth(nth, weekday) => day.weekday() == weekday && is_nth(day, nth),
        }
    }

    /// The window that begins on this day. Nothing where the clocks leave all of it out.
    fn on(&self, day: NaiveDate, zone: Tz) -> Option<Span> {
        let last = if self.to > self.from {
            day
        } else {
            day.succ_opt()?
        };
        let starts_at = local_moment(day.and_time(self.from), zone)?;
        let ends_at = local_moment(last.and_time(self.to), zone)?;
        // On the day that has 25 hours a window of 24 by the clock ends after 24.
        let ends_at = ends_at.min(starts_at + LONGEST);
        (ends_at > starts_at).then_some(Span { starts_at, ends_at })
    }
}

fn is_nth(day: NaiveDate, nth: Nth) -> bool {
    match nth {
        Nth::Of(n) => (day.day() - 1) / 7 + 1 == n,
        Nth::Last => (day + Days::new(7)).month() != day.month(),
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days {
            On::Once(day) => write!(f, "{day}")?,
            On::Daily => f.write_str("daily")?,
            On::Weekly(weekday) => f.write_str(name_of(weekday))?,
            On::Nth(nth, weekday) => {
                let word = NTHS.iter().find(|(_, it)| *it == nth);
                let word = word.map_or("", |(word, _)| word);
                write!(f, "{word} {}", name_of(weekday))?;
            }
        }
        write!(
            f,
            " {}-{}",
            self.from.format("%H:%M"),
            self.to.format("%H:%M")
        )?;
        match self.zone {
            Some(zone) => write!(f, " {zone}"),
            None => Ok(()),
        }
    }
}

const fn name_of(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

impl FromStr for Calendar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is not when a window is: write \"first Saturday 02:00-04:00 America/New_York\", \"Sunday \
                 01:00-03:00\", \"daily 04:00-04:30\" or \"2026-12-05 02:00-04:00\""
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, rest) = days(&words).ok_or_else(wrong)?;
        let (times, zone) = match rest {
            [times] => (times, None),
            [times, zone] => {
                let zone = zone
                    .parse()
                    .map_err(|_| format!("\"{zone}\" is not an IANA time zone"))?;
                (times, Some(zone))
            }
            _ => return Err(wrong()),
        };
        let (from, to) = times.split_once('-').ok_or_else(wrong)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| wrong());
        Ok(Self {
            days,
            from: time(from)?,
            to: time(to)?,
            zone,
        })
    }
}

/// The days that the first words name, and the words after them.
fn days<'w>(words: &'w [&'w str]) -> Option<(On, &'w [&'w str])> {
    let (first, rest) = words.split_first()?;
    let lower = first.to_ascii_lowercase();
    if lower == "daily" {
        return Some((On::Daily, rest));
    }
    if let Ok(day) = NaiveDate::parse_from_str(first, "%Y-%m-%d") {
        return Some((On::Once(day), rest));
    }
    if let Some((_, nth)) = NTHS.iter().find(|(word, _)| *word == lower) {
        let (weekday, rest) = rest.split_first()?;
        return Some((On::Nth(*nth, weekday.parse().ok()?), rest));
    }
    Some((On::Weekly(first.parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(calendar: &str, after: &str, count: usize) -> Vec<String> {
        let calendar: Calendar = calendar.parse().unwrap();
        calendar
            .after(after.parse().unwrap(), Tz::UTC)
            .take(count)
            .map(|span| {
                let (from, to) = (span.starts_at, span.ends_at);
                format!(
                    "{} {}",
                    from.format("%m-%d %H:%M"),
                    to.format("%m-%d %H:%M")
                )
            })
            .collect()
    }

    /// FC-14
    #[test]
    fn the_first_saturday_follows_its_zone() {
        assert_eq!(
            spans(
                "first Saturday 02:00-04:00 America/New_York",
                "2026-10-04T00:00:00Z",
                3
            ),
            [
                "11-07 07:00 11-07 09:00",
                "12-05 07:00 12-05 09:00",
                "01-02 07:00 01-02 09:00"
            ]
        );
        let july = spans(
            "first Saturday 02:00-04:00 America/New_York",
            "2026-07-01T00:00:00Z",
            1,
        );
        assert_eq!(july, ["07-04 06:00 07-04 08:00"]);
    }

    #[test]
    fn days_of_the_week_of_the_month_and_once() {
        assert_eq!(
            spans("Sunday 23:00-01:00", "2026-11-22T00:30:00Z", 2),
            ["11-22 23:00 11-23 01:00", "11-29 23:00 11-30 01:00"]
        );
        assert_eq!(
            spans("last fri 10:00-11:00", "2026-11-01T00:00:00Z", 2),
            ["11-27 10:00 11-27 11:00", "12-25 10:00 12-25 11:00"]
        );
        assert_eq!(
            spans("daily 04:00-04:30", "2026-11-01T04:10:00Z", 2),
            ["11-01 04:00 11-01 04:30", "11-02 04:00 11-02 04:30"]
        );
        let once = "2026-12-05 02:00-04:00";
        assert_eq!(
            spans(once, "2026-11-01T00:00:00Z", 5),
            ["12-05 02:00 12-05 04:00"]
        );
        assert!(
            spans(once, "2026-12-05T04:00:00Z", 5).is_empty(),
            "it is over"
        );
    }

    #[test]
    fn what_the_clocks_leave_out_or_say_twice() {
        let zone = "America/New_York";
        // 02:00 to 03:00 does not exist on 8 March; what begins in it begins at 03:00.
        assert_eq!(
            spans(
                &format!("daily 02:30-04:00 {zone}"),
                "2026-03-08T00:00:00Z",
                1
            ),
            ["03-08 07:00 03-08 08:00"]
        );
        // All of it is left out, so the next is a day later.
        assert_eq!(
            spans(
                &format!("daily 02:10-02:50 {zone}"),
                "2026-03-08T00:00:00Z",
                1
            ),
            ["03-09 06:10 03-09 06:50"]
        );
        // 01:00 to 02:00 comes twice on 1 November: from the first of them.
        assert_eq!(
            spans(
                &format!("daily 01:30-02:30 {zone}"),
                "2026-11-01T00:00:00Z",
                1
            ),
            ["11-01 05:30 11-01 07:30"]
        );
        // A whole day by the clock is never longer than a day.
        assert_eq!(
            spans(
                &format!("2026-11-01 00:00-00:00 {zone}"),
                "2026-10-01T00:00:00Z",
                1
            ),
            ["11-01 04:00 11-02 04:00"]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for bad in [
            "",
            "daily",
            "fifth Monday 01:00-02:00",
            "Moonday 01:00-02:00",
            "daily 1-2",
            "daily 25:00-26:00",
            "daily 01:00-02:00 Mars/Base",
            "first 01:00-02:00",
            "daily 01:00-02:00 UTC UTC",
            "2026-02-30 01:00-02:00",
        ] {
            assert!(bad.parse::<Calendar>().is_err(), "{bad}");
        }
    }

    fn calendars() -> impl Strategy<Value = Calendar> {
        let weekday = (0_u8..7).prop_map(|n| Weekday::try_from(n).unwrap());
        let days = prop_oneof![
            Just(On::Daily),
            weekday.clone().prop_map(On::Weekly),
            (0_usize..5, weekday).prop_map(|(n, day)| On::Nth(NTHS[n].1, day)),
        ];
        let time =
            (0_u32..24, 0_u32..60).prop_map(|(h, m)| NaiveTime::from_hms_opt(h, m, 0).unwrap());
        let zone = prop_oneof![
            Just(None),
            Just(Some(Tz::America__New_York)),
            Just(Some(Tz::Europe__Berlin)),
            Just(Some(Tz::Australia__Lord_Howe)),
            Just(Some(Tz::Pacific__Apia)),
        ];
        (days, time.clone(), time, zone).prop_map(|(days, from, to, zone)| Calendar {
            days,
            from,
            to,
            zone,
        })
    }

    proptest! {
        #[test]
        fn every_window_has_a_length_and_they_come_in_order(calendar in calendars(), day in 0_i64..12_000) {
            let after = DateTime::UNIX_EPOCH + TimeDelta::days(day + 10_000);
            let spans: Vec<Span> = calendar.after(after, Tz::UTC).take(6).collect();
            prop_assert_eq!(spans.len(), 6);
            for span in &spans {
                prop_assert!(span.ends_at > after);
                prop_assert!(span.ends_at > span.starts_at && span.ends_at - span.starts_at <= LONGEST);
            }
            prop_assert!(spans.windows(2).all(|pair| pair[0].starts_at < pair[1].starts_at));
        }

        #[test]
        fn what_is_written_is_read_again(calendar in calendars()) {
            prop_assert_eq!(calendar.to_string().parse(), Ok(calendar));
        }
    }
}
