//! Programs that send events, and their secrets.

pub mod receipts;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::message::Standing;
pub use super::message::{ReceiptId, SourceId};
use crate::features::notify::signing;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::event_source;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Secret};

/// How long the secret before the newest goes on opening.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// A source without its secrets.
#[derive(Clone, Debug)]
pub struct Source {
    pub id: SourceId,
    pub platform: PlatformId,
    pub name: String,
    pub standing: Standing,
    pub changed_at: DateTime<Utc>,
    pub made_at: DateTime<Utc>,
    pub made_by: String,
    pub secret_made_at: DateTime<Utc>,
    pub previous_until: Option<DateTime<Utc>>,
    pub known: i64,
    pub unknown: i64,
    pub repeated: i64,
    pub refused: i64,
    pub came_at: Option<DateTime<Utc>>,
    pub refused_at: Option<DateTime<Utc>>,
    pub refusal: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = event_source)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    name: String,
    state: String,
    changed_at: DateTime<Utc>,
    made_at: DateTime<Utc>,
    made_by: String,
    secret_made_at: DateTime<Utc>,
    previous_until: Option<DateTime<Utc>>,
    known: i64,
    unknown: i64,
    repeated: i64,
    refused: i64,
    came_at: Option<DateTime<Utc>>,
    refused_at: Option<DateTime<Utc>>,
    refusal: Option<String>,
}

impl TryFrom<Row> for Source {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            name: row.name,
            standing: row
                .state
                .parse()
                .map_err(|_| Error::Damaged("a source's standing"))?,
            changed_at: row.changed_at,
            made_at: row.made_at,
            made_by: row.made_by,
            secret_made_at: row.secret_made_at,
            previous_until: row.previous_until,
            known: row.known,
            unknown: row.unknown,
            repeated: row.repeated,
            refused: row.refused,
            came_at: row.came_at,
            refused_at: row.refused_at,
            refusal: row.refusal,
        })
    }
}

/// All of them, the retired ones last.
pub fn all(conn: &mut Conn) -> Result<Vec<Source>> {
    let rows: Vec<Row> = event_source::table
        .order((
            event_source::state.eq(Standing::Retired.as_str()),
            event_source::name,
            event_source::id,
        ))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Source::try_from).collect()
}

pub fn find(conn: &mut Conn, id: SourceId) -> Result<Source> {
    let row: Row = event_source::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    row.try_into()
}

/// [`find`], with the row locked to the end of the transaction.
pub fn lock(conn: &mut Conn, id: SourceId) -> Result<Source> {
    let row: Row = event_source::table
        .find(id.uuid())
        .for_update()
        .select(Row::as_select())
        .first(conn)?;
    row.try_into()
}

pub fn insert(
    tx: &mut Tx<'_>,
    id: SourceId,
    platform: PlatformId,
    name: &str,
    secret: &[u8],
) -> Result<()> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    let sealed = tx.keyring().seal(&place("secret", id), secret);
    diesel::insert_into(event_source::table)
        .values((
            event_source::id.eq(id.uuid()),
            event_source::platform_id.eq(platform.uuid()),
            event_source::name.eq(name),
            event_source::secret.eq(sealed),
            event_source::secret_made_at.eq(now),
            event_source::state.eq(Standing::Active.as_str()),
            event_source::changed_at.eq(now),
            event_source::made_at.eq(now),
            event_source::made_by.eq(by),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

type Rotated = (Vec<u8>, Option<Vec<u8>>, Option<DateTime<Utc>>);

/// Puts a secret in the place of the one before, which goes on opening for the time of the overlap. So do those before it
/// whose overlap runs.
pub fn rotate(tx: &mut Tx<'_>, id: SourceId, secret: &[u8]) -> Result<()> {
    let (now, keyring) = (tx.now(), tx.keyring().clone());
    let (newest, before, until): Rotated = event_source::table
        .find(id.uuid())
        .select((
            event_source::secret,
            event_source::previous_secret,
            event_source::previous_until,
        ))
        .first(&mut **tx)?;
    let newest = keyring.open(&place("secret", id), &newest)?;
    let before = match before.filter(|_| until.is_some_and(|until| until > now)) {
        Some(before) => keyring.open(&place("previous_secret", id), &before)?,
        None => Vec::new(),
    };
    let before = signing::earlier(&newest, &before);
    diesel::update(event_source::table.find(id.uuid()))
        .set((
            event_source::secret.eq(keyring.seal(&place("secret", id), secret)),
            event_source::secret_made_at.eq(now),
            event_source::previous_secret.eq(keyring.seal(&place("previous_secret", id), &before)),
            event_source::previous_until.eq(now + OVERLAP),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn set_standing(
    conn: &mut Conn,
    id: SourceId,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<()> {
    diesel::update(event_source::table.find(id.uuid()))
        .set((
            event_source::state.eq(standing.as_str()),
            event_source::changed_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// A source that takes messages, with what opens them: the newest secret first.
pub struct Open {
    pub id: SourceId,
    pub platform: PlatformId,
    pub secrets: Vec<Secret<Vec<u8>>>,
}

pub fn open(
    conn: &mut Conn,
    keyring: &Keyring,
    id: SourceId,
    now: DateTime<Utc>,
) -> Result<Option<Open>> {
    type Sealed = (Uuid, Vec<u8>, Option<Vec<u8>>, Option<DateTime<Utc>>);
    let found: Option<Sealed> = event_source::table
        .find(id.uuid())
        .filter(event_source::state.eq(Standing::Active.as_str()))
        .select((
            event_source::platform_id,
            event_source::secret,
            event_source::previous_secret,
            event_source::previous_until,
        ))
        .first(conn)
        .optional()?;
    let Some((platform, secret, previous, until)) = found else {
        return Ok(None);
    };
    let mut secrets = vec![Secret::new(keyring.open(&place("secret", id), &secret)?)];
    if let Some(previous) = previous.filter(|_| until.is_some_and(|until| until > now)) {
        let place = place("previous_secret", id);
        let previous = keyring.open(&place, &previous)?;
        secrets.extend(signing::each_earlier(&previous).map(|it| Secret::new(it.to_vec())));
    }
    Ok(Some(Open {
        id,
        platform: platform.into(),
        secrets,
    }))
}

fn place(column: &str, id: SourceId) -> String {
    format!("event_source:{column}:{id}")
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    Known,
    Unknown,
    Repeated,
}

pub fn count(conn: &mut Conn, id: SourceId, came: Came, now: DateTime<Utc>) -> Result<()> {
    let one = |is: Came| i64::from(came == is);
    diesel::update(event_source::table.find(id.uuid()))
        .set((
            event_source::known.eq(event_source::known + one(Came::Known)),
            event_source::unknown.eq(event_source::unknown + one(Came::Unknown)),
            event_source::repeated.eq(event_source::repeated + one(Came::Repeated)),
            event_source::came_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn count_refused(conn: &mut Conn, id: SourceId, why: &str, now: DateTime<Utc>) -> Result<()> {
    let why: String = why.chars().take(300).collect();
    diesel::update(event_source::table.find(id.uuid()))
        .set((
            event_source::refused.eq(event_source::refused + 1),
            event_source::refused_at.eq(now),
            event_source::refusal.eq(why),
        ))
        .execute(conn)?;
    Ok(())
}
