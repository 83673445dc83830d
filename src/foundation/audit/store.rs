//! Reading the sealed log. Both logs have tables of one shape, so the statements are written once
//! and given the log's prefix.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::expression::{Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sql_query;
use diesel::sql_types::{
    BigInt, Bool, Bytea, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

pub use super::store_standing::{
    Decision, Standing, StoredAnchor, anchors_after, decisions, newest_anchors, standing,
};
pub(super) use super::store_standing::{anchored_at, require_anchors_within};

use super::Log;
use super::package::EventRow;
use super::projection::Projection;
use super::tiles::{Location, Tile, TileId, width_of};
use super::tree::{Hash, Nodes};
use crate::foundation::db::schema::audit_log;
use crate::foundation::db::{self, Conn, Error, first_rows, fixed};
use crate::foundation::kernel::PersonId;

/// How far a log is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub size: u64,
    pub root: Hash,
    /// Bodies below this index no longer exist.
    pub pruned_to: u64,
    pub sealed_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    pub size: u64,
    pub root: Hash,
    pub note: String,
    pub signed_at: DateTime<Utc>,
}

impl Log {
    pub const ALL: [Self; 2] = [Self::Main, Self::Sar];

    /// What the names of the log's tables begin with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Main => "audit",
            Self::Sar => "sar_audit",
        }
    }
}

impl std::str::FromStr for Log {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|log| log.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a log; there are main and sar"))
    }
}

/// Opens the second log to the application for the rest of the transaction. The caller has made
/// sure that whoever asks holds the grant.
pub fn reveal(conn: &mut Conn, log: Log) -> db::Result<()> {
    if log == Log::Sar {
        sql_query("SELECT set_config('app.sar', 'granted', true)").execute(conn)?;
    }
    Ok(())
}

pub fn head(conn: &mut Conn, log: Log) -> db::Result<Head> {
    read_head(conn, log, "")
}

/// Reads the head and keeps others from moving it until the transaction ends.
pub(super) fn head_for_update(conn: &mut Conn, log: Log) -> db::Result<Head> {
    read_head(conn, log, "FOR UPDATE")
}

fn read_head(conn: &mut Conn, log: Log, lock: &str) -> db::Result<Head> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        size: i64,
        #[diesel(sql_type = Bytea)]
        root: Vec<u8>,
        #[diesel(sql_type = BigInt)]
        pruned_to: i64,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        sealed_at: Option<DateTime<Utc>>,
    }
    let prefix = log.prefix();
    let row: Row = fixed(format!(
        "SELECT size, root, pruned_to, sealed_at FROM {prefix}_head {lock}"
    ))
    .get_result(conn)?;
    Ok(Head {
        size: row.size.cast_unsigned(),
        root: hash(&row.root)?,
        pruned_to: row.pruned_to.cast_unsigned(),
        sealed_at: row.sealed_at,
    })
}

/// The log's name in its current epoch; `None` before the sealer first ran.
pub fn origin(conn: &mut Conn, log: Log) -> db::Result<Option<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        origin: String,
    }
    let row: Option<Row> =
        sql_query("SELECT origin FROM audit_epoch WHERE log = $1 ORDER BY epoch DESC LIMIT 1")
            .bind::<Text, _>(log.as_str())
            .get_result(conn)
            .optional()?;
    Ok(row.map(|row| row.origin))
}

#[derive(QueryableByName)]
struct CheckpointRow {
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Bytea)]
    root: Vec<u8>,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Timestamptz)]
    signed_at: DateTime<Utc>,
}

pub fn newest_checkpoint(conn: &mut Conn, log: Log) -> db::Result<Option<StoredCheckpoint>> {
    let prefix = log.prefix();
    let row: Option<CheckpointRow> = sql_query(format!(
        "SELECT size, root, note, signed_at FROM {prefix}_checkpoint ORDER BY size DESC LIMIT 1"
    ))
    .get_result(conn)
    .optional()?;
    row.map(|row| {
        Ok(StoredCheckpoint {
            size: row.size.cast_unsigned(),
            root: hash(&row.root)?,
            note: row.note,
            signed_at: row.signed_at,
        })
    })
    .transpose()
}

