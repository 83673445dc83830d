//! What is done with hits: found, found again, judged, seconded.

use std::collections::HashMap;

use super::calendar::Calendar;
use super::current::Likeness;
use super::hit::{
    Disposition, DispositionId, Hit, HitId, HitRefusal, HitStatus, Outcome, payload_hash,
};
use super::index::MAX_MATCHES;
use super::store::{dispositions, hits as hit_store};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::crypto::subject_keys::{self, SubjectKey};
use crate::foundation::db;
use crate::foundation::kernel::{PersonId, PlatformId, SubjectId};

/// A refusal of the rules, or of the database.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error(transparent)]
    Refused(#[from] HitRefusal),
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// A subject as screening needs it.
pub struct Screened<'a> {
    pub id: SubjectId,
    pub platform: PlatformId,
    /// Keyed hash of what was compared; a change of it reopens what was decided.
    pub content_hash: &'a [u8],
    /// Policy: from this score on a dismissal needs two people.
    pub two_people_at: u16,
    pub key: &'a SubjectKey,
}

/// What screening one subject changed.
#[derive(Clone, Debug, Default)]
pub struct Screening {
    pub found: Vec<HitId>,
    pub reopened: Vec<HitId>,
    pub withdrawn: Vec<HitId>,
    /// All hits of the subject as they stand now.
    pub hits: Vec<(HitStatus, bool)>,
}

/// Writes what came of comparing a subject with the lists. `before` are the subject's hits so far.
/// Doing it again changes nothing.
pub fn screen(
    tx: &mut Tx<'_>,
    subject: &Screened<'_>,
    likenesses: &[Likeness<'_>],
    before: Vec<Hit>,
) -> db::Result<Screening> {
    let mut outcome = Screening::default();
    let mut before: HashMap<(String, String), Hit> = before
        .into_iter()
        .map(|hit| ((hit.source.clone(), hit.reference.clone()), hit))
        .collect();
    for likeness in likenesses {
        let identity = (
            likeness.entry.source.clone(),
            likeness.entry.reference.clone(),
        );
        let standing = match before.remove(&identity) {
            None => found(tx, subject, likeness, &mut outcome)?,
            Some(hit) => found_again(tx, subject, likeness, hit, &mut outcome)?,
        };
        outcome.hits.push(standing);
    }
    let are_all = likenesses.len() < MAX_MATCHES;
    for hit in before.into_values() {
        let standing = if are_all {
            no_longer_alike(tx, subject, hit, &mut outcome)?
        } else {
            // It may still be alike, behind those that are more so.
            (hit.status, hit.exact)
        };
        outcome.hits.push(standing);
    }
    Ok(outcome)
}

fn found(
    tx: &mut Tx<'_>,
    subject: &Screened<'_>,
    likeness: &Likeness<'_>,
    outcome: &mut Screening,
) -> db::Result<(HitStatus, bool)> {
    let hit = Hit {
        id: HitId::new(),
        platform: subject.platform,
        subject: subject.id,
        source: likeness.entry.source.clone(),
        reference: likeness.entry.reference.clone(),
        entry: likeness.entry.id,
        list_version: likeness.entry.list_version,
        score: likeness.score,
        exact: likeness.explanation.is_exact(),
        subject_hash: subject.content_hash.to_vec(),
        entry_hash: likeness.entry.hash.clone(),
        status: HitStatus::Open,
        found_at: tx.now(),
        version: 1,
        two_people_at: subject.two_people_at,
        confirmed_at: None,
        report_due: None,
        reported_at: None,
    };
    hit_store::insert(tx, &hit, &likeness.explanation, subject.key)?;
    tx.record(event("screening.hit_found", &hit))?;
    outcome.found.push(hit.id);
    Ok((hit.status, hit.exact))
}

/// What was decided stays for as long as both sides stay as they were; else it is open again.
fn found_again(
    tx: &mut Tx<'_>,
    subject: &Screened<'_>,
    likeness: &Likeness<'_>,
    mut hit: Hit,
    outcome: &mut Screening,
) -> db::Result<(HitStatus, bool)> {
    let same = hit.subject_hash == subject.content_hash && hit.entry_hash == likeness.entry.hash;
    if same && hit.status != HitStatus::Withdrawn {
        return Ok((hit.status, hit.exact));
    }
    dispositions::void(tx, hit.id)?;
    hit.entry = likeness.entry.id;
    hit.list_version = likeness.entry.list_version;
    hit.score = likeness.score;
    hit.exact = likeness.explanation.is_exact();
    hit.subject_hash = subject.content_hash.to_vec();
    hit.entry_hash.clone_from(&likeness.entry.hash);
    hit.two_people_at = subject.two_people_at;
    hit.status = HitStatus::Open;
    hit.version += 1;
    hit_store::refresh(tx, &hit, &likeness.explanation, subject.key)?;
    tx.record(event("screening.hit_reopened", &hit))?;
    outcome.reopened.push(hit.id);
    Ok((hit.status, hit.exact))
}

/// A decided hit stays on record as decided. An undecided one has nothing left to decide, unless two
/// people had confirmed it: only two people take that back, and once the subject has changed they are asked
/// whether they do.
fn no_longer_alike(
    tx: &mut Tx<'_>,
    subject: &Screened<'_>,
    mut hit: Hit,
    outcome: &mut Screening,
) -> db::Result<(HitStatus, bool)> {
    if hit.status == HitStatus::Confirmed && hit.subject_hash != subject.content_hash {
        dispositions::void(tx, hit.id)?;
        hit.subject_hash = subject.content_hash.to_vec();
        hit.status = HitStatus::Open;
        hit.version += 1;
        hit_store::set_status(tx, &hit)?;
        tx.record(event("screening.hit_reopened", &hit))?;
        outcome.reopened.push(hit.id);
    } else if hit.status.is_undecided() && hit.confirmed_at.is_none() {
        dispositions::void(tx, hit.id)?;
        hit.status = HitStatus::Withdrawn;
        hit.version += 1;
        hit_store::set_status(tx, &hit)?;
        tx.record(event("screening.hit_withdrawn", &hit))?;
        outcome.withdrawn.push(hit.id);
    }
    Ok((hit.status, hit.exact))
}

/// What somebody says about a hit.
pub struct Judgement<'a> {
    pub by: PersonId,
    pub outcome: Outcome,
    pub reason: &'a str,
    pub note: &'a str,
    /// The hit's version on their page.
    pub seen: i32,
}

