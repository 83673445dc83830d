//! What is kept of the results of a target: by the minute for two days, or as finely as it is scraped or reported.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::scraped::SUMMED_LATE;
use super::{Asked, History, Past, STEPS};
use crate::features::alerts::burn;
use crate::features::alerts::burning::Targets;
use crate::features::health::slice::{Planned, Slice};
use crate::features::health::store::past;
use crate::features::health::store::samples::Span;
use crate::features::health::store::slices::{self, Read, STEP};
use crate::features::packs::pack::{Sli, Slo};
use crate::features::packs::store::Item;
use crate::features::rules::burns::{self, Kept, Sums, Target};
use crate::features::rules::replay::Said;
use crate::features::rules::said;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::duration;

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const HOUR: TimeDelta = TimeDelta::hours(1);

/// So many reports are gone through.
const REPORTS_AT_MOST: i64 = 200_000;

pub(super) fn read(conn: &mut Conn, asked: Asked, slug: &str) -> db::Result<Past> {
    let scope = Scope::one(asked.platform);
    let furthest = TimeDelta::hours(72);
    let targets = Targets::read(conn, &scope, asked.from - furthest)?;
    let slo = targets.slos.iter().find(|it| it.slug == slug);
    let Some((slo, source)) = slo.and_then(|slo| Some((slo, targets.source(slo)?))) else {
        return Ok(Past::NotKept(format!(
            "There is no target \"{slug}\" in force yet, so there is nothing to go through."
        )));
    };
    let of = Of {
        asked,
        source,
        planned: targets.planned(slo),
        target: Target {
            window: slo.spec.window.delta(),
            allowed: slo.spec.allowed(),
            least: i64::from(slo.spec.least),
        },
        longest: longest(slo),
    };
    Ok(Past::Kept(match source.sli {
        Sli::Availability(_) | Sli::Latency(_) => of.minutes(conn)?,
        Sli::Counted(_) | Sli::Histogram(_) => of.steps(conn)?,
        Sli::Reports(_) => of.reports(conn)?,
    }))
}

fn longest(slo: &Item<Slo>) -> TimeDelta {
    let ladder = burn::ladder(slo.spec.window.delta());
    let long = ladder.iter().map(|step| step.long).max();
    long.unwrap_or_default()
}

fn whole(at: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
    at.duration_trunc(span).unwrap_or(at)
}

/// A target with what it reads.
struct Of<'o> {
    asked: Asked,
    source: &'o Read,
    planned: Vec<Planned>,
    target: Target,
    /// Its longest window.
    longest: TimeDelta,
}

impl Of<'_> {
    fn sums(&self, slices: &[Slice]) -> Sums {
        Sums::of(slices, &self.planned)
    }

    fn burned(&self, kept: &Kept, moments: &[DateTime<Utc>]) -> Vec<Said> {
        burns::burned(self.target, kept, moments)
    }

    /// Of a probe: minutes for two days, and hours before them.
    fn minutes(&self, conn: &mut Conn) -> db::Result<History> {
        let kept = Span::Minute.kept();
        let (now, from) = (self.asked.now, self.asked.now - kept);
        let fine = slices::fine(conn, self.source, from, now)?;
        let hours = slices::coarse(conn, self.source, from - self.longest, now)?;
        let first = fine.first().into_iter().chain(hours.first());
        let first = first.map(|slice| slice.at).min();
        // The last six hours are read by the minute, from a whole hour on.
        let least = from + TimeDelta::hours(6) + HOUR;
        let moments = match first {
            Some(first) => said::ends(whole(first.max(least), MINUTE) + MINUTE, now, MINUTE),
            None => Vec::new(),
        };
        let sums = Kept {
            fine: self.sums(&fine),
            hours: Some(self.sums(&hours)),
        };
        let caveat = "Results are kept by the minute for two days. What is kept of the time before does not say what the short \
                      windows held.";
        Ok(History {
            kept: Some(kept),
            caveat: caveat.to_owned(),
            ..History::new(
                self.burned(&sums, &moments),
                "results by the minute",
                MINUTE * 2,
            )
        })
    }

    /// Of what is scraped: steps of five minutes.
    fn steps(&self, conn: &mut Conn) -> db::Result<History> {
        let now = self.asked.now;
        let series = slices::width(conn, self.source)?;
        let (from, start, cut) = self.since(past::reach(series));
        let fine = slices::fine(conn, self.source, from, now)?;
        let mut said = Vec::new();
        if let (Some(first), Some(last)) = (fine.first(), fine.last()) {
            let ended = last.at + STEP;
            let begins = whole(first.at.max(start), STEP) + STEP;
            let kept = Kept {
                fine: self.sums(&fine),
                hours: None,
            };
            said = self.burned(&kept, &said::ends(begins, ended, STEP));
            said.push(Said::nothing(ended + SUMMED_LATE));
        }
        let caveat = "It is reckoned at the end of each step. Rules reckon the short windows from each value.";
        Ok(self.history(said, (STEPS, STEP), (caveat, cut)))
    }

    /// Of reports: each of them.
    fn reports(&self, conn: &mut Conn) -> db::Result<History> {
        let now = self.asked.now;
        let wanted = (self.asked.from - self.longest, now);
        let reports = slices::reports(conn, self.source, wanted, REPORTS_AT_MOST)?;
        let (fine, cut) = (reports.all, reports.is_cut);
        let start = if cut {
            self.filled(reports.from, now - reports.from)
        } else {
            self.asked.from
        };
        let moments = match fine.first() {
            Some(first) => said::ends(whole(first.at.max(start), MINUTE) + MINUTE, now, MINUTE),
            None => Vec::new(),
        };
        let kept = Kept {
            fine: self.sums(&fine),
            hours: None,
        };
        let said = self.burned(&kept, &moments);
        Ok(self.history(said, ("every report", MINUTE * 2), ("", cut)))
    }

    /// From when on results are read and rates reckoned, where they are read so far back; and whether that is less far than
    /// was asked for.
    fn since(&self, reach: TimeDelta) -> (DateTime<Utc>, DateTime<Utc>, bool) {
        let wanted = self.asked.from - self.longest;
        let nearest = self.asked.now - reach;
        if nearest <= wanted {
            return (wanted, self.asked.from, false);
        }
        (nearest, self.filled(nearest, reach), true)
    }

    /// When the longest window is filled of what is read from a moment on, or most of what there is.
    fn filled(&self, from: DateTime<Utc>, reach: TimeDelta) -> DateTime<Utc> {
        from + self.longest.min(reach / 2)
    }

    fn history(
        &self,
        said: Vec<Said>,
        (grain, slack): (&str, TimeDelta),
        (caveat, cut): (&str, bool),
    ) -> History {
        let far = said.first().map(|first| self.asked.now - first.at);
        let far = far.filter(|_| cut).and_then(|far| far.to_std().ok());
        let far = far.map(|far| {
            format!(
                "There is so much of it that only the last {} are gone through.",
                duration(far)
            )
        });
        let caveats = far.into_iter().chain([caveat.to_owned()]);
        History {
            is_cut: cut,
            caveat: caveats.collect::<Vec<_>>().join(" ").trim().to_owned(),
            ..History::new(said, grain, slack)
        }
    }
}
