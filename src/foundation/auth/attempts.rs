//! The throttle's counters in PostgreSQL.

use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};

use super::throttle::{self, Counter, Scope, Verdict};
use super::token::TokenHash;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::schema::sign_in_throttle as counters;
use crate::foundation::db::{self, Conn};

/// How long a counter that nobody touches is kept: longer than any block.
const KEPT: Duration = Duration::days(1);

pub type Key = (Scope, [u8; 32]);

/// A try that was counted, to be taken back when its secret turns out right.
#[derive(Clone, Debug)]
pub struct Counted {
    keys: Vec<Key>,
    at: DateTime<Utc>,
}

/// What a try at a secret is counted under. `secret` names the kind of secret, so that wrong codes
/// do not use up tries at the password. A known device has counters of its own.
#[must_use]
pub fn keys(
    keyring: &Keyring,
    secret: &str,
    account: &str,
    from: IpAddr,
    known_device: Option<&TokenHash>,
) -> Vec<Key> {
    let token = |value: &str| keyring.token("sign_in_throttle", &format!("{secret} {value}"));
    if let Some(device) = known_device {
        let device = hex::encode(device);
        return vec![(Scope::Device, token(&format!("{account} {device}")))];
    }
    let network = throttle::network(from);
    vec![
        (Scope::Pair, token(&format!("{account} {network}"))),
        (Scope::Address, token(&throttle::counted_address(from))),
        (Scope::Account, token(account)),
    ]
}

/// What a try is counted under that names no account: the address alone.
#[must_use]
pub fn address_key(keyring: &Keyring, secret: &str, from: IpAddr) -> Vec<Key> {
    let address = throttle::counted_address(from);
    let token = keyring.token("sign_in_throttle", &format!("{secret} {address}"));
    vec![(Scope::Address, token)]
}

/// What became of a try.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It may go on to the secret.
    Counted(Counted),
    /// Refused. `note` is true for the first of a minute by its narrowest key, which for sign-in is
    /// account and network: that one is written to the audit log.
    Refused { until: DateTime<Utc>, note: bool },
}

/// Counts one try under every key, and says whether it may go on to the secret.
///
/// Rows are locked one by one in the order of their keys, so that parallel tries wait for each
/// other and never deadlock. Old counters, which are others', are swept away after that: who holds them waits for
/// nobody any more. An address that is blocked makes no new rows, whatever names it thinks of.
pub fn count(conn: &mut Conn, mut keys: Vec<Key>, now: DateTime<Utc>) -> db::Result<Outcome> {
    keys.sort_unstable();
    let mut tallies = Vec::with_capacity(keys.len());
    let mut blocked_until = None;
    let mut address_is_blocked = false;
    for key in &keys {
        if !address_is_blocked {
            make(conn, key, now)?;
        }
        let Some(mut tally) = lock(conn, key)? else {
            continue;
        };
        if let Verdict::Refused { until } = tally.count(key.0.limit(), now) {
            blocked_until = blocked_until.max(Some(until));
            address_is_blocked |= key.0 == Scope::Address;
        }
        tallies.push((key, tally));
    }
    let note = blocked_until.is_some()
        && narrowest(&mut tallies).is_some_and(|narrowest| narrowest.first_in_minute(now));
    for (key, tally) in &tallies {
        save(conn, key, tally, now)?;
    }
    forget_old(conn, now)?;
    Ok(match blocked_until {
        Some(until) => Outcome::Refused { until, note },
        None => Outcome::Counted(Counted { keys, at: now }),
    })
}

/// The counter that says most of who tries: account and network where they have one, else the address.
fn narrowest<'a>(tallies: &'a mut [(&Key, Counter)]) -> Option<&'a mut Counter> {
    let at = tallies
        .iter()
        .position(|(key, _)| key.0 == Scope::Pair)
        .unwrap_or_default();
    tallies.get_mut(at).map(|(_, counter)| counter)
}

/// The secret was right: the try is no failure.
pub fn take_back(conn: &mut Conn, counted: &Counted, now: DateTime<Utc>) -> db::Result<()> {
    for key in &counted.keys {
        if let Some(mut tally) = lock(conn, key)? {
            tally.take_back(key.0.limit(), counted.at);
            save(conn, key, &tally, now)?;
        }
    }
    Ok(())
}

