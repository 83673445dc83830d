use super::*;

use crate::features::packs::quantity::Lasting;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

fn tell(id: &str) -> Step {
    Step::Notify(Target::Contact(id.to_owned()))
}

fn wait(minutes: i64) -> Step {
    Step::Wait(Lasting::from_secs(minutes * 60))
}

fn policy(steps: Vec<Step>, repeat: u32) -> Policy {
    Policy {
        id: "standard".to_owned(),
        name: "Standard".to_owned(),
        levels: Vec::new(),
        steps,
        repeat,
    }
}

/// Ada, a quarter of an hour, Grace, a quarter of an hour.
fn two_steps(repeat: u32) -> Policy {
    policy(vec![tell("ada"), wait(15), tell("grace"), wait(15)], repeat)
}

const RED: Sight = Sight {
    firing: true,
    level: Level::Red,
    acknowledged: false,
    suppressed: false,
    flapping_since: None,
};
const HELD: Sight = Sight {
    acknowledged: true,
    ..RED
};
const SILENCED: Sight = Sight {
    suppressed: true,
    ..RED
};
const OUT: Sight = Sight {
    firing: false,
    ..RED
};

/// What is done at a moment, until there is nothing more to do. Whoever is in `absent` cannot be told.
fn acts(it: &mut Escalation, minutes: i64, sight: Sight, absent: &[&str]) -> Vec<String> {
    let mut done = Vec::new();
    while let Some(act) = it.look(at(minutes), sight) {
        assert!(done.len() < 100, "it comes to no end: {done:?}");
        match act {
            Act::Tell(target) => {
                let id = match &target {
                    Target::Contact(id) => id.clone(),
                    other => other.to_string(),
                };
                let is_there = !absent.contains(&id.as_str());
                it.told(at(minutes), is_there);
                done.push(if is_there { id } else { format!("no {id}") });
            }
            Act::Declare => {
                it.declared(at(minutes));
                done.push("incident".to_owned());
            }
            other => done.push(format!("{other:?}")),
        }
    }
    done
}

fn opened(policy: Policy) -> Escalation {
    Escalation::open(Policies::from([(Level::Red, policy)]), Level::Red, at(0))
}

#[test]
fn steps_come_in_their_order_and_at_their_time() {
    let mut it = opened(two_steps(0));
    assert_eq!(acts(&mut it, 0, RED, &[]), ["ada"]);
    assert_eq!(
        it.ahead(),
        Some((at(15), Ahead::Tells(&Target::Contact("grace".to_owned()))))
    );
    assert_eq!(acts(&mut it, 14, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 15, RED, &[]), ["grace"]);
    assert_eq!(acts(&mut it, 29, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 30, RED, &[]), ["GiveUp"]);
    assert_eq!(acts(&mut it, 269, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 601, OUT, &[]), ["End"]);
    assert_eq!(acts(&mut it, 602, OUT, &[]), [""; 0]);
}

#[test]
fn a_step_that_declares_an_incident_comes_in_its_turn() {
    let steps = vec![
        tell("ada"),
        wait(15),
        Step::Incident(true),
        tell("grace"),
        wait(15),
    ];
    let mut it = opened(policy(steps, 1));
    assert_eq!(acts(&mut it, 0, RED, &[]), ["ada"]);
    assert_eq!(it.ahead(), Some((at(15), Ahead::Declares)));
    assert_eq!(acts(&mut it, 14, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 15, SILENCED, &[]), ["HoldBack"]);
    assert_eq!(acts(&mut it, 16, RED, &[]), ["incident", "grace"]);
    assert_eq!(acts(&mut it, 31, RED, &[]), ["ada"]);
    assert_eq!(acts(&mut it, 46, RED, &[]), ["incident", "grace"]);
    assert_eq!(acts(&mut it, 61, RED, &[]), ["GiveUp"]);
    // Acknowledged before, it opens none.
    let mut it = opened(policy(vec![tell("ada"), wait(15), Step::Incident(true)], 0));
    acts(&mut it, 0, RED, &[]);
    assert_eq!(acts(&mut it, 15, HELD, &[]), ["Stop"]);
}