/// How many events wait for the seal, counted no further than `most`.
pub fn waiting(conn: &mut Conn, log: Log, most: i64) -> db::Result<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let prefix = log.prefix();
    let row: Row = fixed(format!(
        "SELECT count(*) AS count FROM \
             (SELECT FROM {prefix}_inbox ORDER BY recorded_at, id LIMIT {most}) AS capped"
    ))
    .get_result(conn)?;
    Ok(row.count)
}

/// When the oldest event that waits for the seal was recorded.
pub fn waiting_since(conn: &mut Conn, log: Log) -> db::Result<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        recorded_at: DateTime<Utc>,
    }
    let prefix = log.prefix();
    let row: Option<Row> = sql_query(format!(
        "SELECT recorded_at FROM {prefix}_inbox WHERE isfinite(recorded_at) ORDER BY recorded_at LIMIT 1"
    ))
    .get_result(conn)
    .optional()?;
    Ok(row.map(|row| row.recorded_at))
}

/// When an event that waits for the seal was recorded; `None` when it does not wait (any more).
pub fn waits_since(conn: &mut Conn, event: Uuid) -> db::Result<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        recorded_at: DateTime<Utc>,
    }
    let row: Option<Row> = sql_query(
        "SELECT recorded_at FROM audit_inbox WHERE id = $1 AND isfinite(recorded_at) LIMIT 1",
    )
    .bind::<SqlUuid, _>(event)
    .get_result(conn)
    .optional()?;
    Ok(row.map(|row| row.recorded_at))
}

/// A tile cut to what belongs to the tree of `size` leaves.
pub fn tile(conn: &mut Conn, log: Log, size: u64, level: u32, index: u64) -> db::Result<Tile> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bytea)]
        hashes: Vec<u8>,
    }
    let prefix = log.prefix();
    let row: Row = sql_query(format!(
        "SELECT hashes FROM {prefix}_tile WHERE level = $1 AND idx = $2"
    ))
    .bind::<SmallInt, _>(i16::try_from(level).unwrap_or(i16::MAX))
    .bind::<BigInt, _>(index.cast_signed())
    .get_result(conn)?;
    let bytes = row.hashes.get(..32 * width_of(size, level, index));
    bytes.and_then(Tile::from_bytes).ok_or_else(damaged)
}

/// The bytes of tiles of one level, cut as the tree of `size` leaves has them. They are as they stand:
/// one that is missing is left out, one that is too short stays so.
pub fn tiles_as_they_stand(
    conn: &mut Conn,
    log: Log,
    ids: &[TileId],
) -> db::Result<Vec<(TileId, Vec<u8>)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        idx: i64,
        #[diesel(sql_type = Bytea)]
        hashes: Vec<u8>,
    }
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Ok(Vec::new());
    };
    let prefix = log.prefix();
    let rows: Vec<Row> = sql_query(format!(
        "SELECT idx, hashes FROM {prefix}_tile WHERE level = $1 AND idx BETWEEN $2 AND $3 ORDER BY idx"
    ))
    .bind::<SmallInt, _>(i16::try_from(first.level).unwrap_or(i16::MAX))
    .bind::<BigInt, _>(first.index.cast_signed())
    .bind::<BigInt, _>(last.index.cast_signed())
    .load(conn)?;
    let cut = |mut row: Row| {
        let id = ids.iter().find(|id| id.index == row.idx.cast_unsigned())?;
        row.hashes.truncate(32 * id.width);
        Some((*id, row.hashes))
    };
    Ok(rows.into_iter().filter_map(cut).collect())
}

