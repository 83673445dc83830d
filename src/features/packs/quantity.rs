//! Durations and thresholds as people write them: `30s`, `5m`, `90%`, `1GB`, `98.5`.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::pack::Unit;

/// A length of time in whole milliseconds, written as one number and one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lasting(i64);

/// Unit and its length in milliseconds, longest first: the order in which [`Lasting`] prints.
const UNITS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Ten years: longer than anything a pack can mean.
const LONGEST_MS: i64 = 10 * 366 * 86_400_000;

impl Lasting {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000)
    }

    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn delta(self) -> TimeDelta {
        TimeDelta::milliseconds(self.0)
    }
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let (unit, length) = UNITS
            .into_iter()
            .find(|(_, length)| self.0 % length == 0)
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / length)
    }
}

impl FromStr for Lasting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("\"{text}\" is not a length of time: write 250ms, 30s, 5m, 1h or 1d");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let (_, length) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        number
            .checked_mul(length)
            .filter(|millis| *millis <= LONGEST_MS)
            .map(Self)
            .ok_or_else(|| format!("\"{text}\" is longer than ten years"))
    }
}

impl Serialize for Lasting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// What a rule compares with: a bare number, a share written as a percentage, a length of time, or a number of
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    Number(f64),
    Lasting(Lasting),
    Bytes(u64),
}

/// Units of bytes, longest name first: a text ends with the one that it is in.
const BYTES: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// More than any file system holds, and still exact as a number.
const MOST_BYTES: u64 = 1 << 53;

impl Quantity {
    /// The number that is compared: lengths of time in milliseconds, shares between 0 and 1.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "ten years of milliseconds are far below 2^53, and bytes are at most that"
    )]
    pub const fn value(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Lasting(lasting) => lasting.millis() as f64,
            Self::Bytes(bytes) => bytes as f64,
        }
    }

    /// The number that is compared with a figure counted in `unit`.
    #[must_use]
    pub const fn counted_in(self, unit: Unit) -> f64 {
        match (self, unit) {
            (Self::Lasting(_), Unit::Seconds) => self.value() / 1_000.0,
            (Self::Lasting(_), Unit::Days) => self.value() / 86_400_000.0,
            _ => self.value(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Lasting(lasting) => lasting.fmt(f),
            Self::Bytes(bytes) => {
                let divides = |(_, size): &(&str, u64)| bytes.is_multiple_of(*size);
                let units = BYTES.into_iter().filter(divides);
                let (unit, size) = units.max_by_key(|(_, size)| *size).unwrap_or(("B", 1));
                write!(f, "{}{unit}", bytes / size)
            }
        }
    }
}

/// "500MB"; nothing where the text is not in bytes.
fn bytes(text: &str) -> Option<Result<u64, String>> {
    let (number, size) = BYTES
        .into_iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    let whole: Option<u64> = number.parse().ok().filter(|_| !number.starts_with('+'));
    let count = whole.and_then(|number| number.checked_mul(size));
    Some(
        count
            .filter(|count| *count <= MOST_BYTES)
            .ok_or_else(|| format!("\"{text}\" is not a number of bytes: write 500MB or 2GB")),
    )
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(bytes) = bytes(text) {
            return bytes.map(Self::Bytes);
        }
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Lasting);
        };
        match percent.trim_end().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Self::Number(number / 100.0)),
            _ => Err(format!("\"{text}\" is not a share: write 90%")),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Lasting(_) | Self::Bytes(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number, a share such as \"90%\", a length of time such as \"5m\", \
                     or bytes such as \"500MB\"",
                )
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
                if number.is_finite() {
                    Ok(Quantity::Number(number))
                } else {
                    Err(E::custom("a threshold is a finite number"))
                }
            }
            #[allow(clippy::cast_precision_loss, reason = "thresholds are small numbers")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::Number(number as f64))
            }
            #[allow(clippy::cast_precision_loss, reason = "thresholds are small numbers")]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity::Number(number as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_printed_alike() {
        for text in ["0s", "250ms", "30s", "90s", "5m", "1h", "1d", "36h"] {
            assert_eq!(text.parse::<Lasting>().unwrap().to_string(), text);
        }
        assert_eq!("60s".parse::<Lasting>().unwrap().to_string(), "1m");
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "5 m",
            "1.5h",
            "5min",
            "99999999999999999d",
            "9999d",
        ] {
            assert!(text.parse::<Lasting>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_percentage_is_a_share() {
        assert_eq!("90%".parse(), Ok(Quantity::Number(0.9)));
        assert_eq!("5m".parse(), Ok(Quantity::Lasting(Lasting::from_secs(300))));
        assert!("ninety%".parse::<Quantity>().is_err());
    }

    #[test]
    fn bytes_are_read_and_printed_alike() {
        for text in ["0B", "1B", "500MB", "2GB", "1TB", "3KiB", "8GiB"] {
            let printed = text.parse::<Quantity>().unwrap().to_string();
            assert_eq!(
                printed.parse::<Quantity>(),
                text.parse::<Quantity>(),
                "{text}"
            );
        }
        assert_eq!("2GB".parse(), Ok(Quantity::Bytes(2_000_000_000)));
        assert_eq!(Quantity::Bytes(1_500_000).to_string(), "1500kB");
        for text in ["B", "1.5GB", "-1B", "+1B", "99999999TB", "1 GB", "1gb"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_length_of_time_is_compared_in_the_unit_of_the_figure() {
        let day = "1d".parse::<Quantity>().unwrap();
        assert!((day.counted_in(Unit::Seconds) - 86_400.0).abs() < f64::EPSILON);
        assert!((day.counted_in(Unit::Days) - 1.0).abs() < f64::EPSILON);
        assert!((Quantity::Number(30.0).counted_in(Unit::Seconds) - 30.0).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn printing_then_reading_gives_the_same(millis in 0..LONGEST_MS) {
            let lasting = Lasting::from_millis(millis);
            prop_assert_eq!(lasting.to_string().parse::<Lasting>(), Ok(lasting));
        }

        #[test]
        fn printing_then_reading_bytes_gives_the_same(count in 0..=MOST_BYTES) {
            let bytes = Quantity::Bytes(count);
            prop_assert_eq!(bytes.to_string().parse::<Quantity>(), Ok(bytes));
        }
    }
}
