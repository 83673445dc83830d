//! How fast an error budget is used up, and from when on somebody has to look. Pure.
//!
//! A burn rate of 1 uses up the budget exactly by the end of the target's window. Each step of the ladder is a share of
//! the budget that is used up within a long window, and asks of a short one whether it still goes on: so the lamp is
//! lit early when much is lost, late when little is, and goes out soon after it ended. The numbers are those of the
//! Site Reliability Workbook, carried over to the target's own window.

use chrono::TimeDelta;

use crate::features::health::slice::Tally;
use crate::foundation::kernel::Level;

/// A step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub level: Level,
    pub long: TimeDelta,
    pub short: TimeDelta,
    /// The burn rate above which both windows have to be.
    pub above: f64,
}

/// Hours of the long window, minutes of the short one, and the share of the budget that the long one uses up.
const SHARES: [(Level, i64, i64, f64); 4] = [
    (Level::Red, 1, 5, 0.02),
    (Level::Red, 6, 30, 0.05),
    (Level::Yellow, 24, 120, 0.10),
    (Level::Yellow, 72, 360, 0.10),
];

/// The ladder of a target over such a window: of 30 days 14.4, 6, 3 and 1. Below 1 nothing is used up too fast, so
/// that is where a shorter window ends.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "hours of 90 days are few")]
pub fn ladder(window: TimeDelta) -> [Step; 4] {
    let hours = window.num_minutes() as f64 / 60.0;
    SHARES.map(|(level, long, short, share)| Step {
        level,
        long: TimeDelta::hours(long),
        short: TimeDelta::minutes(short),
        above: (share * hours / long as f64).max(1.0),
    })
}

/// What was counted in the two windows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub long: Tally,
    pub short: Tally,
}

/// What the ladder says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burn {
    pub red: bool,
    pub yellow: bool,
    /// The burn rate over the long window of the step that lights the most urgent level, or is the closest to its limit.
    pub rate: f64,
    pub long: TimeDelta,
    pub short: TimeDelta,
}

impl Burn {
    #[must_use]
    pub const fn holds(&self, level: Level) -> bool {
        match level {
            Level::Red => self.red,
            Level::Yellow => self.yellow,
            Level::Blue => false,
        }
    }
}

/// The burn rate of what was counted; nothing where nothing was.
#[must_use]
pub fn rate(tally: &Tally, allowed: f64) -> Option<f64> {
    tally
        .bad_share()
        .filter(|_| allowed > 0.0)
        .map(|bad| bad / allowed)
}