/// Read by position: finding a million rows' columns by name took a tenth of an export.
pub type LogColumns = (
    BigInt,
    SqlUuid,
    Timestamptz,
    Text,
    Text,
    Text,
    Text,
    Text,
    Nullable<SqlUuid>,
    Text,
    Bytea,
    Bytea,
);

/// A row of a log as it stands.
#[derive(Queryable)]
pub struct LogRow {
    idx: i64,
    id: Uuid,
    recorded_at: DateTime<Utc>,
    kind: String,
    actor_kind: String,
    actor_id: String,
    subject_kind: String,
    subject_id: String,
    platform_id: Option<Uuid>,
    outcome: String,
    body: Vec<u8>,
    leaf_hash: Vec<u8>,
}

impl LogRow {
    pub fn into_event(self) -> db::Result<EventRow> {
        Ok(EventRow {
            idx: self.idx.cast_unsigned(),
            body: self.body,
            leaf_hash: hash(&self.leaf_hash)?,
            projection: Projection {
                id: self.id,
                recorded_at: self.recorded_at,
                kind: self.kind,
                actor_kind: self.actor_kind,
                actor_id: self.actor_id,
                subject_kind: self.subject_kind,
                subject_id: self.subject_id,
                platform_id: self.platform_id,
                outcome: self.outcome,
            },
        })
    }
}

/// A moment that was put beyond what an event can have is brought back to the border of it: it is
/// shown and exported, and not what its body says.
const RECORDED_AT: &str =
    "greatest('0001-01-01Z', least('9999-12-31 23:59:59.999999Z', recorded_at))";

/// What a [`LogRow`] is read from, for queries of the main log that filter by themselves.
pub fn log_columns() -> impl Expression<SqlType = LogColumns>
+ SelectableExpression<audit_log::table>
+ ValidGrouping<(), IsAggregate = is_aggregate::No>
+ QueryFragment<Pg>
+ QueryId {
    (
        audit_log::idx,
        audit_log::id,
        sql::<Timestamptz>(RECORDED_AT),
        audit_log::kind,
        audit_log::actor_kind,
        audit_log::actor_id,
        audit_log::subject_kind,
        audit_log::subject_id,
        audit_log::platform_id,
        audit_log::outcome,
        audit_log::body,
        audit_log::leaf_hash,
    )
}

/// Events `from .. to`, as they stand in the table: gaps are not hidden.
pub fn events(conn: &mut Conn, log: Log, from: u64, to: u64) -> db::Result<Vec<EventRow>> {
    let mut rows = Vec::new();
    each_event(conn, log, from, to, |row| {
        rows.push(row);
        true
    })?;
    Ok(rows)
}

/// Hands over events `from .. to` one by one, while the server still sends those that come after,
/// until `take` says that it wants no more.
pub(super) fn each_event(
    conn: &mut Conn,
    log: Log,
    from: u64,
    to: u64,
    mut take: impl FnMut(EventRow) -> bool,
) -> db::Result<()> {
    let prefix = log.prefix();
    let rows = sql::<LogColumns>(&format!(
        "SELECT idx, id, {RECORDED_AT}, kind, actor_kind, actor_id, subject_kind, subject_id, \
         platform_id, outcome, body, leaf_hash FROM {prefix}_log WHERE idx >= "
    ))
    .bind::<BigInt, _>(from.cast_signed())
    .sql(" AND idx < ")
    .bind::<BigInt, _>(to.cast_signed())
    .sql(" ORDER BY idx")
    .load_iter::<LogRow, PgRowByRowLoadingMode>(conn)?;
    for row in rows {
        if !take(row?.into_event()?) {
            break;
        }
    }
    Ok(())
}

/// The event at this index.
pub fn event(conn: &mut Conn, log: Log, idx: u64) -> db::Result<EventRow> {
    let after = idx
        .checked_add(1)
        .filter(|after| i64::try_from(*after).is_ok());
    events(conn, log, idx, after.ok_or(Error::NotFound)?)?
        .pop()
        .ok_or(Error::NotFound)
}

