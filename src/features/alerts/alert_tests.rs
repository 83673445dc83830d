use proptest::prelude::*;

use super::*;

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
}

fn policy(red: Option<i64>, yellow: Option<i64>, keep: i64) -> Policy {
    Policy {
        lasting: PerLevel {
            red: red.map(TimeDelta::seconds),
            yellow: yellow.map(TimeDelta::seconds),
            blue: None,
        },
        keep_firing_for: TimeDelta::seconds(keep),
        no_data: NoData::Keep,
        no_data_for: TimeDelta::zero(),
    }
}

fn holds(red: bool, yellow: bool) -> Verdict {
    Verdict::Holds(PerLevel {
        red,
        yellow,
        blue: false,
    })
}

const NO: Verdict = Verdict::Holds(PerLevel {
    red: false,
    yellow: false,
    blue: false,
});

#[test]
fn the_fingerprint_is_the_published_one() {
    assert_eq!(fingerprint(&[("alertname", "ok")]), "01167342b0fed1b2");
    assert_eq!(
        fingerprint(&[("b", "2"), ("a", "1")]),
        fingerprint(&[("a", "1"), ("b", "2")])
    );
}

#[test]
fn it_fires_when_the_condition_has_lasted() {
    let (mut track, policy) = (Track::default(), policy(Some(60), None, 0));
    assert_eq!(track.tick(at(0), holds(true, false), &policy), None);
    assert_eq!(track.pending_since(), Some(at(0)));
    assert_eq!(track.tick(at(59), holds(true, false), &policy), None);
    let fired = Change::Fired {
        level: Level::Red,
        active_at: at(0),
    };
    assert_eq!(track.tick(at(60), holds(true, false), &policy), Some(fired));
    assert_eq!(track.tick(at(61), NO, &policy), Some(Change::Resolved));
}

#[test]
fn without_a_hold_it_fires_at_once_and_what_was_pending_is_dropped() {
    let mut track = Track::default();
    assert!(
        track
            .tick(at(0), holds(true, false), &policy(Some(0), None, 0))
            .is_some()
    );
    let (mut track, slow) = (Track::default(), policy(Some(60), None, 0));
    track.tick(at(0), holds(true, false), &slow);
    track.tick(at(30), NO, &slow);
    assert_eq!(track, Track::default());
    track.tick(at(31), holds(true, false), &slow);
    assert_eq!(
        track.tick(at(61), holds(true, false), &slow),
        None,
        "the count began anew"
    );
}

#[test]
fn it_is_kept_from_the_first_false_tick() {
    let (mut track, policy) = (Track::default(), policy(Some(0), None, 60));
    track.tick(at(0), holds(true, false), &policy);
    assert_eq!(track.tick(at(10), NO, &policy), None);
    assert_eq!(track.tick(at(40), holds(true, false), &policy), None);
    assert_eq!(track.tick(at(50), NO, &policy), None);
    assert_eq!(track.tick(at(109), NO, &policy), None);
    assert_eq!(track.tick(at(110), NO, &policy), Some(Change::Resolved));
}

#[test]
fn one_alert_moves_between_levels() {
    let (mut track, policy) = (Track::default(), policy(Some(10), Some(0), 0));
    track.tick(at(0), holds(false, true), &policy);
    assert_eq!(track.firing, Some(Level::Yellow));
    assert_eq!(
        track.tick(at(1), holds(true, true), &policy),
        None,
        "red has not lasted yet"
    );
    let up = Change::Moved {
        from: Level::Yellow,
        to: Level::Red,
    };
    assert_eq!(track.tick(at(11), holds(true, true), &policy), Some(up));
    let down = Change::Moved {
        from: Level::Red,
        to: Level::Yellow,
    };
    assert_eq!(track.tick(at(12), holds(false, true), &policy), Some(down));
    assert_eq!(track.tick(at(13), NO, &policy), Some(Change::Resolved));
}

