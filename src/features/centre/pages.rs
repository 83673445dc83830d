use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::views::{Centre, Happened, Line};
use super::waiting;
use crate::features::health::store::reports;
use crate::features::notify::store::seen;
use crate::features::packs::pack::{EventType, ItemId};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::{self, Chrome, Form, Nav, block, page, see_other};

/// How far back it goes, and how much of it is shown.
pub const KEPT: TimeDelta = TimeDelta::days(90);
const SHOWN: i64 = 200;

/// `GET /account/notices`
pub async fn show(signed: Signed, services: Data<Services>) -> web::Result {
    let view = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let seen_until = seen::until(conn, &signed.email)?;
            let told = seen::told(conn, &signed.email, now - KEPT, SHOWN)?;
            let lines: Vec<Line> = told
                .into_iter()
                .map(|told| Line::of(told, seen_until))
                .collect();
            Ok::<_, web::Error>(Centre {
                chrome: Chrome::new(&signed, &services, "Notification centre", Nav::Account),
                waiting: waiting::of(conn, &signed, now)?,
                happened: happened(conn, &signed, now)?,
                unseen: lines.iter().filter(|line| line.is_new).count() as u64,
                shown_at: now.to_rfc3339(),
                lines,
            })
        })
    })
    .await?;
    page(&view)
}

/// The events that packs mark, on the platforms whose health the reader may see.
fn happened(conn: &mut Conn, signed: &Signed, now: DateTime<Utc>) -> db::Result<Vec<Happened>> {
    let reach = signed.reach_for(Permission::HealthRead);
    let mut types = packs::live_within::<EventType>(conn, &reach)?;
    types.retain(|item| item.spec.shown);
    let ids: Vec<ItemId> = types.iter().map(|item| item.id).collect();
    let platforms = packs::platforms(conn)?;
    let events = reports::events_of(conn, &ids, now - KEPT, SHOWN)?;
    let line = |(id, at): (ItemId, DateTime<Utc>)| {
        let item = types.iter().find(|item| item.id == id)?;
        let platform = platforms.iter().find(|it| it.id == item.platform)?;
        Some(Happened {
            at,
            name: item.name.clone(),
            about: item.spec.about.clone(),
            platform: platform.name.clone(),
        })
    };
    Ok(events.into_iter().filter_map(line).collect())
}

/// Up to which moment the reader has seen what there was.
#[derive(Deserialize)]
pub struct Seen {
    until: String,
}

/// `POST /account/notices/seen`
pub async fn see(signed: Signed, services: Data<Services>, form: Form<Seen>) -> web::Result {
    block(move || {
        let now = services.clock.now();
        let until = DateTime::parse_from_rfc3339(&form.data.until)
            .map_err(|_| web::Error::Malformed("the form: until is not a moment".to_owned()))?;
        // Nobody has seen what is still to come.
        let until = until.with_timezone(&Utc).min(now);
        services
            .audit
            .write_unaudited(Unaudited::SessionTouch, |conn| {
                seen::see(conn, &signed.email, until)
            })
            .map_err(web::Error::from)
    })
    .await?;
    see_other("/account/notices")
}
