//! Slices of time with what was good and bad in them, and what they add up to.
//!
//! A result stands for the time until the next is due. What no result stands for is unknown, and what was announced
//! well ahead is planned: neither is good or bad.

use chrono::{DateTime, TimeDelta, Utc};

/// Results that were taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub at: DateTime<Utc>,
    /// How long it is, as far as what is planned is told apart.
    pub lasts: TimeDelta,
    pub good: i64,
    pub bad: i64,
    /// How much time its results stand for.
    pub stands_for: TimeDelta,
    /// Invented history of the demo.
    pub demo: bool,
}

impl Slice {
    const fn results(&self) -> i64 {
        self.good + self.bad
    }
}

/// A time that was announced well ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl Planned {
    fn meets(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        self.from < until && from < self.until
    }
}

/// What a span of time was: its results, and how its time divides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub good: i64,
    pub bad: i64,
    pub good_ms: i64,
    pub bad_ms: i64,
    pub unknown_ms: i64,
    pub planned_ms: i64,
    pub demo: bool,
}

impl Tally {
    #[must_use]
    pub const fn results(&self) -> i64 {
        self.good + self.bad
    }

    #[must_use]
    pub const fn known_ms(&self) -> i64 {
        self.good_ms + self.bad_ms
    }

    #[must_use]
    pub const fn all_ms(&self) -> i64 {
        self.known_ms() + self.unknown_ms + self.planned_ms
    }

    /// Of all results, those that were bad.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "results are far below 2^53")]
    pub fn bad_share(&self) -> Option<f64> {
        (self.results() > 0).then(|| self.bad as f64 / self.results() as f64)
    }

    pub fn add(&mut self, other: &Self) {
        self.good += other.good;
        self.bad += other.bad;
        self.good_ms += other.good_ms;
        self.bad_ms += other.bad_ms;
        self.unknown_ms += other.unknown_ms;
        self.planned_ms += other.planned_ms;
        self.demo |= other.demo;
    }

    /// What the slices say of the time between two moments. A gap of up to `slack` is a run that came a little late.
    #[must_use]
    pub fn of(
        slices: &[Slice],
        planned: &[Planned],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        slack: TimeDelta,
    ) -> Self {
        let planned_ms = covered(planned, from, until);
        let mut tally = Self {
            planned_ms,
            ..Self::default()
        };
        let mut stood_for = 0;
        let inside = slices.iter().filter(|it| it.at >= from && it.at < until);
        for slice in inside {
            let ends = slice.at + slice.lasts;
            if planned.iter().any(|it| it.meets(slice.at, ends)) {
                continue;
            }
            tally.good += slice.good;
            tally.bad += slice.bad;
            tally.demo |= slice.demo;
            stood_for += slice.stands_for.num_milliseconds();
        }
        let open = ((until - from).num_milliseconds() - planned_ms).max(0);
        let mut known = stood_for.min(open);
        if known > 0 && open - known <= slack.num_milliseconds() {
            known = open;
        }
        tally.divide(open, known);
        tally
    }

    /// [`Tally::of`] a span that is settled for good: a result that is missing leaves its time unknown. The slices reach
    /// beyond the span, by as much as `every` and a minute at the least: a result before it stands for its beginning,
    /// and one that came late counts in the next.
    #[must_use]
    pub fn settled(
        slices: &[Slice],
        planned: &[Planned],
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        every: TimeDelta,
    ) -> Self {
        let mut tally = Self::of(slices, planned, from, until, TimeDelta::zero());
        let open = tally.good_ms + tally.bad_ms + tally.unknown_ms;
        if tally.results() == 0 || every <= TimeDelta::zero() {
            return tally;
        }
        let known = if every < MINUTE {
            let late = late(slices, planned, (from, until), every);
            let known = tally.known_ms();
            if open - known <= late { open } else { known }
        } else {
            stood_for(slices, planned, (from, until), every).min(open)
        };
        tally.divide(open, known);
        tally
    }

