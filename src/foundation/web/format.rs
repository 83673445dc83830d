//! Values as people read them: numbers with their units, times with their age. Pure: the clock and the zone come in.
//!
//! Numbers are grouped with a narrow no-break space and stand one narrow no-break space from their unit, so that
//! neither breaks across lines. Ages are whole words ("3 minutes ago"): what is seen is also what is spoken.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike as _, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::foundation::kernel::{Money, day_begins};

/// Narrow no-break space.
pub const THIN: char = '\u{202f}';

/// After this many days an age says less than a date.
const AGE_LIMIT_DAYS: i64 = 14;

/// A moment in a page: `<time datetime title>`. Printing it in a template draws the element.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "components/when.html")]
pub struct When {
    /// RFC 3339 in UTC, for machines and for the script that keeps the age fresh.
    iso: String,
    /// In the reader's zone, with its name.
    absolute: String,
    text: String,
    live: bool,
}

/// Everything in it is escaped by its own template.
impl HtmlSafe for When {}

impl When {
    /// "3 minutes ago", with the full time on hover.
    pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            text: relative(at, now, zone),
            live: (now - at).abs() < TimeDelta::days(AGE_LIMIT_DAYS),
            ..Self::at(at, now, zone)
        }
    }

    /// "20 Nov, 10:03", with the year when it is not this one.
    pub fn at(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Self {
        Self::dated(at, now, zone, ["%-d %b, %H:%M", "%-d %b %Y, %H:%M"])
    }

    /// "20 Nov, 10:03:22.123", likewise.
    pub fn precise(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Self {
        let patterns = ["%-d %b, %H:%M:%S%.3f", "%-d %b %Y, %H:%M:%S%.3f"];
        Self::dated(at, now, zone, patterns)
    }

    /// By the first pattern in this year, by the second in any other.
    fn dated(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz, patterns: [&str; 2]) -> Self {
        let local = at.with_timezone(&zone);
        let this_year = local.year() == now.with_timezone(&zone).year();
        let pattern = patterns[usize::from(!this_year)];
        Self::with_text(at, zone, local.format(pattern).to_string())
    }

    /// "10:03" for moments of today, as in "sealed at 10:03".
    pub fn clock(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Self {
        let local = at.with_timezone(&zone);
        if local.date_naive() == now.with_timezone(&zone).date_naive() {
            Self::with_text(at, zone, local.format("%H:%M").to_string())
        } else {
            Self::at(at, now, zone)
        }
    }

    /// "Fri 20 Nov, 10:03 CET": when a page was made.
    pub fn made(at: DateTime<Utc>, zone: Tz) -> Self {
        let text = at
            .with_timezone(&zone)
            .format("%a %-d %b, %H:%M %Z")
            .to_string();
        Self::with_text(at, zone, text)
    }

    /// "20 Nov 2026, 10:03:22.123".
    pub fn exact(at: DateTime<Utc>, zone: Tz) -> Self {
        Self::with_text(at, zone, written(at, zone, &EXACT))
    }

    /// "20 Nov 2026, 10:03 CET": in a zone that may be another than the reader's.
    pub fn zoned(at: DateTime<Utc>, zone: Tz) -> Self {
        Self::with_text(at, zone, moment(at, zone))
    }

    /// "5 Dec 2026" for what ends with that day, the full time on hover; else the moment.
    pub fn until(end: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Self {
        match last_day(end, zone) {
            Some(text) => Self::with_text(end, zone, text),
            None => Self::at(end, now, zone),
        }
    }

    fn with_text(at: DateTime<Utc>, zone: Tz, text: String) -> Self {
        Self {
            iso: at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            absolute: absolute(at, zone),
            text,
            live: false,
        }
    }
}

/// "5 Dec 2026" for an end at the first moment of the 6th: the last day that is in. Nothing where it falls within a day.
pub fn last_day(end: DateTime<Utc>, zone: Tz) -> Option<String> {
    let day = end.with_timezone(&zone).date_naive();
    let last = day.pred_opt()?;
    (day_begins(day, zone) == Some(end)).then(|| last.format("%-d %b %Y").to_string())
}

/// "Friday 20 November 2026, 10:03:22 CET".
pub fn absolute(at: DateTime<Utc>, zone: Tz) -> String {
    written(at, zone, &ABSOLUTE)
}

/// "20 Nov 2026, 10:03 CET", for whoever reads it wherever they are.
pub fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    written(at, zone, &MOMENT)
}

/// A pattern that was read once, for what long lists show in every row.
type Pattern = LazyLock<Vec<Item<'static>>>;

static EXACT: Pattern = LazyLock::new(|| StrftimeItems::new("%-d %b %Y, %H:%M:%S%.3f").collect());
static MOMENT: Pattern = LazyLock::new(|| StrftimeItems::new("%-d %b %Y, %H:%M %Z").collect());
static ABSOLUTE: Pattern =
    LazyLock::new(|| StrftimeItems::new("%A %-d %B %Y, %H:%M:%S %Z").collect());

fn written(at: DateTime<Utc>, zone: Tz, pattern: &[Item<'static>]) -> String {
    at.with_timezone(&zone)
        .format_with_items(pattern.iter())
        .to_string()
}

/// "just now", "40 seconds ago", "in 5 minutes"; beyond two weeks the date. `static/js/enhance/relative-time.js`
/// says the same.
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let age = now - at;
    if age.abs() >= TimeDelta::days(AGE_LIMIT_DAYS) {
        return at.with_timezone(&zone).format("%-d %b %Y").to_string();
    }
    let seconds = age.num_seconds().abs();
    if seconds < 5 {
        return "just now".to_owned();
    }
    let span = words(seconds.unsigned_abs());
    if age < TimeDelta::zero() {
        format!("in {span}")
    } else {
        format!("{span} ago")
    }
}

/// One unit in words, rounded down: "59 seconds", "1 minute", "23 hours", "13 days".
fn words(seconds: u64) -> String {
    match seconds {
        0..60 => plural(seconds, "second"),
        60..3_600 => plural(seconds / 60, "minute"),
        3_600..86_400 => plural(seconds / 3_600, "hour"),
        _ => plural(seconds / 86_400, "day"),
    }
}

/// How long somebody has to wait, never less: "40 seconds", "15 minutes".
pub fn wait(seconds: u64) -> String {
    if seconds < 60 {
        plural(seconds, "second")
    } else {
        plural(seconds.div_ceil(60), "minute")
    }
}

fn plural(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// "1 alert", "3 alerts", "1 240 alerts".
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// Groups of three: "1 234 567".
pub fn number(value: impl Into<i128>) -> String {
    let value = value.into();
    let digits = value.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    if value < 0 {
        text.push('\u{2212}');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// "250 000.00 USD": the digits of the currency, its code behind.
pub fn money(money: &Money) -> String {
    let text = money.to_string();
    let end = text.find(['.', ' ']).unwrap_or(text.len());
    let (whole, rest) = text.split_at(end);
    format!("{}{}", spaced(&whole), rest.replace(' ', &THIN.to_string()))
}

/// Groups the digits of whatever prints as a whole number, for macros that know no types.
pub fn spaced(value: &impl std::fmt::Display) -> String {
    let text = value.to_string();
    text.parse::<i128>().map_or(text, number)
}

/// A reading with at most `digits` decimals, trailing zeros dropped: "0.5", "97.4", "1 200".
pub fn decimal(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let fixed = format!("{:.digits$}", value.abs());
    let (whole, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
    let mut text = whole
        .parse::<i128>()
        .map_or_else(|_| whole.to_owned(), number);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction}");
    }
    if value < 0.0 && text != "0" {
        text.insert(0, '\u{2212}');
    }
    text
}

/// A share in 0..=1 as "97.4 %".
pub fn percent(share: f64, digits: usize) -> String {
    if share.is_finite() {
        format!("{}{THIN}%", decimal(share * 100.0, digits))
    } else {
        "unknown".to_owned()
    }
}

/// Decimal units, three figures: "512 B", "1.24 kB", "3.1 GB".
#[allow(clippy::cast_precision_loss)]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{}{THIN}{}", three_figures(value), UNITS[unit])
}

/// "850 µs", "12 ms", "3.2 s", "4 min 10 s", "2 h 5 min", "3 d 4 h".
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span.as_millis() == 0 => format!("{}{THIN}µs", span.as_micros()),
        0 => format!("{}{THIN}ms", span.as_millis()),
        1..60 => format!("{}{THIN}s", three_figures(span.as_secs_f64())),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    let mut text = format!("{}{THIN}{large_unit}", number(large));
    if small > 0 {
        let _ = write!(text, " {small}{THIN}{small_unit}");
    }
    text
}

fn three_figures(value: f64) -> String {
    decimal(
        value,
        match value {
            v if v >= 99.95 => 0,
            v if v >= 9.995 => 1,
            _ => 2,
        },
    )
}

/// A count that nobody reads exactly: "7", "99+".
pub fn capped(count: u64) -> String {
    if count > 99 {
        "99+".to_owned()
    } else {
        count.to_string()
    }
}

/// For `{{ value|bytes }}` in templates: `use crate::foundation::web::filters;` beside the template structs.
#[allow(clippy::inline_always, reason = "generated by askama::filter_fn")]
pub mod filters {
    #[askama::filter_fn]
    pub fn bytes(count: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::bytes(*count))
    }

    #[askama::filter_fn]
    pub fn number<T: Copy + Into<i128>>(
        value: &T,
        _: &dyn askama::Values,
    ) -> askama::Result<String> {
        Ok(super::number(*value))
    }

    #[askama::filter_fn]
    pub fn percent(share: &f64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::percent(*share, 1))
    }

    #[askama::filter_fn]
    pub fn duration(span: &std::time::Duration, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::duration(*span))
    }
}

