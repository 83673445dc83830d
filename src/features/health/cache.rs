//! What a Redis server says of itself (`INFO`), as figures.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::features::packs::pack::Measure;

/// A share of fewer lookups than this says nothing; they are kept and counted with those that follow.
const LOOKUPS_AT_LEAST: u64 = 20;

/// What a run leaves for the next one to count from. Servers count from their start, and nobody wants to know how
/// good a cache was last month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Of this life of the server: a restart gives it another.
    run_id: String,
    hits: u64,
    misses: u64,
}

/// `INFO`, line by line.
pub struct Info<'t>(HashMap<&'t str, &'t str>);

impl<'t> Info<'t> {
    #[must_use]
    pub fn read(text: &'t str) -> Self {
        let fields = text.lines().filter(|line| !line.starts_with('#'));
        Self(fields.filter_map(|line| line.split_once(':')).collect())
    }

    fn number(&self, name: &str) -> Option<f64> {
        let number: f64 = self.0.get(name)?.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.trim().parse().ok()
    }

    /// The share of one field in another; none where there is no limit.
    fn share(&self, part: &str, whole: &str) -> Option<f64> {
        let whole = self.number(whole).filter(|whole| *whole > 0.0)?;
        Some(self.number(part)? / whole)
    }

    /// Seconds since the last save, by the server's own clock where it tells it.
    #[allow(
        clippy::cast_precision_loss,
        reason = "seconds since 1970 are far below 2^53"
    )]
    fn saved(&self, at: DateTime<Utc>) -> Option<f64> {
        let clock = self.number("server_time_usec");
        let now = clock.map_or(at.timestamp() as f64, |usec| usec / 1e6);
        let saved = self.number("rdb_last_save_time")?;
        Some((now - saved).max(0.0).floor())
    }

    /// Seconds since a replica last heard from its master, which may be since it started. A master is behind
    /// nobody.
    fn lag(&self) -> Option<f64> {
        if self.0.get("role").copied() != Some("slave") {
            return None;
        }
        match self.0.get("master_link_status").copied() {
            Some("up") => self.number("master_last_io_seconds_ago"),
            _ => self
                .number("master_link_down_since_seconds")
                .or_else(|| self.number("uptime_in_seconds")),
        }
    }

    fn tally(&self) -> Option<Tally> {
        Some(Tally {
            run_id: (*self.0.get("run_id")?).to_owned(),
            hits: self.count("keyspace_hits")?,
            misses: self.count("keyspace_misses")?,
        })
    }

    /// What it shows now. The tally is that of the last run, and becomes that of the next.
    #[must_use]
    pub fn measures(&self, at: DateTime<Utc>, tally: &mut Option<Tally>) -> Vec<(Measure, f64)> {
        let figures = [
            (Measure::Hits, self.hits(tally)),
            (Measure::Memory, self.share("used_memory", "maxmemory")),
            (
                Measure::Clients,
                self.share("connected_clients", "maxclients"),
            ),
            (Measure::Saved, self.saved(at)),
            (Measure::Lag, self.lag()),
        ];
        let told = figures.into_iter();
        told.filter_map(|(measure, figure)| Some((measure, figure?)))
            .collect()
    }

    #[allow(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    fn hits(&self, tally: &mut Option<Tally>) -> Option<f64> {
        let now = self.tally()?;
        let Some(before) = tally.as_mut().filter(|tally| tally.run_id == now.run_id) else {
            *tally = Some(now);
            return None;
        };
        if now.hits < before.hits || now.misses < before.misses {
            // Somebody has set its counters back, and since then it has counted from nothing.
            (before.hits, before.misses) = (0, 0);
        }
        let hits = now.hits - before.hits;
        let lookups = hits.saturating_add(now.misses - before.misses);
        if lookups < LOOKUPS_AT_LEAST {
            return None;
        }
        *before = now;
        Some(hits as f64 / lookups as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHOWN: &str = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n\
        server_time_usec:1764160100500000\r\n\r\n# Clients\r\nconnected_clients:3\r\n\
        maxclients:10000\r\n# Memory\r\nused_memory:256000000\r\nmaxmemory:512000000\r\n\
        # Persistence\r\nrdb_last_save_time:1764160000\r\n# Stats\r\nkeyspace_hits:900\r\n\
        keyspace_misses:100\r\n# Replication\r\nrole:master\r\n";

    fn figures(text: &str) -> HashMap<Measure, f64> {
        let measures = Info::read(text).measures(DateTime::UNIX_EPOCH, &mut None);
        measures.into_iter().collect()
    }

    #[test]
    fn a_server_that_says_all_is_read() {
        let shown = figures(SHOWN);
        assert_eq!(shown.len(), 3, "{shown:?}");
        for (measure, figure) in [
            (Measure::Memory, 0.5),
            (Measure::Clients, 0.0003),
            (Measure::Saved, 100.0),
        ] {
            assert!((shown[&measure] - figure).abs() < 1e-9, "{measure:?}");
        }
    }

    #[test]
    fn what_has_no_limit_has_no_share_and_who_is_no_replica_no_lag() {
        let unlimited = figures(&SHOWN.replace("maxmemory:512000000", "maxmemory:0"));
        assert!(!unlimited.contains_key(&Measure::Memory));
        assert!(figures("nonsense\r\nused_memory:x\r\nmaxmemory:-1").is_empty());
        let replica =
            |link: &str| figures(&SHOWN.replace("role:master", &format!("role:slave\r\n{link}")));
        let up = replica("master_link_status:up\r\nmaster_last_io_seconds_ago:4");
        assert!((up[&Measure::Lag] - 4.0).abs() < 1e-9);
        let down = replica(
            "master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_link_down_since_seconds:90",
        );
        assert!((down[&Measure::Lag] - 90.0).abs() < 1e-9);
        let never = replica(
            "master_link_status:down\r\nmaster_link_down_since_seconds:-1\r\nuptime_in_seconds:7",
        );
        assert!((never[&Measure::Lag] - 7.0).abs() < 1e-9);
    }

    /// The share after each of these counts, for one life of a server or several.
    fn shares(counts: &[(&str, u64, u64)]) -> Vec<Option<f64>> {
        let mut tally = None;
        let each = counts.iter().map(|(run_id, hits, misses)| {
            let text =
                format!("run_id:{run_id}\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\n");
            Info::read(&text).hits(&mut tally)
        });
        each.collect()
    }

    #[test]
    fn hits_are_those_since_the_last_count() {
        let warm = [
            ("a", 9_000, 1_000),
            ("a", 9_010, 1_030),
            ("a", 9_110, 1_030),
        ];
        assert_eq!(shares(&warm), [None, Some(0.25), Some(1.0)]);
    }

    #[test]
    fn few_lookups_are_counted_with_those_that_follow() {
        let slow = [
            ("a", 0, 0),
            ("a", 9, 0),
            ("a", 9, 10),
            ("a", 10, 10),
            ("a", 10, 11),
        ];
        assert_eq!(shares(&slow), [None, None, None, Some(0.5), None]);
    }

    #[test]
    fn counters_that_went_back_are_counted_from_nothing() {
        let reset = [("a", 900, 100), ("a", 30, 10), ("a", 3, 2), ("a", 43, 2)];
        assert_eq!(shares(&reset), [None, Some(0.75), None, Some(43.0 / 45.0)]);
    }

    /// Of another life it is not known how much of it lies since the last look.
    #[test]
    fn after_a_restart_counting_begins_anew() {
        let restarted = [("a", 900, 100), ("b", 990, 100), ("b", 1_000, 130)];
        assert_eq!(shares(&restarted), [None, None, Some(0.25)]);
    }

    proptest! {
        #[test]
        fn a_share_is_one(counts in prop::collection::vec((0_u64..1 << 60, any::<u64>()), 1..6)) {
            let counts: Vec<_> = counts.iter().map(|(hits, misses)| ("a", *hits, *misses)).collect();
            for share in shares(&counts).into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
    }
}
