//! A page of metrics, read: Prometheus's text format 0.0.4, and what OpenMetrics adds to it.
//!
//! Whoever serves it may mean no good, so everything has a limit. What is not asked for is looked at and
//! not kept.

use std::collections::HashSet;

use crate::features::packs::pack::{Labels, take_name, take_quoted};

/// Bytes of the labels of one series: with them it is found, and an index holds no more.
const LABEL_BYTES_AT_MOST: usize = 1_000;

/// Values that a page may hold, kept or not.
const VALUES_AT_MOST: usize = 200_000;
/// Series that are kept of a page.
pub const KEPT_AT_MOST: usize = 1_000;
const LINE_BYTES: usize = 16 * 1024;
const LABELS_AT_MOST: usize = 64;

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub name: String,
    pub labels: Labels,
    pub value: f64,
}

/// Why a page cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("line {line} is not a metric: {what}")]
    Line { line: usize, what: &'static str },
    #[error("it holds more than {VALUES_AT_MOST} values")]
    TooLong,
    #[error("more than {KEPT_AT_MOST} series of it would be kept")]
    TooMany,
    #[error("it holds no metric at all")]
    Empty,
}

/// The values of the metrics that `keeps` names, in the page's order. When they were taken is not read: what counts
/// is when we asked.
///
/// # Errors
/// The first line that is none, or which limit is passed. A page is read whole or not at all: a sum over
/// half of it would be wrong.
pub fn read(page: &str, keeps: impl Fn(&str) -> bool) -> Result<Vec<Value>, Unreadable> {
    let mut values = Vec::new();
    let mut seen = HashSet::new();
    let mut count = 0;
    for (text, line) in page.split('\n').zip(1..) {
        let wrong = |what| Unreadable::Line { line, what };
        let text = text.trim_matches([' ', '\t', '\r']);
        if text.len() > LINE_BYTES {
            return Err(wrong("it is too long"));
        }
        if text == "# EOF" {
            break;
        }
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        count += 1;
        if count > VALUES_AT_MOST {
            return Err(Unreadable::TooLong);
        }
        let value = sample(text).map_err(wrong)?;
        if !keeps(&value.name) {
            continue;
        }
        let label_bytes = |(name, value): (&String, &String)| name.len() + value.len();
        if value.labels.iter().map(label_bytes).sum::<usize>() > LABEL_BYTES_AT_MOST {
            return Err(wrong("its labels are too long to be kept"));
        }
        if !seen.insert((value.name.clone(), value.labels.clone())) {
            return Err(wrong("its series was there before"));
        }
        if values.len() == KEPT_AT_MOST {
            return Err(Unreadable::TooMany);
        }
        values.push(value);
    }
    if count == 0 {
        return Err(Unreadable::Empty);
    }
    Ok(values)
}

/// `name{label="value"} 1.5 1395066363000 # {trace_id="x"} 1`, of which all but name and value may be missing.
fn sample(text: &str) -> Result<Value, &'static str> {
    let mut rest = text;
    let name = take_name(&mut rest, true).to_owned();
    if name.is_empty() {
        return Err("it begins with no name");
    }
    rest = rest.trim_start_matches([' ', '\t']);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        labels = take_labels(&mut rest)?;
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("it has no value")?;
    let value = number(value).ok_or("its value is not a number")?;
    match words.next() {
        None | Some("#") => {
            return Ok(Value {
                name,
                labels,
                value,
            });
        }
        Some(time) if number(time).is_some() => {}
        Some(_) => return Err("its time is not a number"),
    }
    match words.next() {
        None | Some("#") => Ok(Value {
            name,
            labels,
            value,
        }),
        Some(_) => Err("something stands behind its time"),
    }
}

/// As Go writes numbers, which is as Rust reads them.
/// What lies beyond everything that is counted stands for infinity: sums of it would be no numbers any more.
fn number(text: &str) -> Option<f64> {
    const COUNTABLE: f64 = 1e300;
    let number: f64 = text.parse().ok()?;
    if number.abs() > COUNTABLE {
        return Some(f64::INFINITY.copysign(number));
    }
    Some(number)
}

