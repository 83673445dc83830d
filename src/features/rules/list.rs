//! `GET /rules`: every rule that the reader may see.

use std::collections::{HashMap, HashSet};

use actix_web::web::{Data, Query};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::history::REACH;
use super::subjects::Subjects;
use super::views::{Filter, List, Row};
use super::words;
use crate::features::alerts::blind;
use crate::features::alerts::store::{self as alerts, About, fired};
use crate::features::packs::pack::{ItemId, Rule};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db;
use crate::foundation::kernel::{Level, Scope};
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Lamp, Nav, block, page};

/// Rows of a page.
const SHOWN: usize = 50;

/// Which rules are listed, and from where on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    platform: String,
    level: String,
    q: String,
    /// Only what is about this service.
    service: Option<ItemId>,
    after: Option<ItemId>,
}

pub async fn show(signed: Signed, services: Data<Services>, asked: Query<Asked>) -> web::Result {
    let asked = asked.into_inner();
    let view = block(move || {
        let scope = signed.view();
        let chrome = Chrome::new(&signed, &services, "Rules", Nav::Rules);
        let may_add = signed.reach_for(Permission::PacksPropose);
        let read = services.db.read(|conn| {
            let platforms = packs::platforms(conn)?;
            let platforms: Vec<_> = platforms
                .into_iter()
                .filter(|it| scope.allows(it.id))
                .collect();
            let found = found(conn, &scope, &asked, &platforms, services.clock.now())?;
            Ok::<_, db::Error>((platforms, found))
        })?;
        let (platforms, found) = read;
        let (lamp, sentence) = found.verdict;
        Ok::<_, web::Error>(List {
            lamp,
            sentence,
            is_filtered: found.is_filtered,
            filter: Filter {
                platform: asked.platform.clone(),
                level: asked.level.clone(),
                q: asked.q.clone(),
                service: asked.service,
                platforms: platforms
                    .iter()
                    .map(|it| (it.slug.clone(), it.name.clone()))
                    .collect(),
            },
            add: platforms
                .iter()
                .filter(|it| may_add.allows(it.id))
                .map(|it| (it.slug.clone(), it.name.clone()))
                .collect(),
            rows: found.rows,
            next: found.next,
            chrome,
        })
    })
    .await?;
    page(&view)
}

/// The rules of one page, and what all that were found say.
struct Found {
    rows: Vec<Row>,
    next: Option<String>,
    verdict: (Lamp, String),
    is_filtered: bool,
}

fn found(
    conn: &mut db::Conn,
    scope: &Scope,
    asked: &Asked,
    platforms: &[Watched],
    now: DateTime<Utc>,
) -> db::Result<Found> {
    let mut rows = rows(conn, scope, now)?;
    for row in &mut rows {
        if let Some(it) = platforms.iter().find(|it| it.id == row.platform) {
            row.slug.clone_from(&it.slug);
            row.place.clone_from(&it.name);
        }
    }
    let all = rows.len();
    rows.retain(|row| asked.takes(row));
    rows.sort_by_key(|row| std::cmp::Reverse((row.lit, row.is_blind)));
    // Of all that were found, not of those that fit on this page.
    let (is_filtered, verdict) = (rows.len() != all, verdict(&rows));
    let (mut rows, next) = asked.page(rows);
    let ids: Vec<ItemId> = rows.iter().map(|row| row.id).collect();
    let (last, times) = (
        fired::last(conn, &ids)?,
        fired::times(conn, &ids, now - REACH)?,
    );
    for row in &mut rows {
        row.last = last.get(&row.id).copied();
        row.times = times.get(&row.id).copied().unwrap_or(0).unsigned_abs();
    }
    Ok(Found {
        rows,
        next,
        verdict,
        is_filtered,
    })
}

