//! What somebody who owns the database can do to the log, and what both verifiers then say.
//!
//! The last three attacks succeed. They are on the Verify page.

use std::path::Path;

use signalbox::foundation::audit::Log;
use signalbox::foundation::audit::tiles::Edge;
use signalbox::foundation::audit::tree::leaf_hash;
use signalbox::foundation::db;

use super::fixture::{Bench, Python, Verdict, verdict};

/// 20 events; checkpoints of 10, 15 and 20; anchors, in the table and outside, of 10 and 15.
fn victim() -> (Bench, std::path::PathBuf) {
    let bench = Bench::new();
    bench.record(0..10);
    bench.seal();
    bench.anchor();
    bench.record(10..15);
    bench.seal();
    let anchors = bench.anchor();
    bench.record(15..20);
    bench.seal();
    (bench, anchors)
}

fn judge(bench: &Bench, anchors: &Path) -> Verdict {
    let export = bench.export();
    let ours = verdict(&bench.verify(&export, Some(anchors)));
    let theirs = Python::start().verify(&export, &bench.vkey(), Some(anchors));
    assert_eq!(ours, theirs);
    ours
}

/// Runs the attack and expects this place to be named.
fn attack(sql: &str, place: &str) {
    let (bench, anchors) = victim();
    bench.attack(sql);
    assert_eq!(judge(&bench, &anchors), (1, place.to_owned()), "{sql}");
}

fn refuses(result: &db::Result<u64>) -> bool {
    matches!(result, Err(db::Error::Damaged(_)))
}

#[test]
fn nothing_done_nothing_found() {
    let (bench, anchors) = victim();
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
}

#[test]
fn editing_a_body() {
    attack(
        "UPDATE audit_log SET body = convert_to(replace(convert_from(body, 'UTF8'), 'test.noted', 'test.moted'), 'UTF8') WHERE idx = 6",
        "event #6",
    );
}

#[test]
fn editing_a_body_and_its_leaf_hash() {
    attack(
        "UPDATE audit_log SET body = '\\x7b7d', leaf_hash = sha256('\\x007b7d') WHERE idx = 7",
        "event #7",
    );
}

#[test]
fn swapping_two_rows() {
    attack(
        "UPDATE audit_log SET idx = 1000 WHERE idx = 3; UPDATE audit_log SET idx = 3 WHERE idx = 4; \
         UPDATE audit_log SET idx = 4 WHERE idx = 1000",
        "event #3",
    );
}

#[test]
fn deleting_a_row() {
    attack("DELETE FROM audit_log WHERE idx = 5", "event #5");
}

#[test]
fn deleting_the_tail() {
    attack("DELETE FROM audit_log WHERE idx >= 18", "event #18");
}

#[test]
fn renumbering_over_a_deleted_row() {
    attack(
        "DELETE FROM audit_log WHERE idx = 5; \
         UPDATE audit_log SET idx = idx + 999 WHERE idx > 5; UPDATE audit_log SET idx = idx - 1000 WHERE idx > 1000",
        "event #5",
    );
}

#[test]
fn editing_a_tile() {
    attack(
        "UPDATE audit_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))",
        "tiles",
    );
}

#[test]
fn editing_a_checkpoint() {
    attack(
        "UPDATE audit_checkpoint SET note = replace(note, E'main/1\\n20\\n', E'main/1\\n19\\n') WHERE size = 20",
        "checkpoint",
    );
}

#[test]
fn replaying_an_old_checkpoint() {
    let (bench, _) = victim();
    let anchors = bench.anchor();
    bench.attack(
        "DELETE FROM audit_checkpoint WHERE size > 15; DELETE FROM audit_anchor WHERE size > 15",
    );
    assert_eq!(judge(&bench, &anchors), (1, "anchor of size 20".into()));
}

#[test]
fn inserting_an_event() {
    let (bench, anchors) = victim();
    bench.attack(
        "INSERT INTO audit_log SELECT 20, gen_random_uuid(), recorded_at, kind, actor_kind, actor_id, subject_kind, \
         subject_id, platform_id, outcome, body, leaf_hash FROM audit_log WHERE idx = 19; \
         UPDATE audit_head SET size = 21",
    );
    // It stands in no tree, so no export has it; and the sealer does not go on from there.
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
    assert!(refuses(&bench.try_seal()));
}

#[test]
fn editing_each_column() {
    for (column, value) in [
        ("id", "'00000000-0000-0000-0000-000000000001'"),
        ("recorded_at", "recorded_at + interval '1 microsecond'"),
        ("kind", "'test.other'"),
        ("actor_kind", "'person'"),
        ("actor_id", "'somebody'"),
        ("subject_kind", "''"),
        ("subject_id", "'1'"),
        ("platform_id", "'00000000-0000-0000-0000-000000000001'"),
        ("outcome", "'denied'"),
        ("leaf_hash", "sha256('')"),
    ] {
        attack(
            &format!("UPDATE audit_log SET {column} = {value} WHERE idx = 11"),
            "event #11",
        );
    }
}

