use super::*;
use crate::features::packs::file;
use crate::features::packs::pack::Rule;
use crate::features::packs::parameters::Given;
use crate::features::rules::replay::{Ticks, replay};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

fn minutes(said: &[Said]) -> Vec<(i64, Reading)> {
    let one = |said: &Said| {
        let What::Reads(reading) = &said.what else {
            panic!("{said:?}")
        };
        ((said.at - at(0)).num_minutes(), reading.clone())
    };
    said.iter().map(one).collect()
}

fn rule(text: &str) -> Rule {
    let source = format!(
        "[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\nid = \"r\"\nname = \"R\"\n{text}"
    );
    let mut rules: Vec<Rule> = file::read(&source, &Given::default()).unwrap().pack.rules;
    rules.remove(0)
}

fn source(text: &str) -> Source {
    rule(&format!("{text}\nred = {{ above = 1 }}")).on
}

const HOUR: TimeDelta = TimeDelta::hours(1);

#[test]
fn hours_with_a_result_become_one_time_and_what_lies_between_is_none() {
    let hours = [(at(0), HOUR), (at(60), HOUR), (at(240), HOUR)];
    let looked = merged(&hours, TimeDelta::minutes(1));
    let spans: Vec<_> = looked.iter().map(|it| (it.from, it.until)).collect();
    assert_eq!(spans, [(at(0), at(121)), (at(240), at(301))]);
    let states = [(at(-10), ProbeState::Up), (at(100), ProbeState::Down)];
    assert_eq!(
        minutes(&super::states(&states, &looked)),
        [
            (0, Reading::State(ProbeState::Up)),
            (100, Reading::State(ProbeState::Down)),
            (121, Reading::Nothing),
            (240, Reading::State(ProbeState::Down)),
            (301, Reading::Nothing),
        ]
    );
}

#[test]
fn latencies_stand_in_a_row_until_one_is_missing() {
    let runs = [
        (at(0), Some(5)),
        (at(1), Some(6)),
        (at(2), None),
        (at(3), Some(7)),
    ];
    let said = latencies(&runs, 2, TimeDelta::minutes(2));
    assert_eq!(
        minutes(&said),
        [
            (0, Reading::Latencies(vec![5])),
            (1, Reading::Latencies(vec![6, 5])),
            (2, Reading::Nothing),
            (3, Reading::Latencies(vec![7])),
            (5, Reading::Nothing),
        ]
    );
}

#[test]
fn a_report_is_good_until_it_is_stale() {
    let reports = [(at(0), 1.0), (at(20), 2.0)];
    let said = reported(&reports, Some(TimeDelta::minutes(10)));
    let stale = |minute| at(minute) + TimeDelta::milliseconds(1);
    let moments: Vec<_> = said.iter().map(|said| said.at).collect();
    assert_eq!(moments, [at(0), stale(10), at(20), stale(30)]);
    assert_eq!(reported(&reports, None).len(), 2);
}

#[test]
fn lines_count_from_the_end_of_their_minute_for_as_long_as_they_should() {
    let said = lines(&[(at(0), 3), (at(2), 1)], TimeDelta::minutes(5), at(0));
    let number = |value: f64| Reading::Number(value);
    assert_eq!(
        minutes(&said),
        [
            (0, number(0.0)),
            (1, number(3.0)),
            (3, number(4.0)),
            (6, number(1.0)),
            (8, number(0.0)),
        ]
    );
}

/// What came before it is known from when on counts, and is not told.
#[test]
fn lines_are_told_from_when_on_they_are_known() {
    let lines = [(at(0), 3), (at(2), 1), (at(9), 2)];
    let said = super::lines(&lines, TimeDelta::minutes(5), at(5));
    let number = |value: f64| Reading::Number(value);
    assert_eq!(
        minutes(&said),
        [
            (5, number(4.0)),
            (6, number(1.0)),
            (8, number(0.0)),
            (10, number(2.0)),
            (15, number(0.0)),
        ]
    );
}

