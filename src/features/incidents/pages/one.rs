use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::super::actions::{self, By, IncidentError, alerts, steps};
use super::super::incident::{EntryId, Incident, IncidentId, State};
use super::super::store::entries::{self, Audience};
use super::super::store::steps::Step;
use super::super::timeline;
use super::super::views::{
    AlertLine, May, OnePage, Times, badge, lamp, level as severity, sentence,
};
use super::reading::read;
use crate::features::alerts::AlertId;
use crate::features::packs::pack::ItemId;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// What is typed into the forms of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub to: String,
    pub note: String,
    pub level: String,
    pub level_note: String,
    pub person: String,
    pub command_note: String,
    pub audience: String,
    pub text: String,
    pub corrects: String,
    pub alert: String,
    pub detach: String,
    pub reason: String,
    pub runbook: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// An update that is to be corrected.
    correct: Option<EntryId>,
}

/// `GET /incidents/{id}`
pub async fn one(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    asked: Query<Asked>,
) -> web::Result {
    let view = block(move || {
        let typed = match asked.correct {
            None => Typed::default(),
            Some(entry) => Typed {
                corrects: entry.to_string(),
                ..Typed::default()
            },
        };
        show(&services, &signed, *id, typed, Problems::new())
    })
    .await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: IncidentId,
    mut typed: Typed,
    problems: Problems,
) -> Result<OnePage, web::Error> {
    let read = services.db.read(|conn| read(conn, services, signed, id))?;
    let incident = &read.incident;
    let may = may(signed, incident);
    let correcting = typed
        .corrects
        .parse()
        .ok()
        .and_then(|entry| timeline::correctable(&read.entries, entry));
    let correcting = match correcting {
        Some(entry) if may.act => {
            if problems.is_empty() {
                typed.text.clone_from(&entry.text);
                let audience = entry.audience.map_or("", Audience::as_str);
                audience.clone_into(&mut typed.audience);
            }
            true
        }
        _ => {
            typed.corrects.clear();
            false
        }
    };
    Ok(OnePage {
        chrome: Chrome::new(signed, services, &incident.title, Nav::Incidents),
        id: id.to_string(),
        lamp: lamp(incident),
        badge: badge(incident),
        platform: read.platform,
        verdict: sentence(incident),
        times: Times::of(incident, !read.alerts.is_empty()),
        alerts: read.alerts.iter().map(AlertLine::of).collect(),
        runbooks: read.runbooks,
        more_runbooks: read.more_runbooks,
        timeline: read.timeline,
        people: read.people,
        free: read.free,
        review: read.review,
        is_cut: read.entries.len() >= entries::READ,
        unkept: unkept(&typed, &may, &problems),
        way: None,
        form: typed,
        problems,
        correcting,
        may,
        incident: read.incident,
    })
}

/// What was typed into a form that is not there any more, because somebody else was quicker.
fn unkept(typed: &Typed, may: &May, problems: &Problems) -> Vec<String> {
    let gone = [
        (&typed.text, may.act),
        (
            &typed.note,
            may.mitigate || may.resolve || may.reopen || may.close,
        ),
        (&typed.level_note, may.act),
        (&typed.command_note, may.act),
        (&typed.reason, may.act),
    ];
    let lost = gone
        .into_iter()
        .filter(|(text, is_there)| !is_there && !text.trim().is_empty());
    let lost = lost.filter(|_| !problems.is_empty());
    lost.map(|(text, _)| text.clone()).collect()
}

fn may(signed: &Signed, incident: &Incident) -> May {
    let works = signed.may_at(Permission::IncidentsAct, incident.platform);
    let ways = if works { incident.ways() } else { Vec::new() };
    let leads = incident.commander.as_ref().map(|held| held.id);
    let act = works && !incident.state.is_final();
    May {
        act,
        attach: act && incident.state.is_live(),
        mitigate: ways.contains(&State::Mitigated),
        resolve: ways.contains(&State::Resolved),
        reopen: ways.contains(&State::Open),
        close: ways.contains(&State::Closed),
        lead: act && leads != Some(signed.person),
    }
}

