//! What people say about the hits of a case. Each is one transaction, and the score of the case
//! follows.

use super::actions::lock_with_subject;
use super::book::rate_again;
use super::case::{Case, CaseId, CaseRefusal};
use super::refusal::ReviewError;
use super::rules::Rules;
use super::store::cases;
use crate::features::screening::actions::{self as screening, Clock, Judgement};
use crate::features::screening::calendar::{self, Calendar};
use crate::features::screening::hit::{DispositionId, HitId};
use crate::features::screening::hits;
use crate::foundation::audit::Tx;
use crate::foundation::db;
use crate::foundation::kernel::PersonId;
use crate::foundation::policy::{self, InForce};

/// Judges a hit on a case that one has claimed, which renews the claim. True when it holds at once.
pub fn judge(
    tx: &mut Tx<'_>,
    id: CaseId,
    hit: HitId,
    judgement: &Judgement<'_>,
) -> Result<bool, ReviewError> {
    let mut case = lock_with_subject(tx, id)?;
    let now = tx.now();
    if !case.renew(judgement.by, now) {
        let refusal = match case.live_claim(now) {
            Some(_) => CaseRefusal::ClaimedByOther,
            None if case.status.is_closed() => CaseRefusal::Closed,
            None => CaseRefusal::NotClaimed,
        };
        return Err(refusal.into());
    }
    belongs(tx, &case, hit)?;
    cases::save(tx, &case)?;
    let holds = screening::judge(tx, hit, judgement)?;
    rate_again(tx, id)?;
    Ok(holds)
}

/// The second person agrees with what was proposed about a hit; `seen` is the proposal on their page.
pub fn second(
    tx: &mut Tx<'_>,
    id: CaseId,
    hit: HitId,
    by: PersonId,
    seen: DispositionId,
) -> Result<(), ReviewError> {
    let case = lock_with_subject(tx, id)?;
    belongs(tx, &case, hit)?;
    let now = tx.now();
    let rules = Rules::of_case(tx, &case)?;
    let days: InForce<Calendar> = policy::at(tx, calendar::POLICY, now)?;
    let clock = Clock {
        calendar: &days.value,
        business_days: rules.screening.value.report_business_days,
    };
    screening::second(tx, &clock, hit, by, seen)?;
    rate_again(tx, id)?;
    Ok(())
}

pub fn refuse(
    tx: &mut Tx<'_>,
    id: CaseId,
    hit: HitId,
    by: PersonId,
    seen: DispositionId,
) -> Result<(), ReviewError> {
    let case = lock_with_subject(tx, id)?;
    belongs(tx, &case, hit)?;
    screening::refuse(tx, hit, by, seen)?;
    rate_again(tx, id)?;
    Ok(())
}

/// A confirmed hit was reported. This needs no claim and no open case: the clock runs on without
/// them.
pub fn report(tx: &mut Tx<'_>, id: CaseId, hit: HitId, reference: &str) -> Result<(), ReviewError> {
    let case = lock_with_subject(tx, id)?;
    belongs(tx, &case, hit)?;
    screening::report(tx, hit, reference)?;
    Ok(())
}

/// A hit of somebody else is not reached through this case.
fn belongs(tx: &mut Tx<'_>, case: &Case, hit: HitId) -> Result<(), ReviewError> {
    let known = hits::versions(tx, case.subject)?;
    if known.iter().any(|(id, _)| *id == hit.uuid()) {
        Ok(())
    } else {
        Err(db::Error::NotFound.into())
    }
}