#[test]
fn whether_anybody_looked_is_known_no_finer_than_it_is_kept() {
    let span = |from, until| Looked {
        from: at(from),
        until: at(until),
    };
    let trim = |looked, there: &[(i64, i64)], now| {
        let there: Vec<_> = there.iter().map(|it| span(it.0, it.1)).collect();
        let trimmed = trimmed(&[looked], &there, HOUR, at(now));
        let spans = trimmed.iter();
        let spans = spans.map(|it| {
            (
                (it.from - at(0)).num_minutes(),
                (it.until - at(0)).num_minutes(),
            )
        });
        spans.collect::<Vec<_>>()
    };
    // From half past, until a quarter past.
    assert_eq!(trim(span(0, 240), &[(30, 195)], 1_000), [(30, 195)]);
    // What is missing for longer, or amid it, is absent.
    assert_eq!(trim(span(0, 240), &[(60, 180)], 1_000), [(0, 240)]);
    let gap = [(10, 100), (130, 230)];
    assert_eq!(trim(span(0, 240), &gap, 1_000), [(10, 230)]);
    // And what is missing now.
    assert_eq!(trim(span(0, 240), &[(0, 190)], 230), [(0, 240)]);
    assert_eq!(trim(span(0, 240), &[], 1_000), [(0, 240)]);
}

const TICK: TimeDelta = TimeDelta::seconds(2);

fn step(begins: i64, extreme: f64, last: f64) -> Stepped {
    Stepped {
        begins: at(begins),
        ends: at(begins + 5),
        extreme,
        last,
    }
}

#[test]
fn the_worst_of_a_step_stands_for_a_tick() {
    let steps = [
        step(0, 9.0, 1.0),
        step(5, 8.0, 2.0),
        step(10, 2.0, 2.0),
        step(60, 3.0, 3.0),
    ];
    let seconds = |said: &Said| {
        let What::Reads(reading) = &said.what else {
            panic!("{said:?}")
        };
        ((said.at - at(0)).num_seconds(), reading.clone())
    };
    let said = stepped(&steps, TICK, TimeDelta::minutes(1));
    let said: Vec<_> = said.iter().map(seconds).collect();
    let number = |value: f64| Reading::Number(value);
    assert_eq!(
        said,
        [
            (150, number(9.0)),
            // Nothing is known of what stood before the first step, and its last value is.
            (152, number(1.0)),
            (300, number(1.0)),
            (450, number(8.0)),
            (452, number(1.0)),
            (600, number(2.0)),
            (900, number(2.0)),
            (960, Reading::Nothing),
            (3_900, number(3.0)),
            (3_960, Reading::Nothing),
        ]
    );
}

/// The step that runs ends now, which may be before its middle.
#[test]
fn what_is_said_of_the_step_that_runs_is_in_order() {
    for seconds in [0, 1, 3, 60, 299] {
        let running = Stepped {
            ends: at(5) + TimeDelta::seconds(seconds),
            ..step(5, 9.0, 1.0)
        };
        let said = stepped(&[step(0, 7.0, 1.0), running], TICK, TimeDelta::minutes(1));
        let moments: Vec<_> = said.iter().map(|said| said.at).collect();
        assert!(moments.is_sorted(), "{moments:?}");
    }
}

/// What the server would not have fired on: a spike between two reads of a figure that was well at both.
#[test]
fn a_spike_within_a_step_does_not_last() {
    let steps = [step(0, 0.5, 0.5), step(5, 0.99, 0.5), step(10, 0.5, 0.5)];
    let said = stepped(&steps, TICK, TimeDelta::minutes(1));
    let fired = |levels: &str| {
        let rule = rule(&format!(
            "on.measure = {{ probe = \"host\", name = \"disk\" }}\n{levels}"
        ));
        let ticks = Ticks {
            from: at(0),
            until: at(20),
            every: TICK,
        };
        replay(&rule, &said, ticks).unwrap().firings
    };
    assert_eq!(fired("red = { above = 0.9, for = \"2m\" }"), []);
    let at_once = fired("red = { above = 0.9 }");
    assert_eq!(at_once.len(), 1);
    assert_eq!(at_once[0].until, Some(at_once[0].from + TICK));
}

