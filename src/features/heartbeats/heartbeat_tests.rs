use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn minute(minutes: i64) -> DateTime<Utc> {
    at("2026-03-02T09:00:00Z") + TimeDelta::minutes(minutes)
}

/// Every ten minutes, with three of grace.
fn ten() -> Expected {
    Expected {
        schedule: Schedule::Every(TimeDelta::minutes(10)),
        grace: TimeDelta::minutes(3),
    }
}

fn daily(zone: Tz) -> Expected {
    Expected {
        schedule: Schedule::At(Box::new(Timetable::new("30 2 * * *", zone).unwrap())),
        grace: TimeDelta::minutes(10),
    }
}

fn up_at(now: DateTime<Utc>, expected: &Expected) -> Heartbeat {
    let mut beat = Heartbeat::new(now);
    beat.hear(expected, Signal::Success, None, now);
    beat
}

fn run(number: u128) -> Option<Uuid> {
    Some(Uuid::from_u128(number))
}

#[test]
fn what_was_never_heard_of_has_no_deadline() {
    let beat = Heartbeat::new(minute(0));
    assert_eq!(beat.deadline(&ten()), None);
    assert_eq!(
        beat.standing(&ten(), minute(10_000)),
        (Standing::New, minute(0))
    );
}

#[test]
fn it_is_due_after_its_period_late_in_its_grace_and_down_at_its_deadline() {
    let beat = up_at(minute(0), &ten());
    let standing = |minutes| beat.standing(&ten(), minute(minutes));
    assert_eq!(standing(9), (Standing::Up, minute(0)));
    assert_eq!(standing(10), (Standing::Late, minute(10)));
    assert_eq!(standing(12), (Standing::Late, minute(10)));
    assert_eq!(standing(13), (Standing::Down, minute(13)));
    assert_eq!(standing(500), (Standing::Down, minute(13)));
}

#[test]
fn the_moment_of_the_turn_is_the_deadline_however_late_it_is_noticed() {
    let mut beat = up_at(minute(0), &ten());
    let turn = beat.advance(&ten(), minute(500)).unwrap();
    let due = minute(10);
    assert_eq!(
        (turn.at, turn.was, turn.now, turn.why),
        (minute(13), State::Up, State::Down, Why::Missed { due })
    );
    assert_eq!(beat.since, minute(13));
    assert_eq!(beat.advance(&ten(), minute(501)), None, "once");
}

#[test]
fn a_ping_at_the_deadline_comes_too_late_and_brings_it_up_again() {
    let mut beat = up_at(minute(0), &ten());
    let heard = beat.hear(&ten(), Signal::Success, None, minute(13));
    let turned: Vec<_> = heard.turns.iter().map(|turn| (turn.at, turn.now)).collect();
    assert_eq!(turned, [(minute(13), State::Down), (minute(13), State::Up)]);
    let mut other = up_at(minute(0), &ten());
    let just = minute(13) - TimeDelta::microseconds(1);
    assert_eq!(other.hear(&ten(), Signal::Success, None, just).turns, []);
}

#[test]
fn exit_codes_say_how_it_went() {
    for (signal, state) in [
        (Signal::Exit(0), State::Up),
        (Signal::Exit(1), State::Failed),
        (Signal::Exit(255), State::Failed),
        (Signal::Fail, State::Failed),
    ] {
        let mut beat = Heartbeat::new(minute(0));
        beat.hear(&ten(), signal, None, minute(1));
        assert_eq!(beat.state, state, "{signal:?}");
    }
}

#[test]
fn a_failure_turns_it_at_once_and_the_next_success_turns_it_back() {
    let mut beat = up_at(minute(0), &ten());
    let failed = beat.hear(&ten(), Signal::Exit(3), None, minute(5));
    assert_eq!(failed.turns.len(), 1);
    assert_eq!(
        beat.standing(&ten(), minute(60)),
        (Standing::Failed, minute(5))
    );
    let again = beat.hear(&ten(), Signal::Fail, None, minute(15));
    assert_eq!(again.turns, [], "it was known");
    let well = beat.hear(&ten(), Signal::Success, None, minute(25));
    assert_eq!(well.turns[0].now, State::Up);
    assert_eq!(beat.due(&ten()), Some(minute(35)));
}

#[test]
fn a_failure_while_down_is_the_same_downtime() {
    let mut beat = up_at(minute(0), &ten());
    beat.advance(&ten(), minute(20));
    assert_eq!(beat.hear(&ten(), Signal::Fail, None, minute(21)).turns, []);
    assert_eq!((beat.state, beat.since), (State::Failed, minute(13)));
}

