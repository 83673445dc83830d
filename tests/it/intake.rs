//! Files of customers: nothing lost, nothing twice, nothing in the clear.

use std::cell::Cell;
use std::io::{self, BufReader, Read};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::Value;
use signalbox::features::intake::actions::{self, Order, Received};
use signalbox::features::intake::batch::{Batch, BatchId, Counts, State};
use signalbox::features::intake::desk::{Desk, Seen, Shell};
use signalbox::features::intake::store::{self, Platform};
use signalbox::features::intake::{Error, reading};
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::auth::Role as Held;
use signalbox::foundation::config::Mode;
use signalbox::foundation::crypto::subject_keys;
use signalbox::foundation::db::PoolKind;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::db::schema::{
    audit_inbox, intake_rejection, job, platform, subject, subject_personal, subject_token,
};
use signalbox::foundation::kernel::{PlatformId, Scope, SubjectId};

use crate::support::app::{TEST_KEY, TestApp, services};
use crate::support::db::TestDb;
use crate::support::page::Page;
use crate::support::personas::Client;

const HEAD: &str = "external_id,kind,name,date_of_birth,country\n";

fn add_platform(db: &TestDb) -> Platform {
    add_platform_called(db, "test")
}

fn add_platform_called(db: &TestDb, slug: &str) -> Platform {
    let id = PlatformId::new();
    diesel::insert_into(platform::table)
        .values((
            platform::id.eq(id.uuid()),
            platform::slug.eq(slug),
            platform::name.eq(slug),
            platform::created_at.eq(diesel::dsl::now),
        ))
        .execute(&mut db.connect(Role::Superuser))
        .unwrap();
    Platform {
        id,
        slug: slug.into(),
        name: slug.into(),
    }
}

struct Bench {
    db: TestDb,
    services: Services,
    platform: Platform,
}

impl Bench {
    fn new() -> Self {
        let db = TestDb::create();
        let services = services(Mode::Demo, 1, &db);
        let platform = add_platform(&db);
        Self {
            db,
            services,
            platform,
        }
    }

    fn with_shell<T>(&self, view: &dyn Fn(Seen), work: impl FnOnce(&Shell<'_>) -> T) -> T {
        work(&Shell {
            services: &self.services,
            actor: Actor::command_line("test"),
            view,
        })
    }

    fn order(&self) -> Order<'_> {
        Order {
            platform: &self.platform,
            name: "customers.csv",
            ignore_unknown: false,
            lines_total: None,
        }
    }

    fn receive(&self, text: &[u8]) -> Received {
        let (sha256, _) = actions::survey(text).unwrap();
        self.with_shell(&|_| (), |shell| {
            actions::receive(shell, &self.order(), Some(sha256)).unwrap()
        })
    }

    fn read(&self, id: BatchId, from: impl Read) -> Result<Batch, Error> {
        self.with_shell(&|_| (), |shell| {
            reading::read(shell, id, BufReader::new(from), || None)
        })
    }

    fn take_in(&self, text: impl AsRef<[u8]>) -> Batch {
        let text = text.as_ref();
        self.read(self.receive(text).batch(), text).unwrap()
    }

    fn subjects(&self) -> i64 {
        subject::table
            .count()
            .get_result(&mut self.db.connect(Role::Superuser))
            .unwrap()
    }

    fn subject(&self, external_id: &str) -> SubjectId {
        let id: uuid::Uuid = subject::table
            .filter(subject::external_id.eq(external_id))
            .select(subject::id)
            .first(&mut self.db.connect(Role::Superuser))
            .unwrap();
        id.into()
    }

    fn name_of(&self, external_id: &str) -> Option<String> {
        let id = self.subject(external_id);
        self.services
            .db
            .read_for(PoolKind::Web, &"test", |conn| {
                store::personal(conn, &self.services.keyring, id)
            })
            .unwrap()
            .map(|personal| personal.name)
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        events(&self.db, kind)
    }

    fn rejections(&self, batch: &Batch) -> Vec<(i64, String)> {
        let page = self
            .services
            .db
            .read_for(PoolKind::Web, &"test", |conn| {
                store::rejections(conn, batch.id, None)
            })
            .unwrap();
        let said = |problems: &[(Option<String>, String)]| {
            let column = problems[0].0.clone().unwrap_or_else(|| "row".into());
            format!("{column}: {}", problems[0].1)
        };
        page.items
            .iter()
            .map(|rejection| (rejection.row, said(&rejection.problems)))
            .collect()
    }
}

fn events(db: &TestDb, kind: &str) -> Vec<Value> {
    let bodies: Vec<Vec<u8>> = audit_inbox::table
        .order((audit_inbox::recorded_at, audit_inbox::id))
        .select(audit_inbox::body)
        .load(&mut db.connect(Role::Superuser))
        .unwrap();
    bodies
        .iter()
        .map(|body| serde_json::from_slice::<Value>(body).unwrap())
        .filter(|event| event["kind"] == kind)
        .collect()
}

