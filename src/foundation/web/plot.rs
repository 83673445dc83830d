//! Geometry of a plot: from readings to heights and SVG paths, in the plot's own coordinates.

use std::fmt::Write as _;

use super::format::decimal;

/// Units of the plot's own coordinates.
pub const WIDTH: f64 = 1000.0;
pub const HEIGHT: f64 = 200.0;
pub const TICKS: usize = 4;

/// From values to heights, with round ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub low: f64,
    pub step: f64,
}

impl Scale {
    /// The smallest round step (1, 2, 2.5 or 5 times a power of ten) whose ticks cover the extent.
    pub fn over((low, high): (f64, f64)) -> Self {
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

    pub fn y(self, value: f64) -> f64 {
        let ticks = f64::from(u32::try_from(TICKS).unwrap_or(1));
        HEIGHT - HEIGHT * (value - self.low) / (self.step * ticks)
    }

    /// From the top down, as the page lists them.
    pub fn labels(self) -> Vec<String> {
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
pub fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
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
pub fn line(path: &mut String, points: &[(f64, f64)]) {
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

pub fn area(path: &mut String, points: &[(f64, f64)]) {
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        line(path, points);
        let _ = write!(path, "L{} {HEIGHT}L{} {HEIGHT}Z", at(last.0), at(first.0));
    }
}

#[allow(clippy::cast_precision_loss)]
pub fn bars(path: &mut String, points: &[(f64, f64)], buckets: usize) {
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
pub fn x(bucket: usize, buckets: usize) -> f64 {
    (bucket as f64 + 0.5) / buckets.max(1) as f64 * WIDTH
}

#[allow(clippy::cast_precision_loss)]
pub fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// A coordinate, to a tenth of a unit.
pub fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
