use super::*;
use crate::features::packs::pack::{Expect, Source};
use crate::features::packs::quantity::Lasting;

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(secs)
}

fn by(person: PersonId, secs: i64) -> By {
    By {
        at: at(secs),
        person,
        name: String::new(),
    }
}

fn named() -> Vec<ReleaseGate> {
    let gate = |id: &str, stage, wait| ReleaseGate {
        id: id.to_owned(),
        name: id.to_owned(),
        stage,
        read: Source::State("api".to_owned()),
        expect: Expect::default(),
        wait: Lasting::from_secs(wait),
    };
    vec![
        gate("up", Stage::Before, 0),
        gate("still-up", Stage::After, 30),
        gate("metrics", Stage::After, 0),
        gate("up-again", Stage::Rollback, 60),
    ]
}

fn seen(at: Option<DateTime<Utc>>, holds: Option<bool>, settled: bool) -> Seen {
    Seen {
        value: "seen".to_owned(),
        source: String::new(),
        at,
        holds,
        settled,
    }
}

struct Three {
    proposer: PersonId,
    approver: PersonId,
    deployer: PersonId,
}

fn draft() -> (Release, Three) {
    let who = Three {
        proposer: PersonId::new(),
        approver: PersonId::new(),
        deployer: PersonId::new(),
    };
    let release = Release {
        id: ReleaseId::new(),
        platform: PlatformId::new(),
        from: "1".to_owned(),
        to: "2".to_owned(),
        what: "All of it".to_owned(),
        planned_at: at(0),
        checklist: None,
        proposed: by(who.proposer, 0),
        state: State::Draft,
        round: 0,
        passed_at: None,
        approved: None,
        started: None,
        back_to: None,
        reason: None,
        ended_at: None,
    };
    (release, who)
}

fn settle(gates: &mut [Gate], holds: bool) {
    for gate in gates {
        let now = gate.not_before + TimeDelta::seconds(1);
        gate.look(&seen(Some(now), Some(holds), true), now);
    }
}

/// Approved, its gates passed at second 1.
fn ready() -> (Release, Vec<Gate>, Three) {
    let (mut release, who) = draft();
    let mut gates = release.ask(&named(), who.proposer, &[], at(0)).unwrap();
    settle(&mut gates, true);
    assert!(release.advance(&gates, 1, at(1)));
    release.approve(by(who.approver, 2)).unwrap();
    (release, gates, who)
}

#[test]
fn a_gate_takes_only_what_was_seen_after_it_was_asked_and_had_waited() {
    let (mut release, who) = draft();
    release.state = State::Verifying;
    let mut gate = release
        .ask(&named(), who.proposer, &[], at(100))
        .unwrap()
        .remove(0);
    assert_eq!(gate.not_before, at(130));
    let fresh = seen(Some(at(131)), Some(true), true);
    assert!(!gate.look(&fresh, at(129)), "it waits");
    assert!(
        !gate.look(&seen(Some(at(129)), Some(true), true), at(131)),
        "that is old"
    );
    assert!(
        !gate.look(&seen(Some(at(131)), Some(true), false), at(131)),
        "not decided"
    );
    assert!(
        !gate.look(&seen(Some(at(131)), None, true), at(131)),
        "nobody knows"
    );
    let mut late = gate.clone();
    assert!(late.look(&seen(Some(at(129)), Some(true), true), at(130) + PATIENCE));
    assert_eq!(late.outcome, Outcome::Unknown, "old is never a pass");
    let mut undecided = gate.clone();
    assert!(undecided.look(&seen(Some(at(140)), Some(false), false), at(130) + PATIENCE));
    assert_eq!(undecided.outcome, Outcome::Fail);
    assert!(gate.look(&fresh, at(131)));
    assert_eq!(gate.outcome, Outcome::Pass);
    assert!(
        !gate.look(&seen(Some(at(140)), Some(false), true), at(140)),
        "once"
    );
}

