use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::actions::{self, NewWindow, WindowError};
use super::people::People;
use super::store;
pub use super::views::Row as Window;
use super::views::{Choice, ListPage, NewPage, OnePage, Recurring, Row};
use super::window::{State, WindowId};
use crate::features::packs::pack::{ItemId, Maintenance, Service};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::Conn;
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// How many people and rotas are told of one window that a person announces.
const TOLD_AT_MOST: usize = 50;

/// How many windows that are over the list shows.
const OVER_SHOWN: i64 = 30;

/// `GET /maintenance`: what is worked on now, what is to come, what comes back, and what was.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let view = block(move || {
        let (now, scope) = (services.clock.now(), signed.view());
        services.db.read(|conn| {
            let names = Names::read(conn)?;
            let running = store::running(conn, &scope, now)?;
            let over = store::over(conn, &scope, now, OVER_SHOWN)?;
            let recurring = packs::live_within::<Maintenance>(conn, &scope)?;
            Ok::<_, web::Error>(ListPage {
                chrome: Chrome::new(&signed, &services, "Maintenance", Nav::Maintenance),
                running: running.iter().map(|it| Row::of(it, &names, now)).collect(),
                over: over.iter().map(|it| Row::of(it, &names, now)).collect(),
                recurring: recurring
                    .into_iter()
                    .map(|item| Recurring::of(item, &names))
                    .collect(),
                may_act: signed.may(Permission::AlertsAct),
            })
        })
    })
    .await?;
    page(&view)
}

/// Names of platforms and services.
pub struct Names {
    pub platforms: Vec<Watched>,
    pub services: Vec<Item<Service>>,
}

impl Names {
    pub fn read(conn: &mut Conn) -> crate::foundation::db::Result<Self> {
        Ok(Self {
            platforms: packs::platforms(conn)?,
            services: packs::live::<Service>(conn)?,
        })
    }
}

/// `GET /maintenance/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<WindowId>) -> web::Result {
    let view = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let window = store::one(conn, *id)?;
            if !signed.reach().allows(window.platform) {
                return Err(web::Error::NotFound);
            }
            let names = Names::read(conn)?;
            let may = signed.may_at(Permission::AlertsAct, window.platform);
            let state = window.state(now);
            let running = matches!(state, State::Active | State::Coming | State::Proposed);
            Ok(OnePage {
                chrome: Chrome::new(&signed, &services, &window.name, Nav::Maintenance),
                row: Row::of(&window, &names, now),
                own: window.announced_by == Some(signed.person),
                may_approve: may && state == State::Proposed,
                may_end: may && running,
                tells: People::read(conn)?.told(&window),
                window,
            })
        })
    })
    .await?;
    page(&view)
}

/// What is typed into the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// Its short name; none where nobody has been asked.
    pub platform: Option<String>,
    pub service: Vec<ItemId>,
    pub tell: Vec<ItemId>,
    pub name: String,
    pub starts: String,
    pub ends: String,
}

/// The platform, and what was typed before it was chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    platform: Option<String>,
    name: String,
    starts: String,
    ends: String,
}

/// `GET /maintenance/new`: which platform, and then its form.
pub async fn new(signed: Signed, services: Data<Services>, asked: Query<Asked>) -> web::Result {
    let Asked {
        platform,
        name,
        starts,
        ends,
    } = asked.into_inner();
    let typed = Typed {
        platform,
        name,
        starts,
        ends,
        ..Typed::default()
    };
    let view = block(move || show(&services, &signed, typed, Problems::new())).await?;
    page(&view)
}