/// Judges a hit; where two people are needed it is a proposal first. True when it holds at once.
pub fn judge(tx: &mut Tx<'_>, id: HitId, judgement: &Judgement<'_>) -> Result<bool, ActError> {
    let mut hit = hit_store::lock(tx, id)?;
    hit.judge(judgement.seen)?;
    let key = key_of(tx, hit.subject)?;
    let two_people = hit.needs_two(judgement.outcome);
    dispositions::void(tx, hit.id)?;
    let disposition = Disposition {
        id: DispositionId::new(),
        hit: hit.id,
        outcome: judgement.outcome,
        reason: judgement.reason.to_owned(),
        two_people,
        payload_hash: payload_hash(&hit, judgement.outcome, judgement.reason, judgement.note),
        proposer: judgement.by,
        proposed_at: tx.now(),
        approver: None,
        effective: !two_people,
    };
    dispositions::insert(tx, &hit, &disposition, judgement.note, &key)?;
    hit.status = if two_people {
        HitStatus::Proposed
    } else {
        judgement.outcome.status()
    };
    hit.version += 1;
    hit_store::set_status(tx, &hit)?;
    let kind = if two_people {
        "screening.disposition_proposed"
    } else {
        "screening.hit_disposed"
    };
    tx.record(disposition_event(kind, &hit, &disposition))?;
    Ok(!two_people)
}

/// How long a confirmed hit may go unreported, and whose days those are.
pub struct Clock<'a> {
    pub calendar: &'a Calendar,
    pub business_days: u16,
}

