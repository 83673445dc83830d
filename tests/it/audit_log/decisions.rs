//! Going on after a restore, with another key, and without bodies; what both verifiers say of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use signalbox::foundation::audit::epoch::{self, Cause};
use signalbox::foundation::audit::note::{self, VerificationKey};
use signalbox::foundation::audit::sealer::{create_key, read_key};
use signalbox::foundation::audit::verify::{self, Failure, Outside, Report};
use signalbox::foundation::audit::{Actor, Log};

use super::fixture::{Bench, Python, verdict};

/// Sealed with the key in its file; 20 events, anchored; then put back to the first 15 of them.
fn restored() -> Bench {
    let mut bench = Bench::new();
    let key = bench.folder.path().join("sealer.key");
    create_key(&key, Some("test")).unwrap();
    bench.signer = read_key(&key).unwrap();
    bench.record(0..15);
    bench.seal();
    bench.anchor();
    bench.record(15..20);
    bench.seal();
    bench.anchor();
    bench.attack(PUT_BACK);
    bench
}

const PUT_BACK: &str = "DELETE FROM audit_log WHERE idx >= 15; DELETE FROM audit_checkpoint WHERE size > 15; \
     DELETE FROM audit_anchor WHERE size > 15; \
     UPDATE audit_head SET (size, root) = (SELECT size, root FROM audit_checkpoint WHERE size = 15); \
     UPDATE audit_tile SET width = 15, hashes = substr(hashes, 1, 480)";

