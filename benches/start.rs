//! From the start of the program to the first request served, PostgreSQL's own start left out, and
//! the memory of an idle installation. Run with `cargo bench --bench start`.

mod ground;

use std::thread::sleep;
use std::time::{Duration, Instant};

use ground::{Ground, median, mib};

const ROUNDS: usize = 7;
const LIMIT_SECS: f64 = 1.0;
const IDLE: Duration = Duration::from_secs(5);

fn main() {
    let ground = Ground::prepare();
    let mut starts = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let (running, _) = ground.serve();
        starts.push(began.elapsed().as_secs_f64());
        running.stop();
    }
    let start = median(starts);
    let judged = if start < LIMIT_SECS { "held" } else { "MISSED" };
    println!("start to ready: {start:.3} s; limit {LIMIT_SECS} s: {judged}");

    let (app, _) = ground.serve();
    let sealer = ground.start(&["sealer"]);
    sleep(IDLE);
    let idle = |running: &ground::Running| mib(running.memory_kib("VmRSS").unwrap_or(0));
    println!(
        "idle memory: application {:.0} MiB, sealer {:.0} MiB",
        idle(&app),
        idle(&sealer)
    );
}