fn row(number: usize) -> String {
    format!("A-{number},person,Ada Example {number},1970-01-01,GB\n")
}

fn rows(range: std::ops::Range<usize>) -> String {
    let rows: String = range.map(row).collect();
    format!("{HEAD}{rows}")
}

#[test]
fn a_file_is_taken_in_chunk_by_chunk_with_an_event_each() {
    let bench = Bench::new();
    let batch = bench.take_in(rows(0..2_500));
    assert_eq!(batch.state, State::Done);
    assert_eq!(batch.counts.added, 2_500);
    let mut chunks = bench.events("intake.chunk_recorded");
    chunks.sort_by_key(|chunk| chunk["details"]["chunk"].as_i64());
    let sizes: Vec<_> = chunks.iter().map(|c| &c["details"]["added"]).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
    assert_eq!(chunks[2]["details"]["to_row"], 2_501);
    assert_eq!(
        chunks[0]["details"]["subjects"].as_array().unwrap().len(),
        1_000
    );
    assert_eq!(bench.events("intake.batch_opened").len(), 1);
    assert_eq!(bench.events("intake.batch_closed").len(), 1);
    let assessed: i64 = job::table
        .filter(job::kind.eq("reviews.assess_chunk"))
        .count()
        .get_result(&mut bench.db.connect(Role::Superuser))
        .unwrap();
    assert_eq!(assessed, 3, "each chunk is assessed");
}

#[test]
fn nothing_personal_stands_in_the_clear() {
    let bench = Bench::new();
    bench.take_in(format!("{HEAD}A-1,person,Zebediah Fakename,1971-04-09,GB\nA-2,person,Quixote Fakename,1971-02-30,GB\n"));
    assert_eq!(bench.name_of("A-1").as_deref(), Some("Zebediah Fakename"));
    let dump = whole_database(&bench.db);
    for secret in [
        "Zebediah",
        "Quixote",
        "Fakename",
        "1971-04-09",
        "1971-02-30",
    ] {
        assert!(
            !dump.contains(secret),
            "{secret} can be read in the database"
        );
    }
}

/// Every row of every table as text; byte strings as what they say.
fn whole_database(db: &TestDb) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    // XML shows a byte string in base64 or hexadecimal; "escape" shows its letters.
    let query = "SELECT query_to_xml(format('SELECT t.*, encode(convert_to(t::text, ''UTF8''), \
        ''escape'') FROM %I.%I t', schemaname, tablename), true, false, '')::text AS row \
        FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let mut conn = db.connect(Role::Superuser);
    conn.batch_execute("SET bytea_output = 'escape'").unwrap();
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut conn).unwrap();
    rows.into_iter().map(|row| row.row).collect()
}

#[test]
fn the_same_file_twice_changes_nothing() {
    let bench = Bench::new();
    let text = rows(0..10);
    let first = bench.take_in(&text);
    let again = bench.receive(text.as_bytes());
    assert_eq!(again, Received::Known(first.id, State::Done));
    assert_eq!(bench.subjects(), 10);
    // The same rows in other bytes are unchanged; one that says something new is a new version.
    let other = text
        .replace('\n', "\r\n")
        .replace("Example 3,", "Sample 3,");
    let second = bench.take_in(other);
    let expected = Counts {
        changed: 1,
        unchanged: 9,
        ..Counts::default()
    };
    assert_eq!(second.counts, expected);
    assert_eq!(bench.name_of("A-3").as_deref(), Some("Ada Sample 3"));
    let version: i32 = subject::table
        .find(bench.subject("A-3").uuid())
        .select(subject::version)
        .first(&mut bench.db.connect(Role::Superuser))
        .unwrap();
    assert_eq!(version, 2);
}

#[test]
fn bad_rows_are_kept_with_their_reasons() {
    let bench = Bench::new();
    let text = [
        HEAD.as_bytes(),
        b"A-1,person,Ada Example,1970-01-01,GB\n",
        b"A-2,robot,Bo Example,1970-02-30,XX\n",
        b"A-1,person,Cy Example,1970-01-01,GB\n",
        b"A-4,person,Di Ex\xe4mple,1970-01-01,GB\n",
        b"A-5,person\n",
        b"A-6,person,\"Ed Example,1970-01-01,GB\n",
        b"A-7,person,Flo Example,1970-01-01,GB\n",
    ]
    .concat();
    let batch = bench.take_in(text);
    assert_eq!((batch.counts.added, batch.counts.rejected), (2, 5));
    let said = bench.rejections(&batch);
    let rows: Vec<i64> = said.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [3, 4, 5, 6, 7]);
    assert!(
        said[1].1.contains("external_id: stands in row 2 already"),
        "{}",
        said[1].1
    );
    assert!(said[2].1.contains("Latin-1"));
    assert!(said[3].1.contains("2 fields"));
    assert!(said[4].1.contains("never closed"));
}

