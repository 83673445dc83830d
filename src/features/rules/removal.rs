//! Taking a rule out of its pack, which takes a second person.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::edit::in_force;
use super::history::REACH;
use super::text::{Text, Unfit};
use super::views::Removal;
use crate::features::alerts::store::fired;
use crate::features::packs::change_pages::{self, href, preview};
use crate::features::packs::changes::{self, Draft, Refusal, Running};
use crate::features::packs::pack::ItemId;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// What is typed to take a rule out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reason {
    reason: String,
    base: String,
}

/// `GET /rules/{id}/removal`
pub async fn form(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || removal(&services, &signed, id, Reason::default(), None)).await?;
    page(&view)
}

/// The page of taking a rule out, with what was wrong about it.
fn removal(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    typed: Reason,
    refusal: Option<Refusal>,
) -> Result<Removal, web::Error> {
    services.db.read(|conn| {
        let (item, platform) = in_force(conn, signed, id)?;
        let running = changes::running(conn, &platform)?;
        let looked = without(&running, &item.slug)
            .ok()
            .map(|source| changes::look(conn, &running, &source));
        let mut problems = Problems::new();
        let mut wrong = Vec::new();
        if let Some(refusal) = &refusal {
            let field = if refusal.field() == Some("reason") {
                "reason"
            } else {
                ""
            };
            problems.add(field, told(refusal));
        }
        if let Some(Err(refusal)) = &looked {
            wrong = change_pages::wrong(refusal);
        }
        let times = fired::of_rule(conn, id, services.clock.now() - REACH)?
            .times
            .len() as u64;
        let title = format!("Take the rule out: {}", item.name);
        Ok(Removal {
            chrome: Chrome::new(signed, services, &title, Nav::Rules),
            id,
            base: running.applied.revision,
            reason: typed.reason,
            preview: looked
                .and_then(Result::ok)
                .map(|looked| preview(signed, &running, &looked)),
            fired: Removal::fired(times),
            problems,
            wrong,
        })
    })
}

/// Nothing is typed here but a reason, which undoes nothing.
fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Overtaken(revision) => format!(
            "Revision {revision} of the pack has been applied since you began: look at what this would do now, and send it \
             again."
        ),
        refusal => sentence(refusal),
    }
}

fn without(running: &Running, slug: &str) -> Result<String, Unfit> {
    let mut text = Text::read(&running.kept.source)?;
    text.remove(slug)?;
    Ok(text.source())
}

/// `POST /rules/{id}/removal`
pub async fn submit(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    form: Form<Reason>,
) -> web::Result {
    let id = id.into_inner();
    let outcome = block(move || {
        let (platform, running, slug) = services.db.read(|conn| {
            let (item, platform) = in_force(conn, &signed, id)?;
            let running = changes::running(conn, &platform)?;
            Ok::<_, web::Error>((platform, running, item.slug))
        })?;
        let source = without(&running, &slug).map_err(|_| web::Error::NotFound)?;
        let draft = Draft {
            source,
            reason: form.data.reason.trim().to_owned(),
            base: form.data.base.parse().unwrap_or(0),
        };
        match changes::submit(&services, &signed, &platform, &draft, form.key) {
            Ok(done) => Ok(Ok(href(&platform, done))),
            Err(refusal) if refusal.field().is_some() => {
                removal(&services, &signed, id, form.data, Some(refusal)).map(Err)
            }
            Err(refusal) => Err(web::Error::from(refusal)),
        }
    })
    .await?;
    match outcome {
        Ok(href) => see_other(href),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}