#[test]
fn whoever_is_told_late_has_the_whole_wait_all_the_same() {
    let mut it = opened(two_steps(0));
    // Nobody looked for an hour.
    assert_eq!(acts(&mut it, 60, RED, &[]), ["ada"]);
    assert_eq!(acts(&mut it, 74, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 75, RED, &[]), ["grace"]);
}

#[test]
fn it_begins_again_as_often_as_the_policy_says_and_never_more_than_five_times() {
    for (repeat, rounds) in [(0, 1), (2, 3), (5, 6), (4_000, 6)] {
        let mut it = opened(two_steps(repeat));
        let mut told = Vec::new();
        for minutes in 0..200 {
            told.extend(acts(&mut it, minutes, RED, &[]));
        }
        assert_eq!(told.pop().as_deref(), Some("GiveUp"), "{repeat}");
        assert_eq!(told.len(), 2 * rounds, "{repeat}");
    }
}

#[test]
fn acknowledged_it_stops_and_let_go_it_begins_anew() {
    let mut it = opened(two_steps(0));
    acts(&mut it, 0, RED, &[]);
    assert_eq!(acts(&mut it, 10, HELD, &[]), ["Stop"]);
    assert_eq!(it.ahead(), None);
    assert_eq!(acts(&mut it, 400, HELD, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 490, RED, &[]), ["Restart(LetGo)", "ada"]);
    assert_eq!(acts(&mut it, 505, RED, &[]), ["grace"]);
    assert_eq!(it.begun, 2);
    // Also after the last step.
    acts(&mut it, 600, RED, &[]);
    assert_eq!(it.phase, Phase::Exhausted);
    assert_eq!(acts(&mut it, 601, HELD, &[]), ["Stop"]);
    assert_eq!(acts(&mut it, 1_081, RED, &[]), ["Restart(LetGo)", "ada"]);
}

#[test]
fn what_gets_worse_begins_anew_with_the_policy_of_its_level() {
    let yellow = Sight {
        level: Level::Yellow,
        ..RED
    };
    let policies = Policies::from([
        (Level::Red, two_steps(0)),
        (Level::Yellow, policy(vec![tell("team"), wait(60)], 0)),
    ]);
    let mut it = Escalation::open(policies.clone(), Level::Yellow, at(0));
    assert_eq!(acts(&mut it, 0, yellow, &[]), ["team"]);
    let held = Sight {
        acknowledged: true,
        ..yellow
    };
    assert_eq!(acts(&mut it, 5, held, &[]), ["Stop"]);
    assert_eq!(acts(&mut it, 10, RED, &[]), ["Restart(Worse)", "ada"]);
    // It falls and rises again: whoever comes next is not put off by that.
    assert_eq!(acts(&mut it, 12, yellow, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 14, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 25, RED, &[]), ["grace"]);
    // Acknowledged while it was yellow, it is red again, which voids that.
    assert_eq!(acts(&mut it, 26, held, &[]), ["Stop"]);
    assert_eq!(acts(&mut it, 30, RED, &[]), ["Restart(LetGo)", "ada"]);

    let mut blue = Escalation::open(policies, Level::Blue, at(0));
    let informed = Sight {
        level: Level::Blue,
        ..RED
    };
    assert_eq!(
        acts(&mut blue, 100, informed, &[]),
        [""; 0],
        "no policy is for blue"
    );
    assert_eq!(
        acts(&mut blue, 101, yellow, &[]),
        ["Restart(Worse)", "team"]
    );
}

#[test]
fn where_nobody_is_there_the_next_step_comes_at_once() {
    let mut it = opened(two_steps(0));
    assert_eq!(acts(&mut it, 0, RED, &["ada"]), ["no ada", "grace"]);
    // One of two who are told together is enough to wait for.
    let both = policy(vec![tell("ada"), tell("bob"), wait(15), tell("grace")], 0);
    let mut it = opened(both.clone());
    assert_eq!(acts(&mut it, 0, RED, &["ada"]), ["no ada", "bob"]);
    assert_eq!(acts(&mut it, 15, RED, &[]), ["grace", "GiveUp"]);
    let mut it = opened(both);
    assert_eq!(acts(&mut it, 0, RED, &["bob"]), ["ada", "no bob"]);
}

