//! The sealer killed at each of its steps and at any moment, and several at once.

use std::thread::sleep;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Bool;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::child::{self, Writer};
use super::plant::Plant;
use super::{Trial, ledger, wait_until};

/// What a sealer is about to do, and the lock that keeps it from it.
const STEPS: &[(&str, &str)] = &[
    ("open the epoch", "audit_epoch IN SHARE MODE"),
    ("take the head", "audit_head IN EXCLUSIVE MODE"),
    ("read the inbox", "audit_inbox IN ACCESS EXCLUSIVE MODE"),
    ("look for known ids", "audit_log IN ACCESS EXCLUSIVE MODE"),
    ("number the events", "audit_log IN SHARE MODE"),
    ("write the tiles", "audit_tile IN SHARE MODE"),
    ("move the head", "audit_head IN SHARE MODE"),
    ("sign", "audit_checkpoint IN SHARE MODE"),
    ("clear the inbox", "audit_inbox IN SHARE MODE"),
    ("note the anchor", "audit_anchor IN SHARE MODE"),
];

const LIMIT: Duration = Duration::from_secs(20);

/// Whatever the sealer was about to do when it was killed, the next one goes on from a whole log.
pub fn at_each_step(trial: Trial) {
    let plant = Plant::start();
    let services = plant.services(1);
    let mut chance = StdRng::seed_from_u64(trial.seed);
    let mut written = 0;
    for _ in 0..trial.rounds {
        for (step, lock) in STEPS {
            // The epoch is opened once.
            if *step == "open the epoch" && written > 0 {
                continue;
            }
            for _ in 0..chance.random_range(1..60) {
                child::write(&services).unwrap();
                written += 1;
            }
            kill_before(&plant, step, lock);
            ledger::check_sealed_log(&plant);
        }
    }
    drain(&plant);
    assert_eq!(ledger::check_sealed_log(&plant), written);
    println!(
        "the sealer killed before each of {} steps, {} times over: {written} events, dense, one root per size",
        STEPS.len(),
        trial.rounds
    );
}

fn kill_before(plant: &Plant, step: &str, lock: &str) {
    let mut locker = plant.superuser();
    locker
        .batch_execute(&format!("BEGIN; LOCK TABLE {lock}"))
        .unwrap();
    let mut sealer = child::sealer(plant);
    let mut watcher = plant.superuser();
    wait_until(format!("the sealer is about to {step}"), LIMIT, || {
        assert!(
            !sealer.has_ended(),
            "the sealer gave up before it could {step}"
        );
        waits_for_a_lock(&mut watcher)
    });
    sealer.kill();
    locker.batch_execute("ROLLBACK").unwrap();
}

fn waits_for_a_lock(conn: &mut PgConnection) -> bool {
    #[derive(QueryableByName)]
    struct Waits {
        #[diesel(sql_type = Bool)]
        waits: bool,
    }
    let query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                 AND application_name = 'signalbox sealer') AS waits";
    let found: Waits = sql_query(query).get_result(conn).unwrap();
    found.waits
}

/// Killed at any moment while others write; and when it is left alone it catches up.
pub fn under_load(trial: Trial) {
    let plant = Plant::start();
    let mut chance = StdRng::seed_from_u64(trial.seed);
    let mut writer = Writer::start(&plant);
    writer.wait_for_a_write();
    for _ in 0..trial.rounds {
        let mut sealer = child::sealer(&plant);
        sleep(Duration::from_millis(chance.random_range(0..900)));
        sealer.kill();
    }
    let acknowledged = writer.kill();
    drain(&plant);
    let sealed = ledger::check_sealed_log(&plant);
    ledger::check_rows_and_events(&plant, &acknowledged);
    println!(
        "the sealer killed {} times under load: {sealed} events, dense, one root per size",
        trial.rounds
    );
}

/// Several at once take turns, also when the one whose turn it is gets killed.
pub fn several_at_once(trial: Trial) {
    let plant = Plant::start();
    let mut chance = StdRng::seed_from_u64(trial.seed);
    let mut writer = Writer::start(&plant);
    writer.wait_for_a_write();
    let mut sealers: Vec<_> = (0..3).map(|_| child::sealer(&plant)).collect();
    for _ in 0..trial.rounds {
        sleep(Duration::from_millis(chance.random_range(100..900)));
        let unlucky = chance.random_range(0..sealers.len());
        assert!(!sealers[unlucky].has_ended(), "a sealer gave up");
        sealers[unlucky] = child::sealer(&plant);
    }
    let acknowledged = writer.kill();
    wait_until("the inbox is empty", LIMIT * 3, || {
        ledger::waiting(&plant) == 0
    });
    for sealer in sealers {
        sealer.stop();
    }
    let sealed = ledger::check_sealed_log(&plant);
    ledger::check_rows_and_events(&plant, &acknowledged);
    println!(
        "three sealers, {} of them killed: {sealed} events, dense, one root per size",
        trial.rounds
    );
}

/// Lets one sealer finish.
fn drain(plant: &Plant) {
    let sealer = child::sealer(plant);
    wait_until("the inbox is empty", LIMIT * 3, || {
        ledger::waiting(plant) == 0
    });
    sealer.stop();
}
