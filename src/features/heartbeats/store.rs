//! How heartbeats stand, and the secrets of their addresses.

pub mod pings;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::heartbeat::{Expected, Heartbeat, State};
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::{Keyring, random};
use crate::foundation::db::schema::heartbeat;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::Secret;

/// A heartbeat's row.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: ItemId,
    pub beat: Heartbeat,
    /// What was expected of it when its deadline was last reckoned.
    pub schedule: String,
    pub grace_ms: i64,
    pub pinged_at: Option<DateTime<Utc>>,
    pub secret_made_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = heartbeat)]
struct Row {
    id: Uuid,
    schedule: String,
    grace_ms: i64,
    expected_since: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    state: String,
    since: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    pinged_at: Option<DateTime<Utc>>,
    runs: Value,
    secret_made_at: DateTime<Utc>,
}

impl TryFrom<Row> for Held {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = |_| Error::Damaged("a heartbeat's row");
        Ok(Self {
            id: row.id.into(),
            beat: Heartbeat {
                state: row.state.parse::<State>().map_err(damaged)?,
                since: row.since,
                expected_since: row.expected_since,
                changed_at: row.changed_at,
                ended_at: row.ended_at,
                runs: serde_json::from_value(row.runs)
                    .map_err(|error| damaged(error.to_string()))?,
            },
            schedule: row.schedule,
            grace_ms: row.grace_ms,
            pinged_at: row.pinged_at,
            secret_made_at: row.secret_made_at,
        })
    }
}

/// Every heartbeat that ever had an address.
pub fn all(conn: &mut Conn) -> Result<HashMap<ItemId, Held>> {
    let rows: Vec<Row> = heartbeat::table.select(Row::as_select()).load(conn)?;
    rows.into_iter()
        .map(|row| Ok((row.id.into(), row.try_into()?)))
        .collect()
}

pub fn find(conn: &mut Conn, id: ItemId) -> Result<Option<Held>> {
    let row: Option<Row> = heartbeat::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    row.map(Held::try_from).transpose()
}

/// The row, locked: whoever hears of it at the same time waits here.
pub fn lock(conn: &mut Conn, id: ItemId) -> Result<Held> {
    heartbeat::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(conn)?
        .try_into()
}

/// [`lock`] for whoever knows the secret alone.
pub fn lock_by_secret(conn: &mut Conn, secret: Uuid) -> Result<Option<Held>> {
    let row: Option<Row> = heartbeat::table
        .filter(heartbeat::secret_hash.eq(hash(secret)))
        .select(Row::as_select())
        .for_update()
        .first(conn)
        .optional()?;
    row.map(Held::try_from).transpose()
}

/// Those whose deadline has gone by.
pub fn overdue(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<ItemId>> {
    const AT_ONCE: i64 = 500;
    let ids: Vec<Uuid> = heartbeat::table
        .filter(heartbeat::deadline.le(now))
        .order(heartbeat::deadline)
        .limit(AT_ONCE)
        .select(heartbeat::id)
        .load(conn)?;
    Ok(ids.into_iter().map(ItemId::from).collect())
}

/// What changes with whatever is heard, or is not.
#[derive(AsChangeset, Insertable)]
#[diesel(table_name = heartbeat, treat_none_as_null = true)]
struct Standing {
    expected_since: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    state: &'static str,
    since: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    runs: Value,
    deadline: Option<DateTime<Utc>>,
}

impl Standing {
    fn of(beat: &Heartbeat, expected: &Expected) -> Result<Self> {
        Ok(Self {
            expected_since: beat.expected_since,
            changed_at: beat.changed_at,
            state: beat.state.as_str(),
            since: beat.since,
            ended_at: beat.ended_at,
            runs: serde_json::to_value(&beat.runs)
                .map_err(|_| Error::Damaged("the runs of a heartbeat"))?,
            deadline: beat.deadline(expected).map(|(at, _)| at),
        })
    }
}

pub fn save_pinged(conn: &mut Conn, id: ItemId, at: DateTime<Utc>) -> Result<()> {
    diesel::update(heartbeat::table.find(id.uuid()))
        .set(heartbeat::pinged_at.eq(at))
        .execute(conn)?;
    Ok(())
}

/// Notes how it stands, and what was expected of it when that was reckoned.
pub fn save(conn: &mut Conn, held: &Held, expected: &Expected) -> Result<()> {
    diesel::update(heartbeat::table.find(held.id.uuid()))
        .set((
            Standing::of(&held.beat, expected)?,
            heartbeat::schedule.eq(&held.schedule),
            heartbeat::grace_ms.eq(held.grace_ms),
        ))
        .execute(conn)?;
    Ok(())
}

/// Nobody waits for one that no pack names any more.
pub fn forget_deadline(conn: &mut Conn, id: ItemId) -> Result<()> {
    diesel::update(heartbeat::table.find(id.uuid()))
        .set(heartbeat::deadline.eq(None::<DateTime<Utc>>))
        .execute(conn)?;
    Ok(())
}

/// Gives a heartbeat its row and its address. False where somebody else was first.
pub fn insert(tx: &mut Tx<'_>, held: &Held, expected: &Expected) -> Result<bool> {
    let secret = new_secret();
    let sealed = seal(tx.keyring(), held.id, secret);
    let made = diesel::insert_into(heartbeat::table)
        .values((
            heartbeat::id.eq(held.id.uuid()),
            heartbeat::schedule.eq(&held.schedule),
            heartbeat::grace_ms.eq(held.grace_ms),
            heartbeat::secret_hash.eq(hash(secret)),
            heartbeat::secret.eq(sealed),
            heartbeat::secret_made_at.eq(held.secret_made_at),
            Standing::of(&held.beat, expected)?,
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    Ok(made == 1)
}

/// Gives a heartbeat another address. The one before leads nowhere from then on.
pub fn renew_secret(tx: &mut Tx<'_>, id: ItemId) -> Result<()> {
    let (now, secret) = (tx.now(), new_secret());
    let sealed = seal(tx.keyring(), id, secret);
    diesel::update(heartbeat::table.find(id.uuid()))
        .set((
            heartbeat::secret_hash.eq(hash(secret)),
            heartbeat::secret.eq(sealed),
            heartbeat::secret_made_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The secret of a heartbeat's address, for whoever sets up its job.
pub fn secret(conn: &mut Conn, keyring: &Keyring, id: ItemId) -> Result<Secret<String>> {
    let sealed: Vec<u8> = heartbeat::table
        .find(id.uuid())
        .select(heartbeat::secret)
        .first(conn)?;
    let plain = keyring.open(&place(id), &sealed)?;
    Uuid::from_slice(&plain)
        .map(|secret| Secret::new(secret.to_string()))
        .map_err(|_| Error::Damaged("the secret of a heartbeat"))
}

/// 122 random bits.
fn new_secret() -> Uuid {
    uuid::Builder::from_random_bytes(random()).into_uuid()
}

fn seal(keyring: &Keyring, id: ItemId, secret: Uuid) -> Vec<u8> {
    keyring.seal(&place(id), secret.as_bytes())
}

fn place(id: ItemId) -> String {
    format!("heartbeat:secret:{id}")
}

/// A hash without a salt: what is hashed cannot be guessed.
fn hash(secret: Uuid) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
