//! What is done around a decision: claiming, releasing, noting, putting aside.

use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::{Empty, act, again, case_page, check_text, refused};
use crate::features::reviews::actions;
use crate::features::reviews::case::CaseId;
use crate::features::reviews::views::{Forms, HitForm};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Form, Lamp, Problems, block, see_other};

/// What somebody had typed into any form of the case when it turned out that they do not hold it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    decision: String,
    reason: Vec<String>,
    note: String,
    remark: String,
    refusal: String,
    parking_days: String,
    parking_reason: String,
    hit: String,
    outcome: String,
    hit_reason: String,
    hit_note: String,
}

impl Typed {
    fn into_forms(self) -> Forms {
        let hit = HitForm {
            outcome: self.outcome,
            reason: self.hit_reason,
            note: self.hit_note,
        };
        Forms {
            verdict: self.decision,
            chosen: self.reason,
            note: self.note,
            remark: self.remark,
            refusal: self.refusal,
            parking_days: self.parking_days,
            parking_reason: self.parking_reason,
            hit: (!self.hit.is_empty()).then_some((self.hit, hit)),
            ..Forms::default()
        }
    }
}

/// Claims, or renews. Whoever had typed something gets the page with it instead of a redirect.
pub async fn claim(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<Typed>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let (key, forms) = (form.key, form.data.into_forms());
    let (who, inner) = (signed.clone(), services.clone());
    let claimed = block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(key, &format!("/reviews/{id}"))?;
            actions::claim(tx, id, by)
        })
    })
    .await;
    match claimed {
        Err(error) => refused(signed, services, id, forms, None, error).await,
        Ok(()) if forms.is_blank() => see_other(format!("/reviews/{id}")),
        Ok(()) => {
            let page = block(move || {
                let mut page = case_page(&services, &signed, id, forms, None)?;
                let said =
                    "The case is yours. What you typed is in its form and has not been sent.";
                page.chrome = page.chrome.notice(Lamp::Blue, said);
                Ok::<_, web::Error>(page)
            })
            .await?;
            web::page(&page)
        }
    }
}

pub async fn release(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<Empty>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let none = Forms::default();
    act(signed, services, id, form.key, "", none, move |tx| {
        actions::release(tx, id, by)
    })
    .await
}

#[derive(Deserialize)]
pub struct NoteForm {
    remark: String,
}

pub async fn note(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<NoteForm>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let text = form.data.remark;
    let mut problems = Problems::new();
    check_text(&mut problems, "remark", &text, "Write what should be kept.");
    let bad = !problems.is_empty();
    let forms = Forms {
        problems,
        remark: text.clone(),
        ..Forms::default()
    };
    if bad {
        return again(signed, services, id, forms).await;
    }
    let then = "?notice=noted#timeline";
    act(signed, services, id, form.key, then, forms, move |tx| {
        actions::note(tx, id, by, text.trim())
    })
    .await
}

#[derive(Deserialize)]
pub struct ParkForm {
    parking_days: String,
    parking_reason: String,
}

pub async fn park(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<ParkForm>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let ParkForm {
        parking_days,
        parking_reason,
    } = form.data;
    let mut problems = Problems::new();
    let days = parking_days
        .trim()
        .parse::<i64>()
        .ok()
        .filter(|days| (1..=30).contains(days));
    if days.is_none() {
        problems.add("parking_days", "Give a number of days from 1 to 30.");
    }
    check_text(
        &mut problems,
        "parking_reason",
        &parking_reason,
        "Say what the case waits for.",
    );
    let good = problems.is_empty();
    let forms = Forms {
        problems,
        parking_days,
        parking_reason: parking_reason.clone(),
        ..Forms::default()
    };
    let (Some(days), true) = (days, good) else {
        return again(signed, services, id, forms).await;
    };
    let then = "?notice=parked";
    act(signed, services, id, form.key, then, forms, move |tx| {
        let until = tx.now() + chrono::Duration::days(days);
        actions::park(tx, id, by, until, parking_reason.trim())
    })
    .await
}
