//! One batch: rows leave the inbox, get their index, and grow the tree.
//!
//! Everything of a batch happens in one transaction, so a sealer that is killed at any step leaves
//! either nothing or everything.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bytea, Integer, Text, Timestamptz, Uuid as SqlUuid};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::note::{Checkpoint, CheckpointSigner, SignedCheckpoint};
use super::package::DECISIONS_KINDS as DECISIONS;
use super::package::EventRow;
use super::projection::{Body, SEALERS_OWN};
use super::rows::{insert_events, read_edge, upsert_tiles};
use super::tiles::{Edge, Tile, TileId};
use super::tree::leaf_hash;
use super::{Actor, Event, Log, Subject, jcs, store};
use crate::foundation::crypto::random;
use crate::foundation::db::{self, Conn, Error};

/// The bytes of bodies in one transaction, past the first of them.
const BATCH_BYTES: i64 = 16 << 20;

/// Partitions are made at least two ahead, so looking this often is plenty.
const PARTITION_CHECK_EVENTS: u64 = 100_000;

/// A lost key has a procedure, and a forged checkpoint another; both begin with somebody looking.
const NOT_OURS: Error = Error::Damaged(
    "the newest checkpoint is not signed with this sealer's key: the key file was replaced, or \
     somebody else has sealed. Put the right key back; if it is lost, run `signalbox audit epoch begin`",
);

/// Seals one log over one connection. It keeps the right edge of the tree in memory; after any
/// error it must be thrown away and [resumed](LogSealer::resume).
pub struct LogSealer {
    log: Log,
    origin: String,
    edge: Edge,
    partitions_checked_at: u64,
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub events: usize,
    /// More may be waiting.
    pub more: bool,
    pub checkpoint: Checkpoint,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    /// Where the row lies: nobody may change it there, and finding it again costs no index.
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Bytea)]
    body: Vec<u8>,
}

/// What becomes an event.
struct Entry {
    bytes: Vec<u8>,
    body: Body,
}

struct Refused {
    row: Waiting,
    reason: String,
}

impl LogSealer {
    /// Takes up the log where the database says it stands. Opens the first epoch under `instance`
    /// and signs the empty tree where the log has never been sealed.
    pub fn resume(
        conn: &mut Conn,
        log: Log,
        signer: &CheckpointSigner,
        now: DateTime<Utc>,
    ) -> db::Result<Self> {
        conn.transaction(|conn| {
            let known = store::origin(conn, log)?;
            let is_new = known.is_none();
            let origin = match known {
                Some(origin) => origin,
                None => open_epoch(conn, log, signer, now)?,
            };
            let sealer = Self::take_up(conn, log, origin)?;
            if is_new && sealer.size() == 0 {
                sealer.sign(conn, signer, now)?;
            } else {
                sealer.require_our_signature(conn, signer)?;
            }
            Ok(sealer)
        })
    }

    /// The tree as the database has it, under this name; nothing is said about signatures.
    pub(super) fn take_up(conn: &mut Conn, log: Log, origin: String) -> db::Result<Self> {
        let head = store::head_for_update(conn, log)?;
        let edge = read_edge(conn, log, head.size)?;
        if edge.root() != head.root {
            return Err(store::damaged());
        }
        let mut sealer = Self {
            log,
            origin,
            edge,
            partitions_checked_at: 0,
        };
        sealer.make_partitions(conn)?;
        Ok(sealer)
    }

