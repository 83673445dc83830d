use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use uuid::Uuid;

use super::super::token::TokenHash;
use super::{Key, KeyId, KeyScope};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{api_key, api_key_platform};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Networks, PlatformId, Scope};

/// More keys than a page lists; those that have ended come last.
const LISTED_AT_MOST: i64 = 500;

/// The hashes of the secrets of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secrets {
    pub current: TokenHash,
    pub previous: Option<(TokenHash, DateTime<Utc>)>,
}

#[derive(Queryable)]
struct Row {
    id: String,
    name: String,
    scopes: Vec<Option<String>>,
    networks: Vec<Option<String>>,
    limited: bool,
    platforms: Vec<Uuid>,
    created_by: String,
    created_at: DateTime<Utc>,
    secret_made_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    previous_ends_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    revoked_by: Option<String>,
    last_used_at: Option<DateTime<Utc>>,
    last_used_from: Option<String>,
}

/// The columns of a [`Row`]; a function would have to name the type of the list of platforms.
macro_rules! columns {
    () => {
        (
            api_key::id,
            api_key::name,
            api_key::scopes,
            api_key::networks,
            api_key::limited,
            diesel::dsl::array(
                api_key_platform::table
                    .filter(api_key_platform::key_id.eq(api_key::id))
                    .select(api_key_platform::platform_id),
            ),
            api_key::created_by,
            api_key::created_at,
            api_key::secret_made_at,
            api_key::expires_at,
            api_key::previous_ends_at,
            api_key::revoked_at,
            api_key::revoked_by,
            api_key::last_used_at,
            api_key::last_used_from,
        )
    };
}

impl Row {
    /// `None` for one that cannot be read, which opens nothing.
    fn read(self) -> Option<Key> {
        let scopes: Option<BTreeSet<KeyScope>> = self
            .scopes
            .iter()
            .map(|scope| scope.as_deref()?.parse().ok())
            .collect();
        let networks: Vec<String> = self.networks.into_iter().flatten().collect();
        let networks: Networks = networks.join(",").parse().ok()?;
        Some(Key {
            id: self.id.parse().ok()?,
            name: self.name,
            scopes: scopes?,
            networks,
            reach: if self.limited {
                self.platforms.into_iter().map(PlatformId::from).collect()
            } else {
                Scope::All
            },
            created_by: self.created_by,
            created_at: self.created_at,
            secret_made_at: self.secret_made_at,
            expires_at: self.expires_at,
            previous_ends_at: self.previous_ends_at,
            revoked: self.revoked_at.zip(self.revoked_by),
            last_used: self.last_used_at.zip(self.last_used_from),
        })
    }
}

/// A key by its public id.
pub fn find(conn: &mut Conn, id: &KeyId) -> db::Result<Key> {
    let row: Row = api_key::table
        .filter(api_key::id.eq(id.as_str()))
        .select(columns!())
        .get_result(conn)?;
    row.read().ok_or(db::Error::Damaged("a key"))
}

