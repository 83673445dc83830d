//! What the simulated platforms serve at `/metrics`: counters that move with each time they are read, so that they move
//! under any clock.

use std::fmt::Write as _;

use super::Mode;

/// Bounds of the histograms in seconds; a last bucket takes everything above.
const BOUNDS: [&str; 8] = ["0.05", "0.1", "0.5", "1", "2", "5", "10", "+Inf"];

/// Requests between two readings, and one in how many of them fails: when it errs, and when all is well.
const REQUESTS: u64 = 240;
const FAILS_ERRING: u64 = 8;
const FAILS_WELL: u64 = 600;

/// What a platform calls its metrics.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    pub requests: &'static str,
    pub duration: &'static str,
    /// A figure that goes up when it lags, with what it is when all is well and when it lags.
    pub waiting: Option<(&'static str, u64, u64)>,
    /// What else it counts.
    pub also: Option<&'static str>,
    /// How it can be made to count what the platform's rules are about.
    pub told: &'static [Mode],
}

/// What a platform has counted since it started.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    readings: u64,
    answered: u64,
    failed: u64,
    buckets: [u64; BOUNDS.len()],
}

impl Traffic {
    /// Some more traffic, and the page that tells of all of it.
    pub fn page(&mut self, named: Named, mode: Mode) -> String {
        self.readings += 1;
        let one_in = if mode == Mode::Erring {
            FAILS_ERRING
        } else {
            FAILS_WELL
        };
        let failed =
            (self.readings * REQUESTS) / one_in - ((self.readings - 1) * REQUESTS) / one_in;
        self.failed += failed;
        self.answered += REQUESTS - failed;
        self.observe(mode);
        self.text(named, mode)
    }

    /// Most answers take a twentieth of a second; of a platform that lags, most take between two and five.
    fn observe(&mut self, mode: Mode) {
        let falls: [u64; BOUNDS.len()] = if mode == Mode::Lagging {
            [10, 20, 30, 20, 20, 120, 18, 2]
        } else {
            [150, 60, 20, 6, 3, 1, 0, 0]
        };
        let mut below = 0;
        for (bucket, falls) in self.buckets.iter_mut().zip(falls) {
            below += falls;
            *bucket += below;
        }
    }

    fn text(&self, named: Named, mode: Mode) -> String {
        let mut page = String::new();
        let Named {
            requests, duration, ..
        } = named;
        let _ = writeln!(page, "# HELP {requests} Answered requests.");
        let _ = writeln!(page, "# TYPE {requests} counter");
        let _ = writeln!(page, "{requests}{{status=\"200\"}} {}", self.answered);
        let _ = writeln!(page, "{requests}{{status=\"503\"}} {}", self.failed);
        let _ = writeln!(page, "# TYPE {duration} histogram");
        for (le, count) in BOUNDS.iter().zip(self.buckets) {
            let _ = writeln!(page, "{duration}_bucket{{le=\"{le}\"}} {count}");
        }
        let count = self.readings * REQUESTS;
        let _ = writeln!(page, "{duration}_sum {}", count / 20);
        let _ = writeln!(page, "{duration}_count {count}");
        if let Some(also) = named.also {
            let _ = writeln!(page, "# TYPE {also} counter\n{also} {}", self.readings * 3);
        }
        // One that has gone silent serves everything but this.
        if let Some((waiting, well, lagging)) = named.waiting
            && mode != Mode::Silent
        {
            let now = if mode == Mode::Lagging { lagging } else { well };
            let _ = writeln!(
                page,
                "# TYPE {waiting} gauge\n{waiting} {}",
                now + self.readings % 5
            );
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: Named = Named {
        requests: "r_total",
        duration: "d_seconds",
        waiting: Some(("w", 7, 160)),
        also: None,
        told: &[],
    };

    #[test]
    fn counters_move_and_say_how_it_is() {
        let mut traffic = Traffic::default();
        for _ in 0..10 {
            traffic.page(NAMED, Mode::Well);
        }
        assert_eq!(traffic.failed, 4, "well under one in a hundred");
        for _ in 0..10 {
            traffic.page(NAMED, Mode::Erring);
        }
        assert_eq!(traffic.failed, 4 + 300);
        assert_eq!(traffic.answered + traffic.failed, 20 * REQUESTS);
        let page = traffic.page(NAMED, Mode::Lagging);
        assert!(
            page.contains("\nw 161\n")
                && page.contains(&format!("le=\"+Inf\"}} {}\n", 21 * REQUESTS))
        );
        assert!(!traffic.page(NAMED, Mode::Silent).contains("\nw "));
    }
}
