//! What a pack's calendar brings is announced two weeks ahead; what it no longer brings is called off.

use chrono::{DateTime, TimeDelta, Utc};

use super::actions::described;
use super::store;
use super::window::{State, Window, WindowId};
use crate::features::alerts::evaluate::{audited, carry_on};
use crate::features::packs::calendar::{Calendar, Span};
use crate::features::packs::pack::{ItemId, Maintenance, Service};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::Scope;

/// How far ahead a calendar is announced.
const AHEAD: TimeDelta = TimeDelta::days(14);

/// What has to be done so that what is announced is what the packs say.
#[derive(Default)]
struct Due {
    call_off: Vec<WindowId>,
    announce: Vec<Window>,
}

/// Returns how many windows were announced or called off.
pub fn announce(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let due = services.db.read_on(PoolKind::Jobs, |conn| due(conn, now))?;
    let mut changed = 0;
    for id in due.call_off {
        let done = audited(services, |tx| {
            let mut window = store::lock(tx, id)?;
            if window.state(now) != State::Coming {
                return Ok(());
            }
            window.ended = Some((now, "Signalbox".to_owned()));
            store::save(tx, &window)?;
            tx.record(described("maintenance.called_off", &window))?;
            Ok(())
        });
        changed += usize::from(carry_on("a window that its pack no longer has", done)?);
    }
    for window in &due.announce {
        let done = audited(services, |tx| {
            if store::insert(tx, window)? {
                tx.record(described("maintenance.announced", window))?;
            }
            Ok(())
        });
        changed += usize::from(carry_on(&window.name, done)?);
    }
    Ok(changed)
}

fn due(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Due> {
    let known = store::announced(conn, now)?;
    let defined = packs::live::<Maintenance>(conn)?;
    let mut wanted = Vec::new();
    for item in &defined {
        let Ok(calendar) = item.spec.when.parse::<Calendar>() else {
            continue;
        };
        let zone = packs::zone(conn, item.platform)?;
        let services = services_of(conn, item)?;
        let soon = calendar.after(now, zone);
        let soon = soon.take_while(|span| span.starts_at <= now + AHEAD);
        wanted.extend(soon.map(|span| window(item, span, services.clone(), now)));
    }
    // One that somebody called off is known as well, and is not announced again.
    let call_off = known
        .iter()
        .filter(|it| it.state(now) == State::Coming)
        .filter(|it| !wanted.iter().any(|other| is_same(it, other)))
        .map(|it| it.id)
        .collect();
    wanted.retain(|it| !known.iter().any(|other| is_same(it, other)));
    Ok(Due {
        call_off,
        announce: wanted,
    })
}

/// Whatever it is called: one that was announced takes place as it was announced.
fn is_same(one: &Window, other: &Window) -> bool {
    let key = |it: &Window| (it.item, it.starts_at, it.ends_at);
    key(one) == key(other) && one.services == other.services
}

fn window(
    item: &Item<Maintenance>,
    span: Span,
    services: Vec<ItemId>,
    now: DateTime<Utc>,
) -> Window {
    Window {
        id: WindowId::new(),
        platform: item.platform,
        item: Some(item.id),
        name: item.name.clone(),
        services,
        starts_at: span.starts_at,
        ends_at: span.ends_at,
        announced_at: now,
        announced_by: None,
        announced_name: "its pack".to_owned(),
        needs_second: false,
        approved: None,
        ended: None,
        tell: Vec::new(),
        told_at: None,
        told_off_at: None,
    }
}

fn services_of(conn: &mut Conn, item: &Item<Maintenance>) -> db::Result<Vec<ItemId>> {
    let services = packs::live_within::<Service>(conn, &Scope::one(item.platform))?;
    let named = |slug: &String| services.iter().find(|it| it.slug == *slug).map(|it| it.id);
    Ok(item.spec.services.iter().filter_map(named).collect())
}