/// Every key, those that are live first, the newest first.
pub fn list(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<Key>> {
    let ended = api_key::revoked_at
        .is_not_null()
        .or(api_key::expires_at.le(now).assume_not_null());
    let rows: Vec<Row> = api_key::table
        .order((ended, api_key::created_at.desc(), api_key::id))
        .limit(LISTED_AT_MOST)
        .select(columns!())
        .load(conn)?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}

pub(super) fn live_count(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<i64> {
    Ok(api_key::table
        .filter(api_key::revoked_at.is_null())
        .filter(api_key::expires_at.gt(now))
        .count()
        .get_result(conn)?)
}

/// A key and the hashes of its secrets, live or not, in one question.
pub(super) fn look_up(conn: &mut Conn, id: &str) -> QueryResult<Option<(Key, Secrets)>> {
    let row: Option<(Row, Vec<u8>, Option<Vec<u8>>)> = api_key::table
        .filter(api_key::id.eq(id))
        .select((columns!(), api_key::secret, api_key::previous_secret))
        // Not `first`: its limit is a parameter, for which PostgreSQL plans anew every time.
        .get_result(conn)
        .optional()?;
    Ok(row.and_then(|(row, current, previous)| {
        let key = row.read()?;
        let previous: Option<TokenHash> = previous.and_then(|hash| hash.try_into().ok());
        let secrets = Secrets {
            current: current.try_into().ok()?,
            previous: previous.zip(key.previous_ends_at),
        };
        Some((key, secrets))
    }))
}

/// The key, held until the transaction ends.
pub(super) fn lock(tx: &mut Tx<'_>, id: &KeyId) -> db::Result<(Key, TokenHash)> {
    let hash: Vec<u8> = api_key::table
        .find(id.as_str())
        .select(api_key::secret)
        .for_update()
        .first(&mut **tx)?;
    let hash = hash.try_into().map_err(|_| db::Error::Damaged("a key"))?;
    Ok((find(tx, id)?, hash))
}

pub(super) fn insert(tx: &mut Tx<'_>, key: &Key, hash: &TokenHash) -> db::Result<()> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let platforms = key.reach.ids();
    diesel::insert_into(api_key::table)
        .values((
            api_key::id.eq(key.id.as_str()),
            api_key::name.eq(&key.name),
            api_key::scopes.eq(scopes),
            api_key::networks.eq(key.networks.texts()),
            api_key::limited.eq(platforms.is_some()),
            api_key::secret.eq(hash.as_slice()),
            api_key::secret_made_at.eq(key.secret_made_at),
            api_key::created_by.eq(&key.created_by),
            api_key::created_at.eq(key.created_at),
            api_key::expires_at.eq(key.expires_at),
        ))
        .execute(&mut **tx)?;
    let rows: Vec<_> = platforms
        .unwrap_or_default()
        .into_iter()
        .map(|platform| {
            (
                api_key_platform::key_id.eq(key.id.as_str()),
                api_key_platform::platform_id.eq(platform),
            )
        })
        .collect();
    diesel::insert_into(api_key_platform::table)
        .values(rows)
        .execute(&mut **tx)?;
    Ok(())
}

/// Puts a new secret in place; the present one becomes the one before, or ends.
pub(super) fn replace_secret(
    tx: &mut Tx<'_>,
    key: &Key,
    hash: &TokenHash,
    before: Option<&TokenHash>,
) -> db::Result<()> {
    diesel::update(api_key::table.find(key.id.as_str()))
        .set((
            api_key::secret.eq(hash.as_slice()),
            api_key::secret_made_at.eq(key.secret_made_at),
            api_key::expires_at.eq(key.expires_at),
            api_key::previous_secret.eq(before.map(<[u8; 32]>::as_slice)),
            api_key::previous_ends_at.eq(key.previous_ends_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub(super) fn set_revoked(tx: &mut Tx<'_>, id: &KeyId) -> db::Result<()> {
    let (now, by) = (tx.now(), tx.actor().to_string());
    diesel::update(api_key::table.find(id.as_str()))
        .set((api_key::revoked_at.eq(now), api_key::revoked_by.eq(by)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes that a key was used. Of several at once the latest stands.
pub(super) fn touch(
    conn: &mut Conn,
    id: &KeyId,
    network: &str,
    now: DateTime<Utc>,
) -> db::Result<()> {
    let earlier = diesel::dsl::sql::<diesel::sql_types::Bool>("coalesce(last_used_at < ")
        .bind::<Nullable<Timestamptz>, _>(Some(now))
        .sql(", true)");
    diesel::update(api_key::table.find(id.as_str()).filter(earlier))
        .set((
            api_key::last_used_at.eq(now),
            api_key::last_used_from.eq(network),
        ))
        .execute(conn)?;
    Ok(())
}

/// In this long it is put into the log once that a key reads the log.
const READING: Duration = Duration::minutes(15);

/// Whether the log says already that this key reads it.
pub fn has_read_log(conn: &mut Conn, id: &KeyId, now: DateTime<Utc>) -> db::Result<bool> {
    let noted = api_key::table
        .find(id.as_str())
        .filter(api_key::log_read_at.gt(now - READING));
    Ok(diesel::select(diesel::dsl::exists(noted)).get_result(conn)?)
}

/// Notes that the log is about to say so. Answers whether it did not yet: of several at once one is the first.
pub fn note_log_read(tx: &mut Tx<'_>, id: &KeyId) -> db::Result<bool> {
    let now = tx.now();
    let unsaid = api_key::log_read_at
        .is_null()
        .or(api_key::log_read_at.le(now - READING).assume_not_null());
    let noted = diesel::update(api_key::table.find(id.as_str()).filter(unsaid))
        .set(api_key::log_read_at.eq(now))
        .execute(&mut **tx)?;
    Ok(noted == 1)
}
