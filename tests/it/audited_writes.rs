//! A change and its event commit together or not at all.

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use serde_json::{Value, json};
use signalbox::foundation::audit::{Actor, Event, Subject, Unaudited};
use signalbox::foundation::config::Mode;
use signalbox::foundation::crypto::subject_keys;
use signalbox::foundation::db::schema::{audit_detail, audit_inbox, platform};
use signalbox::foundation::db::{self, Conn, Error, PoolKind};
use signalbox::foundation::kernel::{PlatformId, SubjectId};

use crate::support::app::services;
use crate::support::db::TestDb;

fn add_platform(conn: &mut Conn, slug: &str, at: chrono::DateTime<chrono::Utc>) -> db::Result<()> {
    diesel::insert_into(platform::table)
        .values((
            platform::id.eq(PlatformId::new().uuid()),
            platform::slug.eq(slug),
            platform::name.eq(slug),
            platform::created_at.eq(at),
        ))
        .execute(conn)?;
    Ok(())
}

fn event() -> Event {
    Event::new("platform.added", Subject::new("platform", "p")).detail("count", 1)
}

fn counts(conn: &mut Conn) -> db::Result<(i64, i64)> {
    Ok((
        platform::table.count().get_result(conn)?,
        audit_inbox::table.count().get_result(conn)?,
    ))
}

#[test]
fn a_write_without_an_event_is_undone() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let actor = Actor::command_line("tester");
    let outcome = services.audit.write(&actor, |tx| {
        let now = tx.now();
        add_platform(tx, "a", now)
    });
    assert!(matches!(outcome, Err(Error::NoEvent)));
    assert_eq!(counts(&mut db.connect_superuser()).unwrap(), (0, 0));
}

#[test]
fn a_failing_action_leaves_neither_row_nor_event() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let actor = Actor::command_line("tester");
    let outcome: db::Result<()> = services.audit.write(&actor, |tx| {
        let now = tx.now();
        add_platform(tx, "a", now)?;
        tx.record(event())?;
        add_platform(tx, "a", now)
    });
    assert!(matches!(outcome, Err(Error::Unique { .. })), "{outcome:?}");
    assert_eq!(counts(&mut db.connect_superuser()).unwrap(), (0, 0));
}

/// PostgreSQL answers COMMIT of a transaction that it has given up on with success, and undoes it.
#[test]
fn an_error_that_was_swallowed_fails_at_the_commit() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let actor = Actor::command_line("tester");
    let now = services.clock.now();
    let twice = |conn: &mut Conn| {
        add_platform(conn, "a", now).unwrap();
        assert!(add_platform(conn, "a", now).is_err());
    };
    let audited: db::Result<()> = services.audit.write(&actor, |tx| {
        tx.record(event())?;
        twice(tx);
        Ok(())
    });
    let unaudited: db::Result<()> = services.audit.write_unaudited(Unaudited::Sample, |conn| {
        twice(conn);
        Ok(())
    });
    for outcome in [audited, unaudited] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("current transaction is aborted"), "{error}");
    }
    assert_eq!(counts(&mut db.connect_superuser()).unwrap(), (0, 0));
}

#[test]
fn the_database_itself_refuses_a_write_while_looking_up() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let now = services.clock.now();
    for kind in PoolKind::ALL {
        let outcome = services.db.look_up(kind, |conn| {
            diesel::insert_into(platform::table)
                .values((
                    platform::id.eq(PlatformId::new().uuid()),
                    platform::slug.eq("a"),
                    platform::name.eq("a"),
                    platform::created_at.eq(now),
                ))
                .execute(conn)
        });
        assert!(
            matches!(
                outcome,
                Err(Error::Query(diesel::result::Error::DatabaseError(
                    DatabaseErrorKind::ReadOnlyTransaction,
                    _
                )))
            ),
            "{outcome:?}"
        );
    }
    assert_eq!(counts(&mut db.connect_superuser()).unwrap(), (0, 0));
}

#[test]
fn the_database_itself_refuses_a_write_while_reading() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let now = services.clock.now();
    let outcome = services.db.read(|conn| add_platform(conn, "a", now));
    assert!(matches!(outcome, Err(Error::Query(_))), "{outcome:?}");
}

