//! What is encrypted at rest: that the list of it is whole, and that its key can be changed while everything runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bytea, Text};
use signalbox::app::SEALED;
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Audit, Event, Subject, Unaudited};
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::auth::{Role, parked, sessions};
use signalbox::foundation::crypto::{Keyring, Sealed, subject_keys};
use signalbox::foundation::db;
use signalbox::foundation::db::schema::totp;
use signalbox::foundation::kernel::{PersonId, SubjectId};
use signalbox::foundation::rotation::{Error, Progress, Rotation};
use signalbox::foundation::web::Posted;

use uuid::Uuid;

use crate::support::app::{TEST_KEY, TestApp};
use crate::support::subjects;

/// Columns of bytes that hold nothing under the installation's own key, each with what it is.
const NOT_SEALED: &[(&str, &str)] = &[
    ("access_review.lines_sha256", "a hash"),
    ("api_key.previous_secret", "a hash"),
    ("api_key.secret", "a hash"),
    ("audit_anchor.root", "a hash"),
    ("audit_checkpoint.root", "a hash"),
    ("audit_decision.body", "an event's bytes"),
    ("audit_decision.leaf_hash", "a hash"),
    ("audit_detail.ciphertext", "under the subject's key"),
    ("audit_detail.salt", "a salt"),
    ("audit_head.root", "a hash"),
    ("audit_inbox.body", "an event's bytes"),
    ("audit_log.body", "an event's bytes"),
    ("audit_log.leaf_hash", "a hash"),
    ("audit_refused.body", "an event's bytes"),
    ("audit_refused.sha256", "a hash"),
    ("audit_tile.hashes", "hashes"),
    ("case_decision.note", "under the subject's key"),
    ("case_decision.payload_hash", "a hash"),
    ("case_step.note", "under the subject's key"),
    ("checklist_evidence.sha256", "a hash"),
    ("checklist_run.digest", "a hash"),
    ("display.token_hash", "a hash"),
    ("enrolment_link.confirmation", "a keyed hash"),
    ("enrolment_link.token_hash", "a hash"),
    ("evidence_export.sha256", "a hash"),
    ("evidence_reading.what", "a keyed hash"),
    ("file.sha256", "a hash"),
    ("file_chunk.ciphertext", "under the file's key"),
    ("heartbeat.secret_hash", "a hash"),
    ("idempotency.digest", "a hash"),
    ("intake_batch.sha256", "a hash"),
    ("known_device.token_hash", "a hash"),
    ("log_delivery.digest", "a hash"),
    ("log_delivery.token", "a keyed hash"),
    ("log_file.head", "a hash"),
    ("screening_entry.content_hash", "a hash"),
    ("screening_list.sha256", "a hash"),
    ("pack.digest", "a hash"),
    ("pack_change.digest", "a hash"),
    ("pack_revision.digest", "a hash"),
    ("person_proposal.confirmation", "a keyed hash"),
    ("person_proposal.decided_sha256", "a hash"),
    ("person_proposal.payload_sha256", "a hash"),
    ("policy.approved_sha256", "a hash"),
    ("policy.payload_sha256", "a hash"),
    ("passkey.credential_id", "a public name"),
    ("passkey_ceremony.token_hash", "a hash"),
    ("provider_journey.browser_hash", "a hash"),
    ("provider_journey.state_hash", "a hash"),
    ("recovery_code.digest", "a hash"),
    ("kyc_assessment.basis", "a keyed hash"),
    ("screening_disposition.entry_hash", "a keyed hash"),
    ("screening_disposition.note", "under the subject's key"),
    ("screening_disposition.payload_hash", "a hash"),
    ("screening_disposition.subject_hash", "a keyed hash"),
    ("screening_hit.entry_hash", "a keyed hash"),
    ("screening_hit.explanation", "under the subject's key"),
    ("screening_hit.report_reference", "under the subject's key"),
    ("screening_hit.subject_hash", "a keyed hash"),
    ("session.token_hash", "a hash"),
    ("sign_in_throttle.key", "a keyed hash"),
    ("subject.content_hash", "a keyed hash"),
    ("subject_personal.ciphertext", "under the subject's key"),
    ("subject_reading.what", "a keyed hash"),
    ("subject_token.token", "a keyed hash"),
];

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Every column of bytes; the second log's and the partitions are told as the first log's.
fn columns_of_bytes(app: &TestApp) -> BTreeSet<String> {
    let query = "SELECT DISTINCT regexp_replace(c.relname, '^sar_audit_', 'audit_') || '.' || a.attname AS name \
                 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE a.atttypid = 'bytea'::regtype AND NOT a.attisdropped AND c.relkind IN ('r', 'p') \
                 AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)'";
    let rows: Vec<Named> = sql_query(query)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

#[actix_web::test]
async fn every_column_of_bytes_is_on_the_list_or_known_to_be_something_else() {
    let app = TestApp::start().await;
    let sealed = SEALED.iter().map(Sealed::name);
    let others = NOT_SEALED.iter().map(|(name, _)| (*name).to_owned());
    let listed: BTreeSet<String> = sealed.clone().chain(others.clone()).collect();
    assert_eq!(columns_of_bytes(&app), listed);
    assert_eq!(
        listed.len(),
        SEALED.len() + NOT_SEALED.len(),
        "none is both"
    );
    for column in SEALED {
        assert!(
            primary_key(&app, column.table)
                .iter()
                .all(|part| { column.row.iter().any(|(name, _)| name == part) })
        );
    }
}

fn primary_key(app: &TestApp, table: &str) -> Vec<String> {
    let query = "SELECT a.attname::text AS name FROM pg_index i \
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
                 WHERE i.indisprimary AND i.indrelid = $1::regclass";
    let rows: Vec<Named> = sql_query(query)
        .bind::<Text, _>(table)
        .load(&mut app.db.connect_superuser())
        .unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

/// A key file, and services that read it as a process of its own would.
struct Ground {
    app: TestApp,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Ground {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("encryption.key");
        std::fs::write(&file, TEST_KEY).unwrap();
        Self {
            app: TestApp::start().await,
            file,
            _folder: folder,
        }
    }

    fn process(&self) -> Services {
        process(&self.app.services, &self.file)
    }

    /// One value at least in every column of the list.
    async fn furnish(&self) {
        let app = &self.app;
        let examples = include_str!("../../examples/subjects.csv");
        subjects::take_in(&app.services, &app.db, examples);
        let compliance = app.as_compliance();
        let bad = "external_id,kind,name\n,person,Nobody\n";
        let took = compliance
            .upload("/intake", &[("platform", "demo")], &[("file", bad)])
            .await;
        assert!(took.status < 400, "{}", took.text());
        app.run_jobs();
        crate::packs::apply(app, &crate::heartbeats::pack());
        signalbox::features::heartbeats::actions::enrol(&app.services).unwrap();
        let job = format!("{}{}", app.url, crate::heartbeats::address(app, "sync"));
        let pinged = app.http.post(job).body("what a job said").send().await;
        assert_eq!(pinged.unwrap().status(), 200);
        crate::notify::rotated_endpoint(app);
        crate::hooks::rotated_source(app);
        let (services, person) = (&app.services, PersonId::from(person(app)));
        let posted = Posted(actix_web::web::Bytes::from_static(b"note=kept"));
        services
            .audit
            .write_unaudited(Unaudited::ParkedForm, |conn| {
                let now = services.clock.now();
                parked::park(
                    conn,
                    &services.keyring,
                    person,
                    ("/account", "/"),
                    &posted,
                    now,
                )?;
                let place = half_way(app);
                let seed = services.keyring.seal(&proposal_place(place), b"seed");
                sessions::keep_proposal(conn, place, &seed)?;
                let seed = services
                    .keyring
                    .seal(&format!("totp:seed:{person}"), b"seed");
                diesel::insert_into(totp::table)
                    .values((
                        totp::person_id.eq(person.uuid()),
                        totp::seed.eq(seed),
                        totp::made_at.eq(now),
                    ))
                    .execute(conn)?;
                Ok::<_, db::Error>(())
            })
            .unwrap();
    }
}

fn person(app: &TestApp) -> Uuid {
    use signalbox::foundation::db::schema::person;
    let _ = app.as_role(Role::Operator);
    person::table
        .select(person::id)
        .first(&mut app.db.connect_superuser())
        .unwrap()
}

fn process(services: &Services, file: &Path) -> Services {
    let keyring = Keyring::load(file).unwrap();
    Services {
        audit: Audit::new(
            services.db.clone(),
            services.clock.clone(),
            keyring.clone(),
            signalbox::app::reactions,
        ),
        keyring,
        ..services.clone()
    }
}

fn rotation(services: &Services) -> Rotation<'_> {
    Rotation {
        services,
        actor: Actor::command_line("tester"),
        columns: SEALED,
    }
}

/// Opens every value, at the place that the list makes of its row.
fn open_all(app: &TestApp, keyring: &Keyring) -> Vec<String> {
    let mut opened = Vec::new();
    for column in SEALED {
        let parts: Vec<String> = column
            .row
            .iter()
            .map(|(name, _)| format!("{name}::text"))
            .collect();
        let query = format!(
            "SELECT array_to_string(ARRAY[{}], ' ') AS name, {} AS sealed FROM {} WHERE {} IS NOT NULL",
            parts.join(", "),
            column.column,
            column.table,
            column.column
        );
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            name: String,
            #[diesel(sql_type = Bytea)]
            sealed: Vec<u8>,
        }
        let rows: Vec<Row> = sql_query(query)
            .load(&mut app.db.connect_superuser())
            .unwrap();
        assert!(!rows.is_empty(), "{} has no value to try", column.name());
        for row in rows {
            let parts: Vec<String> = row.name.split(' ').map(str::to_owned).collect();
            let plain = keyring.open(&column.place(&parts), &row.sealed);
            let plain = plain.unwrap_or_else(|error| panic!("{}: {error}", column.name()));
            opened.push(format!(
                "{} {} {}",
                column.name(),
                row.name,
                hex::encode(plain)
            ));
        }
    }
    opened.sort();
    opened
}

