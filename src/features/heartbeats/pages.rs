use actix_web::web::{Data, Path};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::board::{self, Status};
use super::store::pings::{self, Kept, Turned};
use super::views::{Address, Downtime, Lines, List, One, Row, Verdict};
use super::{actions, store};
use crate::features::packs::accepted::{self, Accepted};
use crate::features::packs::pack::{ItemId, Runbook, Service};
use crate::features::packs::store::{self as packs, Definition};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::{self, Chrome, Form, Nav, block, page, see_other};

/// How far back the page of a heartbeat tells of its downtimes.
const DOWNTIMES: TimeDelta = TimeDelta::days(30);

/// `GET /heartbeats`: every job that gives signs of life, worst first.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let all = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| board::all(conn, &view, now))
            .map_err(web::Error::from)
    })
    .await?;
    let standings: Vec<_> = all.iter().map(|status| status.standing).collect();
    page(&List {
        chrome: Chrome::new(&signed, &services, "Heartbeats", Nav::Heartbeats),
        verdict: Verdict::of(&standings),
        rows: all.iter().map(Row::from).collect(),
    })
}

/// `GET /heartbeats/{id}`: one job, what it said lately, and where it pings.
pub async fn one(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let now = services.clock.now();
        let found = services
            .db
            .read(|conn| Found::read(conn, &services, &signed, id, now))?;
        let status = &found.status;
        Ok::<_, web::Error>(One {
            chrome: Chrome::new(&signed, &services, &status.item.name, Nav::Heartbeats),
            row: Row::from(status),
            about: status.item.spec.about.clone(),
            within: status.item.spec.within.map(|it| it.to_string()),
            not_met: found.not_met,
            accepted: found.accepted,
            deadline: status.deadline,
            service: found.service,
            runbook: found.runbook,
            address: found.address,
            downtimes: Downtime::all(&found.turns, now - DOWNTIMES, now),
            pings: found.pings.into_iter().map(Into::into).collect(),
        })
    })
    .await?;
    page(&view)
}

struct Found {
    status: Status,
    service: Option<(ItemId, String)>,
    runbook: Option<(ItemId, String)>,
    /// What the linter says of its obligation, and why the pack lives with it.
    not_met: Option<(String, String)>,
    /// What else it says of it.
    accepted: Vec<Accepted>,
    address: Address,
    turns: Vec<Turned>,
    pings: Vec<Kept>,
}

impl Found {
    fn read(
        conn: &mut Conn,
        services: &Services,
        signed: &Signed,
        id: ItemId,
        now: DateTime<Utc>,
    ) -> db::Result<Self> {
        let status = board::one(conn, signed.reach(), id, now)?;
        let spec = &status.item.spec;
        let (platform, slug) = (status.platform.id, status.item.slug.as_str());
        Ok(Self {
            service: named::<Service>(conn, &status, spec.service.as_deref())?,
            runbook: named::<Runbook>(conn, &status, spec.runbook.as_deref())?,
            not_met: accepted::of(conn, platform, "obligation-not-met", slug)?,
            accepted: accepted::among(conn, platform, accepted::OF_HEARTBEAT, &[slug])?,
            address: address(conn, services, signed, &status)?,
            turns: pings::turns(conn, id, now - DOWNTIMES)?,
            pings: last_pings(conn, services, &status)?,
            status,
        })
    }
}

/// The last pings. Where the pack has since said that what the job says is not to be kept, it is not shown either.
fn last_pings(conn: &mut Conn, services: &Services, status: &Status) -> db::Result<Vec<Kept>> {
    let mut kept = pings::last(conn, &services.keyring, status.item.id)?;
    if !status.item.spec.keep_output {
        for ping in &mut kept {
            ping.body.clear();
        }
    }
    Ok(kept)
}

/// What the heartbeat's pack calls by this name.
fn named<T: Definition>(
    conn: &mut Conn,
    status: &Status,
    slug: Option<&str>,
) -> db::Result<Option<(ItemId, String)>> {
    let Some(slug) = slug else {
        return Ok(None);
    };
    match packs::by_slug::<T>(conn, status.platform.id, slug) {
        Ok(item) => Ok(Some((item.id, item.name))),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whoever may not set up jobs is not told where they ping.
fn address(
    conn: &mut Conn,
    services: &Services,
    signed: &Signed,
    status: &Status,
) -> db::Result<Address> {
    if !signed.may_at(Permission::HeartbeatsManage, status.platform.id) {
        return Ok(Address::Kept);
    }
    let Some(made_at) = status.address_made_at else {
        return Ok(Address::Coming);
    };
    let secret = store::secret(conn, &services.keyring, status.item.id)?;
    let base = services.config.web.base_url.as_str();
    let address = format!("{}/ping/{}", base.trim_end_matches('/'), secret.expose());
    Ok(Address::Shown {
        lines: Lines::of(address, status.item.spec.cron.as_deref()),
        made_at,
    })
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /heartbeats/{id}/address`: another address, in place of one that somebody may know who should not.
pub async fn renew(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || {
        actions::renew_address(&services, &signed, id, form.key).map_err(web::Error::from)
    })
    .await?;
    see_other(format!("/heartbeats/{id}"))
}
