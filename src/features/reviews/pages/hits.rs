//! Judging a hit, and answering what somebody proposed about one.

use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::{Empty, act, again, check_text};
use crate::features::reviews::actions;
use crate::features::reviews::case::CaseId;
use crate::features::reviews::views::{Forms, HitForm};
use crate::features::screening::actions::Judgement;
use crate::features::screening::hit::{HitId, Outcome, reason_label as hit_reason_label};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Form, Problems, block, see_other};

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
    if hit_reason_label(&form.hit_reason).is_none() {
        problems.add("hit_reason", "Choose the reason.");
    }
    check_text(
        &mut problems,
        "hit_note",
        &form.hit_note,
        "Write down what you compared.",
    );
    let (Some(outcome), true) = (outcome, problems.is_empty()) else {
        let typed = HitForm {
            outcome: form.outcome,
            reason: form.hit_reason,
            note: form.hit_note,
        };
        let forms = Forms {
            problems,
            hit: Some((hit.to_string(), typed)),
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    };
    let holds = block(move || {
        services.audit.write(&signed.actor(), |tx| {
            tx.once(key, &format!("/reviews/{id}#hit-{hit}"))?;
            let judgement = Judgement {
                by: signed.person,
                outcome,
                reason: &form.hit_reason,
                note: form.hit_note.trim(),
                seen: form.version,
            };
            actions::judge_hit(tx, id, hit, &judgement)
        })
    })
    .await?;
    let said = if holds { "hit" } else { "hit-proposed" };
    see_other(format!("/reviews/{id}?notice={said}#hit-{hit}"))
}

pub async fn second_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<Empty>,
) -> web::Result {
    let ((id, hit), by) = (path.into_inner(), signed.person);
    act(
        signed,
        services,
        id,
        form.key,
        "?notice=hit#hits",
        move |tx| actions::second_hit(tx, id, hit, by),
    )
    .await
}

pub async fn refuse_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<Empty>,
) -> web::Result {
    let ((id, hit), by) = (path.into_inner(), signed.person);
    act(signed, services, id, form.key, "#hits", move |tx| {
        actions::refuse_hit(tx, id, hit, by)
    })
    .await
}