#[test]
fn an_error_changes_no_alert() {
    let (mut track, policy) = (Track::default(), policy(Some(60), Some(0), 0));
    track.tick(at(0), holds(false, true), &policy);
    let before = track;
    assert_eq!(track.tick(at(500), Verdict::Error, &policy), None);
    assert_eq!(track, before, "what is lit stays as it is");
}

/// An hour in which the rule could not be read is no hour of its condition.
#[test]
fn what_was_on_its_way_begins_anew_after_an_error() {
    let (mut track, policy) = (Track::default(), policy(Some(600), Some(0), 0));
    track.tick(at(0), holds(true, true), &policy);
    track.tick(at(60), Verdict::Error, &policy);
    assert_eq!(track.firing, Some(Level::Yellow));
    assert_eq!(track.tick(at(3_600), holds(true, true), &policy), None);
    assert_eq!(track.tick(at(4_199), holds(true, true), &policy), None);
    assert!(track.tick(at(4_200), holds(true, true), &policy).is_some());
}

#[test]
fn an_error_is_no_time_without_data() {
    let policy = Policy {
        no_data: NoData::Fire,
        no_data_for: TimeDelta::seconds(600),
        ..policy(Some(0), None, 0)
    };
    let mut track = Track::default();
    track.tick(at(0), Verdict::NoData, &policy);
    track.tick(at(60), Verdict::Error, &policy);
    assert_eq!(track.tick(at(3_600), Verdict::NoData, &policy), None);
    assert!(track.tick(at(4_200), Verdict::NoData, &policy).is_some());
}

#[test]
fn no_data_is_kept_fired_or_taken_for_good_after_its_hold() {
    let base = Policy {
        no_data_for: TimeDelta::seconds(30),
        ..policy(Some(0), None, 0)
    };
    let run = |no_data, firing| {
        let mut track = Track {
            firing,
            ..Track::default()
        };
        let policy = Policy { no_data, ..base };
        let early = track.tick(at(0), Verdict::NoData, &policy);
        assert_eq!(early, None, "the hold comes first");
        track.tick(at(30), Verdict::NoData, &policy);
        track.firing
    };
    assert_eq!(run(NoData::Keep, None), None);
    assert_eq!(run(NoData::Keep, Some(Level::Red)), Some(Level::Red));
    assert_eq!(run(NoData::Fire, None), Some(Level::Red));
    assert_eq!(run(NoData::Ok, Some(Level::Red)), None);
}

/// The hold of the level is for what is read; silence has its own.
#[test]
fn the_holds_of_silence_and_of_a_level_do_not_add_up() {
    let policy = Policy {
        no_data: NoData::Fire,
        no_data_for: TimeDelta::seconds(600),
        ..policy(Some(900), None, 0)
    };
    let mut track = Track::default();
    track.tick(at(0), Verdict::NoData, &policy);
    assert_eq!(track.tick(at(599), Verdict::NoData, &policy), None);
    assert!(track.tick(at(600), Verdict::NoData, &policy).is_some());
}

/// One report of a figure that is too high is no two minutes of it.
#[test]
fn what_nobody_saw_has_not_lasted() {
    let (mut track, policy) = (Track::default(), policy(Some(120), Some(0), 0));
    track.tick(at(0), holds(true, true), &policy);
    track.tick(at(60), Verdict::NoData, &policy);
    assert_eq!(track.firing, Some(Level::Yellow), "what is lit stays");
    assert_eq!(track.tick(at(600), holds(true, true), &policy), None);
    assert_eq!(track.tick(at(719), holds(true, true), &policy), None);
    assert!(track.tick(at(720), holds(true, true), &policy).is_some());
}

