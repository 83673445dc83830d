//! Opens what is due, lists what was missed, and reports what is overdue to the rules. Any number of processes may do it at
//! once, and a standstill loses no slot.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::actions::{event, open};
use super::run::{Run, RunId, State, Waiting};
use super::{slots, store};
use crate::features::alerts::windows::store as windows;
use crate::features::alerts::windows::window::{State as WindowState, Window};
use crate::features::health::store::reports;
use crate::features::packs::pack::{Checklist, Indicator, ItemId, Maintenance};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Outcome, Tx, Unaudited};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PlatformId, Scope, Timetable};

/// The indicator of a platform's pack that takes how many lists are overdue.
pub const OVERDUE: &str = "checklists_overdue";

/// What does not change is reported so often.
const REPORT_EVERY: TimeDelta = TimeDelta::minutes(1);
const REPORTS_KEPT: TimeDelta = TimeDelta::hours(48);

const NOBODY_SIGNED: &str = "Nobody had signed it when the next one opened.";
const STOOD_STILL: &str =
    "Signalbox stood still when it was due, and the next one came before it ran again.";
const RETIRED: &str = "The pack names it no more.";

fn ourselves() -> Actor {
    Actor::job("checklists")
}

/// Returns how many lists opened or ended.
pub fn tick(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let (due, gone) = services.db.read_on(PoolKind::Jobs, |conn| {
        Ok::<_, db::Error>((due(conn, now)?, gone(conn)?))
    })?;
    let mut changed = 0;
    for opening in due {
        changed += usize::from(carry_on(&opening.list.slug, open_one(services, &opening))?);
    }
    for id in gone {
        changed += usize::from(carry_on(&id.to_string(), end_one(services, id))?);
    }
    report(services, now)?;
    Ok(changed)
}

/// One list's trouble keeps no other from opening.
fn carry_on(list: &str, done: db::Result<bool>) -> db::Result<bool> {
    match done {
        Err(error @ db::Error::Unavailable(_)) => Err(error),
        Err(error) => {
            tracing::error!(%error, list, "a checklist could not be opened");
            Ok(false)
        }
        done => done,
    }
}

/// For the demo: opens each list that has a timetable for its last slot, as if Signalbox had run by then.
pub fn open_last(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    let openings = services.db.read_on(PoolKind::Jobs, |conn| {
        let platforms = packs::platforms(conn)?;
        let lists = packs::live::<Checklist>(conn)?;
        let opening = |list: &Item<Checklist>| {
            let zone = platforms.iter().find(|it| it.id == list.platform)?;
            last_opening(list, zone.zone.name(), now)
        };
        Ok::<_, db::Error>(lists.iter().filter_map(opening).collect::<Vec<_>>())
    })?;
    for opening in openings {
        open_one(services, &opening)?;
    }
    Ok(())
}

fn last_opening(list: &Item<Checklist>, zone: &str, now: DateTime<Utc>) -> Option<Opening> {
    let long_ago = Item {
        changed_at: now - TimeDelta::days(32),
        ..list.clone()
    };
    let opening = by_the_clock(&long_ago, zone, None, now)?;
    Some(Opening {
        missed: Vec::new(),
        list: list.clone(),
        ..opening
    })
}

/// What has come of one list.
struct Opening {
    list: Item<Checklist>,
    schedule: String,
    missed: Vec<Slot>,
    open: Option<Slot>,
}

/// When it was due to open, by when it is to be signed, and the window that it is for.
type Slot = (DateTime<Utc>, DateTime<Utc>, Option<Uuid>);

