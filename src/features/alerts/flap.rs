//! Lamps that come and go: held lit with one notice, until they have been quiet for a while. Pure.
//!
//! It stands between a rule's condition and its lamp, and changes nothing of how the condition is read: whether the lamp
//! would be lit is known at every moment, also while it is held.

use chrono::{DateTime, TimeDelta, Utc};

use super::alert::{Change, Track};
use crate::foundation::kernel::Level;

/// How far back turns are counted.
pub const WINDOW: TimeDelta = TimeDelta::minutes(30);
/// So many turns within the window begin it.
pub const TURNS: usize = 4;
/// Fewer than these within the window end it.
const QUIET: usize = 2;

/// What is known between two ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flap {
    /// When the lamp came and went, as far back as it counts, the oldest first.
    pub turns: Vec<DateTime<Utc>>,
    pub held: Option<Held>,
}

/// The lamp is held lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub since: DateTime<Utc>,
    /// Whether it would be lit at present.
    pub on: bool,
}

/// What a tick means for the lamp, besides [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// From now on it is held lit.
    Held,
    /// It is held no longer.
    Settled,
}

/// What is to be done about the lamp: first the change, then the turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub change: Option<Change>,
    pub turn: Option<Turn>,
}

impl Flap {
    /// The level at which the condition has the lamp lit, of one that is lit at `lit`: none while it is only held.
    #[must_use]
    pub fn beneath(&self, lit: Option<Level>) -> Option<Level> {
        match self.held {
            Some(held) if !held.on => None,
            _ => lit,
        }
    }

    /// One tick: what became of the condition goes in, what becomes of the lamp, lit at `lit` until now, comes out.
    pub fn follow(
        &mut self,
        now: DateTime<Utc>,
        change: Option<Change>,
        lit: Option<Level>,
    ) -> Outcome {
        let is_turn = match change {
            Some(Change::Fired { .. } | Change::Resolved) => true,
            // A figure that swings around what is critical comes and goes as well.
            Some(Change::Moved { from, to }) => to > from,
            None => false,
        };
        if is_turn {
            self.forget(now);
            self.turns.push(now);
            // No more of them say anything.
            let more = self.turns.len().saturating_sub(TURNS);
            self.turns.drain(..more);
        }
        match self.held {
            None => self.watch(now, change),
            Some(held) => self.hold(now, held, change, lit),
        }
    }

    fn watch(&mut self, now: DateTime<Utc>, change: Option<Change>) -> Outcome {
        let on = match change {
            Some(Change::Fired { .. }) => true,
            Some(Change::Resolved) => false,
            Some(Change::Moved { from, to }) if to > from => true,
            _ => return Outcome { change, turn: None },
        };
        if self.turns.len() < TURNS {
            return Outcome { change, turn: None };
        }
        self.held = Some(Held { since: now, on });
        Outcome {
            change: change.filter(|_| on),
            turn: Some(Turn::Held),
        }
    }

    fn hold(
        &mut self,
        now: DateTime<Utc>,
        held: Held,
        change: Option<Change>,
        lit: Option<Level>,
    ) -> Outcome {
        self.forget(now);
        let on = match change {
            Some(Change::Fired { .. }) => true,
            Some(Change::Resolved) => false,
            Some(Change::Moved { .. }) | None => held.on,
        };
        // It is held at the worst that it was.
        let shown = match (change, lit) {
            (Some(Change::Fired { level: to, .. } | Change::Moved { to, .. }), Some(from))
                if to > from =>
            {
                Some(Change::Moved { from, to })
            }
            _ => None,
        };
        if self.turns.len() >= QUIET {
            self.held = Some(Held { on, ..held });
            return Outcome {
                change: shown,
                turn: None,
            };
        }
        self.held = None;
        Outcome {
            change: if on { shown } else { Some(Change::Resolved) },
            turn: Some(Turn::Settled),
        }
    }

    /// For so long nobody saw whether the lamp that is held came or went: that was no quiet. Of one that is not, turns are
    /// as old as they are.
    pub fn unseen(&mut self, lasted: TimeDelta) {
        if self.held.is_none() {
            return;
        }
        for turn in &mut self.turns {
            *turn += lasted;
        }
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        self.turns.retain(|at| now - *at < WINDOW);
    }
}

