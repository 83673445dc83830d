//! What was bad each day, as pictures.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::budget::Target;
use super::store::Spent;
use crate::foundation::web::chart::{Chart, Drawing, Series};
use crate::foundation::web::spark::Spark;

/// Days of the small trend and of the chart.
pub const TREND_DAYS: i64 = 30;
pub const CHART_DAYS: i64 = 90;

/// What was bad each day, in minutes or in results; a day of which nothing is known is a gap.
fn bad_of_days(
    days: &[Spent],
    target: &Target,
    count: i64,
    end: DateTime<Utc>,
) -> Vec<Option<f64>> {
    let mut values = vec![None; usize::try_from(count).unwrap_or(0)];
    for day in days {
        // Days with a change of clocks are an hour off, and still nearest to their own.
        let middle = day.at + (day.until - day.at) / 2;
        let back = (end - middle).num_days();
        let place = usize::try_from(count - 1 - back).ok();
        let Some(value) = place.and_then(|place| values.get_mut(place)) else {
            continue;
        };
        if day.tally.known_ms() > 0 {
            #[allow(clippy::cast_precision_loss, reason = "a day has few of either")]
            let bad = if target.of_time {
                day.tally.bad_ms as f64 / 60_000.0
            } else {
                day.tally.bad as f64
            };
            *value = Some(bad);
        }
    }
    values
}

fn end_of(days: &[Spent], now: DateTime<Utc>) -> DateTime<Utc> {
    days.last().map_or(now, |day| day.until)
}

/// The small trend of a list.
#[must_use]
pub fn spark(days: &[Spent], target: &Target, now: DateTime<Utc>) -> Spark {
    let what = if target.of_time {
        "bad minutes a day, 30 days"
    } else {
        "bad results a day, 30 days"
    };
    Spark::new(
        what,
        bad_of_days(days, target, TREND_DAYS, end_of(days, now)),
    )
}

/// The last ninety days, each a bar.
#[must_use]
pub fn chart(days: &[Spent], target: &Target, now: DateTime<Utc>, zone: Tz) -> Drawing {
    let (title, unit) = if target.of_time {
        ("What was bad each day, last 90 days", "min")
    } else {
        ("What was bad each day, last 90 days", "results")
    };
    let end = end_of(days, now);
    let values = bad_of_days(days, target, CHART_DAYS, end);
    Chart::line("days", title, unit, end, TimeDelta::days(1))
        .bars()
        .series(Series::new("bad", values))
        .draw(zone)
}