proptest! {
    #[test]
    fn changes_alternate_and_firing_always_had_lasted(
        ticks in prop::collection::vec((0_u8..5, 1_i64..40), 0..60), hold in 0_i64..60, keep in 0_i64..60
    ) {
        let policy = policy(Some(hold), Some(0), keep);
        let (mut track, mut now, mut lit, mut seen_since) = (Track::default(), 0, None, 0);
        for (kind, step) in ticks {
            now += step;
            let before = track;
            let verdict = match kind {
                0 => holds(true, true),
                1 => holds(false, true),
                2 => Verdict::NoData,
                3 => Verdict::Error,
                _ => NO,
            };
            match verdict {
                Verdict::Error => seen_since = i64::MAX,
                Verdict::Holds(_) => seen_since = seen_since.min(now),
                Verdict::NoData => {}
            }
            match track.tick(at(now), verdict, &policy) {
                Some(Change::Fired { level, active_at }) => {
                    prop_assert_eq!(lit.replace(level), None);
                    prop_assert!(at(now) - active_at >= policy.lasting.get(level).unwrap());
                }
                Some(Change::Moved { from, to }) => {
                    prop_assert_eq!(lit.replace(to), Some(from));
                    prop_assert_ne!(from, to);
                }
                Some(Change::Resolved) => {
                    prop_assert!(lit.take().is_some());
                    prop_assert_eq!(verdict, NO, "only a false condition puts it out");
                    prop_assert!(now - seen_since >= keep, "and one that was seen for long enough");
                }
                None => {}
            }
            prop_assert_eq!(track.firing, lit);
            if verdict == Verdict::Error {
                prop_assert_eq!((track.firing, track.cleared_at), (before.firing, None));
                prop_assert_eq!(track.pending_since(), None);
            }
        }
    }
}

/// What nobody saw has not lasted, neither as a condition nor as its absence.
#[test]
fn a_time_without_readings_does_not_count_toward_the_hold() {
    let held = |no_data, no_data_for| Policy {
        no_data,
        no_data_for: TimeDelta::seconds(no_data_for),
        ..policy(Some(0), None, 60)
    };
    let lit_and_cleared = |policy: &Policy| {
        let mut track = Track::default();
        track.tick(at(0), holds(true, false), policy);
        assert_eq!(track.tick(at(10), NO, policy), None);
        track
    };
    let keep = held(NoData::Keep, 0);
    let mut track = lit_and_cleared(&keep);
    for secs in [20, 200, 400] {
        assert_eq!(track.tick(at(secs), Verdict::NoData, &keep), None);
    }
    assert_eq!(
        track.tick(at(410), NO, &keep),
        None,
        "ten seconds were seen"
    );
    assert_eq!(track.tick(at(459), NO, &keep), None);
    assert_eq!(track.tick(at(460), NO, &keep), Some(Change::Resolved));

    // Nor does one in which the rule could not be evaluated, with or without silence before it.
    for before in [Verdict::Error, Verdict::NoData] {
        let mut track = lit_and_cleared(&keep);
        assert_eq!(track.tick(at(20), before, &keep), None);
        assert_eq!(track.tick(at(200), Verdict::Error, &keep), None);
        assert_eq!(track.tick(at(400), NO, &keep), None, "after {before:?}");
        assert_eq!(track.tick(at(459), NO, &keep), None);
        assert_eq!(track.tick(at(460), NO, &keep), Some(Change::Resolved));
    }

    // Where nothing to read means that all is well it counts, as in Prometheus; but not while it waits to mean that.
    let ok = held(NoData::Ok, 0);
    let mut track = lit_and_cleared(&ok);
    assert_eq!(track.tick(at(69), Verdict::NoData, &ok), None);
    assert_eq!(
        track.tick(at(70), Verdict::NoData, &ok),
        Some(Change::Resolved)
    );
    let waits = held(NoData::Ok, 100);
    let mut track = lit_and_cleared(&waits);
    for secs in [20, 120, 169] {
        assert_eq!(track.tick(at(secs), Verdict::NoData, &waits), None);
    }
    assert_eq!(
        track.tick(at(170), Verdict::NoData, &waits),
        Some(Change::Resolved)
    );
}
