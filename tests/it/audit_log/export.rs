//! Exports of every size and kind, and what both verifiers say of them.

use std::path::Path;

use diesel::RunQueryDsl as _;
use serde_json::json;
use signalbox::foundation::audit::export::{ExportError, ExportRequest};
use signalbox::foundation::audit::store;
use signalbox::foundation::audit::verify;
use signalbox::foundation::audit::{Actor, Event, Log, Subject};
use signalbox::foundation::crypto::subject_keys;
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::kernel::SubjectId;

use super::fixture::{Bench, Python, everything, verdict};

#[test]
fn every_size_from_0_to_600_verifies_in_both_programs() {
    use signalbox::foundation::audit::seal::LogSealer;
    let bench = Bench::new();
    let mut python = Python::start();
    let mut conn = bench.sealer();
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &bench.signer, bench.now()).unwrap();
    bench.record(0..600);
    for size in 0..=600 {
        // The tree is whole each time; most exports have only its newest events.
        let whole = size <= 40 || size % 128 <= 1;
        let from = (!whole).then(|| size - 5);
        let request = ExportRequest {
            from,
            ..everything()
        };
        let (export, _) = bench.export_of(&request).unwrap();
        let report = bench.verify(&export, None).unwrap();
        assert_eq!((report.tree_size, report.to), (size, size));
        assert_eq!(
            python.verify(&export, &bench.vkey(), None),
            (0, String::new()),
            "size {size}"
        );
        std::fs::remove_dir_all(export).unwrap();
        sealer
            .seal(&mut conn, &bench.signer, bench.now(), 1)
            .unwrap();
    }
}

#[test]
fn a_range_verifies_and_says_what_it_holds() {
    let bench = Bench::with_events(700);
    let anchors = bench.anchor();
    let request = ExportRequest {
        from: Some(250),
        to: Some(600),
        ..everything()
    };
    let (export, exported) = bench.export_of(&request).unwrap();
    assert_eq!(exported.manifest.count, 350);
    let report = bench.verify(&export, Some(&anchors)).unwrap();
    assert_eq!((report.from, report.to, report.tree_size), (250, 600, 700));
    assert_eq!((report.anchors_inside, report.anchors_outside), (1, 1));
    assert!(
        report
            .to_string()
            .starts_with("verified\nlog: signalbox.test/main/1\ntree: 700 events, root ")
    );
    assert_eq!(
        Python::start()
            .verify(&export, &bench.vkey(), Some(&anchors))
            .0,
        0
    );
}

#[test]
fn a_range_that_does_not_exist_is_refused() {
    let bench = Bench::with_events(3);
    for (from, to) in [(0, 4), (2, 1)] {
        let request = ExportRequest {
            from: Some(from),
            to: Some(to),
            ..everything()
        };
        assert!(matches!(
            bench.export_of(&request),
            Err(ExportError::Range { .. })
        ));
    }
    let unsealed = Bench::new();
    assert!(matches!(
        unsealed.export_of(&everything()),
        Err(ExportError::NothingSealed)
    ));
}

#[test]
fn without_a_key_it_is_consistent_and_no_more() {
    let bench = Bench::with_events(5);
    let export = bench.export();
    let outside = verify::Outside {
        keys: Vec::new(),
        ..bench.outside(None)
    };
    assert_eq!(
        verify::verify(&export, &outside).unwrap().verdict(),
        "consistent; key not checked"
    );
    let other = "signalbox.test".parse::<Wrong>().unwrap();
    assert_eq!(
        verdict(&verify::verify(&export, &other.outside(&bench))),
        (1, "checkpoint".into())
    );
    assert_eq!(
        Python::start().verify(&export, &other.0, None),
        (1, "checkpoint".into())
    );
}

/// A key of the same name that did not sign.
struct Wrong(String);

impl std::str::FromStr for Wrong {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        use signalbox::foundation::audit::note::CheckpointSigner;
        Ok(Self(
            CheckpointSigner::new(name, &[8; 32])
                .ok_or(())?
                .verification_key()
                .to_string(),
        ))
    }
}

impl Wrong {
    fn outside(&self, bench: &Bench) -> verify::Outside {
        verify::Outside {
            keys: vec![self.0.parse().unwrap()],
            ..bench.outside(None)
        }
    }
}

