//! Our own queues, as the page of queues shows them: jobs, and notices that are to leave.

use chrono::{DateTime, Utc};

use super::overview::LitSources;
use super::queues::{FIGURES, Figure, Row};
use crate::features::health::views::figure;
use crate::features::notify::store::standing as outbox;
use crate::features::packs::own;
use crate::features::packs::pack::{Measure, Rule, Source};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::jobs;
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::Lamp;

/// Where a reader may go from here.
pub struct Leads {
    jobs: bool,
    deliveries: bool,
}

impl Leads {
    pub fn of(signed: &Signed) -> Self {
        Self {
            jobs: signed.may(Permission::JobsRead),
            deliveries: signed.may(Permission::NoticesRead),
        }
    }
}

/// One of them, as it is counted.
struct Own {
    name: &'static str,
    href: Option<&'static str>,
    /// Waiting, delayed, in hand, given up.
    counts: [i64; 4],
    /// Since when the one that is most overdue waits.
    oldest: Option<DateTime<Utc>>,
    /// The indicator over the longest wait, and the event of one that was given up.
    waits: &'static str,
    given_up: &'static str,
}

pub fn rows(
    conn: &mut Conn,
    lit: &LitSources,
    leads: &Leads,
    now: DateTime<Utc>,
) -> db::Result<Vec<Row>> {
    let jobs = jobs::standing(conn, now)?;
    let notices = outbox::standing(conn, now)?;
    let ours = packs::platforms(conn)?;
    let ours = ours.iter().find(|it| it.slug == own::PLATFORM);
    let all = [
        Own {
            name: "Jobs",
            href: leads.jobs.then_some("/jobs"),
            counts: [jobs.waiting, jobs.delayed, jobs.running, jobs.given_up],
            oldest: jobs.oldest,
            waits: "jobs_waiting",
            given_up: "job.given_up",
        },
        Own {
            name: "Notices",
            href: leads.deliveries.then_some("/deliveries"),
            counts: [
                notices.waiting,
                notices.delayed,
                notices.in_hand,
                notices.given_up,
            ],
            oldest: notices.oldest,
            waits: "notices_waiting",
            given_up: "notice.given_up",
        },
    ];
    let mut watched = Watched {
        platform: ours.map(|it| it.id),
        rules: packs::live(conn)?,
    };
    watched
        .rules
        .retain(|rule| Some(rule.platform) == watched.platform);
    Ok(all.iter().map(|own| own.row(&watched, lit, now)).collect())
}

/// Our own platform, and the rules that watch it.
struct Watched {
    platform: Option<PlatformId>,
    rules: Vec<Item<Rule>>,
}

impl Watched {
    fn reads(&self, source: &Source) -> bool {
        self.rules.iter().any(|rule| rule.spec.on == *source)
    }
}

impl Own {
    fn row(&self, watched: &Watched, lit: &LitSources, now: DateTime<Utc>) -> Row {
        let waits = Source::Indicator(self.waits.to_owned());
        let given_up = Source::Event(self.given_up.to_owned());
        let over = |source: &Source| lit.over_source(watched.platform?, source);
        let figures: Vec<Figure> = FIGURES
            .into_iter()
            .map(|(label, measure)| Figure {
                label,
                value: Some(match self.value(measure, now) {
                    Some(value) => figure(value, measure),
                    None => "nothing waits".to_owned(),
                }),
                lamp: match measure {
                    Measure::Oldest => over(&waits),
                    Measure::Failed => over(&given_up),
                    _ => None,
                },
            })
            .collect();
        let worst = figures.iter().filter_map(|figure| figure.lamp).min();
        let (lamp, word) = match worst {
            Some(lamp) => (lamp, "Needs attention"),
            None if watched.reads(&waits) && watched.reads(&given_up) => {
                (Lamp::Clear, "As it should be")
            }
            // No lamp is lit over it because none can be.
            None => (Lamp::Unknown, "Nothing watches it"),
        };
        Row {
            name: self.name.to_owned(),
            href: self.href.map(str::to_owned),
            service_name: "Application".to_owned(),
            platform: "Signalbox".to_owned(),
            lamp,
            word: word.to_owned(),
            figures,
            looked_at: Some(now),
        }
    }

    /// One of the figures of the page; nothing where nothing has waited.
    fn value(&self, measure: Measure, now: DateTime<Utc>) -> Option<f64> {
        let [waiting, delayed, in_hand, given_up] = self.counts.map(count);
        match measure {
            Measure::Oldest => Some((now - self.oldest?).as_seconds_f64().max(0.0)),
            Measure::Delayed => Some(delayed),
            Measure::Reserved => Some(in_hand),
            Measure::Failed => Some(given_up),
            _ => Some(waiting),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "rows are below 2^53")]
const fn count(rows: i64) -> f64 {
    rows as f64
}
