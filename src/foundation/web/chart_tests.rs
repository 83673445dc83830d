use chrono::TimeZone as _;
use proptest::prelude::*;

use super::*;
use crate::foundation::web::spark::Spark;

fn end() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 10, 0, 0).unwrap()
}

fn chart(values: Vec<Option<f64>>) -> Chart {
    Chart::line("latency", "Latency", "ms", end(), TimeDelta::minutes(1))
        .series(Series::new("p95", values))
}

#[test]
fn an_unknown_reading_breaks_the_line() {
    let drawing = chart(vec![Some(10.0), Some(20.0), None, Some(40.0)]).draw(Tz::UTC);
    let line = &drawing.marks[0].line;
    assert_eq!(line, "M125 150L375 100M875 0L875 0");
    assert_eq!(drawing.gaps, [("500".to_owned(), "250".to_owned())]);
    assert_eq!(drawing.rows[2].values, ["unknown"]);
    assert!(
        drawing.summary.contains("unknown in 1 of 4 intervals"),
        "{}",
        drawing.summary
    );
}

#[test]
fn nothing_known_is_not_zero() {
    let drawing = chart(vec![None, None]).draw(Tz::UTC);
    assert!(drawing.marks[0].line.is_empty());
    assert_eq!(drawing.summary, "p95: nothing known.");
    assert!(
        Spark::new("p95", vec![None])
            .to_string()
            .contains("p95: unknown")
    );
}

#[test]
fn ticks_are_round_and_cover_the_threshold() {
    let labels = |high: f64| Scale::over((0.0, high)).labels().join(" ");
    assert_eq!(labels(97.0), "100 75 50 25 0");
    assert_eq!(labels(4.0), "4 3 2 1 0");
    assert_eq!(labels(0.0), "1 0.75 0.5 0.25 0");
    let drawing = chart(vec![Some(10.0)])
        .threshold(Lamp::Red, "Limit", 200.0)
        .draw(Tz::UTC);
    assert_eq!(drawing.limits[0].y, "0");
    assert_eq!(drawing.limits[0].label, "Limit 200 ms");
}

#[test]
fn buckets_end_when_told_and_are_labelled_in_the_readers_zone() {
    let drawing = chart(vec![Some(1.0); 60]).draw(chrono_tz::Europe::Madrid);
    assert_eq!(
        drawing.x_labels,
        ["10:00", "10:15", "10:30", "10:45", "11:00"]
    );
    assert_eq!(drawing.rows[59].when, "20 Nov 2026, 10:59:00");
}

#[test]
fn only_the_latest_points_are_drawn() {
    let values = (0..1_000).map(|n| Some(f64::from(n))).collect();
    let drawing = chart(values).draw(Tz::UTC);
    assert_eq!(drawing.rows.len(), MAX_POINTS);
    assert_eq!(drawing.rows[0].values, ["700"]);
}

#[test]
fn words_are_escaped_and_nothing_is_inline() {
    let drawing = Chart::line("x", "<script>", "ms", end(), TimeDelta::minutes(1))
        .series(Series::new("\"a\" & b", vec![Some(1.0)]))
        .draw(Tz::UTC)
        .to_string();
    assert!(
        !drawing.contains("<script>") && !drawing.contains(" style="),
        "{drawing}"
    );
}

proptest! {
    /// Whatever the readings, every coordinate is a number inside the plot.
    #[test]
    fn every_point_lies_inside(values in prop::collection::vec(prop::option::of(-1e9f64..1e9), 1..400)) {
        let drawing = chart(values).draw(Tz::UTC);
        for pair in drawing.marks[0].line.split(['M', 'L']).filter(|pair| !pair.is_empty()) {
            let (x, y) = pair.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            prop_assert!((0.0..=WIDTH).contains(&x) && (-0.1..=HEIGHT + 0.1).contains(&y), "{x} {y}");
        }
    }
}