/// `POST /maintenance`
pub async fn create(signed: Signed, services: Data<Services>, form: Form<Typed>) -> web::Result {
    let outcome = block(move || {
        let problems = match save(&services, &signed, &form.data, form.key)? {
            Ok(id) => return Ok(Ok(id)),
            Err(problems) => problems,
        };
        show(&services, &signed, form.data, problems).map(Err)
    })
    .await?;
    match outcome {
        Ok(id) => see_other(format!("/maintenance/{id}")),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

fn save(
    services: &Services,
    signed: &Signed,
    typed: &Typed,
    key: FormKey,
) -> Result<Result<WindowId, Problems>, web::Error> {
    let read = services.db.read(|conn| read(conn, signed, typed))?;
    let new = match read {
        Ok(new) => new,
        Err(problems) => return Ok(Err(problems)),
    };
    match actions::create(services, signed, &new, key) {
        Ok(id) => Ok(Ok(id)),
        Err(WindowError::Wrong(field, why)) => Ok(Err(Problems::one(field, sentence(&why)))),
        Err(error) => Err(error.into()),
    }
}

/// What was typed, as it is meant.
fn read(
    conn: &mut Conn,
    signed: &Signed,
    typed: &Typed,
) -> Result<Result<NewWindow, Problems>, web::Error> {
    let mut problems = Problems::new();
    let acts = signed.reach_for(Permission::AlertsAct);
    let (names, people) = (Names::read(conn)?, People::read(conn)?);
    let platform = names
        .platforms
        .iter()
        .find(|it| typed.platform.as_ref() == Some(&it.slug) && acts.allows(it.id))
        .map(|it| it.id);
    let mut tell = Vec::new();
    match platform {
        None => problems.add("platform", "Choose the platform that is worked on."),
        Some(platform) => {
            match people.targets(platform, &typed.tell) {
                Some(told) if told.len() > TOLD_AT_MOST => problems.add(
                    "tell",
                    format!(
                        "At most {TOLD_AT_MOST} are told of it, and these are {}. Tick whoever is on call.",
                        told.len()
                    ),
                ),
                Some(told) => tell = told,
                None => problems.add(
                    "tell",
                    "Tick people of the platform that you have chosen, or nobody.",
                ),
            }
            let own = |id: &ItemId| {
                let mut services = names.services.iter();
                services.any(|it| it.id == *id && it.platform == platform)
            };
            if !typed.service.iter().all(own) {
                problems.add(
                    "service",
                    "Tick services of the platform that you have chosen, or none for all of it.",
                );
            }
        }
    }
    problems.check_plain("name", &typed.name);
    if typed.name.trim().is_empty() {
        problems.add("name", "Say what is worked on.");
    }
    let mut moment = |field, text: &str, what: &str| {
        let at = web::moment(text, signed.preferences.zone);
        if at.is_none() {
            problems.add(
                field,
                format!("Write the day and the time at which it {what}."),
            );
        }
        at
    };
    let starts = moment("starts", &typed.starts, "begins");
    let ends = moment("ends", &typed.ends, "ends");
    Ok(match (platform, starts, ends) {
        (Some(platform), Some(starts_at), Some(ends_at)) if problems.is_empty() => Ok(NewWindow {
            platform,
            services: typed.service.clone(),
            name: typed.name.clone(),
            starts_at,
            ends_at,
            tell,
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
    let acts = signed.reach_for(Permission::AlertsAct);
    let chrome = Chrome::new(signed, services, "Announce maintenance", Nav::Maintenance);
    services.db.read(|conn| {
        let names = Names::read(conn)?;
        let mut mine: Vec<&Watched> = names.platforms.iter().collect();
        mine.retain(|it| acts.allows(it.id));
        let looked_at = signed.view();
        let mut candidates = mine.iter().filter(|it| match &typed.platform {
            None => looked_at.allows(it.id),
            Some(slug) => it.slug == *slug,
        });
        // Nobody is asked which one where only one is looked at.
        let platform = match (candidates.next(), candidates.next()) {
            (Some(only), None) => Some(*only),
            _ => None,
        };
        let (mut choices, mut people) = (Vec::new(), Vec::new());
        if let Some(platform) = platform {
            let own = names
                .services
                .iter()
                .filter(|it| it.platform == platform.id);
            choices.extend(own.map(|it| Choice::of(it, "", typed.service.contains(&it.id))));
            people = People::read(conn)?.choices(platform.id, &typed.tell);
        }
        let named = |it: &Watched| (it.slug.clone(), it.name.clone());
        Ok(NewPage {
            chrome,
            platform: platform.map(named),
            platforms: mine.into_iter().map(named).collect(),
            choices,
            people,
            typed,
            problems,
        })
    })
}

/// The forms below have no fields of their own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /maintenance/{id}/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<WindowId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || actions::approve(&services, &signed, id, form.key).map_err(web::Error::from))
        .await?;
    see_other(format!("/maintenance/{id}"))
}

/// `POST /maintenance/{id}/end`
pub async fn end(
    signed: Signed,
    services: Data<Services>,
    id: Path<WindowId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || actions::end(&services, &signed, id, form.key).map_err(web::Error::from)).await?;
    see_other(format!("/maintenance/{id}"))
}

/// Windows of a platform that are now or soon, for the pages of what they concern.
pub fn upcoming(
    conn: &mut Conn,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<Vec<Row>, crate::foundation::db::Error> {
    let names = Names::read(conn)?;
    let running = store::running(conn, scope, now)?;
    Ok(running.iter().map(|it| Row::of(it, &names, now)).collect())
}
