//! Pictures the size of a word, for tables and tiles.

use askama::Template;
use askama::filters::HtmlSafe;

use super::Lamp;
use super::chart::Series;
use super::format::decimal;
use super::plot::{HEIGHT, area, line, runs, x};

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
