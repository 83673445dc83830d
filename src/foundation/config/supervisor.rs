//! What the supervisor that started us asks to be told: systemd's `Type=notify` and `WatchdogSec=`.

use std::time::Duration;

use super::read::Reader;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SupervisorConfig {
    /// The socket that it listens on: a path, or `@` and an abstract name.
    pub socket: Option<String>,
    /// It takes us for dead after so long without a sign.
    pub watchdog: Option<Duration>,
}

/// `own_pid`: the watchdog may be meant for another process, which handed its environment on.
pub(super) fn read(reader: &mut Reader<'_>, own_pid: u32) -> SupervisorConfig {
    let micros: Option<u64> = reader.parsed_optional(
        "WATCHDOG_USEC",
        "a number of microseconds, as systemd sets it",
    );
    let pid: Option<u32> = reader.parsed_optional(
        "WATCHDOG_PID",
        "the number of a process, as systemd sets it",
    );
    let watchdog = micros.filter(|micros| *micros > 0 && pid.is_none_or(|pid| pid == own_pid));
    SupervisorConfig {
        socket: reader.optional("NOTIFY_SOCKET"),
        watchdog: watchdog.map(Duration::from_micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog(vars: &[(&str, &str)]) -> Option<Duration> {
        let lookup = |wanted: &str| {
            let mut given = vars.iter();
            given
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| (*value).to_owned())
        };
        read(&mut Reader::new(&lookup), 7).watchdog
    }

    #[test]
    fn a_watchdog_is_for_the_process_that_it_names() {
        let minute = Some(Duration::from_mins(1));
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "60000000")]), minute);
        let ours = [("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "7")];
        assert_eq!(watchdog(&ours), minute);
        let anothers = [("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "8")];
        assert_eq!(watchdog(&anothers), None);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(watchdog(&[]), None);
    }
}
