//! One clock for the process, so that a test can decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, DurationRound, TimeDelta, Utc};

/// The time as the product sees it, in UTC with microseconds, which is what PostgreSQL keeps:
/// a value read back is equal to the one written.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fake(Arc<AtomicI64>),
}

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn fake(start: DateTime<Utc>) -> Self {
        Self(Source::Fake(Arc::new(AtomicI64::new(
            start.timestamp_micros(),
        ))))
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => truncate(Utc::now()),
            Source::Fake(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Moves a fake clock, and every clone of it. The system clock is not ours to move.
    pub fn advance(&self, by: Duration) {
        if let Source::Fake(micros) = &self.0 {
            micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}

fn truncate(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fake_clock_moves_for_all_who_hold_it() {
        let clock = Clock::fake(DateTime::UNIX_EPOCH);
        let held = clock.clone();
        clock.advance(Duration::minutes(3));
        assert_eq!(held.now(), DateTime::UNIX_EPOCH + Duration::minutes(3));
    }

    #[test]
    fn the_system_clock_has_whole_microseconds() {
        assert_eq!(
            Clock::system().now().timestamp_subsec_nanos() % 1_000,
            0,
            "PostgreSQL would round the rest away"
        );
    }
}
