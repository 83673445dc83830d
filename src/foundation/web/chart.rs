//! Charts drawn on the server as SVG. Pure: readings in, geometry out.
//!
//! Invariants:
//! - what is unknown is a gap, never a line between its neighbours and never zero;
//! - at most [`MAX_POINTS`] buckets: grouping is the database's work;
//! - the same readings stand in a table below, so the chart prints and can be read without seeing it;
//! - geometry is SVG attributes, colour is the style sheet's: the content policy allows no style attribute.
//!
//! The plot stretches to the width of its place with strokes that do not scale, and its labels are HTML beside it, so
//! that text keeps its size on a phone.

use std::fmt::Write as _;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::Lamp;
use super::format::decimal;
use super::plot::{HEIGHT, Scale, TICKS, WIDTH, area, at, bars, line, runs, share, x};

/// Buckets that a chart takes; of more, the latest are drawn.
pub const MAX_POINTS: usize = 300;

/// One line of readings, a bucket each; `None` where nothing is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

impl Series {
    pub fn new(name: impl Into<String>, mut values: Vec<Option<f64>>) -> Self {
        let surplus = values.len().saturating_sub(MAX_POINTS);
        values.drain(..surplus);
        for value in &mut values {
            *value = value.filter(|value| value.is_finite());
        }
        Self {
            name: name.into(),
            values,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Line,
    Area,
    Bars,
}

/// A limit that the readings are held against.
#[derive(Clone, Debug, PartialEq)]
struct Threshold {
    lamp: Lamp,
    label: String,
    value: f64,
}

/// What to draw; [`Chart::draw`] makes the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    id: String,
    title: String,
    unit: String,
    shape: Shape,
    /// When the last bucket ends, and how long each is.
    end: DateTime<Utc>,
    step: TimeDelta,
    series: Vec<Series>,
    thresholds: Vec<Threshold>,
}

impl Chart {
    /// `id` is unique in the page; the last bucket of every series ends at `end`.
    pub fn line(
        id: impl Into<String>,
        title: impl Into<String>,
        unit: impl Into<String>,
        end: DateTime<Utc>,
        step: TimeDelta,
    ) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            unit: unit.into(),
            shape: Shape::Line,
            end,
            step,
            series: Vec::new(),
            thresholds: Vec::new(),
        }
    }

    /// Fills below the first series.
    #[must_use]
    pub fn filled(mut self) -> Self {
        self.shape = Shape::Area;
        self
    }

    /// Bars, for counts per bucket; one series.
    #[must_use]
    pub fn bars(mut self) -> Self {
        self.shape = Shape::Bars;
        self
    }

    /// Up to four lines stay distinguishable.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        debug_assert!(self.series.len() < 4, "a fifth line has no colour");
        self.series.push(series);
        self
    }

    /// A limit, drawn dashed in its lamp's colour and named in the legend.
    #[must_use]
    pub fn threshold(mut self, lamp: Lamp, label: impl Into<String>, value: f64) -> Self {
        self.thresholds.push(Threshold {
            lamp,
            label: label.into(),
            value,
        });
        self
    }

    /// Draws with times told in the reader's zone.
    pub fn draw(&self, zone: Tz) -> Drawing {
        let buckets = self
            .series
            .iter()
            .map(|s| s.values.len())
            .max()
            .unwrap_or(0);
        let scale = Scale::over(self.extent());
        let marks = self
            .series
            .iter()
            .enumerate()
            .map(|(index, series)| self.mark(index, series, buckets, scale))
            .collect();
        Drawing {
            id: self.id.clone(),
            title: self.title.clone(),
            unit: self.unit.clone(),
            summary: self.summary(),
            grid: (0..=TICKS)
                .map(|tick| at(HEIGHT * share(tick, TICKS)))
                .collect(),
            y_labels: scale.labels(),
            x_labels: self.time_labels(buckets, zone),
            gaps: self.gaps(buckets),
            marks,
            limits: self
                .thresholds
                .iter()
                .map(|threshold| Limit {
                    lamp: threshold.lamp,
                    y: at(scale.y(threshold.value)),
                    label: format!(
                        "{} {} {}",
                        threshold.label,
                        decimal(threshold.value, 2),
                        self.unit
                    ),
                })
                .collect(),
            rows: self.rows(buckets, zone),
        }
    }

    fn mark(&self, index: usize, series: &Series, buckets: usize, scale: Scale) -> Mark {
        let runs = runs(&series.values);
        let point = |bucket: usize, value: f64| (x(bucket, buckets), scale.y(value));
        let mut mark = Mark {
            class: index + 1,
            name: series.name.clone(),
            ..Mark::default()
        };
        for run in &runs {
            let points: Vec<_> = run
                .iter()
                .map(|&(bucket, value)| point(bucket, value))
                .collect();
            match self.shape {
                Shape::Bars => bars(&mut mark.bars, &points, buckets),
                _ => line(&mut mark.line, &points),
            }
            if self.shape == Shape::Area && index == 0 {
                area(&mut mark.area, &points);
            }
        }
        mark
    }

    fn known(&self) -> impl Iterator<Item = f64> {
        self.series
            .iter()
            .flat_map(|series| series.values.iter().flatten().copied())
    }

    /// Lowest and highest of what is drawn; always with zero, because a cut axis exaggerates.
    fn extent(&self) -> (f64, f64) {
        self.known()
            .chain(self.thresholds.iter().map(|threshold| threshold.value))
            .fold((0.0, 0.0), |(low, high), value| {
                (low.min(value), high.max(value))
            })
    }

    /// What a reader who does not see the picture is told.
    fn summary(&self) -> String {
        let mut text = String::new();
        for series in &self.series {
            let known: Vec<_> = series.values.iter().flatten().copied().collect();
            let unknown = series.values.len() - known.len();
            let (Some(&last), Some(low), Some(high)) = (
                known.last(),
                known.iter().copied().reduce(f64::min),
                known.iter().copied().reduce(f64::max),
            ) else {
                let _ = write!(text, "{}: nothing known. ", series.name);
                continue;
            };
            let unit = &self.unit;
            let _ = write!(
                text,
                "{}: from {} to {} {unit}, last {} {unit}",
                series.name,
                decimal(low, 2),
                decimal(high, 2),
                decimal(last, 2),
            );
            if unknown > 0 {
                let _ = write!(
                    text,
                    ", unknown in {unknown} of {} intervals",
                    series.values.len()
                );
            }
            text.push_str(". ");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Intervals in which no series knows anything, as (x, width).
    fn gaps(&self, buckets: usize) -> Vec<(String, String)> {
        let known = |bucket: usize| {
            self.series
                .iter()
                .any(|series| series.values.get(bucket).is_some_and(Option::is_some))
        };
        let mut gaps = Vec::new();
        let mut bucket = 0;
        while bucket < buckets {
            let from = bucket;
            while bucket < buckets && !known(bucket) {
                bucket += 1;
            }
            if bucket > from {
                let width = WIDTH * share(bucket - from, buckets);
                gaps.push((at(WIDTH * share(from, buckets)), at(width)));
            }
            bucket += 1;
        }
        gaps
    }

    fn start_of(&self, bucket: usize, buckets: usize) -> DateTime<Utc> {
        let back = i32::try_from(buckets - bucket).unwrap_or(i32::MAX);
        self.end - self.step * back
    }

    fn time_labels(&self, buckets: usize, zone: Tz) -> Vec<String> {
        let span = self.end - self.start_of(0, buckets);
        let pattern = if span <= TimeDelta::hours(36) {
            "%H:%M"
        } else {
            "%-d %b"
        };
        (0..=TICKS)
            .map(|tick| {
                let back = span
                    - span * i32::try_from(tick).unwrap_or(0) / i32::try_from(TICKS).unwrap_or(1);
                (self.end - back)
                    .with_timezone(&zone)
                    .format(pattern)
                    .to_string()
            })
            .collect()
    }

    fn rows(&self, buckets: usize, zone: Tz) -> Vec<Row> {
        (0..buckets)
            .map(|bucket| Row {
                when: self
                    .start_of(bucket, buckets)
                    .with_timezone(&zone)
                    .format("%-d %b %Y, %H:%M:%S")
                    .to_string(),
                values: self
                    .series
                    .iter()
                    .map(|series| {
                        let value = series.values.get(bucket).copied().flatten();
                        value.map_or_else(|| "unknown".to_owned(), |value| decimal(value, 2))
                    })
                    .collect(),
            })
            .collect()
    }
}

/// A chart as it stands in the page; print it with `{{ drawing }}`.
#[derive(Clone, Debug, Template)]
#[template(path = "components/chart.html")]
pub struct Drawing {
    id: String,
    title: String,
    unit: String,
    summary: String,
    grid: Vec<String>,
    y_labels: Vec<String>,
    x_labels: Vec<String>,
    gaps: Vec<(String, String)>,
    marks: Vec<Mark>,
    limits: Vec<Limit>,
    rows: Vec<Row>,
}

/// Its own template escapes the words; the rest is numbers.
impl HtmlSafe for Drawing {}

#[derive(Clone, Debug, Default)]
struct Mark {
    class: usize,
    name: String,
    line: String,
    area: String,
    bars: String,
}

#[derive(Clone, Debug)]
struct Limit {
    lamp: Lamp,
    y: String,
    label: String,
}

#[derive(Clone, Debug)]
struct Row {
    when: String,
    values: Vec<String>,
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
