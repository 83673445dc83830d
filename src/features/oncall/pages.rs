use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::actions::{self, Cover};
use super::roster::Roster;
use super::rota::OverrideId;
use super::views::{List, One, OneParts};
use crate::features::packs::pack::{Connector, Escalation, ExternalService, ItemId, Rota, Rule};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// How far ahead the page of a rota looks.
pub(super) const AHEAD: TimeDelta = TimeDelta::weeks(4);
/// How long one who was put in may stand in, and how far ahead that may begin.
const LONGEST: TimeDelta = TimeDelta::weeks(5);
const FARTHEST: TimeDelta = TimeDelta::days(366);
const REASON_AT_MOST: usize = 500;

/// `GET /on-call`: who is on call on every rota, the policies in words, and how people are reached.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let found = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| Everything::read(conn, &view, now).map_err(web::Error::from))
    })
    .await?;
    let chrome = Chrome::new(&signed, &services, "On call", Nav::OnCall);
    page(&List::of(chrome, &signed, &found))
}

/// What the packs of some platforms say of who is told.
pub(super) struct Everything {
    pub(super) platforms: HashMap<PlatformId, Watched>,
    pub(super) roster: Roster,
    pub(super) policies: Vec<Item<Escalation>>,
    /// The names of the rules that name each policy, by its platform and name.
    pub(super) named_by: HashMap<(PlatformId, String), Vec<String>>,
    /// Platforms whose alerts nobody is told of.
    pub(super) untold: Vec<String>,
    pub(super) external: Vec<Item<ExternalService>>,
    pub(super) connectors: Vec<Item<Connector>>,
}

impl Everything {
    fn read(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> db::Result<Self> {
        let platforms: Vec<Watched> = packs::platforms(conn)?
            .into_iter()
            .filter(|it| scope.allows(it.id))
            .collect();
        let policies = packs::live_within::<Escalation>(conn, scope)?;
        let mut named_by: HashMap<_, Vec<String>> = HashMap::new();
        let rules = packs::live_within::<Rule>(conn, scope)?;
        for rule in &rules {
            if let Some(slug) = &rule.spec.escalation {
                let named = named_by.entry((rule.platform, slug.clone())).or_default();
                named.push(rule.name.clone());
            }
        }
        let is_untold = |platform: &&Watched| {
            rules.iter().any(|rule| rule.platform == platform.id)
                && !policies.iter().any(|it| it.platform == platform.id)
        };
        Ok(Self {
            untold: platforms
                .iter()
                .filter(is_untold)
                .map(|it| it.name.clone())
                .collect(),
            roster: Roster::read(conn, scope, now)?,
            external: packs::live_within(conn, scope)?,
            connectors: packs::live_within(conn, scope)?,
            policies,
            named_by,
            platforms: platforms.into_iter().map(|it| (it.id, it)).collect(),
        })
    }

    pub(super) fn zone(&self, platform: PlatformId) -> Tz {
        self.platforms.get(&platform).map_or(Tz::UTC, |it| it.zone)
    }

    pub(super) fn platform(&self, platform: PlatformId) -> &str {
        self.platforms
            .get(&platform)
            .map_or("", |it| it.name.as_str())
    }
}

/// What somebody typed to put somebody in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CoverForm {
    pub(super) contact: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) reason: String,
}

/// `GET /on-call/{rota}`: the next four weeks, and who stands in.
pub async fn one(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        show(
            &services,
            &signed,
            id,
            CoverForm::default(),
            Problems::new(),
        )
    })
    .await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    form: CoverForm,
    problems: Problems,
) -> Result<One, web::Error> {
    let now = services.clock.now();
    let (rota, found) = services.db.read(|conn| {
        let rota = rota(conn, signed, id)?;
        let scope = Scope::one(rota.platform);
        Ok::<_, web::Error>((rota, Everything::read(conn, &scope, now)?))
    })?;
    let chrome = Chrome::new(signed, services, &rota.name, Nav::OnCall);
    Ok(One::of(OneParts {
        may_act: signed.may_at(Permission::AlertsAct, rota.platform),
        chrome,
        rota: &rota,
        found: &found,
        form,
        problems,
    }))
}

