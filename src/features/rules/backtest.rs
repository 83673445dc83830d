//! What a rule would have done with what is kept, and how that compares with what it did.

use chrono::{DateTime, TimeDelta, Utc};

use super::history::{self, Asked, History, Past, REACH};
use super::replay::{self, Firing, Ticks};
use crate::features::alerts::evaluate::TICK;
use crate::features::alerts::store::fired::{Fired, Lit};
use crate::features::packs::pack::Rule;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum BackTest {
    Done(Done),
    /// There is nothing to go through yet; in what it will be kept, and for how long where that is said.
    Empty(String, Option<TimeDelta>),
    /// Why it cannot be told.
    NotKept(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub firings: Vec<Firing>,
    /// From when on there is something.
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// For how much of the time since then there was something to read.
    pub known: TimeDelta,
    pub grain: String,
    pub slack: TimeDelta,
    /// There is more before `since` that was not gone through.
    pub is_cut: bool,
    pub caveat: String,
    pub unit: String,
}

impl Done {
    #[must_use]
    pub fn span(&self) -> TimeDelta {
        self.until - self.since
    }

    /// Of the time since there is something, how much was known.
    #[must_use]
    pub fn share(&self) -> f64 {
        let span = self.span().num_milliseconds().max(1);
        (self.known.num_milliseconds() as f64 / span as f64).min(1.0)
    }

    /// For how long the lamp would have been lit in all.
    #[must_use]
    pub fn lit(&self) -> TimeDelta {
        let each = self.firings.iter();
        let each = each.map(|firing| firing.until.unwrap_or(self.until) - firing.from);
        each.fold(TimeDelta::zero(), |sum, one| sum + one)
    }

    /// Which of its firings were fired then, and which that were fired it does not find.
    #[must_use]
    pub fn compared(&self, real: &Fired) -> Compared {
        let meets = |firing: &Firing, lit: &Lit| {
            let (ends, was) = (firing.until.unwrap_or(self.until), lit.until);
            let was = was.unwrap_or(self.until);
            firing.from <= was + self.slack && lit.from <= ends + self.slack
        };
        let known = |lit: &&Lit| lit.from >= self.since - self.slack;
        let was_lit = |firing: &Firing| {
            let mut all = real.already.iter().chain(&real.times);
            all.any(|lit| meets(firing, lit))
        };
        Compared {
            fired: self.firings.iter().map(was_lit).collect(),
            times: real.times.iter().filter(known).count(),
            before: real.times.iter().filter(|lit| !known(lit)).count(),
            unexplained: real
                .times
                .iter()
                .filter(known)
                .filter(|lit| !self.firings.iter().any(|firing| meets(firing, lit)))
                .copied()
                .collect(),
        }
    }
}

/// What would have fired beside what did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Of each firing, whether the lamp was lit then.
    pub fired: Vec<bool>,
    /// How often the lamp was lit since there is something, and how often before that.
    pub times: usize,
    pub before: usize,
    /// When it was lit, and would not have been.
    pub unexplained: Vec<Lit>,
}

/// Goes through what is kept with a rule.
///
/// # Errors
/// The database.
pub fn run(
    conn: &mut Conn,
    platform: PlatformId,
    rule: &Rule,
    now: DateTime<Utc>,
) -> db::Result<BackTest> {
    let asked = Asked {
        platform,
        from: now - REACH,
        now,
    };
    Ok(match history::read(conn, asked, rule)? {
        Past::NotKept(why) => BackTest::NotKept(why),
        Past::Kept(history) => of(rule, history, asked),
    })
}

fn of(rule: &Rule, history: History, asked: Asked) -> BackTest {
    let Some(since) = history.since().filter(|since| *since <= asked.now) else {
        return BackTest::Empty(history.grain, history.kept);
    };
    let since = since.max(asked.from);
    let ticks = Ticks {
        from: since,
        until: asked.now,
        every: TICK,
    };
    match replay::replay(rule, &history.said, ticks) {
        Ok(replayed) => BackTest::Done(Done {
            firings: replayed.firings,
            known: replayed.known,
            since,
            until: asked.now,
            grain: history.grain,
            slack: history.slack,
            is_cut: history.is_cut,
            caveat: history.caveat,
            unit: history.unit,
        }),
        Err(replay::Misfit) => BackTest::NotKept(format!(
            "The {} does not fit its condition, so the rule could not be evaluated.",
            rule.on
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::kernel::Level;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    fn done(firings: &[(i64, Option<i64>)]) -> Done {
        let firing = |(from, until): &(i64, Option<i64>)| Firing {
            from: at(*from),
            until: until.map(at),
            level: Level::Red,
            peak: None,
        };
        Done {
            firings: firings.iter().map(firing).collect(),
            since: at(0),
            until: at(1_000),
            known: TimeDelta::minutes(1_000),
            grain: String::new(),
            slack: TimeDelta::seconds(10),
            is_cut: false,
            caveat: String::new(),
            unit: String::new(),
        }
    }

    fn lit(from: i64, until: Option<i64>) -> Lit {
        Lit {
            from: at(from),
            until: until.map(at),
        }
    }

    /// It would have fired as soon as there is something, and was lit then: since before.
    #[test]
    fn a_lamp_that_was_lit_before_was_really_lit_and_is_not_counted() {
        let done = done(&[(0, Some(30)), (500, None)]);
        let real = Fired {
            already: Some(lit(0, Some(29))),
            times: vec![lit(700, None)],
        };
        let compared = done.compared(&real);
        assert_eq!(compared.fired, [true, true]);
        assert_eq!((compared.times, compared.before), (1, 0));
        assert_eq!(compared.unexplained, []);
        let never = Fired::default();
        assert_eq!(done.compared(&never).fired, [false, false]);
    }

    #[test]
    fn what_is_not_found_is_said() {
        let real = Fired {
            already: Some(lit(0, Some(5))),
            times: vec![lit(300, Some(310))],
        };
        let compared = done(&[]).compared(&real);
        assert_eq!(compared.unexplained, [lit(300, Some(310))]);
    }
}
