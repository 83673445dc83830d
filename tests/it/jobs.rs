//! The queue: who holds a job, who may write, what comes by the clock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, NewJob, Subject, Tx, Unaudited};
use signalbox::foundation::config::Mode;
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::db::schema::{audit_inbox, job};
use signalbox::foundation::jobs::{
    self, Drained, Interrupted, JobContext, JobError, JobId, JobState, Late, Registry, Runner,
    Schedule,
};

use crate::support::app::{TestApp, services};
use crate::support::db::TestDb;
use crate::support::waiting::wait_until;

mod console;

struct Bench {
    db: TestDb,
    services: Services,
}

impl Bench {
    fn new() -> Self {
        let db = TestDb::create();
        let services = services(Mode::Demo, 1, &db);
        Self { db, services }
    }

    fn enqueue(&self, new: NewJob) -> JobId {
        let enqueued = self.write(|tx| tx.enqueue(&new));
        enqueued.into()
    }

    fn write<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> db::Result<T>) -> T {
        self.services
            .audit
            .write(&Actor::command_line("test"), |tx| {
                tx.record(event("test.begun"))?;
                work(tx)
            })
            .unwrap()
    }

    fn run(&self, registry: Registry) -> Drained {
        jobs::run_due(&self.services, &Arc::new(registry)).unwrap()
    }

    fn job(&self, id: JobId) -> jobs::JobView {
        let found = self.services.db.read(|conn| jobs::find(conn, id));
        found.unwrap().unwrap()
    }

    /// Kinds of events that this text occurs in.
    fn events(&self, kind: &str) -> usize {
        let bodies: Vec<Vec<u8>> = audit_inbox::table
            .select(audit_inbox::body)
            .load(&mut self.db.connect(Role::Superuser))
            .unwrap();
        let wanted = format!("\"kind\":\"{kind}\"");
        let said = |body: &&Vec<u8>| String::from_utf8_lossy(body).contains(&wanted);
        bodies.iter().filter(said).count()
    }

    fn sql(&self, statement: &str) {
        self.db
            .connect(Role::Superuser)
            .batch_execute(statement)
            .unwrap();
    }

    /// How many wait for somebody else's lock. A connection of its own: within a transaction it is answered once.
    fn waiting_for_a_lock(&self) -> i64 {
        let waiting = "(SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock')";
        diesel::select(sql::<BigInt>(waiting))
            .get_result(&mut self.db.connect(Role::Superuser))
            .unwrap()
    }
}

fn event(kind: &'static str) -> Event {
    Event::new(kind, Subject::new("test", "1"))
}

fn registry(handler: jobs::JobHandler) -> Registry {
    let mut registry = Registry::new();
    registry.handle("test.work", handler).attempts(3);
    registry
}

fn work() -> NewJob {
    NewJob::new("test.work", json!({}))
}

fn note_done(context: &JobContext, _: Value) -> Result<(), JobError> {
    context.write(|tx| {
        tx.record(event("test.done"))?;
        Ok(())
    })
}

#[test]
fn a_job_runs_once_and_says_so() {
    let bench = Bench::new();
    let id = bench.enqueue(work());
    assert_eq!(bench.run(registry(note_done)).done, 1);
    assert_eq!(bench.job(id).state, JobState::Done);
    assert_eq!(bench.events("test.done"), 1);
    assert_eq!(bench.run(registry(note_done)), Drained::default());
}

#[test]
fn a_job_goes_with_the_transaction_that_causes_it() {
    let bench = Bench::new();
    let undone: db::Result<()> = bench
        .services
        .audit
        .write(&Actor::command_line("test"), |tx| {
            tx.enqueue(&work())?;
            tx.record(event("test.begun"))?;
            Err(db::Error::NotFound)
        });
    assert!(undone.is_err());
    assert_eq!(bench.run(registry(note_done)), Drained::default());
}

#[test]
fn one_open_job_for_a_key() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.enqueue(work().key("a"));
    }
    assert_eq!(bench.run(registry(note_done)).done, 1);
    bench.enqueue(work().key("a"));
    assert_eq!(
        bench.run(registry(note_done)).done,
        1,
        "a closed one makes room"
    );
}