fn due(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<Opening>> {
    let platforms = packs::platforms(conn)?;
    let lists = packs::live::<Checklist>(conn)?;
    let mut last = HashMap::new();
    for list in lists.iter().filter(|list| list.spec.on_demand.is_none()) {
        if let Some(slot) = store::last_slot(conn, list.id)? {
            last.insert(list.id, slot);
        }
    }
    let mut due = Vec::new();
    for list in &lists {
        let zone = platforms.iter().find(|it| it.id == list.platform);
        let zone = zone.map_or("UTC", |it| it.zone.name());
        due.extend(by_the_clock(list, zone, last.get(&list.id), now));
    }
    due.extend(with_windows(conn, &lists, &last, now)?);
    Ok(due)
}

fn by_the_clock(
    list: &Item<Checklist>,
    zone: &str,
    last: Option<&(DateTime<Utc>, String)>,
    now: DateTime<Utc>,
) -> Option<Opening> {
    let cron = list.spec.cron.as_ref()?;
    let zone = list.spec.zone(zone);
    let timetable = Timetable::in_zone(cron, zone);
    let timetable = timetable
        .inspect_err(|error| tracing::error!(%error, list = list.slug, "it never opens"))
        .ok()?;
    let schedule = format!("{cron} {zone}");
    // One that was given other times, or came back, begins anew: what it would have been before was never due.
    let after = match last {
        Some((slot, by)) if *by == schedule => (*slot).max(list.declared_at),
        Some((slot, _)) => (*slot).max(list.changed_at),
        None => list.changed_at,
    };
    let come = slots::come(&timetable, after, now);
    let slot = |slot: DateTime<Utc>| (slot, slot + list.spec.within.delta(), None);
    let open = come.open.map(slot);
    (open.is_some() || !come.missed.is_empty()).then(|| Opening {
        list: list.clone(),
        schedule,
        missed: come.missed.into_iter().map(slot).collect(),
        open,
    })
}

/// Lists that open with a window which has begun. One that is over by now was missed: Signalbox stood still.
fn with_windows(
    conn: &mut Conn,
    lists: &[Item<Checklist>],
    last: &HashMap<ItemId, (DateTime<Utc>, String)>,
    now: DateTime<Utc>,
) -> db::Result<Vec<Opening>> {
    let named: Vec<_> = lists
        .iter()
        .filter_map(|list| Some((list, list.spec.maintenance.as_ref()?)))
        .collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    // What was due before the pack said so was never due.
    let since = |list: &Item<Checklist>| {
        let last = last.get(&list.id).map(|(slot, _)| *slot);
        last.map_or(list.declared_at, |slot| slot.max(list.declared_at))
    };
    let first = named.iter().map(|(list, _)| since(list)).min();
    let mut begun = windows::begun_since(conn, first.unwrap_or(now), now)?;
    // One that began before the list was declared and goes on has tasks all the same.
    let running = windows::running(conn, &Scope::All, now)?;
    begun.retain(|it| running.iter().all(|other| other.id != it.id));
    let calendars = packs::live::<Maintenance>(conn)?;
    let mut due = Vec::new();
    for (list, slug) in named {
        let calendar = calendars
            .iter()
            .find(|it| it.platform == list.platform && it.slug == *slug);
        let Some(calendar) = calendar else {
            continue;
        };
        let is_new = |window: &Window| {
            let slot = last.get(&list.id).map(|(slot, _)| *slot);
            slot.is_none_or(|slot| slot < window.starts_at)
        };
        let of_list = |window: &&Window| window.item == Some(calendar.id) && is_new(window);
        let slot = |window: &Window| (window.starts_at, window.ends_at, Some(window.id.uuid()));
        let over = begun.iter().filter(of_list);
        let over = over.filter(|window| window.starts_at > since(list));
        let mut active = running.iter().filter(of_list);
        let active = active.find(|window| window.state(now) == WindowState::Active);
        let opening = Opening {
            list: list.clone(),
            schedule: format!("maintenance {slug}"),
            missed: over.map(slot).collect(),
            open: active.map(slot),
        };
        if opening.open.is_some() || !opening.missed.is_empty() {
            due.push(opening);
        }
    }
    Ok(due)
}

/// False where somebody else was quicker.
fn open_one(services: &Services, opening: &Opening) -> db::Result<bool> {
    let done = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
        let now = tx.now();
        for slot in &opening.missed {
            let run = run(opening, *slot, now);
            let run = Run {
                state: State::Missed,
                ended: Some((now, STOOD_STILL.to_owned())),
                ..run
            };
            if store::insert(tx, &run)? {
                tx.record(event("checklist.missed", &run).outcome(Outcome::Failure))?;
            }
        }
        let before = store::lock_open(tx, opening.list.id)?;
        let Some(slot) = opening.open else {
            return end_all(tx, before);
        };
        let before = before.into_iter().filter(|run| run.slot < slot.0);
        end_all(tx, before.collect())?;
        open(tx, &run(opening, slot, now))?;
        Ok(())
    });
    quietly(done)
}

