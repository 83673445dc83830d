use proptest::prelude::*;

use super::*;

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
}

fn closed() -> Breaker {
    Breaker::new(at(0))
}

/// One call, a second after the one before: `g` answered, `f` failed, `l` limited, `n` nothing.
fn call(breaker: &mut Breaker, letter: char, secs: i64) -> State {
    let now = at(secs);
    breaker.advance(now, 0.0);
    let (admission, _) = breaker.admit(now, Uuid::from_u128(1));
    if let Admission::Go { trial } = admission {
        let verdict = match letter {
            'g' => Verdict::Answered,
            'f' => Verdict::Failed,
            'l' => Verdict::Limited(Some(TimeDelta::zero())),
            _ => Verdict::Nothing,
        };
        breaker.hear(verdict, trial, now, 0.0);
    }
    breaker.state
}

fn after(letters: &str) -> Breaker {
    let mut breaker = closed();
    for (letter, secs) in letters.chars().zip(1..) {
        call(&mut breaker, letter, secs);
    }
    breaker
}

#[test]
fn five_in_a_row_or_half_of_ten_open_it() {
    use State::{Closed, Open};
    for (letters, state) in [
        ("ffff", Closed),
        ("fffff", Open),
        ("ffffgffff", Closed),
        ("fgfgfgfgg", Closed),
        // Ten seen, five of them failed.
        ("fgfgfgfgf", Closed),
        ("gfgfgfgfgf", Open),
        // What makes it half is seen, whichever way the tenth went.
        ("ffffgfgggg", Open),
        ("ffffgggggg", Closed),
        ("ggggggffff", Closed),
        ("gggggffffgggggg", Closed),
        ("gggggffffgggggf", Open),
        // What did not come to ask, and what asked us to wait, counts neither way.
        ("ffffnnnlllf", Open),
        ("nnnnnnnnnn", Closed),
    ] {
        assert_eq!(after(letters).state, state, "{letters}");
    }
    assert_eq!(after("ffff").failures(), 4);
}

#[test]
fn statuses_count_as_the_rules_say() {
    for (status, verdict) in [
        (200, Verdict::Answered),
        (304, Verdict::Answered),
        (404, Verdict::Answered),
        (401, Verdict::Answered),
        (408, Verdict::Failed),
        (429, Verdict::Limited(None)),
        (500, Verdict::Failed),
        (503, Verdict::Failed),
        (599, Verdict::Failed),
    ] {
        assert_eq!(Verdict::of_status(status, None), verdict, "{status}");
    }
}

#[test]
fn it_is_open_for_a_minute_then_twice_as_long_up_to_a_quarter_of_an_hour() {
    let secs: Vec<i64> = (0..7).map(|n| open_for(n, 0.0).num_seconds()).collect();
    assert_eq!(secs, [60, 120, 240, 480, 900, 900, 900]);
    assert_eq!(open_for(0, 1.0).num_seconds(), 66);
    assert_eq!(open_for(u32::MAX, 1.0).num_seconds(), 990);
}

#[test]
fn an_open_one_waits_for_its_time_and_then_for_somebody_to_call() {
    let mut breaker = after("fffff");
    let (refused, turn) = breaker.admit(at(64), Uuid::from_u128(7));
    let until = Some(at(65));
    let why = Refused::Open;
    assert_eq!(refused, Admission::ShortCircuited { until, why });
    assert_eq!(turn, None);
    // Nothing turns it while nobody calls.
    assert_eq!(breaker.advance(at(86_400), 0.5), None);
    assert_eq!(breaker.state, State::Open);
    let (go, turn) = breaker.admit(at(86_400), Uuid::from_u128(7));
    let trial = Some(Uuid::from_u128(7));
    assert_eq!(go, Admission::Go { trial });
    assert_eq!(turn.map(|turn| turn.now), Some(State::HalfOpen));
}