#[test]
fn a_double_is_found_across_chunks() {
    let bench = Bench::new();
    let batch = bench.take_in(rows(0..1_500) + &row(3));
    assert_eq!(batch.counts.rejected, 1);
    assert!(
        bench.rejections(&batch)[0]
            .1
            .contains("stands in row 5 already")
    );
}

#[test]
fn unknown_columns_are_refused_by_name_unless_ignored() {
    let bench = Bench::new();
    let text = "external_id,kind,name,shoe_size\nA-1,person,Ada Example,44\n";
    let batch = bench.take_in(text);
    assert_eq!(batch.state, State::Refused);
    assert!(batch.refusal.unwrap().contains("shoe_size"));
    let order = Order {
        ignore_unknown: true,
        ..bench.order()
    };
    let (sha256, _) = actions::survey(text.as_bytes()).unwrap();
    let received = bench.with_shell(&|_| (), |shell| {
        actions::receive(shell, &order, Some(sha256)).unwrap()
    });
    assert!(
        matches!(received, Received::New(_)),
        "a refused file may come again"
    );
    let batch = bench.read(received.batch(), text.as_bytes()).unwrap();
    assert_eq!(batch.counts.added, 1);
}

/// Gives some bytes and then breaks.
struct Breaking<'a>(&'a [u8]);

impl Read for Breaking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the cable was pulled")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_reading_that_breaks_off_goes_on_where_it_stood() {
    let bench = Bench::new();
    let text = rows(0..2_300);
    let id = bench.receive(text.as_bytes()).batch();
    let half = &text.as_bytes()[..text.len() * 2 / 3];
    assert!(matches!(bench.read(id, Breaking(half)), Err(Error::Io(_))));
    assert_eq!(bench.subjects(), 1_000, "whole chunks only");
    assert_eq!(
        bench.receive(text.as_bytes()),
        Received::Known(id, State::Reading)
    );
    let batch = bench.read(id, text.as_bytes()).unwrap();
    assert_eq!(batch.counts.added, 2_300);
    assert_eq!(bench.subjects(), 2_300);
    assert_eq!(bench.events("intake.chunk_recorded").len(), 3);
}

#[test]
fn only_the_last_reader_changes_anything() {
    let bench = Bench::new();
    let text = rows(0..2_300);
    let id = bench.receive(text.as_bytes()).batch();
    let overtaken = Cell::new(false);
    let overtake = |_: Seen| {
        if !overtaken.replace(true) {
            bench.read(id, text.as_bytes()).unwrap();
        }
    };
    let outcome = bench.with_shell(&overtake, |shell| {
        reading::read(shell, id, text.as_bytes(), || None)
    });
    assert!(matches!(outcome, Err(Error::TakenOver)));
    assert_eq!(bench.subjects(), 2_300);
    assert_eq!(bench.events("intake.chunk_recorded").len(), 3);
}

#[test]
fn a_piped_file_is_known_by_its_bytes_afterwards() {
    let bench = Bench::new();
    let text = rows(0..3);
    let (sha256, _) = actions::survey(text.as_bytes()).unwrap();
    let id = bench.with_shell(&|_| (), |shell| {
        let id = actions::receive(shell, &bench.order(), None)
            .unwrap()
            .batch();
        reading::read(shell, id, text.as_bytes(), || Some(sha256)).unwrap();
        id
    });
    assert_eq!(
        bench.receive(text.as_bytes()),
        Received::Known(id, State::Done)
    );
}

#[test]
fn erased_people_do_not_come_back_with_the_next_file() {
    let bench = Bench::new();
    bench.take_in(rows(0..2));
    let gone = bench.subject("A-1");
    bench.with_shell(&|_| (), |shell| {
        shell
            .write(|tx| {
                subject_keys::destroy(tx, gone)?;
                tx.record(Event::new("subject.erased", Subject::new("subject", gone)))?;
                Ok(())
            })
            .unwrap();
    });
    let batch = bench.take_in(rows(0..2).replace("Example", "Sample"));
    assert_eq!((batch.counts.changed, batch.counts.rejected), (1, 1));
    assert_eq!(bench.name_of("A-1"), None);
}

#[test]
fn sealed_documents_are_behind_row_level_security() {
    let bench = Bench::new();
    bench.take_in(rows(0..2));
    let mut conn = bench.db.connect(Role::App);
    let seen = |conn: &mut PgConnection| -> i64 {
        subject_personal::table.count().get_result(conn).unwrap()
    };
    assert_eq!(seen(&mut conn), 0, "no context, no rows");
    conn.batch_execute("SET app.actor = 'test'").unwrap();
    assert_eq!(seen(&mut conn), 2);
}

