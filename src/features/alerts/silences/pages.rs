use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::actions::{self, Author, NewSilence, SilenceError};
use super::known::{self, Preview};
use super::matcher::{self, Matcher};
use super::silence::{Silence, SilenceId, State, matchers_of};
use super::store;
use super::views::{Group, LENGTHS, ListPage, NewPage, OnePage, PreviewCard, Row};
use crate::features::alerts::AlertId;
use crate::features::alerts::labels::PLATFORM;
use crate::features::alerts::pages::directory;
use crate::features::alerts::store as alerts;
use crate::features::packs::quantity::Lasting;
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::Conn;
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// How many silences that are over the list shows.
const OVER_SHOWN: i64 = 50;

/// `GET /silences`: what waits for a hand first, then what is in force, what is to come, and what is over.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view, now) = (services.clone(), signed.view(), services.clock.now());
    let (running, owed, over, platforms) = block(move || {
        app.db.read(|conn| {
            Ok::<_, web::Error>((
                store::running(conn, &view, now)?,
                store::owed(conn, &view)?,
                store::over(conn, &view, now, OVER_SHOWN)?,
                packs::platforms(conn)?,
            ))
        })
    })
    .await?;
    let row = |silence: &Silence| Row::of(silence, &platforms, now);
    let of = |state| {
        let those = running.iter().filter(move |it| it.state(now) == state);
        those.map(row).collect::<Vec<_>>()
    };
    page(&ListPage {
        chrome: Chrome::new(&signed, &services, "Silences", Nav::Alerts),
        groups: vec![
            Group::new("proposed", "Waits for a second person", of(State::Proposed)),
            Group::new(
                "owed",
                "To be countersigned",
                owed.iter().map(row).collect(),
            ),
            Group::new("active", "In force", of(State::Active)),
            Group::new("coming", "To come", of(State::Coming)),
            Group::new("over", "Over", over.iter().map(row).collect()),
        ],
        may_act: signed.may(Permission::AlertsAct),
    })
}

/// `GET /silences/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<SilenceId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let now = services.clock.now();
        let acts = signed.reach_for(Permission::AlertsAct);
        services.db.read(|conn| {
            let silence = store::one(conn, id)?;
            if !signed.reach().allows(silence.platform) {
                return Err(web::Error::NotFound);
            }
            let platforms = packs::platforms(conn)?;
            let directory = directory(conn, Scope::nothing(), now)?;
            let lit: Vec<_> = alerts::known::firing(conn)?
                .into_iter()
                .filter(|it| silence.covers(it.platform, &it.fingerprint, &it.labels(), it.level))
                .map(|alert| directory.row(&alert, now))
                .collect();
            let may = acts.allows(silence.platform);
            Ok(OnePage {
                chrome: Chrome::new(&signed, &services, "Silence", Nav::Alerts),
                own: silence.is_by(signed.person),
                may_answer: may && silence.state(now) == State::Proposed,
                may_end: may && matches!(silence.state(now), State::Active | State::Coming),
                may_countersign: may && silence.is_owed(),
                row: Row::of(&silence, &platforms, now),
                lit,
                silence,
            })
        })
    })
    .await?;
    page(&view)
}

/// What leads to the form: an alert that somebody wants to silence.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    alert: Option<AlertId>,
}

/// What is typed into the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub platform: String,
    pub matchers: String,
    pub starts: String,
    pub lasts: String,
    pub reason: String,
    /// Which of the form's buttons was pressed.
    pub act: String,
}

/// `GET /silences/new`
pub async fn new(signed: Signed, services: Data<Services>, from: Query<From>) -> web::Result {
    let from = from.into_inner();
    let view = block(move || {
        let mut typed = Typed {
            lasts: "1h".to_owned(),
            ..Typed::default()
        };
        if let Some(id) = from.alert {
            let alert = services.db.read(|conn| {
                let alert = alerts::alert(conn, id)?;
                if signed.reach().allows(alert.platform) {
                    Ok(alert)
                } else {
                    Err(web::Error::NotFound)
                }
            })?;
            let lines: Vec<String> = matchers_of(&alert.labels)
                .iter()
                .map(ToString::to_string)
                .collect();
            typed.matchers = lines.join("\n");
            typed.platform = alert
                .labels
                .get(PLATFORM)
                .cloned()
                .unwrap_or_else(|| alert.platform.to_string());
        }
        show(
            &services,
            &signed,
            typed,
            Problems::new(),
            from.alert.is_some(),
        )
    })
    .await?;
    page(&view)
}

