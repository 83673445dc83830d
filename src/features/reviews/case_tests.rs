use chrono::{DateTime, Duration, Utc};

use super::*;
use crate::features::reviews::proposal::Payload;
use crate::features::reviews::verdict::{Status, Verdict};

fn now() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn case(band: Band) -> Case {
    Case {
        id: CaseId::new(),
        number: 1,
        platform: PlatformId::new(),
        subject: SubjectId::new(),
        external_id: "DEMO-1".into(),
        company: false,
        status: Status::Open,
        band,
        score: 500,
        policy_version: 1,
        screening_policy_version: 1,
        opened_for: OpenedFor::Assessment,
        opened_at: now(),
        due_at: now() + Duration::hours(48),
        closed_at: None,
        claim: None,
        parked_until: None,
        version: 1,
    }
}

fn proposal(by: PersonId) -> Proposal {
    Proposal {
        id: DecisionId::new(),
        verdict: Verdict::Approve,
        by,
        payload_hash: [7; 32],
    }
}

const UNDECIDED: HitsNow = HitsNow {
    undecided: true,
    confirmed: false,
};

#[test]
fn a_claim_is_a_lease() {
    let (ann, ben) = (PersonId::new(), PersonId::new());
    let mut case = case(Band::Medium);
    case.claim(ann, now()).unwrap();
    assert_eq!(case.claim(ben, now()), Err(CaseRefusal::ClaimedByOther));
    assert_eq!(case.release(ben, now()), Err(CaseRefusal::ClaimedByOther));
    let later = now() + Duration::minutes(LEASE_MINUTES);
    case.claim(ben, later).unwrap();
    assert_eq!(
        case.decide(ann, Verdict::Reject, HitsNow::default(), later),
        Err(CaseRefusal::ClaimedByOther)
    );
}

#[test]
fn one_person_decides_a_medium_risk() {
    let ann = PersonId::new();
    let mut case = case(Band::Medium);
    assert_eq!(
        case.decide(ann, Verdict::Approve, HitsNow::default(), now()),
        Err(CaseRefusal::NotClaimed)
    );
    case.claim(ann, now()).unwrap();
    assert_eq!(
        case.decide(ann, Verdict::Approve, HitsNow::default(), now()),
        Ok(Effect::Decided)
    );
    assert_eq!(
        (case.status, case.closed_at),
        (Status::Approved, Some(now()))
    );
    assert_eq!(case.claim(ann, now()), Err(CaseRefusal::Closed));
}

#[test]
fn a_high_risk_needs_somebody_else() {
    let (ann, ben) = (PersonId::new(), PersonId::new());
    let mut case = case(Band::High);
    case.claim(ann, now()).unwrap();
    assert_eq!(
        case.decide(ann, Verdict::Approve, HitsNow::default(), now()),
        Ok(Effect::Proposed)
    );
    let proposal = proposal(ann);
    let none = HitsNow::default();
    let mut approve = |by, hash, hits| case.approve(&proposal, by, hash, hits, now());
    assert_eq!(approve(ann, [7; 32], none), Err(CaseRefusal::OwnProposal));
    assert_eq!(approve(ben, [8; 32], none), Err(CaseRefusal::Altered));
    assert_eq!(
        approve(ben, [7; 32], UNDECIDED),
        Err(CaseRefusal::UndecidedHit)
    );
    assert_eq!(approve(ben, [7; 32], none), Ok(()));
    assert_eq!(approve(ben, [7; 32], none), Err(CaseRefusal::Closed));
    assert_eq!(case.status, Status::Approved);
}

#[test]
fn one_person_may_reject_any_risk() {
    let ann = PersonId::new();
    let mut case = case(Band::Prohibited);
    case.claim(ann, now()).unwrap();
    assert_eq!(
        case.decide(ann, Verdict::Reject, HitsNow::default(), now()),
        Ok(Effect::Decided)
    );
    assert_eq!(case.status, Status::Rejected);
}

#[test]
fn an_undecided_hit_bars_approval() {
    let ann = PersonId::new();
    let mut case = case(Band::Low);
    case.claim(ann, now()).unwrap();
    assert_eq!(
        case.decide(ann, Verdict::Approve, UNDECIDED, now()),
        Err(CaseRefusal::UndecidedHit)
    );
    assert_eq!(
        case.live_claim(now()).map(|claim| claim.by),
        Some(ann),
        "nothing is lost"
    );
}

#[test]
fn no_case_is_closed_over_an_undecided_hit_nor_approved_over_a_confirmed_one() {
    let ann = PersonId::new();
    let mut case = case(Band::Prohibited);
    case.claim(ann, now()).unwrap();
    assert_eq!(
        case.decide(ann, Verdict::Reject, UNDECIDED, now()),
        Err(CaseRefusal::UndecidedHit)
    );
    let confirmed = HitsNow {
        undecided: false,
        confirmed: true,
    };
    assert_eq!(
        case.decide(ann, Verdict::Approve, confirmed, now()),
        Err(CaseRefusal::ConfirmedHit)
    );
    assert_eq!(
        case.decide(ann, Verdict::Reject, confirmed, now()),
        Ok(Effect::Decided)
    );
}

