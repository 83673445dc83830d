//! The page of lists.

use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, Utc};

use super::policy::{POLICY, ScreeningPolicy};
use super::store::lists::{self, ListRow};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::policy::{self, PolicyError};
use crate::foundation::web::{self, Chrome, Lamp, Nav, block};

#[derive(Template)]
#[template(path = "screening/lists.html")]
struct Lists {
    chrome: Chrome,
    current: Vec<Line>,
    history: Vec<Line>,
    stale_days: u16,
}

/// A version of a list.
struct Line {
    source: String,
    version: i32,
    published: String,
    loaded_at: DateTime<Utc>,
    loaded_by: String,
    hash: String,
    counts: String,
    names: i32,
    changes: String,
    warnings: i32,
    invented: bool,
    lamp: Lamp,
    age: String,
}

pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let chrome = Chrome::new(&signed, &services, "Screening lists", Nav::ScreeningLists);
    let page = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let rules = policy::at::<ScreeningPolicy>(conn, POLICY, now).map_err(|e| match e {
                PolicyError::Database(error) => web::Error::from(error),
                other => web::Error::internal(other),
            })?;
            let stale_days = rules.value.list_stale_days;
            let line = |row| Line::new(row, now, stale_days);
            Ok::<_, web::Error>(Lists {
                chrome,
                current: lists::current_lists(conn)?.into_iter().map(line).collect(),
                history: lists::all_lists(conn)?.into_iter().map(line).collect(),
                stale_days,
            })
        })
    })
    .await?;
    web::page(&page)
}

impl Line {
    fn new(row: ListRow, now: DateTime<Utc>, stale_days: u16) -> Self {
        let days = (now.date_naive() - row.published).num_days();
        let stale = days > i64::from(stale_days);
        Self {
            lamp: if stale { Lamp::Yellow } else { Lamp::Clear },
            age: match days {
                ..=0 => "Published today".to_owned(),
                1 => "One day old".to_owned(),
                days => format!("{days} days old"),
            },
            counts: format!(
                "{} people, {} companies, {} vessels, {} aircraft",
                row.people, row.companies, row.vessels, row.aircraft
            ),
            changes: format!(
                "{} added, {} changed, {} removed",
                row.added, row.changed, row.removed
            ),
            published: row.published.format("%-d %b %Y").to_string(),
            hash: hex::encode(row.sha256),
            source: row.source,
            version: row.version,
            loaded_at: row.loaded_at,
            loaded_by: row.loaded_by,
            names: row.names,
            warnings: row.warnings,
            invented: row.invented,
        }
    }
}
