use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::TimeDelta;
use serde::Deserialize;

use super::actions::{self, Refusal};
use super::board;
use super::breaker::ProposalId;
use super::store::{self, BreakerId, Held, calls, proposals, turns};
use super::views::{Card, LENGTHS, List, One, Row, Verdict};
use crate::features::packs::accepted;
use crate::features::packs::pack::{Connector, ItemId, Runbook, Service};
use crate::features::packs::store::{self as packs, Definition, Item};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// How many changes of state, and how many calls, the page shows.
const TURNS_SHOWN: i64 = 50;
const CALLS_SHOWN: i64 = 50;

/// `GET /connectors`: everything that is called, worst first.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let rows = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| board::rows(conn, &view, now))
            .map_err(web::Error::from)
    })
    .await?;
    page(&List {
        chrome: Chrome::new(&signed, &services, "Connectors", Nav::Connectors),
        verdict: Verdict::of(&rows),
        rows,
    })
}

/// `GET /connectors/{id}`: one operation, its breaker, and what became of its calls.
pub async fn one(signed: Signed, services: Data<Services>, id: Path<BreakerId>) -> web::Result {
    let id = id.into_inner();
    let view =
        block(move || show(&services, &signed, id, Typed::default(), Problems::new())).await?;
    page(&view)
}

/// What is typed into the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub change: String,
    pub lasts: String,
    pub reason: String,
}

fn show(
    services: &Services,
    signed: &Signed,
    id: BreakerId,
    typed: Typed,
    problems: Problems,
) -> Result<One, web::Error> {
    let now = services.clock.now();
    services.db.read(|conn| {
        let held = store::find(conn, id)?;
        if !store::is_within(signed.reach(), held.platform) {
            return Err(web::Error::NotFound);
        }
        let acts = signed.reach_for(Permission::ConnectorsAct);
        let platforms = packs::platforms(conn)?;
        let limited = calls::limited_since(conn, now - board::LIMITED_OVER)?;
        let row = Row::of(&held, &platforms, &limited, now);
        let title = row.title();
        Ok(One {
            chrome: Chrome::new(signed, services, title, Nav::Connectors),
            may_act: store::is_within(&acts, held.platform),
            card: card(conn, &held)?,
            turns: turns::last(conn, id, TURNS_SHOWN)?,
            calls: calls::last(conn, id, CALLS_SHOWN)?,
            proposal: proposals::open(conn, id)?,
            me: signed.person,
            held,
            row,
            typed,
            problems,
            now,
        })
    })
}

/// What its pack says of it.
fn card(conn: &mut Conn, held: &Held) -> db::Result<Option<Card>> {
    let Some(connector) = held.connector else {
        return Ok(None);
    };
    let item: Item<Connector> = packs::item(conn, connector)?;
    let slug = |conn: &mut Conn, slug: &Option<String>, named: Named| match slug {
        Some(slug) => named(conn, &item, slug),
        None => Ok(None),
    };
    Ok(Some(Card {
        service: slug(conn, &item.spec.service, named::<Service>)?,
        runbook: slug(conn, &item.spec.runbook, named::<Runbook>)?,
        accepted: accepted::among(conn, item.platform, accepted::OF_CONNECTOR, &[&item.slug])?,
        address: item.spec.address(&held.operation).unwrap_or_default(),
        spec: item.spec,
    }))
}

type Named = fn(&mut Conn, &Item<Connector>, &str) -> db::Result<Option<(ItemId, String)>>;

fn named<T: Definition>(
    conn: &mut Conn,
    of: &Item<Connector>,
    slug: &str,
) -> db::Result<Option<(ItemId, String)>> {
    match packs::by_slug::<T>(conn, of.platform, slug) {
        Ok(item) => Ok(Some((item.id, item.name))),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `POST /connectors/{id}/change`: forces it open, asks for a trial, or asks that every call goes out.
pub async fn change(
    signed: Signed,
    services: Data<Services>,
    id: Path<BreakerId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    let again = block(
        move || match try_change(&services, &signed, id, &form.data, form.key)? {
            Ok(()) => Ok::<_, web::Error>(None),
            Err((status, problems)) => {
                let view = show(&services, &signed, id, form.data, problems)?;
                Ok(Some((status, view)))
            }
        },
    )
    .await?;
    match again {
        None => see_other(format!("/connectors/{id}")),
        Some((status, view)) => page_with(status, &view),
    }
}

/// A form that is shown again, as what it is answered and with what was wrong.
type Again = (StatusCode, Problems);

fn try_change(
    services: &Services,
    signed: &Signed,
    id: BreakerId,
    typed: &Typed,
    key: FormKey,
) -> Result<Result<(), Again>, web::Error> {
    let mut problems = Problems::new();
    let lasts = LENGTHS.iter().find(|(value, _, _)| *value == typed.lasts);
    match typed.change.as_str() {
        "force_open" | "reset" => {}
        "disable" if lasts.is_none() => problems.add("lasts", "Choose until when."),
        "disable" => {}
        _ => problems.add("change", "Choose what is to happen."),
    }
    problems.check_plain("reason", &typed.reason);
    if !problems.is_empty() {
        // Whoever may not see it is not told what was wrong with the form.
        return Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, problems)));
    }
    let reason = typed.reason.as_str();
    let done = match (typed.change.as_str(), lasts) {
        ("force_open", _) => actions::force_open(services, signed, id, reason, key),
        ("disable", Some((_, _, hours))) => {
            let lasts = TimeDelta::hours(*hours);
            actions::propose(services, signed, id, (reason, lasts), key)
        }
        _ => actions::reset(services, signed, id, reason, key),
    };
    let again = |status, field, refusal: &Refusal| {
        let problems = Problems::one(field, refusal.to_string());
        Ok(Err((status, problems)))
    };
    match done {
        Ok(()) => Ok(Ok(())),
        Err(refusal @ (Refusal::Reason | Refusal::LongReason)) => {
            again(StatusCode::UNPROCESSABLE_ENTITY, "reason", &refusal)
        }
        // It turned while the reason was typed, which is when people act: the reason stays.
        Err(refusal @ (Refusal::Already | Refusal::NothingToTry | Refusal::Asked)) => {
            again(StatusCode::CONFLICT, "change", &refusal)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

type Answer = fn(&Services, &Signed, (BreakerId, ProposalId), FormKey) -> Result<(), Refusal>;

async fn answer(
    signed: Signed,
    services: Data<Services>,
    path: Path<(BreakerId, ProposalId)>,
    form: Form<Nothing>,
    act: Answer,
) -> web::Result {
    let of = path.into_inner();
    block(move || act(&services, &signed, of, form.key).map_err(web::Error::from)).await?;
    see_other(format!("/connectors/{}", of.0))
}

/// `POST /connectors/{id}/proposals/{proposal}/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    path: Path<(BreakerId, ProposalId)>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, path, form, actions::approve).await
}

/// `POST /connectors/{id}/proposals/{proposal}/refusal`
pub async fn refuse(
    signed: Signed,
    services: Data<Services>,
    path: Path<(BreakerId, ProposalId)>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, path, form, actions::refuse).await
}