fn quietly(done: db::Result<()>) -> db::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(db::Error::NoEvent | db::Error::Unique { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn run(opening: &Opening, (slot, due_at, window): Slot, now: DateTime<Utc>) -> Run {
    Run {
        id: RunId::new(),
        platform: opening.list.platform,
        item: opening.list.id,
        name: opening.list.name.clone(),
        spec: opening.list.spec.clone(),
        schedule: opening.schedule.clone(),
        slot,
        due_at,
        opened_at: now,
        opened_by: None,
        opened_name: String::new(),
        subject: String::new(),
        window,
        state: State::Open,
        signature: None,
        review: None,
        ended: None,
    }
}

/// What nobody has signed by the time that the next one comes was missed.
fn end_all(tx: &mut Tx<'_>, runs: Vec<Run>) -> db::Result<()> {
    for mut run in runs {
        let now = tx.now();
        if run
            .end(State::Missed, now, NOBODY_SIGNED.to_owned())
            .is_ok()
        {
            store::save(tx, &run)?;
            tx.record(event("checklist.missed", &run).outcome(Outcome::Failure))?;
        }
    }
    Ok(())
}

/// Open lists that no pack names any more.
fn gone(conn: &mut Conn) -> db::Result<Vec<RunId>> {
    let live = packs::live::<Checklist>(conn)?;
    let is_live = |run: &Waiting| live.iter().any(|list| list.id == run.item);
    let waiting = store::times(conn, &Scope::All)?;
    let gone = waiting
        .iter()
        .filter(|run| run.state == State::Open && !is_live(run));
    Ok(gone.map(|run| run.id).collect())
}

fn end_one(services: &Services, id: RunId) -> db::Result<bool> {
    let done = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
        let mut run = store::lock(tx, id)?;
        let is_back = packs::item::<Checklist>(tx, run.item)?.retired_at.is_none();
        let now = tx.now();
        if is_back || run.end(State::CalledOff, now, RETIRED.to_owned()).is_err() {
            return Err(db::Error::NoEvent);
        }
        store::save(tx, &run)?;
        tx.record(event("checklist.called_off", &run))?;
        Ok(())
    });
    quietly(done)
}

/// Tells the rules of each platform how many of its lists are overdue.
fn report(services: &Services, now: DateTime<Utc>) -> db::Result<()> {
    let reports = services.db.read_on(PoolKind::Jobs, |conn| {
        let mut indicators = packs::live::<Indicator>(conn)?;
        indicators.retain(|indicator| indicator.slug == OVERDUE);
        let mut overdue: HashMap<PlatformId, u32> = HashMap::new();
        for run in store::times(conn, &Scope::All)? {
            *overdue.entry(run.platform).or_default() += u32::from(run.is_overdue(now));
        }
        let ids: Vec<ItemId> = indicators.iter().map(|it| it.id).collect();
        let last = reports::last_reports(conn, &ids)?;
        let report = |indicator: &Item<Indicator>| {
            let count = overdue.get(&indicator.platform).copied().unwrap_or(0);
            let value = f64::from(count);
            let is_news = last.get(&indicator.id).is_none_or(|last| {
                last.value.total_cmp(&value).is_ne() || now - last.at >= REPORT_EVERY
            });
            is_news.then_some((indicator.id, value))
        };
        Ok::<_, db::Error>(indicators.iter().filter_map(report).collect::<Vec<_>>())
    })?;
    if reports.is_empty() {
        return Ok(());
    }
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        for (indicator, value) in reports {
            reports::insert_report(conn, indicator, now, value, false)?;
            reports::prune_reports(conn, indicator, now - REPORTS_KEPT)?;
        }
        Ok(())
    })
}
