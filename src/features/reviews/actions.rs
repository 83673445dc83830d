//! What people do with cases. Each is one transaction: the row is locked, the state machine decides,
//! and the case, its timeline and the event are written together.

use chrono::{DateTime, Months, Utc};

use super::case::{Case, CaseId, CaseRefusal, DecisionId, Effect, HitsNow};
use super::proposal::Payload;
pub use super::refusal::ReviewError;
use super::rules::Rules;
use super::step::What;
use super::store::decisions::NewDecision;
use super::store::{assessments, cases, decisions, steps};
use super::verdict::Verdict;
use crate::features::intake;
use crate::features::screening::hit::HitStatus;
use crate::features::screening::hits;
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::crypto::subject_keys::{self, SubjectKey};
use crate::foundation::db;
use crate::foundation::kernel::{PersonId, Scope};

/// Cases taken up again in one go by the clock.
const RESUMED_AT_ONCE: i64 = 100;

/// The case, locked, if the actor reaches its platform: for what touches the case alone.
fn lock(tx: &mut Tx<'_>, id: CaseId) -> Result<Case, ReviewError> {
    let case = cases::lock(tx, id)?;
    tx.reach(case.platform)?;
    Ok(case)
}

/// The case with its subject, locked in the order that everybody keeps: for what touches hits or the
/// subject's standing as well.
pub(super) fn lock_with_subject(tx: &mut Tx<'_>, id: CaseId) -> Result<Case, ReviewError> {
    let subject = cases::subject_of(tx, id)?;
    intake::store::lock_standings(tx, &[subject])?;
    lock(tx, id)
}

/// Claims a case, or renews one's own claim.
pub fn claim(tx: &mut Tx<'_>, id: CaseId, by: PersonId) -> Result<(), ReviewError> {
    let mut case = lock(tx, id)?;
    let taken = case.claim(by, tx.now())?;
    cases::save(tx, &case)?;
    if taken {
        steps::add(tx, &case, Some(by), What::Claimed, None)?;
        tx.record(event("kyc.case_claimed", &case))?;
    } else {
        tx.record(event("kyc.claim_renewed", &case))?;
    }
    Ok(())
}

/// Claims the free case on these platforms that is due first. Nothing is recorded where there is
/// none.
pub fn claim_next(
    tx: &mut Tx<'_>,
    by: PersonId,
    scope: &Scope,
) -> Result<Option<CaseId>, ReviewError> {
    let Some(id) = cases::claim_next(tx, by, scope)? else {
        return Ok(None);
    };
    let case = lock(tx, id)?;
    steps::add(tx, &case, Some(by), What::Claimed, None)?;
    tx.record(event("kyc.case_claimed", &case).detail("next", true))?;
    Ok(Some(id))
}

pub fn release(tx: &mut Tx<'_>, id: CaseId, by: PersonId) -> Result<(), ReviewError> {
    let mut case = lock(tx, id)?;
    case.release(by, tx.now())?;
    cases::save(tx, &case)?;
    steps::add(tx, &case, Some(by), What::Released, None)?;
    tx.record(event("kyc.case_released", &case))?;
    Ok(())
}

/// A note changes nothing that anybody decides on, so that nobody's page grows stale by it.
pub fn note(tx: &mut Tx<'_>, id: CaseId, by: PersonId, text: &str) -> Result<(), ReviewError> {
    let mut case = lock(tx, id)?;
    if case.renew(by, tx.now()) {
        cases::save(tx, &case)?;
    }
    let key = key_of(tx, &case)?;
    steps::add(tx, &case, Some(by), What::Noted, Some((text, &key)))?;
    tx.record(
        event("kyc.case_noted", &case).personal(case.subject, serde_json::json!({ "note": text })),
    )?;
    Ok(())
}

