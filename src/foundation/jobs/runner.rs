use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::context::Signals;
use super::engine::Engine;
use super::queue::{self, Claim, Standing};
use super::registry::Registry;
use super::{HEARTBEAT_SECS, JobId, scheduler};
use crate::foundation::Services;

const POLL: Duration = Duration::from_millis(200);
/// Schedules, lost leases and metrics are looked at this often.
const TICK: Duration = Duration::from_secs(1);
/// Enough to overlap waiting on the database; the lanes limit what is heavy.
const WORKERS: usize = 4;

/// The threads that work the queue: one claims, some work, one keeps the leases.
pub struct Runner {
    engine: Engine,
    wake: SyncSender<()>,
    threads: Vec<JoinHandle<()>>,
}

/// The jobs that this process is running.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Running>>);

/// Each with its fencing number.
type Running = HashMap<JobId, (i64, Arc<Signals>)>;

impl Held {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Work = (Claim, Arc<Signals>);

impl Runner {
    /// Starts working. It polls; [`Runner::wake`] shortens the wait.
    pub fn start(services: Services, registry: Registry) -> std::io::Result<Self> {
        let engine = Engine::new(services, Arc::new(registry));
        let held = Held::default();
        let (wake, woken) = mpsc::sync_channel(1);
        // No buffer: a job is claimed only when a worker is ready to take it at once.
        let (hand_out, take) = mpsc::sync_channel::<Work>(0);
        let (ready, readiness) = mpsc::sync_channel::<()>(WORKERS);
        let take = Arc::new(Mutex::new(take));
        let mut threads = Vec::new();
        for _ in 0..WORKERS {
            let (engine, held) = (engine.clone(), held.clone());
            let (take, ready) = (Arc::clone(&take), ready.clone());
            threads.push(spawn("job-worker", move || {
                work(&engine, &held, &take, &ready);
            })?);
        }
        let (claiming, claimed) = (engine.clone(), held.clone());
        threads.push(spawn("job-dispatcher", move || {
            dispatch(&claiming, &claimed, &woken, &readiness, &hand_out);
        })?);
        let keeper = engine.clone();
        threads.push(spawn("job-leases", move || keep_leases(&keeper, &held))?);
        Ok(Self {
            engine,
            wake,
            threads,
        })
    }

    /// Looks at the queue now.
    pub fn wake(&self) {
        // A full channel means that it is about to look anyway.
        let _ = self.wake.try_send(());
    }

    /// Asks running jobs to stop and waits for them. Those that do not stop in time keep their
    /// lease until it ends, and are taken up by another worker. Returns how many threads remain.
    pub fn stop(self, deadline: Duration) -> usize {
        self.engine.stopping.store(true, Ordering::SeqCst);
        let until = Instant::now() + deadline;
        let mut remaining = self.threads;
        loop {
            remaining.retain(|thread| !thread.is_finished());
            if remaining.is_empty() || Instant::now() >= until {
                return remaining.len();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn work(engine: &Engine, held: &Held, take: &Mutex<Receiver<Work>>, ready: &SyncSender<()>) {
    // The dispatcher's end of either channel closes when it stops.
    while ready.send(()).is_ok() {
        let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((claim, signals)) = next else { return };
        if let Err(error) = engine.execute(&claim, signals) {
            // The lease ends by itself, and the job is run again.
            tracing::error!(job = %claim.job, kind = claim.kind, %error, "a job could not be settled");
        }
        held.lock().remove(&claim.job);
    }
}

fn dispatch(
    engine: &Engine,
    held: &Held,
    woken: &Receiver<()>,
    readiness: &Receiver<()>,
    hand_out: &SyncSender<Work>,
) {
    let mut ticked: Option<Instant> = None;
    let mut worker_ready = false;
    while !engine.stopping.load(Ordering::SeqCst) {
        if ticked.is_none_or(|at| at.elapsed() >= TICK) {
            tick(engine);
            ticked = Some(Instant::now());
        }
        worker_ready = worker_ready || readiness.recv_timeout(POLL).is_ok();
        if !worker_ready {
            continue;
        }
        match engine.claim() {
            Ok(Some(claim)) => {
                worker_ready = false;
                let signals = engine.signals();
                held.lock()
                    .insert(claim.job, (claim.fence, Arc::clone(&signals)));
                if hand_out.send((claim, signals)).is_err() {
                    return;
                }
            }
            Ok(None) => {
                if woken.recv_timeout(POLL) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the job queue cannot be reached");
                thread::sleep(TICK);
            }
        }
    }
}

fn tick(engine: &Engine) {
    let outcome = engine
        .release_expired()
        .and_then(|_| scheduler::tick(engine))
        .and_then(|()| engine.bookkeeping(queue::counts));
    match outcome {
        Ok(counts) => {
            for state in ["waiting", "running"] {
                let found = counts.iter().find(|(name, _)| name == state);
                #[allow(clippy::cast_precision_loss, reason = "a gauge")]
                metrics::gauge!("jobs", "state" => state)
                    .set(found.map_or(0.0, |(_, n)| *n as f64));
            }
        }
        Err(error) => tracing::warn!(%error, "schedules and leases could not be looked at"),
    }
}

/// Renews the leases of running jobs, until all have ended after the stop.
fn keep_leases(engine: &Engine, held: &Held) {
    let mut renewed = Instant::now();
    loop {
        thread::sleep(POLL);
        if engine.stopping.load(Ordering::SeqCst) && held.lock().is_empty() {
            return;
        }
        if renewed.elapsed() < Duration::from_secs(HEARTBEAT_SECS) {
            continue;
        }
        renewed = Instant::now();
        let jobs: Vec<_> = held
            .lock()
            .iter()
            .map(|(job, (fence, signals))| (*job, *fence, Arc::clone(signals)))
            .collect();
        for (job, fence, signals) in jobs {
            match engine.bookkeeping(|conn| queue::renew(conn, job, fence)) {
                Ok(standing) => {
                    if standing == Standing::Lost {
                        tracing::warn!(%job, "a job's lease was lost");
                    }
                    signals.renewed(standing);
                }
                Err(error) => tracing::warn!(%job, %error, "a lease could not be renewed"),
            }
        }
    }
}
