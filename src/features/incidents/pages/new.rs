use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use serde::Deserialize;

use super::super::actions::opening::{self, NewIncident};
use super::super::actions::{By, IncidentError};
use super::super::incident::IncidentId;
use super::super::store;
use super::super::views::{NewPage, level};
use crate::features::alerts::AlertId;
use crate::features::alerts::store::{self as lit, Alert};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Level, Scope};
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, Refusal, block, page, page_with, see_other,
};

/// What is typed into the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub platform: String,
    pub title: String,
    pub level: String,
    pub note: String,
    pub alert: String,
    pub leads: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prefill {
    alert: Option<AlertId>,
}

/// `GET /incidents/new`, filled in from an alert where one is named.
pub async fn new(signed: Signed, services: Data<Services>, query: Query<Prefill>) -> web::Result {
    let view = block(move || {
        let typed = match query.alert {
            None => Typed {
                leads: "yes".to_owned(),
                ..Typed::default()
            },
            Some(id) => services.db.read(|conn| prefilled(conn, &signed, id))?,
        };
        show(&services, &signed, typed, Problems::new())
    })
    .await?;
    page(&view)
}

fn reached(conn: &mut Conn, signed: &Signed, id: AlertId) -> Result<Alert, web::Error> {
    let alert = lit::alert(conn, id)?;
    if signed.reach().allows(alert.platform) {
        Ok(alert)
    } else {
        Err(web::Error::NotFound)
    }
}

fn prefilled(conn: &mut Conn, signed: &Signed, id: AlertId) -> Result<Typed, web::Error> {
    let alert = reached(conn, signed, id)?;
    let platform = super::platform(conn, alert.platform)?;
    let level = alert.level.max(Level::Yellow);
    Ok(Typed {
        platform: platform.slug,
        title: alert.name,
        level: level.as_str().to_owned(),
        note: alert.summary,
        alert: id.to_string(),
        leads: "yes".to_owned(),
    })
}

/// `POST /incidents`
pub async fn create(signed: Signed, services: Data<Services>, form: Form<Typed>) -> web::Result {
    let outcome = block(move || {
        let (status, problems, way) = match save(&services, &signed, &form)? {
            Ok(id) => return Ok(Ok(id)),
            Err(Unkept::Wrong(problems)) => (StatusCode::UNPROCESSABLE_ENTITY, problems, None),
            Err(Unkept::Refused(refusal)) => {
                let problems = Problems::one("", refusal.to_string());
                (StatusCode::CONFLICT, problems, refusal.way)
            }
        };
        let mut view = show(&services, &signed, form.data, problems)?;
        view.way = way;
        Ok::<_, web::Error>(Err((status, view)))
    })
    .await?;
    match outcome {
        Ok(id) => see_other(format!("/incidents/{id}")),
        Err((status, view)) => page_with(status, &view),
    }
}

/// Why nothing was opened; what was typed is shown again with it.
enum Unkept {
    Wrong(Problems),
    Refused(Refusal),
}

fn save(
    services: &Services,
    signed: &Signed,
    form: &Form<Typed>,
) -> Result<Result<IncidentId, Unkept>, web::Error> {
    let read = services.db.read(|conn| read(conn, signed, &form.data))?;
    let new = match read {
        Ok(new) => new,
        Err(problems) => return Ok(Err(Unkept::Wrong(problems))),
    };
    match opening::open(services, &By::from(signed), &new, form.key) {
        Ok(id) => Ok(Ok(id)),
        Err(IncidentError::Wrong(field, why)) => Ok(Err(Unkept::Wrong(Problems::one(field, why)))),
        Err(error) => {
            let refusal = web::Error::from(error).refusal()?;
            Ok(Err(Unkept::Refused(refusal)))
        }
    }
}

/// What was typed, as it is meant.
fn read(
    conn: &mut Conn,
    signed: &Signed,
    typed: &Typed,
) -> db::Result<Result<NewIncident, Problems>> {
    let mut problems = Problems::new();
    let platforms = packs::platforms(conn)?;
    let platform = platforms
        .iter()
        .find(|it| it.slug == typed.platform && signed.reach().allows(it.id));
    if platform.is_none() {
        problems.add("platform", "Choose the platform on which it is wrong.");
    }
    problems.check_plain("title", &typed.title);
    if typed.title.trim().is_empty() {
        problems.add("title", "Say what is wrong, in one line.");
    } else if typed.title.contains(['\n', '\r']) {
        problems.add("title", "Say it in one line.");
    }
    problems.check_plain("note", &typed.note);
    let level = level(&typed.level);
    if level.is_none() {
        problems.add("level", "Choose how severe it is.");
    }
    let named = typed.alert.trim();
    let alert = named.parse::<AlertId>().ok();
    if let Some(id) = alert {
        let of = lit::alert(conn, id)?.platform;
        if !signed.reach().allows(of) {
            return Err(db::Error::NotFound);
        }
        if platform.is_some_and(|platform| platform.id != of) {
            problems.add("platform", "Choose the platform of the alert.");
        }
    } else if !named.is_empty() {
        problems.add(
            "title",
            "The alert is not known. Begin again from its page.",
        );
    }
    Ok(match (platform, level) {
        (Some(platform), Some(level)) if problems.is_empty() => Ok(NewIncident {
            platform: platform.id,
            title: typed.title.clone(),
            level,
            note: typed.note.clone(),
            alerts: alert.into_iter().collect(),
            leads: typed.leads == "yes",
        }),
        _ => Err(problems),
    })
}

fn show(
    services: &Services,
    signed: &Signed,
    typed: Typed,
    problems: Problems,
) -> Result<NewPage, web::Error> {
    let chrome = Chrome::new(signed, services, "Declare an incident", Nav::Incidents);
    services.db.read(|conn| {
        let platforms = packs::platforms(conn)?;
        let alert = match typed.alert.parse::<AlertId>() {
            Ok(id) => Some(reached(conn, signed, id)?),
            Err(_) => None,
        };
        let others = match &alert {
            Some(alert) => store::live(conn, &Scope::one(alert.platform))?,
            None => Vec::new(),
        };
        let mine = platforms.iter().filter(|it| signed.reach().allows(it.id));
        Ok(NewPage {
            chrome,
            platforms: mine.map(|it| (it.slug.clone(), it.name.clone())).collect(),
            alert: alert.map(|it| (it.id.to_string(), it.name)),
            others: others
                .into_iter()
                .map(|it| (it.id.to_string(), it.title))
                .collect(),
            way: None,
            typed,
            problems,
        })
    })
}
