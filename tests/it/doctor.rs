//! What `signalbox doctor` asks a database, and what `signalbox migrate` makes of a bare one.

use signalbox::foundation::db::inspect::{inspect, oldest_unsealed};
use signalbox::foundation::db::migrate;
use signalbox::foundation::db::roles::{self, Passwords};

use crate::support::db::TestDb;

#[test]
fn the_application_is_found_without_special_rights() {
    let db = TestDb::create();
    let found = inspect(&db.app_url).unwrap();
    assert_eq!(found.role.name, "signalbox_app");
    assert!(!found.role.is_superuser && !found.role.is_privileged);
    assert!(!found.role.can_become_owner && !found.role.can_make_tables);
    assert_eq!(found.changeable_audit_tables, Vec::<String>::new());
    assert_eq!(found.pending, Vec::<String>::new());
    assert_eq!(found.unknown, Vec::<String>::new());
    assert!(found.clock_ahead_ms.abs() < 1_000);
}

#[test]
fn a_superuser_is_found_out() {
    let db = TestDb::create();
    let found = inspect(&db.superuser_url).unwrap();
    assert!(found.role.is_superuser);
    assert!(
        found
            .changeable_audit_tables
            .iter()
            .any(|table| table == "audit_inbox")
    );
}

#[test]
fn a_server_that_forgets_is_found_out() {
    let db = TestDb::create();
    let found = inspect(&db.app_url).unwrap();
    // The server of the tests is one.
    let fsync = found
        .settings
        .iter()
        .find(|setting| setting.name == "fsync");
    assert_eq!(fsync.unwrap().shown, "off");
    let memory = found
        .settings
        .iter()
        .find(|setting| setting.name == "shared_buffers");
    assert_eq!(memory.unwrap().bytes, Some(128 * 1024 * 1024));
}

#[test]
fn an_empty_database_lacks_every_migration() {
    let db = TestDb::empty();
    let before = inspect(&db.app_url).unwrap();
    assert!(!before.pending.is_empty());
    let applied = migrate::up(&db.migrator_url).unwrap();
    assert_eq!(before.pending, applied);
}

#[test]
fn the_sealer_sees_that_nothing_waits() {
    let db = TestDb::create();
    assert_eq!(oldest_unsealed(&db.sealer_url).unwrap(), None);
}

#[test]
fn setting_up_again_makes_nothing() {
    let db = TestDb::create();
    let made = roles::set_up(&db.superuser_url, &Passwords::default()).unwrap();
    assert_eq!(made, Vec::<&str>::new());
    let made = roles::set_up(&db.migrator_url, &Passwords::default()).unwrap();
    assert_eq!(made, Vec::<&str>::new());
}