/// Every rule, without what it did.
fn rows(conn: &mut db::Conn, scope: &Scope, now: DateTime<Utc>) -> db::Result<Vec<Row>> {
    let rules = packs::live_within::<Rule>(conn, scope)?;
    let subjects = Subjects::read(conn, scope)?;
    let ids: HashSet<ItemId> = rules.iter().map(|rule| rule.id).collect();
    let blind = blind::among(conn, |id| ids.contains(&id), now)?;
    let lit: HashMap<ItemId, Level> = alerts::lit(conn)?
        .into_iter()
        .filter(|(_, lit)| lit.about == About::Platform)
        .map(|(rule, lit)| (rule, lit.level))
        .collect();
    let row = |rule: &Item<Rule>| Row {
        id: rule.id,
        platform: rule.platform,
        name: rule.name.clone(),
        slug: String::new(),
        place: String::new(),
        key: rule.slug.clone(),
        kind: words::kind(&rule.spec.on),
        reads: words::reads(&rule.spec.on),
        levels: rule.spec.levels().map(|(level, _)| level.into()).collect(),
        service: subjects.service(rule.platform, &rule.spec.on).cloned(),
        last: None,
        times: 0,
        lit: lit.get(&rule.id).copied(),
        is_blind: blind.contains(&rule.id),
    };
    Ok(rules.iter().map(row).collect())
}

impl Asked {
    fn takes(&self, row: &Row) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let says = |text: &str| text.to_lowercase().contains(&wanted);
        let service = row.service.as_ref().map_or("", |(_, name)| name);
        let level = self.level.parse::<Level>().ok().map(Lamp::from);
        let about = row.service.as_ref().map(|(id, _)| *id);
        (self.service.is_none() || self.service == about)
            && (self.platform.is_empty() || self.platform == row.slug)
            && (self.level.is_empty() || level.is_some_and(|it| row.levels.contains(&it)))
            && (wanted.is_empty()
                || [&row.name, &row.key, &row.reads].iter().any(|it| says(it))
                || says(service)
                || says(row.kind))
    }

    /// The rows of this page, and where the next one is.
    fn page(&self, mut rows: Vec<Row>) -> (Vec<Row>, Option<String>) {
        let place = |id| rows.iter().position(|row| row.id == id);
        let begin = self.after.and_then(place).map_or(0, |at| at + 1);
        rows.drain(..begin);
        let more = rows.len() > SHOWN;
        rows.truncate(SHOWN);
        let next = rows.last().filter(|_| more).map(|last| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in [
                ("platform", &self.platform),
                ("level", &self.level),
                ("q", &self.q),
            ] {
                if !value.is_empty() {
                    query.append_pair(name, value);
                }
            }
            if let Some(service) = self.service {
                query.append_pair("service", &service.to_string());
            }
            query.append_pair("after", &last.id.to_string());
            format!("/rules?{}", query.finish())
        });
        (rows, next)
    }
}

/// The worst that is lit. Where nothing is found, or something cannot be seen, that is no good news.
fn verdict(rows: &[Row]) -> (Lamp, String) {
    if rows.is_empty() {
        return (Lamp::Unknown, "No rule is here to be lit".to_owned());
    }
    let worst = rows.iter().filter_map(|row| row.lit).max();
    let lit = rows.iter().filter(|row| row.lit.is_some()).count();
    let blind = rows.iter().filter(|row| row.is_blind).count();
    let lamp = match worst {
        Some(level) => level.into(),
        None if blind > 0 => Lamp::Unknown,
        None => Lamp::Clear,
    };
    let rules = counted(rows.len() as u64, "rule", "rules");
    let lit = match lit {
        0 => "none of them is lit".to_owned(),
        1 => "one of them is lit".to_owned(),
        many => format!("{many} of them are lit"),
    };
    let blind = match blind {
        0 => String::new(),
        1 => ", and one sees nothing".to_owned(),
        many => format!(", and {many} see nothing"),
    };
    (lamp, format!("{rules}: {lit}{blind}"))
}
