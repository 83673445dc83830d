//! What series of scraped values say, reckoned as Prometheus reckons it, so that a rule which is carried over fires at
//! the same moment.

use crate::features::packs::pack::{
    AbsenceOf, GrowthOf, Labels, MetricOf, QuantileOf, Selector, ShareOf, Source, Take,
};
use crate::features::packs::quantity::Lasting;

/// A value and when it was scraped, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at_ms: i64,
    pub value: f64,
}

/// A metric with its labels, and its values, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub labels: Labels,
    pub points: Vec<Point>,
}

/// When is looked, and when a page was last read. What that page did not hold is not there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub now_ms: i64,
    pub read_ms: Option<i64>,
}

/// What a source says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    Number(f64),
    /// Too little was counted for the number to mean anything.
    Scarce,
    Absent(bool),
    Nothing,
}

/// What a source of scraped metrics says of the series of its scrape.
#[must_use]
pub fn figure(source: &Source, all: &[Series], moment: Moment) -> Figure {
    match source {
        Source::Metric(of) => metric(of, all, moment),
        Source::Rate(of) => {
            let growth = growth(of, all, moment);
            growth.map_or(Figure::Nothing, |it| {
                Figure::Number(it / seconds(of.window))
            })
        }
        Source::Increase(of) => growth(of, all, moment).map_or(Figure::Nothing, Figure::Number),
        Source::Share(of) => share(of, all, moment),
        Source::Quantile(of) => quantile(of, all, moment),
        Source::Absence(of) => absence(of, all, moment),
        _ => Figure::Nothing,
    }
}

fn seconds(window: Lasting) -> f64 {
    window.millis() as f64 / 1_000.0
}

fn selected<'s>(all: &'s [Series], select: &'s Selector) -> impl Iterator<Item = &'s Series> {
    let fits = |series: &&Series| select.matches(&series.name, &series.labels);
    all.iter().filter(fits)
}

impl Series {
    /// The value of the page that was last read.
    fn now(&self, moment: Moment) -> Option<f64> {
        let read = moment.read_ms?;
        let newest = self.points.iter().rev();
        let mut newest = newest.skip_while(|point| point.at_ms > read);
        newest
            .next()
            .filter(|point| point.at_ms == read)
            .map(|point| point.value)
    }

    /// What it grew by in the window that ends now, carried on to the window's ends as far as what was seen allows.
    /// A value under the one before it is a counter that began anew.
    #[must_use]
    pub fn growth(&self, now_ms: i64, window_ms: i64) -> Option<f64> {
        let start_ms = now_ms - window_ms;
        let from = self.points.partition_point(|it| it.at_ms < start_ms);
        let to = self.points.partition_point(|it| it.at_ms <= now_ms);
        let seen = &self.points[from..to.max(from)];
        let [first, .., last] = seen else { return None };
        let mut grown = last.value - first.value;
        for pair in seen.windows(2) {
            if pair[1].value < pair[0].value {
                grown += pair[0].value;
            }
        }
        let between = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1_000.0;
        let spanned = between(first.at_ms, last.at_ms);
        let apart = spanned / (seen.len() - 1) as f64;
        let mut before = between(start_ms, first.at_ms);
        let after = between(last.at_ms, now_ms);
        if grown > 0.0 && first.value >= 0.0 {
            // It cannot have been below nothing.
            before = before.min(spanned * (first.value / grown));
        }
        let carried = |gap: f64| if gap < apart * 1.1 { gap } else { apart / 2.0 };
        let reached = spanned + carried(before) + carried(after);
        Some(grown * (reached / spanned))
    }
}

