//! What people do with checklists.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::run::{
    self, Answer, EvidenceId, Outcome, Refused, Review, Run, RunId, Shown, Signature, State,
};
use super::store::{self, answers};
use crate::features::alerts::AlertId;
use crate::features::alerts::sighting::{self, Question};
use crate::features::alerts::store as alerts;
use crate::features::packs::pack::{CheckItem, Checklist, Evidence, ItemId};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Outcome as EventOutcome, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::files::Stored;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Refusal};

/// Longest note, reference and subject, in characters.
pub const NOTE_AT_MOST: usize = 2_000;
pub const REFERENCE_AT_MOST: usize = 300;

#[derive(Debug, thiserror::Error)]
pub enum ChecklistError {
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What was typed makes no sense; in words, and the field of the form that it is about.
    #[error("{1}")]
    Wrong(&'static str, &'static str),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<ChecklistError> for web::Error {
    fn from(error: ChecklistError) -> Self {
        match error {
            ChecklistError::Database(error) => error.into(),
            ChecklistError::Wrong(_, why) => Self::Malformed(why.to_owned()),
            ChecklistError::Refused(refused) => {
                let next = match refused {
                    Refused::OwnWork => "Somebody else has to look it over.",
                    Refused::Incomplete => {
                        "Nothing was signed. Go back: what is missing stands at each item."
                    }
                    Refused::Changed => {
                        "Nothing was signed. Somebody else has answered, or it was read again: look at it and sign then."
                    }
                    Refused::NoReason => "Nothing was changed. Go back and say what is wrong.",
                    _ => "Nothing was changed. Look at it again.",
                };
                Self::Refused(Refusal::new("checklist", sentence(&refused), next))
            }
        }
    }
}

pub type Result<T> = std::result::Result<T, ChecklistError>;

/// A person who acts.
#[derive(Clone, Debug)]
pub struct Hand {
    pub actor: Actor,
    pub person: PersonId,
    pub name: String,
}

impl Hand {
    #[must_use]
    pub fn of(signed: &Signed) -> Self {
        Self {
            actor: signed.actor(),
            person: signed.person,
            name: signed.name.clone(),
        }
    }
}

/// What a person answers for an item. For one that was read, only the words beside it are theirs.
#[derive(Clone, Debug)]
pub struct Given {
    pub outcome: Option<Outcome>,
    /// Nothing where the form does not ask for it: what was written before stays.
    pub note: Option<String>,
    pub reference: Option<String>,
    pub alert: Linked,
}

/// The alert that an answer is about.
#[derive(Clone, Copy, Debug)]
pub enum Linked {
    /// Whichever it was: the form does not ask for it.
    AsBefore,
    Nothing,
    To(AlertId),
}

/// What the items of a list say that something is read for.
pub fn readings(conn: &mut Conn, run: &Run, now: DateTime<Utc>) -> db::Result<Vec<Answer>> {
    let items = run.spec.items.iter();
    let asked: Vec<(&CheckItem, Question<'_>)> = items
        .filter_map(|item| {
            let question = Question {
                source: item.read.as_ref()?,
                expect: item.expect.as_ref(),
            };
            Some((item, question))
        })
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let questions: Vec<Question<'_>> = asked.iter().map(|(_, it)| it.clone()).collect();
    let seen = sighting::look(conn, run.platform, &questions, now)?;
    let answer = |((item, _), seen): (&(&CheckItem, _), sighting::Sighting)| Answer {
        item: item.id.clone(),
        at: now,
        by: None,
        name: String::new(),
        outcome: match seen.holds {
            Some(true) => Outcome::Pass,
            Some(false) => Outcome::Fail,
            None => Outcome::Unknown,
        },
        value: seen.value,
        source: seen.source,
        seen_at: seen.seen_at,
        note: String::new(),
        reference: String::new(),
        alert: None,
    };
    Ok(asked.iter().zip(seen).map(answer).collect())
}

/// Starts a list that somebody asks for.
pub fn start(
    services: &Services,
    hand: &Hand,
    item: ItemId,
    subject: &str,
    key: FormKey,
) -> Result<RunId> {
    let id = RunId::new();
    services.audit.write(&hand.actor, |tx| {
        tx.once(key, &format!("/checklists/runs/{id}"))?;
        let list = packs::item::<Checklist>(tx, item)?;
        tx.reach(list.platform)?;
        if list.retired_at.is_some() {
            return Err(db::Error::NotFound.into());
        }
        start_in(tx, hand, id, &list, subject)?;
        Ok(id)
    })
}

/// [`start`] within what somebody else does.
pub fn start_in(
    tx: &mut Tx<'_>,
    hand: &Hand,
    id: RunId,
    list: &Item<Checklist>,
    subject: &str,
) -> Result<()> {
    let Some(occasion) = list.spec.on_demand else {
        return Err(ChecklistError::Wrong(
            "subject",
            "this list opens by itself",
        ));
    };
    let subject = subject.trim();
    if subject.is_empty() {
        return Err(ChecklistError::Wrong("subject", "say what it is for"));
    }
    if subject.chars().count() > REFERENCE_AT_MOST {
        return Err(ChecklistError::Wrong("subject", "at most 300 characters"));
    }
    let now = tx.now();
    let run = Run {
        id,
        platform: list.platform,
        item: list.id,
        name: list.name.clone(),
        spec: list.spec.clone(),
        schedule: occasion.as_str().to_owned(),
        slot: now,
        due_at: now + list.spec.within.delta(),
        opened_at: now,
        opened_by: Some(hand.person),
        opened_name: hand.name.clone(),
        subject: subject.to_owned(),
        window: None,
        state: State::Open,
        signature: None,
        review: None,
        ended: None,
    };
    open(tx, &run)?;
    Ok(())
}

/// Opens it, with what is read at that moment. False where somebody else has opened the same slot.
pub(super) fn open(tx: &mut Tx<'_>, run: &Run) -> db::Result<bool> {
    if !store::insert(tx, run)? {
        return Ok(false);
    }
    let now = tx.now();
    let read = readings(tx, run, now)?;
    for answer in &read {
        answers::insert(tx, run.id, answer)?;
    }
    let failed = run::failed(run, &read);
    tx.record(event("checklist.opened", run).detail("failed", failed as u64))?;
    Ok(true)
}

pub(super) fn event(kind: &'static str, run: &Run) -> Event {
    Event::new(kind, Subject::new("checklist_run", run.id))
        .platform(run.platform)
        .detail("checklist", run.spec.id.as_str())
        .detail("slot", run.slot.to_rfc3339())
}

/// Something that is done on the locked row, where the actor reaches its platform.
fn on<T>(
    services: &Services,
    hand: &Hand,
    id: RunId,
    key: FormKey,
    act: impl FnOnce(&mut Tx<'_>, Run) -> Result<T>,
) -> Result<T> {
    services.audit.write(&hand.actor, |tx| {
        tx.once(key, &format!("/checklists/runs/{id}"))?;
        let run = store::lock(tx, id)?;
        tx.reach(run.platform)?;
        act(tx, run)
    })
}

/// Reads again what is read. A note that somebody wrote stays with what is as it was, to the value: of "12 errors" it says
/// nothing about 4,000.
pub fn read_again(services: &Services, hand: &Hand, id: RunId, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, run| {
        must_be_open(&run)?;
        let now = tx.now();
        let before = answers::of_run(tx, id)?;
        let read = readings(tx, &run, now)?;
        for mut answer in read {
            let last = run::last(&answer.item, &before);
            let judged = run.item(&answer.item).is_some_and(|item| !item.is_read());
            if judged && last.is_some_and(|last| last.by.is_some()) {
                continue;
            }
            let as_it_was =
                |last: &&Answer| last.outcome == answer.outcome && last.value == answer.value;
            if let Some(last) = last.filter(as_it_was) {
                answer.note.clone_from(&last.note);
                answer.reference.clone_from(&last.reference);
                answer.alert = last.alert;
            }
            answers::insert(tx, id, &answer)?;
        }
        tx.record(event("checklist.read", &run))?;
        Ok(())
    })
}

fn must_be_open(run: &Run) -> Result<()> {
    if run.state == State::Open {
        Ok(())
    } else {
        Err(Refused::NotOpen.into())
    }
}

/// Answers for an item.
pub fn answer(
    services: &Services,
    hand: &Hand,
    id: RunId,
    item: &str,
    given: &Given,
    key: FormKey,
) -> Result<()> {
    check_words(given)?;
    on(services, hand, id, key, |tx, run| {
        let item = run.item(item).ok_or(db::Error::NotFound)?.clone();
        must_be_open(&run)?;
        if let Linked::To(alert) = given.alert
            && alerts::alert(tx, alert)?.platform != run.platform
        {
            return Err(ChecklistError::Wrong(
                "alert",
                "choose an alert of this platform",
            ));
        }
        let before = answers::of_run(tx, id)?;
        let last = run::last(&item.id, &before);
        let answer = answered(hand, &item, given, last, tx.now())?;
        if answer.outcome != Outcome::Pass && answer.note.is_empty() {
            return Err(ChecklistError::Wrong("note", "say what is wrong, or why"));
        }
        answers::insert(tx, id, &answer)?;
        tx.record(
            event("checklist.answered", &run)
                .detail("item", item.id.as_str())
                .detail("answer", answer.outcome.as_str()),
        )?;
        Ok(())
    })
}

fn check_words(given: &Given) -> Result<()> {
    let length = |text: &Option<String>| text.as_ref().map_or(0, |it| it.chars().count());
    if length(&given.note) > NOTE_AT_MOST {
        return Err(ChecklistError::Wrong("note", "at most 2000 characters"));
    }
    if length(&given.reference) > REFERENCE_AT_MOST {
        return Err(ChecklistError::Wrong("reference", "at most 300 characters"));
    }
    Ok(())
}

/// What was read stays what was read, whoever writes something beside it.
fn answered(
    hand: &Hand,
    item: &CheckItem,
    given: &Given,
    last: Option<&Answer>,
    now: DateTime<Utc>,
) -> Result<Answer> {
    let outcome = match (item.is_read(), last, given.outcome) {
        (true, Some(last), _) => last.outcome,
        (true, None, _) => Outcome::Unknown,
        (false, _, Some(outcome)) if outcome != Outcome::Unknown => outcome,
        (false, ..) => {
            return Err(ChecklistError::Wrong(
                "outcome",
                "say whether it is as it should be",
            ));
        }
    };
    let text = |of: fn(&Answer) -> &String| last.map(of).cloned().unwrap_or_default();
    Ok(Answer {
        item: item.id.clone(),
        at: now,
        by: Some(hand.person),
        name: hand.name.clone(),
        outcome,
        value: text(|last| &last.value),
        source: text(|last| &last.source),
        seen_at: last.and_then(|last| last.seen_at),
        note: match given.note.as_deref() {
            Some(note) => note.trim().to_owned(),
            // What was written of a failure says nothing of a pass.
            None if last.is_some_and(|last| last.outcome == outcome) => text(|last| &last.note),
            None => String::new(),
        },
        reference: given
            .reference
            .as_deref()
            .map_or_else(|| text(|last| &last.reference), |it| it.trim().to_owned()),
        alert: match given.alert {
            Linked::AsBefore => last.and_then(|last| last.alert),
            Linked::Nothing => None,
            Linked::To(alert) => Some(alert.uuid()),
        },
    })
}

/// Keeps a file that shows something.
pub fn add_evidence(
    services: &Services,
    hand: &Hand,
    id: RunId,
    item: &str,
    file: &Stored,
    key: FormKey,
) -> Result<()> {
    on(services, hand, id, key, |tx, run| {
        let item = run.item(item).ok_or(db::Error::NotFound)?;
        must_be_open(&run)?;
        if item.evidence == Evidence::None {
            return Err(ChecklistError::Wrong("file", "this item takes no file"));
        }
        file.keep(tx)?;
        let new = Shown {
            id: EvidenceId::new(),
            item: item.id.clone(),
            at: tx.now(),
            by: hand.person,
            name: hand.name.clone(),
            file: file.id.uuid(),
            bytes: i64::try_from(file.bytes).unwrap_or(i64::MAX),
            sha256: file.sha256.to_vec(),
        };
        answers::insert_shown(tx, id, &new)?;
        tx.record(
            event("checklist.evidence_added", &run)
                .detail("item", item.id.as_str())
                .detail("sha256", hex::encode(file.sha256)),
        )?;
        Ok(())
    })
}

/// Signs what stands there now, where that is what was read: its bytes are kept, with their hash.
pub fn sign(services: &Services, hand: &Hand, id: RunId, read: &str, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, mut run| {
        let given = answers::of_run(tx, id)?;
        let shown = answers::shown(tx, id)?;
        let now = tx.now();
        let contents = contents(&run, &given, &shown, hand, now).to_string();
        let digest = Sha256::digest(contents.as_bytes()).to_vec();
        let failed = run::failed(&run, &given);
        let signature = Signature {
            at: now,
            by: hand.person,
            name: hand.name.clone(),
            performers: run::performers(hand.person, &given, &shown),
            contents,
            failed: i32::try_from(failed).unwrap_or(i32::MAX),
            digest: digest.clone(),
        };
        run.sign(signature, &given, &shown)?;
        if read != stands(&run, &given, &shown) {
            return Err(Refused::Changed.into());
        }
        store::save(tx, &run)?;
        tx.record(
            event("checklist.signed", &run)
                .detail("failed", failed as u64)
                .detail("sha256", hex::encode(digest)),
        )?;
        Ok(())
    })
}

/// What was answered and shown so far, as one number: what a signature is bound to.
#[must_use]
pub fn stands(run: &Run, given: &[Answer], shown: &[Shown]) -> String {
    hex::encode(Sha256::digest(written(run, given, shown).to_string()))
}

/// What is signed.
fn contents(
    run: &Run,
    given: &[Answer],
    shown: &[Shown],
    hand: &Hand,
    now: DateTime<Utc>,
) -> Value {
    let mut contents = written(run, given, shown);
    contents["signed_at"] = json!(now);
    contents["signed_by"] = json!(hand.person);
    contents["signed_name"] = json!(hand.name);
    contents
}

fn written(run: &Run, given: &[Answer], shown: &[Shown]) -> Value {
    let answer = |answer: &Answer| {
        json!({
            "item": answer.item, "at": answer.at, "by": answer.by, "name": answer.name,
            "answer": answer.outcome.as_str(), "value": answer.value, "source": answer.source,
            "seen_at": answer.seen_at, "note": answer.note, "reference": answer.reference, "alert": answer.alert,
        })
    };
    let file = |file: &Shown| {
        json!({
            "item": file.item, "at": file.at, "by": file.by, "name": file.name, "bytes": file.bytes,
            "sha256": hex::encode(&file.sha256),
        })
    };
    json!({
        "format": "signalbox-checklist-1",
        "run": run.id,
        "platform": run.platform,
        "checklist": run.spec,
        "slot": run.slot,
        "due_at": run.due_at,
        "opened_at": run.opened_at,
        "subject": run.subject,
        "answers": given.iter().map(answer).collect::<Vec<_>>(),
        "evidence": shown.iter().map(file).collect::<Vec<_>>(),
    })
}

/// Looks over what somebody else has signed.
pub fn review(
    services: &Services,
    hand: &Hand,
    id: RunId,
    accepts: bool,
    note: &str,
    key: FormKey,
) -> Result<()> {
    if note.chars().count() > NOTE_AT_MOST {
        return Err(ChecklistError::Wrong("note", "at most 2000 characters"));
    }
    on(services, hand, id, key, |tx, mut run| {
        let review = Review {
            at: tx.now(),
            by: hand.person,
            name: hand.name.clone(),
            note: note.trim().to_owned(),
        };
        run.review(accepts, review)?;
        store::save(tx, &run)?;
        let (kind, outcome) = if accepts {
            ("checklist.accepted", EventOutcome::Success)
        } else {
            ("checklist.objected", EventOutcome::Failure)
        };
        let digest = run
            .signature
            .as_ref()
            .map(|signature| hex::encode(&signature.digest));
        tx.record(
            event(kind, &run)
                .outcome(outcome)
                .detail("sha256", digest.unwrap_or_default()),
        )?;
        Ok(())
    })
}

/// Ends a list that somebody started and nobody needs after all.
pub fn call_off(
    services: &Services,
    hand: &Hand,
    id: RunId,
    why: &str,
    key: FormKey,
) -> Result<()> {
    let why = why.trim();
    if why.is_empty() {
        return Err(ChecklistError::Wrong(
            "why",
            "say why, for whoever looks at it later",
        ));
    }
    if why.chars().count() > NOTE_AT_MOST {
        return Err(ChecklistError::Wrong("why", "at most 2000 characters"));
    }
    on(services, hand, id, key, |tx, mut run| {
        run.call_off(tx.now(), format!("{}: {why}", hand.name))?;
        store::save(tx, &run)?;
        tx.record(event("checklist.called_off", &run))?;
        Ok(())
    })
}