/// Every hostile string of the reference in every text column: it comes in unchanged, or the row
/// stands among the rejected ones. Nothing is lost and nothing panics.
#[test]
fn hostile_strings_are_kept_or_refused_but_never_lost() {
    let root = std::env::var("SIGNALBOX_REFERENCE").unwrap_or("../shared/reference".into());
    let path = std::path::Path::new(&root).join("strings/blns.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: hostile_strings needs {}", path.display());
        return;
    };
    let strings: Vec<String> = serde_json::from_str(&text).unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["external_id", "kind", "name", "occupation", "street"])
        .unwrap();
    for (number, text) in strings.iter().enumerate() {
        let id = format!("H-{number}");
        writer
            .write_record([&id, "person", text, text, text])
            .unwrap();
    }
    let bench = Bench::new();
    let batch = bench.take_in(writer.into_inner().unwrap());
    let counts = batch.counts;
    assert_eq!(
        counts.rows(),
        strings.len() as u64,
        "every row is accounted for"
    );
    assert!(counts.added > 400, "{counts:?}");
    let rejected: Vec<i64> = rejected_rows(&bench, &batch);
    for (number, text) in strings.iter().enumerate() {
        let row = i64::try_from(number).unwrap() + 2;
        if rejected.contains(&row) {
            let refusable = text.trim().is_empty() || text.chars().any(char::is_control);
            assert!(
                refusable || text.chars().count() > 200,
                "{text:?} was refused"
            );
        } else {
            let stored = bench.name_of(&format!("H-{number}")).unwrap();
            assert_eq!(stored, text.trim(), "row {row}");
        }
    }
}

fn rejected_rows(bench: &Bench, batch: &Batch) -> Vec<i64> {
    intake_rejection::table
        .filter(intake_rejection::batch_id.eq(batch.id.uuid()))
        .select(intake_rejection::row_number)
        .load(&mut bench.db.connect(Role::Superuser))
        .unwrap()
}

#[test]
fn what_was_read_has_to_be_what_was_handed_in() {
    let bench = Bench::new();
    let (before, after) = (rows(0..3), rows(0..4));
    let id = bench.receive(before.as_bytes()).batch();
    let (read, _) = actions::survey(after.as_bytes()).unwrap();
    let outcome = bench.with_shell(&|_| (), |shell| {
        reading::read(shell, id, after.as_bytes(), || Some(read))
    });
    assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
    let event = &bench.events("intake.file_changed")[0];
    assert_eq!(event["details"]["read_sha256"], hex::encode(read));
    assert_eq!(bench.subjects(), 4, "what was taken in stays");
    assert!(matches!(bench.receive(before.as_bytes()), Received::New(_)));
}

#[test]
fn a_row_that_is_too_long_is_kept_whole() {
    let bench = Bench::new();
    let long = "x".repeat(150 * 1024);
    let batch = bench.take_in(format!("{HEAD}A-1,person,{long},1970-01-01,GB\n{}", row(2)));
    assert_eq!((batch.counts.added, batch.counts.rejected), (1, 3));
    let kept = bench.services.db.read_for(PoolKind::Web, &"test", |conn| {
        store::rejected_raw(conn, &bench.services.keyring, batch.id, 0, 100)
    });
    let kept: Vec<u8> = kept.unwrap().into_iter().flat_map(|row| row.raw).collect();
    assert_eq!(kept, format!("A-1,person,{long},1970-01-01,GB").as_bytes());
    assert!(bench.rejections(&batch)[1].1.contains("goes on"));
}

#[test]
fn a_first_row_of_data_is_not_kept_in_the_clear() {
    let bench = Bench::new();
    let batch = bench.take_in("C-1,person,Zebediah Fakename\nC-2,person,Ada Example\n");
    assert_eq!(batch.state, State::Refused);
    assert!(batch.refusal.unwrap().contains("none of the 3 columns"));
    assert!(!whole_database(&bench.db).contains("Zebediah"));
}

#[test]
fn rejected_rows_are_removed_in_their_time_with_an_event() {
    let bench = Bench::new();
    let batch = bench.take_in(format!("{HEAD}A-1,robot,Bo,,\n{}", row(2)));
    // The schedule's minute is 23.
    let run = |days: i64, minutes: i64| {
        let passed = chrono::Duration::days(days) + chrono::Duration::minutes(minutes);
        bench.services.clock.advance(passed);
        let registry = std::sync::Arc::new(signalbox::app::registry());
        signalbox::foundation::jobs::run_due(&bench.services, &registry).unwrap();
    };
    run(0, 0);
    run(89, 23);
    assert_eq!(bench.rejections(&batch).len(), 1, "policy says 90 days");
    run(2, 0);
    assert_eq!(bench.rejections(&batch).len(), 0);
    let told = bench.events("intake.rejected_rows_expired");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["details"]["removed"], 1);
    run(1, 0);
    assert_eq!(bench.events("intake.rejected_rows_expired").len(), 1);
}

