//! `GET /rules/{id}`: one rule, with what it did and what it would have done.

use actix_web::web::{Data, Path};

use super::backtest::{self, BackTest};
use super::history::REACH;
use super::subjects::Subjects;
use super::tested::Tested;
use super::views::{self, AlertLine, LevelLine, Page};
use super::{versions, words};
use crate::features::alerts::blind;
use crate::features::alerts::store::{Alert, fired};
use crate::features::packs::accepted;
use crate::features::packs::pack::{Condition, Indicator, ItemId, Rule, Runbook, Source};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Level, Scope};
use crate::foundation::web::{self, Chrome, Lamp, Nav, block, page};

/// So many of its alerts are listed.
const ALERTS_SHOWN: i64 = 20;

/// A rule that the reader may see, in force or not.
pub(super) fn visible(
    conn: &mut Conn,
    signed: &Signed,
    id: ItemId,
) -> Result<(Item<Rule>, Watched), web::Error> {
    let item = match packs::item::<Rule>(conn, id) {
        // What cannot be read has a lamp of its own, and its text is on the page of its pack.
        Err(db::Error::Query(_)) => return Err(web::Error::NotFound),
        found => found?,
    };
    if !signed.reach().allows(item.platform) {
        return Err(web::Error::NotFound);
    }
    let mut platforms = packs::platforms(conn)?.into_iter();
    let platform = platforms.find(|it| it.id == item.platform);
    Ok((item, platform.ok_or(web::Error::NotFound)?))
}

/// The unit of what a rule reads, where an indicator says it.
pub(super) fn unit(conn: &mut Conn, item: &Item<Rule>) -> db::Result<String> {
    let Source::Indicator(slug) = &item.spec.on else {
        return Ok(String::new());
    };
    match packs::by_slug::<Indicator>(conn, item.platform, slug) {
        Ok(indicator) => Ok(indicator.spec.unit),
        Err(db::Error::NotFound) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

pub async fn one(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || services.db.read(|conn| show(conn, &services, &signed, id))).await?;
    page(&view)
}

fn show(
    conn: &mut Conn,
    services: &Services,
    signed: &Signed,
    id: ItemId,
) -> Result<Page, web::Error> {
    let now = services.clock.now();
    let (item, platform) = visible(conn, signed, id)?;
    let retired = item.retired_at.is_some();
    let unit = unit(conn, &item)?;
    let rule = &item.spec;
    let real = fired::of_rule(conn, id, now - REACH)?;
    let tested = if retired {
        None
    } else {
        Some(backtest::run(conn, platform.id, rule, now)?)
    };
    let compared = match &tested {
        Some(BackTest::Done(done)) => Some(done.compared(&real)),
        _ => None,
    };
    let shown = fired::alerts(conn, id, ALERTS_SHOWN)?;
    let lit = shown.iter().find(|alert| alert.firing);
    let (lamp, standing) = if retired && lit.is_none() {
        (Lamp::Unknown, "Not in force any more")
    } else {
        let blind = blind::among(conn, |it| it == id, now)?;
        views::standing(lit.map(|alert| alert.level), !blind.is_empty())
    };
    let versions = versions::of(conn, platform.id, &item.slug)?;
    let scope = Scope::one(platform.id);
    let subjects = Subjects::read(conn, &scope)?;
    let runbook = runbook(conn, &item)?;
    let may = |permission| signed.may_at(permission, platform.id);
    let level = |(level, condition): (Level, &Condition)| LevelLine {
        lamp: Lamp::from(level),
        says: words::when(rule, condition, &unit),
    };
    Ok(Page {
        chrome: Chrome::new(signed, services, &item.name, Nav::Rules),
        id,
        slug: platform.slug,
        platform: platform.name,
        lamp,
        standing,
        lit: lit.map(|alert| alert.id.to_string()),
        reads: words::reads(&rule.on),
        service: subjects.service(platform.id, &rule.on).cloned(),
        levels: rule.levels().map(level).collect(),
        stays_lit: words::stays_lit(rule),
        without_data: words::without_data(rule),
        tells: rule.escalation.clone(),
        owner: rule.owner.clone(),
        runbook: runbook.map(|it| (it.id, it.spec)),
        may_change: !retired && versions.piece.is_some() && may(Permission::PacksPropose),
        piece: versions.piece,
        tested: tested.map(|it| Tested::of(rule, &it, compared.as_ref())),
        times: real.times.len() as u64,
        alerts: shown.iter().map(AlertLine::of).collect(),
        versions: versions.all,
        has_older: versions.has_older,
        accepted: accepted::among(conn, item.platform, accepted::OF_RULE, &[&item.slug])?,
    })
}

fn runbook(conn: &mut Conn, rule: &Item<Rule>) -> db::Result<Option<Item<Runbook>>> {
    let Some(slug) = &rule.spec.runbook else {
        return Ok(None);
    };
    match packs::by_slug(conn, rule.platform, slug) {
        Ok(runbook) => Ok(Some(runbook)),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

impl AlertLine {
    fn of(alert: &Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            lamp: alert.level.into(),
            summary: alert.summary.clone(),
            from: alert.fired_at,
            until: alert.resolved_at,
            acknowledged: alert
                .acknowledged
                .as_ref()
                .map(|held| held.name.clone())
                .unwrap_or_default(),
        }
    }
}
