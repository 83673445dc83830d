use std::collections::HashMap;

use actix_web::web::{Data, Query};
use chrono::TimeDelta;
use serde::Deserialize;

use super::super::incident::State;
use super::super::store::{self, Place, Wanted, follow_ups};
use super::super::times;
use super::super::views::{ActionRow, List, MeansRow, Row, verdict};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS};
use crate::foundation::web::{self, Chrome, Nav, block, page};

/// Which incidents the list shows, and from where on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listing {
    state: String,
    platform: String,
    after: Option<String>,
}

/// How far back times are looked at, in days.
const SPANS: [i64; 2] = [30, 90];

/// `GET /incidents`: what is open, then what was, the newest first.
pub async fn list(signed: Signed, services: Data<Services>, query: Query<Listing>) -> web::Result {
    let view = block(move || show(&services, &signed, query.into_inner())).await?;
    page(&view)
}

fn show(services: &Services, signed: &Signed, query: Listing) -> Result<List, web::Error> {
    let now = services.clock.now();
    let after: Option<Cursor<Place>> = query.after.as_deref().map(Cursor::decode).transpose()?;
    let state = (!query.state.is_empty())
        .then(|| query.state.parse::<State>())
        .transpose()
        .map_err(web::Error::Malformed)?;
    let chrome = Chrome::new(signed, services, "Incidents", Nav::Incidents);
    services.db.read(|conn| {
        let platforms = packs::platforms(conn)?;
        let view = signed.view();
        let chosen = platforms.iter().find(|it| it.slug == query.platform);
        let scope = match chosen {
            Some(platform) if !query.platform.is_empty() => view.narrowed(Some(platform.id)),
            _ if !query.platform.is_empty() => Scope::nothing(),
            _ => view.clone(),
        };
        let names: HashMap<PlatformId, String> = platforms
            .iter()
            .map(|it| (it.id, it.name.clone()))
            .collect();
        let row = |it: &_| named(it, &names, now);
        let mut all_live = store::live(conn, &scope)?;
        let mut each: Vec<&mut _> = all_live.iter_mut().collect();
        times::measure(conn, &mut each)?;
        let is_first = after.is_none();
        let live = all_live
            .iter()
            .filter(|it| is_first && state.is_none_or(|state| it.state == state));
        let wanted = Wanted {
            scope: &scope,
            live: false,
            state,
            before: after.map(|cursor| cursor.key),
        };
        let mut over = store::listed(conn, &wanted, PAGE_ROWS + 1)?;
        let more = over.len() > PAGE_ROWS;
        over.truncate(PAGE_ROWS);
        let next = over.last().filter(|_| more).map(|last| {
            let cursor = Cursor {
                direction: Direction::Next,
                key: (last.opened_at, last.id.uuid()),
            };
            let (state, platform) = (&query.state, &query.platform);
            format!(
                "/incidents?state={state}&platform={platform}&after={}",
                cursor.encode()
            )
        });
        let actions = follow_ups::open(conn, &scope)?;
        let late = actions.iter().filter(|(it, _)| it.is_overdue(now)).count() as u64;
        let reviews = store::reviews_overdue(conn, &scope, now)?.unsigned_abs();
        let mut means = Vec::new();
        for days in SPANS {
            let of = store::means(conn, &scope, now - TimeDelta::days(days))?;
            means.push(MeansRow::of(days, &of));
        }
        let (lamp, sentence, detail) = verdict(&all_live, late, reviews);
        Ok(List {
            chrome,
            lamp,
            sentence,
            detail,
            live: live.map(row).collect(),
            over: over.iter().map(row).collect(),
            actions: actions
                .iter()
                .map(|(it, title)| ActionRow::of(it, title, now))
                .collect(),
            means,
            platforms: platforms
                .iter()
                .filter(|it| view.allows(it.id))
                .map(|it| (it.slug.clone(), it.name.clone()))
                .collect(),
            platform: query.platform.clone(),
            state: query.state.clone(),
            next,
            is_first,
            may_open: signed.may(Permission::IncidentsAct),
        })
    })
}

fn named(
    incident: &super::super::incident::Incident,
    names: &HashMap<PlatformId, String>,
    now: chrono::DateTime<chrono::Utc>,
) -> Row {
    let platform = names.get(&incident.platform).cloned().unwrap_or_default();
    Row::of(incident, platform, now)
}