#[test]
fn a_form_posted_twice_is_one_act() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let actor = Actor::command_line("tester");
    let key = uuid::Uuid::now_v7();
    let post = |slug: &str| {
        services.audit.write(&actor, |tx| {
            tx.once(key, "/platforms/a")?;
            let now = tx.now();
            add_platform(tx, slug, now)?;
            tx.record(event())
        })
    };
    post("a").unwrap();
    let Err(Error::Replayed { location }) = post("b") else {
        panic!("the second post must be recognised");
    };
    assert_eq!(location, "/platforms/a");
    let elsewhere = Actor::command_line("somebody else");
    let theirs = services
        .audit
        .write(&elsewhere, |tx| tx.once(key, "/platforms/a"));
    assert!(matches!(theirs, Err(Error::Altered)), "{theirs:?}");
    assert_eq!(counts(&mut db.connect_superuser()).unwrap(), (1, 1));
}

#[test]
fn personal_details_stand_outside_the_event() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let actor = Actor::command_line("tester");
    let subject = SubjectId::new();
    let secret = "Grüner Weg 7";
    services
        .audit
        .write(&actor, |tx| {
            let keyring = tx.keyring();
            subject_keys::create(tx, keyring, &[subject])?;
            tx.record(event().personal(subject, json!({ "street": secret })))
        })
        .unwrap();
    let mut conn = db.connect_superuser();
    let body: Vec<u8> = audit_inbox::table
        .select(audit_inbox::body)
        .first(&mut conn)
        .unwrap();
    let sealed: Vec<u8> = audit_detail::table
        .select(audit_detail::ciphertext)
        .first(&mut conn)
        .unwrap();
    let shown = String::from_utf8_lossy(&body).into_owned();
    assert!(!shown.contains("Weg"), "{shown}");
    assert!(!String::from_utf8_lossy(&sealed).contains("Weg"));
    let value: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(value["commitments"][0]["subject"], subject.to_string());
    assert_eq!(value["actor"]["kind"], "command_line");
}

#[test]
fn an_event_with_a_float_is_refused_with_its_write() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let actor = Actor::command_line("tester");
    let outcome: db::Result<uuid::Uuid> = services
        .audit
        .write(&actor, |tx| tx.record(event().detail("share", 0.5)));
    assert!(matches!(outcome, Err(Error::Event(_))), "{outcome:?}");
}

#[test]
fn reading_what_is_personal_is_done_in_the_readers_name() {
    #[derive(diesel::QueryableByName)]
    struct Named {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        name: Option<String>,
    }
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let ask = |conn: &mut Conn| -> db::Result<Option<String>> {
        let query = "SELECT current_setting('app.actor', true) AS name";
        let named: Named = diesel::sql_query(query).get_result(conn)?;
        Ok(named.name.filter(|name| !name.is_empty()))
    };
    let actor = Actor::command_line("tester");
    let named = services.audit.read(&actor, "test", event(), ask).unwrap();
    assert_eq!(named, Some(actor.to_string()));
    // The name goes with its transaction.
    assert_eq!(services.db.read(ask).unwrap(), None);
}

#[test]
fn a_commit_whose_answer_is_lost_may_have_happened() {
    let db = TestDb::create();
    let services = services(Mode::Demo, 1, &db);
    let mut superuser = db.connect_superuser();
    let cut = |conn: &mut Conn| -> db::Result<i32> {
        #[derive(diesel::QueryableByName)]
        struct Backend {
            #[diesel(sql_type = diesel::sql_types::Integer)]
            pid: i32,
        }
        let backend: Backend =
            diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(conn)?;
        Ok(backend.pid)
    };
    let kill = |superuser: &mut Conn, pid: i32| {
        diesel::sql_query(format!("SELECT pg_terminate_backend({pid}, 5000)"))
            .execute(superuser)
            .unwrap();
    };
    let actor = Actor::command_line("tester");
    let written = services.audit.write(&actor, |tx| {
        tx.record(event())?;
        let pid = cut(tx)?;
        kill(&mut superuser, pid);
        Ok::<_, Error>(())
    });
    assert!(
        matches!(written, Err(Error::OutcomeUnknown(_))),
        "{written:?}"
    );
    // Whoever only read lost nothing.
    let read = services.db.read(|conn| {
        let pid = cut(conn)?;
        kill(&mut superuser, pid);
        Ok::<_, Error>(())
    });
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
}