impl Track {
    /// As it is, beneath a lamp that may be held lit.
    #[must_use]
    pub fn beneath(self, flap: &Flap) -> Self {
        Self {
            firing: flap.beneath(self.firing),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    fn fired(level: Level) -> Option<Change> {
        Some(Change::Fired {
            level,
            active_at: at(0),
        })
    }

    fn just(change: Option<Change>) -> Outcome {
        Outcome { change, turn: None }
    }

    const RESOLVED: Option<Change> = Some(Change::Resolved);
    const YELLOW: Option<Level> = Some(Level::Yellow);

    /// On at 0, off at 5, on at 10, off at 15.
    fn flapping() -> Flap {
        let mut flap = Flap::default();
        let fired = fired(Level::Yellow);
        assert_eq!(flap.follow(at(0), fired, None), just(fired));
        assert_eq!(flap.follow(at(5), RESOLVED, YELLOW), just(RESOLVED));
        assert_eq!(flap.follow(at(10), fired, None), just(fired));
        let held = Outcome {
            change: None,
            turn: Some(Turn::Held),
        };
        assert_eq!(flap.follow(at(15), RESOLVED, YELLOW), held);
        flap
    }

    #[test]
    fn the_fourth_turn_in_half_an_hour_holds_it_lit() {
        let flap = flapping();
        assert!(flap.held.is_some_and(|held| !held.on));
        assert_eq!(flap.beneath(YELLOW), None);
    }

    #[test]
    fn what_turns_seldom_is_left_alone() {
        let mut flap = Flap::default();
        for (minute, change) in [
            (0, fired(Level::Red)),
            (10, RESOLVED),
            (20, fired(Level::Red)),
        ] {
            assert_eq!(flap.follow(at(minute), change, None), just(change));
        }
        assert_eq!(flap.follow(at(30), RESOLVED, None), just(RESOLVED));
        assert_eq!(flap.held, None);
    }

    #[test]
    fn a_fourth_turn_that_lights_it_is_shown_and_held() {
        let mut flap = Flap {
            turns: vec![at(0), at(1), at(2)],
            held: None,
        };
        let outcome = flap.follow(at(3), fired(Level::Yellow), None);
        assert_eq!(outcome.change, fired(Level::Yellow));
        assert_eq!(outcome.turn, Some(Turn::Held));
        assert_eq!(flap.beneath(YELLOW), YELLOW);
    }

    #[test]
    fn while_it_is_held_nothing_comes_or_goes_but_worse_is_shown() {
        let mut flap = flapping();
        assert_eq!(
            flap.follow(at(16), fired(Level::Yellow), YELLOW),
            just(None)
        );
        assert_eq!(flap.follow(at(17), RESOLVED, YELLOW), just(None));
        let worse = Change::Moved {
            from: Level::Yellow,
            to: Level::Red,
        };
        assert_eq!(
            flap.follow(at(18), fired(Level::Red), YELLOW),
            just(Some(worse))
        );
        let better = Some(Change::Moved {
            from: Level::Red,
            to: Level::Yellow,
        });
        assert_eq!(flap.follow(at(19), better, Some(Level::Red)), just(None));
    }

    #[test]
    fn what_swings_around_red_is_held_red() {
        let mut flap = Flap::default();
        let moved = |from, to| Some(Change::Moved { from, to });
        let (up, down) = (
            moved(Level::Yellow, Level::Red),
            moved(Level::Red, Level::Yellow),
        );
        let yellow = fired(Level::Yellow);
        assert_eq!(flap.follow(at(0), yellow, None), just(yellow));
        for minute in [2, 6] {
            assert_eq!(flap.follow(at(minute), up, YELLOW), just(up));
            assert_eq!(
                flap.follow(at(minute + 2), down, Some(Level::Red)),
                just(down)
            );
        }
        let held = Outcome {
            change: up,
            turn: Some(Turn::Held),
        };
        assert_eq!(flap.follow(at(10), up, YELLOW), held);
        assert_eq!(flap.follow(at(12), down, Some(Level::Red)), just(None));
    }

    #[test]
    fn time_that_nobody_saw_is_no_quiet() {
        let mut flap = flapping();
        flap.unseen(TimeDelta::minutes(30));
        assert_eq!(flap.follow(at(46), None, YELLOW), just(None));
        let settled = flap.follow(at(70), None, YELLOW);
        assert_eq!(settled.turn, Some(Turn::Settled));
        let mut seldom = Flap {
            turns: vec![at(0), at(5)],
            held: None,
        };
        seldom.unseen(TimeDelta::hours(8));
        assert_eq!(seldom.turns, [at(0), at(5)]);
    }

    #[test]
    fn half_an_hour_with_fewer_than_two_turns_ends_it_as_it_then_is() {
        let mut off = flapping();
        // Turns at 10 and 15 count until 40.
        assert_eq!(off.follow(at(39), None, YELLOW), just(None));
        let ended = Outcome {
            change: RESOLVED,
            turn: Some(Turn::Settled),
        };
        assert_eq!(off.follow(at(40), None, YELLOW), ended);
        assert_eq!(off.held, None);

        let mut on = flapping();
        on.follow(at(16), fired(Level::Yellow), YELLOW);
        assert_eq!(on.follow(at(44), None, YELLOW), just(None));
        let settled = Outcome {
            change: None,
            turn: Some(Turn::Settled),
        };
        assert_eq!(on.follow(at(45), None, YELLOW), settled);
    }
}