#[actix_web::test]
async fn a_rotation_that_is_stopped_midway_goes_on_and_everything_opens() {
    let ground = Ground::new().await;
    ground.furnish().await;
    let app = &ground.app;
    let before = open_all(app, &Keyring::parse(TEST_KEY).unwrap());
    assert_eq!(Keyring::add_to_file(&ground.file, app.now()).unwrap(), 2);

    let first = ground.process();
    let mut batches = 0;
    let stopped = rotation(&first).run(&mut |progress| {
        batches += u32::from(matches!(progress, Progress::Moved { .. }));
        batches < 2
    });
    assert!(matches!(stopped, Err(Error::Stopped)));
    let standing = rotation(&first).standing().unwrap();
    let under = |key: u32| -> u64 {
        standing
            .values()
            .filter_map(|column| column.get(&key))
            .sum()
    };
    assert!(under(1) > 0 && under(2) > 0, "{standing:?}");
    let both = ground.process().keyring;
    assert_eq!(open_all(app, &both), before, "midway");
    let refused = rotation(&first).retire(1, || Ok::<_, Error>(()));
    assert!(
        matches!(refused, Err(Error::Stands { number: 1, .. })),
        "{refused:?}"
    );

    let second = ground.process();
    let done = rotation(&second).run(&mut |_| true).unwrap();
    assert_eq!(done.left, 0);
    assert_eq!(done.moved, under(1), "what was moved is not moved again");
    assert_eq!(open_all(app, &both), before);
    let again = rotation(&second).run(&mut |_| true).unwrap();
    assert_eq!(again.moved, 0);

    rotation(&second)
        .retire(1, || {
            Keyring::retire_in_file(&ground.file, 1).unwrap();
            Ok::<_, Error>(())
        })
        .unwrap();
    let left = Keyring::load(&ground.file).unwrap();
    assert_eq!(open_all(app, &left), before, "without the old key");
    assert_eq!(left.token("a", "b"), both.token("a", "b"));
    let recorded = |kind: &str| app.events_of(&format!("encryption_keys.{kind}")).len();
    assert_eq!(recorded("rotation_began"), 3);
    assert_eq!(recorded("rotation_finished"), 2);
    assert_eq!(recorded("key_retired"), 1);
}

