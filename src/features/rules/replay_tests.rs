use proptest::prelude::*;

use super::*;
use crate::features::packs::file;
use crate::features::packs::pack::ProbeState;
use crate::features::packs::parameters::Given;

fn rule(text: &str) -> Rule {
    let source = format!(
        "[platform]\nid = \"p\"\nname = \"P\"\nversion = \"1\"\n[[rule]]\nid = \"r\"\nname = \"R\"\n{text}"
    );
    let mut file = file::read(&source, &Given::default()).unwrap();
    file.pack.rules.remove(0)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

fn ticks(until: i64) -> Ticks {
    Ticks {
        from: at(0),
        until: at(until),
        every: TimeDelta::seconds(2),
    }
}

fn number(seconds: i64, value: f64) -> Said {
    Said::reads(at(seconds), Reading::Number(value))
}

/// From and until of each firing, in seconds.
fn fired(rule: &Rule, said: &[Said], until: i64) -> Vec<(i64, Option<i64>)> {
    let seconds = |moment: DateTime<Utc>| (moment - at(0)).num_seconds();
    let replayed = replay(rule, said, ticks(until)).unwrap();
    replayed
        .firings
        .iter()
        .map(|firing| (seconds(firing.from), firing.until.map(seconds)))
        .collect()
}

const DISK: &str = "on.measure = { probe = \"host\", name = \"disk\" }\n";

#[test]
fn a_threshold_has_to_last_and_goes_off_at_its_own() {
    let rule = rule(&format!(
        "{DISK}red = {{ above = \"90%\", clear = \"80%\", for = \"5m\" }}"
    ));
    let said = [
        number(0, 0.5),
        // Too short.
        number(100, 0.95),
        number(300, 0.5),
        // Long enough, and lit until it is below 80 %.
        number(1_001, 0.95),
        number(2_000, 0.85),
        number(3_000, 0.79),
    ];
    assert_eq!(fired(&rule, &said, 4_000), [(1_302, Some(3_000))]);
    let firing = replay(&rule, &said, ticks(4_000))
        .unwrap()
        .firings
        .remove(0);
    assert_eq!(firing.peak, Some(Reading::Number(0.95)));
    assert_eq!(firing.level, Level::Red);
}

#[test]
fn it_stays_lit_for_as_long_as_it_is_told() {
    let rule = rule(&format!(
        "{DISK}keep_firing_for = \"10m\"\nyellow = {{ above = 0.9 }}"
    ));
    let said = [
        number(0, 0.95),
        number(60, 0.5),
        number(120, 0.95),
        number(180, 0.5),
    ];
    assert_eq!(fired(&rule, &said, 3_600), [(0, Some(780))]);
    assert_eq!(fired(&rule, &said, 600), [(0, None)]);
}

#[test]
fn a_gap_is_no_data_and_what_was_on_its_way_begins_anew() {
    let text = |no_data: &str| format!("{DISK}{no_data}red = {{ above = 0.9, for = \"5m\" }}");
    let said = [
        number(0, 0.95),
        Said::nothing(at(200)),
        number(260, 0.95),
        number(1_000, 0.1),
    ];
    assert_eq!(fired(&rule(&text("")), &said, 2_000), [(560, Some(1_000))]);
    let fires = "no_data = \"fire\"\n";
    assert_eq!(
        fired(&rule(&text(fires)), &said, 2_000),
        [(200, Some(1_000))]
    );
    let replayed = replay(&rule(&text("")), &said, ticks(2_000)).unwrap();
    assert_eq!(replayed.known, TimeDelta::seconds(1_940));
}

#[test]
fn levels_are_one_lamp_that_tells_the_worst() {
    let rule = rule(&format!(
        "{DISK}red = {{ above = 0.95 }}\nyellow = {{ above = 0.9 }}"
    ));
    let said = [
        number(0, 0.92),
        number(100, 0.97),
        number(200, 0.91),
        number(300, 0.2),
    ];
    let replayed = replay(&rule, &said, ticks(600)).unwrap();
    assert_eq!(replayed.firings.len(), 1);
    assert_eq!(replayed.firings[0].level, Level::Red);
    assert_eq!(replayed.firings[0].peak, Some(Reading::Number(0.97)));
}

#[test]
fn what_comes_and_goes_is_held_lit_as_it_would_have_been() {
    let rule = rule(&format!("{DISK}red = {{ above = 0.9 }}"));
    let said: Vec<Said> = (0..6)
        .map(|minute| number(minute * 60, if minute % 2 == 0 { 0.95 } else { 0.1 }))
        .collect();
    // The fourth turn holds it; half an hour with fewer than two turns ends that.
    assert_eq!(
        fired(&rule, &said, 7_200),
        [(0, Some(60)), (120, Some(240 + 1_800))]
    );
}

#[test]
fn an_event_lights_for_an_hour() {
    let rule = rule("on.event = \"e\"\nblue = {}");
    let said = [
        Said::reads(at(0), Reading::Events(0)),
        Said::reads(at(10), Reading::Events(1)),
        Said::reads(at(1_000), Reading::Events(2)),
    ];
    assert_eq!(fired(&rule, &said, 10_000), [(10, Some(1_002 + 3_600))]);
}

#[test]
fn what_grows_older_fires_when_it_is_older() {
    let rule = rule("on.age = \"i\"\nred = { above = \"10m\" }");
    let since = |seconds| Said {
        at: at(seconds),
        what: What::AgesSince(at(seconds)),
    };
    let said = [since(0), since(500), since(2_000)];
    assert_eq!(fired(&rule, &said, 2_500), [(1_102, Some(2_000))]);
    let replayed = replay(&rule, &said, ticks(2_500)).unwrap();
    assert_eq!(
        replayed.firings[0].peak,
        Some(Reading::Age(TimeDelta::seconds(1_500)))
    );
}

#[test]
fn a_rule_that_does_not_fit_is_no_firing() {
    let rule = rule("on.state = \"p\"\nred.is = \"down\"");
    let said = [number(0, 1.0)];
    assert_eq!(replay(&rule, &said, ticks(60)), Err(Misfit));
}

/// Every tick, one after the other, as the server takes them.
fn every_tick(
    rule: &Rule,
    said: &[Said],
    ticks: Ticks,
) -> Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> {
    let mut state = RuleState::default();
    let mut firings: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = Vec::new();
    let mut now = ticks.from;
    while now <= ticks.until {
        let says = said.iter().rfind(|said| said.at <= now);
        let sighted = says.map_or(Reading::Nothing, |said| said.what.at(now));
        let stepped = step(rule, &sighted, &mut state, now);
        match stepped.outcome.change {
            Some(Change::Fired { .. }) => firings.push((now, None)),
            Some(Change::Resolved) => firings.last_mut().unwrap().1 = Some(now),
            _ => {}
        }
        state = state.after(stepped.outcome);
        now += ticks.every;
    }
    firings
}

fn anything() -> impl Strategy<Value = Vec<(i64, Option<u32>)>> {
    let value = prop_oneof![1 => Just(None), 6 => (0_u32..100).prop_map(Some)];
    let paces = prop_oneof![3 => 1_i64..120, 1 => 600_i64..4_000];
    prop::collection::vec((paces, value), 1..60)
}

fn policy() -> impl Strategy<Value = String> {
    let lasting = prop::sample::select(vec!["0s", "1s", "7s", "90s", "5m"]);
    let kept = prop::sample::select(vec!["0s", "30s", "10m"]);
    let no_data = prop::sample::select(vec!["keep", "fire", "ok"]);
    let waits = prop::sample::select(vec!["0s", "45s", "5m"]);
    (lasting.clone(), lasting, kept, no_data, waits).prop_map(
        |(red, yellow, kept, no_data, waits)| {
            format!(
                "keep_firing_for = \"{kept}\"\nno_data = \"{no_data}\"\nno_data_for = \"{waits}\"\n\
                 red = {{ above = 80, clear = 70, for = \"{red}\" }}\nyellow = {{ above = 60, for = \"{yellow}\" }}\n"
            )
        },
    )
}

fn told(firings: &[Firing]) -> Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> {
    firings.iter().map(|it| (it.from, it.until)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Taking only the steps that may find something new finds what every step finds.
    #[test]
    fn it_fires_as_it_would_have_tick_by_tick(story in anything(), policy in policy()) {
        let rule = rule(&format!("on.indicator = \"i\"\n{policy}"));
        let mut seconds = 0;
        let said: Vec<Said> = story
            .iter()
            .map(|(pause, value)| {
                seconds += pause;
                match value {
                    Some(value) => number(seconds, f64::from(*value)),
                    None => Said::nothing(at(seconds)),
                }
            })
            .collect();
        let ticks = ticks(seconds + 4_000);
        let replayed = replay(&rule, &said, ticks).unwrap();
        prop_assert_eq!(told(&replayed.firings), every_tick(&rule, &said, ticks));
    }

    #[test]
    fn so_does_what_grows_older_and_what_is_counted(story in anything()) {
        let age = rule("on.age = \"i\"\nred = { above = \"10m\", for = \"1m\" }\nyellow = { above = \"3m\", clear = \"2m\" }");
        let event = rule("on.event = \"e\"\nkeep_firing_for = \"5m\"\nred = {}");
        let (mut seconds, mut total) = (0, 0);
        let (mut ages, mut events) = (Vec::new(), Vec::new());
        for (pause, value) in &story {
            seconds += pause;
            let at = at(seconds);
            ages.push(Said { at, what: What::AgesSince(at) });
            total += i64::from(value.unwrap_or(0) % 3);
            events.push(Said::reads(at, Reading::Events(total)));
        }
        let ticks = ticks(seconds + 4_000);
        for (rule, said) in [(&age, &ages), (&event, &events)] {
            let replayed = replay(rule, said, ticks).unwrap();
            prop_assert_eq!(told(&replayed.firings), every_tick(rule, said, ticks));
        }
    }
}

#[test]
fn a_probe_that_is_down_fires_while_it_is() {
    let rule = rule("on.state = \"p\"\nred.is = \"down\"");
    let state = |seconds, state| Said::reads(at(seconds), Reading::State(state));
    let said = [
        state(0, ProbeState::Up),
        state(100, ProbeState::Down),
        state(200, ProbeState::Unknown),
        state(300, ProbeState::Up),
    ];
    assert_eq!(fired(&rule, &said, 600), [(100, Some(300))]);
}