#[test]
fn one_trial_at_a_time_and_two_close_it() {
    let mut breaker = after("fffff");
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    breaker.admit(at(70), first);
    let (refused, _) = breaker.admit(at(71), second);
    let until = Some(at(130));
    let why = Refused::Trial;
    assert_eq!(refused, Admission::ShortCircuited { until, why });
    // Somebody else's verdict is not the trial's.
    assert_eq!(
        breaker.hear(Verdict::Answered, Some(second), at(72), 0.0),
        None
    );
    assert_eq!(breaker.hear(Verdict::Failed, None, at(72), 0.0), None);
    assert_eq!(
        breaker.hear(Verdict::Answered, Some(first), at(73), 0.0),
        None
    );
    assert_eq!((breaker.state, breaker.passed), (State::HalfOpen, 1));
    breaker.admit(at(74), second);
    let turn = breaker.hear(Verdict::Answered, Some(second), at(75), 0.0);
    assert_eq!(turn.map(|it| it.why), Some(Why::TrialsPassed));
    assert_eq!(breaker.state, State::Closed);
    // It begins anew: the next opening is a short one.
    for secs in 76..81 {
        call(&mut breaker, 'f', secs);
    }
    assert_eq!(breaker.retry_at, Some(at(80 + 60)));
}

#[test]
fn a_trial_that_fails_or_is_lost_opens_it_for_longer() {
    let mut failed = after("fffff");
    assert_eq!(call(&mut failed, 'f', 65), State::Open);
    assert_eq!(failed.retry_at, Some(at(65 + 120)));

    let mut lost = after("fffff");
    let id = Uuid::from_u128(1);
    lost.admit(at(65), id);
    assert_eq!(lost.advance(at(124), 0.0), None);
    let turn = lost.advance(at(125), 0.0).unwrap();
    assert_eq!((turn.now, turn.why), (State::Open, Why::TrialLost));
    // Its answer comes too late.
    assert_eq!(lost.hear(Verdict::Answered, Some(id), at(126), 0.0), None);
    assert_eq!(lost.state, State::Open);
    assert_eq!(lost.retry_at, Some(at(125 + 120)));
}

#[test]
fn a_half_open_one_without_a_trial_waits_for_ever() {
    let mut breaker = after("fffff");
    call(&mut breaker, 'g', 65);
    assert_eq!(breaker.advance(at(1_000_000), 0.0), None);
    assert_eq!((breaker.state, breaker.passed), (State::HalfOpen, 1));
}

#[test]
fn whoever_asks_us_to_wait_is_left_alone_and_has_not_failed() {
    let mut breaker = closed();
    let wait = Verdict::Limited(Some(TimeDelta::seconds(120)));
    assert_eq!(breaker.hear(wait, None, at(0), 0.0), None);
    let (refused, _) = breaker.admit(at(119), Uuid::nil());
    let until = Some(at(120));
    let why = Refused::Limited;
    assert_eq!(refused, Admission::ShortCircuited { until, why });
    assert_eq!(
        breaker.admit(at(120), Uuid::nil()).0,
        Admission::Go { trial: None }
    );
    assert_eq!((breaker.state, breaker.wait_until), (State::Closed, None));
    // A shorter wait does not undo a longer one.
    breaker.hear(wait, None, at(130), 0.0);
    breaker.hear(
        Verdict::Limited(Some(TimeDelta::seconds(1))),
        None,
        at(131),
        0.0,
    );
    assert_eq!(breaker.wait_until, Some(at(250)));
    // In a trial it is no verdict: the next call is the trial, once the time is over.
    let mut trying = after("fffff");
    trying.admit(at(65), Uuid::from_u128(1));
    trying.hear(wait, Some(Uuid::from_u128(1)), at(66), 0.0);
    assert_eq!((trying.state, trying.trial), (State::HalfOpen, None));
    let (refused, _) = trying.admit(at(100), Uuid::from_u128(2));
    assert!(matches!(
        refused,
        Admission::ShortCircuited {
            why: Refused::Limited,
            ..
        }
    ));
}