#[test]
fn a_failing_job_waits_longer_each_time_and_is_given_up_in_the_log() {
    fn fail(_: &JobContext, _: Value) -> Result<(), JobError> {
        Err(JobError::Failed("no luck".into()))
    }
    let bench = Bench::new();
    let id = bench.enqueue(work());
    for attempt in 1..=3 {
        assert_eq!(bench.run(registry(fail)).failed, 1, "attempt {attempt}");
        assert_eq!(bench.run(registry(fail)), Drained::default(), "not due yet");
        bench.services.clock.advance(TimeDelta::hours(1));
    }
    let job = bench.job(id);
    assert_eq!((job.state, job.attempt), (JobState::Discarded, 3));
    assert_eq!(job.last_error.as_deref(), Some("no luck"));
    assert_eq!(bench.events("job.discarded"), 1);
}

#[test]
fn a_panic_is_that_jobs_failure_only() {
    fn panic(_: &JobContext, _: Value) -> Result<(), JobError> {
        panic!("on purpose");
    }
    let bench = Bench::new();
    let id = bench.enqueue(work());
    assert_eq!(bench.run(registry(panic)).failed, 1);
    assert_eq!(bench.job(id).state, JobState::Waiting);
}

/// What the zombie of the next test was told.
static ZOMBIE: Mutex<Option<String>> = Mutex::new(None);

#[test]
fn a_worker_that_lost_its_lease_changes_nothing() {
    /// While it runs, its lease ends and another worker takes the job and finishes it.
    fn zombie(context: &JobContext, _: Value) -> Result<(), JobError> {
        if context.attempt == 2 {
            return note_done(context, Value::Null);
        }
        let ended = "UPDATE job SET lease_until = clock_timestamp() - interval '1 second'";
        context
            .services
            .audit
            .write_unaudited(Unaudited::JobHeartbeat, |conn| {
                conn.batch_execute(ended).map_err(db::Error::from)
            })?;
        let rescued = jobs::run_due(&context.services, &Arc::new(registry(zombie)))?;
        assert_eq!(rescued.done, 1, "the job is rescued");
        let outcome = note_done(context, Value::Null);
        *ZOMBIE.lock().unwrap() = outcome.as_ref().err().map(ToString::to_string);
        outcome
    }
    let bench = Bench::new();
    let id = bench.enqueue(work());
    bench.run(registry(zombie));
    let told = ZOMBIE.lock().unwrap().clone();
    assert_eq!(told, Some(Interrupted::LeaseLost.to_string()));
    assert_eq!(bench.events("test.done"), 1, "only the second worker's");
    let job = bench.job(id);
    assert_eq!((job.state, job.attempt), (JobState::Done, 2));
}