/// The labels up to the closing brace, which is taken too.
fn take_labels(rest: &mut &str) -> Result<Labels, &'static str> {
    let blank = [' ', '\t'];
    let mut labels = Labels::new();
    loop {
        *rest = rest.trim_start_matches(blank);
        if let Some(after) = rest.strip_prefix('}') {
            *rest = after;
            return Ok(labels);
        }
        let label = take_name(rest, false).to_owned();
        if label.is_empty() {
            return Err("a label has no name");
        }
        *rest = rest.trim_start_matches(blank);
        *rest = rest.strip_prefix('=').ok_or("a label has no value")?;
        *rest = rest.trim_start_matches(blank);
        let value = take_quoted(rest).ok_or("a label's value is not closed")?;
        if labels.insert(label, value).is_some() {
            return Err("a label is there twice");
        }
        if labels.len() > LABELS_AT_MOST {
            return Err("it has too many labels");
        }
        *rest = rest.trim_start_matches(blank);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("its labels are not closed"),
        }
    }
}

/// Drops the labels that are not wanted, and adds up what looks alike without them. The bound of a bucket is never
/// dropped: buckets of different bounds do not add up.
#[must_use]
pub fn narrowed(values: Vec<Value>, wanted: &[String]) -> Vec<Value> {
    if wanted.is_empty() {
        return values;
    }
    let mut sums: std::collections::BTreeMap<(String, Labels), f64> =
        std::collections::BTreeMap::new();
    for mut value in values {
        value
            .labels
            .retain(|label, _| label == "le" || label == "quantile" || wanted.contains(label));
        *sums.entry((value.name, value.labels)).or_default() += value.value;
    }
    let value = |((name, labels), value)| Value {
        name,
        labels,
        value,
    };
    sums.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(page: &str) -> Result<Vec<Value>, Unreadable> {
        read(page, |_| true)
    }

    fn one(line: &str) -> Option<Value> {
        all(line).ok()?.pop()
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    /// The example of the format's own document.
    const EXAMPLE: &str = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
rpc_duration_seconds{quantile="0.99"} NaN
"#;

    #[test]
    fn the_example_of_the_format_is_read() {
        let values = all(EXAMPLE).unwrap();
        assert_eq!(values.len(), 10);
        assert_eq!(
            values[0].labels,
            labels(&[("method", "post"), ("code", "200")])
        );
        let path = ("path", "C:\\DIR\\FILE.TXT");
        let error = ("error", "Cannot find file:\n\"FILE.TXT\"");
        assert_eq!(values[2].labels, labels(&[path, error]));
        let numbers = (values[0].value, values[3].value, values[4].value);
        assert_eq!(numbers, (1027.0, 12.47, f64::INFINITY));
        assert!(values[9].value.is_nan());
        let kept = read(EXAMPLE, |name| name.ends_with("_bucket")).unwrap();
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn what_openmetrics_adds_is_put_up_with() {
        let page = "# TYPE acme counter\n# UNIT acme seconds\nacme_total{a=\"b\"} 17.0 1520879607.789 # {trace=\"x y\"} 0.67\n\
                    acme_created 1520430000.123\nb_bucket{le=\"1.0\"} 5 # {trace_id=\"oHg5\"} 0.67\n# EOF\nnot read";
        let values = all(page).unwrap();
        assert_eq!(values.len(), 3);
        assert_eq!((values[0].value, values[2].value), (17.0, 5.0));
    }

    #[test]
    fn spaces_tabs_and_other_ends_of_lines_do_not_matter() {
        let expected = Some(Value {
            name: "m".into(),
            labels: labels(&[("a", "1")]),
            value: 2.0,
        });
        for line in [
            "m{a=\"1\"} 2",
            " \tm { a = \"1\" , } \t 2 \r",
            "m{a=\"1\"}2",
            "m{a=\"1\"} 2e0 7",
        ] {
            assert_eq!(one(line), expected, "{line}");
        }
        assert_eq!(one("m 0x").map(|it| it.value), None);
        assert_eq!(one("m{} -Inf").map(|it| it.value), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        for wrong in [
            "<!doctype html>",
            "m",
            "m x",
            "{a=\"1\"} 2",
            "5m 1",
            "m{a=\"1\" 2",
            "m{a} 1",
            "m{a=1} 1",
            "m{a=\"1\"}",
            "m{a=\"1} 2",
            "m{a=\"1\"b=\"2\"} 1",
            "m{a=\"1\",a=\"2\"} 1",
            "m 1 2 3",
            "m 1 x",
            "m 1\nm 2",
            "m{a=\"\\",
            "m{=\"1\"} 2",
            "m-n 1",
            "m\u{00a0}1",
        ] {
            assert!(
                matches!(all(wrong), Err(Unreadable::Line { .. })),
                "{wrong}: {:?}",
                all(wrong)
            );
        }
        assert_eq!(all("# only words\n"), Err(Unreadable::Empty));
        let told = all("a 1\nb 2\nc").unwrap_err().to_string();
        assert_eq!(told, "line 3 is not a metric: it has no value");
    }

    #[test]
    fn everything_has_a_limit() {
        let many = |count: usize| {
            let line = |page: String, at| page + &format!("m{{a=\"{at}\"}} 1\n");
            (0..count).fold(String::new(), line)
        };
        assert_eq!(all(&many(KEPT_AT_MOST)).unwrap().len(), KEPT_AT_MOST);
        assert_eq!(all(&many(KEPT_AT_MOST + 1)), Err(Unreadable::TooMany));
        let page = many(VALUES_AT_MOST + 1);
        assert_eq!(read(&page, |_| false), Err(Unreadable::TooLong));
        let long = format!("m{{a=\"{}\"}} 1", "x".repeat(LINE_BYTES));
        assert!(all(&long).is_err());
        let label = |labels: String, at| labels + &format!("l{at}=\"\",");
        let labels = (0..=LABELS_AT_MOST).fold(String::new(), label);
        assert!(all(&format!("m{{{labels}}} 1")).is_err());
    }

    #[test]
    fn without_a_label_what_looks_alike_is_added_up() {
        let page = "m{a=\"1\",b=\"1\"} 1\nm{a=\"1\",b=\"2\"} 2\nm{a=\"2\",b=\"1\"} 4\nh_bucket{b=\"1\",le=\"1\"} 8\n\
                    h_bucket{b=\"2\",le=\"1\"} 16\nh_bucket{b=\"1\",le=\"2\"} 32";
        let kept = narrowed(all(page).unwrap(), &["a".to_owned()]);
        let sums: Vec<f64> = kept.iter().map(|value| value.value).collect();
        assert_eq!(sums, [24.0, 32.0, 3.0, 4.0]);
        assert_eq!(kept[2].labels, labels(&[("a", "1")]));
    }

    fn quoted(value: &str) -> String {
        value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    }

    #[test]
    fn what_no_sum_can_hold_stands_for_infinity() {
        let page = "a 1.7e308\nb -1.7e308\nc 1e300";
        let values: Vec<f64> = all(page).unwrap().iter().map(|it| it.value).collect();
        assert_eq!(values, [f64::INFINITY, f64::NEG_INFINITY, 1e300]);
    }

    #[test]
    fn labels_that_no_index_holds_are_told() {
        let page = format!("a{{b=\"{}\"}} 1", "x".repeat(1_000));
        assert!(
            all(&page)
                .unwrap_err()
                .to_string()
                .contains("labels are too long")
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            written in prop::collection::btree_map(
                ("[a-zA-Z_:][a-zA-Z0-9_:]{0,9}", prop::collection::btree_map("[a-z_][a-z0-9_]{0,5}", "[^\r]{0,12}", 0..4)),
                prop_oneof![any::<f64>().prop_filter("that is counted", |v| v.abs() <= 1e300), Just(f64::INFINITY)],
                1..20,
            )
        ) {
            let mut page = String::new();
            for ((name, labels), value) in &written {
                let labels: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
                page += &format!("# TYPE {name} untyped\n{name}{{{}}} {value:?}\n", labels.join(","));
            }
            let read = all(&page).unwrap();
            let read: std::collections::BTreeMap<_, _> =
                read.into_iter().map(|it| ((it.name, it.labels), it.value)).collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn nothing_brings_it_down(page in any::<String>()) {
            let _ = all(&page);
        }

        #[test]
        fn nor_does_what_is_nearly_right(page in "([a-z{}\",=\\\\ #+0-9.NaInf\n]|_bucket|le=|# EOF){0,80}") {
            let _ = all(&page);
        }
    }
}