#[test]
fn a_pipe_that_nobody_reads_any_more_is_given_up_and_a_file_is_not() {
    let bench = Bench::new();
    let registry = std::sync::Arc::new(signalbox::app::registry());
    let run = || signalbox::foundation::jobs::run_due(&bench.services, &registry).unwrap();
    run();
    let text = rows(0..1_500);
    let half = &text.as_bytes()[..text.len() - 9_000];
    let (pipe, file) = bench.with_shell(&|_| (), |shell| {
        let pipe = actions::receive(shell, &bench.order(), None).unwrap();
        (pipe.batch(), bench.receive(text.as_bytes()).batch())
    });
    for id in [pipe, file] {
        assert!(bench.read(id, Breaking(half)).is_err());
    }
    bench.services.clock.advance(chrono::Duration::minutes(143));
    run();
    let state = |id| {
        let keyring = &bench.services.keyring;
        let batch = bench
            .services
            .db
            .read(|conn| store::batch(conn, keyring, id));
        batch.unwrap().unwrap().state
    };
    assert_eq!(state(pipe), State::Cancelled);
    assert_eq!(state(file), State::Reading, "it may be handed in again");
    let told = &bench.events("intake.batch_cancelled")[0];
    assert_eq!(told["details"]["why"], "silent");
    assert_eq!(
        bench.read(file, text.as_bytes()).unwrap().counts.rows(),
        1_500
    );
}

/// Ends the waiting job of a batch in the way of `how`, without its having read anything.
fn lose_job(app: &TestApp, how: &str) {
    app.db.connect(Role::Superuser).batch_execute(how).unwrap();
}

#[actix_web::test]
async fn a_batch_ends_with_its_job_and_may_come_again() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let text = rows(0..3);
    let sent = upload(&officer, &officer.csrf, "a.csv", &text).await;
    let batch = sent.location().to_owned();
    let page = officer.get(&batch).await;
    let job = page.link("Its background job");
    // Cancelled on the job's own page, before it ran.
    officer.post_form(&format!("{job}/cancellation"), &[]).await;
    app.run_jobs();
    let page = officer.get(&batch).await;
    assert_eq!(page.definition("State"), "Cancelled");
    assert!(page.says("Hand the same file in again"));
    let again = upload(&officer, &officer.csrf, "a.csv", &text).await;
    assert_ne!(again.location(), batch, "it is a batch of its own");
    // Cancelled on the batch's page.
    let batch = again.location().to_owned();
    let page = officer.get(&batch).await;
    assert!(page.has_button("Stop reading"));
    let reviewer = app.as_reviewer();
    assert!(!reviewer.get(&batch).await.has_button("Stop reading"));
    let stop = format!("{batch}/cancellation");
    assert_eq!(reviewer.post_form(&stop, &[]).await.status, 403);
    assert_eq!(officer.post_form(&stop, &[]).await.location(), batch);
    assert_eq!(officer.get(&batch).await.definition("State"), "Cancelled");
    assert_eq!(officer.post_form(&stop, &[]).await.status, 409);
    assert_eq!(events(&app.db, "intake.batch_cancelled").len(), 2);
    // Given up after too many attempts.
    let third = upload(&officer, &officer.csrf, "a.csv", &text).await;
    lose_job(&app, "UPDATE job SET attempt = 20 WHERE state = 'waiting'");
    app.run_jobs();
    let batch = officer.get(third.location()).await;
    assert_eq!(batch.definition("State"), "Cancelled");
    let told = events(&app.db, "intake.batch_cancelled");
    assert!(
        told.iter()
            .any(|event| event["details"]["why"] == "given_up")
    );
}

#[actix_web::test]
async fn a_file_whose_job_was_lost_is_read_when_it_comes_again() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let text = rows(0..3);
    let sent = upload(&officer, &officer.csrf, "a.csv", &text).await;
    lose_job(&app, "DELETE FROM job");
    let again = upload(&officer, &officer.csrf, "a.csv", &text).await;
    assert_eq!(
        again.location(),
        format!("{}?again=resumed", sent.location())
    );
    assert!(
        officer
            .get(again.location())
            .await
            .says("goes on where it stood")
    );
    app.run_jobs();
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("New subjects"), "3");
    // Known once more: the bytes of the second and third upload are not kept.
    upload(&officer, &officer.csrf, "a.csv", &text).await;
    let files: i64 = signalbox::foundation::db::schema::file::table
        .count()
        .get_result(&mut app.db.connect(Role::Superuser))
        .unwrap();
    assert_eq!(files, 1);
}

