//! Where the use of something is going. Pure.
//!
//! The line is Theil and Sen's: its slope is the median of the slopes between all pairs of days, so that a day that was
//! out of the ordinary does not bend it. It goes through the median of what the days lie above it.

/// Fewer days than this show no trend.
pub const LEAST_DAYS: usize = 14;
/// No more days than this are looked at.
pub const MOST_DAYS: i64 = 60;
/// Further ahead than this nobody is told of.
const FURTHEST_DAYS: f64 = 730.0;

/// What was in use on a day; days are counted from any one on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    pub number: i64,
    pub high: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// By how much it grows a day.
    pub slope: f64,
    /// Where it is on the last day.
    pub last: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outlook {
    NotEnough {
        days: usize,
    },
    NotGrowing,
    /// In more than two years.
    Far,
    Full {
        in_days: f64,
    },
    /// It is there.
    Reached,
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, upper))
}

/// The line through these days, oldest first.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "days are few")]
pub fn line(days: &[Day]) -> Option<Line> {
    let last = days.last()?.number;
    let pairs = days
        .iter()
        .enumerate()
        .flat_map(|(index, a)| days[index + 1..].iter().map(move |b| (a, b)))
        .filter(|(a, b)| b.number > a.number);
    let slopes = pairs.map(|(a, b)| (b.high - a.high) / (b.number - a.number) as f64);
    let slope = median(slopes.collect())?;
    let above = days
        .iter()
        .map(|day| day.high - slope * (day.number - last) as f64);
    Some(Line {
        slope,
        last: median(above.collect())?,
    })
}

/// When the limit is reached if it goes on like that.
#[must_use]
pub fn outlook(days: &[Day], limit: f64) -> Outlook {
    if days.last().is_some_and(|day| day.high >= limit) {
        return Outlook::Reached;
    }
    let (true, Some(line)) = (days.len() >= LEAST_DAYS, line(days)) else {
        return Outlook::NotEnough { days: days.len() };
    };
    // A thousandth of the limit in a month is standing still.
    if line.slope * 30.0 <= limit / 1_000.0 {
        return Outlook::NotGrowing;
    }
    let in_days = ((limit - line.last) / line.slope).max(0.0);
    if in_days > FURTHEST_DAYS {
        Outlook::Far
    } else {
        Outlook::Full { in_days }
    }
}

/// "full in about 9 weeks"
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "at most two years of days")]
pub fn words(outlook: Outlook) -> String {
    match outlook {
        Outlook::NotEnough { days } => {
            format!("not enough data: {days} of {LEAST_DAYS} days")
        }
        Outlook::NotGrowing => "not growing".to_owned(),
        Outlook::Far => "not full within two years".to_owned(),
        Outlook::Reached => "full".to_owned(),
        Outlook::Full { in_days } if in_days < 1.0 => "full within a day".to_owned(),
        Outlook::Full { in_days } if in_days < 14.0 => {
            let days = in_days.round() as i64;
            format!(
                "full in about {days} {}",
                if days == 1 { "day" } else { "days" }
            )
        }
        Outlook::Full { in_days } => {
            format!("full in about {} weeks", (in_days / 7.0).round() as i64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(highs: impl IntoIterator<Item = f64>) -> Vec<Day> {
        (0..)
            .zip(highs)
            .map(|(number, high)| Day { number, high })
            .collect()
    }

    fn growing(count: u32, by: f64) -> Vec<Day> {
        days((0..count).map(|day| 10.0 + f64::from(day) * by))
    }

    #[test]
    fn a_steady_growth_reaches_its_limit_when_it_says() {
        let days = growing(30, 1.0);
        let line = line(&days).unwrap();
        assert!((line.slope - 1.0).abs() < 1e-9 && (line.last - 39.0).abs() < 1e-9);
        assert_eq!(words(outlook(&days, 102.0)), "full in about 9 weeks");
        assert_eq!(words(outlook(&days, 49.0)), "full in about 10 days");
        assert_eq!(words(outlook(&days, 40.0)), "full in about 1 day");
        assert_eq!(words(outlook(&days, 39.0)), "full");
        assert_eq!(outlook(&days, 100_000.0), Outlook::NotGrowing);
        assert_eq!(outlook(&days, 2_000.0), Outlook::Far);
    }

    #[test]
    fn a_few_days_out_of_the_ordinary_do_not_bend_it() {
        let mut days = growing(30, 1.0);
        for day in [3, 11, 12, 20] {
            days[day].high = 500.0;
        }
        let line = line(&days).unwrap();
        assert!((line.slope - 1.0).abs() < 0.2, "{line:?}");
        assert!(
            matches!(outlook(&days, 102.0), Outlook::Full { in_days } if (55.0..75.0).contains(&in_days))
        );
    }

    #[test]
    fn too_few_days_show_nothing_and_a_flat_line_does_not_grow() {
        assert_eq!(
            outlook(&growing(13, 1.0), 100.0),
            Outlook::NotEnough { days: 13 }
        );
        assert_eq!(words(outlook(&[], 100.0)), "not enough data: 0 of 14 days");
        assert_eq!(outlook(&growing(30, 0.0), 100.0), Outlook::NotGrowing);
        assert_eq!(outlook(&growing(30, -0.1), 100.0), Outlook::NotGrowing);
    }

    #[test]
    fn days_that_are_missing_are_no_days() {
        let days: Vec<Day> = growing(60, 1.0).into_iter().step_by(3).collect();
        let line = line(&days).unwrap();
        assert!((line.slope - 1.0).abs() < 1e-9);
    }
}
