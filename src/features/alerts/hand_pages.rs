//! The forms by which an alert is let go, given to somebody, or put aside.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::pages::{Typed, one};
use super::silences::actions::SilenceError;
use super::silences::views::LENGTHS;
use super::{AlertId, hand, store, views};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Form, Problems, block};

/// `POST /alerts/{id}/release`
pub async fn let_go(
    signed: Signed,
    services: Data<Services>,
    id: Path<AlertId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || hand::let_go(&services, &signed, id, form.key).map_err(web::Error::from)).await?;
    web::see_other(format!("/alerts/{id}"))
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

#[derive(Debug, Deserialize)]
pub struct To {
    /// Whose it is to be; empty for nobody's.
    #[serde(default)]
    person: String,
}

/// `POST /alerts/{id}/assignment`
pub async fn assign(
    signed: Signed,
    services: Data<Services>,
    id: Path<AlertId>,
    form: Form<To>,
) -> web::Result {
    let id = id.into_inner();
    let person = form.data.person.trim();
    let to: Option<PersonId> = person.parse().ok();
    if to.is_none() && !person.is_empty() {
        let typed = Typed {
            problems: Problems::one("person", "Choose one of these people."),
            ..Typed::default()
        };
        let page = one(signed, services, id, typed).await?;
        return web::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    block(move || hand::assign(&services, &signed, id, to, form.key).map_err(web::Error::from))
        .await?;
    web::see_other(format!("/alerts/{id}"))
}

#[derive(Debug, Deserialize)]
pub struct Aside {
    #[serde(default)]
    lasts: String,
    #[serde(default)]
    reason: String,
}

/// `POST /alerts/{id}/snooze`
pub async fn snooze(
    signed: Signed,
    services: Data<Services>,
    id: Path<AlertId>,
    form: Form<Aside>,
) -> web::Result {
    let id = id.into_inner();
    let Aside { lasts, reason } = form.data;
    let mut problems = Problems::new();
    problems.check_plain("reason", &reason);
    if reason.trim().is_empty() {
        problems.add(
            "reason",
            "Say why, for whoever wonders that nobody was told.",
        );
    }
    let length = views::length(&LENGTHS, &lasts);
    if length.is_none() {
        problems.add("lasts", "Choose for how long.");
    }
    if let Some(length) = length.filter(|_| problems.is_empty()) {
        let (app, signed, reason) = (services.clone(), signed.clone(), reason.clone());
        let made = block(move || {
            let alert = app.db.read(|conn| store::alert(conn, id))?;
            if !signed.reach().allows(alert.platform) {
                return Err(web::Error::NotFound);
            }
            if !alert.firing {
                return Err(super::actions::AlertError::Closed.into());
            }
            match hand::snooze(&app, &signed, &alert, length, &reason, form.key) {
                Ok(silence) => Ok(Ok((alert, silence))),
                Err(SilenceError::Wrong(field, why)) => Ok(Err((field, why))),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        match made {
            // What takes a second person waits for them on its own page.
            Ok((_, silence)) => return web::see_other(format!("/silences/{silence}")),
            Err((field, why)) => problems.add(field, sentence(&why)),
        }
    }
    let typed = Typed {
        problems,
        lasts,
        reason,
        ..Typed::default()
    };
    let page = one(signed, services, id, typed).await?;
    web::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