#[test]
fn a_start_without_an_end_is_down_a_grace_after_it_began() {
    let mut beat = up_at(minute(0), &ten());
    beat.hear(&ten(), Signal::Start, None, minute(4));
    assert_eq!(
        beat.standing(&ten(), minute(6)),
        (Standing::Started, minute(4))
    );
    let turn = beat.advance(&ten(), minute(9)).unwrap();
    let started = minute(4);
    assert_eq!(
        (turn.at, turn.why),
        (minute(7), Why::Unfinished { started })
    );
    let mut new = Heartbeat::new(minute(0));
    new.hear(&ten(), Signal::Start, None, minute(1));
    assert_eq!(new.advance(&ten(), minute(4)).unwrap().was, State::New);
}

#[test]
fn a_late_end_has_its_length_and_brings_it_up() {
    let mut beat = up_at(minute(0), &ten());
    beat.hear(&ten(), Signal::Start, run(1), minute(4));
    beat.advance(&ten(), minute(7));
    let heard = beat.hear(&ten(), Signal::Success, run(1), minute(9));
    assert_eq!(heard.took, Some(TimeDelta::minutes(5)));
    assert_eq!(beat.state, State::Up);
}

#[test]
fn overlapping_runs_are_told_apart_by_their_ids() {
    let mut beat = up_at(minute(0), &ten());
    beat.hear(&ten(), Signal::Start, run(1), minute(1));
    beat.hear(&ten(), Signal::Start, run(2), minute(2));
    let second = beat.hear(&ten(), Signal::Success, run(2), minute(3));
    assert_eq!(second.took, Some(TimeDelta::minutes(1)));
    let started = minute(1);
    assert_eq!(
        beat.deadline(&ten()),
        Some((minute(4), Why::Unfinished { started })),
        "the first still has to end"
    );
    let other = beat.hear(&ten(), Signal::Success, run(9), minute(3));
    assert_eq!(other.took, None, "nobody saw it begin");
    let first = beat.hear(&ten(), Signal::Success, run(1), minute(3));
    assert_eq!(first.took, Some(TimeDelta::minutes(2)));
    assert_eq!(beat.runs, []);
}

#[test]
fn an_end_that_names_no_run_ends_them_all() {
    let mut beat = up_at(minute(0), &ten());
    beat.hear(&ten(), Signal::Start, run(1), minute(1));
    let alone = beat.hear(&ten(), Signal::Success, None, minute(2));
    assert_eq!(alone.took, Some(TimeDelta::minutes(1)));
    beat.hear(&ten(), Signal::Start, run(1), minute(3));
    beat.hear(&ten(), Signal::Start, run(2), minute(4));
    let both = beat.hear(&ten(), Signal::Success, None, minute(5));
    assert_eq!((both.took, beat.runs.len()), (None, 0));
}

#[test]
fn a_run_that_was_given_up_does_not_pull_it_down_again() {
    let mut beat = up_at(minute(0), &ten());
    beat.hear(&ten(), Signal::Start, run(1), minute(1));
    beat.advance(&ten(), minute(4));
    // Begun while it was down, and longer ago than the grace when another run succeeds.
    beat.hear(&ten(), Signal::Start, run(2), minute(5));
    beat.hear(&ten(), Signal::Success, run(3), minute(9));
    assert_eq!(beat.state, State::Up);
    assert_eq!(beat.deadline(&ten()).unwrap().0, minute(22));
}

#[test]
fn a_log_line_says_nothing_of_how_it_stands() {
    let mut beat = up_at(minute(0), &ten());
    let before = beat.clone();
    assert_eq!(
        beat.hear(&ten(), Signal::Log, None, minute(5)),
        Heard::default()
    );
    assert_eq!(beat, before);
    let mut late = before;
    assert_eq!(
        late.hear(&ten(), Signal::Log, None, minute(50)).turns.len(),
        1,
        "a deadline that went by is noticed with any ping"
    );
}