fn signalbox(bench: &Bench, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", bench.db.app_url.expose())
        .env(
            "SIGNALBOX_SEALER_DATABASE_URL",
            bench.db.sealer_url.expose(),
        )
        .env("SIGNALBOX_ENCRYPTION_KEY", crate::support::app::TEST_KEY)
        .env(
            "SIGNALBOX_SEALER_KEY_FILE",
            bench.folder.path().join("sealer.key"),
        )
        .env("SIGNALBOX_DATA_DIR", bench.folder.path())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn outside(bench: &Bench, keys: &[&str], anchors: &Path) -> Outside {
    Outside {
        keys: keys
            .iter()
            .map(|key| key.parse::<VerificationKey>().unwrap())
            .collect(),
        anchors: note::parse_all(&std::fs::read_to_string(anchors).unwrap()).unwrap(),
        now: bench.now(),
    }
}

/// What both programs say; they print the same.
fn judge(bench: &Bench, export: &Path, keys: &[&str], anchors: &Path) -> Result<Report, Failure> {
    let mut python = Python::start();
    let ours = verify::verify(export, &outside(bench, keys, anchors));
    assert_eq!(verdict(&ours), python.verify_with(export, keys, &[anchors]));
    if let Ok(report) = &ours {
        assert_eq!(
            report.to_string(),
            python.report(export, keys, &[anchors], bench.now())
        );
    }
    ours
}

#[test]
fn after_a_restore_an_epoch_begins_and_says_what_is_lost() {
    let bench = restored();
    let (refused, said) = signalbox(
        &bench,
        &["audit", "epoch", "begin", "--because", "key-lost"],
    );
    assert!(!refused && said.contains("--because restored"), "{said}");
    let (begun, said) = signalbox(
        &bench,
        &[
            "audit",
            "epoch",
            "begin",
            "--because",
            "restored",
            "--log",
            "main",
        ],
    );
    assert!(begun, "{said}");
    assert!(
        said.contains("signalbox.test/main/2 begins at #15; 5 events"),
        "{said}"
    );
    let (again, said) = signalbox(
        &bench,
        &[
            "audit",
            "epoch",
            "begin",
            "--because",
            "restored",
            "--log",
            "main",
        ],
    );
    assert!(!again && said.contains("nothing to decide"), "{said}");

    bench.record(20..30);
    assert_eq!(bench.seal(), 26);
    let anchors = bench.anchor();
    let export = bench.export();
    let key = bench.vkey();
    let report = judge(&bench, &export, &[&key], &anchors).unwrap();
    assert_eq!(report.origin, "signalbox.test/main/2");
    assert_eq!((report.anchors_outside, report.anchors_lost), (4, 1));
    assert_eq!(
        report.epochs,
        ["epoch 2 began at #15 (restored): events #15 to #19 of before are lost"]
    );
    let events = std::fs::read_to_string(export.join("decisions.ndjson")).unwrap();
    assert!(
        events.contains("\"actor_kind\":\"command_line\""),
        "{events}"
    );

    bench.attack("DELETE FROM audit_decision");
    let refuted = judge(&bench, &bench.export(), &[&key], &anchors);
    assert_eq!(verdict(&refuted), (1, "decisions.ndjson".into()));
}

/// Somebody has sealed on after a restore, without the anchors: from where they part nothing is kept.
#[test]
fn another_history_is_gone_on_from_only_by_name() {
    let bench = restored();
    bench.record(40..50);
    bench.seal();
    // Beyond what the right place knows of, and of the very tree that is gone on with.
    let aside = bench.anchor_file("aside");
    aside.anchor(&mut bench.sealer(), bench.now()).unwrap();
    let signer = &bench.signer;
    let files = [bench.anchor_file("anchors")];
    let mut conn = bench.sealer();
    let finding = epoch::examine(&mut conn, Log::Main, signer, &files).unwrap();
    assert_eq!(
        (finding.cause, finding.size, finding.kept),
        (Some(Cause::Rewritten), 25, 15)
    );
    epoch::begin(
        &mut conn,
        Log::Main,
        signer,
        &Actor::command_line("tester"),
        (&finding, Cause::Rewritten),
        bench.now(),
    )
    .unwrap();
    let anchors = bench.anchor();
    let report = judge(&bench, &bench.export(), &[&bench.vkey()], &anchors).unwrap();
    assert_eq!(report.anchors_lost, 1);
    assert_eq!(
        report.epochs,
        ["epoch 2 began at #25 (rewritten): events #15 to #19 of before are lost"]
    );
}

/// Restored twice, the second time to before the epoch that says what the first time took: the one that begins
/// then knows of both.
#[test]
fn a_loss_is_told_again_where_the_epoch_that_told_it_is_lost() {
    let bench = restored();
    let begin = ["audit", "epoch", "begin", "--because", "restored", "--log"];
    let begin = [begin.as_slice(), &["main"]].concat();
    let (begun, said) = signalbox(&bench, &begin);
    assert!(begun, "{said}");
    bench.attack(PUT_BACK);
    bench.attack("DELETE FROM audit_epoch WHERE epoch > 1; DELETE FROM audit_decision");
    let (begun, said) = signalbox(&bench, &begin);
    assert!(begun, "{said}");
    let anchors = bench.anchor();
    let report = judge(&bench, &bench.export(), &[&bench.vkey()], &anchors).unwrap();
    assert_eq!(report.anchors_lost, 2);
    assert_eq!(
        report.epochs,
        ["epoch 3 began at #15 (restored): events #15 to #19 of before are lost"]
    );
}

/// A cut log must not come out of a change of its key, or of pruning, as a whole one.
#[test]
fn a_log_that_was_put_back_is_not_gone_on_with_under_another_key() {
    let bench = restored();
    begin_second_log(&bench);
    let former = bench.vkey();
    let key = bench.folder.path().join("sealer.key");
    for command in [
        ["audit", "key", "rotate"].as_slice(),
        &["audit", "prune", "--to", "15"],
    ] {
        let (done, said) = signalbox(&bench, command);
        assert!(!done, "{said}");
        for words in [
            "anchored with 20 events and the database has 15",
            "signalbox audit epoch begin",
        ] {
            assert!(said.contains(words), "{said}");
        }
    }
    assert_eq!(bench.head().size, 15);
    assert_eq!(
        read_key(&key).unwrap().verification_key().to_string(),
        former
    );
}

/// Where nobody asked the anchors, whoever kept one sees it.
#[test]
fn an_epoch_that_is_silent_about_a_loss_is_refuted() {
    let mut bench = restored();
    begin_second_log(&bench);
    let former = bench.vkey();
    let key = bench.folder.path().join("sealer.key");
    let anchors = bench.anchor_file("anchors").path().to_owned();
    let elsewhere = bench.folder.path().join("elsewhere");
    let rotate = ["audit", "key", "rotate", "--anchors"];
    let rotate = [rotate.as_slice(), &[elsewhere.to_str().unwrap()]].concat();
    let (changed, said) = signalbox(&bench, &rotate);
    assert!(changed, "{said}");
    bench.signer = read_key(&key).unwrap();
    bench.record(20..40);
    bench.seal();
    let keys = [bench.vkey(), former];
    let refuted = judge(&bench, &bench.export(), &[&keys[0], &keys[1]], &anchors);
    assert_eq!(verdict(&refuted), (1, "anchor of size 20".into()));
    let said = refuted.unwrap_err().to_string();
    assert!(
        said.contains("epoch 2 began as if it had never had more than 16"),
        "{said}"
    );
}

/// A file that is gone is not a place without anchors.
#[test]
fn nothing_is_decided_while_a_file_of_anchors_is_missing() {
    let mut bench = Bench::new();
    let key = bench.folder.path().join("sealer.key");
    create_key(&key, Some("test")).unwrap();
    bench.signer = read_key(&key).unwrap();
    bench.record(0..10);
    bench.seal();
    let anchors = bench.anchor();
    begin_second_log(&bench);
    let away = anchors.with_extension("away");
    std::fs::rename(&anchors, &away).unwrap();
    let refused = |command: &[&str]| {
        let (done, said) = signalbox(&bench, command);
        assert!(
            !done && said.contains("Is the folder mounted?"),
            "{command:?}: {said}"
        );
    };
    refused(&["audit", "key", "rotate"]);
    refused(&["audit", "prune", "--to", "10"]);
    std::fs::remove_file(&key).unwrap();
    create_key(&key, Some("test")).unwrap();
    let begin = ["audit", "epoch", "begin", "--because", "key-lost"];
    refused(&begin);
    std::fs::rename(&away, &anchors).unwrap();
    let (begun, said) = signalbox(&bench, &begin);
    assert!(begun, "{said}");
}

#[test]
fn a_key_is_changed_and_the_former_one_still_counts_for_its_anchors() {
    let mut bench = Bench::new();
    let key = bench.folder.path().join("sealer.key");
    create_key(&key, Some("test")).unwrap();
    bench.signer = read_key(&key).unwrap();
    let former = bench.vkey();
    bench.record(0..10);
    bench.seal();
    bench.anchor();
    // The second log has to have begun, as it has wherever a sealer ran.
    begin_second_log(&bench);
    let (changed, said) = signalbox(&bench, &["audit", "key", "rotate"]);
    assert!(changed, "{said}");
    bench.signer = read_key(&key).unwrap();
    let today = bench.vkey();
    assert!(today != former && said.contains(&today), "{said}");
    bench.record(10..12);
    assert_eq!(bench.seal(), 14);
    let anchors = bench.anchor();
    let export = bench.export();
    let report = judge(&bench, &export, &[&today, &former], &anchors).unwrap();
    assert_eq!((report.anchors_outside, report.anchors_lost), (3, 0));
    assert_eq!(
        report.epochs,
        ["epoch 2 began at #11 (key_changed): nothing of before is lost"]
    );
    assert_eq!(
        verdict(&judge(&bench, &export, &[&today], &anchors)),
        (1, "anchors.ndjson line 1".into()),
        "the former key is missing"
    );
    assert_eq!(
        verdict(&judge(&bench, &export, &[&former, &today], &anchors)),
        (1, "checkpoint".into()),
        "a former key signs no checkpoint of today"
    );
}

fn begin_second_log(bench: &Bench) {
    use signalbox::foundation::audit::seal::LogSealer;
    LogSealer::resume(&mut bench.sealer(), Log::Sar, &bench.signer, bench.now()).unwrap();
}

#[test]
fn without_the_lost_key_another_one_goes_on() {
    let mut bench = Bench::new();
    let key = bench.folder.path().join("sealer.key");
    create_key(&key, Some("test")).unwrap();
    bench.signer = read_key(&key).unwrap();
    let former = bench.vkey();
    bench.record(0..10);
    bench.seal();
    bench.anchor();
    begin_second_log(&bench);
    std::fs::remove_file(&key).unwrap();
    create_key(&key, Some("other")).unwrap();
    let (begun, said) = signalbox(
        &bench,
        &["audit", "epoch", "begin", "--because", "key-lost"],
    );
    assert!(!begun && said.contains("--instance test"), "{said}");
    std::fs::remove_file(&key).unwrap();
    create_key(&key, Some("test")).unwrap();
    bench.signer = read_key(&key).unwrap();
    assert!(
        bench
            .try_seal()
            .unwrap_err()
            .to_string()
            .contains("signalbox audit epoch begin")
    );
    let (begun, said) = signalbox(
        &bench,
        &["audit", "epoch", "begin", "--because", "key-lost"],
    );
    assert!(begun, "{said}");
    bench.record(10..12);
    assert_eq!(bench.seal(), 13);
    let anchors = bench.anchor();
    let report = judge(&bench, &bench.export(), &[&bench.vkey(), &former], &anchors).unwrap();
    assert_eq!(
        report.epochs,
        ["epoch 2 began at #10 (key_lost): nothing of before is lost"]
    );
}

#[test]
fn bodies_are_given_up_in_whole_parts_and_their_hashes_stay() {
    let mut bench = Bench::new();
    let key = bench.folder.path().join("sealer.key");
    create_key(&key, Some("test")).unwrap();
    bench.signer = read_key(&key).unwrap();
    bench.attack(
        "DROP TABLE audit_parts.audit_log_00000000, audit_parts.audit_log_00000001, audit_parts.audit_log_00000002; \
         CREATE OR REPLACE FUNCTION audit_partition_rows() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 300; \
         SELECT audit_make_partitions('audit_log', 0)",
    );
    bench.record(0..700);
    bench.seal();
    let anchors = bench.anchor();
    let (pruned, said) = signalbox(&bench, &["audit", "prune", "--to", "299"]);
    assert!(!pruned && said.contains("nothing goes below"), "{said}");
    let (pruned, said) = signalbox(&bench, &["audit", "prune", "--to", "650"]);
    assert!(pruned && said.contains("bodies pruned to #600"), "{said}");
    bench.record(700..705);
    bench.seal();
    let key = bench.vkey();
    let export = bench.export();
    let report = judge(&bench, &export, &[&key], &anchors).unwrap();
    assert_eq!((report.pruned_to, report.from, report.to), (600, 600, 706));
    assert!(report.to_string().contains("bodies pruned to #600"));

    bench.attack("UPDATE audit_head SET pruned_to = 601");
    let further = judge(&bench, &bench.export(), &[&key], &anchors);
    assert_eq!(verdict(&further), (1, "manifest.json".into()));
    bench.attack("UPDATE audit_head SET pruned_to = 600; DELETE FROM audit_decision");
    let unsaid = judge(&bench, &bench.export(), &[&key], &anchors);
    assert_eq!(verdict(&unsaid), (1, "manifest.json".into()));
}

#[test]
fn how_fresh_an_export_is_is_said_by_both() {
    let bench = Bench::new();
    bench.record(0..3);
    bench.services.clock.advance(chrono::Duration::days(400));
    bench.record(3..4);
    bench.services.clock.advance(chrono::Duration::days(-400));
    bench.record(4..5);
    bench.seal();
    let export = bench.export();
    let key = bench.vkey();
    let mut python = Python::start();
    let told = |export: &PathBuf, now| {
        let outside = Outside {
            now,
            ..bench.outside(None)
        };
        verify::verify(export, &outside).unwrap().to_string()
    };
    for (days, words) in [
        (0, ["is from the future: 2027-04-06", "from the future"]),
        (
            2,
            [
                "is from the future: 2027-04-06",
                "is this the newest export?",
            ],
        ),
    ] {
        let now = bench.now() + chrono::Duration::days(days);
        let said = told(&export, now);
        assert_eq!(said, python.report(&export, &[&key], &[], now));
        for word in words {
            assert!(said.contains(word), "{said}");
        }
    }
    for (from, to, word) in [
        (5, 5, "holds no events"),
        (0, 2, "ends before the newest event"),
    ] {
        let request = signalbox::foundation::audit::export::ExportRequest {
            from: Some(from),
            to: Some(to),
            ..super::fixture::everything()
        };
        let (export, _) = bench.export_of(&request).unwrap();
        let said = told(&export, bench.now());
        assert_eq!(said, python.report(&export, &[&key], &[], bench.now()));
        assert!(said.contains(word), "{said}");
    }
}

/// Across the edges of tiles, where a root is put together from several.
#[test]
fn seventeen_anchors_over_thirteen_hundred_events() {
    let bench = Bench::new();
    let mut size = 0;
    let mut anchors = PathBuf::new();
    for next in [
        1, 2, 255, 256, 257, 300, 511, 512, 513, 700, 767, 768, 769, 1024, 1025, 1280, 1300,
    ] {
        bench.record(size..next);
        size = next;
        assert_eq!(bench.seal(), next);
        anchors = bench.anchor();
    }
    let export = bench.export();
    let report = judge(&bench, &export, &[&bench.vkey()], &anchors).unwrap();
    assert_eq!((report.anchors_inside, report.anchors_outside), (17, 17));
    for at in [0, 8, 16] {
        let mut notes = outside(&bench, &[], &anchors).anchors;
        notes[at].checkpoint.root[0] ^= 1;
        let size = notes[at].checkpoint.size;
        let forged = bench.folder.path().join("forged");
        let note = bench.signer.sign(&notes[at].checkpoint);
        std::fs::write(&forged, note).unwrap();
        assert_eq!(
            verdict(&judge(&bench, &export, &[&bench.vkey()], &forged)),
            (1, format!("anchor of size {size}"))
        );
    }
}