type Row = (
    Vec<Option<DateTime<Utc>>>,
    i32,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    i32,
);

fn make(conn: &mut Conn, (scope, key): &Key, now: DateTime<Utc>) -> db::Result<()> {
    diesel::insert_into(counters::table)
        .values((
            counters::scope.eq(scope.name()),
            counters::key.eq(key.as_slice()),
            counters::touched_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

fn lock(conn: &mut Conn, (scope, key): &Key) -> db::Result<Option<Counter>> {
    let row: Option<Row> = counters::table
        .find((scope.name(), key.as_slice()))
        .select((
            counters::recent,
            counters::tries,
            counters::blocked_until,
            counters::noted_minute,
            counters::refused,
        ))
        .for_update()
        .first(conn)
        .optional()?;
    Ok(row.map(
        |(recent, tries, blocked_until, noted_minute, refused)| Counter {
            recent: recent.into_iter().flatten().collect(),
            tries,
            refused,
            blocked_until,
            noted_minute,
        },
    ))
}

fn save(
    conn: &mut Conn,
    (scope, key): &Key,
    counter: &Counter,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::update(counters::table.find((scope.name(), key.as_slice())))
        .set((
            counters::recent.eq(&counter.recent),
            counters::tries.eq(counter.tries),
            counters::refused.eq(counter.refused),
            counters::blocked_until.eq(counter.blocked_until),
            counters::noted_minute.eq(counter.noted_minute),
            counters::touched_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Failed tries of everybody together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    pub tries: i64,
    /// From how many addresses, or known devices, they came.
    pub sources: i64,
}

/// What has failed since then: tries that were let through and whose secret was wrong, and those that a block has turned
/// away. A right secret has taken its try back.
pub fn failed_since(conn: &mut Conn, since: DateTime<Utc>) -> db::Result<Failed> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        tries: i64,
        #[diesel(sql_type = BigInt)]
        sources: i64,
    }
    // Each try has one counter of these two scopes.
    let row: Row = diesel::sql_query(
        "SELECT coalesce(sum(tries), 0)::bigint AS tries, count(*) FILTER (WHERE tries > 0) AS sources FROM ( \
         SELECT (SELECT count(*) FROM unnest(recent) AS at WHERE at > $1) \
         + CASE WHEN blocked_until > $1 THEN refused ELSE 0 END AS tries \
         FROM sign_in_throttle WHERE scope IN ('address', 'device') AND touched_at > $1) AS counted",
    )
    .bind::<Timestamptz, _>(since)
    .get_result(conn)?;
    Ok(Failed {
        tries: row.tries,
        sources: row.sources,
    })
}

/// Each try sweeps away a few counters of the day before, so the table stays as large as a day's
/// visitors and needs no job. It passes over those that somebody holds. Those that it takes are held until the
/// transaction ends, so it comes when that has no other row to wait for.
fn forget_old(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<()> {
    diesel::sql_query(
        "DELETE FROM sign_in_throttle WHERE ctid = ANY (ARRAY( \
         SELECT ctid FROM sign_in_throttle WHERE touched_at < $1 \
         ORDER BY touched_at LIMIT 20 FOR UPDATE SKIP LOCKED))",
    )
    .bind::<Timestamptz, _>(now - KEPT)
    .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_device_is_counted_by_itself() {
        let keyring = Keyring::parse("q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=").unwrap();
        let from = "192.0.2.7".parse().unwrap();
        let scopes = |device: Option<&TokenHash>| -> Vec<Scope> {
            keys(&keyring, "password", "a@b.c", from, device)
                .into_iter()
                .map(|(scope, _)| scope)
                .collect()
        };
        let mut stranger = scopes(None);
        stranger.sort_unstable();
        assert_eq!(stranger, [Scope::Address, Scope::Pair, Scope::Account]);
        assert_eq!(scopes(Some(&[7; 32])), [Scope::Device]);
        assert_ne!(
            keys(&keyring, "password", "a@b.c", from, None),
            keys(&keyring, "code", "a@b.c", from, None)
        );
    }
}