/// Does what a form asks for. What does not do is shown where it was typed.
async fn answer(
    signed: Signed,
    services: Data<Services>,
    id: IncidentId,
    form: Form<Typed>,
    act: impl FnOnce(&Services, &By, &Form<Typed>) -> Result<(), IncidentError> + Send + 'static,
) -> web::Result {
    let outcome = block(move || {
        let mut problems = Problems::new();
        let typed = &form.data;
        let texts = [
            ("note", &typed.note),
            ("level_note", &typed.level_note),
            ("command_note", &typed.command_note),
            ("text", &typed.text),
            ("reason", &typed.reason),
        ];
        for (field, text) in texts {
            problems.check_plain(field, text);
        }
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut way = None;
        if problems.is_empty() {
            match act(&services, &By::from(&signed), &form) {
                Ok(()) => return Ok(Ok(())),
                Err(IncidentError::Wrong(field, why)) => problems.add(field, why),
                Err(error) => {
                    let refusal = web::Error::from(error).refusal()?;
                    problems.add("", refusal.to_string());
                    way = refusal.way;
                    status = StatusCode::CONFLICT;
                }
            }
        }
        let mut view = show(&services, &signed, id, form.data, problems)?;
        view.way = way;
        Ok::<_, web::Error>(Err((status, view)))
    })
    .await?;
    match outcome {
        Ok(()) => see_other(format!("/incidents/{id}")),
        Err((status, view)) => page_with(status, &view),
    }
}

/// `POST /incidents/{id}/state`
pub async fn state(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let to = form.data.to.parse::<State>().ok();
        let to = to.filter(|to| *to != State::Reviewed);
        let Some(to) = to else {
            return Err(IncidentError::wrong(
                "note",
                "Choose what it becomes with one of the buttons.",
            ));
        };
        actions::go(services, by, id, to, &form.data.note, form.key)
    })
    .await
}

/// `POST /incidents/{id}/level`
pub async fn level(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let Some(level) = severity(&form.data.level) else {
            return Err(IncidentError::wrong("level", "Choose how severe it is."));
        };
        let done = actions::rate(services, by, id, level, &form.data.level_note, form.key);
        done.map_err(|error| renamed(error, "note", "level_note"))
    })
    .await
}

/// The same problem, at the field of another form.
fn renamed(error: IncidentError, from: &str, to: &'static str) -> IncidentError {
    match error {
        IncidentError::Wrong(field, why) if field == from => IncidentError::Wrong(to, why),
        error => error,
    }
}

/// `POST /incidents/{id}/command`
pub async fn command(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let to = match form.data.person.as_str() {
            "me" => Some(by.person),
            other => other.parse::<PersonId>().ok(),
        };
        let Some(to) = to else {
            return Err(IncidentError::wrong("person", "Choose who leads it."));
        };
        let done = actions::command(services, by, id, to, &form.data.command_note, form.key);
        done.map_err(|error| renamed(error, "note", "command_note"))
    })
    .await
}

/// `POST /incidents/{id}/updates`
pub async fn update(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let typed = &form.data;
        let Ok(audience) = typed.audience.parse::<Audience>() else {
            return Err(IncidentError::wrong("audience", "Choose whom it is for."));
        };
        let corrects = match typed.corrects.as_str() {
            "" => None,
            text => Some(text.parse::<EntryId>().map_err(|_| db::Error::NotFound)?),
        };
        actions::update(services, by, id, audience, &typed.text, corrects, form.key)
    })
    .await
}

/// `POST /incidents/{id}/alerts`
pub async fn attach(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let Ok(alert) = form.data.alert.parse::<AlertId>() else {
            return Err(IncidentError::wrong("alert", "Choose an alert."));
        };
        alerts::attach(services, by, id, alert, form.key)
    })
    .await
}

/// `POST /incidents/{id}/alerts/detachment`
pub async fn detach(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let Ok(alert) = form.data.detach.parse::<AlertId>() else {
            return Err(IncidentError::wrong(
                "detach",
                "Choose the alert that does not belong to it.",
            ));
        };
        alerts::detach(services, by, id, alert, &form.data.reason, form.key)
    })
    .await
}

/// `POST /incidents/{id}/runbooks`
pub async fn open_runbook(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(signed, services, id, form, move |services, by, form| {
        let Ok(runbook) = form.data.runbook.parse::<ItemId>() else {
            return Err(IncidentError::wrong("runbook", "Choose a runbook."));
        };
        steps::open(services, by, id, runbook, form.key)
    })
    .await
}

/// A step as it was read, and whether it was done.
#[derive(Debug, Deserialize)]
pub struct Ticked {
    runbook: ItemId,
    position: i32,
    text: String,
    ticked: String,
}

/// `POST /incidents/{id}/steps`
pub async fn step(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Ticked>,
) -> web::Result {
    let id = id.into_inner();
    block(move || {
        let Ticked {
            runbook,
            position,
            text,
            ticked,
        } = form.data;
        let step = Step {
            runbook,
            position,
            // Browsers send line ends of their own.
            text: text.replace("\r\n", "\n"),
        };
        let done = steps::tick(
            &services,
            &By::from(&signed),
            id,
            &step,
            ticked == "yes",
            form.key,
        );
        done.map_err(web::Error::from)
    })
    .await?;
    see_other(format!("/incidents/{id}"))
}
