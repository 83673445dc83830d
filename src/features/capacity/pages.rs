use std::collections::HashMap;

use actix_web::web::Data;
use chrono::TimeDelta;

use super::actions;
use super::store;
use super::trend::MOST_DAYS;
use super::views::{List, Row};
use crate::features::packs::pack::{Capacity, ItemId};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::web::{self, Chrome, Nav, block, page};

/// `GET /capacity`: every limit, what is in use of it, and when the rest will be.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let rows = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| {
                let names: HashMap<_, _> = packs::platforms(conn)?
                    .into_iter()
                    .map(|it| (it.id, it.name))
                    .collect();
                let items = packs::live_within::<Capacity>(conn, &view)?;
                let ids: Vec<ItemId> = items.iter().map(|it| it.id).collect();
                let good_for = actions::good_for(conn, &items)?;
                let days = store::since(conn, &ids, now - TimeDelta::days(MOST_DAYS))?;
                let row = |item: &packs::Item<Capacity>| {
                    let platform = names.get(&item.platform).map_or("", String::as_str);
                    let days = days.get(&item.id).map_or(&[][..], Vec::as_slice);
                    let good_for = good_for.get(&item.id).copied().flatten();
                    Row::of(item, platform, days, good_for, now)
                };
                let mut rows: Vec<Row> = items.iter().map(row).collect();
                rows.sort_by_key(|row| row.lamp);
                Ok::<_, db::Error>(rows)
            })
            .map_err(web::Error::from)
    })
    .await?;
    page(&List {
        chrome: Chrome::new(&signed, &services, "Capacity", Nav::Capacity),
        rows,
    })
}