#[test]
fn two_workers_never_hold_the_same_job() {
    let bench = Bench::new();
    for _ in 0..40 {
        bench.enqueue(work());
    }
    let barrier = Barrier::new(2);
    let done: usize = std::thread::scope(|scope| {
        let worker = || {
            barrier.wait();
            bench.run(registry(note_done)).done
        };
        let both = [scope.spawn(worker), scope.spawn(worker)];
        both.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(done, 40);
    assert_eq!(bench.events("test.done"), 40);
}

#[test]
fn a_lane_has_a_limit_over_all_workers() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    #[allow(clippy::unnecessary_wraps, reason = "a handler's signature")]
    fn slow(_: &JobContext, _: Value) -> Result<(), JobError> {
        let now = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(60));
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
    let bench = Bench::new();
    let ids: Vec<_> = (0..8).map(|_| bench.enqueue(work())).collect();
    let heavy = || {
        let mut registry = Registry::new();
        registry.handle("test.work", slow).lane(jobs::Lane::HEAVY);
        registry
    };
    let runners = [(); 2].map(|()| Runner::start(bench.services.clone(), heavy()).unwrap());
    wait_until("all are done", || {
        ids.iter().all(|id| bench.job(*id).state == JobState::Done)
    });
    for runner in runners {
        assert_eq!(runner.stop(Duration::from_secs(5)), 0);
    }
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
}

#[test]
fn a_running_job_is_cancelled_and_a_stopping_worker_puts_its_job_back() {
    fn long(context: &JobContext, _: Value) -> Result<(), JobError> {
        for step in 1.. {
            context.progress(step, None)?;
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
    let bench = Bench::new();
    let (cancelled, stopped) = (bench.enqueue(work()), bench.enqueue(work()));
    let runner = Runner::start(bench.services.clone(), registry(long)).unwrap();
    let running = |id| bench.job(id).state == JobState::Running;
    wait_until("both run", || running(cancelled) && running(stopped));
    let now = bench.services.clock.now();
    bench.write(|tx| jobs::request_cancel(tx, cancelled, now));
    wait_until("it is cancelled", || {
        bench.job(cancelled).state == JobState::Cancelled
    });
    assert_eq!(runner.stop(Duration::from_secs(5)), 0);
    let job = bench.job(stopped);
    assert_eq!(
        (job.state, job.attempt),
        (JobState::Waiting, 0),
        "no attempt is lost"
    );
    assert!(job.done > 0);
}

fn nightly(late: Late) -> Registry {
    let mut registry = registry(note_done);
    // 02:30 does not exist in New York on 8 March 2026.
    let schedule = Schedule::new("nightly", "30 2 * * *", "America/New_York", "test.work");
    registry.schedule(schedule.unwrap().late(late));
    registry
}

fn slots(bench: &Bench) -> Vec<String> {
    let slots: Vec<Option<chrono::DateTime<chrono::Utc>>> = job::table
        .filter(job::slot.is_not_null())
        .order(job::slot)
        .select(job::slot)
        .load(&mut bench.db.connect(Role::Superuser))
        .unwrap();
    let text = |slot: chrono::DateTime<chrono::Utc>| slot.format("%d %H:%M").to_string();
    slots.into_iter().flatten().map(text).collect()
}

/// The test clock starts on 2 March 2026 at 09:00 UTC.
#[test]
fn a_schedule_runs_once_a_slot_through_the_change_of_clocks() {
    let bench = Bench::new();
    bench.run(nightly(Late::Run));
    assert_eq!(
        slots(&bench),
        [""; 0],
        "a new schedule does not begin in the past"
    );
    for _ in 0..7 * 24 * 60 {
        bench.services.clock.advance(TimeDelta::minutes(1));
        let minute = bench.services.clock.now().format("%M").to_string();
        if minute == "00" || minute == "31" {
            bench.run(nightly(Late::Run));
            bench.run(nightly(Late::Run));
        }
    }
    let expected = [
        "03 07:30", "04 07:30", "05 07:30", "06 07:30", "07 07:30", "08 07:00", "09 06:30",
    ];
    assert_eq!(slots(&bench), expected);
    assert_eq!(bench.events("test.done"), expected.len());
    assert_eq!(bench.events("schedule.slot_missed"), 0);
}

#[test]
fn missed_slots_are_reported_and_run_or_left() {
    for (late, runs) in [(Late::Run, 3), (Late::Skip, 0)] {
        let bench = Bench::new();
        bench.run(nightly(late));
        bench.services.clock.advance(TimeDelta::days(3));
        assert_eq!(bench.run(nightly(late)).done, runs);
        assert_eq!(bench.run(nightly(late)).done, 0);
        assert_eq!(bench.events("schedule.slot_missed"), 1);
    }
}

#[test]
fn two_replicas_make_one_job_of_a_slot() {
    let bench = Bench::new();
    bench.run(nightly(Late::Run));
    bench.services.clock.advance(TimeDelta::hours(24));
    let mut other = bench.db.connect(Role::Superuser);
    let hold = "SET idle_in_transaction_session_timeout = '30s'; BEGIN; SELECT FROM job_schedule FOR UPDATE";
    other.batch_execute(hold).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| bench.run(nightly(Late::Run)));
        }
        // Both look before either writes.
        wait_until("both wait", || bench.waiting_for_a_lock() == 2);
        other.batch_execute("COMMIT").unwrap();
    });
    assert_eq!(slots(&bench).len(), 1);
    assert_eq!(bench.events("test.done"), 1);
    // It was missed, and that is said once.
    assert_eq!(bench.events("schedule.slot_missed"), 1);
}