/// The rota, where it is in force and its platform within reach.
fn rota(conn: &mut Conn, signed: &Signed, id: ItemId) -> Result<Item<Rota>, web::Error> {
    let rota = packs::item::<Rota>(conn, id)?;
    if rota.retired_at.is_some() || !signed.reach().allows(rota.platform) {
        return Err(web::Error::NotFound);
    }
    Ok(rota)
}

/// `POST /on-call/{rota}/overrides`
pub async fn put_in(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    form: Form<CoverForm>,
) -> web::Result {
    let id = id.into_inner();
    let refused = block(move || {
        let now = services.clock.now();
        let problems = match read(&services, &signed, id, &form.data, now)? {
            Ok(cover) => {
                actions::put_in(&services, &signed, id, cover, form.key)?;
                return Ok(None);
            }
            Err(problems) => problems,
        };
        show(&services, &signed, id, form.data, problems).map(Some)
    })
    .await?;
    match refused {
        None => see_other(format!("/on-call/{id}")),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

/// What was typed, or what is wrong with it.
fn read(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    form: &CoverForm,
    now: DateTime<Utc>,
) -> Result<Result<Cover, Problems>, web::Error> {
    let (rota, roster) = services.db.read(|conn| {
        let rota = rota(conn, signed, id)?;
        let roster = Roster::of(conn, rota.platform, now)?;
        Ok::<_, web::Error>((rota, roster))
    })?;
    let mut problems = Problems::new();
    let contact = roster.contact(rota.platform, form.contact.trim());
    match contact {
        None => problems.add("contact", "Choose who stands in."),
        Some(contact) if !contact.spec.has_address() => problems.add(
            "contact",
            "Nothing reaches them: this installation gives them no address. Choose somebody else.",
        ),
        Some(_) => {}
    }
    let zone = signed.preferences.zone;
    let from = moment(&form.from, zone, "from", &mut problems);
    let until = moment(&form.until, zone, "until", &mut problems);
    if let (Some(from), Some(until)) = (from, until) {
        if until <= from {
            problems.add("until", "The end comes after the beginning.");
        } else if until <= now {
            problems.add(
                "until",
                "That is over already. Give an end that is to come.",
            );
        } else if until - from.max(now) > LONGEST {
            problems.add("until", "At most five weeks at once.");
        }
        if from - now > FARTHEST {
            problems.add("from", "At most a year ahead.");
        }
    }
    let reason = form.reason.trim();
    if reason.is_empty() {
        problems.add("reason", "Say why, for whoever looks at it later.");
    } else if reason.chars().count() > REASON_AT_MOST {
        problems.add("reason", format!("At most {REASON_AT_MOST} characters."));
    }
    problems.check_plain("reason", reason);
    match (contact, from, until) {
        (Some(contact), Some(from), Some(until)) if problems.is_empty() => Ok(Ok(Cover {
            contact: contact.id,
            from,
            until,
            reason: reason.to_owned(),
        })),
        _ => Ok(Err(problems)),
    }
}

/// A moment as a form sends it, in the reader's zone.
fn moment(
    text: &str,
    zone: Tz,
    field: &'static str,
    problems: &mut Problems,
) -> Option<DateTime<Utc>> {
    let found = web::moment(text, zone);
    if found.is_none() {
        problems.add(field, "Give a day and a time, such as 2026-03-02 09:00.");
    }
    found
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /on-call/{rota}/overrides/{id}/cancellation`
pub async fn cancel(
    signed: Signed,
    services: Data<Services>,
    at: Path<(ItemId, OverrideId)>,
    form: Form<Nothing>,
) -> web::Result {
    let (rota, cover) = at.into_inner();
    block(move || {
        actions::cancel(&services, &signed, rota, cover, form.key).map_err(web::Error::from)
    })
    .await?;
    see_other(format!("/on-call/{rota}"))
}
