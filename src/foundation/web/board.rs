//! The counts beside the navigation: read once for everybody, never per page.
//!
//! The application posts them every few seconds and a page only looks. A count that has not been posted lately is not
//! shown: none is better than a wrong one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::format::capped;
use super::{Lamp, Nav};

/// After this a count has gone stale.
const LASTS: Duration = Duration::from_secs(30);

/// How many things wait behind an item of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub number: u64,
    /// What the number counts, for those who hear it: "open alerts".
    pub noun: &'static str,
    /// Lit where the number itself is news.
    pub lamp: Option<Lamp>,
}

impl Count {
    /// As shown: "7", "99+".
    pub fn text(self) -> String {
        capped(self.number)
    }
}

/// Shared by all pages of this process.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<BTreeMap<Nav, (Count, Instant)>>>);

impl Board {
    pub fn post(&self, at: Nav, count: Count) {
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        counts.insert(at, (count, Instant::now()));
    }

    /// What waits there; nothing where nothing waits, or nobody knows.
    pub fn count(&self, at: Nav) -> Option<Count> {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (count, posted) = counts.get(&at)?;
        (count.number > 0 && posted.elapsed() < LASTS).then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waiting_is_not_shown() {
        let board = Board::default();
        let count = |number| Count {
            number,
            noun: "open alerts",
            lamp: None,
        };
        assert_eq!(board.count(Nav::Alerts), None);
        board.post(Nav::Alerts, count(0));
        assert_eq!(board.count(Nav::Alerts), None);
        board.post(Nav::Alerts, count(120));
        assert_eq!(
            board.count(Nav::Alerts).map(Count::text).as_deref(),
            Some("99+")
        );
    }
}
