//! The demo's incidents: one that is closed with its review, and one that is open, made by the same acts as any other.

use chrono::{Days, TimeDelta};
use uuid::Uuid;

use super::actions::opening::{self, NewIncident};
use super::actions::{self, By, follow_ups, reviews};
use super::incident::{IncidentId, State};
use super::review::Written;
use super::store::entries::Audience;
use super::store::{self, Wanted, follow_ups as given, reviews as kept};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, FormKey};
use crate::foundation::auth::people::{self, Person};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::{Level, PlatformId, Scope};
use crate::foundation::web::format::sentence;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const OPERATOR: &str = "operator@demo.signalbox";
const APPROVER: &str = "admin@demo.signalbox";

/// Makes them once; a second start finds them there and changes nothing.
pub fn fill(services: &Services) -> Result<(), Failure> {
    let (begun, operator, approver, platforms) = services.db.read_on(PoolKind::Jobs, |conn| {
        let scope = Scope::All;
        let over = Wanted {
            scope: &scope,
            live: false,
            state: None,
            before: None,
        };
        let any =
            !store::listed(conn, &over, 1)?.is_empty() || !store::live(conn, &scope)?.is_empty();
        Ok::<_, db::Error>((
            any,
            people::find_by_email(conn, OPERATOR)?,
            people::find_by_email(conn, APPROVER)?,
            packs::platforms(conn)?,
        ))
    })?;
    let (Some(operator), Some(approver)) = (operator, approver) else {
        return Ok(());
    };
    let platform = |slug: &str| platforms.iter().find(|it| it.slug == slug).map(|it| it.id);
    if begun {
        return Ok(());
    }
    let told = |error: actions::IncidentError| -> Failure { sentence(&error).into() };
    if let Some(horizon) = platform("regtech-horizon") {
        finished(services, &by(&operator), &by(&approver), horizon).map_err(told)?;
    }
    if let Some(lait) = platform("lait") {
        begun_one(services, &by(&operator), lait).map_err(told)?;
    }
    Ok(())
}

fn by(person: &Person) -> By {
    By {
        actor: Actor::person(person.id),
        person: person.id,
        name: person.name.clone(),
    }
}

fn key() -> FormKey {
    Uuid::now_v7().into()
}

fn open(
    services: &Services,
    by: &By,
    platform: PlatformId,
    (title, level, note): (&str, Level, &str),
) -> actions::Result<IncidentId> {
    let new = NewIncident {
        platform,
        title: title.to_owned(),
        level,
        note: note.to_owned(),
        alerts: Vec::new(),
        leads: true,
    };
    opening::open(services, by, &new, key())
}

fn finished(
    services: &Services,
    operator: &By,
    approver: &By,
    platform: PlatformId,
) -> actions::Result<()> {
    let what = (
        "Reports could not be generated",
        Level::Red,
        "Two authorities have asked where their reports are.",
    );
    let id = open(services, operator, platform, what)?;
    let said = "Reports are late. None is lost. The next word comes in half an hour.";
    actions::update(
        services,
        operator,
        id,
        Audience::Everybody,
        said,
        None,
        key(),
    )?;
    let found = "The disk on which reports are put together is full.";
    actions::update(services, operator, id, Audience::Team, found, None, key())?;
    let done = "Old drafts were moved away, and reports go out again.";
    actions::go(services, operator, id, State::Mitigated, done, key())?;
    actions::go(
        services,
        operator,
        id,
        State::Resolved,
        "Every late report was sent.",
        key(),
    )?;
    let written = Written {
        summary: "For an hour no report could be generated. Two authorities waited; every report was sent on the same day."
            .to_owned(),
        cause: "Drafts were never removed, and the disk that they shared with finished reports filled up.".to_owned(),
        went_well: "The operator found the cause within minutes, and no report was lost.".to_owned(),
        went_badly: "Nobody watched that disk, so that the first to notice were outside.".to_owned(),
    };
    reviews::write(services, operator, id, &written, "", key())?;
    let due = (services.clock.now() + TimeDelta::days(14)).date_naive() + Days::new(1);
    let action = (
        "Watch the disk of the drafts, with a rule at 85 %",
        operator.person,
        due,
    );
    follow_ups::add(services, operator, id, action, key())?;
    let read = services.db.read_on(PoolKind::Jobs, |conn| {
        let actions = given::of(conn, id)?;
        let review = kept::of(conn, id)?;
        Ok::<_, db::Error>(review.map(|it| it.digest(&actions)))
    })?;
    let read = read.unwrap_or_default();
    reviews::sign(services, operator, id, &read, key())?;
    reviews::approve(services, approver, id, &read, key())
}

fn begun_one(services: &Services, operator: &By, platform: PlatformId) -> actions::Result<()> {
    let what = (
        "Legal search answers slowly",
        Level::Yellow,
        "Some searches take more than ten seconds since this morning.",
    );
    let id = open(services, operator, platform, what)?;
    let said = "It is slow for long documents only. The index is being rebuilt.";
    actions::update(services, operator, id, Audience::Team, said, None, key())
}
