//! Endpoints: where webhooks go.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::refused;
use crate::features::notify::delivery;
use crate::features::notify::endpoint::Kind;
use crate::features::notify::notice::{Destination, EndpointId};
use crate::features::notify::setup::{self, Made, Refusal};
use crate::features::notify::store::endpoints;
use crate::features::notify::views::webhooks::{List, MadePage, One};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// A new endpoint, as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewForm {
    pub(in crate::features::notify) name: String,
    pub(in crate::features::notify) kind: String,
    pub(in crate::features::notify) url: String,
}

/// `GET /webhooks`
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let view = block(move || show(&services, &signed, NewForm::default(), Problems::new())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    form: NewForm,
    problems: Problems,
) -> Result<List, web::Error> {
    let all = services.db.read(endpoints::all)?;
    let chrome = Chrome::new(signed, services, "Webhooks", Nav::Webhooks);
    let may_manage = signed.may(Permission::WebhooksManage);
    Ok(List::new(chrome, all, form, problems, may_manage))
}

/// `POST /webhooks`
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
        Ok(made) if made.has_secret() => page(&made),
        Ok(made) => see_other(format!("/webhooks/{}", made.id())),
        Err(again) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &again),
    }
}

fn try_add(
    services: &Services,
    signed: &Signed,
    form: &NewForm,
    key: FormKey,
) -> Result<Result<Made, Problems>, web::Error> {
    let mut problems = Problems::new();
    problems.check_plain("name", &form.name);
    let Ok(kind) = form.kind.parse::<Kind>() else {
        problems.add("kind", "Choose what the receiver understands.");
        return Ok(Err(problems));
    };
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let refusal = match setup::add(services, signed, (&form.name, kind, &form.url), key) {
        Ok(made) => return Ok(Ok(made)),
        Err(Refusal::Database(error)) => return Err(error.into()),
        Err(refusal) => refusal,
    };
    let field = match &refusal {
        Refusal::Address(_) => "url",
        _ => "name",
    };
    Ok(Err(Problems::one(field, sentence(&refusal))))
}

fn made_page(services: &Services, signed: &Signed, made: Made) -> Result<MadePage, web::Error> {
    let endpoint = services.db.read(|conn| endpoints::find(conn, made.id))?;
    let chrome = Chrome::new(signed, services, "The secret, this once", Nav::Webhooks);
    Ok(MadePage::new(chrome, endpoint, made.secret))
}

/// `GET /webhooks/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<EndpointId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (endpoint, by) = services.db.read(|conn| {
            let endpoint = endpoints::find(conn, id)?;
            let by = One::hand(conn, &endpoint.made_by)?;
            Ok::<_, web::Error>((endpoint, by))
        })?;
        let chrome = Chrome::new(&signed, &services, &endpoint.name, Nav::Webhooks);
        let may_manage = signed.may(Permission::WebhooksManage);
        Ok::<_, web::Error>(One::new(chrome, endpoint, by, may_manage))
    })
    .await?;
    page(&view)
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /webhooks/{id}/secret`
pub async fn rotate(
    signed: Signed,
    services: Data<Services>,
    id: Path<EndpointId>,
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

/// `POST /webhooks/{id}/test`: a real delivery, whose page shows what the receiver answered.
pub async fn test(
    signed: Signed,
    services: Data<Services>,
    id: Path<EndpointId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    let app = services.clone();
    let notice = block(move || {
        let to = Destination::Endpoint(id);
        setup::test(&app, &signed, to, form.key).map_err(refused)
    })
    .await?;
    delivery::deliver_one(&services, notice).await?;
    see_other(format!("/deliveries/{notice}"))
}

/// What is done to an endpoint with a button.
type Verb = fn(&Services, &Signed, EndpointId, FormKey) -> Result<(), Refusal>;

async fn done(
    signed: Signed,
    services: Data<Services>,
    id: EndpointId,
    key: FormKey,
    verb: Verb,
) -> web::Result {
    block(move || verb(&services, &signed, id, key).map_err(refused)).await?;
    see_other(format!("/webhooks/{id}"))
}

pub async fn pause(
    signed: Signed,
    services: Data<Services>,
    id: Path<EndpointId>,
    form: Form<Nothing>,
) -> web::Result {
    done(signed, services, *id, form.key, setup::pause).await
}

pub async fn resume(
    signed: Signed,
    services: Data<Services>,
    id: Path<EndpointId>,
    form: Form<Nothing>,
) -> web::Result {
    done(signed, services, *id, form.key, setup::resume).await
}

pub async fn retire(
    signed: Signed,
    services: Data<Services>,
    id: Path<EndpointId>,
    form: Form<Nothing>,
) -> web::Result {
    done(signed, services, *id, form.key, setup::retire).await
}
