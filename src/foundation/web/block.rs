//! Blocking work off the event loop, with a bound on how much of it and on how long anybody waits.
//!
//! A database that is slow or silent keeps the threads that speak to it. So requests queue up here,
//! where waiting costs no thread and can end, and signing in has a lane of its own: whoever has to
//! mend things still gets in when every page is stuck.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Error;

/// How long a request waits for its turn before it is told to come back. With the pool's own
/// patience it makes less than two seconds.
const PATIENCE: Duration = Duration::from_millis(700);

/// How long the work may take. A statement is stopped by the server before that, if there still is
/// a server to stop it.
const LONGEST: Duration = Duration::from_secs(12);

/// How many blocking calls run at once in a worker, each on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    pub pages: usize,
    pub sign_in: usize,
}

impl Lanes {
    /// A worker's share of the connections, and one to be waiting for a connection.
    #[must_use]
    pub fn share(pages: u32, sign_in: u32, workers: usize) -> Self {
        let share = |connections: u32| (connections as usize).div_ceil(workers) + 1;
        Self {
            pages: share(pages),
            sign_in: share(sign_in),
        }
    }

    /// Gives this worker its lanes. Call it on the worker's thread, before it serves anybody.
    pub fn open(self) {
        GATES.with_borrow_mut(|gates| *gates = Gates::new(self));
    }
}

struct Gates {
    pages: Arc<Semaphore>,
    sign_in: Arc<Semaphore>,
}

impl Gates {
    fn new(lanes: Lanes) -> Self {
        Self {
            pages: Arc::new(Semaphore::new(lanes.pages)),
            sign_in: Arc::new(Semaphore::new(lanes.sign_in)),
        }
    }
}

thread_local! {
    static GATES: RefCell<Gates> = RefCell::new(Gates::new(Lanes { pages: 4, sign_in: 2 }));
}

/// Runs blocking work (a database transaction, a file) off the event loop.
pub fn block<T, E>(
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> impl Future<Output = std::result::Result<T, E>>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    pass(GATES.with_borrow(|gates| gates.pages.clone()), work)
}

/// [`block`] for finding out who somebody is. Work in this lane uses the sign-in pool only.
pub fn block_sign_in<T, E>(
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> impl Future<Output = std::result::Result<T, E>>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    pass(GATES.with_borrow(|gates| gates.sign_in.clone()), work)
}

async fn pass<T, E>(
    gate: Arc<Semaphore>,
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> std::result::Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let Ok(Ok(turn)) = timeout(PATIENCE, gate.acquire_owned()).await else {
        return Err(Error::Unavailable("everybody waits for the database".to_owned()).into());
    };
    // The turn ends with the work, not with the wait: a stuck thread keeps its place in the lane.
    let work = move || {
        let outcome = work();
        drop(turn);
        outcome
    };
    match timeout(LONGEST, actix_web::web::block(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::Internal("a worker thread was lost".into()).into()),
        // The work goes on, and nobody can call it back.
        Err(_) => Err(Error::OutcomeUnknown("the database does not answer".to_owned()).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[actix_web::test]
    async fn a_full_lane_turns_people_away_and_the_other_stays_open() {
        Lanes {
            pages: 1,
            sign_in: 1,
        }
        .open();
        let (release, stuck) = channel::<()>();
        let holder = actix_web::rt::spawn(block(move || {
            let _ = stuck.recv();
            Ok::<_, Error>(())
        }));
        tokio::time::sleep(Duration::from_millis(50)).await;

        let asked = Instant::now();
        let refused = block(|| Ok::<_, Error>(())).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        assert!(asked.elapsed() < PATIENCE * 2);
        block_sign_in(|| Ok::<_, Error>(())).await.unwrap();

        drop(release);
        holder.await.unwrap().unwrap();
        block(|| Ok::<_, Error>(())).await.unwrap();
    }

    #[test]
    fn lanes_are_shares_of_the_pools() {
        let lanes = Lanes::share(12, 3, 4);
        assert_eq!(
            lanes,
            Lanes {
                pages: 4,
                sign_in: 2
            }
        );
    }
}
