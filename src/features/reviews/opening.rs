//! Opening a case, and telling an open one that its subject has been assessed anew.

use chrono::{DateTime, Duration, Utc};

use super::case::{Case, CaseId, OpenedFor};
use super::risk::{Assessment, Band, Contribution, Factor};
use super::rules::Rules;
use super::step::What;
use super::store::{cases, decisions, steps};
use super::verdict::Status;
use crate::features::intake::SubjectKind;
use crate::features::intake::store::SubjectRecord;
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db;

/// An undecided hit is as urgent as a prohibited risk.
pub(super) fn due(rules: &Rules, now: DateTime<Utc>, band: Band, undecided: bool) -> DateTime<Utc> {
    let hours = rules.risk.value.due_hours;
    let mut due_hours = hours.of(band);
    if undecided {
        due_hours = due_hours.min(hours.prohibited);
    }
    now + Duration::hours(i64::from(due_hours))
}

/// A case that is about to be opened.
pub(super) struct NewCase<'a> {
    pub record: &'a SubjectRecord,
    pub assessment: &'a Assessment,
    pub rules: &'a Rules,
    pub opened_for: OpenedFor,
    pub due: DateTime<Utc>,
}

pub(super) fn open_case(tx: &mut Tx<'_>, new: &NewCase<'_>) -> db::Result<()> {
    let case = Case {
        id: CaseId::new(),
        number: 0, // the database numbers it
        platform: new.record.platform,
        subject: new.record.id,
        external_id: new.record.external_id.clone(),
        company: new.record.kind == SubjectKind::Company,
        status: Status::Open,
        band: new.assessment.band,
        score: new.assessment.score,
        policy_version: new.rules.risk.version,
        screening_policy_version: new.rules.screening.version,
        opened_for: new.opened_for,
        opened_at: tx.now(),
        due_at: new.due,
        closed_at: None,
        claim: None,
        parked_until: None,
        version: 1,
    };
    cases::insert(tx, &case, &new.assessment.contributions)?;
    steps::add(tx, &case, None, What::Opened, None)?;
    let event = case_event("kyc.case_opened", &case, new.assessment);
    tx.record(event.detail("opened_for", new.opened_for.as_str()))?;
    Ok(())
}

/// The open case learns of it. What was proposed on the old facts is void.
pub(super) fn reassess_case(
    tx: &mut Tx<'_>,
    mut case: Case,
    assessment: &Assessment,
    due_at: DateTime<Utc>,
) -> db::Result<()> {
    decisions::void_proposals(tx, case.id)?;
    case.reassess(assessment.band, assessment.score, due_at);
    cases::save(tx, &case)?;
    cases::save_contributions(tx, case.id, &assessment.contributions)?;
    steps::add(tx, &case, None, What::Reassessed, None)?;
    tx.record(case_event("kyc.case_reassessed", &case, assessment))?;
    Ok(())
}

fn case_event(kind: &'static str, case: &Case, assessment: &Assessment) -> Event {
    let reasons: Vec<String> = assessment
        .contributions
        .iter()
        // Which country, product or occupation it is, is the subject's own affair.
        .map(|c: &Contribution| format!("{}:{}", factor_code(c.factor), c.points))
        .collect();
    Event::new(kind, Subject::new("case", case.id))
        .platform(case.platform)
        .detail("subject", case.subject.to_string())
        .detail("band", case.band.as_str())
        .detail("score", case.score)
        .detail("policy_version", case.policy_version)
        .detail("contributions", reasons)
}

fn factor_code(factor: Factor) -> &'static str {
    match factor {
        Factor::Geography => "geography",
        Factor::Product => "product",
        Factor::Occupation => "occupation",
        Factor::Pep => "pep",
        Factor::Screening => "screening",
        Factor::ExpectedAmount => "expected_amount",
        Factor::MissingFacts => "missing_facts",
    }
}