/// The second person agrees to exactly what was proposed; `seen` is the proposal on their page.
pub fn second(
    tx: &mut Tx<'_>,
    clock: &Clock<'_>,
    id: HitId,
    by: PersonId,
    seen: DispositionId,
) -> Result<(), ActError> {
    let mut hit = hit_store::lock(tx, id)?;
    let proposal = proposal(tx, id, seen)?;
    let key = key_of(tx, hit.subject)?;
    let note = dispositions::note(tx, proposal.id, &key)?;
    let payload = payload_hash(&hit, proposal.outcome, &proposal.reason, &note);
    hit.second(&proposal, by, payload)?;
    dispositions::answer(tx, proposal.id, by, true)?;
    hit.status = proposal.outcome.status();
    match proposal.outcome {
        Outcome::Confirmed => {
            let now = tx.now();
            let today = clock.calendar.date(now);
            let due = clock
                .calendar
                .business_days_after(today, clock.business_days);
            hit.start_clock(now, due);
        }
        Outcome::Dismissed => hit.stop_clock(),
        Outcome::NeedsInformation => {}
    }
    hit.version += 1;
    hit_store::set_status(tx, &hit)?;
    let mut event = disposition_event("screening.hit_disposed", &hit, &proposal);
    if let Some(due) = hit.report_due {
        event = event.detail("report_due", due.to_string());
    }
    tx.record(event)?;
    Ok(())
}

/// The second person disagrees, or the proposer takes it back: the hit is undecided again.
pub fn refuse(
    tx: &mut Tx<'_>,
    id: HitId,
    by: PersonId,
    seen: DispositionId,
) -> Result<(), ActError> {
    let mut hit = hit_store::lock(tx, id)?;
    let proposal = proposal(tx, id, seen)?;
    let kind = if proposal.proposer == by {
        dispositions::void(tx, id)?;
        "screening.disposition_withdrawn"
    } else {
        dispositions::answer(tx, proposal.id, by, false)?;
        "screening.disposition_refused"
    };
    hit.status = HitStatus::Open;
    hit.version += 1;
    hit_store::set_status(tx, &hit)?;
    tx.record(disposition_event(kind, &hit, &proposal))?;
    Ok(())
}

/// The proposal that stands, if it is the one that was seen.
fn proposal(tx: &mut Tx<'_>, hit: HitId, seen: DispositionId) -> Result<Disposition, ActError> {
    let proposal = dispositions::lock_proposal(tx, hit)?.ok_or(HitRefusal::NothingProposed)?;
    if proposal.id == seen {
        Ok(proposal)
    } else {
        Err(HitRefusal::Altered.into())
    }
}

/// A confirmed hit was reported to the authority, which answered with a reference.
pub fn report(tx: &mut Tx<'_>, id: HitId, reference: &str) -> Result<(), ActError> {
    let mut hit = hit_store::lock(tx, id)?;
    hit.report(tx.now())?;
    let key = key_of(tx, hit.subject)?;
    hit_store::set_reported(tx, &hit, reference, &key)?;
    let mut event = event("screening.hit_reported", &hit)
        .personal(hit.subject, serde_json::json!({ "reference": reference }));
    if let Some(due) = hit.report_due {
        event = event.detail("report_due", due.to_string());
    }
    tx.record(event)?;
    Ok(())
}

fn key_of(tx: &mut Tx<'_>, subject: SubjectId) -> db::Result<SubjectKey> {
    let keyring = tx.keyring();
    subject_keys::load_one(tx, keyring, subject)?.ok_or(db::Error::NotFound)
}

fn event(kind: &'static str, hit: &Hit) -> Event {
    Event::new(kind, Subject::new("screening_hit", hit.id))
        .platform(hit.platform)
        .detail("subject", hit.subject.to_string())
        .detail("source", hit.source.as_str())
        .detail("reference", hit.reference.as_str())
        .detail("list_version", hit.list_version)
        .detail("score", hit.score)
}

fn disposition_event(kind: &'static str, hit: &Hit, disposition: &Disposition) -> Event {
    event(kind, hit)
        .detail("outcome", disposition.outcome.as_str())
        .detail("reason", disposition.reason.as_str())
        .detail("proposer", disposition.proposer.to_string())
        .detail("payload_sha256", hex::encode(disposition.payload_hash))
}
