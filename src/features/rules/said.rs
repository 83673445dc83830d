//! From what is kept to what a source said, moment by moment. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::replay::{Said, What};
use crate::features::alerts::rule::{Beat, Reading};
use crate::features::health::series::{self, Figure, Moment, Point, Series};
use crate::features::packs::pack::{Is, Labels, ProbeState, Selector, Source};
use crate::features::packs::quantity::Lasting;

/// A time in which somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// Times in which there was a result, each good for `lasts` beyond its end; those that meet become one.
#[must_use]
pub fn merged(results: &[(DateTime<Utc>, TimeDelta)], lasts: TimeDelta) -> Vec<Looked> {
    let mut sorted = results.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<Looked> = Vec::new();
    for (from, length) in sorted {
        let until = from + length + lasts;
        match merged.last_mut() {
            Some(last) if from <= last.until => last.until = last.until.max(until),
            _ => merged.push(Looked { from, until }),
        }
    }
    merged
}

/// The times in which somebody looked for something that was there in these, without the ends of each that are known no finer
/// than they are kept: `grain`. The end of one that reaches into `now` is known.
#[must_use]
pub fn trimmed(
    looked: &[Looked],
    there: &[Looked],
    grain: TimeDelta,
    now: DateTime<Utc>,
) -> Vec<Looked> {
    let trim = |span: &Looked| {
        let mut span = *span;
        let first = there.iter().find(|it| it.until > span.from);
        let last = there.iter().rfind(|it| it.from < span.until);
        let is_near = |apart: TimeDelta| apart > TimeDelta::zero() && apart < grain;
        if let Some(first) = first.filter(|it| is_near(it.from - span.from)) {
            span.from = first.from;
        }
        if let Some(last) = last.filter(|it| span.until < now && is_near(span.until - it.until)) {
            span.until = last.until;
        }
        span
    };
    let spans = looked.iter().map(trim);
    spans.filter(|span| span.from < span.until).collect()
}

/// How a probe stood, where somebody looked.
#[must_use]
pub fn states(states: &[(DateTime<Utc>, ProbeState)], looked: &[Looked]) -> Vec<Said> {
    within(states, looked, |state| Reading::State(*state))
}

/// Values that hold until the next, cut to the times in which somebody looked.
pub fn within<T>(
    values: &[(DateTime<Utc>, T)],
    looked: &[Looked],
    reading: impl Fn(&T) -> Reading,
) -> Vec<Said> {
    let mut said = Vec::new();
    for span in looked {
        let first = values.iter().rfind(|(at, _)| *at <= span.from);
        said.extend(first.map(|(_, value)| Said::reads(span.from, reading(value))));
        let inside = values
            .iter()
            .filter(|(at, _)| *at > span.from && *at < span.until);
        said.extend(inside.map(|(at, value)| Said::reads(*at, reading(value))));
        said.push(Said::nothing(span.until));
    }
    said
}

/// What runs took: of each the last `results` in a row. After a run, the next is heard of within `lasts`.
#[must_use]
pub fn latencies(
    runs: &[(DateTime<Utc>, Option<i64>)],
    results: usize,
    lasts: TimeDelta,
) -> Vec<Said> {
    let mut row: Vec<i64> = Vec::new();
    let mut said = Vec::with_capacity(runs.len());
    for (index, (at, latency)) in runs.iter().enumerate() {
        if let Some(latency) = latency {
            row.insert(0, *latency);
            row.truncate(results);
            said.push(Said::reads(*at, Reading::Latencies(row.clone())));
        } else {
            row.clear();
            said.push(Said::nothing(*at));
        }
        let next = runs.get(index + 1).map(|(at, _)| *at);
        if next.is_none_or(|next| next > *at + lasts) {
            said.push(Said::nothing(*at + lasts));
        }
    }
    said
}

/// Values that were reported, each good for `lasts`, where it is not good until the next.
#[must_use]
pub fn reported(reports: &[(DateTime<Utc>, f64)], lasts: Option<TimeDelta>) -> Vec<Said> {
    let mut said = Vec::with_capacity(reports.len());
    for (index, (at, value)) in reports.iter().enumerate() {
        said.push(Said::reads(*at, Reading::Number(*value)));
        let stale = lasts.map(|lasts| *at + lasts + TimeDelta::milliseconds(1));
        let next = reports.get(index + 1).map(|(at, _)| *at);
        if let Some(stale) = stale.filter(|stale| next.is_none_or(|next| next > *stale)) {
            said.push(Said::nothing(stale));
        }
    }
    said
}