#[test]
fn it_goes_from_draft_to_done() {
    let (mut release, gates, who) = ready();
    assert_eq!(release.state, State::GatesPassed);
    release
        .start(by(who.deployer, 3), &gates, 1, List::Ready)
        .unwrap();
    assert_eq!(release.verify(), Ok(()));
    assert_eq!(
        release.finish(&gates, 2, at(9)),
        Err(Refused::GateClosed),
        "not asked yet"
    );
    let mut after = release.ask(&named(), who.deployer, &gates, at(10)).unwrap();
    assert_eq!(after.len(), 2);
    assert_eq!(
        release.ask(&named(), who.deployer, &after, at(11)),
        Err(Refused::Asking)
    );
    assert_eq!(release.finish(&after, 2, at(11)), Err(Refused::GateClosed));
    settle(&mut after, true);
    assert_eq!(release.finish(&after, 2, at(50)), Ok(()));
    assert_eq!(
        (release.state, release.ended_at),
        (State::Done, Some(at(50)))
    );
    assert_eq!(
        release.roll_back("1".to_owned(), "x".to_owned()),
        Err(Refused::Step)
    );
}

#[test]
fn nothing_starts_before_everything_is_there() {
    let (release, gates, who) = ready();
    let start = |change: fn(&mut Release), person, secs, list| {
        let mut it = release.clone();
        change(&mut it);
        it.start(by(person, secs), &gates, 1, list)
    };
    assert_eq!(
        start(|it| it.approved = None, who.deployer, 3, List::Ready),
        Err(Refused::NotApproved)
    );
    assert_eq!(
        start(|it| it.state = State::Draft, who.deployer, 3, List::Ready),
        Err(Refused::GateClosed)
    );
    assert_eq!(
        start(|_| {}, who.approver, 3, List::Ready),
        Err(Refused::OwnWork)
    );
    for (list, refused) in [
        (List::Unsigned, Err(Refused::Unsigned)),
        (List::Unreviewed, Err(Refused::Unreviewed)),
        (List::Over, Err(Refused::ListOver)),
        (List::Ready, Ok(())),
    ] {
        assert_eq!(start(|_| {}, who.deployer, 3, list), refused);
    }
    let more = release
        .clone()
        .start(by(who.deployer, 3), &gates, 2, List::Ready);
    assert_eq!(
        more,
        Err(Refused::GateClosed),
        "its pack names another by now"
    );
    let mut waved = gates.clone();
    waved[0].outcome = Outcome::Fail;
    waved[0].overridden = Some((by(who.deployer, 2), "It is known.".to_owned()));
    for (person, refused) in [
        (who.deployer, Err(Refused::OwnOverride)),
        (who.proposer, Ok(())),
    ] {
        let started = release.clone().start(by(person, 3), &waved, 1, List::Ready);
        assert_eq!(started, refused, "whoever overrode a gate does not deploy");
    }
    assert_eq!(
        start(|_| {}, who.deployer, 1_802, List::Ready),
        Err(Refused::GatesOld)
    );
    assert_eq!(
        start(|_| {}, who.proposer, 3, List::Ready),
        Ok(()),
        "whoever proposed it may deploy it"
    );
}

#[test]
fn nobody_approves_their_own_release_or_twice() {
    let (mut release, who) = draft();
    assert_eq!(release.approve(by(who.proposer, 1)), Err(Refused::OwnWork));
    assert_eq!(release.approve(by(who.approver, 1)), Ok(()));
    assert_eq!(release.approve(by(who.deployer, 1)), Err(Refused::Step));
}

#[test]
fn a_gate_that_failed_is_overridden_by_somebody_else_or_asked_again() {
    let (mut release, who) = draft();
    let mut gates = release.ask(&named(), who.deployer, &[], at(0)).unwrap();
    assert_eq!(
        release.may_override(&gates[0], who.approver),
        Err(Refused::NoOverride),
        "pending"
    );
    settle(&mut gates, false);
    assert!(!release.advance(&gates, 1, at(2)));
    for own in [who.deployer, who.proposer] {
        assert_eq!(release.may_override(&gates[0], own), Err(Refused::OwnGate));
    }
    assert_eq!(release.may_override(&gates[0], who.approver), Ok(()));
    let mut again = release.ask(&named(), who.deployer, &gates, at(5)).unwrap();
    assert_eq!(
        release.may_override(&gates[0], who.approver),
        Err(Refused::Step),
        "of before"
    );
    settle(&mut again, false);
    again[0].overridden = Some((by(who.approver, 6), "It is known.".to_owned()));
    assert!(release.advance(&again, 1, at(7)));
    assert_eq!(
        release.may_override(&again[0], who.approver),
        Err(Refused::NoOverride)
    );
}