#[test]
fn both_programs_say_the_same_on_the_command_line() {
    let bench = Bench::with_events(20);
    let anchors = bench.anchor();
    let export = bench.export();
    let arguments = |folder: &Path| {
        vec![
            folder.display().to_string(),
            "--vkey".into(),
            bench.vkey(),
            "--anchor".into(),
            anchors.display().to_string(),
        ]
    };
    let ours = run(
        env!("CARGO_BIN_EXE_signalbox"),
        &["audit", "verify"],
        &arguments(&export),
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/verify_audit.py");
    let theirs = run("python3", &[script], &arguments(&export));
    assert_eq!(ours, theirs);
    assert_eq!(ours.0, Some(0));
    assert!(ours.1.starts_with("verified\n"), "{}", ours.1);

    let missing = bench.folder.path().join("nothing");
    for (program, first) in [
        (
            env!("CARGO_BIN_EXE_signalbox"),
            ["audit", "verify"].as_slice(),
        ),
        ("python3", &[script]),
    ] {
        let (status, said) = run(program, first, &arguments(&missing));
        assert_eq!(status, Some(2), "{said}");
        assert!(said.starts_with("unusable: "), "{said}");
    }
}

fn run(program: &str, first: &[&str], rest: &[String]) -> (Option<i32>, String) {
    let output = std::process::Command::new(program)
        .args(first)
        .args(rest)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn exporting_is_an_event_before_and_after() {
    let bench = Bench::with_events(2);
    let (_, exported) = bench.export_of(&everything()).unwrap();
    assert_eq!(bench.seal(), 4);
    let export = bench.export();
    let events = std::fs::read_to_string(export.join("events.ndjson")).unwrap();
    for kind in ["audit_log.export_begun", "audit_log.exported"] {
        assert!(events.contains(&format!("\"kind\":\"{kind}\"")), "{kind}");
    }
    let rows = bench
        .services
        .db
        .read(|conn| store::events(conn, Log::Main, 2, 4));
    let bodies: Vec<_> = rows
        .unwrap_or_else(|error: db::Error| panic!("{error}"))
        .into_iter()
        .map(|row| row.body)
        .collect();
    assert!(
        String::from_utf8(bodies.concat())
            .unwrap()
            .contains(&exported.sha256)
    );
}

#[test]
fn personal_details_are_withheld_disclosed_or_erased() {
    let bench = Bench::new();
    let (kept, erased) = (SubjectId::new(), SubjectId::new());
    let actor = Actor::job("test");
    let recorded: db::Result<()> = bench.services.audit.write(&actor, |tx| {
        let keyring = tx.keyring().clone();
        subject_keys::create(tx, &keyring, &[kept, erased])?;
        let event = Event::new("subject.changed", Subject::new("subject", kept))
            .personal(kept, json!({"name": "Ünal", "age": 33}))
            .personal(erased, json!("gone"));
        tx.record(event).map(drop)
    });
    recorded.unwrap();
    bench.seal();
    let mut superuser = bench.db.connect(Role::Superuser);
    diesel::sql_query(format!(
        "DELETE FROM subject_key WHERE subject_id = '{erased}'"
    ))
    .execute(&mut superuser)
    .unwrap();

    let mut python = Python::start();
    for (disclose, counts) in [(false, (0, 0, 2)), (true, (1, 1, 0))] {
        let (export, _) = bench
            .export_of(&ExportRequest {
                disclose,
                ..everything()
            })
            .unwrap();
        let report = bench.verify(&export, None).unwrap();
        assert_eq!((report.disclosed, report.erased, report.withheld), counts);
        assert_eq!(python.verify(&export, &bench.vkey(), None).0, 0);
        let details = std::fs::read_to_string(export.join("details.ndjson")).unwrap();
        assert_eq!(details.contains("Ünal"), disclose);
        assert_eq!(details.contains("salt"), disclose);
    }
}

#[test]
fn the_second_log_is_hidden_from_whoever_does_not_ask_for_it() {
    let bench = Bench::new();
    let mut conn = bench.sealer();
    signalbox::foundation::audit::seal::LogSealer::resume(
        &mut conn,
        Log::Sar,
        &bench.signer,
        bench.now(),
    )
    .unwrap();
    let hidden = bench.services.db.read(|conn| store::head(conn, Log::Sar));
    assert!(matches!(hidden, Err(db::Error::NotFound)));
    let request = ExportRequest {
        log: Log::Sar,
        ..everything()
    };
    let (export, _) = bench.export_of(&request).unwrap();
    assert_eq!(
        bench.verify(&export, None).unwrap().origin,
        "signalbox.test/sar/1"
    );
}
