//! One reading on a page, with where it comes from and how old it is.

use chrono::{DateTime, TimeDelta, Utc};

use super::Lamp;
use super::spark::Spark;

/// No number without a source: `source` and `seen` are not optional decoration, they decide what is shown. A tile
/// whose reading is stale says since when it is unknown, in grey, whatever the last value was.
#[derive(Clone, Debug)]
pub struct Tile {
    pub name: String,
    pub href: Option<String>,
    pub lamp: Lamp,
    /// `None` where nothing fresh is known.
    pub reading: Option<String>,
    pub unit: &'static str,
    pub note: String,
    pub source: String,
    /// When the last reading was taken; `None` where there never was one.
    pub seen: Option<DateTime<Utc>>,
    pub spark: Option<Spark>,
}

impl Tile {
    /// A fresh reading. See [`Tile::stale_after`] for the rest of the truth.
    pub fn new(
        name: impl Into<String>,
        lamp: Lamp,
        reading: impl Into<String>,
        unit: &'static str,
        source: impl Into<String>,
        seen: DateTime<Utc>,
    ) -> Self {
        Self {
            name: name.into(),
            href: None,
            lamp,
            reading: Some(reading.into()),
            unit,
            note: String::new(),
            source: source.into(),
            seen: Some(seen),
            spark: None,
        }
    }

    /// Nothing is known: never measured, or not since `seen`.
    pub fn unknown(
        name: impl Into<String>,
        source: impl Into<String>,
        seen: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            name: name.into(),
            href: None,
            lamp: Lamp::Unknown,
            reading: None,
            unit: "",
            note: String::new(),
            source: source.into(),
            seen,
            spark: None,
        }
    }

    /// Turns grey when the reading is older than it may be.
    #[must_use]
    pub fn stale_after(mut self, limit: TimeDelta, now: DateTime<Utc>) -> Self {
        if self.seen.is_none_or(|seen| now - seen > limit) {
            self.lamp = Lamp::Unknown;
            self.reading = None;
        }
        self
    }

    #[must_use]
    pub fn href(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    #[must_use]
    pub fn spark(mut self, spark: Spark) -> Self {
        self.spark = Some(spark);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_reading_is_never_green() {
        let now = Utc::now();
        let tile = |age| {
            Tile::new(
                "Disk",
                Lamp::Clear,
                "41",
                "%",
                "host probe",
                now - TimeDelta::seconds(age),
            )
            .stale_after(TimeDelta::seconds(60), now)
        };
        assert_eq!(tile(60).lamp, Lamp::Clear);
        assert_eq!(tile(61).lamp, Lamp::Unknown);
        assert_eq!(tile(61).reading, None);
    }
}