#[test]
fn going_back_ends_when_its_gates_pass() {
    let (mut release, gates, who) = ready();
    assert_eq!(
        release.roll_back("1".to_owned(), "x".to_owned()),
        Err(Refused::Step)
    );
    release
        .start(by(who.deployer, 3), &gates, 1, List::Ready)
        .unwrap();
    release
        .roll_back("1".to_owned(), "It fails".to_owned())
        .unwrap();
    assert!(
        !release.advance(&gates, 1, at(5)),
        "its gates were not asked"
    );
    let mut back = release.ask(&named(), who.deployer, &gates, at(5)).unwrap();
    assert_eq!(back[0].not_before, at(65));
    assert!(!release.advance(&back, 1, at(66)));
    settle(&mut back, true);
    assert!(release.advance(&back, 1, at(66)));
    assert_eq!(
        (release.state, release.ended_at),
        (State::RolledBack, Some(at(66)))
    );
    assert_eq!(release.abandon("x".to_owned(), at(67)), Err(Refused::Step));
}

#[test]
fn without_gates_what_passed_grows_old_and_a_person_says_that_it_is_back() {
    let (mut release, who) = draft();
    assert_eq!(release.ask(&[], who.proposer, &[], at(10)), Ok(vec![]));
    assert!(release.advance(&[], 0, at(10)));
    release.approve(by(who.approver, 11)).unwrap();
    let begin = |it: &Release, secs| {
        let mut it = it.clone();
        it.start(by(who.deployer, secs), &[], 0, List::Ready)
            .map(|()| it)
    };
    assert_eq!(begin(&release, 1_811), Err(Refused::GatesOld));
    let mut release = begin(&release, 1_810).unwrap();
    release
        .roll_back("1".to_owned(), "It fails".to_owned())
        .unwrap();
    assert_eq!(release.ask(&[], who.deployer, &[], at(1_820)), Ok(vec![]));
    assert!(
        !release.advance(&[], 0, at(1_820)),
        "nobody has put it back"
    );
    assert_eq!(release.finish(&[], 0, at(1_900)), Ok(()));
    assert_eq!(
        (release.state, release.ended_at),
        (State::RolledBack, Some(at(1_900)))
    );
}

#[test]
fn where_the_version_before_does_not_work_another_is_named() {
    let (mut release, gates, who) = ready();
    release
        .start(by(who.deployer, 3), &gates, 1, List::Ready)
        .unwrap();
    let mut back = |to: &str| release.roll_back(to.to_owned(), "It fails".to_owned());
    assert_eq!(back("1"), Ok(()));
    assert_eq!(back("1"), Err(Refused::Step), "it goes there already");
    assert_eq!(back("0.9"), Ok(()));
    assert_eq!(release.back_to.as_deref(), Some("0.9"));
}

#[test]
fn a_checklist_is_started_again_before_it_begins_where_it_counts_no_more() {
    let (release, gates, who) = ready();
    assert_eq!(release.may_list_again(List::Over), Ok(()));
    for list in [List::Ready, List::Unsigned, List::Unreviewed] {
        assert_eq!(release.may_list_again(list), Err(Refused::ListCounts));
    }
    let mut begun = release.clone();
    begun
        .start(by(who.deployer, 3), &gates, 1, List::Ready)
        .unwrap();
    assert_eq!(begun.may_list_again(List::Over), Err(Refused::Step));
}

#[test]
fn only_what_has_not_begun_is_abandoned() {
    let (mut release, gates, who) = ready();
    let mut begun = release.clone();
    begun
        .start(by(who.deployer, 3), &gates, 1, List::Ready)
        .unwrap();
    assert_eq!(begun.abandon("x".to_owned(), at(4)), Err(Refused::Step));
    assert_eq!(release.abandon("Not today".to_owned(), at(4)), Ok(()));
    assert_eq!(release.state, State::Abandoned);
}

#[test]
fn states_are_what_they_are_called() {
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for outcome in Outcome::ALL {
        assert_eq!(outcome.as_str().parse(), Ok(outcome));
    }
    assert!("x".parse::<State>().is_err() && "x".parse::<Outcome>().is_err());
}