#[test]
fn a_worker_that_died_is_rescued_after_its_lease() {
    let bench = Bench::new();
    let id = bench.enqueue(work());
    bench.sql(
        "UPDATE job SET state = 'running', attempt = 1, fence = 1, \
         lease_until = clock_timestamp() + interval '60 seconds'",
    );
    assert_eq!(
        bench.run(registry(note_done)),
        Drained::default(),
        "still held"
    );
    bench.sql("UPDATE job SET lease_until = clock_timestamp() - interval '1 second'");
    assert_eq!(bench.run(registry(note_done)).done, 1);
    assert_eq!(bench.job(id).attempt, 2);
}

/// Work that takes longer than a lease would otherwise commit with one that has ended, and another
/// worker would do the same again.
#[test]
fn a_long_write_commits_with_a_fresh_lease() {
    fn long(context: &JobContext, _: Value) -> Result<(), JobError> {
        context.write(|tx| {
            let over = "UPDATE job SET lease_until = clock_timestamp() - interval '1 second'";
            tx.batch_execute(over).map_err(db::Error::from)?;
            tx.record(event("test.done"))?;
            Ok(())
        })?;
        let registry = Arc::new(registry(note_done));
        let other = jobs::run_due(&context.services, &registry)?;
        assert_eq!(other, Drained::default(), "nobody else gets it");
        Ok(())
    }
    let bench = Bench::new();
    let id = bench.enqueue(work());
    assert_eq!(bench.run(registry(long)).done, 1);
    assert_eq!(bench.job(id).attempt, 1);
    assert_eq!(bench.events("test.done"), 1);
}

/// Whoever took the job over during the work keeps it: the work is undone.
#[test]
fn a_write_whose_job_was_taken_meanwhile_is_undone() {
    fn overtaken(context: &JobContext, _: Value) -> Result<(), JobError> {
        let outcome = context.write(|tx| {
            tx.batch_execute("UPDATE job SET fence = fence + 1")
                .map_err(db::Error::from)?;
            tx.record(event("test.done"))?;
            Ok(())
        });
        assert!(matches!(
            outcome,
            Err(JobError::Interrupted(Interrupted::LeaseLost))
        ));
        Ok(())
    }
    let bench = Bench::new();
    bench.enqueue(work());
    bench.run(registry(overtaken));
    assert_eq!(bench.events("test.done"), 0);
}

#[test]
fn what_is_kept_for_a_while_only_is_removed_in_time() {
    let bench = Bench::new();
    let registry = Arc::new(signalbox::app::registry());
    let run = || jobs::run_due(&bench.services, &registry).unwrap();
    run();
    let person = "INSERT INTO person (id, email, name, acts, created_at) \
         VALUES (gen_random_uuid(), 'a@test.example', 'A', true, now())";
    let now = bench.services.clock.now().to_rfc3339();
    bench.sql(person);
    bench.sql(&format!(
        "INSERT INTO idempotency SELECT gen_random_uuid(), 'a', '/', \
             timestamptz '{now}' - days * interval '1 day' \
             FROM generate_series(0, 20) AS days, generate_series(1, 200); \
         INSERT INTO job (id, kind, payload, run_at, enqueued_at, state, finished_at) \
             SELECT gen_random_uuid(), state, '{{}}', '{now}', '{now}', state, \
                 timestamptz '{now}' - days * interval '1 day' \
             FROM (VALUES ('done'), ('cancelled'), ('discarded')) AS states (state), \
                 (VALUES (5), (9), (40)) AS ages (days); \
         INSERT INTO parked_form SELECT gen_random_uuid(), id, '/', '', '{now}', \
                 timestamptz '{now}' + minutes * interval '1 minute' \
             FROM person, (VALUES (-5), (900)) AS ends (minutes); \
         INSERT INTO enrolment_link SELECT sha256(minutes::text::bytea), id, 'a', '{now}', \
                 timestamptz '{now}' + minutes * interval '1 minute' \
             FROM person, (VALUES (-5), (900)) AS ends (minutes); \
         INSERT INTO evidence_reading SELECT id, sha256(minutes::text::bytea), \
                 timestamptz '{now}' + minutes * interval '1 minute' \
             FROM person, (VALUES (-5), (900)) AS times (minutes); \
         INSERT INTO subject_reading SELECT * FROM evidence_reading;"
    ));
    // The schedule's minute is 41.
    bench.services.clock.advance(TimeDelta::minutes(41));
    run();
    let left = |table: &str| -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let query = format!("SELECT count(*) AS count FROM {table}");
        let count: Count = diesel::sql_query(query)
            .get_result(&mut bench.db.connect(Role::Superuser))
            .unwrap();
        count.count
    };
    assert_eq!(left("idempotency"), 7 * 200, "younger than 7 days");
    let kept = |state: &str| left(&format!("job WHERE kind = '{state}'"));
    assert_eq!(
        (kept("done"), kept("cancelled"), kept("discarded")),
        (1, 1, 2)
    );
    for table in [
        "parked_form",
        "enrolment_link",
        "evidence_reading",
        "subject_reading",
    ] {
        assert_eq!(left(table), 1, "{table}");
    }
    assert_eq!(bench.events("upkeep.expired"), 1);
}

