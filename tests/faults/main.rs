//! Every fault, many times over. It takes minutes, so a plain test run leaves it out: `script/faults`
//! starts it, and a few rounds of each scenario stand among the ordinary tests.

#[path = "../it/support/mod.rs"]
mod support;

mod scenarios;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use scenarios::{Trial, app_killed, child, database_killed, pool, program, sealer_killed};

/// How many rounds; without it nothing is done.
const ROUNDS: &str = "SIGNALBOX_FAULTS_ROUNDS";
/// Makes the same choices as an earlier run.
const SEED: &str = "SIGNALBOX_FAULTS_SEED";
/// Part of a scenario's name: only those.
const ONLY: &str = "SIGNALBOX_FAULTS_ONLY";

/// Its name, every how many rounds of the loudest one it is worth one of its own, and what it does.
type Scenario = (&'static str, u32, fn(Trial));

const SCENARIOS: &[Scenario] = &[
    ("a writer killed", 1, app_killed::loses_nothing),
    ("the program killed", 1, |trial| {
        wait_for(program::killed(trial));
    }),
    ("the database killed", 5, database_killed::recovers),
    ("the program's own database killed", 10, |trial| {
        wait_for(program::database_killed(trial));
    }),
    (
        "the sealer killed at each step",
        10,
        sealer_killed::at_each_step,
    ),
    ("the sealer killed under load", 2, sealer_killed::under_load),
    ("three sealers at once", 4, sealer_killed::several_at_once),
    ("connections exhausted", 20, |trial| {
        wait_for(pool::exhausted(trial));
    }),
    ("the database silent", 33, |trial| {
        wait_for(pool::silent(trial));
    }),
    ("stopped with an open page", 100, |_| {
        wait_for(program::stopped_with_an_open_page());
    }),
    ("stopped over a silent database", 100, |_| {
        wait_for(program::stopped_over_a_silent_database());
    }),
];

fn main() -> ExitCode {
    child::write_if_told_to();
    let Some(rounds) = number(ROUNDS) else {
        // On standard error: a test runner asks for a list on standard output, and gets none.
        eprintln!("nothing done: script/faults runs this and sets {ROUNDS}");
        return ExitCode::SUCCESS;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = number(SEED).unwrap_or_else(|| now.map_or(0, |now| now.as_secs()));
    let only = env::var(ONLY).unwrap_or_default();
    println!("seed {seed} (again with {SEED}={seed})");
    let mut failed = Vec::new();
    for (name, every, scenario) in SCENARIOS.iter().filter(|(name, ..)| name.contains(&only)) {
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX) / every;
        let trial = Trial {
            rounds: rounds.max(1),
            seed,
        };
        let began = Instant::now();
        let held = catch_unwind(AssertUnwindSafe(|| scenario(trial))).is_ok();
        let verdict = if held { "ok" } else { "FAILED" };
        println!("{verdict:>6}  {name}  ({} s)", began.elapsed().as_secs());
        if !held {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {}", failed.join(", "));
    ExitCode::FAILURE
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

fn wait_for(scenario: impl Future<Output = ()>) {
    actix_web::rt::System::new().block_on(scenario);
}