#[test]
fn unfinished_files_count_against_the_quota() {
    use signalbox::foundation::files::{CHUNK_BYTES, FileError, FileWriter, NewFile, used};
    let bench = Bench::new();
    let actor = Actor::command_line("test");
    let new = NewFile {
        purpose: "intake",
        name: "a",
        created_by: &actor,
        limit_bytes: 1 << 20,
        keep: chrono::Duration::days(1),
    };
    let mut writer = FileWriter::create(&bench.services, &new).unwrap();
    writer.write(&vec![0; CHUNK_BYTES * 2 + 1]).unwrap();
    let in_use = || bench.services.db.read(used).unwrap();
    assert_eq!(in_use(), 2 * i64::try_from(CHUNK_BYTES).unwrap());
    let chunks = "INSERT INTO file_chunk SELECT id, at, '' FROM file, generate_series(2, 81919) at";
    bench
        .db
        .connect(Role::Superuser)
        .batch_execute(chunks)
        .unwrap();
    let refused = FileWriter::create(&bench.services, &new);
    assert!(matches!(refused, Err(FileError::QuotaFull)));
}

/// A compliance officer of one platform only.
fn officer_of(app: &TestApp, platform: &Platform) -> Client {
    let scope = Scope::one(platform.id);
    app.as_limited("limited@test.example", Held::Compliance, scope)
}

#[actix_web::test]
async fn who_acts_for_one_platform_sees_and_feeds_no_other() {
    let app = TestApp::start().await;
    with_platform(&app);
    let other = add_platform_called(&app.db, "other");
    let officer = app.as_compliance();
    let text = format!("{}B-1,robot,Bo,,\n", rows(0..2));
    let sent = upload(&officer, &officer.csrf, "a.csv", &text).await;
    app.run_jobs();
    let batch = sent.location().to_owned();
    let limited = officer_of(&app, &other);
    let page = limited.get("/intake").await;
    assert!(page.says("No file has been handed in"));
    assert_eq!(page.texts("select[name=platform] option"), ["other"]);
    for path in [batch.clone(), format!("{batch}/rejected")] {
        assert_eq!(limited.get(&path).await.status, 404, "{path}");
        assert_eq!(officer.get(&path).await.status, 200, "{path}");
    }
    let stop = limited
        .post_form(&format!("{batch}/cancellation"), &[])
        .await;
    assert_eq!(stop.status, 404);
    let fed = upload(&limited, &limited.csrf, "b.csv", &rows(5..7)).await;
    assert_eq!(fed.status, 422, "the platform \"test\" is none for them");
    let files: i64 = signalbox::foundation::db::schema::file::table
        .count()
        .get_result(&mut app.db.connect(Role::Superuser))
        .unwrap();
    assert_eq!(files, 1, "what was refused is not kept");
    for query in ["", "A-1", "Ada"] {
        let (_, page) = search(&limited, query, "").await;
        assert!(!page.says("Ada Example"), "{query}");
        let (_, page) = search(&officer, query, "").await;
        assert!(page.says("Ada Example"), "{query}");
    }
    let lists = limited.get("/screening/lists").await;
    assert!(
        !lists.says("Upload a list"),
        "a list holds for all platforms"
    );
    assert_eq!(limited.get("/screening/lists/upload").await.status, 409);
}

/// The command line as somebody types it.
fn command(db: &TestDb, words: &[&str], input: &str) -> (Option<i32>, String) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let folder = std::env::temp_dir().join(format!("signalbox-cli-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(words)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", db.app_url.expose())
        .env("SIGNALBOX_ENCRYPTION_KEY", TEST_KEY)
        .env("SIGNALBOX_DATA_DIR", &folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses early does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn the_command_line_ends_with_what_became_of_the_rows() {
    let db = TestDb::create();
    add_platform(&db);
    let take_in = |text: &str| command(&db, &["intake", "subjects", "-"], text);
    let (code, said) = take_in(&rows(0..3));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 rows"), "{said}");
    let (code, said) = take_in(&format!("{}A-9,robot,Bo,,\n", rows(0..2)));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 rejected"), "{said}");
    for (text, word) in [
        ("external_id;kind;name\n", "semicolons"),
        ("external_id,kind,name,mood\n", "mood"),
        ("", "empty"),
    ] {
        let (code, said) = take_in(text);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(word), "{said}");
    }
    let (code, said) = command(&db, &["intake", "subjects", "/no/such/file"], "");
    assert_eq!(code, Some(2), "{said}");
    let other = ["intake", "subjects", "-", "--platform", "nowhere"];
    let (code, said) = command(&db, &other, "");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("there are test"), "{said}");
}

fn with_platform(app: &TestApp) -> Platform {
    add_platform(&app.db)
}