/// How long ago the last report was. What was never reported is as late as if it had been when it was declared.
#[must_use]
pub fn ages(
    reports: &[(DateTime<Utc>, f64)],
    declared_at: DateTime<Utc>,
    from: DateTime<Utc>,
) -> Vec<Said> {
    let reported = reports.iter().map(|(at, _)| *at);
    let declared = Said {
        at: declared_at.max(from),
        what: What::AgesSince(declared_at),
    };
    let later = reported.filter(|at| *at >= declared_at).map(|at| Said {
        at: at.max(from),
        what: What::AgesSince(at),
    });
    std::iter::once(declared).chain(later).collect()
}

/// How many events there were since `from`.
#[must_use]
pub fn events(events: &[DateTime<Utc>], from: DateTime<Utc>) -> Vec<Said> {
    let mut total = 0;
    let each = events.iter().map(|at| {
        total += 1;
        Said::reads(*at, Reading::Events(total))
    });
    let none = Said::reads(from, Reading::Events(0));
    std::iter::once(none)
        .chain(each.collect::<Vec<_>>())
        .collect()
}

/// Whether a heartbeat was up or down; nothing where none of it was ever heard.
#[must_use]
pub fn beats(turns: &[(DateTime<Utc>, Option<Is>)]) -> Vec<Said> {
    let said = |(at, is): &(DateTime<Utc>, Option<Is>)| match is {
        Some(is) => {
            let beat = Beat {
                is: *is,
                since: *at,
            };
            Said::reads(*at, Reading::Beat(beat))
        }
        None => Said::nothing(*at),
    };
    turns.iter().map(said).collect()
}

/// How the worst operation of a connector stood, of what is known of each: its name, since when, and how.
#[must_use]
pub fn worst<N: PartialEq + Copy>(turns: &[(N, DateTime<Utc>, Is)]) -> Vec<Said> {
    let rank = |is: &Is| match is {
        Is::Open => 2,
        Is::Disabled => 1,
        _ => 0,
    };
    let mut known: Vec<(N, Is)> = Vec::new();
    let mut turned: Vec<(DateTime<Utc>, Option<Is>)> = Vec::new();
    for (name, at, is) in turns {
        known.retain(|(other, _)| other != name);
        known.push((*name, *is));
        let worst = known.iter().map(|(_, is)| *is).max_by_key(rank);
        match turned.last_mut() {
            Some((last, was)) if *last == *at => *was = worst,
            Some((_, was)) if *was == worst => {}
            _ => turned.push((*at, worst)),
        }
    }
    beats(&turned)
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// How many lines there were in the time that ended then, from when on that is known. A minute's lines are there when it is
/// over.
#[must_use]
pub fn lines(
    minutes: &[(DateTime<Utc>, i64)],
    within: TimeDelta,
    begins: DateTime<Utc>,
) -> Vec<Said> {
    let come = minutes.iter().map(|(at, lines)| (*at + MINUTE, *lines));
    let go = minutes
        .iter()
        .map(|(at, lines)| (*at + within + MINUTE, -*lines));
    let mut turns: Vec<(DateTime<Utc>, i64)> = come.chain(go).collect();
    turns.sort_unstable();
    let mut total = 0;
    let mut said = vec![Said::reads(begins, Reading::Number(0.0))];
    for (at, lines) in turns {
        total += lines;
        let reading = Reading::Number(total as f64);
        match said.last_mut() {
            Some(last) if last.at >= at => last.what = What::Reads(reading),
            _ => said.push(Said::reads(at, reading)),
        }
    }
    said
}

/// A step of a figure, the value in it that counts most, and its last one. The step that runs ends now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped {
    pub begins: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    pub extreme: f64,
    pub last: f64,
}

/// What a figure was step by step. The extreme of a step is read for one `tick` within it, because nobody knows for how
/// long it stood; then what stood before is read again, and the last value from the end of its step until the next, or for
/// `lasts`.
#[must_use]
pub fn stepped(steps: &[Stepped], tick: TimeDelta, lasts: TimeDelta) -> Vec<Said> {
    let number = |at, value| Said::reads(at, Reading::Number(value));
    let mut said = Vec::with_capacity(steps.len() * 3);
    let mut stands: Option<f64> = None;
    for (index, step) in steps.iter().enumerate() {
        if step.extreme.total_cmp(&step.last).is_ne() {
            let at = step.begins + (step.ends - step.begins).max(TimeDelta::zero()) / 2;
            said.push(number(at, step.extreme));
            if at + tick < step.ends {
                said.push(number(at + tick, stands.unwrap_or(step.last)));
            }
        }
        said.push(number(step.ends, step.last));
        stands = Some(step.last);
        let next = steps.get(index + 1).map(|next| next.begins);
        if next.is_none_or(|next| next > step.ends + lasts) {
            said.push(Said::nothing(step.ends + lasts));
            stands = None;
        }
    }
    said
}

