//! A digest: its period, its figures, and how they compare with those before. Pure.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::foundation::kernel::{PlatformId, Timetable};

crate::typed_id!(
    /// What a period came to.
    DigestId,
);

pub use crate::features::packs::pack::DigestKind as Kind;

/// Caught up with no further back than this, after a standstill.
const AT_ONCE: usize = 8;

impl Kind {
    /// When its periods end.
    const fn cron(self) -> &'static str {
        match self {
            Self::Daily => "0 0 * * *",
            Self::Weekly => "0 0 * * 1",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// The periods that are over since `after`, the last ones where there are many.
#[must_use]
pub fn over(kind: Kind, zone: Tz, after: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Period> {
    let Ok(timetable) = Timetable::new(kind.cron(), zone) else {
        return Vec::new();
    };
    let longest = chrono::TimeDelta::days(match kind {
        Kind::Daily => 2,
        Kind::Weekly => 8,
    });
    let ends: Vec<DateTime<Utc>> = timetable
        .after(after - longest)
        .take_while(|end| *end <= now)
        .collect();
    let periods = ends.windows(2).map(|pair| Period {
        from: pair[0],
        to: pair[1],
    });
    let mut periods: Vec<Period> = periods.filter(|period| period.to > after).collect();
    periods.drain(..periods.len().saturating_sub(AT_ONCE));
    periods
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Count,
    Share,
    Seconds,
}

/// One number, and what it was reckoned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    /// Nothing where nobody knows.
    pub value: Option<f64>,
    pub unit: Unit,
    pub source: String,
    /// Whether less of it is better; nothing where neither is.
    pub less_is_better: Option<bool>,
}

impl Figure {
    /// "3", "2.5 %", "1h 5m", "unknown".
    #[must_use]
    pub fn text(&self) -> String {
        let Some(value) = self.value else {
            return "unknown".to_owned();
        };
        match self.unit {
            Unit::Count => format!("{value}"),
            Unit::Share => format!("{:.2} %", value * 100.0),
            Unit::Seconds if value < 60.0 => format!("{value:.2} s"),
            #[allow(
                clippy::cast_possible_truncation,
                reason = "a period has far fewer seconds than 2^53"
            )]
            Unit::Seconds => {
                let minutes = (value / 60.0).round() as i64;
                match (minutes / 60, minutes % 60) {
                    (0, minutes) => format!("{minutes} min"),
                    (hours, minutes) => format!("{hours} h {minutes} min"),
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    Same,
    Better,
    Worse,
    /// More or less of what is neither good nor bad.
    Other,
    Unknown,
}

/// How a figure compares with the one of the period before.
#[must_use]
pub fn trend(now: &Figure, before: Option<&Figure>) -> Trend {
    let (Some(now_is), Some(was)) = (now.value, before.and_then(|before| before.value)) else {
        return Trend::Unknown;
    };
    match (now_is.total_cmp(&was), now.less_is_better) {
        (std::cmp::Ordering::Equal, _) => Trend::Same,
        (_, None) => Trend::Other,
        (std::cmp::Ordering::Less, Some(less)) => {
            if less {
                Trend::Better
            } else {
                Trend::Worse
            }
        }
        (std::cmp::Ordering::Greater, Some(less)) => {
            if less {
                Trend::Worse
            } else {
                Trend::Better
            }
        }
    }
}

/// What a period came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    pub figures: Vec<Figure>,
    /// Services with failed runs, the worst first.
    pub worst: Vec<String>,
    /// What was for information: alerts of level blue.
    pub information: Vec<String>,
    /// Limits of which more is in use than is well. Digests of before this was read have none.
    #[serde(default)]
    pub capacity: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    pub id: DigestId,
    pub platform: PlatformId,
    pub kind: Kind,
    pub period: Period,
    pub made_at: DateTime<Utc>,
    pub contents: Contents,
}

impl Digest {
    /// As a letter tells it.
    #[must_use]
    pub fn letter(&self, before: Option<&Self>) -> String {
        let mut text = String::new();
        for figure in &self.contents.figures {
            let was = before.and_then(|it| it.figure(&figure.name));
            let was = was.map_or_else(String::new, |was| format!(" (before: {})", was.text()));
            text += &format!(
                "{}: {}{was}, from {}\n",
                figure.name,
                figure.text(),
                figure.source
            );
        }
        for (title, lines) in [
            ("Services with failed runs", &self.contents.worst),
            ("Limits that come near", &self.contents.capacity),
            ("For information", &self.contents.information),
        ] {
            if !lines.is_empty() {
                text += &format!("\n{title}:\n");
                for line in lines {
                    text += &format!("- {line}\n");
                }
            }
        }
        text
    }

    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.contents.figures.iter().find(|it| it.name == name)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a kind of digest"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn periods(kind: Kind, zone: Tz, after: &str, now: &str) -> Vec<(String, i64)> {
        let text = |at: DateTime<Utc>| at.format("%m-%d %H:%M").to_string();
        over(kind, zone, at(after), at(now))
            .into_iter()
            .map(|it| (text(it.from), (it.to - it.from).num_hours()))
            .collect()
    }

    #[test]
    fn a_day_is_a_day_where_the_platform_is_also_when_clocks_change() {
        let zone = Tz::America__New_York;
        let spring = periods(
            Kind::Daily,
            zone,
            "2026-03-07T12:00:00Z",
            "2026-03-10T04:00:00Z",
        );
        assert_eq!(
            spring,
            [
                ("03-07 05:00".to_owned(), 24),
                ("03-08 05:00".to_owned(), 23),
                ("03-09 04:00".to_owned(), 24)
            ]
        );
        let autumn = periods(
            Kind::Daily,
            zone,
            "2026-11-01T12:00:00Z",
            "2026-11-02T06:00:00Z",
        );
        assert_eq!(autumn, [("11-01 04:00".to_owned(), 25)]);
        let none = periods(
            Kind::Daily,
            zone,
            "2026-11-02T05:00:00Z",
            "2026-11-03T04:59:59Z",
        );
        assert_eq!(none, []);
    }

    #[test]
    fn a_week_begins_on_monday_and_a_long_standstill_is_cut() {
        let week = periods(
            Kind::Weekly,
            Tz::UTC,
            "2026-03-05T00:00:00Z",
            "2026-03-09T00:00:00Z",
        );
        assert_eq!(week, [("03-02 00:00".to_owned(), 7 * 24)]);
        let days = periods(
            Kind::Daily,
            Tz::UTC,
            "2026-01-01T00:00:00Z",
            "2026-03-09T00:00:00Z",
        );
        assert_eq!(days.len(), AT_ONCE);
        assert_eq!(days[7].0, "03-08 00:00");
    }

    fn figure(value: Option<f64>, less_is_better: Option<bool>) -> Figure {
        Figure {
            name: "f".to_owned(),
            value,
            unit: Unit::Count,
            source: String::new(),
            less_is_better,
        }
    }

    #[test]
    fn a_trend_says_whether_it_is_better_and_nothing_where_nobody_knows() {
        let of = |now, was, less| trend(&figure(now, less), Some(&figure(was, less)));
        assert_eq!(of(Some(1.0), Some(2.0), Some(true)), Trend::Better);
        assert_eq!(of(Some(3.0), Some(2.0), Some(true)), Trend::Worse);
        assert_eq!(of(Some(3.0), Some(2.0), Some(false)), Trend::Better);
        assert_eq!(of(Some(3.0), Some(2.0), None), Trend::Other);
        assert_eq!(of(Some(2.0), Some(2.0), Some(true)), Trend::Same);
        assert_eq!(of(None, Some(2.0), Some(true)), Trend::Unknown);
        assert_eq!(of(Some(0.0), None, Some(true)), Trend::Unknown);
        assert_eq!(trend(&figure(Some(1.0), None), None), Trend::Unknown);
    }

    #[test]
    fn figures_are_written_with_their_units() {
        let of = |value, unit| {
            Figure {
                value: Some(value),
                unit,
                ..figure(None, None)
            }
            .text()
        };
        assert_eq!(of(3.0, Unit::Count), "3");
        assert_eq!(of(0.0251, Unit::Share), "2.51 %");
        assert_eq!(of(0.25, Unit::Seconds), "0.25 s");
        assert_eq!(of(3_900.0, Unit::Seconds), "1 h 5 min");
        assert_eq!(of(120.0, Unit::Seconds), "2 min");
        assert_eq!(figure(None, None).text(), "unknown");
    }
}