/// Posts the upload form as a browser would.
async fn upload(client: &Client, csrf: &str, name: &str, text: &str) -> Page {
    let key = uuid::Uuid::now_v7();
    let body = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n\
         --edge\r\ncontent-disposition: form-data; name=\"idempotency\"\r\n\r\n{key}\r\n\
         --edge\r\ncontent-disposition: form-data; name=\"platform\"\r\n\r\ntest\r\n\
         --edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: text/csv\r\n\r\n{text}\r\n--edge--\r\n"
    );
    let request = client
        .request(reqwest::Method::POST, "/intake")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(body);
    Page::read(request.send().await.unwrap()).await
}

#[actix_web::test]
async fn an_upload_is_read_by_a_job_and_its_page_tells_what_became_of_it() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let text = format!(
        "{}B-1,person,Bad Date,1970-02-30,GB\n=1+1,person,Bad Country,,ZZ\n",
        rows(0..3)
    );
    let sent = upload(&officer, &officer.csrf, "<b>customers</b>.csv", &text).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let page = officer.get(sent.location()).await;
    assert_eq!(page.heading(), "<b>customers</b>.csv", "escaped");
    assert_eq!(page.definition("State"), "Waiting to be read");
    app.run_jobs();
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("State"), "Done, some rows rejected");
    assert_eq!(page.definition("New subjects"), "3");
    let rejected = page.table("Rejected rows");
    assert_eq!(rejected.len(), 2);
    assert_eq!(rejected[0][1], "date_of_birth");
    let download = officer.get(&page.link("Download rejected rows")).await;
    assert_eq!(download.header("content-security-policy"), Some("sandbox"));
    assert!(
        download
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let lines: Vec<&str> = download.body.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with(
            "\"signalbox_row\",\"signalbox_problems\",\"signalbox_raw\",\"external_id\""
        )
    );
    assert!(lines[2].contains("\"'=1+1\""), "{}", lines[2]);
    assert_eq!(events(&app.db, "intake.rejected_rows_read").len(), 1);
    // The same file again leads to the same batch; a mended download comes in as it is.
    let again = upload(&officer, &officer.csrf, "other.csv", &text).await;
    assert!(again.location().starts_with(sent.location()));
    let mended = download
        .body
        .replace("1970-02-30", "1970-02-28")
        .replace("\"ZZ\"", "\"GB\"");
    let sent = upload(&officer, &officer.csrf, "mended.csv", &mended).await;
    app.run_jobs();
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("New subjects"), "2");
    assert_eq!(page.definition("Rejected"), "0");
}

#[actix_web::test]
async fn an_upload_without_the_sessions_token_or_the_permission_is_refused() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let wrong = upload(&officer, "wrong", "a.csv", HEAD).await;
    assert!(
        wrong.location().starts_with("/account/parked/"),
        "what was typed is kept, and the file is not taken"
    );
    assert!(
        officer
            .get("/intake")
            .await
            .says("No file has been handed in")
    );
    let reviewer = app.as_reviewer();
    assert_eq!(
        upload(&reviewer, &reviewer.csrf, "a.csv", HEAD)
            .await
            .status,
        403
    );
    let empty = upload(&officer, &officer.csrf, "", "").await;
    assert_eq!(empty.status, 422);
    assert!(empty.says("Choose a file"));
}

#[actix_web::test]
async fn a_file_of_another_kind_is_refused_in_words() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let sent = upload(
        &officer,
        &officer.csrf,
        "a.csv",
        "external_id;kind;name\n1;person;Ada\n",
    )
    .await;
    app.run_jobs();
    let page = officer.get(sent.location()).await;
    assert!(page.says("separated by semicolons"), "{}", page.text());
}

/// Searches as the form does: the address that it led to, and the page there.
async fn search(client: &Client, text: &str, kind: &str) -> (String, Page) {
    let sent = client
        .post_form("/subjects", &[("q", text), ("kind", kind)])
        .await;
    let address = sent.location().to_owned();
    let page = client.get(&address).await;
    (address, page)
}

#[actix_web::test]
async fn what_is_searched_for_stands_sealed_in_the_address() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let row = |number| format!("C-{number},person,Vilhelmina Inventova,1970-01-01,GB\n");
    let rows: String = (0..60).map(row).collect();
    upload(&officer, &officer.csrf, "a.csv", &format!("{HEAD}{rows}")).await;
    app.run_jobs();
    let reviewer = app.as_reviewer();
    let (address, page) = search(&reviewer, "Vilhelmina", "person").await;
    assert!(!address.to_lowercase().contains("vilhelmina"), "{address}");
    assert!(address.contains("kind=person"), "filters stay readable");
    let label = "Name, outside id, email, phone or number";
    assert_eq!(page.field(label).value, "Vilhelmina", "the field keeps it");
    let next = page.link("Next");
    assert!(!next.contains("Vilhelmina"));
    let second = reviewer.get(&next).await;
    assert_eq!(second.table("Subjects, newest first").len(), 10);
    assert_eq!(second.field(label).value, "Vilhelmina");
    // It is sealed for one person, and cannot be made up.
    assert_eq!(app.as_second_reviewer().get(&address).await.status, 400);
    assert_eq!(reviewer.get("/subjects?search=AAAA").await.status, 400);
    let bar = reviewer.get("/alerts").await;
    assert!(bar.form("/subjects").iter().any(|(name, _)| name == "csrf"));
}

