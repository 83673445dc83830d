//! What is done around a decision: claiming, releasing, noting, putting aside.

use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::{Empty, act, again, check_text};
use crate::features::reviews::actions;
use crate::features::reviews::case::CaseId;
use crate::features::reviews::views::Forms;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Form, Problems};

pub async fn claim(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<Empty>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    act(signed, services, id, form.key, "", move |tx| {
        actions::claim(tx, id, by)
    })
    .await
}

pub async fn release(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<Empty>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    act(signed, services, id, form.key, "", move |tx| {
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
    if !problems.is_empty() {
        let forms = Forms {
            problems,
            remark: text,
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    }
    let then = "?notice=noted#timeline";
    act(signed, services, id, form.key, then, move |tx| {
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
    let (Some(days), true) = (days, problems.is_empty()) else {
        let forms = Forms {
            problems,
            parking_days,
            parking_reason,
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    };
    act(
        signed,
        services,
        id,
        form.key,
        "?notice=parked",
        move |tx| {
            let until = tx.now() + chrono::Duration::days(days);
            actions::park(tx, id, by, until, parking_reason.trim())
        },
    )
    .await
}
