//! What is backed up of each platform, and what is promised of bringing it back. What was achieved is known once backups
//! are restored in drills; until then the page says so.

use std::collections::HashMap;

use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, Utc};

use crate::features::alerts::store::{self as alerts, About};
use crate::features::health::board::{self, ProbeStatus};
use crate::features::health::views::figure;
use crate::features::packs::accepted;
use crate::features::packs::pack::{
    BackupPlan, Heartbeat, ItemId, Measure, Promised, Rule, Runbook, Source,
};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Lamp, Nav, block};

/// `GET /backups`
#[derive(Template)]
#[template(path = "slo/plans.html")]
struct Plans {
    chrome: Chrome,
    lamp: Lamp,
    sentence: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    platform: String,
    about: String,
    what: String,
    every: Option<String>,
    keep: Option<String>,
    off_site: bool,
    /// What the probe that looks at its files found last.
    newest: Newest,
    job: Option<Link>,
    runbook: Option<Link>,
    /// What has happened, and what is promised of it.
    promises: Vec<(String, String)>,
    /// What the linter says of it, and why the pack lives with it.
    contradictions: Vec<(&'static str, String, String)>,
    /// What is lit about its files or its job, worst first.
    lit: Vec<(Lamp, Link)>,
}

impl Row {
    /// The worse of what is lit and of what contradicts itself.
    fn lamp(&self) -> Lamp {
        let broken = (!self.contradictions.is_empty()).then_some(Lamp::Yellow);
        let lit = self.lit.iter().map(|(lamp, _)| *lamp);
        lit.chain(broken).min().unwrap_or(Lamp::Clear)
    }
}

/// Address and name.
type Link = (String, String);

enum Newest {
    /// No probe looks.
    Unwatched,
    /// One looks, and found nothing, or has not looked yet.
    Unseen { service: String },
    Seen {
        service: String,
        age: String,
        size: String,
        at: DateTime<Utc>,
    },
}

/// Warnings that a plan may have, and their headings.
const WARNINGS: [(&str, &str); 2] = [
    ("retention-against-itself", "Retention contradicts itself"),
    ("promise-not-reachable", "Promise not reachable"),
];

/// `GET /backups`: the plans of the packs.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let rows = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| rows(conn, &view, now))
            .map_err(web::Error::from)
    })
    .await?;
    let (lamp, sentence) = verdict(&rows);
    web::page(&Plans {
        chrome: Chrome::new(&signed, &services, "Backups", Nav::Backups),
        lamp,
        sentence,
        rows,
    })
}

/// What is lit first, and then what contradicts itself.
fn verdict(rows: &[Row]) -> (Lamp, String) {
    let all = counted(rows.len() as u64, "backup plan", "backup plans");
    let lit = rows.iter().filter(|row| !row.lit.is_empty()).count();
    let broken = rows.iter().filter(|row| !row.contradictions.is_empty());
    let said_lit = match lit {
        0 => None,
        1 => Some(format!("1 of {all} has something lit about it")),
        many => Some(format!("{many} of {all} have something lit about them")),
    };
    let of_all = match lit {
        0 => format!(" of {all}"),
        _ => String::new(),
    };
    let said_broken = match broken.count() {
        0 => None,
        1 => Some(format!("1{of_all} is at odds with itself")),
        many => Some(format!("{many}{of_all} are at odds with themselves")),
    };
    let said: Vec<String> = said_lit.into_iter().chain(said_broken).collect();
    let worst = rows.iter().map(Row::lamp).min();
    match worst.filter(|_| !said.is_empty()) {
        Some(worst) => (worst, said.join("; ")),
        None => (Lamp::Clear, format!("{all}, none at odds with itself")),
    }
}

/// What is lit about the files and the job of each plan, by the rules of its platform.
struct Alarms {
    rules: HashMap<ItemId, Item<Rule>>,
    lit: Vec<(ItemId, alerts::Lit)>,
}

impl Alarms {
    fn read(conn: &mut Conn, scope: &Scope) -> db::Result<Self> {
        let rules = packs::live_within::<Rule>(conn, scope)?;
        Ok(Self {
            rules: rules.into_iter().map(|it| (it.id, it)).collect(),
            lit: alerts::lit(conn)?,
        })
    }

    /// Worst first.
    fn about(&self, plan: &Item<BackupPlan>) -> Vec<(Lamp, Link)> {
        let (probe, job) = (&plan.spec.probe, &plan.spec.heartbeat);
        let is_about = |rule: &Item<Rule>| {
            let source = &rule.spec.on;
            let reads_files = source.probe().is_some() && source.probe() == probe.as_deref();
            let hears_job = matches!(source, Source::Heartbeat(of) if Some(of) == job.as_ref());
            rule.platform == plan.platform && (reads_files || hears_job)
        };
        let mut about: Vec<(Lamp, Link)> = self
            .lit
            .iter()
            .filter_map(|(rule, lit)| {
                let rule = self.rules.get(rule).filter(|rule| is_about(rule))?;
                let name = match lit.about {
                    // That nobody sees what becomes of the backup is not that something became of it.
                    About::Rule => format!("The rule \"{}\" cannot be evaluated", rule.name),
                    About::Platform | About::Outside => rule.name.clone(),
                };
                Some((lit.level.into(), (format!("/alerts/{}", lit.id), name)))
            })
            .collect();
        about.sort();
        about
    }
}