/// The index that the event was given; `None` while it waits for the seal.
pub fn index_of(conn: &mut Conn, log: Log, event: Uuid) -> db::Result<Option<u64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        idx: i64,
    }
    let prefix = log.prefix();
    let row: Option<Row> = sql_query(format!(
        "SELECT idx FROM {prefix}_log WHERE id = $1 ORDER BY idx LIMIT 1"
    ))
    .bind::<SqlUuid, _>(event)
    .get_result(conn)
    .optional()?;
    Ok(row.map(|row| row.idx.cast_unsigned()))
}

/// The stored tree as of `size` leaves, for roots and proofs.
pub struct StoredTree<'a> {
    conn: std::cell::RefCell<&'a mut Conn>,
    log: Log,
    size: u64,
}

impl<'a> StoredTree<'a> {
    pub fn new(conn: &'a mut Conn, log: Log, size: u64) -> Self {
        Self {
            conn: conn.into(),
            log,
            size,
        }
    }
}

impl Nodes for StoredTree<'_> {
    type Error = Error;

    fn node(&self, level: u32, index: u64) -> db::Result<Hash> {
        let location = Location::of(level, index);
        let mut conn = self.conn.borrow_mut();
        let tile = tile(
            &mut conn,
            self.log,
            self.size,
            location.level,
            location.index,
        )?;
        location.read(&tile).ok_or_else(damaged)
    }
}

pub(super) fn hash(bytes: &[u8]) -> db::Result<Hash> {
    bytes.try_into().map_err(|_| damaged())
}

/// The tables do not hold what only the sealer writes.
pub(super) fn damaged() -> Error {
    Error::Damaged("the stored log; export and verify it")
}

/// What was done on the command line, the newest first.
pub fn command_line_acts(
    conn: &mut Conn,
    (from, until): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    most: usize,
) -> db::Result<Vec<EventRow>> {
    let mut query = audit_log::table
        // Written out, so that the index of just these is used.
        .filter(sql::<Bool>("actor_kind = 'command_line'"))
        .order(audit_log::idx.desc())
        .select(log_columns())
        .into_boxed();
    if let Some(from) = from {
        query = query.filter(audit_log::recorded_at.ge(from));
    }
    if let Some(until) = until {
        query = query.filter(audit_log::recorded_at.lt(until));
    }
    let rows: Vec<LogRow> = first_rows(query, most).load(conn)?;
    rows.into_iter().map(LogRow::into_event).collect()
}

/// How many sealed entries of a kind there are of this time.
pub fn count_between(
    conn: &mut Conn,
    kind: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> db::Result<i64> {
    let count = audit_log::table
        .filter(audit_log::kind.eq(kind))
        .filter(audit_log::recorded_at.ge(from))
        .filter(audit_log::recorded_at.lt(to))
        .count()
        .get_result(conn)?;
    Ok(count)
}

/// When each of these people last did something that the main log has sealed.
pub fn last_acts(
    conn: &mut Conn,
    people: &[PersonId],
) -> db::Result<Vec<(PersonId, DateTime<Utc>)>> {
    #[derive(QueryableByName)]
    struct Act {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Timestamptz)]
        at: DateTime<Utc>,
    }
    let ids: Vec<Uuid> = people.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Act> = sql_query(
        "SELECT p.id, l.recorded_at AS at FROM unnest($1) AS p (id) CROSS JOIN LATERAL ( \
         SELECT recorded_at FROM audit_log WHERE actor_id = p.id::text AND actor_kind = 'person' \
         ORDER BY idx DESC LIMIT 1) AS l",
    )
    .bind::<diesel::sql_types::Array<SqlUuid>, _>(ids)
    .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|act| (act.id.into(), act.at))
        .collect())
}
