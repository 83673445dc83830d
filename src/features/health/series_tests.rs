use proptest::prelude::*;

use super::*;
use crate::features::packs::{file, parameters::Given};

fn source(on: &str) -> Source {
    let text = format!(
        "[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\nid = \"r\"\nname = \"R\"\n{on}"
    );
    file::read(&text, &Given::default())
        .unwrap()
        .pack
        .rules
        .remove(0)
        .on
}

/// One value each 15 s, the last one now.
fn series(name: &str, labels: &[(&str, &str)], values: &[f64]) -> Series {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let back = i64::try_from(values.len()).unwrap() - 1;
    let point = |(value, at): (&f64, i64)| Point {
        at_ms: NOW - (back - at) * 15_000,
        value: *value,
    };
    Series {
        name: name.to_owned(),
        labels: labels.iter().map(owned).collect(),
        points: values.iter().zip(0..).map(point).collect(),
    }
}

const NOW: i64 = 1_700_000_000_000;

fn read(on: &str, all: &[Series]) -> Figure {
    figure(
        &source(on),
        all,
        Moment {
            now_ms: NOW,
            read_ms: Some(NOW),
        },
    )
}

#[test]
fn several_series_become_one_number() {
    let all = [
        series("m", &[("a", "1")], &[3.0]),
        series("m", &[("a", "2")], &[4.0]),
        series("n", &[], &[9.0]),
    ];
    let take = |take: &str| {
        read(
            &format!("on.metric = {{ scrape = \"s\", select = \"m\", take = \"{take}\" }}"),
            &all,
        )
    };
    assert_eq!(take("sum"), Figure::Number(7.0));
    assert_eq!(take("max"), Figure::Number(4.0));
    assert_eq!(take("min"), Figure::Number(3.0));
    let one = "on.metric = { scrape = \"s\", select = 'm{a=\"2\"}', take = \"sum\" }";
    assert_eq!(read(one, &all), Figure::Number(4.0));
}

#[test]
fn what_the_last_page_did_not_hold_is_not_there() {
    let mut gone = series("m", &[], &[3.0, 4.0]);
    gone.points.pop();
    let on = "on.metric = { scrape = \"s\", select = \"m\", take = \"sum\" }";
    let absence = "on.absence = { scrape = \"s\", select = \"m\" }";
    assert_eq!(read(on, &[gone.clone()]), Figure::Nothing);
    assert_eq!(read(absence, &[gone]), Figure::Absent(true));
    let there = [series("m", &[], &[f64::NAN])];
    assert_eq!(
        read(absence, &there),
        Figure::Absent(false),
        "no number, but there"
    );
    assert_eq!(read(on, &there), Figure::Nothing);
}

#[test]
fn a_counter_that_begins_anew_has_not_shrunk() {
    let on = "on.increase = { scrape = \"s\", select = \"c_total\", window = \"1m\" }";
    let steady = series("c_total", &[], &[100.0, 110.0, 120.0, 130.0, 140.0]);
    assert_eq!(read(on, &[steady]), Figure::Number(40.0));
    let reset = series("c_total", &[], &[100.0, 110.0, 5.0, 15.0, 25.0]);
    assert_eq!(read(on, &[reset]), Figure::Number(35.0));
    let alone = series("c_total", &[], &[100.0]);
    assert_eq!(
        read(on, &[alone]),
        Figure::Nothing,
        "one value has not grown"
    );
    let rate = "on.rate = { scrape = \"s\", select = \"c_total\", window = \"1m\" }";
    let twice = [
        series("c_total", &[("a", "1")], &[0.0, 15.0, 30.0, 45.0, 60.0]),
        series("c_total", &[("a", "2")], &[60.0; 5]),
    ];
    assert_eq!(read(rate, &twice), Figure::Number(1.0));
}

const SHARE: &str = "on.share = { scrape = \"s\", part = 'r_total{code=~\"5..\"}', whole = \"r_total\", window = \"1m\" }";

