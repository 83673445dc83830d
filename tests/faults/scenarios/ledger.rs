//! What must hold of rows, events and the sealed log, whatever was killed.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bytea, Uuid as SqlUuid};
use signalbox::foundation::audit::note;
use signalbox::foundation::audit::tiles::Edge;
use signalbox::foundation::audit::tree::leaf_hash;
use uuid::Uuid;

use super::plant::Plant;

/// The kind of the events that the writers record.
pub const WRITTEN: &str = "platform.added";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

fn ids(conn: &mut PgConnection, query: &str) -> Vec<Uuid> {
    let rows: Vec<Id> = sql_query(query).load(conn).unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

/// Every row has its one event, every event its row, and nothing that was acknowledged is missing.
pub fn check_rows_and_events(plant: &Plant, acknowledged: &HashSet<Uuid>) {
    let mut conn = plant.superuser();
    let rows: HashSet<Uuid> = ids(&mut conn, "SELECT id FROM platform")
        .into_iter()
        .collect();
    let events = ids(
        &mut conn,
        &format!(
            "SELECT (convert_from(body, 'UTF8')::jsonb #>> '{{subject,id}}')::uuid AS id \
             FROM (SELECT body FROM audit_inbox UNION ALL SELECT body FROM audit_log) AS event \
             WHERE convert_from(body, 'UTF8')::jsonb ->> 'kind' = '{WRITTEN}'"
        ),
    );
    let with_event: HashSet<Uuid> = events.iter().copied().collect();
    assert_eq!(with_event.len(), events.len(), "a row has two events");
    let lost: Vec<_> = acknowledged.difference(&rows).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let silent: Vec<_> = rows.difference(&with_event).collect();
    assert!(silent.is_empty(), "rows without an event: {silent:?}");
    let empty: Vec<_> = with_event.difference(&rows).collect();
    assert!(empty.is_empty(), "events without a row: {empty:?}");
}

#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = BigInt)]
    idx: i64,
    #[diesel(sql_type = Bytea)]
    body: Vec<u8>,
    #[diesel(sql_type = Bytea)]
    leaf_hash: Vec<u8>,
}

#[derive(QueryableByName)]
struct Root {
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Bytea)]
    root: Vec<u8>,
}

/// Indexes are dense from nought, the head is at the end, and wherever a root was written down, in
/// the database or in the anchor file, it is the one root of that size.
pub fn check_sealed_log(plant: &Plant) -> u64 {
    let mut conn = plant.superuser();
    let entries: Vec<Entry> = sql_query("SELECT idx, body, leaf_hash FROM audit_log ORDER BY idx")
        .load(&mut conn)
        .unwrap();
    let mut edge = Edge::resume(0, Vec::new()).unwrap();
    let mut root_of = BTreeMap::from([(0, edge.root().to_vec())]);
    for (expected, entry) in (0i64..).zip(&entries) {
        assert_eq!(entry.idx, expected, "the indexes are not dense");
        let leaf = leaf_hash(&entry.body);
        assert_eq!(entry.leaf_hash, leaf, "#{expected} has another hash");
        edge.push(leaf, |_, _| {});
        root_of.insert(edge.size(), edge.root().to_vec());
    }
    let head: Root = sql_query("SELECT size, root FROM audit_head")
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(
        head.size.cast_unsigned(),
        edge.size(),
        "the head is not at the end"
    );
    for root in roots(plant, &mut conn).into_iter().chain([head]) {
        let size = root.size.cast_unsigned();
        assert_eq!(
            root_of.get(&size),
            Some(&root.root),
            "another root of size {size}"
        );
    }
    edge.size()
}

fn roots(plant: &Plant, conn: &mut PgConnection) -> Vec<Root> {
    let query =
        "SELECT size, root FROM audit_checkpoint UNION ALL SELECT size, root FROM audit_anchor";
    let mut roots: Vec<Root> = sql_query(query).load(conn).unwrap();
    let anchors = fs::read_to_string(plant.path("anchors/main.checkpoints")).unwrap_or_default();
    let anchored = note::parse_all(&anchors).unwrap();
    roots.extend(anchored.into_iter().map(|signed| Root {
        size: signed.checkpoint.size.cast_signed(),
        root: signed.checkpoint.root.to_vec(),
    }));
    roots
}

/// How many events wait for the seal.
pub fn waiting(plant: &Plant) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = sql_query("SELECT count(*) AS count FROM audit_inbox")
        .get_result(&mut plant.superuser())
        .unwrap();
    count.count
}
