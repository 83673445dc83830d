//! Putting everything that is encrypted at rest under a newer key, while the product runs.
//!
//! The order is what keeps every process able to open every value: a key is published first, in one step; whoever
//! meets a ciphertext under it learns it from there; only then are values moved, and an older key goes last of all, when
//! nothing stands under it. Each batch is a transaction of its own, and what stands under the newest key is passed over:
//! a rotation that is killed goes on where it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Timestamptz};

use super::Services;
use super::audit::{Actor, Event, Outcome, Subject, Unaudited};
use super::crypto::{KeyFacts, LOOK_EVERY, Sealed};
use super::db::{self, Conn, PoolKind};

/// Values of one transaction: few enough that nobody waits long for a row.
const BATCH: i32 = 200;
/// The first pass moves everything, later ones what was written under an older key meanwhile.
const MOST_PASSES: u32 = 5;
/// How often a batch that lost to somebody else's lock is tried again.
const MOST_TRIES: u32 = 5;
/// How long transactions are waited for that may have begun under an older key.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many values of each column stand under which key.
pub type Standing = BTreeMap<String, BTreeMap<u32, u64>>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Db(#[from] db::Error),
    /// Whoever watches asked for it.
    #[error("stopped; run it again and it goes on")]
    Stopped,
    #[error("key {0} is the one in use: rotate to a newer one first")]
    InUse(u32),
    #[error("there is no key {0}, or it is retired already")]
    NoKey(u32),
    #[error("{values} values still stand under key {number}: run `signalbox keys rotate` first")]
    Stands { number: u32, values: u64 },
    #[error(
        "transactions that began before this are still running, and may write under an older key: try again later"
    )]
    Busy,
}

/// What a rotation has to say while it works.
#[derive(Debug)]
pub enum Progress {
    /// Waiting for what has begun under an older key.
    Settling,
    /// So much of a column has been moved in this pass.
    Moved { column: String, values: u64 },
}

/// What a rotation came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcomes {
    pub key: u32,
    pub moved: u64,
    /// Values that do not open, and stay under the key that they name.
    pub unopened: u64,
    /// Values under an older key at the end, those that do not open among them.
    pub left: u64,
}

pub struct Rotation<'a> {
    pub services: &'a Services,
    pub actor: Actor,
    pub columns: &'a [Sealed],
}

