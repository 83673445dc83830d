//! Reading what is said about the log as a whole: anchors, decisions, and how far everything is behind.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bytea, Integer, Nullable, Text, Timestamptz};

use super::Log;
use super::store::hash;
use super::tree::Hash;
use crate::foundation::db::{self, Conn, Error};

/// More places than anybody anchors in.
const MOST_PLACES: usize = 32;

/// More decisions about a log than it can bear.
const MOST_DECISIONS: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnchor {
    pub size: u64,
    pub note: String,
    pub place: String,
    pub anchored_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct AnchorRow {
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Timestamptz)]
    anchored_at: DateTime<Utc>,
}

impl From<AnchorRow> for StoredAnchor {
    fn from(row: AnchorRow) -> Self {
        Self {
            size: row.size.cast_unsigned(),
            note: row.note,
            place: row.place,
            anchored_at: row.anchored_at,
        }
    }
}

/// The newest anchor of each place, the furthest first.
pub fn newest_anchors(conn: &mut Conn, log: Log) -> db::Result<Vec<StoredAnchor>> {
    let prefix = log.prefix();
    let rows: Vec<AnchorRow> = sql_query(format!(
        "SELECT * FROM (SELECT DISTINCT ON (place) size, note, place, anchored_at FROM {prefix}_anchor \
         ORDER BY place, size DESC) AS newest ORDER BY size DESC, place LIMIT {MOST_PLACES}"
    ))
    .load(conn)?;
    Ok(rows.into_iter().map(StoredAnchor::from).collect())
}

/// The next anchors after this one, in the order of size and place.
pub fn anchors_after(
    conn: &mut Conn,
    log: Log,
    after: &(i64, String),
    most: i64,
) -> db::Result<Vec<StoredAnchor>> {
    let prefix = log.prefix();
    let rows: Vec<AnchorRow> = sql_query(format!(
        "SELECT size, note, place, anchored_at FROM {prefix}_anchor WHERE (size, place) > ($1, $2) \
         ORDER BY size, place LIMIT $3"
    ))
    .bind::<BigInt, _>(after.0)
    .bind::<Text, _>(&after.1)
    .bind::<BigInt, _>(most)
    .load(conn)?;
    Ok(rows.into_iter().map(StoredAnchor::from).collect())
}

/// The size of the newest anchor that the table has for this place.
pub(super) fn anchored_at(conn: &mut Conn, log: Log, place: &str) -> db::Result<Option<u64>> {
    let prefix = log.prefix();
    let row: NewestSize = sql_query(format!(
        "SELECT max(size) AS size FROM {prefix}_anchor WHERE place = $1"
    ))
    .bind::<Text, _>(place)
    .get_result(conn)?;
    Ok(row.size.map(i64::cast_unsigned))
}

/// Nothing can be anchored that has not been sealed. A row that says so would pass for the newest
/// anchor for ever.
pub(super) fn require_anchors_within(conn: &mut Conn, log: Log, size: u64) -> db::Result<()> {
    let prefix = log.prefix();
    let row: NewestSize =
        sql_query(format!("SELECT max(size) AS size FROM {prefix}_anchor")).get_result(conn)?;
    if row
        .size
        .is_some_and(|anchored| anchored.cast_unsigned() > size)
    {
        return Err(Error::Damaged(
            "an anchor in the database is of more events than the log has; export and verify it",
        ));
    }
    Ok(())
}

#[derive(QueryableByName)]
struct NewestSize {
    #[diesel(sql_type = Nullable<BigInt>)]
    size: Option<i64>,
}

/// An event by which somebody decided about the log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub idx: u64,
    pub body: Vec<u8>,
    pub leaf_hash: Hash,
}

/// All decisions, oldest first. There is one for each restore, change of key and pruning.
pub fn decisions(conn: &mut Conn, log: Log) -> db::Result<Vec<Decision>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        idx: i64,
        #[diesel(sql_type = Bytea)]
        body: Vec<u8>,
        #[diesel(sql_type = Bytea)]
        leaf_hash: Vec<u8>,
    }
    let prefix = log.prefix();
    let rows: Vec<Row> = sql_query(format!(
        "SELECT idx, body, leaf_hash FROM {prefix}_decision ORDER BY idx LIMIT {MOST_DECISIONS}"
    ))
    .load(conn)?;
    let read = |row: Row| {
        Ok(Decision {
            idx: row.idx.cast_unsigned(),
            body: row.body,
            leaf_hash: hash(&row.leaf_hash)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// How far sealing and anchoring are behind, over both logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Standing {
    /// When the oldest event that waits for the seal was recorded.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub waiting_since: Option<DateTime<Utc>>,
    /// When the oldest checkpoint that reaches beyond every anchor was signed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub unanchored_since: Option<DateTime<Utc>>,
    /// Partitions that stand ready beyond the one that is being filled.
    #[diesel(sql_type = Integer)]
    pub partitions_left: i32,
}

pub fn standing(conn: &mut Conn) -> db::Result<Standing> {
    Ok(sql_query("SELECT * FROM audit_standing()").get_result(conn)?)
}
