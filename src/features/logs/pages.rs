use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use serde::Deserialize;

use super::filter::{Asked, Filter};
use super::store::{self, found};
use super::views::{Found, Known, List};
use crate::features::packs::pack::{ErrorCode, ItemId, LogSource, Runbook};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Chrome, Nav, block, page, page_with};

#[derive(Default, Deserialize)]
pub struct At {
    #[serde(default)]
    cursor: String,
}

/// `GET /logs`: what the platforms' logs say, newest first.
pub async fn list(
    signed: Signed,
    services: Data<Services>,
    asked: Query<Asked>,
    at: Query<At>,
) -> web::Result {
    let asked = asked.into_inner();
    let (view, is_read) = block(move || {
        let now = services.clock.now();
        let scope = signed.view();
        let chrome = Chrome::new(&signed, &services, "Logs", Nav::Logs);
        let filter = match asked.resolve(chrome.zone, now) {
            Ok(filter) => filter,
            Err(problem) => {
                let known = services.db.read(|conn| known(conn, &scope))?;
                let problem = web::format::sentence(&problem);
                return Ok((List::unread(chrome, asked, &known, problem, now), false));
            }
        };
        let cursor = Some(at.cursor.as_str())
            .filter(|cursor| !cursor.is_empty())
            .map(Cursor::decode)
            .transpose()?;
        let view = services.db.read(|conn| {
            let known = known(conn, &scope)?;
            let found = find(conn, &scope, &known, &asked, &filter, cursor.as_ref())?;
            Ok::<_, db::Error>(List::new(chrome, asked, &filter, &known, found, now))
        })?;
        Ok::<_, web::Error>((view, true))
    })
    .await?;
    if is_read {
        page(&view)
    } else {
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &view)
    }
}

/// The logs of these platforms.
fn known(conn: &mut Conn, scope: &Scope) -> db::Result<Vec<Known>> {
    let platforms: HashMap<_, _> = packs::platforms(conn)?
        .into_iter()
        .map(|platform| (platform.id, platform.name))
        .collect();
    let states = store::states(conn)?;
    let items = packs::live_within::<LogSource>(conn, scope)?;
    let each = items.into_iter().map(|item| Known {
        platform: platforms.get(&item.platform).cloned().unwrap_or_default(),
        state: states.get(&item.id).cloned().unwrap_or_default(),
        item,
    });
    Ok(each.collect())
}

fn find(
    conn: &mut Conn,
    scope: &Scope,
    known: &[Known],
    asked: &Asked,
    filter: &Filter,
    cursor: Option<&Cursor<found::Place>>,
) -> db::Result<Found> {
    let all: Vec<ItemId> = known.iter().map(|it| it.item.id).collect();
    let mut wanted = all.clone();
    if let Some(source) = filter.source {
        // One that lies elsewhere is not there.
        wanted.retain(|id| id.uuid() == source);
    }
    let step = asked
        .span()
        .map_or(chrono::TimeDelta::hours(1), |span| span.step);
    let (codes, components) = found::named(conn, &wanted, filter)?;
    let runbooks = packs::live_within::<Runbook>(conn, scope)?.into_iter();
    Ok(Found {
        catalogue: packs::live_within::<ErrorCode>(conn, scope)?,
        runbooks: runbooks
            .map(|item| ((item.platform, item.slug), item.id))
            .collect(),
        sums: found::sums(conn, &all, filter.from, filter.until)?,
        bars: found::bars(conn, &wanted, filter, step)?,
        codes,
        components,
        lines: found::lines(conn, &wanted, filter, cursor)?,
    })
}
