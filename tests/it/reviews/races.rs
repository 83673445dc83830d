//! What happens when two do something at once.

use super::*;

#[tokio::test]
async fn of_two_claims_at_once_one_holds() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app).id;
    let (ann, ben) = (app.as_reviewer().person, app.as_second_reviewer().person);
    let together = Barrier::new(2);
    let claim = |by| {
        together.wait();
        act(&app, by, |tx| actions::claim(tx, case, by))
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| claim(ann));
        let second = scope.spawn(|| claim(ben));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    let lost = first.err().or(second.err()).unwrap();
    assert!(
        matches!(lost, ReviewError::Case(CaseRefusal::ClaimedByOther)),
        "{lost}"
    );
    assert_eq!(events(&app, "kyc.case_claimed"), 1);
}

#[tokio::test]
async fn of_two_approvals_at_once_one_counts() {
    let app = app_with(&[RISKY]).await;
    let case = the_case(&app).id;
    let people = [app.as_reviewer().person, app.as_second_reviewer().person];
    let proposer = app.as_compliance().person;
    let proposal = propose(&app, case, proposer);
    let together = Barrier::new(2);
    let approve = |by| {
        together.wait();
        act(&app, by, |tx| actions::approve(tx, case, by, proposal))
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| approve(people[0]));
        let second = scope.spawn(|| approve(people[1]));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    assert_eq!(reread(&app, case).status, Status::Approved);
    assert_eq!(events(&app, "kyc.case_approved"), 1);
}

#[tokio::test]
async fn a_job_that_compared_before_a_person_judged_undoes_nothing() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    let (ground, records) = ground(&app, &[case.subject]);
    let mut scratch = Scratch::default();
    let compared = ground.compare(records, &mut scratch);
    judge_by_two(&app, &case, Outcome::Confirmed);
    let tally = write(&app, &ground, &compared, &mut scratch);
    assert_eq!(tally.compared_again, 0);
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Confirmed);
}

#[tokio::test]
async fn a_job_that_compared_old_facts_compares_again_under_the_lock() {
    let app = app_with(&[PLAIN]).await;
    let subject = {
        let read = app
            .services
            .db
            .read(|conn| intake::store::ids_after(conn, None, 1));
        read.unwrap()[0]
    };
    let (ground, records) = ground(&app, &[subject]);
    let mut scratch = Scratch::default();
    let compared = ground.compare(records, &mut scratch);
    let renamed = PLAIN.replace(
        "Plain Sample-Demo,1990-05-06",
        "Zoltan Fakename-Demo,1971-03-14",
    );
    take_in(&app.services, &app.db, &csv(&[&renamed]));
    app.run_jobs();
    let case = the_case(&app);
    // The older comparison found nothing; written late, it must not take the hit away.
    let tally = write(&app, &ground, &compared, &mut scratch);
    assert_eq!(tally.compared_again, 1);
    assert_eq!(tally.hits_withdrawn, 0);
    assert_eq!(hits_of(&app, &case)[0].status, HitStatus::Open);
}

#[tokio::test]
async fn a_job_and_a_person_at_once_both_come_through() {
    let app = app_with(&[LISTED]).await;
    let case = the_case(&app);
    let ann = app.as_reviewer().person;
    act(&app, ann, |tx| actions::claim(tx, case.id, ann)).unwrap();
    let hit = hits_of(&app, &case).remove(0);
    let changed = LISTED.replace("HU,HU", "SK,SK");
    take_in(&app.services, &app.db, &csv(&[&changed]));
    let together = Barrier::new(2);
    let judgement = Judgement {
        by: ann,
        outcome: Outcome::NeedsInformation,
        reason: "facts_missing",
        note: "which one",
        seen: hit.version,
    };
    thread::scope(|scope| {
        let job = scope.spawn(|| {
            together.wait();
            app.run_jobs()
        });
        let person = scope.spawn(|| {
            together.wait();
            act(&app, ann, |tx| {
                hit_actions::judge(tx, case.id, hit.id, &judgement)
            })
        });
        assert_eq!(job.join().unwrap().failed, 0);
        let judged = person.join().unwrap();
        let fair = matches!(judged, Ok(true) | Err(ReviewError::Hit(HitRefusal::Stale)));
        assert!(fair, "{judged:?}");
    });
    assert_eq!(
        hits_of(&app, &case)[0].status,
        HitStatus::Open,
        "it was compared anew"
    );
}

#[tokio::test]
async fn of_two_that_stand_in_each_others_way_one_is_told_to_try_again() {
    let app = app_with(&[PLAIN, RISKY]).await;
    let ids = subjects(&app);
    let together = Barrier::new(2);
    let lock = |first: SubjectId, second: SubjectId| {
        let actor = Actor::command_line("test");
        app.services.audit.write::<_, db::Error>(&actor, |tx| {
            intake::store::lock_standings(tx, &[first])?;
            together.wait();
            intake::store::lock_standings(tx, &[second])?;
            tx.record(Event::new(
                "kyc.subjects_assessed",
                Subject::new("job", "test"),
            ))?;
            Ok(())
        })
    };
    let outcomes = thread::scope(|scope| {
        let one = scope.spawn(|| lock(ids[0], ids[1]));
        let other = scope.spawn(|| lock(ids[1], ids[0]));
        [one.join().unwrap(), other.join().unwrap()]
    });
    let lost: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(
        matches!(lost.as_slice(), [db::Error::Unavailable(_)]),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_double_click_on_claim_next_leads_twice_to_the_same_case() {
    let app = app_with(&[RISKY]).await;
    let ann = app.as_reviewer();
    let key = uuid::Uuid::now_v7().to_string();
    let fields = [("idempotency", key.as_str())];
    let first = ann.post_form("/reviews/next", &fields).await;
    let second = ann.post_form("/reviews/next", &fields).await;
    assert_eq!(first.location(), second.location());
    assert!(first.location().starts_with("/reviews/"));
}
