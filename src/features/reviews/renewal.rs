//! Looking again: an approval does not hold for ever, and neither does the paper that it rests on.

use chrono::{DateTime, Utc};

use super::case::OpenedFor;
use super::opening::{NewCase, due, open_case};
use super::rules::Rules;
use super::store::assessments::{self, Standing};
use super::store::cases;
use crate::features::intake;
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::kernel::SubjectId;
use crate::foundation::policy::PolicyError;

/// What of an approval has run out, if anything has. The paper says more than the calendar.
fn run_out(standing: &Standing, now: DateTime<Utc>) -> Option<OpenedFor> {
    let today = now.date_naive();
    if standing.document_expires.is_some_and(|date| date < today) {
        Some(OpenedFor::DocumentExpired)
    } else if standing.review_at.is_some_and(|at| at <= now) {
        Some(OpenedFor::ReviewDue)
    } else {
        None
    }
}

/// Of these subjects, those whose approval has run out expire, and a case is opened for each. Gives
/// how many.
pub fn expire(tx: &mut Tx<'_>, subjects: &[SubjectId]) -> Result<usize, PolicyError> {
    let now = tx.now();
    let locked = intake::store::lock_standings(tx, subjects)?;
    let open = cases::lock_open(tx, subjects)?;
    let standings = assessments::of_subjects(tx, subjects)?;
    let keyring = tx.keyring();
    let records = intake::store::records(tx, keyring, subjects)?;
    let rules = Rules::at(tx, now)?;
    let mut expired = 0;
    for record in &records {
        let approved = locked
            .get(&record.id)
            .filter(|standing| standing.status == intake::Status::Approved);
        let (Some(locked), Some(standing)) = (approved, standings.get(&record.id)) else {
            continue;
        };
        let Some(opened_for) = run_out(standing, now) else {
            continue;
        };
        if open.contains_key(&record.id) {
            continue;
        }
        intake::store::set_standing(tx, record.id, intake::Status::Expired, locked.risk)?;
        let assessment = &standing.assessment;
        tx.record(
            Event::new("kyc.profile_expired", Subject::new("subject", record.id))
                .platform(record.platform)
                .detail("why", opened_for.as_str()),
        )?;
        let new = NewCase {
            record,
            assessment,
            rules: &rules,
            opened_for,
            due: due(&rules, now, assessment.band, false),
        };
        open_case(tx, &new)?;
        expired += 1;
    }
    Ok(expired)
}
