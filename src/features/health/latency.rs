//! Latency histograms: fixed buckets that add up, so that an hour is the sum of its minutes.

/// Upper bounds in microseconds; a last bucket takes everything above.
pub const BOUNDS_US: [i64; 15] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
];

/// How many buckets there are, the last one included.
pub const BUCKETS: usize = BOUNDS_US.len() + 1;

/// The bucket that a latency falls into; a bound belongs to the bucket that it closes.
#[must_use]
pub fn bucket(latency_us: i64) -> usize {
    BOUNDS_US.partition_point(|bound| *bound < latency_us)
}

/// Counts per bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram([i64; BUCKETS]);

impl Histogram {
    /// From what the database keeps; missing buckets are empty.
    #[must_use]
    pub fn from_counts(counts: &[i64]) -> Self {
        let mut histogram = Self::default();
        for (kept, count) in histogram.0.iter_mut().zip(counts) {
            *kept = *count;
        }
        histogram
    }

    #[must_use]
    pub const fn counts(&self) -> &[i64; BUCKETS] {
        &self.0
    }

    pub fn record(&mut self, latency_us: i64) {
        self.0[bucket(latency_us)] += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.iter().sum()
    }

    /// The latency in microseconds that `share` of all stay under, read off within its bucket as if
    /// spread evenly there. Above the last bound nothing is known but the bound.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "counts and bounds are far below 2^53"
    )]
    pub fn quantile_us(&self, share: f64) -> Option<i64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        for (index, count) in self.0.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= rank {
                let Some(upper) = BOUNDS_US.get(index) else {
                    break;
                };
                let lower = index.checked_sub(1).map_or(0, |before| BOUNDS_US[before]);
                let within = ((rank - below) / count).clamp(0.0, 1.0);
                return Some(lower + ((upper - lower) as f64 * within) as i64);
            }
            below += count;
        }
        BOUNDS_US.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(latencies: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        for latency in latencies {
            histogram.record(*latency);
        }
        histogram
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_that_it_closes() {
        assert_eq!((bucket(0), bucket(5_000), bucket(5_001)), (0, 0, 1));
        assert_eq!(bucket(i64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_read_off_within_the_bucket() {
        assert_eq!(of(&[]).quantile_us(0.95), None);
        assert_eq!(of(&[7_000; 100]).quantile_us(0.5), Some(7_500));
        assert_eq!(
            of(&[i64::MAX]).quantile_us(0.5),
            Some(120_000_000),
            "no more is known"
        );
    }

    proptest! {
        #[test]
        fn sums_of_parts_are_the_whole(a in prop::collection::vec(0_i64..200_000_000, 0..50),
                                       b in prop::collection::vec(0_i64..200_000_000, 0..50)) {
            let mut sum = of(&a);
            sum.add(&of(&b));
            prop_assert_eq!(sum, of(&[a, b].concat()));
        }

        #[test]
        fn a_quantile_lies_in_the_bucket_of_the_true_one(
            mut all in prop::collection::vec(0_i64..100_000_000, 1..80)
        ) {
            let read = of(&all).quantile_us(1.0).unwrap();
            all.sort_unstable();
            prop_assert_eq!(bucket(read), bucket(*all.last().unwrap()));
        }
    }
}
