//! Whether a person or the schedule says how something behaves. What a person has said stays.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// How something behaves, for whoever watches it.
pub(super) struct Behaves<T> {
    now: watch::Sender<T>,
    by_hand: Mutex<bool>,
}

impl<T: Copy + PartialEq> Behaves<T> {
    pub fn new(first: T) -> (Self, watch::Receiver<T>) {
        let (now, watched) = watch::channel(first);
        let by_hand = Mutex::new(false);
        (Self { now, by_hand }, watched)
    }

    pub fn now(&self) -> T {
        *self.now.borrow()
    }

    pub fn is_by_hand(&self) -> bool {
        *self.lock()
    }

    /// A person says so. False if nothing listens any more.
    pub fn set(&self, to: T) -> bool {
        let mut by_hand = self.lock();
        *by_hand = true;
        self.now.send(to).is_ok()
    }

    /// The schedule says so. True if that changed anything.
    pub fn follow(&self, to: T) -> bool {
        let by_hand = self.lock();
        !*by_hand && self.now() != to && self.now.send(to).is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.by_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_has_said_stays() {
        let (it, watched) = Behaves::new(1);
        assert!(it.follow(2) && !it.follow(2));
        assert_eq!((*watched.borrow(), it.is_by_hand()), (2, false));
        assert!(it.set(3) && !it.follow(4));
        assert_eq!((*watched.borrow(), it.is_by_hand()), (3, true));
    }
}
