//! What happens when something is killed, stopped or full. Each scenario takes how many rounds and
//! a seed, starts a database cluster of its own, and panics with what did not hold.
//!
//! The whole of it is run by `script/faults`; a few rounds of each belong to every test run.

pub mod app_killed;
pub mod child;
pub mod database_killed;
mod ledger;
pub mod plant;
pub mod pool;
pub mod program;
pub mod sealer_killed;

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How hard to try. The same seed makes the same choices; what the machine makes of them still
/// depends on its own timing.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    pub rounds: u32,
    pub seed: u64,
}

/// Asks until the answer is yes, and panics when that takes longer than `limit`.
pub fn wait_until(what: impl Display, limit: Duration, mut ask: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !ask() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}
