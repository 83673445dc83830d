use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::context::Signals;
use super::queue::{self, Claim, Ending};
use super::registry::{Handler, Registry};
use super::{Interrupted, JobContext, JobError, retry, scheduler};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Unaudited};
use crate::foundation::db::{self, PoolKind};

/// The kind of the event that says that a job was given up.
pub const DISCARDED: &str = "job.discarded";

/// Claims, runs and settles. The runner drives it from threads, a test from its own.
#[derive(Clone)]
pub(super) struct Engine {
    pub services: Services,
    pub registry: Arc<Registry>,
    pub stopping: Arc<AtomicBool>,
}

impl Engine {
    pub fn new(services: Services, registry: Arc<Registry>) -> Self {
        Self {
            services,
            registry,
            stopping: Arc::default(),
        }
    }

    pub fn claim(&self) -> db::Result<Option<Claim>> {
        let now = self.services.clock.now();
        self.bookkeeping(|conn| queue::claim(conn, &self.registry, now))
    }

    pub fn release_expired(&self) -> db::Result<usize> {
        self.bookkeeping(queue::release_expired)
    }

    pub fn signals(&self) -> Arc<Signals> {
        Arc::new(Signals::new(Arc::clone(&self.stopping)))
    }

    /// Runs a claimed job to its ending. Only the settling can fail.
    pub fn execute(&self, claim: &Claim, signals: Arc<Signals>) -> db::Result<Ending> {
        let begun = Instant::now();
        let ending = match self.registry.find(claim.kind) {
            Some((_, handler)) if claim.attempt <= handler.attempts => {
                self.ending(claim, handler, self.run(claim, handler, signals))
            }
            _ => Ending::Discarded("the worker stopped without a word, too often".to_owned()),
        };
        let kept = self.settle(claim, &ending)?;
        let outcome = if kept { name(&ending) } else { "lost" };
        metrics::counter!("jobs_total", "kind" => claim.kind, "outcome" => outcome).increment(1);
        metrics::histogram!("job_duration_seconds", "kind" => claim.kind)
            .record(begun.elapsed().as_secs_f64());
        Ok(ending)
    }

    fn run(&self, claim: &Claim, handler: Handler, signals: Arc<Signals>) -> Result<(), JobError> {
        let context = JobContext::new(self.services.clone(), claim, signals);
        // A panic in one handler is that job's failure, not the end of the worker.
        catch_unwind(AssertUnwindSafe(|| {
            (handler.run)(&context, claim.payload.clone())
        }))
        .unwrap_or_else(|_| Err(JobError::Failed("the handler panicked".to_owned())))
    }

    fn ending(&self, claim: &Claim, handler: Handler, outcome: Result<(), JobError>) -> Ending {
        let error = match outcome {
            Ok(()) => return Ending::Done,
            // Nothing will be written for a lost lease: settling checks the fence.
            Err(JobError::Interrupted(Interrupted::Stopping | Interrupted::LeaseLost)) => {
                return Ending::PutBack;
            }
            Err(JobError::Interrupted(Interrupted::Cancelled)) => return Ending::Cancelled,
            Err(JobError::Hopeless(error)) => return Ending::Discarded(error),
            Err(error) => error.to_string(),
        };
        tracing::warn!(job = %claim.job, kind = claim.kind, attempt = claim.attempt, error, "a job failed");
        if claim.attempt >= handler.attempts {
            return Ending::Discarded(error);
        }
        let wait = retry::wait_after(claim.attempt, rand::random());
        Ending::Retry {
            at: self.services.clock.now() + wait,
            error,
        }
    }

    fn settle(&self, claim: &Claim, ending: &Ending) -> db::Result<bool> {
        let now = self.services.clock.now();
        if !matches!(ending, Ending::Discarded(_)) {
            return self.bookkeeping(|conn| queue::settle(conn, claim, ending, now));
        }
        // Work that will not be done is somebody's concern, so it stands in the log.
        let event = Event::new(DISCARDED, Subject::new("job", claim.job))
            .outcome(Outcome::Failure)
            .detail("kind", claim.kind)
            .detail("key", claim.key.clone())
            .detail("attempt", claim.attempt);
        self.services
            .audit
            .write_on(PoolKind::Jobs, &Actor::job(claim.kind), |tx| {
                if !queue::settle(tx, claim, ending, now)? {
                    return Err(SettleError::Lost);
                }
                tx.record(event)?;
                Ok(true)
            })
            .or_else(|error| match error {
                SettleError::Lost => Ok(false),
                SettleError::Database(error) => Err(error),
            })
    }

    pub fn bookkeeping<T>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> db::Result<T>,
    ) -> db::Result<T> {
        self.services
            .audit
            .write_unaudited(Unaudited::JobHeartbeat, work)
    }
}

enum SettleError {
    Lost,
    Database(db::Error),
}

impl From<db::Error> for SettleError {
    fn from(error: db::Error) -> Self {
        Self::Database(error)
    }
}

fn name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Cancelled => "cancelled",
        Ending::Discarded(_) => "discarded",
        Ending::Retry { .. } => "retry",
        Ending::PutBack => "put_back",
    }
}

/// What [`run_due`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    pub done: usize,
    /// Retried later, discarded or cancelled.
    pub failed: usize,
}

/// Runs everything that is due by the services' clock, one after another on this thread, with what
/// becomes due on the way. For tests and one-shot commands.
pub fn run_due(services: &Services, registry: &Arc<Registry>) -> db::Result<Drained> {
    let engine = Engine::new(services.clone(), Arc::clone(registry));
    let mut drained = Drained::default();
    engine.release_expired()?;
    scheduler::tick(&engine)?;
    while let Some(claim) = engine.claim()? {
        match engine.execute(&claim, engine.signals())? {
            Ending::Done => drained.done += 1,
            _ => drained.failed += 1,
        }
    }
    Ok(drained)
}
