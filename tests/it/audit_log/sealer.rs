//! The sealer: killed at each step, two at once, behind its anchors, under load.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use signalbox::foundation::audit::Log;
use signalbox::foundation::audit::anchors::AnchorError;
use signalbox::foundation::audit::note::{self, CheckpointSigner};
use signalbox::foundation::audit::sealer::{Sealer, SealerError, create_key, read_key};
use signalbox::foundation::audit::store;
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::kernel::Clock;

use super::fixture::{Bench, Python};
use crate::support::waiting::wait_until;

/// Where a batch can be cut off: before each table is written, and at the commit itself.
const STEPS: [&str; 7] = [
    "BEFORE INSERT ON audit_log",
    "AFTER INSERT ON audit_log",
    "BEFORE INSERT ON audit_tile",
    "BEFORE UPDATE ON audit_head",
    "BEFORE INSERT ON audit_checkpoint",
    "BEFORE DELETE ON audit_inbox",
    "AFTER DELETE ON audit_inbox",
];

#[test]
fn killed_at_each_step_it_leaves_nothing_or_everything() {
    let bench = Bench::with_events(5);
    bench.attack(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
    );
    for (number, step) in (0..).zip(STEPS) {
        bench.record(number * 10..number * 10 + 3);
        bench.attack(&format!(
            "CREATE TRIGGER cut {step} FOR EACH STATEMENT EXECUTE FUNCTION cut()"
        ));
        assert!(bench.try_seal().is_err(), "{step}");
        let table = step.rsplit(' ').next().unwrap();
        bench.attack(&format!("DROP TRIGGER cut ON {table}"));
        assert_eq!(bench.seal(), 5 + (number + 1) * 3, "{step}");
    }
    bench.record(100..103);
    bench.attack(
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON audit_checkpoint DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION cut()",
    );
    assert!(bench.try_seal().is_err(), "at the commit");
    bench.attack("DROP TRIGGER cut ON audit_checkpoint");
    bench.seal();
    holds(&bench, 5 + 8 * 3);
}

/// Dense, one root per size, and both verifiers agree.
fn holds(bench: &Bench, size: u64) {
    let head = bench
        .services
        .db
        .read(|conn| store::head(conn, Log::Main))
        .unwrap();
    assert_eq!(head.size, size);
    assert_eq!(
        count(bench, "SELECT count(*) AS n FROM audit_log"),
        size.cast_signed()
    );
    let export = bench.export();
    bench.verify(&export, None).unwrap();
    assert_eq!(Python::start().verify(&export, &bench.vkey(), None).0, 0);
}

fn count(bench: &Bench, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let row: Row = sql_query(query)
        .get_result(&mut bench.db.connect(Role::Superuser))
        .unwrap();
    row.n
}

struct Running {
    stop: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<Result<(), SealerError>>>,
}

impl Running {
    fn start(bench: &Bench) -> Self {
        Self::anchoring(bench, &["anchors"])
    }

    fn anchoring(bench: &Bench, folders: &[&str]) -> Self {
        let sealer = Sealer {
            database: bench.db.sealer_url.clone(),
            signer: CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap(),
            anchors: folders
                .iter()
                .map(|folder| bench.folder.path().join(folder))
                .collect(),
            anchor_every: Duration::from_millis(300),
            clock: Clock::system(),
        };
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || sealer.run(&stopped));
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn stop(mut self) -> Result<(), SealerError> {
        self.stop.take();
        self.thread.take().unwrap().join().unwrap()
    }
}

#[test]
fn of_two_sealers_one_works_and_the_other_takes_over() {
    let bench = Bench::new();
    let first = Running::start(&bench);
    let second = Running::start(&bench);
    bench.record(0..50);
    wait_until("sealed", || size(&bench) == 50);
    first.stop().unwrap();
    bench.record(50..80);
    wait_until("taken over", || size(&bench) == 80);
    second.stop().unwrap();
    holds(&bench, 80);
}

fn size(bench: &Bench) -> u64 {
    bench
        .services
        .db
        .read(|conn| store::head(conn, Log::Main))
        .unwrap()
        .size
}

#[test]
fn a_lost_connection_is_made_again() {
    let bench = Bench::new();
    let sealer = Running::start(&bench);
    for round in 0..3 {
        bench.record(round * 10..round * 10 + 10);
        bench.attack("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalbox sealer' AND datname = current_database()");
        wait_until("sealed again", || size(&bench) == (round + 1) * 10);
    }
    sealer.stop().unwrap();
    holds(&bench, 30);
}

