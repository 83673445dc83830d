//! How often anybody may ask: by key or session where there is one, else by address. In memory, so that a flood costs
//! no database; each replica counts for itself.
//!
//! Tries at a secret are counted elsewhere and more strictly: [`super::attempts`].

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use super::keys::{KeyId, Recent};
use super::throttle::counted_address;
use crate::foundation::config::RateConfig;
use crate::foundation::web::Error;

/// Askers that are remembered one by one. More than that ask at once only in a flood, and share what is left.
const MOST_ASKERS: usize = 100_000;
const SHARED: u64 = 1_024;

/// How often those are forgotten who have not asked for long.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// What this process remembers of who asks.
#[derive(Clone)]
pub struct Limits {
    addresses: Arc<Limiter>,
    sessions: Arc<Limiter>,
    keys: Arc<Limiter>,
    /// Jobs of the platforms, each by its secret; and the addresses that they ping from, which many may share.
    jobs: Arc<Limiter>,
    hosts: Arc<Limiter>,
    /// Keys that have opened something lately, whose uses are not tries.
    pub(super) recent_keys: Recent,
}

impl Limits {
    #[must_use]
    pub fn new(rates: RateConfig) -> Self {
        let limiter = |per_minute| Arc::new(Limiter::new(per_minute));
        Self {
            addresses: limiter(rates.address),
            sessions: limiter(rates.session),
            keys: limiter(rates.key),
            jobs: limiter(rates.address),
            hosts: limiter(rates.key),
            recent_keys: Recent::default(),
        }
    }

    /// For whoever is not signed in.
    pub(super) fn check_address(&self, from: IpAddr) -> Result<(), Error> {
        self.addresses.check(&counted_address(from))
    }

    pub(super) fn check_session(&self, session: Uuid) -> Result<(), Error> {
        self.sessions.check(&session)
    }

    /// For a job that pings: one that runs wild takes nothing from the others on its host.
    pub(super) fn check_ping(&self, from: IpAddr, secret: &str) -> Result<(), Error> {
        self.hosts.check(&counted_address(from))?;
        self.jobs.check(&secret)
    }

    pub(super) fn check_key(&self, key: &KeyId) -> Result<(), Error> {
        self.keys.check(key)
    }
}

/// Whether a path is asked for without limit: what makes up a page, what says that we are well, and a stream that
/// stays open.
pub(super) fn is_exempt(path: &str) -> bool {
    path == "/health"
        || path == "/api/readiness"
        || path == "/api/health"
        || path.starts_with("/api/health/")
        || path.starts_with("/assets/")
        || path == "/live"
}

struct Limiter {
    limiter: RateLimiter<u64, DashMapStateStore<u64>, DefaultClock>,
    clock: DefaultClock,
    /// Secret to this process, so that nobody can choose whom they share a place with.
    hasher: RandomState,
    since: Instant,
    /// Seconds after `since`.
    swept_at: AtomicU64,
}

impl Limiter {
    /// So many at once, and one more whenever its share of the minute has passed.
    fn new(per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self {
            limiter: RateLimiter::dashmap(quota),
            clock: DefaultClock::default(),
            hasher: RandomState::new(),
            since: Instant::now(),
            swept_at: AtomicU64::new(0),
        }
    }

    fn check(&self, asker: &impl Hash) -> Result<(), Error> {
        self.sweep();
        let mut place = self.hasher.hash_one(asker);
        if self.limiter.len() >= MOST_ASKERS {
            place %= SHARED;
        }
        self.limiter.check_key(&place).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Error::TooMany {
                retry_after_secs: wait.as_secs() + 1,
            }
        })
    }

    fn sweep(&self) {
        let now = self.since.elapsed().as_secs();
        let last = self.swept_at.load(Ordering::Relaxed);
        if now < last + SWEEP_EVERY.as_secs() {
            return;
        }
        let is_ours =
            self.swept_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        if is_ours.is_ok() {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(outcome: Result<(), Error>) -> Option<u64> {
        match outcome {
            Err(Error::TooMany { retry_after_secs }) => Some(retry_after_secs),
            Ok(()) => None,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_asker_has_a_minutes_worth_and_then_waits() {
        let limiter = Limiter::new(6);
        for _ in 0..6 {
            assert_eq!(wait(limiter.check(&"a")), None);
        }
        let secs = wait(limiter.check(&"a")).unwrap();
        assert!((10..=11).contains(&secs), "{secs}");
        assert_eq!(wait(limiter.check(&"b")), None, "another has its own");
    }

    #[test]
    fn a_flood_of_askers_takes_no_more_room() {
        let limiter = Limiter::new(1_000_000);
        for asker in 0..MOST_ASKERS * 2 {
            limiter.check(&asker).unwrap();
        }
        let room = MOST_ASKERS + usize::try_from(SHARED).unwrap();
        assert!(limiter.limiter.len() <= room);
    }

    #[test]
    fn those_who_have_stopped_asking_are_forgotten() {
        let limiter = Limiter::new(60_000);
        limiter.check(&1).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        limiter.swept_at.store(0, Ordering::Relaxed);
        let limiter = Limiter {
            since: limiter.since.checked_sub(SWEEP_EVERY).unwrap(),
            ..limiter
        };
        limiter.check(&2).unwrap();
        assert_eq!(limiter.limiter.len(), 1);
    }

    #[test]
    fn an_address_is_counted_as_the_network_that_somebody_holds() {
        let limits = Limits::new(RateConfig {
            address: 1,
            session: 1,
            key: 1,
        });
        let ask = |from: &str| limits.check_address(from.parse().unwrap()).is_ok();
        assert!(ask("2001:db8:1:2::1"));
        assert!(!ask("2001:db8:1:2::ffff"));
        assert!(ask("2001:db8:1:3::1"));
        assert!(ask("192.0.2.1") && ask("192.0.2.2") && !ask("192.0.2.1"));
    }

    #[test]
    fn a_job_that_runs_wild_waits_alone() {
        let limits = Limits::new(RateConfig {
            address: 2,
            session: 1,
            key: 5,
        });
        let host: IpAddr = "192.0.2.1".parse().unwrap();
        let ping = |from: IpAddr, secret: &str| limits.check_ping(from, secret).is_ok();
        assert!(ping(host, "wild") && ping(host, "wild") && !ping(host, "wild"));
        assert!(ping(host, "calm"), "another job of the same host");
        assert!(ping(host, "third"), "the fifth of the host");
        assert!(!ping(host, "fourth"), "the host's own share is used up");
        assert!(ping("192.0.2.2".parse().unwrap(), "fourth"));
    }

    #[test]
    fn exempt_are_assets_health_and_streams() {
        for path in [
            "/health",
            "/api/health/db",
            "/api/readiness",
            "/assets/x/y.css",
            "/live",
        ] {
            assert!(is_exempt(path), "{path}");
        }
        for path in [
            "/",
            "/healthy",
            "/api/healthy",
            "/api/v1/alerts",
            "/live/x",
            "/sign-in",
        ] {
            assert!(!is_exempt(path), "{path}");
        }
    }
}