#[test]
fn a_round_that_reaches_nobody_rests_before_the_next() {
    let mut it = opened(two_steps(1));
    let absent = ["ada", "grace"];
    assert_eq!(acts(&mut it, 0, RED, &absent), ["no ada", "no grace"]);
    assert_eq!(acts(&mut it, 4, RED, &absent), [""; 0]);
    assert_eq!(acts(&mut it, 5, RED, &["grace"]), ["ada"]);
}

#[test]
fn what_is_suppressed_is_held_back_once_and_told_at_once_when_that_ends() {
    let mut it = opened(two_steps(0));
    assert_eq!(acts(&mut it, 0, SILENCED, &[]), ["HoldBack"]);
    assert_eq!(acts(&mut it, 30, SILENCED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 31, RED, &[]), ["ada"]);
    assert_eq!(acts(&mut it, 40, SILENCED, &[]), [""; 0], "nothing is due");
    assert_eq!(acts(&mut it, 46, SILENCED, &[]), ["HoldBack"]);
    assert_eq!(
        acts(&mut it, 50, OUT, &[]),
        ["End"],
        "the end is told all the same"
    );
}

#[test]
fn what_fires_again_before_anybody_saw_it_goes_on_where_it_stood() {
    let mut it = opened(two_steps(0));
    acts(&mut it, 0, RED, &[]);
    assert_eq!(acts(&mut it, 5, OUT, &[]), ["End"]);
    assert_eq!(acts(&mut it, 8, RED, &[]), ["Resume"]);
    assert_eq!(
        acts(&mut it, 15, RED, &[]),
        ["grace"],
        "flapping puts nobody off"
    );
    acts(&mut it, 40, RED, &[]);
    assert_eq!(acts(&mut it, 41, OUT, &[]), ["End"]);
    assert_eq!(acts(&mut it, 42, RED, &[]), ["Resume"]);
    assert_eq!(it.phase, Phase::Exhausted);
}

#[test]
fn that_it_fires_again_is_told_when_its_suppression_ends() {
    let mut it = opened(two_steps(0));
    acts(&mut it, 0, RED, &[]);
    assert_eq!(acts(&mut it, 5, OUT, &[]), ["End"]);
    assert_eq!(acts(&mut it, 8, SILENCED, &[]), ["HoldBack"]);
    assert_eq!(acts(&mut it, 10, SILENCED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 12, RED, &[]), ["Resume"]);
    assert_eq!(acts(&mut it, 13, OUT, &[]), ["End"]);
    // Over before that ends, nobody was told that it fires and nobody is told that it is over.
    assert_eq!(acts(&mut it, 14, SILENCED, &[]), ["HoldBack"]);
    assert_eq!(acts(&mut it, 15, OUT, &[]), [""; 0]);
}

#[test]
fn what_fires_again_after_days_begins_anew() {
    let mut it = opened(two_steps(0));
    acts(&mut it, 0, RED, &[]);
    acts(&mut it, 5, OUT, &[]);
    assert_eq!(acts(&mut it, 10_000, RED, &[]), ["Resume", "ada"]);
    assert_eq!(acts(&mut it, 10_014, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 10_015, RED, &[]), ["grace"]);
}

#[test]
fn what_is_better_when_it_is_let_go_follows_its_own_policy() {
    let policies = Policies::from([
        (Level::Red, two_steps(0)),
        (Level::Yellow, policy(vec![tell("team"), wait(60)], 0)),
    ]);
    let mut it = Escalation::open(policies, Level::Red, at(0));
    acts(&mut it, 0, RED, &[]);
    acts(&mut it, 5, HELD, &[]);
    let yellow = Sight {
        level: Level::Yellow,
        ..RED
    };
    assert_eq!(acts(&mut it, 485, yellow, &[]), ["Restart(LetGo)", "team"]);
}

#[test]
fn who_is_told_first_may_be_told_later() {
    let mut it = opened(policy(vec![wait(10), tell("ada")], 0));
    assert_eq!(acts(&mut it, 9, RED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 10, RED, &[]), ["ada", "GiveUp"]);
}

