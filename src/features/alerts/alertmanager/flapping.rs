//! What comes and goes of what other programs say is held lit and told once, as our own rules' lamps are (`flap`).
//!
//! Whoever lights or puts out a lamp holds the row of its identity before the alert itself, so that two who come at once
//! wait for each other in one order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::posted::Identity;
use super::store::{self, flaps};
use crate::features::alerts::AlertId;
use crate::features::alerts::alert::Change;
use crate::features::alerts::evaluate::{audited, carry_on};
use crate::features::alerts::flap::{Flap, Outcome, Turn};
use crate::features::alerts::lamp;
use crate::features::alerts::store::{self as alerts, Alert};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Tx, Unaudited};
use crate::foundation::db::{self, Conn, PoolKind};

const QUIET: &str = "it is over, and has been quiet for half an hour";

/// What is held lit, as it was read.
#[derive(Clone, Debug, Default)]
pub struct HeldLit(BTreeMap<Identity, Flap>);

impl HeldLit {
    pub fn read(conn: &mut Conn) -> db::Result<Self> {
        flaps::held(conn).map(Self)
    }

    /// Whether it is held, and if so whether it would be lit at present.
    #[must_use]
    pub fn on(&self, whose: &Identity) -> Option<bool> {
        Some(self.0.get(whose)?.held?.on)
    }
}

/// It comes, or goes, while it is held lit: its lamp stays as it is. False where there is more to be done about the lamp.
pub fn noted(
    services: &Services,
    whose: &Identity,
    change: Change,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    services
        .audit
        .write_unaudited(Unaudited::RuleState, |conn| {
            let flap = flaps::lock(conn, whose)?;
            note(conn, whose, flap, change, now)
        })
}

/// It was not sent again in time while it is held lit: it has gone, unless it is sent again at this moment. False where
/// there is more to be done about the lamp.
pub fn lapsed(
    services: &Services,
    whose: &Identity,
    id: AlertId,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    services
        .audit
        .write_unaudited(Unaudited::RuleState, |conn| {
            let flap = flaps::lock(conn, whose)?;
            let came_with = store::lock(conn, id)?;
            if !came_with.is_some_and(|it| it.is_overdue(now)) {
                return Ok(true);
            }
            note(conn, whose, flap, Change::Resolved, now)
        })
}

fn note(
    conn: &mut Conn,
    whose: &Identity,
    mut flap: Flap,
    change: Change,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let Some(held) = flap.held else {
        return Ok(false);
    };
    // What is said again of one that has gone is no news.
    if held.on == matches!(change, Change::Fired { .. }) {
        return Ok(true);
    }
    let outcome = flap.follow(now, Some(change), None);
    if outcome.turn.is_some() {
        return Ok(false);
    }
    flaps::save(conn, whose, &flap)?;
    Ok(true)
}

/// One that has gone, and is held lit, comes. Where it has been quiet by now it is lit like any other from here on.
pub fn comes_back(
    services: &Services,
    actor: &Actor,
    whose: &Identity,
    id: AlertId,
    change: Change,
) -> db::Result<()> {
    if noted(services, whose, change, services.clock.now())? {
        return Ok(());
    }
    let done = services.audit.write(actor, |tx| {
        tx.reach(whose.platform)?;
        settle_one(tx, whose, id, Some(change))
    });
    match done {
        // Somebody else was quicker.
        Err(db::Error::NoEvent) => Ok(()),
        done => done,
    }
}

/// Takes down that it comes. Says whether its lamp, which the caller lights, is held lit from now on.
pub fn comes(tx: &mut Tx<'_>, whose: &Identity, change: Change) -> db::Result<Option<Turn>> {
    let mut flap = flaps::lock(tx, whose)?;
    // Its lamp was put out by something else than its sender.
    flap.held = None;
    let now = tx.now();
    let outcome = flap.follow(now, Some(change), None);
    flaps::save(tx, whose, &flap)?;
    Ok(outcome.turn)
}

/// It goes: its lamp is put out, or is held lit from now on. Says whether it is out. What is known of it was locked before
/// the alert was.
pub fn goes(
    tx: &mut Tx<'_>,
    whose: &Identity,
    mut flap: Flap,
    alert: Alert,
    why: &str,
) -> db::Result<bool> {
    if flap.held.is_some_and(|held| !held.on) {
        return Ok(false);
    }
    let (now, lit) = (tx.now(), alert.level);
    let outcome = flap.follow(now, Some(Change::Resolved), Some(lit));
    flaps::save(tx, whose, &flap)?;
    apply(tx, alert, outcome, why)?;
    Ok(outcome.change.is_some())
}

fn apply(tx: &mut Tx<'_>, mut alert: Alert, outcome: Outcome, why: &str) -> db::Result<()> {
    let name = alert.name.clone();
    if let Some(turn) = outcome.turn {
        alert = lamp::turn(tx, alert, turn, &name)?;
    }
    match outcome.change {
        Some(Change::Resolved) => lamp::resolve(tx, alert, &name, why),
        _ => Ok(()),
    }
}

/// What has been quiet for long enough is held lit no more. Returns how many.
pub fn settle(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let held = services.db.read_on(PoolKind::Jobs, flaps::held)?;
    let mut settled = 0;
    for (whose, flap) in held {
        if flap.clone().follow(now, None, None).turn.is_none() {
            continue;
        }
        let lit = services
            .db
            .read_on(PoolKind::Jobs, |conn| flaps::lit(conn, &whose))?;
        let done = match lit {
            Some(id) => audited(services, |tx| settle_one(tx, &whose, id, None)),
            None => forget(services, &whose).map(|()| false),
        };
        settled += usize::from(carry_on("an alert of another program", done)?);
    }
    Ok(settled)
}

/// It is held no longer, if with what comes it has been quiet for long enough.
fn settle_one(
    tx: &mut Tx<'_>,
    whose: &Identity,
    id: AlertId,
    comes: Option<Change>,
) -> db::Result<()> {
    let mut flap = flaps::lock(tx, whose)?;
    let alert = alerts::lock_alert(tx, id)?;
    let Some(held) = flap.held.filter(|_| alert.firing) else {
        return Ok(());
    };
    let (now, lit) = (tx.now(), alert.level);
    let outcome = flap.follow(now, comes.filter(|_| !held.on), Some(lit));
    flaps::save(tx, whose, &flap)?;
    apply(tx, alert, outcome, QUIET)
}

/// Nothing is lit of it any more, whoever put it out.
fn forget(services: &Services, whose: &Identity) -> db::Result<()> {
    services
        .audit
        .write_unaudited(Unaudited::RuleState, |conn| {
            flaps::lock(conn, whose)?;
            flaps::save(conn, whose, &Flap::default())
        })
}
