//! What the demo has of silences, maintenance and alerts of other programs, so that a newcomer sees them.

use chrono::{NaiveTime, TimeDelta};

use super::alert::Holder;
use super::alertmanager::intake;
use super::alertmanager::posted::{PostableAlert, Posted, Without};
use super::silences::actions::{self as silences, Author, NewSilence};
use super::silences::matcher::Matcher;
use super::silences::store as kept;
use super::windows::actions::{self as windows, NewWindow};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Actor;
use crate::foundation::auth::people;
use crate::foundation::db::PoolKind;
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::sentence;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const OPERATOR: &str = "operator@demo.signalbox";

/// Makes them once; a second start finds them there and changes nothing.
pub fn fill(services: &Services) -> Result<(), Failure> {
    let now = services.clock.now();
    let (begun, operator, platforms) = services.db.read_on(PoolKind::Jobs, |conn| {
        let running = kept::running(conn, &Scope::All, now)?;
        let over = kept::over(conn, &Scope::All, now, 1)?;
        Ok::<_, crate::foundation::db::Error>((
            !(running.is_empty() && over.is_empty()),
            people::find_by_email(conn, OPERATOR)?,
            packs::platforms(conn)?,
        ))
    })?;
    let Some(operator) = operator.filter(|_| !begun) else {
        return Ok(());
    };
    let platform = |slug: &str| platforms.iter().find(|it| it.slug == slug).map(|it| it.id);
    let author = Author {
        actor: Actor::person(operator.id),
        by: Holder::Person(operator.id),
        name: operator.name.clone(),
    };
    if let Some(lait) = platform("lait") {
        let new = NewSilence {
            snooze: false,
            platform: lait,
            matchers: vec![Matcher::is("service", "frontend")],
            reason: "The front end is being moved to another host".to_owned(),
            starts_at: now,
            ends_at: now + TimeDelta::hours(4),
        };
        silences::create(services, &author, &new, None, Uuid::now_v7().into())
            .map_err(|error| sentence(&error))?;
    }
    if let Some(horizon) = platform("regtech-horizon") {
        let day = (now + TimeDelta::days(4)).date_naive();
        let starts_at = day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(2);
        let new = NewWindow {
            platform: horizon,
            services: Vec::new(),
            name: "New disks for the database".to_owned(),
            starts_at,
            ends_at: starts_at + TimeDelta::hours(2),
            tell: Vec::new(),
        };
        windows::create_as(
            services,
            &author.actor,
            operator.id,
            &operator.name,
            &new,
            Uuid::now_v7().into(),
        )
        .map_err(|error| sentence(&error))?;
    }
    if let Some(debt_os) = platform("debt-os") {
        let sent: PostableAlert = serde_json::from_value(serde_json::json!({
            "labels": {"alertname": "NodeClockSkew", "severity": "warning", "instance": "db-1:9100"},
            "annotations": {"summary": "The clock of db-1 is 340 ms off"},
        }))?;
        let posted = Posted::read(sent, now, Without::Stays)?;
        intake::light(services, &Actor::job("demo"), "demo", debt_os, &posted)?;
    }
    Ok(())
}
