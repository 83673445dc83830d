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

/// Buckets that a chart takes; of more, the latest are drawn.
pub const MAX_POINTS: usize = 300;

/// Units of the plot's own coordinates.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;
const TICKS: usize = 4;

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

/// From values to heights, with round ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    low: f64,
    step: f64,
}

impl Scale {
    /// The smallest round step (1, 2, 2.5 or 5 times a power of ten) whose ticks cover the extent.
    fn over((low, high): (f64, f64)) -> Self {
        let ticks = f64::from(u32::try_from(TICKS).unwrap_or(1));
        let raw = (high - low) / ticks;
        if raw <= 0.0 {
            return Self { low, step: 0.25 };
        }
        let power = 10f64.powf(raw.log10().floor() - 1.0);
        let (base, step) = [10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 250.0, 500.0]
            .into_iter()
            .map(|factor| factor * power)
            .map(|step| ((low / step).floor() * step, step))
            .find(|(base, step)| base + step * ticks >= high * (1.0 - 1e-9))
            .unwrap_or((low, raw));
        Self { low: base, step }
    }

    fn y(self, value: f64) -> f64 {
        let ticks = f64::from(u32::try_from(TICKS).unwrap_or(1));
        HEIGHT - HEIGHT * (value - self.low) / (self.step * ticks)
    }

    /// From the top down, as the page lists them.
    fn labels(self) -> Vec<String> {
        (0..=TICKS)
            .rev()
            .map(|tick| {
                decimal(
                    self.low + self.step * f64::from(u32::try_from(tick).unwrap_or(0)),
                    2,
                )
            })
            .collect()
    }
}

/// Neighbouring known readings, apart from the next such run.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut open = false;
    for (bucket, value) in values.iter().enumerate() {
        match value {
            Some(value) if open => {
                if let Some(run) = runs.last_mut() {
                    run.push((bucket, *value));
                }
            }
            Some(value) => runs.push(vec![(bucket, *value)]),
            None => {}
        }
        open = value.is_some();
    }
    runs
}

/// A run of one point is a stroke of no length, which round caps make a dot.
fn line(path: &mut String, points: &[(f64, f64)]) {
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(
            path,
            "{}{} {}",
            if index == 0 { "M" } else { "L" },
            at(*x),
            at(*y)
        );
    }
    if let [(x, y)] = points {
        let _ = write!(path, "L{} {}", at(*x), at(*y));
    }
}

fn area(path: &mut String, points: &[(f64, f64)]) {
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        line(path, points);
        let _ = write!(path, "L{} {HEIGHT}L{} {HEIGHT}Z", at(last.0), at(first.0));
    }
}

#[allow(clippy::cast_precision_loss)]
fn bars(path: &mut String, points: &[(f64, f64)], buckets: usize) {
    let width = WIDTH / buckets.max(1) as f64 * 0.8;
    for (x, y) in points {
        let _ = write!(
            path,
            "M{} {HEIGHT}V{}h{}V{HEIGHT}Z",
            at(x - width / 2.0),
            at(*y),
            at(width)
        );
    }
}

/// The middle of a bucket.
#[allow(clippy::cast_precision_loss)]
fn x(bucket: usize, buckets: usize) -> f64 {
    (bucket as f64 + 0.5) / buckets.max(1) as f64 * WIDTH
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// A coordinate, to a tenth of a unit.
fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A line the size of a word, for tables and tiles.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "components/spark.html")]
pub struct Spark {
    label: String,
    line: String,
    area: String,
}

impl HtmlSafe for Spark {}

impl Spark {
    /// `what` says what the line is ("p95 of the last hour, ms"): it is spoken with its last and highest value.
    pub fn new(what: &str, values: Vec<Option<f64>>) -> Self {
        let series = Series::new("", values);
        let known = || series.values.iter().flatten().copied();
        let high = known().fold(0.0, f64::max);
        let label = match known().last() {
            Some(last) => format!(
                "{what}: last {}, highest {}",
                decimal(last, 1),
                decimal(high, 1)
            ),
            None => format!("{what}: unknown"),
        };
        let mut spark = Self {
            label,
            line: String::new(),
            area: String::new(),
        };
        let ceiling = if high > 0.0 { high } else { 1.0 };
        for run in runs(&series.values) {
            let points: Vec<_> = run
                .iter()
                .map(|&(bucket, value)| {
                    (
                        x(bucket, series.values.len()),
                        HEIGHT * (0.95 - 0.9 * (value / ceiling).max(0.0)),
                    )
                })
                .collect();
            line(&mut spark.line, &points);
            area(&mut spark.area, &points);
        }
        spark
    }
}

/// One cell a day, oldest first; worse days stand taller, so that the bar reads without its colours.
#[derive(Clone, Debug, Template)]
#[template(path = "components/days.html")]
pub struct Days {
    label: String,
    cells: Vec<Cell>,
}

impl HtmlSafe for Days {}

#[derive(Clone, Debug)]
struct Cell {
    lamp: Lamp,
    x: usize,
    y: usize,
    height: usize,
    title: String,
}

impl Days {
    /// `days` gives for each day its state and a sentence ("20 Nov: down 4 min").
    pub fn new(label: impl Into<String>, days: impl IntoIterator<Item = (Lamp, String)>) -> Self {
        let cells = days.into_iter().enumerate().map(|(index, (lamp, title))| {
            let height = match lamp {
                Lamp::Red => 32,
                Lamp::Yellow => 26,
                Lamp::Blue | Lamp::Clear => 18,
                Lamp::Unknown => 6,
            };
            Cell {
                lamp,
                x: index * 10,
                y: 32 - height,
                height,
                title,
            }
        });
        Self {
            label: label.into(),
            cells: cells.collect(),
        }
    }

    fn width(&self) -> usize {
        (self.cells.len() * 10).max(10)
    }
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