/// What an error says, as a sentence of its own: "It ended before.".
pub fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;
    use chrono_tz::Europe::Madrid;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 20, 9, 3, 22).unwrap()
    }

    fn plain(text: &str) -> String {
        text.replace(THIN, " ")
    }

    #[test]
    fn what_ends_with_a_day_says_that_day() {
        let end = Utc.with_ymd_and_hms(2026, 12, 5, 23, 0, 0).unwrap();
        assert_eq!(last_day(end, Madrid).unwrap(), "5 Dec 2026");
        assert_eq!(last_day(end, Tz::UTC), None);
        let drawn = When::until(end, now(), Madrid).to_string();
        assert!(drawn.contains(">5 Dec 2026<"), "{drawn}");
        assert!(drawn.contains("6 December 2026, 00:00:00"), "{drawn}");
        let within = When::until(end, now(), Tz::UTC).to_string();
        assert!(within.contains(">5 Dec, 23:00<"), "{within}");
    }

    #[test]
    fn ages() {
        let check = |seconds: i64, expected: &str| {
            assert_eq!(
                relative(now() - TimeDelta::seconds(seconds), now(), Madrid),
                expected
            );
        };
        check(0, "just now");
        check(4, "just now");
        check(-4, "just now");
        check(5, "5 seconds ago");
        check(59, "59 seconds ago");
        check(60, "1 minute ago");
        check(3_599, "59 minutes ago");
        check(3_600, "1 hour ago");
        check(86_400, "1 day ago");
        check(13 * 86_400, "13 days ago");
        check(14 * 86_400, "6 Nov 2026");
        check(-300, "in 5 minutes");
    }

    #[test]
    fn moments_are_told_in_the_readers_zone() {
        let moment = now() - TimeDelta::minutes(3);
        assert_eq!(
            absolute(moment, Madrid),
            "Friday 20 November 2026, 10:00:22 CET"
        );
        let html = When::ago(moment, now(), Madrid).to_string();
        assert!(
            html.contains(r#"datetime="2026-11-20T09:00:22Z""#),
            "{html}"
        );
        assert!(
            html.contains(r#"title="Friday 20 November 2026, 10:00:22 CET""#),
            "{html}"
        );
        assert!(html.contains(">3 minutes ago</time>"), "{html}");
        assert!(
            When::at(moment, now(), Madrid)
                .to_string()
                .contains(">20 Nov, 10:00<")
        );
        assert!(
            When::clock(moment, now(), Madrid)
                .to_string()
                .contains(">10:00<")
        );
        let old = moment - TimeDelta::days(400);
        assert!(
            When::clock(old, now(), Madrid)
                .to_string()
                .contains(">16 Oct 2025, 11:00<")
        );
    }

    #[test]
    fn numbers() {
        let check = |value: i128, expected: &str| assert_eq!(plain(&number(value)), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1 000");
        check(1_234_567, "1 234 567");
        check(-12_345, "\u{2212}12 345");
    }

    #[test]
    fn decimals() {
        let check = |value: f64, digits, expected: &str| {
            assert_eq!(plain(&decimal(value, digits)), expected);
        };
        check(97.4, 2, "97.4");
        check(1_200.0, 1, "1 200");
        check(-0.004, 2, "0");
        check(-1.5, 1, "\u{2212}1.5");
        check(f64::NAN, 1, "unknown");
    }

    #[test]
    fn sizes_and_shares() {
        let check = |count, expected: &str| assert_eq!(plain(&bytes(count)), expected);
        check(0, "0 B");
        check(512, "512 B");
        check(1_240, "1.24 kB");
        check(999_600, "1 MB");
        check(3_100_000_000, "3.1 GB");
        assert_eq!(plain(&percent(0.974, 1)), "97.4 %");
    }

    #[test]
    fn spans() {
        let check = |millis, expected: &str| {
            assert_eq!(plain(&duration(Duration::from_millis(millis))), expected);
        };
        check(12, "12 ms");
        check(3_200, "3.2 s");
        check(250_000, "4 min 10 s");
        check(120_000, "2 min");
        check(7_500_000, "2 h 5 min");
        check(273_600_000, "3 d 4 h");
        assert_eq!(plain(&duration(Duration::from_micros(850))), "850 µs");
    }

    #[test]
    fn errors_are_told_as_sentences() {
        assert_eq!(sentence(&"it ended before"), "It ended before.");
        assert_eq!(sentence(&""), ".");
    }

    #[test]
    fn counts() {
        assert_eq!(capped(7), "7");
        assert_eq!(capped(100), "99+");
        assert_eq!(counted(1, "alert", "alerts"), "1 alert");
        assert_eq!(plain(&counted(1_240, "alert", "alerts")), "1 240 alerts");
    }

    #[test]
    fn nobody_is_told_to_wait_for_less_than_it_takes() {
        for (seconds, said) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (841, "15 minutes"),
        ] {
            assert_eq!(wait(seconds), said);
        }
    }

    #[test]
    fn money_is_grouped_and_stays_with_its_currency() {
        let amount = |text, currency: &str| {
            let read = Money::parse(text, currency.parse().unwrap()).unwrap();
            plain(&money(&read))
        };
        assert_eq!(amount("250000.00", "USD"), "250 000.00 USD");
        assert_eq!(amount("999", "JPY"), "999 JPY");
        assert_eq!(amount("-1234567.891", "KWD"), "\u{2212}1 234 567.891 KWD");
    }
}
