//! What somebody who owns the database can do to the log, and what both verifiers then say.
//!
//! The last four attacks succeed. They are on the Verify page.

use std::path::Path;

use diesel::RunQueryDsl as _;
use signalbox::foundation::audit::tiles::Edge;
use signalbox::foundation::audit::tree::leaf_hash;
use signalbox::foundation::audit::{Actor, Event, Log, Subject};
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;

use super::fixture::{Bench, Python, Verdict, verdict};

/// 20 events; checkpoints of 10, 15 and 20; anchors, in the table and outside, of 10 and 15.
fn victim() -> (Bench, std::path::PathBuf) {
    victim_of(Log::Main)
}

fn victim_of(log: Log) -> (Bench, std::path::PathBuf) {
    let bench = Bench::of(log);
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

/// Runs the attack on either log and expects this place to be named.
fn attack(sql: &str, place: &str) {
    for log in Log::ALL {
        let (bench, anchors) = victim_of(log);
        let sql = against(log, sql);
        bench.attack(&sql);
        assert_eq!(judge(&bench, &anchors), (1, place.to_owned()), "{sql}");
    }
}

/// The same attack on the tables of that log.
fn against(log: Log, sql: &str) -> String {
    let mut sql = sql.replace("main/1", &format!("{}/1", log.as_str()));
    if log == Log::Sar {
        for table in ["log", "tile", "checkpoint", "anchor", "head", "inbox"] {
            sql = sql.replace(&format!(" audit_{table}"), &format!(" sar_audit_{table}"));
            sql = sql.replace(&format!(".audit_{table}"), &format!(".sar_audit_{table}"));
        }
    }
    sql
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
        keys: vec![key.parse().unwrap()],
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

#[test]
fn adding_an_anchor() {
    // Of more events than there are, of a size that there is, and with no note at all.
    let note = |size: u64, root: &str| {
        format!(
            "(SELECT replace(replace(note, E'\\n15\\n', E'\\n{size}\\n'), 'x', '{root}') FROM audit_anchor WHERE size = 15)"
        )
    };
    for (size, note) in [
        (1_000_000, note(1_000_000, "x")),
        (12, note(12, "x")),
        (11, "'nothing'".to_owned()),
    ] {
        let line = if size > 15 { 3 } else { 2 };
        attack(
            &format!("INSERT INTO audit_anchor SELECT {size}, sha256(''), {note}, 'aside', now()"),
            &format!("anchors.ndjson line {line}"),
        );
    }
}

#[test]
fn editing_an_anchor() {
    attack(
        "UPDATE audit_anchor SET note = replace(note, E'\n10\n', E'\n9\n') WHERE size = 10",
        "anchors.ndjson line 1",
    );
}

#[test]
fn deleting_a_tile() {
    attack("DELETE FROM audit_tile", "tiles/0/000.p/20");
}

#[test]
fn shortening_a_tile() {
    attack(
        "UPDATE audit_tile SET width = 3, hashes = substr(hashes, 1, 96)",
        "tiles/0/000.p/20",
    );
}

#[test]
fn detaching_a_partition() {
    attack(
        "ALTER TABLE audit_log DETACH PARTITION audit_parts.audit_log_00000000",
        "event #0",
    );
}

#[test]
fn claiming_that_bodies_were_given_up() {
    attack(
        "DELETE FROM audit_log WHERE idx < 5; UPDATE audit_head SET pruned_to = 5",
        "manifest.json",
    );
}

#[test]
fn deleting_a_personal_detail() {
    attack("DELETE FROM audit_detail", "detail 0 of event #1");
}

#[test]
fn swapping_the_ciphertexts_of_two_details() {
    attack(
        "UPDATE audit_detail d SET ciphertext = (SELECT ciphertext FROM audit_detail o \
         WHERE o.event_id <> d.event_id LIMIT 1)",
        "detail 0 of event #1",
    );
}

#[test]
fn renaming_the_epoch() {
    for log in Log::ALL {
        let (bench, anchors) = victim_of(log);
        bench.attack(&format!(
            "UPDATE audit_epoch SET origin = 'signalbox.test/{0}/7', epoch = 7 WHERE log = '{0}'",
            log.as_str()
        ));
        // The name that counts is the signed one.
        assert_eq!(judge(&bench, &anchors), (0, String::new()));
        assert!(bench.try_seal().is_err());
    }
}

#[test]
fn adding_a_decision() {
    let (bench, anchors) = victim();
    bench.attack(
        "INSERT INTO audit_decision SELECT idx, body, leaf_hash FROM audit_log WHERE idx = 3",
    );
    assert_eq!(
        judge(&bench, &anchors),
        (1, "decisions.ndjson line 1".into())
    );
}

/// The application may write into the inbox, and has no say about the log itself.
#[test]
fn an_application_cannot_begin_an_epoch() {
    let (bench, anchors) = victim();
    for kind in [
        "audit.epoch_begun",
        "audit.bodies_pruned",
        "audit.key_changed",
    ] {
        bench.record_one(Event::new(kind, Subject::new("audit_epoch", "x")));
    }
    assert_eq!(bench.seal(), 23);
    let kept: i64 = count(&bench, "SELECT count(*) AS n FROM audit_refused");
    assert_eq!(kept, 3);
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
}

/// A row can be refused by the database for what it holds; the others go on, and it is kept aside.
#[test]
fn a_row_that_the_database_refuses_stops_nothing() {
    let bench = Bench::with_events(3);
    bench.attack("ALTER TABLE audit_log ADD CHECK (subject_id <> '13')");
    bench.record(3..30);
    let mut size = 0;
    while bench.head().size != size {
        size = bench.head().size;
        bench.seal();
    }
    assert_eq!(size, 30);
    assert_eq!(count(&bench, "SELECT count(*) AS n FROM audit_refused"), 1);
    let refused = "SELECT count(*) AS n FROM audit_log WHERE kind = 'audit.entry_refused'";
    assert_eq!(count(&bench, refused), 1);
    let export = bench.export();
    bench.verify(&export, None).unwrap();
}

/// A disk that is full while one row is tried says nothing about that row.
#[test]
fn a_database_in_trouble_costs_no_event() {
    let bench = Bench::with_events(3);
    bench.attack(
        "CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.subject_id = '13' THEN \
         RAISE 'could not extend file \"base/5/16384\": No space left on device' USING ERRCODE = 'disk_full'; \
         END IF; RETURN NEW; END $$; \
         CREATE TRIGGER trouble BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION trouble()",
    );
    bench.record(3..30);
    let error = bench.try_seal().unwrap_err();
    assert!(
        error.to_string().contains("No space left on device"),
        "{error}"
    );
    bench.attack("DROP TRIGGER trouble ON audit_log");
    assert_eq!(bench.seal(), 30);
    assert_eq!(count(&bench, "SELECT count(*) AS n FROM audit_refused"), 0);
    let export = bench.export();
    bench.verify(&export, None).unwrap();
}

#[test]
fn what_cannot_be_sealed_is_set_aside() {
    let bench = Bench::with_events(1);
    // Written past the application, which refuses such events itself.
    let body = |field: &str| {
        format!(
            "INSERT INTO audit_inbox SELECT i.id, now(), convert_to(replace(replace(convert_from(l.body, 'UTF8'), \
             replace(l.id::text, '-', ''), replace(i.id::text, '-', '')), {field}), 'UTF8') \
             FROM audit_log l, (SELECT gen_random_uuid() AS id) i WHERE l.idx = 0"
        )
    };
    for field in [
        "'\"id\":\"test\"', '\"id\":\"' || repeat('x', 3000) || '\"'",
        "'test.noted', repeat('k', 513)",
        "'.000001Z', '.0000001Z'",
        "substring(convert_from(l.body, 'UTF8') from '\"at\":\"([^\"]*)'), '2026-03-02T09:00:60.000001Z'",
        "substring(convert_from(l.body, 'UTF8') from '\"at\":\"([^\"]*)'), '0000-03-02T09:00:00.000001Z'",
    ] {
        bench.attack(&body(field));
    }
    bench.attack(
        "INSERT INTO audit_inbox VALUES (gen_random_uuid(), 'infinity', 'x'), (gen_random_uuid(), '-infinity', 'x'); \
         INSERT INTO audit_inbox VALUES ('00000000-0000-4000-8000-000000000001', now(), 'one'), \
         ('00000000-0000-4000-8000-000000000001', now() + interval '1 s', 'two')",
    );
    let longest: Result<(), db::Error> = bench.services.audit.write(&Actor::job("test"), |tx| {
        tx.record(Event::new(
            "test.noted",
            Subject::new("note", "x".repeat(513)),
        ))
        .map(drop)
    });
    assert!(matches!(longest, Err(db::Error::Event(_))), "{longest:?}");
    bench.seal();
    assert_eq!(count(&bench, "SELECT count(*) AS n FROM audit_inbox"), 0);
    assert_eq!(
        count(&bench, "SELECT count(*) AS n FROM audit_refused"),
        9,
        "each with its own bytes"
    );
    let export = bench.export();
    bench.verify(&export, None).unwrap();
    assert_eq!(Python::start().verify(&export, &bench.vkey(), None).0, 0);
}

fn count(bench: &Bench, query: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let row: Row = diesel::sql_query(query)
        .get_result(&mut bench.db.connect(Role::Superuser))
        .unwrap();
    row.n
}

/// Cannot be seen: a key that is deleted looks like an erasure that somebody asked for.
#[test]
fn deleting_a_customers_key() {
    let (bench, anchors) = victim();
    bench.attack("DELETE FROM subject_key");
    let export = bench.export();
    let report = bench.verify(&export, Some(&anchors)).unwrap();
    assert_eq!((report.disclosed, report.erased), (0, 5));
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
         FROM audit_log l, (SELECT gen_random_uuid() AS id) i WHERE l.idx = 2",
    );
    assert_eq!(bench.seal(), 21);
    assert_eq!(judge(&bench, &anchors), (0, String::new()));
}
