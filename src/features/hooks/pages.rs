//! Sources: programs that send events.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::setup::{self, Made, Refusal};
use super::store::{self, ReceiptId, SourceId, receipts};
use super::views::{List, MadePage, One, UnknownPage, hand};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Error, Form, Nav, Problems, Refusal as Refused, block, page, page_with, see_other,
};

/// How many messages the page of a source shows.
const SHOWN: i64 = 50;

/// A new source, as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewForm {
    pub name: String,
    pub platform: String,
}

/// `GET /event-sources`
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let view = block(move || show(&services, &signed, NewForm::default(), Problems::new())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    form: NewForm,
    problems: Problems,
) -> Result<List, Error> {
    let (all, platforms) = services
        .db
        .read(|conn| Ok::<_, Error>((store::all(conn)?, packs::platforms(conn)?)))?;
    let chrome = Chrome::new(signed, services, "Webhooks in", Nav::Webhooks);
    let may_manage = signed.may(Permission::WebhooksManage);
    let view = signed.view();
    let all = all.into_iter().filter(|it| view.allows(it.platform));
    let all = all.collect();
    Ok(List::new(
        chrome, all, platforms, form, problems, may_manage,
    ))
}

/// `POST /event-sources`
pub async fn add(signed: Signed, services: Data<Services>, form: Form<NewForm>) -> web::Result {
    let outcome = block(move || {
        let problems = match try_add(&services, &signed, &form.data, form.key)? {
            Ok(made) => return made_page(&services, &signed, made).map(Ok),
            Err(problems) => problems,
        };
        show(&services, &signed, form.data, problems).map(Err)
    })
    .await?;
    match outcome {
        Ok(made) => page(&made),
        Err(again) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &again),
    }
}

fn try_add(
    services: &Services,
    signed: &Signed,
    form: &NewForm,
    key: FormKey,
) -> Result<Result<Made, Problems>, Error> {
    let mut problems = Problems::new();
    problems.check_plain("name", &form.name);
    let platforms = services.db.read(packs::platforms)?;
    let platform = platforms.iter().find(|it| it.slug == form.platform);
    let Some(platform) = platform else {
        problems.add("platform", "Choose the platform whose events it sends.");
        return Ok(Err(problems));
    };
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    match setup::add(services, signed, (&form.name, platform.id), key) {
        Ok(made) => Ok(Ok(made)),
        Err(Refusal::Database(error)) => Err(error.into()),
        Err(refusal) => Ok(Err(Problems::one("name", sentence(&refusal)))),
    }
}

fn made_page(services: &Services, signed: &Signed, made: Made) -> Result<MadePage, Error> {
    let source = services.db.read(|conn| store::find(conn, made.id))?;
    let chrome = Chrome::new(signed, services, "The secret, this once", Nav::Webhooks);
    Ok(MadePage {
        address: address(services, source.id),
        chrome,
        source,
        secret: made.secret,
    })
}

fn address(services: &Services, id: SourceId) -> String {
    let base = services.config.web.base_url.as_str();
    format!("{}/hooks/events/{id}", base.trim_end_matches('/'))
}

/// `GET /event-sources/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<SourceId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (source, by, platforms, last) = services.db.read(|conn| {
            let source = store::find(conn, id)?;
            let by = hand(conn, &source.made_by)?;
            let last = receipts::last(conn, id, SHOWN)?;
            Ok::<_, Error>((source, by, packs::platforms(conn)?, last))
        })?;
        if !signed.reach().allows(source.platform) {
            return Err(Error::NotFound);
        }
        let platform = platforms.into_iter().find(|it| it.id == source.platform);
        Ok(One {
            chrome: Chrome::new(&signed, &services, &source.name, Nav::Webhooks),
            address: address(&services, id),
            platform: platform.map(|it| it.name).unwrap_or_default(),
            may_manage: signed.may(Permission::WebhooksManage),
            now: services.clock.now(),
            by,
            source,
            last,
        })
    })
    .await?;
    page(&view)
}

/// `GET /event-sources/{id}/unknown/{event}`: what a message said whose type no pack named. Reading it is an event.
pub async fn unknown(
    signed: Signed,
    services: Data<Services>,
    path: Path<(SourceId, ReceiptId)>,
) -> web::Result {
    let (id, receipt) = path.into_inner();
    let view = block(move || {
        let source = services.db.read(|conn| store::find(conn, id))?;
        if !signed.reach().allows(source.platform) {
            return Err(Error::NotFound);
        }
        let event = Event::new("event.read", Subject::new("event_receipt", receipt))
            .platform(source.platform);
        let (kept, body) = services.audit.read::<_, Error>(
            &signed.actor(),
            "What an unknown event says",
            event,
            |conn| Ok(receipts::unknown(conn, &services.keyring, id, receipt)?),
        )?;
        Ok(UnknownPage {
            chrome: Chrome::new(&signed, &services, "An unknown event", Nav::Webhooks),
            body: String::from_utf8_lossy(&body).into_owned(),
            source,
            kept,
        })
    })
    .await?;
    page(&view)
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Database(error) => error.into(),
        refusal => Error::Refused(Refused::new(
            "source_refused",
            sentence(&refusal),
            "Nothing was changed.",
        )),
    }
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /event-sources/{id}/secret`
pub async fn rotate(
    signed: Signed,
    services: Data<Services>,
    id: Path<SourceId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    let made = block(move || {
        let made = setup::rotate(&services, &signed, id, form.key).map_err(refused)?;
        made_page(&services, &signed, made)
    })
    .await?;
    page(&made)
}

/// What is done to a source with a button.
type Verb = fn(&Services, &Signed, SourceId, FormKey) -> Result<(), Refusal>;

async fn done(
    signed: Signed,
    services: Data<Services>,
    id: SourceId,
    key: FormKey,
    verb: Verb,
) -> web::Result {
    block(move || verb(&services, &signed, id, key).map_err(refused)).await?;
    see_other(format!("/event-sources/{id}"))
}

pub async fn pause(
    signed: Signed,
    services: Data<Services>,
    id: Path<SourceId>,
    form: Form<Nothing>,
) -> web::Result {
    done(signed, services, *id, form.key, setup::pause).await
}

pub async fn resume(
    signed: Signed,
    services: Data<Services>,
    id: Path<SourceId>,
    form: Form<Nothing>,
) -> web::Result {
    done(signed, services, *id, form.key, setup::resume).await
}

pub async fn retire(
    signed: Signed,
    services: Data<Services>,
    id: Path<SourceId>,
    form: Form<Nothing>,
) -> web::Result {
    done(signed, services, *id, form.key, setup::retire).await
}
