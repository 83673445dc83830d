use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::Duration;
use serde::Deserialize;

use super::views::{List, MadePage, NewPage, OVERLAPS, One, TERMS};
use super::{actions, store};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::keys::{self, KeyId, KeyScope, Made, NewKey, Refusal, displays};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::{Networks, PlatformId, Scope};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let view = block(move || {
        let chrome = Chrome::new(&signed, &services, "API keys", Nav::Keys);
        let (keys, platforms) = services.db.read(|conn| {
            Ok::<_, web::Error>((keys::list(conn, chrome.now)?, store::platforms(conn)?))
        })?;
        let keys = keys.into_iter().filter(|key| key.is_within(signed.reach()));
        let may_manage = signed.may(Permission::KeysManage);
        Ok::<_, web::Error>(List::new(chrome, keys.collect(), &platforms, may_manage))
    })
    .await?;
    page(&view)
}

/// The form of a new key, as it was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewForm {
    pub(super) name: String,
    pub(super) scope: Vec<String>,
    pub(super) platform: Vec<String>,
    pub(super) days: String,
    pub(super) networks: String,
}

pub async fn form(signed: Signed, services: Data<Services>) -> web::Result {
    let form = NewForm {
        days: keys::LIVES_USUALLY.num_days().to_string(),
        ..NewForm::default()
    };
    let view = block(move || new_page(&services, &signed, form, Problems::new())).await?;
    page(&view)
}

fn new_page(
    services: &Services,
    signed: &Signed,
    form: NewForm,
    problems: Problems,
) -> Result<NewPage, web::Error> {
    let chrome = Chrome::new(signed, services, "New API key", Nav::Keys);
    let mut platforms = services.db.read(store::platforms)?;
    platforms.retain(|(id, _)| signed.reach().allows(*id));
    let everywhere = *signed.reach() == Scope::All;
    Ok(NewPage::new(chrome, form, problems, platforms, everywhere))
}

pub async fn add(signed: Signed, services: Data<Services>, form: Form<NewForm>) -> web::Result {
    let outcome = block(move || {
        let problems = match try_add(&services, &signed, &form.data, form.key)? {
            Ok(made) => return Ok(Ok(made_page(&services, &signed, made))),
            Err(problems) => problems,
        };
        new_page(&services, &signed, form.data, problems).map(Err)
    })
    .await?;
    match outcome {
        Ok(made) => match made.place_of_screens() {
            Some(place) => see_other(place),
            None => page(&made),
        },
        Err(again) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &again),
    }
}

fn made_page(services: &Services, signed: &Signed, made: Made) -> MadePage {
    let chrome = Chrome::new(signed, services, "The key, this once", Nav::Keys);
    let base_url = services.config.web.base_url.as_str();
    MadePage::new(chrome, made, base_url.trim_end_matches('/'))
}

fn try_add(
    services: &Services,
    signed: &Signed,
    form: &NewForm,
    key: FormKey,
) -> Result<Result<Made, Problems>, web::Error> {
    let new = match read(form, signed.reach()) {
        Ok(new) => new,
        Err(problems) => return Ok(Err(problems)),
    };
    let refusal = match actions::add(services, &signed.actor(), new, Some(key)) {
        Ok(made) => return Ok(Ok(made)),
        Err(Refusal::Database(error)) => return Err(error.into()),
        Err(refusal) => refusal,
    };
    let field = match &refusal {
        Refusal::Name => "name",
        Refusal::NoScope | Refusal::NotAlone => "scope",
        Refusal::Lifetime => "days",
        Refusal::Networks => "networks",
        Refusal::NoPlatform => "platform",
        _ => "",
    };
    Ok(Err(Problems::one(field, sentence(&refusal))))
}

fn read(form: &NewForm, reach: &Scope) -> Result<NewKey, Problems> {
    let mut problems = Problems::new();
    if form.name.trim().is_empty() {
        problems.add("name", "Say which program is to use it.");
    }
    problems.check_plain("name", &form.name);
    let scopes: Option<BTreeSet<KeyScope>> =
        form.scope.iter().map(|scope| scope.parse().ok()).collect();
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    if scopes.is_none() {
        problems.add("scope", "Tick what it may open, at least one of these.");
    }
    let platforms: Option<Vec<PlatformId>> = form
        .platform
        .iter()
        .map(|id| id.parse().ok().filter(|id| reach.allows(*id)))
        .collect();
    let key_reach = match platforms {
        Some(none) if none.is_empty() => reach.clone(),
        Some(some) => some.into_iter().collect(),
        None => {
            problems.add("platform", "Tick platforms of this list only.");
            Scope::nothing()
        }
    };
    let term = TERMS.iter().find(|(days, _)| days.to_string() == form.days);
    if term.is_none() {
        problems.add("days", "Choose how long it lives.");
    }
    let networks: Option<Networks> = form.networks.parse().ok();
    if networks.is_none() {
        problems.add(
            "networks",
            "Give networks such as 10.0.0.0/8 or addresses such as 192.0.2.7, one a line.",
        );
    }
    let new = NewKey {
        name: form.name.clone(),
        scopes: scopes.unwrap_or_default(),
        networks: networks.unwrap_or_default(),
        reach: key_reach,
        lives: Duration::days(term.map_or(0, |(days, _)| *days)),
    };
    problems.or(new)
}

pub async fn one(signed: Signed, services: Data<Services>, id: Path<KeyId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (key, platforms, by, screens) = services.db.read(|conn| {
            let key = keys::find(conn, &id)?;
            if !key.is_within(signed.reach()) {
                return Err(web::Error::NotFound);
            }
            let by = One::hands(conn, &key)?;
            let screens = displays::list(conn, &id)?;
            Ok((key, store::platforms(conn)?, by, screens))
        })?;
        let chrome = Chrome::new(&signed, &services, &key.name, Nav::Keys);
        let may_manage = signed.may(Permission::KeysManage);
        Ok::<_, web::Error>(One::new(chrome, key, &platforms, by, screens, may_manage))
    })
    .await?;
    page(&view)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct RotateForm {
    overlap_hours: String,
}

pub async fn rotate(
    signed: Signed,
    services: Data<Services>,
    id: Path<KeyId>,
    form: Form<RotateForm>,
) -> web::Result {
    let id = id.into_inner();
    let chosen = OVERLAPS
        .iter()
        .find(|(hours, _)| hours.to_string() == form.data.overlap_hours);
    let Some((hours, _)) = chosen else {
        return Err(web::Error::Malformed(
            "choose for how long the old key goes on".to_owned(),
        ));
    };
    let overlap = Duration::hours(*hours);
    let made = block(move || {
        let made = actions::rotate(&services, &signed.actor(), &id, overlap, Some(form.key))
            .map_err(refused)?;
        Ok::<_, web::Error>(made_page(&services, &signed, made))
    })
    .await?;
    page(&made)
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

pub async fn revoke(
    signed: Signed,
    services: Data<Services>,
    id: Path<KeyId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    let to = actions::place(&id);
    block(move || {
        actions::revoke(&services, &signed.actor(), &id, Some(form.key)).map_err(refused)
    })
    .await?;
    see_other(to)
}

pub(super) fn refused(refusal: Refusal) -> web::Error {
    match refusal {
        Refusal::Database(error) => error.into(),
        refusal => web::Error::Refused(web::Refusal::new(
            "key_refused",
            sentence(&refusal),
            "Nothing was changed.",
        )),
    }
}