/// `POST /silences`: shows what it would silence, or makes it.
pub async fn create(signed: Signed, services: Data<Services>, form: Form<Typed>) -> web::Result {
    let looks = form.data.act == "preview";
    let outcome = block(move || {
        if looks {
            return show(&services, &signed, form.data, Problems::new(), true).map(Err);
        }
        let problems = match save(&services, &signed, &form.data, form.key)? {
            Ok(id) => return Ok(Ok(id)),
            Err(problems) => problems,
        };
        show(&services, &signed, form.data, problems, true).map(Err)
    })
    .await?;
    match outcome {
        Ok(id) => see_other(format!("/silences/{id}")),
        Err(view) if view.problems.is_empty() => page(&view),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

fn save(
    services: &Services,
    signed: &Signed,
    typed: &Typed,
    key: FormKey,
) -> Result<Result<SilenceId, Problems>, web::Error> {
    let new = match services
        .db
        .read(|conn| read(conn, signed, typed, services.clock.now()))?
    {
        Ok(new) => new,
        Err(problems) => return Ok(Err(problems)),
    };
    match actions::create(services, &Author::from(signed), &new, None, key) {
        Ok(id) => Ok(Ok(id)),
        Err(SilenceError::Wrong(field, why)) => Ok(Err(Problems::one(field, sentence(&why)))),
        Err(error) => Err(error.into()),
    }
}

/// What was typed, as it is meant.
fn read(
    conn: &mut Conn,
    signed: &Signed,
    typed: &Typed,
    now: DateTime<Utc>,
) -> Result<Result<NewSilence, Problems>, web::Error> {
    let mut problems = Problems::new();
    let platform = platforms(conn, signed)?
        .into_iter()
        .find(|it| it.slug == typed.platform)
        .map(|it| it.id);
    if platform.is_none() {
        problems.add("platform", "Choose the platform whose alerts are meant.");
    }
    let matchers = matchers(&typed.matchers).unwrap_or_else(|why| {
        problems.add("matchers", why);
        Vec::new()
    });
    let starts_at = starts(typed, signed, now).unwrap_or_else(|why| {
        problems.add("starts", why);
        now
    });
    let lasts = lasts(typed);
    if lasts.is_none() {
        problems.add("lasts", "Choose for how long.");
    }
    problems.check_plain("reason", &typed.reason);
    if typed.reason.trim().is_empty() {
        problems.add(
            "reason",
            "Say why, for whoever wonders that nobody was told.",
        );
    }
    Ok(match (platform, lasts) {
        (Some(platform), Some(lasts)) if problems.is_empty() => Ok(NewSilence {
            snooze: false,
            platform,
            matchers,
            reason: typed.reason.clone(),
            starts_at,
            ends_at: starts_at + lasts,
        }),
        _ => Err(problems),
    })
}

fn matchers(text: &str) -> Result<Vec<Matcher>, String> {
    let matchers = matcher::parse(text).and_then(|all| matcher::check(&all).map(|()| all));
    matchers.map_err(|why| sentence(&why))
}

/// A moment as the reader's clock says it; nothing means now.
fn starts(typed: &Typed, signed: &Signed, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let text = typed.starts.trim();
    if text.is_empty() {
        return Ok(now);
    }
    let at = web::moment(text, signed.preferences.zone);
    let at = at.ok_or("Write the day and the time at which it begins, or leave it empty.")?;
    if at < now - TimeDelta::minutes(5) {
        return Err("Nothing is silenced in hindsight: leave it empty to begin now.".to_owned());
    }
    Ok(at)
}

fn lasts(typed: &Typed) -> Option<TimeDelta> {
    let known = LENGTHS.iter().any(|(value, _)| *value == typed.lasts);
    let lasts: Lasting = typed.lasts.parse().ok().filter(|_| known)?;
    Some(lasts.delta())
}

/// Where this person may silence.
fn platforms(conn: &mut Conn, signed: &Signed) -> Result<Vec<Watched>, web::Error> {
    let acts = signed.reach_for(Permission::AlertsAct);
    let mut platforms = packs::platforms(conn)?;
    platforms.retain(|it| acts.allows(it.id));
    Ok(platforms)
}

fn show(
    services: &Services,
    signed: &Signed,
    mut typed: Typed,
    mut problems: Problems,
    looks: bool,
) -> Result<NewPage, web::Error> {
    let now = services.clock.now();
    let chrome = Chrome::new(signed, services, "Silence alerts", Nav::Alerts);
    services.db.read(|conn| {
        let platforms = platforms(conn, signed)?;
        // An alert that came from outside may name no platform among its labels.
        if let Some(found) = platforms
            .iter()
            .find(|it| it.id.to_string() == typed.platform)
        {
            typed.platform.clone_from(&found.slug);
        }
        if typed.platform.is_empty() && platforms.len() == 1 {
            typed.platform.clone_from(&platforms[0].slug);
        }
        let chosen = platforms.iter().find(|it| it.slug == typed.platform);
        let preview = match chosen {
            Some(platform) if looks => look(conn, signed, &typed, platform.id, &mut problems, now)?,
            _ => None,
        };
        let preview = match preview {
            Some(preview) => {
                let directory = directory(conn, Scope::nothing(), now)?;
                Some(PreviewCard::of(&preview, &directory, now))
            }
            None => None,
        };
        Ok(NewPage {
            chrome,
            platforms: platforms.into_iter().map(|it| (it.slug, it.name)).collect(),
            typed,
            problems,
            lengths: &LENGTHS,
            preview,
        })
    })
}

/// What it would silence, where enough was typed to know.
fn look(
    conn: &mut Conn,
    signed: &Signed,
    typed: &Typed,
    platform: PlatformId,
    problems: &mut Problems,
    now: DateTime<Utc>,
) -> Result<Option<Preview>, web::Error> {
    let matchers = match matchers(&typed.matchers) {
        Ok(matchers) => matchers,
        Err(why) => {
            if problems.of("matchers").is_none() {
                problems.add("matchers", why);
            }
            return Ok(None);
        }
    };
    let (Ok(starts_at), Some(lasts)) = (starts(typed, signed, now), lasts(typed)) else {
        return Ok(None);
    };
    let lasts = starts_at + lasts - now;
    Ok(Some(known::preview(conn, platform, &matchers, lasts, now)?))
}

/// The forms below have no fields of their own.
#[derive(Deserialize)]
pub struct Nothing {}

type Act = fn(&Services, &Signed, SilenceId, FormKey) -> Result<(), SilenceError>;

async fn answer(
    signed: Signed,
    services: Data<Services>,
    id: Path<SilenceId>,
    form: Form<Nothing>,
    act: Act,
) -> web::Result {
    let id = id.into_inner();
    block(move || act(&services, &signed, id, form.key).map_err(web::Error::from)).await?;
    see_other(format!("/silences/{id}"))
}

/// `POST /silences/{id}/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<SilenceId>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, id, form, actions::approve).await
}

/// `POST /silences/{id}/refusal`
pub async fn refuse(
    signed: Signed,
    services: Data<Services>,
    id: Path<SilenceId>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, id, form, actions::refuse).await
}

/// `POST /silences/{id}/countersignature`
pub async fn countersign(
    signed: Signed,
    services: Data<Services>,
    id: Path<SilenceId>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, id, form, actions::countersign).await
}

/// `POST /silences/{id}/end`
pub async fn end(
    signed: Signed,
    services: Data<Services>,
    id: Path<SilenceId>,
    form: Form<Nothing>,
) -> web::Result {
    let end: Act =
        |services, signed, id, key| actions::end(services, &Author::from(signed), id, key);
    answer(signed, services, id, form, end).await
}
