use chrono::TimeDelta;

use super::*;
use crate::features::packs::file;
use crate::features::packs::parameters::Given;

const PACK: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[indicator]]
id = "load"
name = "Load"
expect_every = "1h"

[[checklist]]
id = "morning"
name = "Morning"
cron = "0 8 * * *"
within = "4h"
item = [
  { id = "load", text = "The load is low", read.indicator = "load", expect = { below = 5 } },
  { id = "judged", text = "The trend was looked at", read.indicator = "load" },
  { id = "restore", text = "A backup was restored", evidence = "required" },
]
"#;

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
}

fn run() -> Run {
    let mut file = file::read(PACK, &Given::default()).unwrap();
    let spec = file.pack.checklists.remove(0);
    Run {
        id: RunId::new(),
        platform: PlatformId::new(),
        item: ItemId::new(),
        name: spec.name.clone(),
        schedule: "0 8 * * * UTC".to_owned(),
        slot: at(8),
        due_at: at(12),
        opened_at: at(8),
        opened_by: None,
        opened_name: String::new(),
        subject: String::new(),
        window: None,
        state: State::Open,
        signature: None,
        review: None,
        ended: None,
        spec,
    }
}

fn answer(item: &str, by: Option<PersonId>, outcome: Outcome, note: &str) -> Answer {
    Answer {
        item: item.to_owned(),
        at: at(9),
        by,
        name: String::new(),
        outcome,
        value: String::new(),
        source: String::new(),
        seen_at: None,
        note: note.to_owned(),
        reference: String::new(),
        alert: None,
    }
}

fn whole(by: PersonId) -> Vec<Answer> {
    let mut restore = answer("restore", Some(by), Outcome::Pass, "");
    restore.reference = "DRILL-7".to_owned();
    vec![
        answer("load", None, Outcome::Pass, ""),
        answer("judged", Some(by), Outcome::Pass, ""),
        restore,
    ]
}

fn signature(by: PersonId, answers: &[Answer]) -> Signature {
    Signature {
        at: at(10),
        by,
        name: "Ada".to_owned(),
        performers: performers(by, answers, &[]),
        contents: "{}".to_owned(),
        digest: vec![0; 32],
        failed: 0,
    }
}

fn gaps(answers: &[Answer]) -> Vec<(String, Gap)> {
    let run = run();
    let gaps = run.gaps(answers, &[]);
    gaps.iter()
        .map(|(item, gap)| (item.id.clone(), *gap))
        .collect()
}

#[test]
fn each_item_says_what_it_lacks() {
    let ada = PersonId::new();
    let of = |pairs: &[(&str, Gap)]| -> Vec<(String, Gap)> {
        pairs
            .iter()
            .map(|(id, gap)| ((*id).to_owned(), *gap))
            .collect()
    };
    assert_eq!(
        gaps(&[]),
        of(&[
            ("load", Gap::Unanswered),
            ("judged", Gap::Unanswered),
            ("restore", Gap::Unanswered)
        ])
    );
    assert_eq!(gaps(&whole(ada)), []);
    // What was only read is judged by nobody yet.
    let mut read = whole(ada);
    read.push(answer("judged", None, Outcome::Pass, ""));
    assert_eq!(gaps(&read), of(&[("judged", Gap::Unanswered)]));
    let mut bad = whole(ada);
    bad.push(answer("load", None, Outcome::Unknown, " "));
    bad.push(answer("restore", Some(ada), Outcome::Pass, ""));
    assert_eq!(
        gaps(&bad),
        of(&[("load", Gap::NoNote), ("restore", Gap::NoEvidence)]),
        "the last answer counts"
    );
    bad.push(answer(
        "load",
        Some(ada),
        Outcome::Unknown,
        "The probe was being moved.",
    ));
    bad.push(answer(
        "restore",
        Some(ada),
        Outcome::NotApplicable,
        "No backups here.",
    ));
    assert_eq!(gaps(&bad), []);
    assert_eq!(failed(&run(), &bad), 1);
}

