//! What happens to heartbeats: they are named, heard, missed, and given another address.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::expect;
use super::heartbeat::{Expected, Heard, Heartbeat, Turn, Why};
use super::ping::Ping;
use super::store::{self, Held, pings};
use crate::features::packs::pack::{self, ItemId};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Outcome, Subject, Tx, Unaudited};
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn, PoolKind};

type Named = Item<pack::Heartbeat>;

/// How often a ping is looked at anew because somebody else turned its heartbeat meanwhile.
const TRIES: usize = 5;

/// Who turns heartbeats: no person does.
fn ourselves() -> Actor {
    Actor::job("heartbeats")
}

/// Takes in a ping. False where nobody has this secret, or has it no longer.
///
/// Most pings turn nothing, and are noted without an event. One that does is looked at again in a transaction that
/// records what it turned.
pub fn hear(services: &Services, secret: Uuid, ping: &Ping) -> db::Result<bool> {
    for _ in 0..TRIES {
        let quiet = services.audit.write_unaudited(Unaudited::Ping, |conn| {
            let Some(taken) = Taken::take(conn, services, secret, ping)? else {
                return Ok(Some(false));
            };
            if !taken.heard.turns.is_empty() {
                return Ok(None);
            }
            taken.note(conn, services, ping)?;
            Ok::<_, db::Error>(Some(true))
        })?;
        if let Some(known) = quiet {
            return Ok(known);
        }
        let turned = services.audit.write(&ourselves(), |tx| {
            let Some(taken) = Taken::take(tx, services, secret, ping)? else {
                return Err(db::Error::NotFound);
            };
            if taken.heard.turns.is_empty() {
                return Err(db::Error::NoEvent);
            }
            taken.note(tx, services, ping)?;
            record(tx, &taken.item, &taken.heard.turns, taken.at)
        });
        match turned {
            Ok(()) => return Ok(true),
            Err(db::Error::NotFound) => return Ok(false),
            Err(db::Error::NoEvent) => {}
            Err(error) => return Err(error),
        }
    }
    let why = "a heartbeat turns faster than a ping of it can be noted";
    Err(db::Error::Unavailable(why.to_owned()))
}

/// A ping, and what it does to its heartbeat, whose row is locked.
struct Taken {
    held: Held,
    item: Named,
    expected: Expected,
    at: DateTime<Utc>,
    heard: Heard,
}

impl Taken {
    fn take(
        conn: &mut Conn,
        services: &Services,
        secret: Uuid,
        ping: &Ping,
    ) -> db::Result<Option<Self>> {
        let Some(mut held) = store::lock_by_secret(conn, secret)? else {
            return Ok(None);
        };
        let item = packs::item::<pack::Heartbeat>(conn, held.id)?;
        if item.retired_at.is_some() {
            return Ok(None);
        }
        let zone = packs::zone(conn, item.platform)?;
        let expected = expect::expected(&item.spec, zone)?;
        // Read under the lock, and never before what came before it: another process's clock may be ahead.
        let last = held.pinged_at.unwrap_or(held.beat.since);
        let at = services.clock.now().max(held.beat.since).max(last);
        expect::adopt(&mut held, &item, zone, at);
        let heard = held.beat.hear(&expected, ping.signal, ping.run, at);
        Ok(Some(Self {
            held,
            item,
            expected,
            at,
            heard,
        }))
    }

    fn note(&self, conn: &mut Conn, services: &Services, ping: &Ping) -> db::Result<()> {
        let id = self.held.id;
        let silent = Ping {
            body: Vec::new(),
            cut: false,
            ..ping.clone()
        };
        let ping = if self.item.spec.keep_output {
            ping
        } else {
            &silent
        };
        pings::insert(conn, &services.keyring, id, self.at, ping, self.heard.took)?;
        store::save(conn, &self.held, &self.expected)?;
        store::save_pinged(conn, id, self.at)
    }
}

/// Gives those that packs have named since their addresses, and turns those whose deadline has gone by. Any number
/// of processes may do it at once. Returns how many turned.
pub fn tick(services: &Services) -> db::Result<usize> {
    enrol(services)?;
    notice(services)
}

/// Turns the heartbeats whose deadline has gone by, at their deadline.
pub fn notice(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let overdue = services
        .db
        .read_on(PoolKind::Jobs, |conn| store::overdue(conn, now))?;
    let mut turned = 0;
    for id in overdue {
        match notice_one(services, id, now) {
            Ok(true) => turned += 1,
            Ok(false) => {}
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            // One that cannot be read does not keep the others from being noticed.
            Err(error) => tracing::error!(%error, heartbeat = %id, "a deadline could not be noted"),
        }
    }
    Ok(turned)
}