/// What these windows say, each beside its step. `None` where none of them holds as many results as it takes: then
/// nobody knows. One that does not is no reason to doubt the others.
#[must_use]
pub fn judge(steps: &[(Step, Counted)], allowed: f64, least: i64) -> Option<Burn> {
    let mut burn: Option<Burn> = None;
    let mut worst = (0, 0.0);
    for (step, counted) in steps {
        if counted.long.results() < least {
            continue;
        }
        let Some(long) = rate(&counted.long, allowed) else {
            continue;
        };
        // Nothing counted just now says nothing of whether it goes on.
        let Some(short) = rate(&counted.short, allowed) else {
            continue;
        };
        let told = burn.get_or_insert(Burn {
            red: false,
            yellow: false,
            rate: long,
            long: step.long,
            short: step.short,
        });
        let lit = long > step.above && short > step.above;
        match step.level {
            Level::Red => told.red |= lit,
            _ => told.yellow |= lit,
        }
        // What lights red is told before what lights yellow, and that before what lights nothing.
        let urgency = match (lit, step.level) {
            (true, Level::Red) => 2,
            (true, _) => 1,
            (false, _) => 0,
        };
        let beyond = (urgency, long.min(short) / step.above);
        if beyond > worst {
            worst = beyond;
            (told.rate, told.long, told.short) = (long, step.long, step.short);
        }
    }
    burn
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRTY: TimeDelta = TimeDelta::days(30);

    fn tally(good: i64, bad: i64) -> Tally {
        Tally {
            good,
            bad,
            ..Tally::default()
        }
    }

    /// Bad results in a thousand over the long and the short window of each step.
    fn judged(allowed: f64, thousandths: [(i64, i64); 4]) -> Option<(bool, bool)> {
        let of = |bad| tally(1_000 - bad, bad);
        let steps: Vec<_> = ladder(THIRTY)
            .into_iter()
            .zip(thousandths)
            .map(|(step, (long, short))| {
                let (long, short) = (of(long), of(short));
                (step, Counted { long, short })
            })
            .collect();
        judge(&steps, allowed, 20).map(|burn| (burn.red, burn.yellow))
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_ladder_of_thirty_days_is_the_workbooks() {
        let steps = ladder(THIRTY);
        for (step, above) in steps.iter().zip([14.4, 6.0, 3.0, 1.0]) {
            assert!(close(step.above, above), "{step:?}");
        }
        let windows: Vec<_> = steps
            .iter()
            .map(|it| (it.long.num_minutes(), it.short.num_minutes()))
            .collect();
        assert_eq!(windows, [(60, 5), (360, 30), (1_440, 120), (4_320, 360)]);
    }

    #[test]
    fn another_window_has_its_own_ladder_and_none_lies_under_one() {
        let week = ladder(TimeDelta::days(7)).map(|it| it.above);
        for (above, expected) in week.into_iter().zip([3.36, 1.4, 1.0, 1.0]) {
            assert!(close(above, expected), "{above}");
        }
        let quarter = ladder(TimeDelta::days(90)).map(|it| it.above);
        for (above, expected) in quarter.into_iter().zip([43.2, 18.0, 9.0, 3.0]) {
            assert!(close(above, expected), "{above}");
        }
    }

    #[test]
    fn both_windows_have_to_burn() {
        let none = (0, 0);
        let table = [
            // 1.5 % of the results bad is 15 times too fast for 99.9 %.
            ([(15, 15), none, none, none], (true, false)),
            ([(15, 0), none, none, none], (false, false)),
            ([(0, 15), none, none, none], (false, false)),
            ([(14, 14), none, none, none], (false, false)),
            ([none, (7, 7), none, none], (true, false)),
            ([none, (6, 6), none, none], (false, false)),
            ([none, none, (4, 4), none], (false, true)),
            ([none, none, (3, 9), none], (false, false)),
            ([none, none, none, (2, 2)], (false, true)),
            ([none, none, none, (1, 2)], (false, false)),
            ([(1_000, 1_000); 4], (true, true)),
            ([none; 4], (false, false)),
        ];
        for (counted, expected) in table {
            assert_eq!(judged(0.001, counted), Some(expected), "{counted:?}");
        }
    }

    #[test]
    fn a_looser_target_burns_more_slowly() {
        // 10 % bad: a hundred times too fast for 99.9 %, twice for 95 %.
        let bad = [(100, 100); 4];
        assert_eq!(judged(0.001, bad), Some((true, true)));
        assert_eq!(judged(0.05, bad), Some((false, true)));
        // Even if all fails, 95 % burns 20 times too fast, and 90 % ten times.
        assert_eq!(judged(0.05, [(1_000, 1_000); 4]), Some((true, true)));
        let first_hour = [(1_000, 1_000), (0, 0), (0, 0), (0, 0)];
        assert_eq!(judged(0.10, first_hour), Some((false, false)));
    }

    #[test]
    fn too_few_results_say_nothing_and_are_no_reason_to_doubt_the_others() {
        let steps = ladder(THIRTY);
        let with = |long, short| Counted { long, short };
        let empty = with(tally(0, 0), tally(0, 0));
        assert_eq!(judge(&steps.map(|it| (it, empty)), 0.001, 20), None);
        let few = with(tally(0, 19), tally(0, 19));
        assert_eq!(judge(&steps.map(|it| (it, few)), 0.001, 20), None);
        let enough = with(tally(0, 20), tally(0, 2));
        let mut mixed = steps.map(|it| (it, few));
        mixed[1].1 = enough;
        let burn = judge(&mixed, 0.001, 20).unwrap();
        assert_eq!((burn.red, burn.yellow), (true, false));
        assert_eq!(burn.long, TimeDelta::hours(6));
        let silent_now = with(tally(0, 100), tally(0, 0));
        assert_eq!(judge(&steps.map(|it| (it, silent_now)), 0.001, 20), None);
    }

    #[test]
    fn it_names_the_window_that_is_worst_for_its_limit() {
        let steps = ladder(THIRTY);
        let of = |bad| Counted {
            long: tally(10_000 - bad, bad),
            short: tally(10_000 - bad, bad),
        };
        let counted = [of(100), of(100), of(20), of(5)];
        let pairs: Vec<_> = steps.into_iter().zip(counted).collect();
        let burn = judge(&pairs, 0.001, 20).unwrap();
        assert_eq!(burn.long, TimeDelta::hours(6));
        assert!(close(burn.rate, 10.0));
    }
}
