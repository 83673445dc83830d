use super::*;

fn hand() -> Hand {
    Hand {
        at: DateTime::UNIX_EPOCH,
        by: PersonId::new(),
        name: "Somebody".to_owned(),
    }
}

fn whole() -> Written {
    Written {
        summary: "It was down".to_owned(),
        cause: "A disk".to_owned(),
        went_well: "The alert".to_owned(),
        went_badly: "The spare".to_owned(),
    }
}

fn written(by: Hand) -> Review {
    Review::begin(IncidentId::new(), whole(), by, &[])
}

/// Signed by somebody who has read it.
fn signed(by: Hand) -> Review {
    let mut review = written(by);
    let read = review.digest(&[]);
    review.sign(hand(), &read, &[]).unwrap();
    review
}

fn action() -> FollowUp {
    let now = DateTime::UNIX_EPOCH;
    FollowUp {
        id: FollowUpId::new(),
        incident: IncidentId::new(),
        text: "Buy a disk".to_owned(),
        owner: PersonId::new(),
        owner_name: "Ada".to_owned(),
        due: now.date_naive(),
        overdue_at: now,
        state: Progress::Open,
        outcome: String::new(),
        made_by: Some(PersonId::new()),
        made_name: "Grace".to_owned(),
        made_at: now,
        ended: None,
        ended_by: None,
    }
}

#[test]
fn nobody_approves_what_they_wrote_or_signed() {
    let (author, corrector, signer, other) = (hand(), hand(), hand(), hand());
    let mut review = written(author.clone());
    let before = review.written.digest(review.incident);
    let mut corrected = whole();
    corrected.cause = "Two disks".to_owned();
    review.write(corrected, corrector.clone(), &before).unwrap();
    let read = review.digest(&[]);
    assert_eq!(
        review.approve(other.clone(), &read, &[]),
        Err(Refusal::NotSigned)
    );
    review.sign(signer.clone(), &read, &[]).unwrap();
    for own in [author, corrector, signer] {
        let refused = review.approve(own.clone(), &read, &[]);
        assert_eq!(refused, Err(Refusal::OwnWork));
        assert_eq!(review.give_back(own.by), Err(Refusal::OwnWork));
    }
    assert_eq!(
        review.approve(other.clone(), "something else", &[]),
        Err(Refusal::Changed)
    );
    assert_eq!(review.approve(other, &read, &[]), Ok(()));
    let now = review.written.digest(review.incident);
    assert_eq!(review.write(whole(), hand(), &now), Err(Refusal::Approved));
    assert_eq!(review.sign(hand(), &read, &[]), Err(Refusal::Approved));
    assert_eq!(review.approve(hand(), &read, &[]), Err(Refusal::Approved));
}

#[test]
fn whoever_gave_it_an_action_or_ended_one_is_an_author() {
    let mut given = action();
    let ender = hand();
    given.end(Progress::Done, "", ender.clone()).unwrap();
    let author = hand();
    let review = Review::begin(IncidentId::new(), whole(), author.clone(), &[given.clone()]);
    for person in [given.made_by.unwrap(), ender.by, author.by] {
        assert!(review.is_own(person));
    }
    assert!(!review.is_own(given.owner));
    let (mut review, late) = (signed(author), hand());
    assert!(review.touch(late.by), "it was signed");
    assert!(!review.touch(late.by));
    assert!(review.is_own(late.by));
}

#[test]
fn a_change_voids_the_signature() {
    let mut review = signed(hand());
    let before = review.digest(&[]);
    assert_eq!(review.sign(hand(), &before, &[]), Err(Refusal::Signed));
    let mut other = whole();
    other.cause = "Two disks".to_owned();
    let read = review.written.digest(review.incident);
    review.write(other, hand(), &read).unwrap();
    assert_eq!(review.signed, None);
    assert_ne!(review.digest(&[]), before);
}

#[test]
fn what_is_not_what_was_read_is_neither_written_over_nor_signed_nor_approved() {
    let mut review = written(hand());
    for stale in ["", "something else"] {
        let refused = review.write(whole(), hand(), stale);
        assert_eq!(refused, Err(Refusal::Changed));
        assert_eq!(review.sign(hand(), stale, &[]), Err(Refusal::Changed));
    }
    let (first, second) = (action(), action());
    let read = review.digest(&[first.clone(), second.clone()]);
    assert_eq!(read, review.digest(&[second.clone(), first.clone()]));
    let mut dropped = second.clone();
    dropped.end(Progress::Dropped, "no", hand()).unwrap();
    let later = FollowUp {
        due: second.due.succ_opt().unwrap(),
        ..second.clone()
    };
    for other in [
        vec![],
        vec![first.clone()],
        vec![first.clone(), dropped],
        vec![first.clone(), later],
    ] {
        assert_eq!(review.sign(hand(), &read, &other), Err(Refusal::Changed));
    }
    let both = [first, second];
    review.sign(hand(), &read, &both).unwrap();
    let fewer = review.approve(hand(), &read, &both[..1]);
    assert_eq!(fewer, Err(Refusal::Changed));
    assert_eq!(review.approve(hand(), &read, &both), Ok(()));
}

#[test]
fn what_is_signed_says_something_everywhere() {
    for part in 0..4 {
        let mut review = written(hand());
        let said = &mut review.written;
        let parts = [
            &mut said.summary,
            &mut said.cause,
            &mut said.went_well,
            &mut said.went_badly,
        ];
        for (at, text) in parts.into_iter().enumerate() {
            if at == part {
                *text = " \n".to_owned();
            }
        }
        let read = review.digest(&[]);
        assert_eq!(review.sign(hand(), &read, &[]), Err(Refusal::NotWhole));
    }
}

#[test]
fn the_digest_tells_parts_apart() {
    let id = IncidentId::new();
    let digest = |summary: &str, cause: &str| {
        let written = Written {
            summary: summary.to_owned(),
            cause: cause.to_owned(),
            ..Written::default()
        };
        written.digest(id)
    };
    assert_ne!(digest("ab", "c"), digest("a", "bc"));
}

#[test]
fn given_back_it_waits_for_another_signature() {
    let mut review = signed(hand());
    review.give_back(PersonId::new()).unwrap();
    assert_eq!(review.give_back(PersonId::new()), Err(Refusal::NotSigned));
}

#[test]
fn an_action_ends_once_and_is_dropped_for_a_reason() {
    let mut action = action();
    let now = action.overdue_at;
    let by = Hand {
        at: now + chrono::TimeDelta::seconds(1),
        ..hand()
    };
    let mut end = |to, outcome| action.end(to, outcome, by.clone());
    assert_eq!(end(Progress::Dropped, " "), Err(NotEnded::NoReason));
    assert_eq!(end(Progress::Done, " bought "), Ok(()));
    assert_eq!(end(Progress::Dropped, "no"), Err(NotEnded::Ended));
    assert_eq!(action.outcome, "bought");
    assert_eq!(action.ended_by, Some(by.by));
    assert!(!action.is_overdue(by.at));
    for progress in Progress::ALL {
        assert_eq!(progress.as_str().parse(), Ok(progress));
    }
}

#[test]
fn an_action_is_overdue_once_its_day_is_over() {
    let action = action();
    assert!(!action.is_overdue(action.overdue_at));
    assert!(action.is_overdue(action.overdue_at + chrono::TimeDelta::seconds(1)));
}