#[test]
fn what_nobody_takes_in_hand_is_told_again_every_four_hours() {
    let mut it = opened(two_steps(0));
    acts(&mut it, 0, RED, &[]);
    acts(&mut it, 15, RED, &[]);
    assert_eq!(acts(&mut it, 30, RED, &[]), ["GiveUp"]);
    assert_eq!(it.reminds_at(), Some(at(270)));
    assert_eq!(acts(&mut it, 270, RED, &[]), ["Remind"]);
    assert_eq!(acts(&mut it, 509, RED, &[]), [""; 0]);
    // Silenced when it is due, it is told when that ends.
    assert_eq!(acts(&mut it, 510, SILENCED, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 520, RED, &[]), ["Remind"]);
    assert_eq!(acts(&mut it, 521, HELD, &[]), ["Stop"]);
    assert_eq!(it.reminds_at(), None);

    let policies = Policies::from([(Level::Blue, two_steps(0))]);
    let mut blue = Escalation::open(policies, Level::Blue, at(0));
    let informed = Sight {
        level: Level::Blue,
        ..RED
    };
    for minutes in 0..40 {
        acts(&mut blue, minutes, informed, &[]);
    }
    assert_eq!(blue.phase, Phase::Exhausted);
    assert_eq!(acts(&mut blue, 6_000, informed, &[]), [""; 0]);
}

#[test]
fn that_it_comes_and_goes_is_told_once_each_time_that_it_begins_to() {
    let mut it = opened(two_steps(0));
    let flapping = |since| Sight {
        flapping_since: Some(at(since)),
        ..RED
    };
    acts(&mut it, 0, RED, &[]);
    assert_eq!(acts(&mut it, 5, flapping(4), &[]), ["Flap"]);
    assert_eq!(acts(&mut it, 6, flapping(4), &[]), [""; 0]);
    assert_eq!(acts(&mut it, 15, RED, &[]), ["grace"], "it has settled");
    let silenced = Sight {
        suppressed: true,
        ..flapping(20)
    };
    assert_eq!(acts(&mut it, 20, silenced, &[]), [""; 0]);
    assert_eq!(acts(&mut it, 21, flapping(20), &[]), ["Flap"]);
}

proptest::proptest! {
    /// Whatever happens, in whatever order, seen or not: it comes to rest at every moment, tells nobody while somebody
    /// has it in hand, while it is suppressed or once it is out, and takes no policy's steps more than six times between
    /// two beginnings.
    #[test]
    fn nobody_is_told_who_should_not_be(
        steps in proptest::collection::vec((0..3_u8, 1..30_i64), 0..6), repeat in 0..9_u32,
        moves in proptest::collection::vec((0..5_u8, 1..40_i64, proptest::bool::ANY), 1..40),
    ) {
        let steps: Vec<Step> = steps.iter().map(|(kind, minutes)| match kind {
            0 => wait(*minutes),
            1 => tell("ada"),
            _ => tell("grace"),
        }).collect();
        let tells = steps.iter().filter(|step| matches!(step, Step::Notify(_))).count();
        let policies = Policies::from([
            (Level::Red, policy(steps.clone(), repeat)),
            (Level::Yellow, policy(steps, repeat)),
        ]);
        let mut it = Escalation::open(policies, Level::Yellow, at(0));
        let (mut now, mut sight, mut told) = (0, Sight { level: Level::Yellow, ..RED }, 0);
        for (kind, minutes, present) in moves {
            now += minutes;
            match kind {
                0 => sight.acknowledged = !sight.acknowledged,
                1 => sight.suppressed = !sight.suppressed,
                2 => sight.firing = !sight.firing,
                3 => sight.level = if sight.level == Level::Red { Level::Yellow } else { Level::Red },
                _ => {}
            }
            let absent: &[&str] = if present { &[] } else { &["ada"] };
            let begun = it.begun;
            let done = acts(&mut it, now, sight, absent);
            if sight.suppressed {
                let told = ["Resume", "Flap", "Remind"];
                proptest::prop_assert!(!done.iter().any(|it| told.contains(&it.as_str())), "{:?}", done);
            }
            let here = done.iter().filter(|it| it.as_str() == "ada" || it.ends_with("grace") || it.ends_with("no ada")).count();
            if sight.acknowledged || sight.suppressed || !sight.firing {
                proptest::prop_assert_eq!(here, 0, "{:?}", done);
            }
            told = if it.begun == begun { told + here } else { here };
            proptest::prop_assert!(told <= tells * 6, "{} of {}", told, tells);
            proptest::prop_assert_eq!(it.look(at(now), sight), None, "it has come to rest");
        }
    }
}
