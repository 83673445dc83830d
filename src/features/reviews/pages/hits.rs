//! Judging a hit, and answering what somebody proposed about one.

use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::{act, again, check_text, refused};
use crate::features::reviews::case::CaseId;
use crate::features::reviews::hit_actions;
use crate::features::reviews::views::{Forms, HitForm};
use crate::features::screening::actions::Judgement;
use crate::features::screening::hit::{
    DispositionId, HitId, Outcome, REASONS, Reason, reason as hit_reason,
};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Form, Problems, block, see_other};

const LONGEST_REFERENCE: usize = 200;

#[derive(Deserialize)]
pub struct HitDisposition {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    hit_reason: String,
    #[serde(default)]
    hit_note: String,
    version: i32,
}

pub async fn judge_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<HitDisposition>,
) -> web::Result {
    let (id, hit) = path.into_inner();
    let (key, form) = (form.key, form.data);
    let mut problems = Problems::new();
    let outcome = Outcome::parse(&form.outcome);
    if outcome.is_none() {
        problems.add("outcome", "Say whether the two are the same.");
    }
    match (hit_reason(&form.hit_reason), outcome) {
        (None, _) => problems.add("hit_reason", "Choose the reason."),
        (Some(reason), Some(outcome)) if reason.fits != outcome => {
            problems.add("hit_reason", contrary(reason, outcome));
        }
        _ => {}
    }
    check_text(
        &mut problems,
        "hit_note",
        &form.hit_note,
        "Write down what you compared.",
    );
    let good = problems.is_empty();
    let typed = HitForm {
        outcome: form.outcome,
        reason: form.hit_reason.clone(),
        note: form.hit_note.clone(),
    };
    let forms = Forms {
        problems,
        hit: Some((hit.to_string(), typed)),
        ..Forms::default()
    };
    let (Some(outcome), true) = (outcome, good) else {
        return again(signed, services, id, forms).await;
    };
    let (who, inner) = (signed.clone(), services.clone());
    let judged = block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(key, &format!("/reviews/{id}#hit-{hit}"))?;
            let judgement = Judgement {
                by: who.person,
                outcome,
                reason: &form.hit_reason,
                note: form.hit_note.trim(),
                seen: form.version,
            };
            hit_actions::judge(tx, id, hit, &judgement)
        })
    })
    .await;
    match judged {
        Ok(holds) => {
            let said = if holds { "hit" } else { "hit-proposed" };
            see_other(format!("/reviews/{id}?notice={said}#hit-{hit}"))
        }
        Err(error) => refused(signed, services, id, forms, None, error).await,
    }
}

/// What is said to a reason that speaks for something else.
fn contrary(reason: &Reason, outcome: Outcome) -> String {
    let fitting: Vec<_> = REASONS
        .iter()
        .filter(|one| one.fits == outcome)
        .map(|one| one.label)
        .collect();
    format!(
        "“{}” is a reason to {}. To {}, choose from: {}.",
        reason.label,
        reason.fits.verb(),
        outcome.verb(),
        fitting.join(", ")
    )
}

/// An answer to exactly what was on the page.
#[derive(Deserialize)]
pub struct HitAnswer {
    disposition: DispositionId,
}

pub async fn second_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<HitAnswer>,
) -> web::Result {
    let ((id, hit), by) = (path.into_inner(), signed.person);
    let (seen, none) = (form.data.disposition, Forms::default());
    let then = "?notice=hit#hits";
    act(signed, services, id, form.key, then, none, move |tx| {
        hit_actions::second(tx, id, hit, by, seen)
    })
    .await
}

pub async fn refuse_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<HitAnswer>,
) -> web::Result {
    let ((id, hit), by) = (path.into_inner(), signed.person);
    let (seen, none) = (form.data.disposition, Forms::default());
    act(signed, services, id, form.key, "#hits", none, move |tx| {
        hit_actions::refuse(tx, id, hit, by, seen)
    })
    .await
}

#[derive(Deserialize)]
pub struct ReportForm {
    report_reference: String,
}

/// A confirmed hit was reported; the reference is the evidence.
pub async fn report_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<ReportForm>,
) -> web::Result {
    let (id, hit) = path.into_inner();
    let reference = form.data.report_reference;
    let mut problems = Problems::new();
    if reference.trim().is_empty() {
        problems.add("report_reference", "Give the reference of the report.");
    } else if reference.chars().count() > LONGEST_REFERENCE {
        problems.add("report_reference", "Shorten this to 200 characters.");
    }
    let bad = !problems.is_empty();
    let forms = Forms {
        problems,
        report: Some((hit.to_string(), reference.clone())),
        ..Forms::default()
    };
    if bad {
        return again(signed, services, id, forms).await;
    }
    let then = "?notice=reported#hits";
    act(signed, services, id, form.key, then, forms, move |tx| {
        hit_actions::report(tx, id, hit, reference.trim())
    })
    .await
}