    /// Whoever owns the database can grow a tree of their own, but cannot sign it. To go on from
    /// it would be to sign it for them.
    fn require_our_signature(&self, conn: &mut Conn, signer: &CheckpointSigner) -> db::Result<()> {
        let stored = store::newest_checkpoint(conn, self.log)?.ok_or_else(store::damaged)?;
        let newest = SignedCheckpoint::parse(&stored.note).map_err(|_| store::damaged())?;
        newest
            .verify(&signer.verification_key())
            .map_err(|_| NOT_OURS)?;
        if newest.checkpoint == self.checkpoint() {
            Ok(())
        } else {
            Err(store::damaged())
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    pub fn log(&self) -> Log {
        self.log
    }

    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Seals up to `limit` waiting events; `None` when there were none.
    ///
    /// Where the database refuses a batch for what is in it, a smaller one is tried: one row must not stop the
    /// log for ever. A row that is refused alone is set aside. Any other error is about the database, and the
    /// events wait until that is mended.
    pub fn seal(
        &mut self,
        conn: &mut Conn,
        signer: &CheckpointSigner,
        now: DateTime<Utc>,
        limit: i64,
    ) -> db::Result<Option<Sealed>> {
        let mut limit = limit;
        loop {
            let edge = self.edge.clone();
            let error = match self.seal_batch(conn, signer, now, limit) {
                Err(error) if error.is_about_a_row() => error,
                other => return other,
            };
            self.edge = edge;
            if limit == 1 {
                return self.set_aside_first(conn, signer, now, &error).map(Some);
            }
            limit /= 2;
            tracing::warn!(log = self.log.as_str(), limit, cause = %error, "a batch is refused; trying a smaller one");
        }
    }

    fn seal_batch(
        &mut self,
        conn: &mut Conn,
        signer: &CheckpointSigner,
        now: DateTime<Utc>,
        limit: i64,
    ) -> db::Result<Option<Sealed>> {
        conn.transaction(|conn| {
            let waiting = self.take(conn, limit)?;
            if waiting.is_empty() {
                return Ok(None);
            }
            let more = is_full(&waiting, limit);
            self.hold_head(conn)?;
            self.make_partitions(conn)?;
            let taken: Vec<(Uuid, String)> = waiting
                .iter()
                .map(|row| (row.id, row.place.clone()))
                .collect();
            let (entries, refused) = self.sort_out(conn, waiting, now)?;
            let events = entries.len();
            self.append(conn, entries)?;
            self.keep_refused(conn, &refused, now)?;
            let checkpoint = self.sign(conn, signer, now)?;
            self.clear_inbox(conn, &taken)?;
            Ok(Some(Sealed {
                events,
                more,
                checkpoint,
            }))
        })
    }

    /// The oldest waiting row, which the database does not take as an event.
    fn set_aside_first(
        &mut self,
        conn: &mut Conn,
        signer: &CheckpointSigner,
        now: DateTime<Utc>,
        error: &Error,
    ) -> db::Result<Sealed> {
        tracing::error!(log = self.log.as_str(), cause = %error, "an event is set aside");
        conn.transaction(|conn| {
            let waiting = self.take(conn, 1)?;
            self.hold_head(conn)?;
            let taken: Vec<(Uuid, String)> = waiting
                .iter()
                .map(|row| (row.id, row.place.clone()))
                .collect();
            let reason = "the database refuses it as an event";
            let mut entries = Vec::new();
            let mut refused = Vec::new();
            for row in waiting {
                entries.push(self.refusal(&row, reason, now)?);
                refused.push(Refused {
                    row,
                    reason: reason.to_owned(),
                });
            }
            let events = entries.len();
            self.append(conn, entries)?;
            self.keep_refused(conn, &refused, now)?;
            let checkpoint = self.sign(conn, signer, now)?;
            self.clear_inbox(conn, &taken)?;
            Ok(Sealed {
                events,
                more: true,
                checkpoint,
            })
        })
    }

    fn hold_head(&self, conn: &mut Conn) -> db::Result<()> {
        if store::head_for_update(conn, self.log)?.size == self.edge.size() {
            Ok(())
        } else {
            Err(Error::Unavailable("another sealer was here".to_owned()))
        }
    }

    /// Seals one event that is the sealer's own, past the inbox, and keeps a copy where it is a decision
    /// about the log itself.
    pub(super) fn seal_own(
        &mut self,
        conn: &mut Conn,
        signer: &CheckpointSigner,
        event: Event,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> db::Result<Checkpoint> {
        conn.transaction(|conn| {
            let kind = event.kind;
            let entry = own_entry(event, actor, now)?;
            let (idx, body) = (self.edge.size(), entry.bytes.clone());
            self.append(conn, vec![entry])?;
            if DECISIONS.contains(&kind) {
                let prefix = self.log.prefix();
                sql_query(format!(
                    "INSERT INTO {prefix}_decision (idx, body, leaf_hash) VALUES ($1, $2, $3)"
                ))
                .bind::<BigInt, _>(idx.cast_signed())
                .bind::<Bytea, _>(&body)
                .bind::<Bytea, _>(leaf_hash(&body).as_slice())
                .execute(conn)?;
            }
            self.sign(conn, signer, now)
        })
    }

    /// The oldest rows, no more of them than a transaction can bear. When they were recorded decides the
    /// order and is not read: a moment that no program can hold must not stop the log.
    fn take(&self, conn: &mut Conn, limit: i64) -> db::Result<Vec<Waiting>> {
        let prefix = self.log.prefix();
        Ok(sql_query(format!(
            "SELECT id, place, body FROM ( \
                 SELECT id, spot::text AS place, recorded_at, body, sum(octet_length(body)) \
                     OVER (ORDER BY recorded_at, id ROWS UNBOUNDED PRECEDING) - octet_length(body) AS before \
                 FROM (SELECT id, ctid AS spot, recorded_at, body FROM {prefix}_inbox \
                       ORDER BY recorded_at, id LIMIT $1) AS oldest) AS measured \
             WHERE before < {BATCH_BYTES} ORDER BY recorded_at, id"
        ))
        .bind::<BigInt, _>(limit)
        .load(conn)?)
    }

    /// Bodies that become events, in order. What is no event of ours must neither stop the log
    /// nor vanish: it is kept aside, and an event of the sealer's own names it by its hash.
    fn sort_out(
        &self,
        conn: &mut Conn,
        waiting: Vec<Waiting>,
        now: DateTime<Utc>,
    ) -> db::Result<(Vec<Entry>, Vec<Refused>)> {
        let mut known = self.known_ids(conn, &waiting)?;
        let mut entries = Vec::with_capacity(waiting.len());
        let mut refused = Vec::new();
        for row in waiting {
            let reason = match Body::parse(&row.body) {
                Err(error) => error.to_string(),
                Ok(body) if body.projection.id != row.id => "its id is not the row's".to_owned(),
                Ok(body) if SEALERS_OWN.contains(&body.projection.kind.as_str()) => {
                    "only the sealer makes events of its kind".to_owned()
                }
                Ok(_) if !known.insert(row.id) => "its id is sealed already".to_owned(),
                Ok(body) => {
                    entries.push(Entry {
                        bytes: row.body,
                        body,
                    });
                    continue;
                }
            };
            entries.push(self.refusal(&row, &reason, now)?);
            refused.push(Refused { row, reason });
        }
        Ok((entries, refused))
    }

    fn known_ids(&self, conn: &mut Conn, waiting: &[Waiting]) -> db::Result<HashSet<Uuid>> {
        #[derive(QueryableByName)]
        struct Known {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
        }
        let ids: Vec<Uuid> = waiting.iter().map(|row| row.id).collect();
        let prefix = self.log.prefix();
        let known: Vec<Known> =
            sql_query(format!("SELECT id FROM {prefix}_log WHERE id = ANY($1)"))
                .bind::<Array<SqlUuid>, _>(ids)
                .load(conn)?;
        Ok(known.into_iter().map(|row| row.id).collect())
    }

    fn refusal(&self, row: &Waiting, reason: &str, now: DateTime<Utc>) -> db::Result<Entry> {
        let event = Event::new("audit.entry_refused", Subject::new("audit_entry", row.id))
            .log(self.log)
            .outcome(super::Outcome::Failure)
            .detail("bytes", row.body.len())
            .detail("sha256", hex::encode(Sha256::digest(&row.body)))
            .detail("reason", reason);
        own_entry(event, &Actor::job("audit.sealer"), now)
    }

    /// Gives each body its index and hash, and stores rows and tiles.
    fn append(&mut self, conn: &mut Conn, entries: Vec<Entry>) -> db::Result<()> {
        let mut tiles: Vec<(TileId, Tile)> = Vec::new();
        let mut rows = Vec::with_capacity(entries.len());
        for Entry { bytes, body } in entries {
            let leaf_hash = leaf_hash(&bytes);
            rows.push(EventRow {
                idx: self.edge.size(),
                body: bytes,
                leaf_hash,
                projection: body.projection,
            });
            self.edge.push(leaf_hash, |id, tile| tiles.push((id, tile)));
        }
        tiles.extend(self.edge.unfinished());
        insert_events(conn, self.log, &rows)?;
        upsert_tiles(conn, self.log, &tiles)
    }

    fn keep_refused(
        &self,
        conn: &mut Conn,
        refused: &[Refused],
        now: DateTime<Utc>,
    ) -> db::Result<()> {
        let prefix = self.log.prefix();
        for Refused { row, reason } in refused {
            // The same row refused twice is the same row.
            sql_query(format!(
                "INSERT INTO {prefix}_refused (id, recorded_at, body, reason, refused_at) \
                 SELECT id, recorded_at, body, $1, $2 FROM {prefix}_inbox WHERE ctid = $3::tid AND id = $4 \
                 ON CONFLICT DO NOTHING"
            ))
            .bind::<Text, _>(reason)
            .bind::<Timestamptz, _>(now)
            .bind::<Text, _>(&row.place)
            .bind::<SqlUuid, _>(row.id)
            .execute(conn)?;
        }
        Ok(())
    }

    /// Moves the head to the edge and signs it.
    fn sign(
        &self,
        conn: &mut Conn,
        signer: &CheckpointSigner,
        now: DateTime<Utc>,
    ) -> db::Result<Checkpoint> {
        let checkpoint = self.checkpoint();
        let prefix = self.log.prefix();
        sql_query(format!(
            "UPDATE {prefix}_head SET size = $1, root = $2, sealed_at = $3"
        ))
        .bind::<BigInt, _>(checkpoint.size.cast_signed())
        .bind::<Bytea, _>(checkpoint.root.as_slice())
        .bind::<Timestamptz, _>(now)
        .execute(conn)?;
        sql_query(format!(
            "INSERT INTO {prefix}_checkpoint (size, root, note, signed_at) VALUES ($1, $2, $3, $4)"
        ))
        .bind::<BigInt, _>(checkpoint.size.cast_signed())
        .bind::<Bytea, _>(checkpoint.root.as_slice())
        .bind::<Text, _>(signer.sign(&checkpoint))
        .bind::<Timestamptz, _>(now)
        .execute(conn)?;
        Ok(checkpoint)
    }

    fn clear_inbox(&self, conn: &mut Conn, taken: &[(Uuid, String)]) -> db::Result<()> {
        let prefix = self.log.prefix();
        let (ids, places): (Vec<Uuid>, Vec<String>) = taken.iter().cloned().unzip();
        let cleared = sql_query(format!(
            "DELETE FROM {prefix}_inbox WHERE ctid = ANY($1::tid[]) AND id = ANY($2)"
        ))
        .bind::<Array<Text>, _>(places)
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(conn)?;
        if cleared == taken.len() {
            Ok(())
        } else {
            Err(Error::Unavailable(
                "the inbox changed under the sealer".to_owned(),
            ))
        }
    }

    fn make_partitions(&mut self, conn: &mut Conn) -> db::Result<()> {
        #[derive(QueryableByName)]
        struct Made {
            #[diesel(sql_type = Integer)]
            made: i32,
        }
        let size = self.edge.size();
        if size > 0 && size < self.partitions_checked_at + PARTITION_CHECK_EVENTS {
            return Ok(());
        }
        let made: Made = sql_query("SELECT audit_make_partitions($1, $2) AS made")
            .bind::<Text, _>(format!("{}_log", self.log.prefix()))
            .bind::<BigInt, _>(size.cast_signed())
            .get_result(conn)?;
        if made.made > 0 {
            tracing::info!(
                log = self.log.as_str(),
                made = made.made,
                "made partitions ahead"
            );
        }
        self.partitions_checked_at = size;
        Ok(())
    }
}

/// An event that the sealer makes itself.
fn own_entry(event: Event, actor: &Actor, now: DateTime<Utc>) -> db::Result<Entry> {
    let value = event.to_json(Uuid::from_bytes(random()), now, actor, &[]);
    let bytes = jcs::to_vec(&value).map_err(|e| Error::Event(e.to_string()))?;
    let body = Body::parse(&bytes).map_err(|e| Error::Event(e.to_string()))?;
    Ok(Entry { bytes, body })
}

/// Whether the batch may have been cut by one of its limits.
fn is_full(waiting: &[Waiting], limit: i64) -> bool {
    let bytes: usize = waiting.iter().map(|row| row.body.len()).sum();
    i64::try_from(waiting.len()).is_ok_and(|rows| rows >= limit)
        || i64::try_from(bytes).is_ok_and(|bytes| bytes >= BATCH_BYTES)
}

/// Names the log for the first time.
fn open_epoch(
    conn: &mut Conn,
    log: Log,
    signer: &CheckpointSigner,
    now: DateTime<Utc>,
) -> db::Result<String> {
    let origin = format!("{}/{}/1", signer.verification_key().name(), log.as_str());
    sql_query("INSERT INTO audit_epoch (log, epoch, origin, first_idx, began_at) VALUES ($1, 1, $2, 0, $3)")
        .bind::<Text, _>(log.as_str())
        .bind::<Text, _>(&origin)
        .bind::<Timestamptz, _>(now)
        .execute(conn)?;
    Ok(origin)
}
