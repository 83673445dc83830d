//! Throttling of sign-in: how often somebody may try, decided without a database.
//!
//! Every try is counted *before* the secret is looked at, so that parallel tries cannot slip by.
//! A right secret takes its own try back. The counters live in PostgreSQL
//! ([`super::attempts`]): replicas agree, and a restart forgives nothing.

use std::net::IpAddr;

use chrono::{DateTime, Duration, DurationRound, Utc};

/// `tries` within `window`, and then nothing for `block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub tries: usize,
    pub window: Duration,
    pub block: Duration,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One address, whatever the account. It stands first: while it is blocked, nothing new is counted for it.
    Address,
    /// One account from one network.
    Pair,
    /// One account from anywhere, for devices that have not signed in to it before.
    Account,
    /// One account from one known device: strangers cannot lock its owner out.
    Device,
    /// Keys of programs, from one address; a key that is known in a network has its own counter there. A secret of 256
    /// bits is not guessed, so the block is short: it bounds the work and the log.
    Key,
    /// Requests that a signed-in person may not make. Nothing is blocked; recording is coalesced.
    Denial,
}

impl Scope {
    #[must_use]
    pub const fn limit(self) -> Limit {
        match self {
            Self::Pair | Self::Device => limit(5, 15),
            Self::Address | Self::Denial => limit(20, 15),
            Self::Account => limit(10, 30),
            Self::Key => limit(20, 1),
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            // Its keys name the secret, so it stands among the addresses.
            Self::Address | Self::Key => "address",
            Self::Account => "account",
            Self::Device => "device",
            Self::Denial => "denial",
        }
    }
}

const fn limit(tries: usize, block_minutes: i64) -> Limit {
    Limit {
        tries,
        window: Duration::minutes(15),
        block: Duration::minutes(block_minutes),
    }
}

/// The tries of one key in one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// When the last tries were let through, oldest first; never more than the limit's number.
    pub recent: Vec<DateTime<Utc>>,
    /// All tries since the counter was last empty, the refused ones too.
    pub tries: i32,
    /// Those of them that the present block has turned away.
    pub refused: i32,
    pub blocked_until: Option<DateTime<Utc>>,
    /// The minute whose refusals have been recorded already.
    pub noted_minute: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Refused { until: DateTime<Utc> },
}

impl Counter {
    /// Counts one try at `now`. The try that reaches the limit is still let through, and the block
    /// begins with it.
    pub fn count(&mut self, limit: Limit, now: DateTime<Utc>) -> Verdict {
        if let Some(until) = self.blocked_until {
            if now < until {
                self.tries = self.tries.saturating_add(1);
                self.refused = self.refused.saturating_add(1);
                return Verdict::Refused { until };
            }
            *self = Self::default();
        }
        self.recent.retain(|at| now - *at < limit.window);
        if self.recent.is_empty() {
            self.tries = 0;
        }
        self.recent.push(now);
        self.tries = self.tries.saturating_add(1);
        if self.recent.len() >= limit.tries {
            self.blocked_until = Some(now + limit.block);
            self.refused = 0;
        }
        Verdict::Allowed
    }

    /// Takes back the try that was counted at `at`, because its secret was right. The block that began with it goes
    /// too, unless others have run into it since.
    pub fn take_back(&mut self, limit: Limit, at: DateTime<Utc>) {
        if let Some(position) = self.recent.iter().position(|try_at| *try_at == at) {
            self.recent.remove(position);
            self.tries = self.tries.saturating_sub(1);
        }
        if self.recent.len() < limit.tries && self.refused == 0 {
            self.blocked_until = None;
        }
    }

    /// True once a minute: that refusal is written to the audit log, the others are only counted.
    pub fn first_in_minute(&mut self, now: DateTime<Utc>) -> bool {
        let minute = now.duration_trunc(Duration::minutes(1)).unwrap_or(now);
        let first = self.noted_minute != Some(minute);
        self.noted_minute = Some(minute);
        first
    }
}

