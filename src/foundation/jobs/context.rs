use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beat::Beat;

use super::{JobId, LEASE_SECS, queue};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Tx, Unaudited};
use crate::foundation::db::{self, PoolKind};

/// Progress is written at most this often; the last one always.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Why a handler has to stop. It hands the error on and touches nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    #[error("another worker holds this job now")]
    LeaseLost,
    #[error("cancelled")]
    Cancelled,
    /// The process is shutting down; the job goes back to the queue and loses no attempt.
    #[error("this worker is stopping")]
    Stopping,
}

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Worth another try later. The text is kept and shown: no personal data in it.
    #[error("{0}")]
    Failed(String),
    /// No use in trying again. The text is kept and shown: no personal data in it.
    #[error("{0}")]
    Hopeless(String),
}

/// What others tell a running job: its heartbeat, the page with the cancel button, the shutdown.
#[derive(Debug)]
pub(super) struct Signals {
    lost: AtomicBool,
    cancelled: AtomicBool,
    stopping: Arc<AtomicBool>,
    beat: Beat,
}

impl Signals {
    pub(super) fn new(stopping: Arc<AtomicBool>) -> Self {
        Self {
            lost: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            stopping,
            beat: Beat::now(),
        }
    }

    /// Takes in what the database said when the lease was renewed.
    pub(super) fn renewed(&self, standing: queue::Standing) {
        match standing {
            queue::Standing::Lost => self.lost.store(true, Ordering::SeqCst),
            queue::Standing::Held { cancel_requested } => {
                self.beat.renew();
                if cancel_requested {
                    self.cancelled.store(true, Ordering::SeqCst);
                }
            }
        }
    }
}

mod beat {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    /// When the lease was last known to be ours. A process that slept through its lease (a stopped
    /// machine) finds out here, before it asks anyone.
    #[derive(Debug)]
    pub struct Beat(Mutex<Instant>);

    impl Beat {
        pub fn now() -> Self {
            Self(Mutex::new(Instant::now()))
        }

        pub fn renew(&self) {
            *self.lock() = Instant::now();
        }

        pub fn age(&self) -> Duration {
            self.lock().elapsed()
        }

        fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

/// A running job's view of the world.
pub struct JobContext {
    pub services: Services,
    pub job: JobId,
    /// Counted from 1.
    pub attempt: i16,
    pub(super) kind: &'static str,
    pub(super) fence: i64,
    pub(super) signals: Arc<Signals>,
    told: std::cell::Cell<Option<Instant>>,
}

impl JobContext {
    pub(super) fn new(services: Services, claim: &queue::Claim, signals: Arc<Signals>) -> Self {
        Self {
            services,
            job: claim.job,
            attempt: claim.attempt,
            kind: claim.kind,
            fence: claim.fence,
            signals,
            told: std::cell::Cell::new(None),
        }
    }

    /// Whether to go on. Costs nothing; call it in every loop.
    pub fn check(&self) -> Result<(), Interrupted> {
        let signals = &self.signals;
        if signals.lost.load(Ordering::SeqCst)
            || signals.beat.age() > Duration::from_secs(LEASE_SECS)
        {
            return Err(Interrupted::LeaseLost);
        }
        if signals.cancelled.load(Ordering::SeqCst) {
            return Err(Interrupted::Cancelled);
        }
        if signals.stopping.load(Ordering::SeqCst) {
            return Err(Interrupted::Stopping);
        }
        Ok(())
    }

    /// Tells how far the job is, and whether to go on. It writes at most twice a second.
    pub fn progress(&self, done: u64, total: Option<u64>) -> Result<(), JobError> {
        self.progress_as(done, total)
    }

    /// [`JobContext::progress`] with an error type of the caller's.
    pub fn progress_as<E>(&self, done: u64, total: Option<u64>) -> Result<(), E>
    where
        E: From<db::Error> + From<Interrupted>,
    {
        self.check()?;
        let recent = self
            .told
            .get()
            .is_some_and(|at| at.elapsed() < PROGRESS_EVERY);
        if recent && total != Some(done) {
            return Ok(());
        }
        let standing = self
            .services
            .audit
            .write_unaudited(Unaudited::JobHeartbeat, |conn| {
                queue::progress(conn, self.job, self.fence, done, total)
            })?;
        self.told.set(Some(Instant::now()));
        self.signals.renewed(standing);
        Ok(self.check()?)
    }

    /// Where people find what came of it: a local path, linked from the job's page.
    pub fn result(&self, path: &str) -> Result<(), JobError> {
        self.services
            .audit
            .write_unaudited(Unaudited::JobHeartbeat, |conn| {
                queue::set_result(conn, self.job, self.fence, path)
            })?;
        Ok(())
    }

    /// The way for a handler to write: as the job, and only while the job is its own.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, JobError>,
    ) -> Result<T, JobError> {
        self.write_as(&Actor::job(self.kind), work)
    }

    /// [`JobContext::write`] with an actor and an error type of the caller's.
    ///
    /// The lease is renewed when the work begins and again just before it commits: long work would
    /// otherwise commit with a lease that has ended, and another worker could take the job at once.
    pub fn write_as<T, E>(
        &self,
        actor: &Actor,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<db::Error> + From<Interrupted>,
    {
        self.check()?;
        self.services.audit.write_on(PoolKind::Jobs, actor, |tx| {
            self.hold::<E>(tx)?;
            let outcome = work(tx)?;
            self.hold::<E>(tx)?;
            Ok(outcome)
        })
    }

    fn hold<E>(&self, tx: &mut Tx<'_>) -> Result<(), E>
    where
        E: From<db::Error> + From<Interrupted>,
    {
        let standing = queue::hold(tx, self.job, self.fence)?;
        self.signals.renewed(standing);
        match standing {
            queue::Standing::Held { .. } => Ok(()),
            queue::Standing::Lost => Err(Interrupted::LeaseLost.into()),
        }
    }

    /// The job's kind, and so its name as an actor.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Reads on the pool of the jobs.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&mut db::Conn) -> Result<T, JobError>,
    ) -> Result<T, JobError> {
        let who = Actor::job(self.kind);
        self.services.db.read_for(PoolKind::Jobs, &who, work)
    }
}