#[test]
fn working_on_a_case_renews_the_claim_and_makes_no_page_stale() {
    let (ann, ben) = (PersonId::new(), PersonId::new());
    let mut case = case(Band::High);
    assert_eq!(case.claim(ann, now()), Ok(true));
    let version = case.version;
    let later = now() + Duration::minutes(20);
    assert_eq!(case.claim(ann, later), Ok(false));
    assert!(!case.renew(ben, later));
    assert_eq!(case.version, version);
    let past_the_first = now() + Duration::minutes(LEASE_MINUTES + 10);
    assert_eq!(
        case.claim(ben, past_the_first),
        Err(CaseRefusal::ClaimedByOther)
    );
}

#[test]
fn new_facts_void_a_proposal() {
    let ann = PersonId::new();
    let mut case = case(Band::High);
    case.claim(ann, now()).unwrap();
    case.decide(ann, Verdict::Approve, HitsNow::default(), now())
        .unwrap();
    let version = case.version;
    case.reassess(Band::Prohibited, 1000, now() + Duration::hours(24));
    assert_eq!(case.status, Status::Open);
    assert!(case.version > version);
    assert_eq!(
        case.due_at,
        now() + Duration::hours(24),
        "the clock only gets shorter"
    );
}

#[test]
fn parking_has_an_end() {
    let ann = PersonId::new();
    let mut case = case(Band::High);
    case.claim(ann, now()).unwrap();
    let too_long = now() + Duration::days(LONGEST_PARKING_DAYS + 1);
    assert_eq!(
        case.park(ann, too_long, now()),
        Err(CaseRefusal::ParkingTime)
    );
    case.park(ann, now() + Duration::days(3), now()).unwrap();
    assert!(case.claim(ann, now()).is_err());
    case.resume();
    case.claim(ann, now()).unwrap();
}

#[test]
fn the_hash_covers_everything() {
    let reasons = ["hits_cleared".to_owned()];
    let case = CaseId::new();
    let hit = uuid::Uuid::now_v7();
    let hits = [(hit, 1)];
    let payload = Payload {
        case,
        verdict: Verdict::Approve,
        reasons: &reasons,
        note: "fine",
        band: Band::High,
        score: 500,
        basis: &[1; 32],
        hits: &hits,
    };
    let other_hits = [(hit, 2)];
    let others = [
        Payload {
            note: "fine.",
            ..payload.clone()
        },
        Payload {
            verdict: Verdict::Reject,
            ..payload.clone()
        },
        Payload {
            reasons: &[],
            ..payload.clone()
        },
        Payload {
            band: Band::Low,
            ..payload.clone()
        },
        Payload {
            score: 501,
            ..payload.clone()
        },
        Payload {
            basis: &[2; 32],
            ..payload.clone()
        },
        Payload {
            hits: &other_hits,
            ..payload.clone()
        },
    ];
    for other in others {
        assert_ne!(other.hash(), payload.hash(), "{other:?}");
    }
}

proptest::proptest! {
    /// Whatever is tried in whatever order: nobody's high risk is approved by one person, and a
    /// closed case stays as it is.
    #[test]
    fn no_order_of_acts_gets_around_the_second_person(
        acts in proptest::collection::vec((0_usize..7, 0_usize..3), 0..40),
    ) {
        let people = [PersonId::new(), PersonId::new(), PersonId::new()];
        let mut case = case(Band::High);
        let mut proposer = None;
        for (act, who) in acts {
            let by = people[who];
            let closed = case.status.is_closed();
            let before = case.clone();
            match act {
                0 => drop(case.claim(by, now())),
                1 => drop(case.release(by, now())),
                2 => if case.decide(by, Verdict::Approve, HitsNow::default(), now()).is_ok() {
                    proptest::prop_assert_eq!(case.status, Status::Proposed);
                    proposer = Some(by);
                },
                3 => if let Some(proposed_by) = proposer {
                    let agreed = case.approve(&proposal(proposed_by), by, [7; 32], HitsNow::default(), now());
                    if agreed.is_ok() {
                        proptest::prop_assert_ne!(proposed_by, by);
                    }
                },
                4 => drop(case.reopen()),
                5 => drop(case.decide(by, Verdict::RequestInformation, HitsNow::default(), now())),
                _ => drop(case.park(by, now() + Duration::days(1), now())),
            }
            if closed {
                proptest::prop_assert_eq!(&case, &before);
            }
        }
    }
}
