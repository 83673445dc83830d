//! Deciding a case, and answering what somebody proposed.

use actix_web::web::{Data, Path};
use serde::Deserialize;
use uuid::Uuid;

use super::{act, again, check_text, refused};
use crate::features::reviews::actions::{self, Decide};
use crate::features::reviews::case::{CaseId, Effect};
use crate::features::reviews::store::queue::{self, Wanted};
use crate::features::reviews::verdict::{Status, Verdict, contrary, reason_label};
use crate::features::reviews::views::Forms;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Form, Problems, block, see_other};

#[derive(Deserialize)]
pub struct DecisionForm {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    reason: Vec<String>,
    #[serde(default)]
    note: String,
    version: i32,
}

impl DecisionForm {
    fn check(&self) -> Result<Verdict, Problems> {
        let mut problems = Problems::new();
        let verdict = Verdict::parse(&self.decision);
        if verdict.is_none() {
            problems.add("decision", "Choose what you decide.");
        }
        let known = self.reason.iter().all(|code| reason_label(code).is_some());
        if self.reason.is_empty() || !known || self.reason.len() > 10 {
            problems.add("reason", "Choose at least one reason.");
        } else if let Some(said) = verdict.and_then(|verdict| contrary(verdict, &self.reason)) {
            problems.add("reason", said);
        }
        check_text(&mut problems, "note", &self.note, "Write down why.");
        match (verdict, problems.is_empty()) {
            (Some(verdict), true) => Ok(verdict),
            _ => Err(problems),
        }
    }

    fn typed(self, problems: Problems) -> Forms {
        Forms {
            problems,
            verdict: self.decision,
            chosen: self.reason,
            note: self.note,
            ..Forms::default()
        }
    }
}

/// A decision. Where a second person is needed it becomes a proposal; the form is the same.
pub async fn decide(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<DecisionForm>,
) -> web::Result {
    let id = id.into_inner();
    let (key, form) = (form.key, form.data);
    let verdict = match form.check() {
        Ok(verdict) => verdict,
        Err(problems) => return again(signed, services, id, form.typed(problems)).await,
    };
    let (who, inner) = (signed.clone(), services.clone());
    let seen = form.version;
    let (reasons, note) = (form.reason.clone(), form.note.clone());
    let decided = block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(key, "/reviews")?;
            let decide = Decide {
                by: who.person,
                verdict,
                reasons: &reasons,
                note: note.trim(),
                seen,
            };
            actions::decide(tx, id, &decide)
        })
    })
    .await;
    match decided {
        Ok(effect) => {
            let said = match effect {
                Effect::Proposed => "proposed",
                Effect::Decided => "decided",
            };
            next_case(signed, services, said).await
        }
        Err(error) => {
            let forms = form.typed(Problems::new());
            refused(signed, services, id, forms, Some(seen), error).await
        }
    }
}

/// After a decision: the next case, claimed or not, is what one would look at anyway.
async fn next_case(signed: Signed, services: Data<Services>, said: &'static str) -> web::Result {
    let next = block(move || {
        services.db.read(|conn| {
            let wanted = Wanted {
                status: Some(Status::Open),
                ..Wanted::open(signed.view())
            };
            let now = services.clock.now();
            let open = queue::page(conn, &wanted, None)?;
            let free = open.items.into_iter().find(|case| {
                case.live_claim(now)
                    .is_none_or(|claim| claim.by == signed.person)
            });
            Ok::<_, web::Error>(free.map(|case| case.id))
        })
    })
    .await?;
    match next {
        Some(id) => see_other(format!("/reviews/{id}?notice={said}")),
        None => see_other("/reviews?notice=last"),
    }
}

#[derive(Deserialize)]
pub struct ApprovalForm {
    proposal: Uuid,
}

pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<ApprovalForm>,
) -> web::Result {
    let id = id.into_inner();
    let (who, inner) = (signed.clone(), services.clone());
    let approved = block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(form.key, &format!("/reviews/{id}"))?;
            actions::approve(tx, id, who.person, form.data.proposal.into())
        })
    })
    .await;
    match approved {
        Ok(()) => next_case(signed, services, "approved").await,
        Err(error) => refused(signed, services, id, Forms::default(), None, error).await,
    }
}

#[derive(Deserialize)]
pub struct RefusalForm {
    proposal: Uuid,
    refusal: String,
}

pub async fn refuse(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<RefusalForm>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let (seen, why) = (form.data.proposal.into(), form.data.refusal);
    let mut problems = Problems::new();
    check_text(
        &mut problems,
        "refusal",
        &why,
        "Say why, so that the next person knows.",
    );
    let bad = !problems.is_empty();
    let forms = Forms {
        problems,
        refusal: why.clone(),
        ..Forms::default()
    };
    if bad {
        return again(signed, services, id, forms).await;
    }
    let then = "?notice=refused";
    act(signed, services, id, form.key, then, forms, move |tx| {
        actions::refuse(tx, id, by, seen, why.trim())
    })
    .await
}
