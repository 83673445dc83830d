//! What must hold of rows, events and the sealed log, whatever was killed.

use std::collections::HashSet;
use std::process::Command;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use signalbox::foundation::audit::export::{ExportError, ExportRequest};
use signalbox::foundation::audit::{Actor, Log, sealer};
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
///
/// Rows and events are read from one snapshot: the server may still be committing what a killed program had sent.
pub fn check_rows_and_events(plant: &Plant, acknowledged: &HashSet<Uuid>) {
    let mut conn = plant.superuser();
    let (rows, events) = conn
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run(|conn| {
            let rows = ids(
                conn,
                "SELECT id FROM platform WHERE slug <> 'signalbox'",
            );
            let events = ids(
                conn,
                &format!(
                    "SELECT (convert_from(body, 'UTF8')::jsonb #>> '{{subject,id}}')::uuid AS id \
                     FROM (SELECT body FROM audit_inbox UNION ALL SELECT body FROM audit_log) AS event \
                     WHERE convert_from(body, 'UTF8')::jsonb ->> 'kind' = '{WRITTEN}'"
                ),
            );
            QueryResult::Ok((rows, events))
        })
        .unwrap();
    let rows: HashSet<Uuid> = rows.into_iter().collect();
    let with_event: HashSet<Uuid> = events.iter().copied().collect();
    assert_eq!(with_event.len(), events.len(), "a row has two events");
    let lost: Vec<_> = acknowledged.difference(&rows).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let silent: Vec<_> = rows.difference(&with_event).collect();
    assert!(silent.is_empty(), "rows without an event: {silent:?}");
    let empty: Vec<_> = with_event.difference(&rows).collect();
    assert!(empty.is_empty(), "events without a row: {empty:?}");
}

/// Both verifiers hold an export, made by the product's own command, to its key and to every anchor;
/// and what was exported is all that the log has. Answers how many events that is, without those about
/// exporting.
pub fn check_sealed_log(plant: &Plant) -> u64 {
    #[derive(QueryableByName)]
    struct Size {
        #[diesel(sql_type = BigInt)]
        size: i64,
    }
    let mut conn = plant.superuser();
    let head: Size = sql_query("SELECT size FROM audit_head")
        .get_result(&mut conn)
        .unwrap();
    let rows: Size = sql_query("SELECT count(*) AS size FROM audit_log")
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(head.size, rows.size, "the head is not at the end");
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("export");
    let services = plant.services(0);
    let request = ExportRequest {
        log: Log::Main,
        from: None,
        to: None,
        disclose: false,
    };
    let actor = Actor::command_line("faults");
    let made = services
        .audit
        .export(&actor, &request, &export, &mut |_, _| true);
    let exported = match made {
        Err(ExportError::NothingSealed) if head.size == 0 => return 0,
        made => made.unwrap(),
    };
    assert_eq!(exported.manifest.to, head.size.cast_unsigned());
    let key = sealer::read_key(&plant.sealer_key())
        .unwrap()
        .verification_key();
    let anchors = plant.path("anchors/main.checkpoints");
    for (program, first) in [
        (env!("CARGO_BIN_EXE_signalbox"), &["audit", "verify"][..]),
        ("python3", &["-B", "tools/verify_audit.py"][..]),
    ] {
        let mut command = Command::new(program);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(first)
            .arg(&export)
            .args(["--vkey", &key.to_string()]);
        if anchors.exists() {
            command.arg("--anchor").arg(&anchors);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{program}: {said}");
    }
    let ours: Size =
        sql_query("SELECT count(*) AS size FROM audit_log WHERE kind LIKE 'audit_log.export%'")
            .get_result(&mut conn)
            .unwrap();
    (head.size - ours.size).cast_unsigned()
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