#[test]
fn retry_after_is_seconds_or_a_date_and_bounded() {
    let now = at(0);
    let date = (now + TimeDelta::seconds(90)).to_rfc2822();
    for (header, secs) in [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        (date.as_str(), Some(90)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
        ("4294967295", Some(86_400)),
        ("99999999999", Some(86_400)),
        ("+5", None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ] {
        let wait = retry_after(header, now).map(|wait| wait.num_seconds());
        assert_eq!(wait, secs, "{header}");
    }
}

#[test]
fn what_people_force_stays_until_people_or_its_end_change_it() {
    let mut breaker = after("ff");
    assert_eq!(breaker.reset(at(3)), None, "there is nothing to try");
    let turn = breaker.force_open(at(3)).unwrap();
    assert_eq!((turn.was, turn.now), (State::Closed, State::ForcedOpen));
    assert_eq!(breaker.force_open(at(4)), None);
    let (refused, _) = breaker.admit(at(1_000_000), Uuid::nil());
    let (until, why) = (None, Refused::ForcedOpen);
    assert_eq!(refused, Admission::ShortCircuited { until, why });
    assert_eq!(breaker.advance(at(1_000_000), 0.0), None);
    assert_eq!(breaker.reset(at(9)).map(|it| it.now), Some(State::HalfOpen));

    breaker.disable(at(10), at(20));
    for secs in 10..20 {
        assert_eq!(call(&mut breaker, 'f', secs), State::Disabled);
    }
    let turn = breaker.advance(at(20), 0.0).unwrap();
    assert_eq!((turn.now, turn.why), (State::HalfOpen, Why::Ended));
}

#[test]
fn numbers_and_words_are_as_written_down() {
    for (number, state) in State::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(state.number()), number);
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for why in Why::ALL {
        assert_eq!(why.as_str().parse(), Ok(why));
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(acts in prop::collection::vec((0_u8..8, 0_i64..200), 1..200), spread in 0.0..1.0_f64) {
        let mut breaker = closed();
        let (mut now, mut underway, mut next) = (0, None::<Uuid>, 1_u128);
        for (act, later) in acts {
            now += later;
            let (moment, before) = (at(now), breaker.clone());
            let mut turns = Vec::new();
            turns.extend(breaker.advance(moment, spread));
            if breaker.state != State::HalfOpen {
                underway = None;
            }
            match act {
                0 | 1 => {
                    let id = Uuid::from_u128(next);
                    next += 1;
                    let (admission, turn) = breaker.admit(moment, id);
                    turns.extend(turn);
                    if let Admission::Go { trial: Some(id) } = admission {
                        prop_assert_eq!(underway, None, "two trials at once");
                        underway = Some(id);
                    }
                    if breaker.state == State::ForcedOpen {
                        prop_assert!(!matches!(admission, Admission::Go { .. }), "a call went out");
                    }
                }
                2 => turns.extend(breaker.hear(Verdict::Failed, None, moment, spread)),
                3 => turns.extend(breaker.hear(Verdict::Answered, None, moment, spread)),
                4 | 5 => {
                    let verdict = if act == 4 { Verdict::Answered } else { Verdict::Failed };
                    turns.extend(breaker.hear(verdict, underway, moment, spread));
                    underway = None;
                }
                6 => turns.extend(breaker.force_open(moment)),
                _ => turns.extend(breaker.reset(moment)),
            }
            prop_assert_eq!(turns.is_empty(), breaker.state == before.state && breaker.since == before.since);
            prop_assert!(breaker.recent.len() <= WINDOW);
            prop_assert_eq!(breaker.retry_at.is_some(), breaker.state == State::Open);
            prop_assert!(breaker.trial.is_none() || breaker.state == State::HalfOpen);
            if let Some(at) = breaker.retry_at {
                let open = at - breaker.since;
                prop_assert!(open >= OPEN_FIRST && open <= OPEN_LONGEST * 11 / 10);
            }
        }
    }
}
