//! Months and days of a platform, in its zone, and which of them are over. Pure.

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::foundation::kernel::day_begins;

/// A run may take so long, and what is scraped is summed up within it: only then is a quarter settled.
pub const LAG: TimeDelta = TimeDelta::minutes(10);

/// What is settled.
pub const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// The first day of the month that a moment is in.
#[must_use]
pub fn month_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    let day = at.with_timezone(&zone).date_naive();
    day.with_day(1).unwrap_or(day)
}

#[must_use]
pub fn after(month: NaiveDate) -> NaiveDate {
    month.checked_add_months(Months::new(1)).unwrap_or(month)
}

/// When a month begins and ends.
#[must_use]
pub fn bounds(month: NaiveDate, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((day_begins(month, zone)?, day_begins(after(month), zone)?))
}

/// The months from that of `from` on that are over at `now`, oldest first.
#[must_use]
pub fn over(from: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Vec<NaiveDate> {
    const AT_MOST: usize = 90;
    let running = month_of(now, zone);
    let first = month_of(from, zone);
    let mut months: Vec<NaiveDate> = std::iter::successors(Some(first), |it| Some(after(*it)))
        .take_while(|it| *it < running)
        .collect();
    let surplus = months.len().saturating_sub(AT_MOST);
    months.drain(..surplus);
    months
}

/// The days from that of `from` on that are over at `until`, each with when it begins and ends.
#[must_use]
pub fn days(
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    zone: Tz,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let first = from.with_timezone(&zone).date_naive();
    std::iter::successors(Some(first), NaiveDate::succ_opt)
        .map_while(|day| Some((day_begins(day, zone)?, day_begins(day.succ_opt()?, zone)?)))
        .take_while(|(_, ends)| *ends <= until)
        .filter(|(begins, ends)| begins < ends)
        .collect()
}

/// The quarter of an hour that a moment is in.
#[must_use]
pub fn quarter(at: DateTime<Utc>) -> DateTime<Utc> {
    let past = at.timestamp().rem_euclid(QUARTER.num_seconds());
    DateTime::from_timestamp(at.timestamp() - past, 0).unwrap_or(at)
}

/// The first quarter of an hour that lies wholly after a moment.
#[must_use]
pub fn next_quarter(at: DateTime<Utc>) -> DateTime<Utc> {
    let within = quarter(at);
    if within == at { at } else { within + QUARTER }
}

/// Up to here everything is settled by now, unless nobody settles: whoever does has had a quarter for it.
#[must_use]
pub fn settled_by(now: DateTime<Utc>) -> DateTime<Utc> {
    quarter(now - LAG - QUARTER)
}

/// The end of the day that the last moment before `until` is in.
#[must_use]
pub fn day_ends(until: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let last = until - TimeDelta::milliseconds(1);
    let day = last.with_timezone(&zone).date_naive();
    let next = day.succ_opt().and_then(|next| day_begins(next, zone));
    next.unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_over_where_the_platform_is() {
        let new_york = Tz::America__New_York;
        let start = at("2026-01-15T12:00:00Z");
        let months = |now: &str, zone| {
            let over = over(start, at(now), zone);
            over.iter().map(Datelike::month).collect::<Vec<_>>()
        };
        assert_eq!(months("2026-03-01T04:59:59Z", new_york), [1]);
        assert_eq!(months("2026-03-01T05:00:00Z", new_york), [1, 2]);
        assert_eq!(months("2026-03-01T00:00:00Z", Tz::UTC), [1, 2]);
        assert_eq!(months("2026-01-20T00:00:00Z", Tz::UTC), [0; 0]);
    }

    #[test]
    fn a_month_with_a_change_of_clocks_is_an_hour_shorter_or_longer() {
        let hours = |month: &str| {
            let (starts, ends) = bounds(month.parse().unwrap(), Tz::America__New_York).unwrap();
            (ends - starts).num_hours()
        };
        assert_eq!(
            (
                hours("2026-02-01"),
                hours("2026-03-01"),
                hours("2026-11-01")
            ),
            (28 * 24, 31 * 24 - 1, 30 * 24 + 1)
        );
    }

    #[test]
    fn a_day_ends_at_the_next_midnight_of_its_zone() {
        let new_york = Tz::America__New_York;
        let ends = |until: &str| day_ends(at(until), new_york);
        assert_eq!(ends("2026-03-01T04:00:00Z"), at("2026-03-01T05:00:00Z"));
        assert_eq!(ends("2026-03-01T05:00:00Z"), at("2026-03-01T05:00:00Z"));
        assert_eq!(ends("2026-03-01T05:15:00Z"), at("2026-03-02T05:00:00Z"));
        assert_eq!(ends("2026-03-08T05:15:00Z"), at("2026-03-09T04:00:00Z"));
    }

    #[test]
    fn what_ought_to_be_settled_leaves_time_to_settle_it() {
        assert_eq!(
            settled_by(at("2026-03-01T10:24:59Z")),
            at("2026-03-01T09:45:00Z")
        );
        assert_eq!(
            settled_by(at("2026-03-01T10:25:00Z")),
            at("2026-03-01T10:00:00Z")
        );
        assert_eq!(
            next_quarter(at("2026-03-01T10:00:00Z")),
            at("2026-03-01T10:00:00Z")
        );
        assert_eq!(
            next_quarter(at("2026-03-01T10:00:01Z")),
            at("2026-03-01T10:15:00Z")
        );
    }

    #[test]
    fn days_follow_each_other_without_a_gap_in_every_zone() {
        let (from, until) = (at("2026-10-01T10:00:00Z"), at("2026-11-03T10:00:00Z"));
        for zone in [
            Tz::UTC,
            Tz::Asia__Kathmandu,
            Tz::America__Sao_Paulo,
            Tz::Australia__Lord_Howe,
        ] {
            let days = days(from, until, zone);
            assert!(days[0].0 <= from && days.last().unwrap().1 <= until);
            assert!(days.windows(2).all(|pair| pair[0].1 == pair[1].0), "{zone}");
            for (begins, ends) in days {
                assert_eq!((quarter(begins), quarter(ends)), (begins, ends), "{zone}");
            }
        }
    }
}
