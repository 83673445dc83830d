//! One item of a list: what was answered, and answering it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use uuid::Uuid;

use super::actions::{self, ChecklistError, Given, Hand, Linked};
use super::pages::{Found, sentence_of};
use super::run::{RunId, State};
use super::views::{AnswerView, ItemPage, alert_choices};
use crate::features::alerts::AlertId;
use crate::features::alerts::store as alerts;
use crate::features::packs::pack::Evidence;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::Scope;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// What somebody typed about an item.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub(super) outcome: String,
    /// Nothing where the short form is sent, which asks for none of these.
    pub(super) note: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) alert: Option<String>,
}

impl Typed {
    pub(super) fn note(&self) -> &str {
        self.note.as_deref().unwrap_or_default()
    }

    pub(super) fn reference(&self) -> &str {
        self.reference.as_deref().unwrap_or_default()
    }

    pub(super) fn is(&self, outcome: &str) -> bool {
        self.outcome == outcome
    }

    pub(super) fn links(&self, alert: &str) -> bool {
        self.alert.as_deref() == Some(alert)
    }
}

/// `GET /checklists/runs/{id}/items/{item}`
pub async fn show(
    signed: Signed,
    services: Data<Services>,
    at: Path<(RunId, String)>,
) -> web::Result {
    let (id, item) = at.into_inner();
    let view = block(move || view(&services, &signed, id, &item, None, Problems::new())).await?;
    page(&view)
}

/// The page of an item; what was typed, where something was, and else what was answered last.
pub(super) fn view(
    services: &Services,
    signed: &Signed,
    id: RunId,
    item: &str,
    typed: Option<Typed>,
    problems: Problems,
) -> Result<ItemPage, web::Error> {
    let (found, open) = services.db.read(|conn| {
        let found = Found::read(conn, signed, id)?;
        let open = alerts::open(conn, &Scope::one(found.run.platform))?;
        Ok::<_, web::Error>((found, open))
    })?;
    let run = &found.run;
    let asked = run.item(item).ok_or(web::Error::NotFound)?;
    let line = found.lines().into_iter().find(|line| line.id == item);
    let given: Vec<AnswerView> = found
        .answers
        .iter()
        .rev()
        .filter(|answer| answer.item == item)
        .map(|answer| AnswerView::of(asked, answer))
        .collect();
    let last = super::run::last(item, &found.answers);
    let form = typed.unwrap_or_else(|| Typed {
        outcome: last
            .filter(|last| last.by.is_some())
            .map(|last| last.outcome.as_str().to_owned())
            .unwrap_or_default(),
        note: last.map(|last| last.note.clone()),
        reference: last.map(|last| last.reference.clone()),
        alert: last
            .and_then(|last| last.alert)
            .map(|alert| alert.to_string()),
    });
    Ok(ItemPage {
        chrome: Chrome::new(signed, services, &asked.text, Nav::Checklists),
        run: id.to_string(),
        name: run.name.clone(),
        platform: found.facts(services.clock.now()).platform,
        line: line.ok_or(web::Error::NotFound)?,
        given,
        may_act: run.state == State::Open && signed.may_at(Permission::ChecklistsAct, run.platform),
        takes_files: asked.evidence != Evidence::None,
        alerts: alert_choices(&open),
        form,
        problems,
    })
}

/// `POST /checklists/runs/{id}/items/{item}`
pub async fn answer(
    signed: Signed,
    services: Data<Services>,
    at: Path<(RunId, String)>,
    form: Form<Typed>,
) -> web::Result {
    let (id, item) = at.into_inner();
    let refused = block(move || {
        let typed = form.data;
        let mut problems = Problems::new();
        problems.check_plain("note", typed.note());
        problems.check_plain("reference", typed.reference());
        let alert = match typed.alert.as_deref().map(str::trim) {
            None => Linked::AsBefore,
            Some("") => Linked::Nothing,
            Some(alert) => {
                let alert = alert.parse::<Uuid>().ok().map(AlertId::from);
                if alert.is_none() {
                    problems.add("alert", "Choose one of the alerts, or none.");
                }
                alert.map_or(Linked::Nothing, Linked::To)
            }
        };
        if problems.is_empty() {
            let given = Given {
                outcome: typed.outcome.parse().ok(),
                note: typed.note.clone(),
                reference: typed.reference.clone(),
                alert,
            };
            match actions::answer(&services, &Hand::of(&signed), id, &item, &given, form.key) {
                Ok(()) => return Ok(None),
                Err(ChecklistError::Wrong(field, why)) => {
                    problems.add(field, format!("{}.", sentence_of(why)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        view(&services, &signed, id, &item, Some(typed), problems).map(Some)
    })
    .await?;
    match refused {
        None => see_other(format!("/checklists/runs/{id}")),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}