    fn divide(&mut self, open: i64, known: i64) {
        self.unknown_ms = open - known;
        self.bad_ms = match self.results() {
            0 => 0,
            results => portion(known, self.bad, results),
        };
        self.good_ms = known - self.bad_ms;
    }
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// A report takes so long on its way, at most.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(10);

/// How much time without a result is no result that is missing: what is left where `every` does not divide the span,
/// and one whose run came a little late, and so stands at the beginning of the next span as one too many.
fn late(
    slices: &[Slice],
    planned: &[Planned],
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    every: TimeDelta,
) -> i64 {
    let every = every.num_milliseconds();
    if planned.iter().any(|it| it.meets(from, until)) {
        return every;
    }
    let after = slices
        .iter()
        .filter(|it| it.at >= until && it.at < until + MINUTE);
    let came: i64 = after.map(Slice::results).sum();
    let due = (MINUTE.num_milliseconds() + every - 1) / every;
    let left = (until - from).num_milliseconds() % every;
    if came > due { left + every } else { left }
}

/// For how much of a span its results stand, each until the next is due. When within its minute one came is not known.
fn stood_for(
    slices: &[Slice],
    planned: &[Planned],
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    every: TimeDelta,
) -> i64 {
    let spans = slices.iter().filter(|it| it.results() > 0).map(|it| {
        let results = i32::try_from(it.results()).unwrap_or(i32::MAX);
        Planned {
            from: it.at,
            until: it.at + every * results + it.lasts.max(ON_ITS_WAY),
        }
    });
    let all: Vec<Planned> = spans.chain(planned.iter().copied()).collect();
    covered(&all, from, until) - covered(planned, from, until)
}

/// `part` of `whole`, of a time.
fn portion(ms: i64, part: i64, whole: i64) -> i64 {
    let exact = i128::from(ms) * i128::from(part) / i128::from(whole.max(1));
    i64::try_from(exact).unwrap_or(ms)
}

/// How much of the time between two moments is in any of these; where they overlap it counts once.
fn covered(planned: &[Planned], from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    let mut spans: Vec<(i64, i64)> = planned
        .iter()
        .filter(|it| it.meets(from, until))
        .map(|it| {
            let (starts, ends) = (it.from.max(from), it.until.min(until));
            (starts.timestamp_millis(), ends.timestamp_millis())
        })
        .collect();
    spans.sort_unstable();
    let (mut total, mut reached) = (0, i64::MIN);
    for (starts, ends) in spans {
        let starts = starts.max(reached);
        if ends > starts {
            total += ends - starts;
            reached = ends;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    /// A minute with two results in it.
    fn minute(start: i64, good: i64, bad: i64) -> Slice {
        Slice {
            at: at(start),
            lasts: TimeDelta::minutes(1),
            good,
            bad,
            stands_for: TimeDelta::seconds(30) * i32::try_from(good + bad).unwrap(),
            demo: false,
        }
    }

    fn tally(slices: &[Slice], planned: &[Planned]) -> Tally {
        Tally::of(slices, planned, at(0), at(15), TimeDelta::seconds(30))
    }

    fn minutes(tally: &Tally) -> [i64; 4] {
        [
            tally.good_ms,
            tally.bad_ms,
            tally.unknown_ms,
            tally.planned_ms,
        ]
        .map(|ms| ms / 60_000)
    }

    #[test]
    fn time_divides_as_its_results_do() {
        let all: Vec<Slice> = (0..15).map(|it| minute(it, 2, 0)).collect();
        assert_eq!(minutes(&tally(&all, &[])), [15, 0, 0, 0]);
        let mut failed = all.clone();
        for slice in &mut failed[3..6] {
            (slice.good, slice.bad) = (0, 2);
        }
        assert_eq!(minutes(&tally(&failed, &[])), [12, 3, 0, 0]);
        assert_eq!(minutes(&tally(&failed[..10], &[])), [7, 3, 5, 0]);
        assert_eq!(minutes(&tally(&[], &[])), [0, 0, 15, 0]);
    }

    #[test]
    fn a_run_that_comes_a_little_late_leaves_nothing_unknown() {
        let mut all: Vec<Slice> = (0..15).map(|it| minute(it, 2, 0)).collect();
        all[4] = minute(4, 1, 0);
        assert_eq!(tally(&all, &[]).unknown_ms, 0);
        all[5] = minute(5, 1, 0);
        assert_eq!(tally(&all, &[]).unknown_ms, 60_000);
    }

    #[test]
    fn what_is_planned_is_neither_good_nor_bad_and_counts_once() {
        let mut all: Vec<Slice> = (0..15).map(|it| minute(it, 2, 0)).collect();
        for slice in &mut all[5..10] {
            (slice.good, slice.bad) = (0, 2);
        }
        let planned = |from, until| Planned {
            from: at(from),
            until: at(until),
        };
        let tally = tally(&all, &[planned(5, 9), planned(7, 10), planned(-20, -10)]);
        assert_eq!(minutes(&tally), [10, 0, 0, 5]);
        assert_eq!(tally.bad, 0);
    }

    #[test]
    fn all_the_time_is_accounted_for() {
        for known in 0..15 {
            let slices: Vec<Slice> = (0..known).map(|it| minute(it, it % 3, 2)).collect();
            let window = Planned {
                from: at(known / 2),
                until: at(known),
            };
            assert_eq!(tally(&slices, &[window]).all_ms(), 15 * 60_000);
        }
    }
    /// Of a quarter of an hour, and what comes after it.
    fn settled(slices: &[Slice], every: TimeDelta) -> [i64; 4] {
        let tally = Tally::settled(slices, &[], (at(0), at(15)), every);
        assert_eq!(tally.all_ms(), 15 * 60_000);
        [
            tally.good_ms,
            tally.bad_ms,
            tally.unknown_ms,
            tally.planned_ms,
        ]
        .map(|ms| ms / 1_000)
    }

    #[test]
    fn a_result_that_is_missing_is_unknown_for_good() {
        let half_a_minute = TimeDelta::seconds(30);
        let mut all: Vec<Slice> = (0..16).map(|it| minute(it, 2, 0)).collect();
        assert_eq!(settled(&all, half_a_minute), [900, 0, 0, 0]);
        all[4] = minute(4, 1, 0);
        assert_eq!(settled(&all, half_a_minute), [870, 0, 30, 0]);
        // It came a moment late, and stands in the next quarter.
        all[4] = minute(4, 2, 0);
        all[14] = minute(14, 1, 0);
        all[15] = minute(15, 3, 0);
        assert_eq!(settled(&all, half_a_minute), [900, 0, 0, 0]);
        assert_eq!(settled(&[], half_a_minute), [0, 0, 900, 0]);
    }

    #[test]
    fn an_interval_that_does_not_divide_a_quarter_leaves_a_rest_and_no_gap() {
        let forty = TimeDelta::seconds(40);
        let all: Vec<Slice> = (0..15)
            .map(|it| minute(it, if it % 2 == 0 { 2 } else { 1 }, 0))
            .collect();
        let results: i64 = all.iter().map(Slice::results).sum();
        assert_eq!(results, 23);
        let one_less = Slice { good: 1, ..all[0] };
        let with = |first| [&[first], &all[1..]].concat();
        let thinned: Vec<Slice> = with(one_less)
            .into_iter()
            .map(|it| Slice {
                stands_for: forty * i32::try_from(it.good).unwrap(),
                ..it
            })
            .collect();
        assert_eq!(settled(&thinned, forty), [900, 0, 0, 0]);
        assert_eq!(settled(&thinned[1..], forty), [840, 0, 60, 0]);
    }

    fn report(seconds: i64, is_good: bool) -> Slice {
        Slice {
            at: at(0) + TimeDelta::seconds(seconds),
            lasts: TimeDelta::zero(),
            good: is_good.into(),
            bad: (!is_good).into(),
            stands_for: TimeDelta::minutes(5),
            demo: false,
        }
    }

    #[test]
    fn a_report_stands_until_the_next_is_due() {
        let five = TimeDelta::minutes(5);
        let known = |seconds: &[i64]| {
            let all: Vec<Slice> = seconds.iter().map(|it| report(*it, true)).collect();
            let [good, _, unknown, _] = settled(&all, five);
            (good, unknown)
        };
        assert_eq!(known(&[2, 301, 603]), (898, 2));
        // One that came just before, and each a little later than the one before.
        assert_eq!(known(&[-1, 301, 603]), (900, 0));
        assert_eq!(known(&[2, 603]), (607, 293));
        assert_eq!(known(&[0, 300]), (610, 290));
        assert_eq!(known(&[]), (0, 900));
        assert_eq!(known(&[-100]), (0, 900));
    }

    #[test]
    fn runs_a_minute_or_more_apart_are_missed_one_by_one() {
        let five = TimeDelta::minutes(5);
        let run = |start: i64| Slice {
            good: 1,
            bad: 0,
            ..minute(start, 1, 0)
        };
        let known = |starts: &[i64]| {
            let all: Vec<Slice> = starts.iter().map(|it| run(*it)).collect();
            settled(&all, five)[2]
        };
        assert_eq!(known(&[-3, 2, 7, 12, 17]), 0);
        assert_eq!(known(&[-3, 2, 8, 12]), 0, "a moment later than its minute");
        assert_eq!(known(&[-3, 2, 12]), 240);
        assert_eq!(known(&[2, 7]), 120 + 120);
    }
}