#[test]
fn a_share_needs_enough_to_be_one() {
    let good = |last: f64| series("r_total", &[("code", "200")], &[0.0, 0.0, 0.0, 0.0, last]);
    let bad = |last: f64| series("r_total", &[("code", "503")], &[0.0, 0.0, 0.0, 0.0, last]);
    assert_eq!(read(SHARE, &[good(90.0), bad(10.0)]), Figure::Number(0.1));
    assert_eq!(
        read(SHARE, &[good(90.0)]),
        Figure::Number(0.0),
        "no error yet is no error"
    );
    assert_eq!(
        read(SHARE, &[good(15.0), bad(4.0)]),
        Figure::Scarce,
        "19 of the 20 that it takes"
    );
    assert_eq!(read(SHARE, &[good(15.0), bad(5.0)]), Figure::Number(0.25));
    assert_eq!(read(SHARE, &[]), Figure::Nothing);
    let now = "on.share = { scrape = \"s\", part = \"used_bytes\", whole = \"limit_bytes\" }";
    let memory = [
        series("used_bytes", &[], &[3.0]),
        series("limit_bytes", &[], &[4.0]),
    ];
    assert_eq!(
        read(now, &memory),
        Figure::Number(0.75),
        "of what is now, there is never too little"
    );
    assert_eq!(read(now, &memory[..1]), Figure::Nothing);
}

#[test]
fn quantiles_are_read_off_the_growth_of_buckets() {
    let on = |quantile: f64| {
        format!(
            "on.quantile = {{ scrape = \"s\", select = \"d_seconds\", quantile = {quantile}, window = \"1m\" }}"
        )
    };
    let bucket = |le: &str, of: &str, last: f64| {
        // What was counted before the window does not matter.
        series(
            "d_seconds_bucket",
            &[("le", le), ("path", of)],
            &[500.0, 500.0, 500.0, 500.0, 500.0 + last],
        )
    };
    let all = [
        bucket("0.1", "/a", 50.0),
        bucket("1", "/a", 90.0),
        bucket("+Inf", "/a", 100.0),
        bucket("0.1", "/b", 50.0),
        bucket("1", "/b", 90.0),
        bucket("+Inf", "/b", 100.0),
    ];
    assert_eq!(read(&on(0.25), &all), Figure::Number(0.05));
    assert_eq!(read(&on(0.9), &all), Figure::Number(1.0));
    assert_eq!(
        read(&on(0.99), &all),
        Figure::Number(1.0),
        "above the highest bound no more is known"
    );
    let Figure::Number(middle) = read(&on(0.7), &all) else {
        panic!()
    };
    assert!((middle - 0.55).abs() < 1e-9, "{middle}");
    let few = [bucket("0.1", "/a", 10.0), bucket("+Inf", "/a", 19.0)];
    assert_eq!(read(&on(0.5), &few), Figure::Scarce);
    assert_eq!(
        read(&on(0.5), &all[..2]),
        Figure::Nothing,
        "without +Inf the whole is not known"
    );
}

proptest! {
    /// A counter's growth is never negative, whatever it does, and no more than what its steps add up to, carried on
    /// by one step at each end at most.
    #[test]
    fn growth_is_bounded_by_the_steps(values in prop::collection::vec(0_u32..1_000, 2..60), late_ms in 0_i64..20_000) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let one = series("c", &[], &values);
        let steps: f64 = values.windows(2).map(|it| if it[1] < it[0] { it[1] } else { it[1] - it[0] }).sum();
        let grown = one.growth(NOW + late_ms, 3_600_000).unwrap();
        let most = steps * (1.0 + 2.2 / (values.len() - 1) as f64);
        prop_assert!(grown >= steps - 1e-6 && grown <= most + 1e-6, "{} of {}", grown, steps);
    }

    #[test]
    fn a_quantile_lies_between_the_bounds(
        counts in prop::collection::vec(0_u32..1_000, 2..12), quantile in 0.01_f64..0.99
    ) {
        let mut sum = 0.0;
        let last = counts.len() - 1;
        let mut buckets: Vec<Bucket> = counts.iter().enumerate().map(|(at, count)| {
            sum += f64::from(*count);
            Bucket { bound: if at == last { f64::INFINITY } else { at as f64 + 1.0 }, count: sum }
        }).collect();
        match within(&mut buckets, quantile) {
            Some(found) => prop_assert!(found >= 0.0 && found <= last as f64, "{}", found),
            None => prop_assert!(sum == 0.0),
        }
    }
}