/// One step of series taken together, by the bound of a bucket where they are buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub ends: DateTime<Utc>,
    pub le: Option<String>,
    pub value: f64,
}

const PART: &str = "part";
const WHOLE: &str = "whole";

/// Steps become series again: of what grows, by adding up; otherwise as they are.
#[must_use]
pub fn series(name: &str, taken: &[Taken], grows: bool) -> Vec<Series> {
    let mut found: Vec<Series> = Vec::new();
    for one in taken {
        let le = one.le.iter().map(|le| ("le".to_owned(), le.clone()));
        let labels: Labels = le.collect();
        let place = found.iter().position(|it| it.labels == labels);
        let place = place.unwrap_or_else(|| {
            found.push(Series {
                name: name.to_owned(),
                labels,
                points: Vec::new(),
            });
            found.len() - 1
        });
        let points = &mut found[place].points;
        let before = points.last().map_or(0.0, |point: &Point| point.value);
        points.push(Point {
            at_ms: one.ends.timestamp_millis(),
            value: if grows { before + one.value } else { one.value },
        });
    }
    found
}

/// A source as it reads the series that [`series`] makes, and what they are called there.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    pub source: Source,
    /// Its window is shorter than a step, and is read over a whole one.
    pub widened: bool,
    /// Of how much of a whole step a growth is told.
    scale: f64,
}

impl Rebuilt {
    /// The names under which the part and the whole of a share are made.
    #[must_use]
    pub const fn names() -> [&'static str; 2] {
        [PART, WHOLE]
    }

    #[must_use]
    pub fn of(source: &Source, step: TimeDelta) -> Self {
        let least = Lasting::from_millis(step.num_milliseconds());
        let window = source.window();
        let widened = window.is_some_and(|window| window < least);
        let wide = |window: Lasting| window.max(least);
        let scale = match (source, window) {
            (Source::Increase(_), Some(window)) if widened => {
                window.millis() as f64 / least.millis() as f64
            }
            _ => 1.0,
        };
        let mut source = source.clone();
        match &mut source {
            Source::Rate(of) | Source::Increase(of) => {
                of.select = Selector::named(WHOLE);
                of.window = wide(of.window);
            }
            Source::Share(of) => {
                of.part = Selector::named(PART);
                of.whole = Selector::named(WHOLE);
                of.window = of.window.map(wide);
            }
            Source::Quantile(of) => {
                of.select = Selector::named(WHOLE);
                of.window = wide(of.window);
            }
            _ => {}
        }
        Self {
            source,
            widened,
            scale,
        }
    }

    /// What it said at the end of each of these steps.
    #[must_use]
    pub fn said(&self, all: &[Series], ends: &[DateTime<Utc>]) -> Vec<Said> {
        let mut said: Vec<Said> = Vec::new();
        for at in ends {
            let now_ms = at.timestamp_millis();
            let is_read = |one: &Series| one.points.binary_search_by_key(&now_ms, |it| it.at_ms);
            let read = all.iter().any(|one| is_read(one).is_ok());
            let moment = Moment {
                now_ms,
                read_ms: read.then_some(now_ms),
            };
            let figure = match series::figure(&self.source, all, moment) {
                Figure::Number(number) => Figure::Number(number * self.scale),
                other => other,
            };
            let reading = Reading::of(figure);
            let same = |last: &Said| last.what == What::Reads(reading.clone());
            if !said.last().is_some_and(same) {
                said.push(Said::reads(*at, reading));
            }
        }
        said
    }
}

/// The ends of all steps between two moments.
#[must_use]
pub fn ends(from: DateTime<Utc>, until: DateTime<Utc>, step: TimeDelta) -> Vec<DateTime<Utc>> {
    let next = |at: &DateTime<Utc>| Some(*at + step);
    std::iter::successors(Some(from), next)
        .take_while(|at| *at <= until)
        .collect()
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
