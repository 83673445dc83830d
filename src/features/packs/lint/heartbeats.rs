//! Jobs whose silence is noticed: when they are due, and how long they are waited for.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Linter, Subject};
use crate::features::packs::pack::{Heartbeat, Source};
use crate::features::packs::quantity::Lasting;
use crate::foundation::kernel::{Timetable, TimetableError, is_about_sar};

const PERIOD_MIN: Lasting = Lasting::from_secs(5);
const PERIOD_MAX: Lasting = Lasting::from_secs(366 * 86_400);
const GRACE_MIN: Lasting = Lasting::from_secs(1);
const GRACE_MAX: Lasting = Lasting::from_secs(31 * 86_400);

impl Linter<'_> {
    pub(super) fn heartbeats(&mut self) {
        let pack = self.pack;
        for (index, heartbeat) in pack.heartbeats.iter().enumerate() {
            let about = ("heartbeat", index, heartbeat.id.as_str());
            self.schedule(about, heartbeat);
            self.references(about, heartbeat);
            self.obligation(about, heartbeat);
            if heartbeat.keep_output && is_about_sar(&heartbeat.id) {
                let message = "what a job about suspicious-activity reports says is not kept: keep_output = false";
                self.error("sar-output", about, message);
            }
            let reads =
                |on: &Source| matches!(on, Source::Heartbeat(slug) if *slug == heartbeat.id);
            if !pack.rules.iter().any(|rule| reads(&rule.on)) {
                let message = "no rule reads it, so nobody is told when it falls silent";
                self.warn("unread-heartbeat", about, message);
            }
        }
    }

    fn schedule(&mut self, about: Subject<'_>, heartbeat: &Heartbeat) {
        let grace = heartbeat.grace;
        if !(GRACE_MIN..=GRACE_MAX).contains(&grace) {
            let message = format!("a grace is between {GRACE_MIN} and {GRACE_MAX}");
            self.error("bad-timing", about, message);
        }
        let period = match (heartbeat.every, &heartbeat.cron) {
            (Some(every), None) => self.period(about, heartbeat, every),
            (None, Some(pattern)) => self.pattern(about, heartbeat, pattern),
            _ => {
                let message =
                    "say when it is due, in one way: every = \"5m\" or cron = \"0 2 * * *\"";
                self.error("bad-schedule", about, message);
                None
            }
        };
        if let Some(period) = period.filter(|period| grace.delta() > *period) {
            let period = Lasting::from_millis(period.num_milliseconds());
            let message = format!(
                "the grace of {grace} is longer than the {period} between two runs, so a run that is missed is \
                 noticed after the next one"
            );
            self.warn("grace-over-period", about, message);
        }
    }

    fn period(
        &mut self,
        about: Subject<'_>,
        heartbeat: &Heartbeat,
        every: Lasting,
    ) -> Option<TimeDelta> {
        if heartbeat.zone.is_some() {
            let message = "a zone goes with cron: a length of time is the same everywhere";
            self.error("bad-schedule", about, message);
        }
        if !(PERIOD_MIN..=PERIOD_MAX).contains(&every) {
            let message = format!("every is between {PERIOD_MIN} and {PERIOD_MAX}");
            self.error("bad-timing", about, message);
            return None;
        }
        Some(every.delta())
    }

    /// The shortest time between two of its runs, where the pattern can be read.
    fn pattern(
        &mut self,
        about: Subject<'_>,
        heartbeat: &Heartbeat,
        pattern: &str,
    ) -> Option<TimeDelta> {
        let zone = heartbeat.zone(&self.pack.platform.zone);
        let period = Timetable::in_zone(pattern, zone).and_then(|timetable| {
            shortest(&timetable).ok_or_else(|| TimetableError::Never(pattern.to_owned()))
        });
        match period {
            Ok(period) => Some(period),
            // The platform's own zone is spoken of where it stands.
            Err(TimetableError::Zone(_)) if heartbeat.zone.is_none() => None,
            Err(error @ TimetableError::Zone(_)) => {
                self.error("bad-zone", about, error.to_string());
                None
            }
            Err(error) => {
                self.error("bad-schedule", about, error.to_string());
                None
            }
        }
    }

    /// What happens just after a run waits for the next one, and for as long as that may be late.
    fn obligation(&mut self, about: Subject<'_>, heartbeat: &Heartbeat) {
        let Some(within) = heartbeat.within else {
            return;
        };
        let zone = heartbeat.zone(&self.pack.platform.zone);
        let cron = heartbeat.cron.as_deref();
        let longest = match (heartbeat.every, cron) {
            (Some(every), _) => Some(every),
            (None, Some(pattern)) => Timetable::in_zone(pattern, zone)
                .ok()
                .and_then(|it| longest(&it)),
            (None, None) => None,
        };
        if let Some(longest) =
            longest.filter(|it| it.delta() + heartbeat.grace.delta() > within.delta())
        {
            let message = format!(
                "its obligation is {within}, and its runs are up to {longest} apart, with {} of grace",
                heartbeat.grace
            );
            self.warn("obligation-not-met", about, message);
        }
    }

    fn references(&mut self, about: Subject<'_>, heartbeat: &Heartbeat) {
        let unknown = |kind: &str, id: &str| format!("there is no {kind} \"{id}\"");
        let pack = self.pack;
        if let Some(service) = &heartbeat.service
            && !pack.services.iter().any(|known| known.id == *service)
        {
            self.error("unknown-reference", about, unknown("service", service));
        }
        if let Some(runbook) = &heartbeat.runbook
            && !pack.runbooks.iter().any(|known| known.id == *runbook)
        {
            self.error("unknown-reference", about, unknown("runbook", runbook));
        }
    }
}

/// Between any two of the next runs. A pattern says the same whenever it is read, so any day will do.
pub(super) fn shortest(timetable: &Timetable) -> Option<TimeDelta> {
    apart(timetable).into_iter().min()
}

/// The longest time between two of the next runs.
pub(super) fn longest(timetable: &Timetable) -> Option<Lasting> {
    let longest = apart(timetable).into_iter().max()?;
    Some(Lasting::from_millis(longest.num_milliseconds()))
}

fn apart(timetable: &Timetable) -> Vec<TimeDelta> {
    const LOOKED_AT: usize = 64;
    let runs: Vec<DateTime<Utc>> = timetable
        .after(DateTime::UNIX_EPOCH + TimeDelta::days(20_000))
        .take(LOOKED_AT)
        .collect();
    runs.windows(2).map(|pair| pair[1] - pair[0]).collect()
}