pub fn park(
    tx: &mut Tx<'_>,
    id: CaseId,
    by: PersonId,
    until: DateTime<Utc>,
    reason: &str,
) -> Result<(), ReviewError> {
    let mut case = lock(tx, id)?;
    case.park(by, until, tx.now())?;
    let key = key_of(tx, &case)?;
    cases::save(tx, &case)?;
    steps::add(tx, &case, Some(by), What::Parked, Some((reason, &key)))?;
    tx.record(event("kyc.case_parked", &case).detail("until", until.to_rfc3339()))?;
    Ok(())
}

/// The end of parking by the clock.
pub fn resume_parked(tx: &mut Tx<'_>) -> db::Result<usize> {
    let parked = cases::lock_due_parked(tx, RESUMED_AT_ONCE)?;
    let count = parked.len();
    for mut case in parked {
        case.resume();
        cases::save(tx, &case)?;
        steps::add(tx, &case, None, What::Resumed, None)?;
        tx.record(event("kyc.case_resumed", &case))?;
    }
    Ok(count)
}

/// A decision as somebody sends it in.
pub struct Decide<'a> {
    pub by: PersonId,
    pub verdict: Verdict,
    pub reasons: &'a [String],
    pub note: &'a str,
    /// The version on their page.
    pub seen: i32,
}

/// Decides, or proposes where a second person has to agree.
pub fn decide(tx: &mut Tx<'_>, id: CaseId, decide: &Decide<'_>) -> Result<Effect, ReviewError> {
    let mut case = lock_with_subject(tx, id)?;
    if case.version != decide.seen {
        return Err(case.why_stale().into());
    }
    let hits = hits_now(tx, &case)?;
    let payload = payload(tx, &case, decide.verdict, decide.reasons, decide.note)?;
    let effect = case.decide(decide.by, decide.verdict, hits, tx.now())?;
    let key = key_of(tx, &case)?;
    let decision = NewDecision {
        id: DecisionId::new(),
        verdict: decide.verdict,
        reasons: decide.reasons,
        note: decide.note,
        payload_hash: payload,
        two_people: effect == Effect::Proposed,
        by: decide.by,
    };
    decisions::insert(tx, &case, &decision, &key)?;
    cases::save(tx, &case)?;
    let what = match (effect, decide.verdict) {
        (Effect::Proposed, _) => What::Proposed,
        (Effect::Decided, verdict) => outcome_step(verdict),
    };
    steps::add(tx, &case, Some(decide.by), what, None)?;
    let kind = match effect {
        Effect::Proposed => "kyc.decision_proposed",
        Effect::Decided => decided_kind(decide.verdict),
    };
    tx.record(
        event(kind, &case)
            .detail("decision", decide.verdict.as_str())
            .detail("reasons", decide.reasons)
            .detail("payload_sha256", hex::encode(payload))
            .personal(case.subject, serde_json::json!({ "note": decide.note })),
    )?;
    if effect == Effect::Decided {
        set_standing(tx, &case, decide.verdict)?;
    }
    Ok(effect)
}

/// The second person approves exactly what was proposed.
pub fn approve(
    tx: &mut Tx<'_>,
    id: CaseId,
    by: PersonId,
    seen: DecisionId,
) -> Result<(), ReviewError> {
    let mut case = lock_with_subject(tx, id)?;
    let decision = decisions::lock_proposal(tx, id)?.ok_or(CaseRefusal::NothingProposed)?;
    if decision.id != seen {
        return Err(CaseRefusal::Altered.into());
    }
    let key = key_of(tx, &case)?;
    let note = decision.note(&key)?;
    let hits = hits_now(tx, &case)?;
    let payload = payload(tx, &case, decision.verdict, &decision.reasons, &note)?;
    case.approve(&decision.proposal(), by, payload, hits, tx.now())?;
    decisions::answer(tx, decision.id, by, true)?;
    cases::save(tx, &case)?;
    steps::add(tx, &case, Some(by), outcome_step(decision.verdict), None)?;
    tx.record(
        event(decided_kind(decision.verdict), &case)
            .detail("decision", decision.verdict.as_str())
            .detail("reasons", decision.reasons)
            .detail("proposer", decision.proposer.to_string())
            .detail("payload_sha256", hex::encode(payload)),
    )?;
    set_standing(tx, &case, decision.verdict)?;
    Ok(())
}