#[test]
fn a_file_shows_as_much_as_a_reference() {
    let ada = PersonId::new();
    let mut answers = whole(ada);
    answers[2].reference.clear();
    let file = Shown {
        id: EvidenceId::new(),
        item: "restore".to_owned(),
        at: at(9),
        by: PersonId::new(),
        name: String::new(),
        file: uuid::Uuid::nil(),
        bytes: 1,
        sha256: vec![0; 32],
    };
    assert_eq!(run().gaps(&answers, &[]).len(), 1);
    assert!(run().gaps(&answers, std::slice::from_ref(&file)).is_empty());
    assert_eq!(
        performers(ada, &answers, &[file]).len(),
        2,
        "whoever added it did part of it"
    );
}

#[test]
fn it_is_signed_once_and_only_whole() {
    let ada = PersonId::new();
    let answers = whole(ada);
    let mut it = run();
    let refused = it.sign(signature(ada, &answers), &answers[1..], &[]);
    assert_eq!(refused, Err(Refused::Incomplete));
    assert_eq!(it.sign(signature(ada, &answers), &answers, &[]), Ok(()));
    let again = it.sign(signature(ada, &answers), &answers, &[]);
    assert_eq!(again, Err(Refused::NotOpen));
    let ended = it.end(State::Missed, at(20), String::new());
    assert_eq!(
        ended,
        Err(Refused::NotOpen),
        "what was signed is not missed"
    );
}

#[test]
fn nobody_reviews_what_they_did_any_part_of() {
    let (ada, bob, eve) = (PersonId::new(), PersonId::new(), PersonId::new());
    let mut answers = whole(ada);
    answers[1].by = Some(bob);
    let mut it = run();
    let by = |by: PersonId, note: &str| Review {
        at: at(11),
        by,
        name: String::new(),
        note: note.to_owned(),
    };
    assert_eq!(it.review(true, by(eve, "")), Err(Refused::NotSigned));
    it.sign(signature(ada, &answers), &answers, &[]).unwrap();
    assert_eq!(it.review(true, by(ada, "")), Err(Refused::OwnWork));
    assert_eq!(it.review(true, by(bob, "")), Err(Refused::OwnWork));
    assert_eq!(it.review(false, by(eve, " ")), Err(Refused::NoReason));
    assert_eq!(
        it.review(false, by(eve, "Nobody restored anything.")),
        Ok(())
    );
    assert_eq!(it.state, State::Objected);
    assert_eq!(
        it.review(true, by(eve, "")),
        Err(Refused::NotSigned),
        "once"
    );
}

#[test]
fn it_is_due_and_then_its_review_is() {
    let ada = PersonId::new();
    let answers = whole(ada);
    let mut it = run();
    assert!(!it.is_overdue(at(12)));
    assert!(it.is_overdue(at(13)));
    it.sign(signature(ada, &answers), &answers, &[]).unwrap();
    assert_eq!(it.deadline(), Some(at(16)));
    assert!(!it.is_overdue(at(13)));
    assert!(it.is_overdue(at(17)));
}

#[test]
fn only_what_somebody_started_is_called_off() {
    let mut it = run();
    assert_eq!(it.call_off(at(9), String::new()), Err(Refused::NotStarted));
    it.opened_by = Some(PersonId::new());
    assert_eq!(it.call_off(at(9), "Not needed.".to_owned()), Ok(()));
    assert_eq!(it.deadline(), None);
    assert_eq!(it.call_off(at(9), String::new()), Err(Refused::NotOpen));
}

#[test]
fn states_and_answers_are_what_they_are_called() {
    for state in State::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for outcome in Outcome::ALL {
        assert_eq!(outcome.as_str().parse(), Ok(outcome));
    }
    assert!("done".parse::<State>().is_err() && "ok".parse::<Outcome>().is_err());
}