fn taken(values: &[f64]) -> Vec<Taken> {
    let step = |(index, value): (usize, &f64)| Taken {
        ends: at(5 * (i64::try_from(index).unwrap() + 1)),
        le: None,
        value: *value,
    };
    values.iter().enumerate().map(step).collect()
}

fn told(text: &str, all: &[Series], until: i64) -> Vec<(i64, Reading)> {
    let rebuilt = Rebuilt::of(&source(text), TimeDelta::minutes(5));
    minutes(&rebuilt.said(all, &ends(at(5), at(until), TimeDelta::minutes(5))))
}

#[test]
fn what_grew_is_what_was_counted() {
    let [_, whole] = Rebuilt::names();
    let all = series(whole, &taken(&[10.0, 30.0, 60.0, 60.0]), true);
    let increase = |window: &str| {
        let on =
            format!("on.increase = {{ scrape = \"s\", select = \"m\", window = \"{window}\" }}");
        told(&on, &all, 20)
    };
    let number = |value: f64| Reading::Number(value);
    assert_eq!(
        increase("5m"),
        [
            (5, Reading::Nothing),
            (10, number(30.0)),
            (15, number(60.0))
        ]
    );
    assert_eq!(increase("10m").last(), Some(&(20, number(120.0))));
    // Of a window under a step only its part.
    assert_eq!(increase("1m").last(), Some(&(15, number(12.0))));
    let rate = "on.rate = { scrape = \"s\", select = \"m\", window = \"5m\" }";
    assert_eq!(told(rate, &all, 20).last(), Some(&(15, number(0.2))));
}

#[test]
fn a_share_is_of_what_grew_and_scarce_under_its_least() {
    let [part, whole] = Rebuilt::names();
    let mut all = series(part, &taken(&[0.0, 5.0, 1.0]), true);
    all.extend(series(whole, &taken(&[100.0, 50.0, 10.0]), true));
    let on =
        "on.share = { scrape = \"s\", part = \"m{a=\\\"b\\\"}\", whole = \"m\", window = \"5m\" }";
    assert_eq!(
        told(on, &all, 15),
        [
            (5, Reading::Nothing),
            (10, Reading::Number(0.1)),
            (15, Reading::Scarce)
        ]
    );
}

#[test]
fn a_quantile_is_read_of_its_buckets() {
    let [_, whole] = Rebuilt::names();
    let bucket = |le: &'static str, values: [f64; 2]| {
        taken(&values).into_iter().map(move |it| Taken {
            le: Some(le.to_owned()),
            ..it
        })
    };
    let mut all: Vec<Taken> = Vec::new();
    for (le, grown) in [("0.1", 90.0), ("1", 100.0), ("+Inf", 100.0)] {
        all.extend(bucket(le, [0.0, grown]));
    }
    all.sort_by_key(|it| it.ends);
    let all = series(&format!("{whole}_bucket"), &all, true);
    let on = "on.quantile = { scrape = \"s\", select = \"h\", quantile = 0.9, window = \"5m\" }";
    assert_eq!(told(on, &all, 10).last(), Some(&(10, Reading::Number(0.1))));
}

#[test]
fn what_was_never_reported_is_as_old_as_its_declaration() {
    let said = ages(&[(at(-50), 1.0), (at(10), 1.0)], at(-20), at(0));
    let since: Vec<_> = said
        .iter()
        .map(|said| (said.at, said.what.clone()))
        .collect();
    assert_eq!(
        since,
        [
            (at(0), What::AgesSince(at(-20))),
            (at(10), What::AgesSince(at(10)))
        ]
    );
}

#[test]
fn a_connector_is_as_its_worst_operation() {
    let turns = [
        ("a", at(0), Is::Up),
        ("b", at(0), Is::Up),
        ("a", at(5), Is::Open),
        ("b", at(6), Is::Open),
        ("a", at(7), Is::Up),
        ("b", at(9), Is::Up),
    ];
    let said = worst(&turns);
    let stood: Vec<_> = minutes(&said)
        .into_iter()
        .map(|(minute, reading)| match reading {
            Reading::Beat(beat) => (minute, beat.is),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(stood, [(0, Is::Up), (5, Is::Open), (9, Is::Up)]);
}