#[test]
fn it_anchors_and_thins_out_what_lies_between() {
    let bench = Bench::new();
    let sealer = Running::start(&bench);
    for number in 0..5 {
        bench.record(number..number + 1);
        wait_until("sealed", || size(&bench) == number + 1);
    }
    sealer.stop().unwrap();
    let anchors = count(&bench, "SELECT count(*) AS n FROM audit_anchor");
    let checkpoints = count(&bench, "SELECT count(*) AS n FROM audit_checkpoint");
    assert!((1..=5).contains(&anchors), "{anchors}");
    assert_eq!(
        checkpoints, anchors,
        "the newest is anchored, and the others are gone"
    );
    let file = bench.anchor_file("anchors");
    let export = bench.export();
    let report = bench.verify(&export, Some(file.path())).unwrap();
    assert_eq!(report.anchors_outside, usize::try_from(anchors).unwrap());
}

#[test]
fn each_folder_is_a_place_of_its_own_and_a_broken_one_stops_nothing() {
    let bench = Bench::new();
    // A file stands where the folder should be: every try to write there fails.
    std::fs::write(bench.folder.path().join("broken"), "").unwrap();
    let sealer = Running::anchoring(&bench, &["one", "broken/folder", "two"]);
    bench.record(0..3);
    wait_until("sealed", || size(&bench) == 3);
    wait_until("anchored", || {
        count(
            &bench,
            "SELECT count(DISTINCT place) AS n FROM audit_anchor",
        ) == 2
    });
    bench.record(3..4);
    wait_until("sealed on", || size(&bench) == 4);
    sealer.stop().unwrap();
    let export = bench.export();
    for folder in ["one", "two"] {
        let file = bench.folder.path().join(folder).join("main.checkpoints");
        bench.verify(&export, Some(&file)).unwrap();
    }
}

#[test]
fn a_row_decides_nothing_about_what_is_anchored() {
    let bench = Bench::with_events(5);
    bench.attack("INSERT INTO audit_anchor VALUES (1000000, sha256(''), 'nobody', 'file', now())");
    let file = bench.anchor_file("anchors");
    let outcome = file.anchor(&mut bench.sealer(), bench.now());
    assert!(
        matches!(outcome, Err(AnchorError::Database(db::Error::Damaged(_)))),
        "{outcome:?}"
    );
    assert_eq!(
        file.all(&mut bench.sealer()).unwrap().len(),
        1,
        "it was anchored all the same"
    );
    assert!(Running::start(&bench).join().is_err());
    // A row of a size that there was does not stand in the way either.
    bench.attack("UPDATE audit_anchor SET size = 3");
    bench.record(5..6);
    bench.seal();
    assert_eq!(
        file.anchor(&mut bench.sealer(), bench.now()).unwrap(),
        Some(6)
    );
}

#[test]
fn a_file_that_has_gone_is_missed() {
    let bench = Bench::with_events(5);
    let path = bench.anchor();
    bench.record(5..6);
    bench.seal();
    std::fs::remove_file(&path).unwrap();
    let file = bench.anchor_file("anchors");
    let mut conn = bench.sealer();
    for outcome in [
        file.check(&mut conn, "signalbox.test/main/1", 6),
        file.anchor(&mut conn, bench.now()).map(drop),
    ] {
        assert!(
            matches!(outcome, Err(AnchorError::Missing { .. })),
            "{outcome:?}"
        );
    }
    assert!(!path.exists(), "a new one would hide that");
}

#[test]
fn a_note_in_the_file_that_is_not_ours_stops_the_sealer() {
    let bench = Bench::with_events(5);
    let path = bench.anchor();
    let note = std::fs::read_to_string(&path).unwrap();
    let forged = CheckpointSigner::new("signalbox.test", &[9; 32]).unwrap();
    let ours = note::parse_all(&note).unwrap().remove(0);
    let again = forged.sign(&ours.checkpoint);
    std::fs::write(&path, format!("{again}\n")).unwrap();
    let refused = Running::start(&bench).join();
    assert!(
        matches!(refused, Err(SealerError::Anchor(AnchorError::Foreign(_)))),
        "{refused:?}"
    );
}

/// The second log counts, though the application sees nothing else of it.
#[test]
fn how_far_everything_is_behind_is_known_over_both_logs() {
    for log in Log::ALL {
        let bench = Bench::of(log);
        let standing = || -> store::Standing {
            let found: db::Result<_> = bench.services.db.read(store::standing);
            found.unwrap()
        };
        assert_eq!(standing().waiting_since, None);
        bench.record(0..1);
        assert_eq!(standing().waiting_since, Some(bench.now()));
        bench.seal();
        let sealed = standing();
        assert_eq!(
            (sealed.waiting_since, sealed.unanchored_since),
            (None, Some(bench.now()))
        );
        assert_eq!(sealed.partitions_left, 2);
        bench.anchor();
        assert_eq!(standing().unanchored_since, None);
    }
}