/// The sum; nothing where there is nothing to add up.
fn sum(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn metric(of: &MetricOf, all: &[Series], moment: Moment) -> Figure {
    let values = selected(all, &of.select).filter_map(|series| series.now(moment));
    let taken = match of.take {
        None | Some(Take::Sum) => sum(values),
        Some(Take::Max) => values.reduce(f64::max),
        Some(Take::Min) => values.reduce(f64::min),
    };
    number(taken)
}

fn number(value: Option<f64>) -> Figure {
    match value {
        Some(value) if !value.is_nan() => Figure::Number(value),
        _ => Figure::Nothing,
    }
}

fn grown(all: &[Series], select: &Selector, window: Lasting, moment: Moment) -> Option<f64> {
    sum(selected(all, select).filter_map(|series| series.growth(moment.now_ms, window.millis())))
}

fn growth(of: &GrowthOf, all: &[Series], moment: Moment) -> Option<f64> {
    grown(all, &of.select, of.window, moment).filter(|it| !it.is_nan())
}

fn share(of: &ShareOf, all: &[Series], moment: Moment) -> Figure {
    let read = |select: &Selector| match of.window {
        Some(window) => grown(all, select, window, moment),
        None => sum(selected(all, select).filter_map(|series| series.now(moment))),
    };
    let Some(whole) = read(&of.whole) else {
        return Figure::Nothing;
    };
    let counted = of.window.is_some();
    if counted && whole < of.least {
        return Figure::Scarce;
    }
    match read(&of.part) {
        Some(part) => number(Some(part / whole)),
        // A counter begins with its first event: none yet is a share of nothing.
        None if counted => Figure::Number(0.0),
        None => Figure::Nothing,
    }
}

fn absence(of: &AbsenceOf, all: &[Series], moment: Moment) -> Figure {
    let mut there = selected(all, &of.select);
    Figure::Absent(!there.any(|series| series.now(moment).is_some()))
}

/// How many observations were at most so large.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    bound: f64,
    count: f64,
}

fn quantile(of: &QuantileOf, all: &[Series], moment: Moment) -> Figure {
    let name = of.buckets();
    let mut buckets: Vec<Bucket> = Vec::new();
    for series in all
        .iter()
        .filter(|it| it.name == name && of.select.fits(&it.labels))
    {
        let bound = series.labels.get("le").and_then(|le| le.parse().ok());
        let grown = series.growth(moment.now_ms, of.window.millis());
        let (Some(bound), Some(count)) = (bound, grown) else {
            continue;
        };
        match buckets
            .iter_mut()
            .find(|bucket| bucket.bound.total_cmp(&bound).is_eq())
        {
            Some(bucket) => bucket.count += count,
            None => buckets.push(Bucket { bound, count }),
        }
    }
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    match buckets.last() {
        Some(whole) if whole.bound == f64::INFINITY && buckets.len() > 1 => {
            if whole.count < of.least {
                return Figure::Scarce;
            }
            number(within(&mut buckets, of.quantile))
        }
        _ => Figure::Nothing,
    }
}

/// The bound that so large a share stays under, read off within its bucket as if spread evenly there. Above the
/// highest bound nothing is known but that bound.
fn within(buckets: &mut [Bucket], quantile: f64) -> Option<f64> {
    // Carried on to the ends of the window each by itself, they may come out of order by a hair.
    let mut highest = 0.0_f64;
    for bucket in &mut *buckets {
        highest = highest.max(bucket.count);
        bucket.count = highest;
    }
    let whole = buckets.last()?.count;
    if whole == 0.0 {
        return None;
    }
    let mut rank = quantile * whole;
    let finite = &buckets[..buckets.len() - 1];
    let index = finite.partition_point(|bucket| bucket.count < rank);
    let Some(found) = finite.get(index) else {
        return finite.last().map(|bucket| bucket.bound);
    };
    if index == 0 && found.bound <= 0.0 {
        return Some(found.bound);
    }
    let (mut start, mut count) = (0.0, found.count);
    if let Some(before) = index.checked_sub(1).map(|before| finite[before]) {
        start = before.bound;
        count -= before.count;
        rank -= before.count;
    }
    Some(start + (found.bound - start) * (rank / count))
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
