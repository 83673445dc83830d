//! What the sealer reads back and writes: rows of the log, and tiles.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Bytea, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};

use super::package::EventRow;
use super::tiles::{Edge, Tile, TileId, WIDTH, hashes_at};
use super::{Log, store};
use crate::foundation::db::{self, Conn};

/// The right edge of the stored tree.
pub(super) fn read_edge(conn: &mut Conn, log: Log, size: u64) -> db::Result<Edge> {
    let mut levels = Vec::new();
    for level in (0..8).take_while(|level| hashes_at(size, *level) > 0) {
        let hashes = hashes_at(size, level);
        let unfinished = if hashes.is_multiple_of(WIDTH as u64) {
            Vec::new()
        } else {
            store::tile(conn, log, size, level, hashes / WIDTH as u64)?
                .hashes()
                .to_vec()
        };
        levels.push(unfinished);
    }
    Edge::resume(size, levels).ok_or_else(store::damaged)
}

pub(super) fn insert_events(conn: &mut Conn, log: Log, rows: &[EventRow]) -> db::Result<()> {
    let prefix = log.prefix();
    let column = |of: fn(&EventRow) -> &str| rows.iter().map(of).collect::<Vec<_>>();
    sql_query(format!(
        "INSERT INTO {prefix}_log (idx, id, recorded_at, kind, actor_kind, actor_id, subject_kind, \
         subject_id, platform_id, outcome, body, leaf_hash) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    ))
    .bind::<Array<BigInt>, _>(
        rows.iter()
            .map(|row| row.idx.cast_signed())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<SqlUuid>, _>(rows.iter().map(|row| row.projection.id).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(
        rows.iter()
            .map(|row| row.projection.recorded_at)
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Text>, _>(column(|row| &row.projection.kind))
    .bind::<Array<Text>, _>(column(|row| &row.projection.actor_kind))
    .bind::<Array<Text>, _>(column(|row| &row.projection.actor_id))
    .bind::<Array<Text>, _>(column(|row| &row.projection.subject_kind))
    .bind::<Array<Text>, _>(column(|row| &row.projection.subject_id))
    .bind::<Array<Nullable<SqlUuid>>, _>(
        rows.iter()
            .map(|row| row.projection.platform_id)
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Text>, _>(column(|row| &row.projection.outcome))
    .bind::<Array<Bytea>, _>(
        rows.iter()
            .map(|row| row.body.as_slice())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Bytea>, _>(
        rows.iter()
            .map(|row| row.leaf_hash.as_slice())
            .collect::<Vec<_>>(),
    )
    .execute(conn)?;
    Ok(())
}

pub(super) fn upsert_tiles(conn: &mut Conn, log: Log, tiles: &[(TileId, Tile)]) -> db::Result<()> {
    let prefix = log.prefix();
    let small = |number: usize| i16::try_from(number).unwrap_or(i16::MAX);
    sql_query(format!(
        "INSERT INTO {prefix}_tile (level, idx, width, hashes) \
         SELECT * FROM unnest($1, $2, $3, $4) \
         ON CONFLICT (level, idx) DO UPDATE SET width = EXCLUDED.width, hashes = EXCLUDED.hashes"
    ))
    .bind::<Array<SmallInt>, _>(
        tiles
            .iter()
            .map(|(id, _)| i16::try_from(id.level).unwrap_or(i16::MAX))
            .collect::<Vec<_>>(),
    )
    .bind::<Array<BigInt>, _>(
        tiles
            .iter()
            .map(|(id, _)| id.index.cast_signed())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<SmallInt>, _>(
        tiles
            .iter()
            .map(|(id, _)| small(id.width))
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Bytea>, _>(
        tiles
            .iter()
            .map(|(_, tile)| tile.to_bytes())
            .collect::<Vec<_>>(),
    )
    .execute(conn)?;
    Ok(())
}