#[test]
fn recomputing_the_tree_without_the_key() {
    let (bench, anchors) = victim();
    bench.attack(&recomputed(&bench));
    assert_eq!(judge(&bench, &anchors), (1, "tiles".into()));
    assert!(refuses(&bench.try_seal()));
}

/// Changes an event and makes rows, tiles and head agree with it.
fn recomputed(bench: &Bench) -> String {
    let rows = bench
        .services
        .db
        .read(|conn| signalbox::foundation::audit::store::events(conn, Log::Main, 0, 20));
    let rows: Vec<_> = rows.unwrap_or_else(|error: db::Error| panic!("{error}"));
    let mut edge = Edge::default();
    let mut sql = String::new();
    for row in &rows {
        let mut body = String::from_utf8(row.body.clone()).unwrap();
        if row.idx == 8 {
            body = body.replace("success", "failure");
            let leaf = leaf_hash(body.as_bytes());
            sql += &format!(
                "UPDATE audit_log SET outcome = 'failure', body = '\\x{}', leaf_hash = '\\x{}' WHERE idx = 8; ",
                hex::encode(&body),
                hex::encode(leaf)
            );
        }
        edge.push(leaf_hash(body.as_bytes()), |_, _| {});
    }
    let (_, tile) = edge.unfinished().next().unwrap();
    sql + &format!(
        "UPDATE audit_tile SET hashes = '\\x{}'; UPDATE audit_head SET root = '\\x{}'; \
         UPDATE audit_checkpoint SET root = '\\x{1}' WHERE size = 20",
        hex::encode(tile.to_bytes()),
        hex::encode(edge.root())
    )
}

#[test]
fn signing_with_another_key() {
    let (mut bench, anchors) = victim();
    bench.attack(&recomputed(&bench));
    let key = bench.vkey();
    bench.signer =
        signalbox::foundation::audit::note::CheckpointSigner::new("signalbox.test", &[8; 32])
            .unwrap();
    let note = bench
        .signer
        .sign(&signalbox::foundation::audit::note::Checkpoint {
            origin: "signalbox.test/main/1".into(),
            size: 20,
            root: bench
                .services
                .db
                .read(|conn| signalbox::foundation::audit::store::head(conn, Log::Main))
                .unwrap()
                .root,
        });
    bench.attack(&format!(
        "UPDATE audit_checkpoint SET note = '{note}' WHERE size = 20"
    ));
    let export = bench.export();
    let outside = signalbox::foundation::audit::verify::Outside {
        key: key.parse().ok(),
        ..bench.outside(Some(&anchors))
    };
    let ours = signalbox::foundation::audit::verify::verify(&export, &outside);
    assert_eq!(verdict(&ours), (1, "checkpoint".into()));
    assert_eq!(
        Python::start().verify(&export, &key, Some(&anchors)),
        (1, "checkpoint".into())
    );
}

#[test]
fn an_event_that_was_sealed_before_is_kept_out() {
    let (bench, anchors) = victim();
    bench.attack(
        "INSERT INTO audit_inbox SELECT id, recorded_at, body FROM audit_log WHERE idx = 2",
    );
    assert_eq!(
        bench.seal(),
        21,
        "an event that names it stands in its place"
    );
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
}

#[test]
fn what_is_no_event_is_kept_aside_and_named() {
    let (bench, anchors) = victim();
    bench.attack(
        "INSERT INTO audit_inbox VALUES (gen_random_uuid(), now(), 'rubbish'), (gen_random_uuid(), now(), '\\xff00')",
    );
    bench.record(20..21);
    assert_eq!(bench.seal(), 23);
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
    assert_eq!(
        bench.seal(),
        25,
        "what is kept aside does not come back; the export's two events do"
    );
}

/// Cannot be seen: the database's owner puts everything back to a signed state that no anchor
/// contradicts.
#[test]
fn cutting_the_tail_since_the_last_anchor() {
    let (bench, anchors) = victim();
    bench.attack(
        "DELETE FROM audit_log WHERE idx >= 15; DELETE FROM audit_checkpoint WHERE size > 15; \
         UPDATE audit_head SET (size, root) = (SELECT size, root FROM audit_checkpoint WHERE size = 15); \
         UPDATE audit_tile SET width = 15, hashes = substr(hashes, 1, 480)",
    );
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
    assert_eq!(
        bench.seal(),
        17,
        "the sealer goes on, with the two events of the export"
    );
}

/// Cannot be seen: what was never sealed was never promised.
#[test]
fn deleting_from_the_inbox() {
    let (bench, anchors) = victim();
    bench.record(20..22);
    bench.attack("DELETE FROM audit_inbox");
    bench.seal();
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
}

/// Cannot be seen: an application that lies at the source is sealed faithfully.
#[test]
fn writing_a_false_event_into_the_inbox() {
    let (bench, anchors) = victim();
    bench.attack(
        "INSERT INTO audit_inbox SELECT i.id, l.recorded_at, convert_to(replace(convert_from(l.body, 'UTF8'), \
         replace(l.id::text, '-', ''), replace(i.id::text, '-', '')), 'UTF8') \
         FROM audit_log l, (SELECT gen_random_uuid() AS id) i WHERE l.idx = 1",
    );
    assert_eq!(bench.seal(), 21);
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
}
