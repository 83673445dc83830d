use std::time::Duration;

/// Wait before the second attempt; it doubles with each one.
const FIRST_SECS: u64 = 5;
const LONGEST_SECS: u64 = 3_600;

/// How long to wait after the `attempt`th one failed. `jitter` in 0..1 spreads jobs that failed
/// together, so that they do not come back together: the wait is between half and all of it.
pub fn wait_after(attempt: i16, jitter: f64) -> Duration {
    let doublings = u32::try_from(attempt.max(1) - 1).unwrap_or(0).min(20);
    let longest = FIRST_SECS.saturating_mul(1 << doublings).min(LONGEST_SECS);
    Duration::from_secs(longest).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let longest = |attempt| wait_after(attempt, 1.0).as_secs();
        assert_eq!(
            [1, 2, 3, 4, 10, 11, 99].map(longest),
            [5, 10, 20, 40, 2_560, 3_600, 3_600]
        );
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        assert_eq!(wait_after(1, 0.0), Duration::from_millis(2_500));
        assert_eq!(wait_after(-3, 7.0), Duration::from_secs(5));
    }
}
