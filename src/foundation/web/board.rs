//! What every page says beside its own content: the counts of the navigation and the platforms of the
//! switch, read once for everybody, never per page.
//!
//! The application posts them every few seconds and a page only looks. A count that has not been posted lately is not
//! shown: none is better than a wrong one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::format::capped;
use super::{Lamp, Nav};
use crate::foundation::kernel::{PlatformId, Scope};

/// After this a count has gone stale.
const LASTS: Duration = Duration::from_secs(30);

/// How many things wait behind an item of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub number: u64,
    /// What the number counts, for those who hear it: one, and several.
    pub nouns: [&'static str; 2],
    /// Lit where the number itself is news.
    pub lamp: Option<Lamp>,
}

impl Count {
    /// As shown: "7", "99+".
    pub fn text(self) -> String {
        capped(self.number)
    }

    pub fn noun(self) -> &'static str {
        self.nouns[usize::from(self.number != 1)]
    }

    fn and(self, other: Self) -> Self {
        Self {
            number: self.number + other.number,
            nouns: self.nouns,
            lamp: self.lamp.or(other.lamp),
        }
    }
}

/// A platform, as the switch names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub id: PlatformId,
    pub name: String,
}

/// A rota on which somebody is on call now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    pub rota: String,
    pub platform: String,
    pub until: DateTime<Utc>,
}

/// What waits, by platform.
pub type Counts = BTreeMap<PlatformId, Count>;

#[derive(Debug, Default)]
struct Posted {
    counts: BTreeMap<Nav, (Counts, Instant)>,
    platforms: Vec<Place>,
    /// Who is on call, by address in small letters.
    duties: BTreeMap<String, Vec<Duty>>,
    /// How much somebody was told and has not seen, by address in small letters.
    unseen: Option<(BTreeMap<String, u64>, Instant)>,
    /// The sealed head of the log, as it was posted last and the time before.
    heads: [Option<i64>; 2],
}

/// Shared by all pages of this process.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<Posted>>);

impl Board {
    pub fn post(&self, at: Nav, counts: Counts) {
        let mut posted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        posted.counts.insert(at, (counts, Instant::now()));
    }

    pub fn post_platforms(&self, platforms: Vec<Place>) {
        let mut posted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        posted.platforms = platforms;
    }

    pub fn post_duties(&self, duties: BTreeMap<String, Vec<Duty>>) {
        let mut posted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        posted.duties = duties;
    }

    /// The rotas on which whoever has this address is on call.
    pub fn duties(&self, email: &str, now: DateTime<Utc>) -> Vec<Duty> {
        let posted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = posted.duties.get(&email.to_lowercase());
        let on_call = held.into_iter().flatten().filter(|duty| duty.until > now);
        on_call.cloned().collect()
    }

    pub fn post_unseen(&self, unseen: BTreeMap<String, u64>) {
        let mut posted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        posted.unseen = Some((unseen, Instant::now()));
    }

    /// How much whoever has this address was told and has not seen; nothing where that is nothing, or not known.
    pub fn unseen(&self, email: &str) -> Option<u64> {
        let posted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (unseen, at) = posted.unseen.as_ref()?;
        let count = unseen.get(&email.to_lowercase()).copied()?;
        (at.elapsed() < LASTS && count > 0).then_some(count)
    }

    pub fn post_head(&self, head: i64) {
        let mut posted = self.0.write().unwrap_or_else(PoisonError::into_inner);
        posted.heads = [Some(head), posted.heads[0]];
    }

    /// An entry of the log that whatever is being shown can have seen: the page may have been read a moment
    /// before the last posting, so it is the one before that.
    pub fn head(&self) -> Option<i64> {
        let posted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        posted.heads[1]
    }

    /// What waits there on these platforms; nothing where nothing waits, or nobody knows.
    pub fn count(&self, at: Nav, scope: &Scope) -> Option<Count> {
        let posted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (counts, since) = posted.counts.get(&at)?;
        let together = counts
            .iter()
            .filter(|(platform, _)| scope.allows(**platform))
            .map(|(_, count)| *count)
            .reduce(Count::and)?;
        (together.number > 0 && since.elapsed() < LASTS).then_some(together)
    }

    /// The platforms among these, by name.
    pub fn platforms(&self, scope: &Scope) -> Vec<Place> {
        let posted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let places = posted.platforms.iter();
        places
            .filter(|place| scope.allows(place.id))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alerts(number: u64) -> Count {
        Count {
            number,
            nouns: ["open alert", "open alerts"],
            lamp: None,
        }
    }

    #[test]
    fn nothing_waiting_is_not_shown() {
        let (board, platform) = (Board::default(), PlatformId::new());
        assert_eq!(board.count(Nav::Alerts, &Scope::All), None);
        board.post(Nav::Alerts, Counts::from([(platform, alerts(0))]));
        assert_eq!(board.count(Nav::Alerts, &Scope::All), None);
        board.post(Nav::Alerts, Counts::from([(platform, alerts(120))]));
        let count = board.count(Nav::Alerts, &Scope::All);
        assert_eq!(count.map(Count::text).as_deref(), Some("99+"));
    }

    #[test]
    fn counts_say_only_what_waits_on_the_readers_platforms() {
        let (board, lait, finchat) = (Board::default(), PlatformId::new(), PlatformId::new());
        let red = Count {
            lamp: Some(Lamp::Red),
            ..alerts(2)
        };
        board.post(
            Nav::Alerts,
            Counts::from([(lait, alerts(3)), (finchat, red)]),
        );
        let count = |scope| board.count(Nav::Alerts, &scope);
        assert_eq!(count(Scope::All).map(|all| all.number), Some(5));
        assert_eq!(count(Scope::All).and_then(|all| all.lamp), Some(Lamp::Red));
        assert_eq!(count(Scope::one(lait)), Some(alerts(3)));
        assert_eq!(count(Scope::nothing()), None);
    }
}
