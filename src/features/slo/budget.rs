//! Whether a target is met, and what is left of its error budget. Pure.

use crate::features::health::slice::Tally;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The share that has to be good.
    pub share: f64,
    pub window_ms: i64,
    /// How much of the window there has been: all of it, but in a month that is running.
    pub passed_ms: i64,
    /// Fewer results say nothing.
    pub least: i64,
    /// Whether the budget is one of time; otherwise it is one of results.
    pub of_time: bool,
}

/// A budget is reckoned in numbers that are not exact: far under one result, and under a millisecond.
const EXACT_TO: f64 = 1e-4;

impl Target {
    /// What was counted, with the time of which there is no record at all: of that nobody knows either.
    #[must_use]
    pub fn whole(&self, tally: &Tally) -> Tally {
        let missing = (self.passed_ms - tally.all_ms()).max(0);
        Tally {
            unknown_ms: tally.unknown_ms + missing,
            ..*tally
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Missed,
    /// Too few results.
    NotEnough,
    /// It would be missed if what is unknown was bad.
    AsFarAsKnown,
    Met,
}

/// How a target stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    pub verdict: Verdict,
    /// The share that was good, of what is known.
    pub achieved: Option<f64>,
    /// In milliseconds, or in results.
    pub budget: f64,
    pub spent: f64,
}

impl Standing {
    /// How a target stands with what was counted in its window.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "milliseconds of 90 days are far below 2^53"
    )]
    pub fn of(target: &Target, tally: &Tally) -> Self {
        let allowed = 1.0 - target.share;
        let tally = &target.whole(tally);
        let (bad, known, whole, unknown) = if target.of_time {
            let open = (target.window_ms - tally.planned_ms).max(0) as f64;
            let known = tally.known_ms() as f64;
            (tally.bad_ms as f64, known, open, tally.unknown_ms as f64)
        } else {
            let results = tally.results() as f64;
            // As many as came in the time that is known.
            let missing = match tally.known_ms() {
                0 => 0.0,
                known => results * tally.unknown_ms as f64 / known as f64,
            };
            (tally.bad as f64, results, results + missing, missing)
        };
        let budget = allowed * whole;
        let achieved = (known > 0.0).then(|| 1.0 - bad / known);
        let verdict = if tally.results() < target.least || achieved.is_none() {
            Verdict::NotEnough
        } else if bad > budget + EXACT_TO {
            Verdict::Missed
        } else if bad + unknown > budget + EXACT_TO {
            Verdict::AsFarAsKnown
        } else {
            Verdict::Met
        };
        Self {
            verdict,
            achieved,
            budget,
            spent: bad,
        }
    }

    /// The share of the budget that is used up; above 1 where there is none left.
    #[must_use]
    pub fn used(&self) -> Option<f64> {
        (self.budget > 0.0 && self.achieved.is_some()).then(|| self.spent / self.budget)
    }

    /// What is left, below 0 where more is gone than there was.
    #[must_use]
    pub fn left(&self) -> f64 {
        self.budget - self.spent
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const DAY: i64 = 1_440 * MINUTE;

    /// LT-27
    const LAIT: Target = Target {
        share: 0.999,
        window_ms: 30 * DAY,
        passed_ms: 30 * DAY,
        least: 20,
        of_time: true,
    };

    /// Of 30 days, in minutes.
    fn time(bad: i64, unknown: i64, planned: i64) -> Tally {
        let good = 43_200 - bad - unknown - planned;
        Tally {
            good: good * 2,
            bad: bad * 2,
            good_ms: good * MINUTE,
            bad_ms: bad * MINUTE,
            unknown_ms: unknown * MINUTE,
            planned_ms: planned * MINUTE,
            demo: false,
        }
    }

    fn verdict(tally: &Tally) -> Verdict {
        Standing::of(&LAIT, tally).verdict
    }

    #[test]
    fn three_nines_leave_43_minutes_a_month() {
        let standing = Standing::of(&LAIT, &time(0, 0, 0));
        assert!((standing.budget - 2_592_000.0).abs() < 1.0);
        assert_eq!(standing.verdict, Verdict::Met);
        assert_eq!(standing.achieved, Some(1.0));
        assert_eq!(verdict(&time(43, 0, 0)), Verdict::Met);
        assert_eq!(verdict(&time(44, 0, 0)), Verdict::Missed);
        let used = Standing::of(&LAIT, &time(31, 0, 0)).used().unwrap();
        assert!((used - 31.0 / 43.2).abs() < 1e-9);
    }

    #[test]
    fn what_is_unknown_is_never_taken_for_good() {
        assert_eq!(verdict(&time(0, 43, 0)), Verdict::Met);
        assert_eq!(verdict(&time(0, 44, 0)), Verdict::AsFarAsKnown);
        assert_eq!(verdict(&time(20, 24, 0)), Verdict::AsFarAsKnown);
        assert_eq!(verdict(&time(44, 600, 0)), Verdict::Missed);
        assert_eq!(verdict(&time(0, 43_200, 0)), Verdict::NotEnough);
        let nothing = Standing::of(&LAIT, &Tally::default());
        assert_eq!(
            (nothing.verdict, nothing.used()),
            (Verdict::NotEnough, None)
        );
    }

    #[test]
    fn what_is_planned_is_no_part_of_the_window() {
        let half = time(0, 0, 21_600);
        let standing = Standing::of(&LAIT, &half);
        assert!((standing.budget - 1_296_000.0).abs() < 1.0);
        assert_eq!(verdict(&time(22, 0, 21_600)), Verdict::Missed);
    }

    #[test]
    fn results_have_a_budget_of_results() {
        let target = Target {
            share: 0.95,
            of_time: false,
            ..LAIT
        };
        let of = |good, bad, unknown| Tally {
            good,
            bad,
            good_ms: 30 * DAY - unknown,
            unknown_ms: unknown,
            ..Tally::default()
        };
        let standing = |tally| Standing::of(&target, &tally);
        assert_eq!(standing(of(950, 50, 0)).verdict, Verdict::Met);
        assert_eq!(standing(of(949, 51, 0)).verdict, Verdict::Missed);
        assert_eq!(standing(of(19, 0, 0)).verdict, Verdict::NotEnough);
        assert_eq!(standing(of(20, 0, 0)).verdict, Verdict::Met);
        // A third is unknown: there may have been five hundred more, all of them bad.
        assert_eq!(
            standing(of(990, 10, 10 * DAY)).verdict,
            Verdict::AsFarAsKnown
        );
        assert!((standing(of(980, 20, 0)).used().unwrap() - 0.4).abs() < 1e-9);
        assert!((standing(of(980, 20, 0)).left() - 30.0).abs() < 1e-9);
    }
    #[test]
    fn a_budget_that_is_used_up_to_the_last_result_is_kept() {
        for (share, bad) in [(0.9, 100), (0.8, 200), (0.7, 300), (0.999, 1), (0.95, 50)] {
            let target = Target {
                share,
                of_time: false,
                ..LAIT
            };
            let of = |bad: i64| Tally {
                good: 1_000 - bad,
                bad,
                good_ms: 30 * DAY,
                ..Tally::default()
            };
            assert_eq!(Standing::of(&target, &of(bad)).verdict, Verdict::Met);
            let over = Standing::of(&target, &of(bad + 1)).verdict;
            assert_eq!(over, Verdict::Missed, "{share}");
        }
    }

    /// Three days of thirty, with forty minutes of them bad.
    #[test]
    fn time_of_which_there_is_no_record_is_unknown() {
        let three = Tally {
            good: 8_560,
            bad: 80,
            good_ms: 3 * DAY - 40 * MINUTE,
            bad_ms: 40 * MINUTE,
            ..Tally::default()
        };
        assert_eq!(LAIT.whole(&three).unknown_ms, 27 * DAY);
        assert_eq!(verdict(&three), Verdict::AsFarAsKnown);
        // A month that began three days ago has no more than that behind it.
        let running = Target {
            passed_ms: 3 * DAY,
            ..LAIT
        };
        assert_eq!(Standing::of(&running, &three).verdict, Verdict::Met);
        let results = Target {
            of_time: false,
            ..LAIT
        };
        let standing = Standing::of(&results, &three);
        assert_eq!(standing.verdict, Verdict::AsFarAsKnown);
    }

    proptest! {
        #[test]
        fn what_was_achieved_below_the_target_is_never_met(
            good_ms in 0..30 * DAY,
            bad_ms in 0..2 * DAY,
            planned_ms in 0..DAY,
            per_mille in 500_i32..=999,
            of_time: bool,
        ) {
            let target = Target { share: f64::from(per_mille) / 1_000.0, of_time, ..LAIT };
            let tally = Tally {
                good: good_ms / 30_000,
                bad: bad_ms / 30_000,
                good_ms: good_ms.min(30 * DAY - bad_ms - planned_ms),
                bad_ms,
                planned_ms,
                ..Tally::default()
            };
            let standing = Standing::of(&target, &tally);
            let below = standing.achieved.is_some_and(|it| it < target.share - 1e-9);
            prop_assert!(!(below && standing.verdict == Verdict::Met), "{standing:?}");
        }
    }
}
