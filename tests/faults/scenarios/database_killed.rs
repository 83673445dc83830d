//! `kill -9` of PostgreSQL while the application works.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use signalbox::foundation::Services;
use uuid::Uuid;

use super::plant::Plant;
use super::{Trial, child, ledger, wait_until};

const WRITERS: usize = 8;

/// From the moment when PostgreSQL accepts connections again.
const RECOVERY: Duration = Duration::from_secs(10);

/// The pools recover by themselves, nothing that was acknowledged is missing, and a restart between
/// two requests costs nobody an error.
pub fn recovers(trial: Trial) {
    let mut plant = Plant::start();
    let services = plant.services(1);
    let mut chance = StdRng::seed_from_u64(trial.seed);
    let load = Load::start(&services);
    let mut longest = Duration::ZERO;
    for _ in 0..trial.rounds {
        thread::sleep(Duration::from_millis(chance.random_range(100..600)));
        plant.kill();
        plant.revive();
        let since = load.count();
        let took = wait_until("the application writes again", RECOVERY, || {
            load.count() > since
        });
        longest = longest.max(took);
    }
    let acknowledged = load.stop();
    ledger::check_rows_and_events(&plant, &acknowledged);

    plant.kill();
    plant.revive();
    child::write(&services).expect("a restart between two requests costs nothing");
    println!(
        "PostgreSQL killed {} times: {} acknowledged writes, all there; writing again at most {longest:?} \
         after it was back",
        trial.rounds,
        acknowledged.len()
    );
}

/// Threads that write whenever they can.
struct Load {
    acknowledged: Arc<Mutex<HashSet<Uuid>>>,
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(services: &Services) -> Self {
        let acknowledged = Arc::<Mutex<HashSet<Uuid>>>::default();
        let over = Arc::new(AtomicBool::new(false));
        let writer = |_| {
            let (services, seen, over) = (services.clone(), acknowledged.clone(), over.clone());
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    if let Ok(id) = child::write(&services) {
                        seen.lock().unwrap().insert(id);
                    } else {
                        let waited = began.elapsed();
                        assert!(waited < Duration::from_secs(4), "told after {waited:?}");
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            })
        };
        Self {
            threads: (0..WRITERS).map(writer).collect(),
            acknowledged,
            over,
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn stop(self) -> HashSet<Uuid> {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        Arc::into_inner(self.acknowledged)
            .unwrap()
            .into_inner()
            .unwrap()
    }
}
