//! `kill -9` of a writing process, again and again.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::child::Writer;
use super::plant::Plant;
use super::{Trial, ledger};

/// Nothing that was acknowledged is missing; no row is without its event, nor the reverse.
pub fn loses_nothing(trial: Trial) {
    let plant = Plant::start();
    let mut chance = StdRng::seed_from_u64(trial.seed);
    let mut acknowledged = HashSet::new();
    for _ in 0..trial.rounds {
        let mut writer = Writer::start(&plant);
        writer.wait_for_a_write();
        sleep(Duration::from_millis(chance.random_range(0..150)));
        acknowledged.extend(writer.kill());
    }
    ledger::check_rows_and_events(&plant, &acknowledged);
    println!(
        "killed {} times: {} acknowledged writes, all there, each with its event",
        trial.rounds,
        acknowledged.len()
    );
}
