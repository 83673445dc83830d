//! Dates of birth as lists give them: a day, a month, a year, about a year, or a range.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// A date of birth, as exactly as the source knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Birth {
    On(NaiveDate),
    /// Year and month.
    In(i32, u32),
    During(i32),
    About(i32),
    /// Both ends belong to it.
    Between(NaiveDate, NaiveDate),
}

impl std::fmt::Display for Birth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::On(day) => write!(f, "{}", day.format("%-d %b %Y")),
            Self::In(year, month) => write!(f, "{}", day(*year, *month, 1).format("%b %Y")),
            Self::During(year) => write!(f, "{year}"),
            Self::About(year) => write!(f, "about {year}"),
            Self::Between(from, to) => {
                write!(
                    f,
                    "{} to {}",
                    from.format("%-d %b %Y"),
                    to.format("%-d %b %Y")
                )
            }
        }
    }
}

/// What comparing two dates of birth told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BirthMatch {
    /// Both are known and cannot be the same day.
    Differs,
    /// One side does not say.
    Unknown,
    /// Within two years, where the list is vague or a digit may be wrong.
    Near,
    /// Day and month changed places, or one of the three parts differs.
    Slip,
    /// As much as the list knows agrees: the year, or the month, or the range.
    Agrees,
    Exact,
}

impl Birth {
    /// Reads OFAC's ways of writing: "05 May 1960", "May 1960", "1960", "circa 1960",
    /// "1960 to 1962", "circa 1979-1982", "01 Jan 1960 to 31 Dec 1962".
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (circa, text) = match text.strip_prefix("circa ") {
            Some(rest) => (true, rest.trim()),
            None => (false, text),
        };
        if let Some((from, to)) = text.split_once(" to ").or_else(|| split_years(text)) {
            let from = Self::parse(from)?.bounds().0;
            let to = Self::parse(to)?.bounds().1;
            return (from <= to).then_some(Self::Between(from, to));
        }
        let parsed = parse_one(text)?;
        Some(match parsed {
            _ if circa => Self::About(parsed.bounds().0.year()),
            other => other,
        })
    }

    /// The first and the last day that it may mean. "About" means a year to either side.
    pub fn bounds(self) -> (NaiveDate, NaiveDate) {
        match self {
            Self::On(day) => (day, day),
            Self::In(year, month) => {
                let (next_year, next_month) = if month == 12 {
                    (year + 1, 1)
                } else {
                    (year, month + 1)
                };
                let last = day(next_year, next_month, 1).pred_opt();
                (day(year, month, 1), last.unwrap_or(NaiveDate::MAX))
            }
            Self::During(year) => (day(year, 1, 1), day(year, 12, 31)),
            Self::About(year) => (day(year - 1, 1, 1), day(year + 1, 12, 31)),
            Self::Between(from, to) => (from, to),
        }
    }

    /// How a subject's birthday agrees with this.
    pub fn compare(self, subject: NaiveDate) -> BirthMatch {
        if self == Self::On(subject) {
            return BirthMatch::Exact;
        }
        let (first, last) = self.bounds();
        if (first..=last).contains(&subject) {
            return BirthMatch::Agrees;
        }
        if let Self::On(listed) = self
            && is_slip(listed, subject)
        {
            return BirthMatch::Slip;
        }
        let years = if subject < first {
            first.year() - subject.year()
        } else {
            subject.year() - last.year()
        };
        if years <= 1 {
            BirthMatch::Near
        } else {
            BirthMatch::Differs
        }
    }
}

/// The best agreement with any of the listed dates.
pub fn compare(listed: &[Birth], subject: Option<NaiveDate>) -> BirthMatch {
    match subject {
        Some(subject) => listed
            .iter()
            .map(|birth| birth.compare(subject))
            .max()
            .unwrap_or(BirthMatch::Unknown),
        None => BirthMatch::Unknown,
    }
}

/// Mistakes of writing: day and month swapped, or two of the three parts the same in one decade.
fn is_slip(a: NaiveDate, b: NaiveDate) -> bool {
    let swapped = a.year() == b.year() && a.day() == b.month() && a.month() == b.day();
    let same = [
        a.year() == b.year(),
        a.month() == b.month(),
        a.day() == b.day(),
    ];
    let two = same.iter().filter(|part| **part).count() == 2;
    swapped || (two && (a.year() - b.year()).abs() <= 10)
}

fn split_years(text: &str) -> Option<(&str, &str)> {
    let (from, to) = text.split_once('-')?;
    (from.len() == 4 && to.len() == 4).then_some((from, to))
}

fn parse_one(text: &str) -> Option<Birth> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    match parts.as_slice() {
        [year] => parse_year(year).map(Birth::During),
        [month, year] => Some(Birth::In(parse_year(year)?, parse_month(month)?)),
        [day, month, year] => {
            let day = day.parse().ok()?;
            NaiveDate::from_ymd_opt(parse_year(year)?, parse_month(month)?, day).map(Birth::On)
        }
        _ => None,
    }
}

fn parse_year(text: &str) -> Option<i32> {
    let year = text.parse().ok()?;
    (text.len() == 4 && (1800..=2200).contains(&year)).then_some(year)
}

fn parse_month(text: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let short = text.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == short)?;
    u32::try_from(index + 1).ok()
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_is_read() {
        let check = |text: &str, from: &str, to: &str| {
            let (first, last) = Birth::parse(text)
                .unwrap_or_else(|| panic!("{text}"))
                .bounds();
            assert_eq!(
                (first.to_string(), last.to_string()),
                (from.into(), to.into()),
                "{text}"
            );
        };
        check("05 May 1960", "1960-05-05", "1960-05-05");
        check("15 October 1938", "1938-10-15", "1938-10-15");
        check("Dec 1961", "1961-12-01", "1961-12-31");
        check("1969", "1969-01-01", "1969-12-31");
        check("circa 1969", "1968-01-01", "1970-12-31");
        check("circa 01 Jun 1961", "1960-01-01", "1962-12-31");
        check("1960 to 1962", "1960-01-01", "1962-12-31");
        check("circa 1979-1982", "1979-01-01", "1982-12-31");
        check("01 Jan 1960 to 31 Dec 1962", "1960-01-01", "1962-12-31");
        check("Feb 1964 to Mar 1964", "1964-02-01", "1964-03-31");
        for wrong in [
            "",
            "unknown",
            "31 Feb 1960",
            "1962 to 1960",
            "99",
            "1 2 3 4",
        ] {
            assert_eq!(Birth::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn agreement_is_graded() {
        let check = |listed: &str, subject: &str, expected: BirthMatch| {
            let listed = Birth::parse(listed).unwrap();
            assert_eq!(
                listed.compare(subject.parse().unwrap()),
                expected,
                "{subject}"
            );
        };
        check("14 Mar 1971", "1971-03-14", BirthMatch::Exact);
        check("07 Mar 1971", "1971-07-03", BirthMatch::Slip);
        check("14 Mar 1971", "1971-03-15", BirthMatch::Slip);
        check("14 Mar 1971", "1972-08-01", BirthMatch::Near);
        check("14 Mar 1971", "1980-08-01", BirthMatch::Differs);
        check("1964", "1964-07-02", BirthMatch::Agrees);
        check("circa 1964", "1965-07-02", BirthMatch::Agrees);
        check("1964", "1965-07-02", BirthMatch::Near);
        check("1964", "1993-07-02", BirthMatch::Differs);
        assert_eq!(compare(&[], None), BirthMatch::Unknown);
    }
}
