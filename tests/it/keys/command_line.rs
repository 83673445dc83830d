//! `signalbox key …`.

use std::process::{Command, Output};

use crate::support::app::TEST_KEY;
use crate::support::db::TestDb;

fn run(db: &TestDb, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", db.app_url.expose())
        .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY)
        .env("SIGNALBOX_DATA_DIR", folder.path())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_key_is_made_listed_rotated_and_revoked() {
    let db = TestDb::create();
    let added = run(
        &db,
        &[
            "key",
            "add",
            "--name",
            "Nightly intake",
            "--scope",
            "subjects:write",
            "alerts:read",
        ],
    );
    assert!(added.status.success(), "{}", told(&added));
    let key = out(&added);
    let key = key.strip_suffix('\n').unwrap();
    assert!(
        key.starts_with("sgbx_") && !key.contains(char::is_whitespace),
        "{key}"
    );
    let id = key.split('_').nth(1).unwrap();
    assert!(told(&added).contains("shown again"), "{}", told(&added));

    let listed = out(&run(&db, &["key", "list"]));
    assert_eq!(listed.lines().count(), 1);
    for part in [
        id,
        "live",
        "alerts:read",
        "subjects:write",
        "Nightly intake",
        "never used",
    ] {
        assert!(listed.contains(part), "{part} in {listed}");
    }
    assert!(!listed.contains(key));

    let rotated = run(&db, &["key", "rotate", id]);
    let new = out(&rotated);
    assert!(new.starts_with(&format!("sgbx_{id}_")) && new.trim() != key);
    assert!(told(&rotated).contains("The old key opens until"));
    let at_once = run(&db, &["key", "rotate", id, "--overlap", "0"]);
    assert!(
        !told(&at_once).contains("The old key"),
        "{}",
        told(&at_once)
    );

    assert!(run(&db, &["key", "revoke", id]).status.success());
    let again = run(&db, &["key", "revoke", id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(told(&again).contains("was revoked"), "{}", told(&again));
    let listed = out(&run(&db, &["key", "list"]));
    assert!(listed.contains("revoked"), "{listed}");
}

#[test]
fn what_is_wrong_with_a_command_is_said() {
    let db = TestDb::create();
    let add = |more: &[&str]| {
        let mut arguments = vec!["key", "add", "--name", "x", "--scope", "alerts:read"];
        arguments.extend(more);
        run(&db, &arguments)
    };
    for (more, code, says) in [
        (
            &["--scope", "cases:approve"][..],
            2,
            "there are subjects:write",
        ),
        (&["--expires", "2y"], 2, "2y"),
        (&["--expires", "366d"], 1, "at most 365 days"),
        (&["--from", "everywhere"], 1, "10.0.0.0/8"),
        (&["--platform", "nowhere"], 1, "no platform"),
    ] {
        let refused = add(more);
        assert_eq!(refused.status.code(), Some(code), "{more:?}");
        assert!(
            told(&refused).contains(says),
            "{more:?}: {}",
            told(&refused)
        );
        assert_eq!(out(&refused), "");
    }
    let nobodys = run(&db, &["key", "revoke", "aaaaaaaaaaaa"]);
    assert!(told(&nobodys).contains("there is no key aaaaaaaaaaaa"));
    assert_eq!(run(&db, &["key", "rotate", "x"]).status.code(), Some(2));
    assert_eq!(out(&run(&db, &["key", "list"])), "");
}
