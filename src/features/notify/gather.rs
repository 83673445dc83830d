//! When what may be told together is told. Pure.
//!
//! A mailbox that gets a mail for each of thirty alerts is a mailbox that nobody reads. What comes within half a minute
//! is one letter, and what comes later is at most one more in five minutes. What is critical waits for company for that
//! half minute and no longer.

use chrono::{DateTime, TimeDelta, Utc};

use crate::foundation::kernel::Level;

/// How long the first waits for others.
pub const WAIT: TimeDelta = TimeDelta::seconds(30);
/// How long the next letter to the same place waits after the last.
pub const PAUSE: TimeDelta = TimeDelta::minutes(5);
/// Most that one letter tells; what is beyond it is another.
pub const TOGETHER_AT_MOST: i64 = 50;

/// When a notice that is queued now leaves, where the last letter with its like left for the same place at `last`.
#[must_use]
pub fn due(now: DateTime<Utc>, level: Option<Level>, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let soon = now + WAIT;
    match (level, last) {
        (Some(Level::Red), _) | (_, None) => soon,
        (_, Some(last)) => soon.max(last + PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_waits_half_a_minute_and_the_next_five_but_red_never() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let soon = now + TimeDelta::seconds(30);
        let minutes = |minutes| now + TimeDelta::minutes(minutes);
        for (level, last, leaves) in [
            (Some(Level::Yellow), None, soon),
            (Some(Level::Yellow), Some(minutes(-1)), minutes(4)),
            (Some(Level::Yellow), Some(minutes(-20)), soon),
            (None, Some(minutes(-1)), minutes(4)),
            (Some(Level::Red), Some(minutes(-1)), soon),
            (Some(Level::Red), None, soon),
        ] {
            assert_eq!(due(now, level, last), leaves, "{level:?} after {last:?}");
        }
    }
}