fn rows(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> db::Result<Vec<Row>> {
    let platforms: HashMap<PlatformId, String> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it.name))
        .collect();
    let board = board::services(conn, scope, now)?;
    let alarms = Alarms::read(conn, scope)?;
    let plans = packs::live_within::<BackupPlan>(conn, scope)?;
    let mut rows = Vec::with_capacity(plans.len());
    for plan in plans {
        let spec = &plan.spec;
        let looks = board
            .iter()
            .filter(|service| service.platform.id == plan.platform)
            .flat_map(|service| service.probes.iter().map(move |probe| (service.id, probe)))
            .find(|(_, probe)| spec.probe.as_deref() == Some(probe.item.slug.as_str()));
        let mut contradictions = Vec::new();
        for (warning, heading) in WARNINGS {
            let found = accepted::of(conn, plan.platform, warning, &plan.slug)?;
            contradictions.extend(found.map(|(message, reason)| (heading, message, reason)));
        }
        rows.push(Row {
            lit: alarms.about(&plan),
            name: plan.name.clone(),
            platform: platforms.get(&plan.platform).cloned().unwrap_or_default(),
            about: spec.about.clone(),
            what: spec.what.clone(),
            every: spec.every.map(|it| it.to_string()),
            keep: spec.keep.map(|it| it.to_string()),
            off_site: spec.off_site,
            newest: looks.map_or(Newest::Unwatched, |(service, probe)| {
                newest(format!("/services/{service}"), probe)
            }),
            job: link::<Heartbeat>(conn, &plan, spec.heartbeat.as_deref(), "heartbeats")?,
            runbook: link::<Runbook>(conn, &plan, spec.runbook.as_deref(), "runbooks")?,
            promises: spec
                .promises
                .iter()
                .map(|it| (it.scenario.clone(), promised(it)))
                .collect(),
            contradictions,
        });
    }
    Ok(rows)
}

/// "back within 4h, at most 1d lost"
fn promised(of: &Promised) -> String {
    let back = of.rto.map(|rto| format!("back within {rto}"));
    let lost = of.rpo.map(|rpo| {
        if rpo.is_zero() {
            "nothing lost".to_owned()
        } else {
            format!("at most {rpo} lost")
        }
    });
    back.into_iter().chain(lost).collect::<Vec<_>>().join(", ")
}

fn newest(service: String, probe: &ProbeStatus) -> Newest {
    let read = |of: Measure| {
        let found = probe.measures.iter().find(|(measure, _)| *measure == of);
        found.map(|(_, value)| figure(*value, of))
    };
    match (read(Measure::Age), probe.measured_at) {
        (Some(age), Some(at)) => Newest::Seen {
            service,
            age,
            size: read(Measure::Size).unwrap_or_default(),
            at,
        },
        _ => Newest::Unseen { service },
    }
}

/// What the plan's pack calls by this name.
fn link<T: packs::Definition>(
    conn: &mut Conn,
    plan: &Item<BackupPlan>,
    slug: Option<&str>,
    under: &str,
) -> db::Result<Option<Link>> {
    let Some(slug) = slug else {
        return Ok(None);
    };
    match packs::by_slug::<T>(conn, plan.platform, slug) {
        Ok(item) => Ok(Some((format!("/{under}/{}", item.id), item.name))),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lit: &[Lamp], contradictions: usize) -> Row {
        let link = |lamp: &Lamp| (*lamp, (String::new(), String::new()));
        Row {
            name: String::new(),
            platform: String::new(),
            about: String::new(),
            what: String::new(),
            every: None,
            keep: None,
            off_site: false,
            newest: Newest::Unwatched,
            job: None,
            runbook: None,
            promises: Vec::new(),
            contradictions: vec![("", String::new(), String::new()); contradictions],
            lit: lit.iter().map(link).collect(),
        }
    }

    #[test]
    fn what_contradicts_itself_is_yellow_whatever_else_is_lit() {
        assert_eq!(row(&[Lamp::Blue], 1).lamp(), Lamp::Yellow);
        assert_eq!(row(&[Lamp::Red], 1).lamp(), Lamp::Red);
        assert_eq!(row(&[Lamp::Blue], 0).lamp(), Lamp::Blue);
        let (well, broken) = (|| row(&[], 0), || row(&[], 2));
        let blue = || row(&[Lamp::Blue], 0);
        for (rows, lamp, sentence) in [
            (
                vec![well()],
                Lamp::Clear,
                "1 backup plan, none at odds with itself",
            ),
            (
                vec![well(), broken()],
                Lamp::Yellow,
                "1 of 2 backup plans is at odds with itself",
            ),
            (
                vec![broken(), blue()],
                Lamp::Yellow,
                "1 of 2 backup plans has something lit about it; 1 is at odds with itself",
            ),
            (
                vec![blue(), row(&[Lamp::Red], 1), broken()],
                Lamp::Red,
                "2 of 3 backup plans have something lit about them; 2 are at odds with themselves",
            ),
            (
                Vec::new(),
                Lamp::Clear,
                "0 backup plans, none at odds with itself",
            ),
        ] {
            assert_eq!(verdict(&rows), (lamp, sentence.to_owned()));
        }
    }
}
