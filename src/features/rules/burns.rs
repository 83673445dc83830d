//! How fast an error budget was used up, moment by moment, from the results that are kept. Pure.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::replay::{Said, What};
use crate::features::alerts::burn::{self, Counted};
use crate::features::alerts::rule::Reading;
use crate::features::health::slice::{Planned, Slice, Tally};

/// Up to here results are read as fine as they are kept, and before it by the hour where there are hours.
const FINE: TimeDelta = TimeDelta::hours(6);

/// Results in the order of time, added up, so that any span of them costs two looks.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    at: Vec<DateTime<Utc>>,
    /// Of all before the place of the same number, one more than there are moments.
    good: Vec<i64>,
    bad: Vec<i64>,
}

impl Sums {
    /// Of slices that are in order. What was planned is neither good nor bad.
    #[must_use]
    pub fn of(slices: &[Slice], planned: &[Planned]) -> Self {
        let mut sums = Self {
            at: Vec::with_capacity(slices.len()),
            good: vec![0],
            bad: vec![0],
        };
        let (mut good, mut bad) = (0, 0);
        for slice in slices {
            let ends = slice.at + slice.lasts;
            if planned
                .iter()
                .any(|it| it.from < ends && slice.at < it.until)
            {
                continue;
            }
            good += slice.good;
            bad += slice.bad;
            sums.at.push(slice.at);
            sums.good.push(good);
            sums.bad.push(bad);
        }
        sums
    }

    fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> (i64, i64) {
        let place = |moment| self.at.partition_point(|at| *at < moment);
        let (begin, end) = (place(from), place(until).max(place(from)));
        let of = |sums: &[i64]| match (sums.get(begin), sums.get(end)) {
            (Some(before), Some(after)) => after - before,
            _ => 0,
        };
        (of(&self.good), of(&self.bad))
    }
}

/// What is kept of the results of a target.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub fine: Sums,
    /// By the hour, where what is finer does not reach as far back as the longest window.
    pub hours: Option<Sums>,
}

impl Kept {
    fn within(&self, now: DateTime<Utc>, window: TimeDelta) -> Tally {
        let from = now - window;
        let (good, bad) = match &self.hours {
            Some(hours) if window > FINE => {
                let seam = now - FINE;
                let seam = seam.duration_trunc(TimeDelta::hours(1)).unwrap_or(seam);
                let (before, after) = (hours.between(from, seam), self.fine.between(seam, now));
                (before.0 + after.0, before.1 + after.1)
            }
            _ => self.fine.between(from, now),
        };
        Tally {
            good,
            bad,
            ..Tally::default()
        }
    }
}

/// What a target asks.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub window: TimeDelta,
    /// The share of bad results that uses up its budget.
    pub allowed: f64,
    /// So many results say something.
    pub least: i64,
}

/// What its burn rates were at each of these moments, of all that had ended by then.
#[must_use]
pub fn burned(target: Target, kept: &Kept, moments: &[DateTime<Utc>]) -> Vec<Said> {
    let ladder = burn::ladder(target.window);
    let mut said: Vec<Said> = Vec::new();
    for at in moments {
        let steps = ladder.map(|step| {
            let (long, short) = (kept.within(*at, step.long), kept.within(*at, step.short));
            (step, Counted { long, short })
        });
        let burn = burn::judge(&steps, target.allowed, target.least);
        let reading = burn.map_or(Reading::Scarce, Reading::Burn);
        let same = |last: &Said| last.what == What::Reads(reading.clone());
        if !said.last().is_some_and(same) {
            said.push(Said::reads(*at, reading));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    fn slice(minute: i64, lasts: i64, good: i64, bad: i64) -> Slice {
        Slice {
            at: at(minute),
            lasts: TimeDelta::minutes(lasts),
            good,
            bad,
            stands_for: TimeDelta::minutes(lasts),
            demo: false,
        }
    }

    /// 99.9 % of 30 days; two results a minute, all bad between two minutes.
    fn lit(bad: std::ops::Range<i64>, planned: &[Planned]) -> Vec<(i64, bool)> {
        let slices: Vec<Slice> = (0..600)
            .map(|minute| {
                let failed = if bad.contains(&minute) { 2 } else { 0 };
                slice(minute, 1, 2 - failed, failed)
            })
            .collect();
        let kept = Kept {
            fine: Sums::of(&slices, planned),
            hours: None,
        };
        let target = Target {
            window: TimeDelta::days(30),
            allowed: 0.001,
            least: 20,
        };
        let moments: Vec<_> = (0..600).map(at).collect();
        let mut red: Vec<(i64, bool)> = Vec::new();
        for said in burned(target, &kept, &moments) {
            let is_red = matches!(said.what, What::Reads(Reading::Burn(burn)) if burn.red);
            if red.last().is_none_or(|(_, was)| *was != is_red) {
                red.push(((said.at - at(0)).num_minutes(), is_red));
            }
        }
        red
    }

    #[test]
    fn it_burns_from_the_end_of_the_minute_until_the_short_window_is_over() {
        // One bad minute in an hour is 16 times too fast.
        let red = lit(300..310, &[]);
        assert_eq!(red[..2], [(0, false), (301, true)]);
        // The short window of the second step is half an hour.
        assert_eq!(red[2], (309 + 31, false));
        assert_eq!(red.len(), 3);
        assert_eq!(lit(0..0, &[]), [(0, false)]);
    }

    #[test]
    fn what_was_planned_is_left_out() {
        let planned = [Planned {
            from: at(295),
            until: at(315),
        }];
        assert_eq!(lit(300..310, &planned), [(0, false)]);
    }

    #[test]
    fn hours_stand_for_what_is_not_kept_so_finely() {
        let hours: Vec<Slice> = (0..24).map(|hour| slice(hour * 60, 60, 100, 20)).collect();
        let fine: Vec<Slice> = (17 * 60..24 * 60)
            .map(|minute| slice(minute, 1, 2, 0))
            .collect();
        let kept = Kept {
            fine: Sums::of(&fine, &[]),
            hours: Some(Sums::of(&hours, &[])),
        };
        let now = at(24 * 60);
        let day = kept.within(now, TimeDelta::hours(24));
        assert_eq!((day.good, day.bad), (18 * 100 + 720, 18 * 20));
        let hour = kept.within(now, TimeDelta::hours(1));
        assert_eq!((hour.good, hour.bad), (120, 0));
    }
}