#[actix_web::test]
async fn whoever_writes_during_a_rotation_loses_nothing() {
    let ground = Ground::new().await;
    let app = &ground.app;
    // Two processes that run since before, and one that begins under the new key.
    let old = ground.process();
    let places: Vec<Uuid> = (0..3).map(|_| half_way(app)).collect();
    Keyring::add_to_file(&ground.file, app.now()).unwrap();
    let new = ground.process();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [old.clone(), ground.process(), new.clone()]
        .into_iter()
        .zip(places)
        .map(|(services, place)| {
            let stop = stop.clone();
            std::thread::spawn(move || write_until(&services, place, &stop))
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let done = rotation(&new).run(&mut |_| true).unwrap();
    stop.store(true, Ordering::Relaxed);
    let mut conn = app.db.connect_superuser();
    for writer in writers {
        let written = writer.join().unwrap();
        assert!(written.subjects.len() > 10, "{}", written.subjects.len());
        let keys = subject_keys::load(&mut conn, &old.keyring, &written.subjects).unwrap();
        assert_eq!(keys.len(), written.subjects.len());
        let kept = sessions::proposal(&mut conn, written.place)
            .unwrap()
            .unwrap();
        let kept = old.keyring.open(&proposal_place(written.place), &kept);
        let kept = kept.unwrap();
        assert_eq!(kept, written.last, "an older value came back");
    }
    assert!(done.moved > 0, "{done:?}");
    let standing = rotation(&new).standing().unwrap();
    let left: u64 = standing.values().filter_map(|column| column.get(&1)).sum();
    assert_eq!(
        (done.left, left),
        (0, 0),
        "nobody writes under the old key any more"
    );
}

fn half_way(app: &TestApp) -> Uuid {
    use signalbox::foundation::db::schema::session;
    let _ = app.as_half_signed(Stage::Enrolment);
    session::table
        .order(session::id.desc())
        .select(session::id)
        .first(&mut app.db.connect_superuser())
        .unwrap()
}

fn proposal_place(session: Uuid) -> String {
    format!("session:proposed_seed:{session}")
}

struct Written {
    subjects: Vec<SubjectId>,
    place: Uuid,
    last: Vec<u8>,
}

/// Makes keys, and puts one value in the place of another, as fast as it goes.
fn write_until(services: &Services, place: Uuid, stop: &AtomicBool) -> Written {
    let actor = Actor::command_line("tester");
    let mut written = Written {
        subjects: Vec::new(),
        place,
        last: Vec::new(),
    };
    while !stop.load(Ordering::Relaxed) {
        let subject = SubjectId::from(Uuid::now_v7());
        written.last = subject.to_string().into_bytes();
        services
            .audit
            .write::<_, db::Error>(&actor, |tx| {
                let keyring = tx.keyring().clone();
                subject_keys::create(tx, &keyring, &[subject])?;
                let sealed = keyring.seal(&proposal_place(place), &written.last);
                sessions::keep_proposal(tx, place, &sealed)?;
                tx.record(Event::new(
                    "test.key_made",
                    Subject::new("subject", subject),
                ))
            })
            .unwrap();
        written.subjects.push(subject);
    }
    written
}
