//! Changing a rule from a form, and adding one: tried out against what was, and proposed as any change of a pack.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::edit::Edit;
use super::form::Typed;
use super::views::ChangeForm;
use crate::features::packs::change_pages::href;
use crate::features::packs::changes::{self, Draft};
use crate::features::packs::pack::ItemId;
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::Signed;
use crate::foundation::db::Conn;
use crate::foundation::web::{self, Form, block, page, page_with, see_other};

fn answered(view: ChangeForm) -> web::Result {
    if view.problems.is_empty() {
        page(&view)
    } else {
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &view)
    }
}

/// `GET /rules/{id}/change`
pub async fn change_form(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        services.db.read(|conn| {
            let edit = Edit::there(conn, &signed, id, None)?;
            Ok::<_, web::Error>(edit.into_form(conn, &services, &signed, None)?)
        })
    })
    .await?;
    page(&view)
}

/// The kind of a new rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfKind {
    kind: String,
}

/// `GET /packs/{platform}/rules/new`
pub async fn new_form(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    of: Query<OfKind>,
) -> web::Result {
    let view = block(move || {
        services.db.read(|conn| {
            let edit = Edit::new(conn, &signed, &slug, None, &of.kind)?;
            Ok::<_, web::Error>(edit.into_form(conn, &services, &signed, None)?)
        })
    })
    .await?;
    page(&view)
}

fn tried(
    conn: &mut Conn,
    services: &Services,
    signed: &Signed,
    mut edit: Edit,
) -> Result<ChangeForm, web::Error> {
    let looked = edit.look(conn)?;
    Ok(edit.into_form(conn, services, signed, looked.as_ref())?)
}

/// `POST /rules/{id}/trial`: what it would do, and what it would have done; nothing is written.
pub async fn try_change(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        services.db.read(|conn| {
            let edit = Edit::there(conn, &signed, id, Some(form.data))?;
            tried(conn, &services, &signed, edit)
        })
    })
    .await?;
    answered(view)
}

/// `POST /packs/{platform}/rules/trial`: tries it, or only shows the fields of the kind that was chosen.
pub async fn try_new(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    form: Form<Typed>,
) -> web::Result {
    let view = block(move || {
        services.db.read(|conn| {
            let kind = form.data.get("kind").to_owned();
            let is_only_shown = !form.data.get("show").is_empty();
            let edit = Edit::new(conn, &signed, &slug, Some(form.data), &kind)?;
            if is_only_shown {
                return Ok(edit.into_form(conn, &services, &signed, None)?);
            }
            tried(conn, &services, &signed, edit)
        })
    })
    .await?;
    answered(view)
}

/// `POST /rules/{id}/change`
pub async fn submit_change(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    let outcome = block(move || {
        let read = |conn: &mut Conn| Edit::there(conn, &signed, id, Some(form.data));
        let edit = services.db.read(read)?;
        submitted(&services, &signed, edit, form.key)
    })
    .await?;
    match outcome {
        Ok(href) => see_other(href),
        Err(view) => answered(*view),
    }
}

/// `POST /packs/{platform}/rules`
pub async fn submit_new(
    signed: Signed,
    services: Data<Services>,
    slug: Path<String>,
    form: Form<Typed>,
) -> web::Result {
    let outcome = block(move || {
        let kind = form.data.get("kind").to_owned();
        let read = |conn: &mut Conn| Edit::new(conn, &signed, &slug, Some(form.data), &kind);
        let edit = services.db.read(read)?;
        submitted(&services, &signed, edit, form.key)
    })
    .await?;
    match outcome {
        Ok(href) => see_other(href),
        Err(view) => answered(*view),
    }
}

type Outcome = Result<String, Box<ChangeForm>>;

/// Sends the new text the way of every change of a pack.
fn submitted(
    services: &Services,
    signed: &Signed,
    mut edit: Edit,
    key: FormKey,
) -> Result<Outcome, web::Error> {
    let is_overtaken = services.db.read(|conn| edit.is_overtaken(conn))?;
    let source = if is_overtaken { None } else { edit.source() };
    if let Some(source) = source {
        let draft = Draft {
            source,
            reason: edit.typed.get("reason").to_owned(),
            base: edit.typed.base(),
        };
        match changes::submit(services, signed, &edit.running.platform, &draft, key) {
            Ok(done) => return Ok(Ok(href(&edit.running.platform, done))),
            Err(refusal) => edit.refused(refusal)?,
        }
    }
    let view = services.db.read(|conn| {
        let form = edit.into_form(conn, services, signed, None)?;
        Ok::<_, web::Error>(form)
    })?;
    Ok(Err(Box::new(view)))
}