#[actix_web::test]
async fn subjects_are_found_by_name_sound_and_number_and_each_look_is_recorded() {
    let app = TestApp::start().await;
    with_platform(&app);
    let officer = app.as_compliance();
    let text = "external_id,kind,name,email,tax_id\n\
        C-1,person,Vilhelmina Inventova,v@example.com,12-3456789\n\
        C-2,company,Imaginary Exports Demo Ltd,,\n";
    upload(&officer, &officer.csrf, "a.csv", text).await;
    app.run_jobs();
    let reviewer = app.as_reviewer();
    let found = |page: &Page| page.table("Subjects, newest first").len();
    for query in [
        "vilhelmina",
        "Wilhelmina Inventofa",
        "v@example.com",
        "123456789",
        "C-1",
    ] {
        let (_, page) = search(&reviewer, query, "").await;
        assert_eq!(found(&page), 1, "{query}");
        assert!(page.says("Vilhelmina Inventova"));
    }
    for query in ["nobody", "!!"] {
        assert!(search(&reviewer, query, "").await.1.says("Nobody matches"));
    }
    assert_eq!(found(&reviewer.get("/subjects?kind=company").await), 1);
    assert_eq!(found(&reviewer.get("/subjects").await), 2);
    let list = reviewer.get("/subjects?q=C-1").await;
    let href = list.link("Vilhelmina Inventova");
    for _ in 0..3 {
        let page = reviewer.get(&href).await;
        assert_eq!(page.heading(), "Vilhelmina Inventova");
        assert_eq!(page.definition("Tax id"), "12-3456789");
    }
    assert_eq!(
        events(&app.db, "subject.read").len(),
        1,
        "once in 15 minutes"
    );
    app.advance(chrono::TimeDelta::minutes(16));
    // The session has ended as well.
    let reviewer = app.as_reviewer();
    for page in reviewer.in_tabs(&app, &href).await {
        assert_eq!(page.heading(), "Vilhelmina Inventova");
    }
    assert_eq!(
        events(&app.db, "subject.read").len(),
        2,
        "of three tabs at once, one"
    );
    app.advance(chrono::TimeDelta::minutes(14));
    reviewer.get(&href).await;
    app.as_auditor().get(&href).await;
    assert_eq!(
        events(&app.db, "subject.read").len(),
        3,
        "the auditor's is its own"
    );
    assert_eq!(app.as_operator().get(&href).await.status, 403);
    assert_eq!(app.as_operator().get("/subjects").await.status, 403);
    let unknown = format!("/subjects/{}", SubjectId::new());
    assert_eq!(reviewer.get(&unknown).await.status, 404);
    let tokens: i64 = subject_token::table
        .count()
        .get_result(&mut app.db.connect(Role::Superuser))
        .unwrap();
    assert!(tokens > 8, "search goes over tokens");
}

#[test]
fn what_is_unreadable_ends_as_an_error_of_ours() {
    let bench = Bench::new();
    let id = bench.receive(b"x").batch();
    assert!(matches!(bench.read(id, Breaking(b"")), Err(Error::Io(_))));
    let missing = bench.read(BatchId::new(), &b""[..]);
    assert!(matches!(missing, Err(Error::Closed)));
}

#[test]
fn the_examples_come_in_as_they_say() {
    let bench = Bench::new();
    for (text, added, rejected) in [
        (include_str!("../../examples/subjects.csv"), 60, 0),
        (include_str!("../../examples/subjects.ndjson"), 5, 0),
        (include_str!("../../examples/subjects-bad-rows.csv"), 2, 9),
    ] {
        let batch = bench.take_in(text);
        assert_eq!(
            (batch.counts.added, batch.counts.rejected),
            (added, rejected)
        );
    }
}

#[test]
fn a_file_is_meant_for_the_only_platform_or_the_one_that_policy_names() {
    let bench = Bench::new();
    let default = || {
        let now = bench.services.clock.now();
        let found = bench
            .services
            .db
            .read(|conn| store::default_platform(conn, now));
        found.unwrap().map(|platform| platform.slug)
    };
    assert_eq!(default().as_deref(), Some("test"));
    add_platform_called(&bench.db, "other");
    assert_eq!(default(), None);
    add_platform_called(&bench.db, "finaegis");
    assert_eq!(default().as_deref(), Some("finaegis"));
}