/// The night in which New York's 02:30 does not exist, and the one in which 01:30 comes twice.
#[test]
fn daylight_saving_moves_what_does_not_exist_forward_and_takes_the_first_of_two() {
    let zone = Tz::America__New_York;
    let spring = up_at(at("2026-03-07T07:31:00Z"), &daily(zone));
    assert_eq!(spring.due(&daily(zone)), Some(at("2026-03-08T07:00:00Z")));
    let half_past_one = Expected {
        schedule: Schedule::At(Box::new(Timetable::new("30 1 * * *", zone).unwrap())),
        grace: TimeDelta::minutes(10),
    };
    let autumn = up_at(at("2026-10-31T05:31:00Z"), &half_past_one);
    assert_eq!(autumn.due(&half_past_one), Some(at("2026-11-01T05:30:00Z")));
    let after = up_at(at("2026-11-01T05:31:00Z"), &half_past_one);
    assert_eq!(
        after.due(&half_past_one),
        Some(at("2026-11-02T06:30:00Z")),
        "not once more at the second half past one"
    );
}

#[test]
fn another_schedule_counts_from_when_it_came() {
    let mut beat = up_at(minute(0), &daily(Tz::UTC));
    beat.reschedule(minute(600));
    assert_eq!(beat.due(&ten()), Some(minute(610)));
    assert_eq!(beat.advance(&ten(), minute(612)), None);
}

#[test]
fn a_shorter_grace_has_no_deadline_before_it_came() {
    let long = Expected {
        grace: TimeDelta::minutes(60),
        ..ten()
    };
    let mut beat = up_at(minute(0), &long);
    assert_eq!(beat.advance(&long, minute(30)), None);
    beat.change(minute(30));
    assert_eq!(beat.advance(&ten(), minute(31)).unwrap().at, minute(30));
}

#[test]
fn there_is_a_bound_to_the_runs_that_are_followed() {
    let mut beat = up_at(minute(0), &ten());
    for number in 0..50 {
        beat.hear(&ten(), Signal::Start, run(number), minute(1));
    }
    assert_eq!(beat.runs.len(), RUNS_AT_MOST);
    assert_eq!(beat.runs[0].id, run(0), "the first keeps its deadline");
}

/// What comes, and how many seconds after what came before it.
fn story() -> impl Strategy<Value = Vec<(i64, Signal, Option<Uuid>)>> {
    let signal = prop_oneof![
        Just(Signal::Start),
        Just(Signal::Success),
        Just(Signal::Fail),
        Just(Signal::Exit(0)),
        Just(Signal::Exit(7)),
        Just(Signal::Log),
    ];
    let id = prop_oneof![Just(None), (0_u128..4).prop_map(run)];
    prop::collection::vec((0_i64..1_500, signal, id), 0..40)
}

/// Lives through a story. With `watched`, somebody looks every 20 seconds; else only pings do.
fn live(story: &[(i64, Signal, Option<Uuid>)], watched: bool) -> (Heartbeat, Vec<Turn>) {
    let expected = ten();
    let mut now = minute(0);
    let (mut beat, mut turns) = (Heartbeat::new(now), Vec::new());
    for (after, signal, id) in story {
        let then = now + TimeDelta::seconds(*after);
        while watched && now < then {
            now = (now + TimeDelta::seconds(20)).min(then);
            turns.extend(beat.advance(&expected, now));
        }
        now = then;
        turns.extend(beat.hear(&expected, *signal, *id, now).turns);
    }
    (beat, turns)
}

proptest! {
    #[test]
    fn looking_changes_nothing(story in story()) {
        prop_assert_eq!(live(&story, true), live(&story, false));
    }

    #[test]
    fn turns_are_in_order_and_lead_from_one_to_the_next(story in story()) {
        let (beat, turns) = live(&story, false);
        let mut before: Option<Turn> = None;
        for turn in turns {
            prop_assert!(turn.was.is_bad() != turn.now.is_bad() || turn.was == State::New);
            if let Some(before) = before {
                prop_assert!(before.at <= turn.at);
                prop_assert_eq!(before.now.is_bad(), turn.was.is_bad());
            }
            before = Some(turn);
        }
        prop_assert_eq!(before.map_or(State::New, |turn| turn.now).is_bad(), beat.state.is_bad());
    }

    #[test]
    fn a_deadline_lies_after_whatever_it_waits_for(story in story()) {
        let (beat, _) = live(&story, false);
        if let Some((deadline, why)) = beat.deadline(&ten()) {
            match why {
                Why::Missed { due } => prop_assert_eq!(deadline, due + ten().grace),
                Why::Unfinished { started } => prop_assert_eq!(deadline, started + ten().grace),
                other => prop_assert!(false, "{:?}", other),
            }
            prop_assert!(beat.since <= deadline);
            prop_assert!(beat.runs.len() <= RUNS_AT_MOST);
        }
    }
}
