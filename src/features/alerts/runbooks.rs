//! The runbooks of the platforms: what each is for, who answers for it, and how one comes to it.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};

use super::views::RunbookCard;
use crate::features::packs::pack::{Connector, ErrorCode, Heartbeat, ItemId, Runbook};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Lamp, Nav, block};

/// `GET /runbooks`
#[derive(Template)]
#[template(path = "alerts/runbooks.html")]
pub struct Runbooks {
    pub chrome: Chrome,
    pub lamp: Lamp,
    pub sentence: String,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub runbook: RunbookCard,
    pub platform: String,
    /// "5 steps"
    pub steps: String,
    /// The first few that lead to it, and how many more do.
    pub leads: Vec<Lead>,
    pub more: usize,
}

/// `GET /runbooks/{id}`
#[derive(Template)]
#[template(path = "alerts/runbook.html")]
pub struct RunbookPage {
    pub chrome: Chrome,
    pub runbook: RunbookCard,
    pub platform: String,
    pub retired: bool,
    pub leads: Vec<Lead>,
    /// Those that it leads on to: address and title.
    pub then: Vec<(String, String)>,
}

/// Something that leads to a runbook.
#[derive(Clone, Debug)]
pub struct Lead {
    /// "rule", "heartbeat" …
    pub kind: &'static str,
    pub name: String,
}

type Leads = HashMap<(PlatformId, String), Vec<Lead>>;

/// Everything in force that names a runbook, by the runbook that it names.
fn leads(conn: &mut Conn, scope: &Scope) -> db::Result<Leads> {
    let mut found = Leads::new();
    let mut add = |platform: PlatformId, slug: Option<String>, kind, name: String| {
        if let Some(slug) = slug {
            let led = found.entry((platform, slug)).or_default();
            led.push(Lead { kind, name });
        }
    };
    for rule in packs::live_rules(conn)? {
        let named = rule.spec.get("runbook").and_then(serde_json::Value::as_str);
        add(rule.platform, named.map(str::to_owned), "rule", rule.name);
    }
    for item in packs::live_within::<Heartbeat>(conn, scope)? {
        add(item.platform, item.spec.runbook, "heartbeat", item.name);
    }
    for item in packs::live_within::<Connector>(conn, scope)? {
        add(item.platform, item.spec.runbook, "connector", item.name);
    }
    for item in packs::live_within::<ErrorCode>(conn, scope)? {
        add(item.platform, item.spec.runbook, "error code", item.name);
    }
    for item in packs::live_within::<Runbook>(conn, scope)? {
        for next in item.spec.then {
            add(item.platform, Some(next), "runbook", item.name.clone());
        }
    }
    Ok(found)
}

/// `GET /runbooks`: those of the platforms that the reader sees, those that are overdue for a review first.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, now, view) = (services.clone(), services.clock.now(), signed.view());
    let mut rows = block(move || {
        app.db
            .read(|conn| {
                let mut leads = leads(conn, &view)?;
                let platforms: HashMap<PlatformId, String> = packs::platforms(conn)?
                    .into_iter()
                    .map(|it| (it.id, it.name))
                    .collect();
                let items = packs::live_within::<Runbook>(conn, &view)?;
                let rows = items.iter().map(|item| {
                    let key = (item.platform, item.slug.clone());
                    let leads = leads.remove(&key).unwrap_or_default();
                    row(item, platforms.get(&item.platform), leads, now)
                });
                Ok::<_, db::Error>(rows.collect::<Vec<_>>())
            })
            .map_err(web::Error::from)
    })
    .await?;
    let overdue = rows.iter().filter(|row| row.runbook.overdue).count();
    // Within a platform they stay in the order of its pack.
    rows.sort_by(|a, b| {
        let key = |row: &Row| (!row.runbook.overdue, row.platform.clone());
        key(a).cmp(&key(b))
    });
    let all = counted(rows.len() as u64, "runbook", "runbooks");
    web::page(&Runbooks {
        chrome: Chrome::new(&signed, &services, "Runbooks", Nav::Runbooks),
        lamp: if overdue == 0 {
            Lamp::Clear
        } else {
            Lamp::Yellow
        },
        sentence: match overdue {
            0 => format!("{all}, none overdue for a review"),
            1 => format!("1 of {all} is overdue for a review"),
            many => format!("{many} of {all} are overdue for a review"),
        },
        rows,
    })
}

/// As many as a cell shows.
const SHOWN: usize = 3;

fn row(
    item: &Item<Runbook>,
    platform: Option<&String>,
    mut leads: Vec<Lead>,
    now: DateTime<Utc>,
) -> Row {
    let more = leads.len().saturating_sub(SHOWN);
    leads.truncate(SHOWN);
    Row {
        runbook: RunbookCard::of(item, now),
        platform: platform.cloned().unwrap_or_default(),
        steps: counted(item.spec.steps.len() as u64, "step", "steps"),
        leads,
        more,
    }
}

/// `GET /runbooks/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let (app, now) = (services.clone(), services.clock.now());
    let reach = signed.reach().clone();
    let (item, platform, leads, then) = block(move || {
        app.db.read(|conn| {
            let item = packs::item::<Runbook>(conn, *id)?;
            if !reach.allows(item.platform) {
                return Err(web::Error::NotFound);
            }
            let of_platform = Scope::one(item.platform);
            let key = (item.platform, item.slug.clone());
            let leads = leads(conn, &of_platform)?.remove(&key).unwrap_or_default();
            let mut then = Vec::new();
            for next in &item.spec.then {
                match packs::by_slug::<Runbook>(conn, item.platform, next) {
                    Ok(next) => then.push((format!("/runbooks/{}", next.id), next.name)),
                    Err(db::Error::NotFound) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let platforms = packs::platforms(conn)?;
            let platform = platforms.into_iter().find(|it| it.id == item.platform);
            Ok::<_, web::Error>((item, platform, leads, then))
        })
    })
    .await?;
    web::page(&RunbookPage {
        chrome: Chrome::new(&signed, &services, &item.name, Nav::Runbooks),
        platform: platform.map(|it| it.name).unwrap_or_default(),
        retired: item.retired_at.is_some(),
        runbook: RunbookCard::of(&item, now),
        leads,
        then,
    })
}
