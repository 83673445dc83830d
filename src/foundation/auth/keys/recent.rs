use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

use super::super::token::TokenHash;

/// For how long a secret that was right is not counted as a try. Whether its key still opens is asked all the same.
const FOR: Duration = Duration::minutes(15);

/// More programs than one replica serves; beyond it, who comes next is counted, which costs a write.
const AT_MOST: usize = 10_000;

/// The secrets that have lately opened something in this process, by their hashes. A program that is let in a hundred
/// times a minute is not counted a hundred times, and is not shut out by a neighbour's wrong keys.
#[derive(Clone, Debug, Default)]
pub struct Recent(Arc<Mutex<HashMap<TokenHash, DateTime<Utc>>>>);

impl Recent {
    pub(super) fn has(&self, hash: &TokenHash, now: DateTime<Utc>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).is_some_and(|at| now - *at < FOR)
    }

    pub(super) fn remember(&self, hash: TokenHash, now: DateTime<Utc>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= AT_MOST {
            known.retain(|_, at| now - *at < FOR);
        }
        if known.len() < AT_MOST || known.contains_key(&hash) {
            known.insert(hash, now);
        }
    }

    pub(super) fn forget(&self, hash: &TokenHash) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opened_is_known_for_a_while_and_there_is_an_end_to_it() {
        let recent = Recent::default();
        let now = DateTime::UNIX_EPOCH;
        recent.remember([1; 32], now);
        assert!(recent.has(&[1; 32], now + FOR - Duration::seconds(1)));
        assert!(!recent.has(&[1; 32], now + FOR));
        recent.forget(&[1; 32]);
        assert!(!recent.has(&[1; 32], now));
        let hash = |number: usize| -> TokenHash {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            hash
        };
        (0..AT_MOST + 5).for_each(|number| recent.remember(hash(number), now));
        assert_eq!(recent.0.lock().unwrap().len(), AT_MOST);
        recent.remember(hash(AT_MOST + 7), now + FOR);
        assert_eq!(recent.0.lock().unwrap().len(), 1);
    }
}
