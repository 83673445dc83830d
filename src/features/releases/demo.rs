//! What the demo has of releases: one that waits to be approved, with its checklist.

use chrono::TimeDelta;
use uuid::Uuid;

use super::actions::{self, NewRelease};
use super::store;
use crate::features::checklists::actions::Hand;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Actor;
use crate::foundation::auth::people;
use crate::foundation::db::{self, PoolKind};
use crate::foundation::kernel::Scope;

/// Drafts it once; a second start finds it there and changes nothing.
pub fn fill(services: &Services) -> Result<(), actions::ReleaseError> {
    let (begun, operator, platforms) = services.db.read_on(PoolKind::Jobs, |conn| {
        let open = store::all(conn, &Scope::All, (false, None), 1)?;
        let over = store::all(conn, &Scope::All, (true, None), 1)?;
        Ok::<_, db::Error>((
            !(open.is_empty() && over.is_empty()),
            people::find_by_email(conn, "operator@demo.signalbox")?,
            packs::platforms(conn)?,
        ))
    })?;
    let finchat = platforms.iter().find(|it| it.slug == "finchat");
    let (Some(operator), Some(finchat)) = (operator.filter(|_| !begun), finchat) else {
        return Ok(());
    };
    let hand = Hand {
        actor: Actor::person(operator.id),
        person: operator.id,
        name: operator.name,
    };
    let new = NewRelease {
        platform: finchat.id,
        from: "2.4.0".to_owned(),
        to: "2.5.0".to_owned(),
        what: "Answers quote the filing they rest on; the cache keeps filings by quarter."
            .to_owned(),
        planned_at: services.clock.now() + TimeDelta::hours(3),
    };
    actions::propose(services, &hand, &new, Uuid::now_v7().into())?;
    Ok(())
}