#[test]
fn old_anchors_are_thinned_in_the_table() {
    let bench = Bench::with_events(1);
    bench.attack(
        "INSERT INTO audit_anchor SELECT n, sha256(''), '', 'here', at FROM ( \
             SELECT row_number() OVER (ORDER BY at) AS n, at FROM generate_series( \
                 date_trunc('day', now() - interval '40 days'), now(), interval '10 minutes') AS at) AS series",
    );
    let before = count(&bench, "SELECT count(*) AS n FROM audit_anchor");
    bench
        .sealer()
        .batch_execute("SELECT audit_thin_anchors('audit_anchor')")
        .unwrap();
    let per = |unit: &str, age: &str| {
        count(
            &bench,
            &format!(
                "SELECT coalesce(max(n), 0) AS n FROM (SELECT count(*) AS n FROM audit_anchor \
                 WHERE anchored_at < now() - interval '{age}' GROUP BY date_trunc('{unit}', anchored_at, 'UTC')) AS each"
            ),
        )
    };
    assert_eq!((per("hour", "1 day"), per("day", "30 days")), (1, 1));
    let young =
        "SELECT count(*) AS n FROM audit_anchor WHERE anchored_at > now() - interval '23 hours'";
    assert_eq!(count(&bench, young), 138);
    assert!(count(&bench, "SELECT count(*) AS n FROM audit_anchor") < before / 3);
}

#[test]
fn it_refuses_a_database_that_is_behind_or_beside_its_anchors() {
    let bench = Bench::with_events(5);
    bench.anchor();
    let older = bench.folder.path().join("anchors");
    let behind = Bench::with_events(3);
    std::fs::create_dir(behind.folder.path().join("anchors")).unwrap();
    std::fs::copy(
        older.join("main.checkpoints"),
        behind.folder.path().join("anchors/main.checkpoints"),
    )
    .unwrap();
    let refused = Running::start(&behind).join();
    assert!(
        matches!(
            refused,
            Err(SealerError::Anchor(AnchorError::Behind { .. }))
        ),
        "{refused:?}"
    );
    behind.record(10..15);
    behind.seal();
    let refused = Running::start(&behind).join();
    assert!(
        matches!(
            refused,
            Err(SealerError::Anchor(AnchorError::Rewritten { .. }))
        ),
        "{refused:?}"
    );
}

impl Running {
    /// Waits for it to end by itself.
    fn join(mut self) -> Result<(), SealerError> {
        self.thread.take().unwrap().join().unwrap()
    }
}

/// The real program, killed by the kernel at random moments under load.
#[test]
fn killed_again_and_again_under_load_it_loses_nothing() {
    let mut bench = Bench::new();
    let key_file = bench.folder.path().join("sealer.key");
    create_key(&key_file, Some("test")).unwrap();
    bench.signer = read_key(&key_file).unwrap();
    let mut recorded = 0;
    for round in 0_u64..12 {
        let mut sealer = process(&bench);
        bench.record(recorded..recorded + 40);
        recorded += 40;
        std::thread::sleep(Duration::from_millis(round * 53 % 300));
        sealer.kill().unwrap();
        sealer.wait().unwrap();
    }
    let mut sealer = process(&bench);
    bench.record(recorded..recorded + 1);
    recorded += 1;
    wait_until("all sealed", || size(&bench) == recorded);
    let pid = rustix::process::Pid::from_child(&sealer);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = sealer.wait().unwrap();
    assert!(status.success(), "SIGTERM ends it with {status}");
    holds(&bench, recorded);
}

fn process(bench: &Bench) -> Child {
    use signalbox::foundation::kernel::Secret;
    let url: &Secret<String> = &bench.db.sealer_url;
    Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .arg("sealer")
        .env_clear()
        .env("SIGNALBOX_SEALER_DATABASE_URL", url.expose())
        .env(
            "SIGNALBOX_SEALER_KEY_FILE",
            bench.folder.path().join("sealer.key"),
        )
        .env("SIGNALBOX_DATA_DIR", bench.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_sealer_can_change_nothing_that_it_has_sealed() {
    let bench = Bench::with_events(3);
    for statement in [
        "UPDATE audit_log SET kind = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_anchor",
        "DELETE FROM audit_decision",
        "SELECT audit_prune('audit_log', 3)",
        "DELETE FROM audit_tile",
        "INSERT INTO audit_inbox VALUES (gen_random_uuid(), now(), '')",
        "DROP TABLE audit_parts.audit_log_00000000",
        "ALTER TABLE audit_log DETACH PARTITION audit_parts.audit_log_00000000",
        "SELECT FROM audit_detail",
    ] {
        assert!(
            bench.sealer().batch_execute(statement).is_err(),
            "{statement}"
        );
    }
    for statement in [
        "SELECT audit_make_partitions('audit_log', 0)",
        "SELECT body FROM audit_inbox",
    ] {
        assert!(
            bench
                .db
                .connect(Role::App)
                .batch_execute(statement)
                .is_err(),
            "{statement}"
        );
    }
}
