//! What the fields of a rule's form are chosen from: what its pack has in force, and what the program knows.

use std::collections::HashMap;

use super::fields::Among;
use crate::features::packs::pack::{
    Check, Connector, Escalation, EventType, Heartbeat, Indicator, LogSource, Measure, Probe,
    Runbook, Slo,
};
use crate::features::packs::severity::Severity;
use crate::features::packs::store::{self as packs, Definition};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

/// Values and what they are called.
type Options = Vec<(String, String)>;

pub struct Choices(HashMap<&'static str, Options>);

impl Choices {
    pub fn read(conn: &mut Conn, platform: PlatformId) -> db::Result<Self> {
        let scope = Scope::one(platform);
        let probes = packs::live_within::<Probe>(conn, &scope)?;
        let scrapes = probes.iter();
        let scrapes = scrapes.filter(|it| matches!(it.spec.check, Check::Prometheus(_)));
        let scrapes = scrapes.map(|it| (it.slug.clone(), it.slug.clone()));
        let mut all = HashMap::from([("scrapes", scrapes.collect())]);
        all.insert("probes", named::<Probe>(conn, &scope)?);
        all.insert("indicators", named::<Indicator>(conn, &scope)?);
        all.insert("event types", named::<EventType>(conn, &scope)?);
        all.insert("heartbeats", named::<Heartbeat>(conn, &scope)?);
        all.insert("connectors", named::<Connector>(conn, &scope)?);
        all.insert("logs", named::<LogSource>(conn, &scope)?);
        all.insert("targets", named::<Slo>(conn, &scope)?);
        all.insert("runbooks", named::<Runbook>(conn, &scope)?);
        all.insert("escalations", named::<Escalation>(conn, &scope)?);
        Ok(Self(all))
    }

    /// What a field is chosen from. What it holds already can be kept, whatever it is: it may be a parameter.
    #[must_use]
    pub fn of(&self, among: Among, needed: bool, value: &str) -> Options {
        let (none, mut options) = self.listed(among);
        // There is no third side.
        if among == Among::Sides {
            return options;
        }
        let has_none = options.iter().any(|(value, _)| value.is_empty());
        if !has_none && (!needed || value.is_empty()) {
            options.insert(0, (String::new(), none.to_owned()));
        }
        if !options.iter().any(|(known, _)| known == value) {
            options.push((value.to_owned(), value.to_owned()));
        }
        options
    }

    /// What stands for none of them, and all of them.
    fn listed(&self, among: Among) -> (&'static str, Options) {
        let kept = |name: &str| self.0.get(name).cloned().unwrap_or_default();
        let choose = |name: &str| ("Choose one", kept(name));
        match among {
            Among::Probes => choose("probes"),
            Among::Scrapes => choose("scrapes"),
            Among::Indicators => choose("indicators"),
            Among::EventTypes => choose("event types"),
            Among::Heartbeats => choose("heartbeats"),
            Among::Connectors => choose("connectors"),
            Among::Logs => choose("logs"),
            Among::Targets => choose("targets"),
            Among::Runbooks => ("None", kept("runbooks")),
            Among::Escalations => ("Whoever is for its level", kept("escalations")),
            Among::Measures => {
                let names = Measure::ALL.iter().map(|it| it.as_str());
                ("Choose one", words(names.map(|it| (it, it))))
            }
            Among::Severities => {
                let levels = Severity::ALL.into_iter().skip(1);
                (
                    "Any level",
                    words(levels.map(|it| (it.as_str(), it.as_str()))),
                )
            }
            Among::Takes => (
                "There is one",
                words([
                    ("sum", "Their sum"),
                    ("max", "The highest"),
                    ("min", "The lowest"),
                ]),
            ),
            Among::Units => (
                "By its name",
                words(["seconds", "bytes", "share", "days", "count"].map(|it| (it, it))),
            ),
            Among::NoData => (
                "Whatever was, stays",
                words([
                    ("fire", "Its most urgent level is lit"),
                    ("ok", "It goes out"),
                ]),
            ),
            Among::Sides => ("", words([("above", "Above"), ("below", "Below")])),
            Among::Lit => ("No", words([("yes", "Yes")])),
            Among::ProbeStates => (
                "Never",
                words([("down", "Down"), ("up", "Up"), ("unknown", "Unknown")]),
            ),
            Among::HeartbeatStates => ("Never", words([("down", "Down"), ("late", "Late")])),
            Among::ConnectorStates => (
                "Never",
                words([
                    ("open", "Cut off"),
                    ("failing", "Failing"),
                    ("disabled", "Disabled"),
                ]),
            ),
        }
    }
}

fn words<'w>(options: impl IntoIterator<Item = (&'w str, &'w str)>) -> Options {
    let owned = options.into_iter();
    owned
        .map(|(value, name)| (value.to_owned(), name.to_owned()))
        .collect()
}

fn named<T: Definition>(conn: &mut Conn, scope: &Scope) -> db::Result<Options> {
    let items = packs::live_within::<T>(conn, scope)?.into_iter();
    Ok(items
        .map(|it| {
            let name = if it.name == it.slug {
                it.name
            } else {
                format!("{} ({})", it.name, it.slug)
            };
            (it.slug, name)
        })
        .collect())
}