/// The second person disagrees, or the proposer takes it back: the case is open again.
pub fn refuse(
    tx: &mut Tx<'_>,
    id: CaseId,
    by: PersonId,
    seen: DecisionId,
    why: &str,
) -> Result<(), ReviewError> {
    let mut case = lock_with_subject(tx, id)?;
    let decision = decisions::lock_proposal(tx, id)?.ok_or(CaseRefusal::NothingProposed)?;
    if decision.id != seen {
        return Err(CaseRefusal::Altered.into());
    }
    case.reopen()?;
    let (kind, what) = if decision.proposer == by {
        decisions::void_proposals(tx, id)?;
        ("kyc.proposal_withdrawn", What::Withdrawn)
    } else {
        decisions::answer(tx, decision.id, by, false)?;
        ("kyc.proposal_refused", What::Refused)
    };
    let key = key_of(tx, &case)?;
    cases::save(tx, &case)?;
    steps::add(tx, &case, Some(by), what, Some((why, &key)))?;
    tx.record(
        event(kind, &case)
            .detail("proposer", decision.proposer.to_string())
            .personal(case.subject, serde_json::json!({ "note": why })),
    )?;
    Ok(())
}

/// What an approval binds to, as it stands now.
fn payload(
    tx: &mut Tx<'_>,
    case: &Case,
    verdict: Verdict,
    reasons: &[String],
    note: &str,
) -> Result<[u8; 32], ReviewError> {
    let hits = hits::versions(tx, case.subject)?;
    let standing = assessments::of_subjects(tx, &[case.subject])?.remove(&case.subject);
    let basis = standing.map(|standing| standing.basis).unwrap_or_default();
    let payload = Payload {
        case: case.id,
        verdict,
        reasons,
        note,
        band: case.band,
        score: case.score,
        basis: &basis,
        hits: &hits,
    };
    Ok(payload.hash())
}

fn hits_now(tx: &mut Tx<'_>, case: &Case) -> db::Result<HitsNow> {
    let statuses = hits::statuses(tx, case.subject)?;
    Ok(HitsNow {
        undecided: statuses.iter().any(|status| status.is_undecided()),
        confirmed: statuses.contains(&HitStatus::Confirmed),
    })
}

/// What the decision makes of the subject. An approval holds for as long as the policy of the case
/// says.
fn set_standing(tx: &mut Tx<'_>, case: &Case, verdict: Verdict) -> Result<(), ReviewError> {
    if verdict == Verdict::Approve {
        let rules = Rules::of_case(tx, case)?;
        let months = rules.risk.value.review_months.of(case.band);
        let review_at = tx.now() + Months::new(u32::from(months));
        assessments::set_approved(tx, case.subject, review_at)?;
    }
    let status = match verdict {
        Verdict::Approve => intake::Status::Approved,
        Verdict::Reject => intake::Status::Rejected,
        Verdict::RequestInformation => return Ok(()),
    };
    let risk = intake::Risk::parse(case.band.as_str());
    intake::store::set_standing(tx, case.subject, status, risk)?;
    Ok(())
}

fn outcome_step(verdict: Verdict) -> What {
    match verdict {
        Verdict::Approve => What::Approved,
        Verdict::Reject => What::Rejected,
        Verdict::RequestInformation => What::InformationRequested,
    }
}

fn decided_kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "kyc.case_approved",
        Verdict::Reject => "kyc.case_rejected",
        Verdict::RequestInformation => "kyc.information_requested",
    }
}

fn key_of(tx: &mut Tx<'_>, case: &Case) -> db::Result<SubjectKey> {
    let keyring = tx.keyring();
    subject_keys::load_one(tx, keyring, case.subject)?.ok_or(db::Error::NotFound)
}

fn event(kind: &'static str, case: &Case) -> Event {
    Event::new(kind, Subject::new("case", case.id))
        .platform(case.platform)
        .detail("subject", case.subject.to_string())
        .detail("number", case.number)
        .detail("version", case.version)
}