fn notice_one(services: &Services, id: ItemId, now: DateTime<Utc>) -> db::Result<bool> {
    let is_retired = services.db.read_on(PoolKind::Jobs, |conn| {
        Ok::<_, db::Error>(
            packs::item::<pack::Heartbeat>(conn, id)?
                .retired_at
                .is_some(),
        )
    })?;
    if is_retired {
        services
            .audit
            .write_unaudited(Unaudited::Ping, |conn| store::forget_deadline(conn, id))?;
        return Ok(false);
    }
    let turned = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
        let mut held = store::lock(tx, id)?;
        // What its pack says now, and not what it said before the row was ours.
        let item = packs::item::<pack::Heartbeat>(tx, id)?;
        if item.retired_at.is_some() {
            return Err(db::Error::NoEvent);
        }
        let zone = packs::zone(tx, item.platform)?;
        let expected = expect::expected(&item.spec, zone)?;
        expect::adopt(&mut held, &item, zone, now);
        // Somebody else may have been quicker, or a ping.
        let Some(turn) = held.beat.advance(&expected, now) else {
            return Err(db::Error::NoEvent);
        };
        store::save(tx, &held, &expected)?;
        record(tx, &item, &[turn], now)
    });
    match turned {
        Ok(()) => Ok(true),
        Err(db::Error::NoEvent) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Keeps what turned, each with its event.
fn record(tx: &mut Tx<'_>, item: &Named, turns: &[Turn], noticed: DateTime<Utc>) -> db::Result<()> {
    for turn in turns {
        pings::insert_turn(tx, item.id, turn, noticed)?;
        tx.record(event(item, turn))?;
    }
    Ok(())
}

fn event(item: &Named, turn: &Turn) -> Event {
    let (kind, outcome) = if turn.now.is_bad() {
        ("heartbeat.went_down", Outcome::Failure)
    } else {
        ("heartbeat.came_up", Outcome::Success)
    };
    let event = Event::new(kind, Subject::new("heartbeat", item.id))
        .platform(item.platform)
        .outcome(outcome)
        .detail("heartbeat", item.slug.as_str())
        .detail("at", turn.at.to_rfc3339())
        .detail("was", turn.was.as_str())
        .detail("now", turn.now.as_str())
        .detail("why", turn.why.as_str());
    match turn.why {
        Why::Missed { due } => event.detail("due", due.to_rfc3339()),
        Why::Unfinished { started } => event.detail("started", started.to_rfc3339()),
        Why::Reported | Why::Succeeded => event,
    }
}

/// Gives each heartbeat its row and its address, and takes over what packs have changed about it.
pub fn enrol(services: &Services) -> db::Result<()> {
    let (live, known) = services.db.read_on(PoolKind::Jobs, |conn| {
        // What is known before what is named: one that comes meanwhile is taken for new, and found to be known.
        let known = store::all(conn)?;
        Ok::<_, db::Error>((packs::live::<pack::Heartbeat>(conn)?, known))
    })?;
    let now = services.clock.now();
    for item in live {
        let enrolled = match known.get(&item.id) {
            None => add(services, &item, now),
            Some(held) => take_over(services, &item, held, now),
        };
        match enrolled {
            Ok(()) => {}
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            // One that cannot be read does not keep the others from being followed.
            Err(error) => tracing::error!(%error, heartbeat = %item.id, "it could not be enrolled"),
        }
    }
    Ok(())
}

fn add(services: &Services, item: &Named, now: DateTime<Utc>) -> db::Result<()> {
    let made = services.audit.write_on(PoolKind::Jobs, &ourselves(), |tx| {
        let zone = packs::zone(tx, item.platform)?;
        let held = Held {
            id: item.id,
            // The clock of whoever applied the pack may be ahead.
            beat: Heartbeat::new(now.max(item.declared_at)),
            schedule: expect::key(&item.spec, zone),
            grace_ms: item.spec.grace.millis(),
            pinged_at: None,
            secret_made_at: now,
        };
        if !store::insert(tx, &held, &expect::expected(&item.spec, zone)?)? {
            return Err(db::Error::NoEvent);
        }
        tx.record(address_event("heartbeat.address_made", item))?;
        Ok(())
    });
    match made {
        Ok(()) | Err(db::Error::NoEvent) => Ok(()),
        Err(error) => Err(error),
    }
}

fn address_event(kind: &'static str, item: &Named) -> Event {
    Event::new(kind, Subject::new("heartbeat", item.id))
        .platform(item.platform)
        .detail("heartbeat", item.slug.as_str())
}

/// What a pack changes is in the pack's own event; here only what follows for the next deadline is reckoned. One that
/// was retired and has come back begins anew, at its old address.
fn take_over(services: &Services, item: &Named, held: &Held, now: DateTime<Utc>) -> db::Result<()> {
    let zone = services
        .db
        .read_on(PoolKind::Jobs, |conn| packs::zone(conn, item.platform))?;
    if !expect::adopt(&mut held.clone(), item, zone, now) {
        return Ok(());
    }
    let expected = expect::expected(&item.spec, zone)?;
    services.audit.write_unaudited(Unaudited::Ping, |conn| {
        let mut held = store::lock(conn, item.id)?;
        // Another process may have done it, or a ping.
        if expect::adopt(&mut held, item, zone, now) {
            store::save(conn, &held, &expected)?;
        }
        Ok(())
    })
}

/// Gives a heartbeat another address. Pings to the one before find nothing from now on.
pub fn renew_address(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    key: FormKey,
) -> db::Result<()> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/heartbeats/{id}"))?;
        store::lock(tx, id)?;
        let item = packs::item::<pack::Heartbeat>(tx, id)?;
        tx.reach(item.platform)?;
        if item.retired_at.is_some() {
            return Err(db::Error::NotFound);
        }
        store::renew_secret(tx, id)?;
        tx.record(address_event("heartbeat.address_renewed", &item))?;
        Ok(())
    })
}