#[actix_web::test]
async fn the_list_of_jobs_shows_what_was_given_up() {
    let app = TestApp::start().await;
    app.db
        .connect(Role::Superuser)
        .batch_execute(
            "INSERT INTO job (id, kind, payload, run_at, enqueued_at, state, attempt, finished_at, \
                 last_error) \
             SELECT gen_random_uuid(), 'test.' || at, '{}', now(), now(), 'discarded', 8, now(), \
                 'no luck' FROM generate_series(1, 60) AS at; \
             INSERT INTO job (id, kind, payload, run_at, enqueued_at, state, finished_at) \
             VALUES (gen_random_uuid(), 'test.fine', '{}', now(), now(), 'done', now())",
        )
        .unwrap();
    let operator = app.as_operator();
    let page = operator.get("/jobs").await;
    let rows = page.table("Running, waiting and given up");
    assert_eq!(rows.len(), 50);
    assert_eq!(rows[0][1..], ["Given up", &rows[0][2], "8", "no luck"]);
    assert!(!page.says("test.fine"));
    let second = operator.get(&page.link("Next")).await;
    assert_eq!(second.table("Running, waiting and given up").len(), 10);
    assert_eq!(
        operator
            .get(&second.link("Previous"))
            .await
            .table("Running, waiting and given up"),
        rows
    );
    let ended = operator.get(&page.link("Done and cancelled")).await;
    assert_eq!(ended.table("Done and cancelled").len(), 1);
    assert_eq!(page.link("Jobs"), "/jobs", "it stands in the navigation");
    assert_eq!(app.as_reviewer().get("/jobs").await.status, 403);
}

#[actix_web::test]
async fn the_jobs_page_shows_progress_and_cancels() {
    let app = TestApp::start().await;
    let id: JobId = app
        .services
        .audit
        .write(&Actor::command_line("test"), |tx| {
            tx.record(event("test.begun"))?;
            tx.enqueue(&NewJob::new("upkeep.expire", json!({})))
        })
        .map(Into::into)
        .unwrap();
    let operator = app.as_operator();
    let page = operator.get(&format!("/jobs/{id}")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.definition("State"), "Waiting");
    let cancelled = operator
        .post_form(&format!("/jobs/{id}/cancellation"), &[])
        .await;
    assert_eq!(cancelled.status, 303);
    let page = operator.get(cancelled.location()).await;
    assert_eq!(page.definition("State"), "Cancelled");
    assert!(!page.has_button("Cancel job"));
    let again = operator
        .post_form(&format!("/jobs/{id}/cancellation"), &[])
        .await;
    assert_eq!(again.status, 409);
    assert_eq!(
        app.as_reviewer().get(&format!("/jobs/{id}")).await.status,
        403
    );
}