/// The network that an address stands for: a household or office, which is what an attacker has
/// one of. IPv4 /24, IPv6 /64.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The address as it is counted: an IPv6 customer holds a whole /64.
#[must_use]
pub fn counted_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        v6 @ IpAddr::V6(_) => network(v6),
    }
}

/// One spelling for each account, so that letter case does not buy more tries. PostgreSQL knows no
/// text with NUL, so no account has one.
#[must_use]
pub fn canonical_account(email: &str) -> String {
    email.replace('\0', "").trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Limit = Scope::Pair.limit();

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
    }

    fn after(times: &[i64]) -> Counter {
        let mut counter = Counter::default();
        for secs in times {
            counter.count(PAIR, at(*secs));
        }
        counter
    }

    #[test]
    fn the_sixth_try_in_fifteen_minutes_waits_fifteen_more() {
        let mut counter = after(&[0, 1, 2, 3]);
        assert_eq!(counter.count(PAIR, at(4)), Verdict::Allowed);
        let until = at(4 + 900);
        for secs in [5, 6, 66, 903] {
            assert_eq!(counter.count(PAIR, at(secs)), Verdict::Refused { until });
        }
        assert_eq!(counter.count(PAIR, at(904)), Verdict::Allowed);
        assert_eq!(counter.tries, 1);
    }

    #[test]
    fn one_refusal_a_minute_is_noted() {
        let mut counter = Counter::default();
        let noted = [0, 1, 59, 60, 119, 120].map(|secs| counter.first_in_minute(at(secs)));
        assert_eq!(noted, [true, false, false, true, false, true]);
    }

    #[test]
    fn refused_tries_do_not_lengthen_the_block() {
        let mut counter = after(&[0, 1, 2, 3, 4, 100, 200, 899]);
        assert_eq!(counter.tries, 8);
        assert_eq!(counter.count(PAIR, at(904)), Verdict::Allowed);
    }

    #[test]
    fn the_window_slides() {
        let mut counter = after(&[0, 600, 601, 602]);
        assert_eq!(
            counter.count(PAIR, at(900)),
            Verdict::Allowed,
            "the first is forgotten"
        );
        assert_eq!(counter.blocked_until, None);
        counter.count(PAIR, at(901));
        assert!(counter.blocked_until.is_some());
    }

    #[test]
    fn a_right_secret_takes_its_try_back() {
        let mut counter = after(&[0, 1, 2, 3, 4]);
        assert!(counter.blocked_until.is_some());
        counter.take_back(PAIR, at(4));
        assert_eq!(counter.blocked_until, None);
        assert_eq!(counter.tries, 4);
    }

    #[test]
    fn a_right_secret_does_not_lift_a_block_that_others_ran_into() {
        let mut counter = after(&[0, 1, 2, 3, 4, 5, 6]);
        counter.take_back(PAIR, at(4));
        assert!(counter.blocked_until.is_some());
    }

    #[test]
    fn tries_that_left_the_window_do_not_keep_a_block() {
        let mut counter = after(&[0, 300, 600, 840, 960, 1_080]);
        assert!(counter.blocked_until.is_some());
        counter.take_back(PAIR, at(1_080));
        assert_eq!(counter.blocked_until, None);
    }

    #[test]
    fn networks() {
        for (address, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected);
        }
        assert_eq!(counted_address("192.0.2.77".parse().unwrap()), "192.0.2.77");
        assert_eq!(canonical_account("  Ada@Example.ORG "), "ada@example.org");
    }

    #[test]
    fn figures() {
        let figures = |scope: Scope| {
            let limit = scope.limit();
            (
                limit.tries,
                limit.window.num_minutes(),
                limit.block.num_minutes(),
            )
        };
        assert_eq!(figures(Scope::Pair), (5, 15, 15));
        assert_eq!(figures(Scope::Address), (20, 15, 15));
        assert_eq!(figures(Scope::Account), (10, 15, 30));
        assert_eq!(figures(Scope::Device), (5, 15, 15));
        assert_eq!(figures(Scope::Key), (20, 15, 1));
    }
}