impl Rotation<'_> {
    /// How everything stands.
    pub fn standing(&self) -> Result<Standing, Error> {
        let counts = |conn: &mut Conn| {
            let each = self.columns.iter();
            each.map(|column| Ok((column.name(), column.counts(conn)?)))
                .collect::<db::Result<_>>()
        };
        let db = &self.services.db;
        Ok(db.read_for(PoolKind::Jobs, &self.actor, counts)?)
    }

    /// Moves every value to the newest key. `watch` is told how it goes, and ends it with `false`.
    pub fn run(&self, watch: &mut dyn FnMut(Progress) -> bool) -> Result<Outcomes, Error> {
        let key = self.services.keyring.newest();
        let before = self.standing()?;
        self.record("encryption_keys.rotation_began", key, |event| {
            event.detail("values", under_others(&before, key))
        })?;
        self.settle(watch)?;
        let (mut moved, mut unopened) = (0, 0);
        for _ in 0..MOST_PASSES {
            let (here, damaged) = self.pass(watch)?;
            moved += here;
            unopened = damaged;
            if under_others(&self.standing()?, key) <= unopened {
                break;
            }
        }
        let outcomes = Outcomes {
            key,
            moved,
            unopened,
            left: under_others(&self.standing()?, key),
        };
        self.record("encryption_keys.rotation_finished", key, |event| {
            let done = outcomes.left == 0;
            event
                .detail("moved", outcomes.moved)
                .detail("left", outcomes.left)
                .detail("unopened", outcomes.unopened)
                .outcome(if done {
                    Outcome::Success
                } else {
                    Outcome::Failure
                })
        })?;
        Ok(outcomes)
    }

    /// Records that a key was added.
    pub fn record_added(&self, number: u32) -> Result<(), Error> {
        self.record("encryption_keys.key_added", number, |event| event)
    }

    /// Sees that nothing needs key `number` any more, records that it is retired, and lets `take_out` do it. The record
    /// comes first: one that says too much is mended by doing it again, a key that went without a word is not.
    pub fn retire<E: From<Error>>(
        &self,
        number: u32,
        take_out: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let keyring = &self.services.keyring;
        if keyring.newest() == number {
            return Err(Error::InUse(number).into());
        }
        let opens = |key: &KeyFacts| key.number == number && key.used.opens();
        if !keyring.facts().iter().any(opens) {
            return Err(Error::NoKey(number).into());
        }
        if !self.settle(&mut |_| true)? {
            return Err(Error::Busy.into());
        }
        let standing = self.standing()?;
        let values = standing
            .values()
            .filter_map(|column| column.get(&number))
            .sum();
        if values > 0 {
            return Err(Error::Stands { number, values }.into());
        }
        self.record("encryption_keys.key_retired", number, |event| event)?;
        take_out()
    }

    /// Waits until every process has looked at its key file, and what began before has ended. False when it has not
    /// within a minute.
    fn settle(&self, watch: &mut dyn FnMut(Progress) -> bool) -> Result<bool, Error> {
        let services = self.services;
        std::thread::sleep(LOOK_EVERY);
        let since = services.db.look_up(PoolKind::Jobs, now)?;
        let began = Instant::now();
        while services
            .db
            .look_up(PoolKind::Jobs, |conn| older_transactions(conn, since))?
            > 0
        {
            if !watch(Progress::Settling) {
                return Err(Error::Stopped);
            }
            if began.elapsed() > PATIENCE {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        Ok(true)
    }

    /// Once through every column. Returns how many values were moved, and how many do not open.
    fn pass(&self, watch: &mut dyn FnMut(Progress) -> bool) -> Result<(u64, u64), Error> {
        let (mut moved, mut unopened) = (0, 0);
        for column in self.columns {
            let mut after: Option<Vec<String>> = None;
            let mut here = 0;
            loop {
                let done = self.batch(column, after.as_deref())?;
                moved += done.moved;
                here += done.moved;
                unopened += done.unopened;
                if done.last.is_none() {
                    break;
                }
                after = done.last;
                let (column, values) = (column.name(), here);
                if !watch(Progress::Moved { column, values }) {
                    return Err(Error::Stopped);
                }
            }
        }
        Ok((moved, unopened))
    }

    fn batch(
        &self,
        column: &Sealed,
        after: Option<&[String]>,
    ) -> Result<super::crypto::sealed::Rewrapped, Error> {
        let services = self.services;
        let mut tries = 0;
        loop {
            let done = services.audit.write_unaudited(Unaudited::Rewrap, |conn| {
                column.rewrap(conn, &services.keyring, after, BATCH)
            });
            tries += 1;
            match done {
                Err(db::Error::Unavailable(_)) if tries < MOST_TRIES => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                done => return Ok(done?),
            }
        }
    }

    fn record(
        &self,
        kind: &'static str,
        key: u32,
        more: impl FnOnce(Event) -> Event,
    ) -> Result<(), Error> {
        let event = Event::new(kind, Subject::new("encryption_key", key));
        let audit = &self.services.audit;
        audit.write_on(PoolKind::Jobs, &self.actor, |tx| {
            tx.record(more(event))?;
            Ok::<_, db::Error>(())
        })?;
        Ok(())
    }
}

/// The installation's keys with their ages, for whoever judges them.
#[must_use]
pub fn keys(services: &Services) -> Vec<KeyFacts> {
    services.keyring.facts()
}

fn under_others(standing: &Standing, key: u32) -> u64 {
    let values = standing.values().flatten();
    values
        .filter(|(number, _)| **number != key)
        .map(|(_, values)| values)
        .sum()
}

fn now(conn: &mut Conn) -> QueryResult<DateTime<Utc>> {
    #[derive(QueryableByName)]
    struct Now {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let found: Now = sql_query("SELECT clock_timestamp() AS now").get_result(conn)?;
    Ok(found.now)
}

/// Our role's transactions that began before `since`.
fn older_transactions(conn: &mut Conn, since: DateTime<Utc>) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let query = "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() \
                 AND usename = current_user AND pid <> pg_backend_pid() AND xact_start < $1";
    let found: Count = sql_query(query)
        .bind::<Timestamptz, _>(since)
        .get_result(conn)?;
    Ok(found.count)
}
