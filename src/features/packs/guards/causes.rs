//! Whom a rule silences that may be lit where it was not: what an inhibition names while it is lit, and what leans on its
//! service while it is red. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Specs, rules};
use crate::features::packs::pack::{Inhibition, Rule, Sli, Slo, Source};
use crate::foundation::kernel::Level;

/// What makes a thing say "bad" sooner or more often, of what takes one person to change. All else about it takes two.
const PRESSING: [(&str, &[&str]); 4] = [
    (
        "probe",
        &[
            "interval",
            "timeout",
            "retries",
            "failures_to_down",
            "successes_to_up",
        ],
    ),
    ("heartbeat", &["every", "grace"]),
    ("connector", &["every", "timeout"]),
    ("slo", &["target"]),
];

/// What a change of a pack leads from and to, as far as it says which alerts are the cause of others.
pub(super) struct Causes<'s> {
    before: &'s Specs,
    after: &'s Specs,
    /// The rules that are to be in force, each with the service that it is about.
    rules: Vec<(Rule, Option<String>)>,
    inhibitions: Vec<Inhibition>,
    /// What each service leans on, directly and by way of others.
    leans_on: BTreeMap<&'s str, BTreeSet<&'s str>>,
}

impl<'s> Causes<'s> {
    pub fn of(before: &'s Specs, after: &'s Specs) -> Self {
        let rules = all::<Rule>(after, "rule").into_iter().map(|rule| {
            let service = service(after, &rule.on);
            (rule, service)
        });
        Self {
            before,
            after,
            rules: rules.collect(),
            inhibitions: all(after, "inhibit"),
            leans_on: leans_on(after),
        }
    }

    /// Who is no longer told of what, because this rule may be lit where it was not. Nothing where that is nobody's cause.
    pub fn why(&self, slug: &str) -> Option<String> {
        let (now, service) = self.rules.iter().find(|(rule, _)| rule.id == slug)?;
        let was = one::<Rule>(self.before, "rule", slug);
        let levels: Vec<Level> = match &was {
            Some(was) if !self.is_pressed(&now.on) => rules::gained(was, now),
            _ => now.levels().map(|(level, _)| level).collect(),
        };
        let mut silenced = Vec::new();
        if !levels.is_empty() {
            silenced.extend(self.inhibited(now, service.as_deref()));
        }
        if levels.contains(&Level::Red) {
            silenced.extend(self.above(service.as_deref()));
        }
        if silenced.is_empty() {
            return None;
        }
        let more = match was {
            Some(_) => "it may be lit where it was not, and ",
            None => "",
        };
        Some(format!("{more}{}", silenced.join("; ")))
    }

    /// Whether something that a rule reads is worse sooner than it was.
    fn is_pressed(&self, on: &Source) -> bool {
        let mut reads: Vec<(&str, &str)> = on.reads().into_iter().collect();
        let target = match on {
            Source::BurnRate(slug) => one::<Slo>(self.after, "slo", slug),
            _ => None,
        };
        if let Some(slo) = &target {
            reads.extend(slo.on.probe().map(|probe| ("probe", probe)));
            if let Sli::Reports(of) = &slo.on {
                reads.push(("indicator", &of.indicator));
            }
        }
        reads.into_iter().any(|(kind, slug)| {
            let key = (kind.to_owned(), slug.to_owned());
            let Some((was, now)) = self.before.get(&key).zip(self.after.get(&key)) else {
                return false;
            };
            let fields = PRESSING.iter().filter(|(it, _)| *it == kind);
            let mut fields = fields.flat_map(|(_, fields)| *fields);
            fields.any(|field| was.get(field) != now.get(field))
        })
    }

    /// What the inhibitions name of which this rule is a source.
    fn inhibited(&self, rule: &Rule, service: Option<&str>) -> Option<String> {
        let holds = |it: &&Inhibition| may_have(&it.source, &rule.id, service);
        let mut named = BTreeSet::new();
        for inhibition in self.inhibitions.iter().filter(holds) {
            let is_meant = |(other, of): &&(Rule, Option<String>)| {
                let is_alike = |label: &String| match label.as_str() {
                    "alertname" => false,
                    "service" => service == of.as_deref(),
                    _ => true,
                };
                other.id != rule.id
                    && may_have(&inhibition.target, &other.id, of.as_deref())
                    && inhibition.equal.iter().all(is_alike)
            };
            named.extend(
                self.rules
                    .iter()
                    .filter(is_meant)
                    .map(|(it, _)| it.id.as_str()),
            );
            let alert = inhibition.target.get("alertname");
            if alert.is_none_or(|alert| self.rules.iter().all(|(it, _)| it.id != *alert)) {
                // Alerts come from elsewhere as well.
                named.insert(inhibition.id.as_str());
            }
        }
        (!named.is_empty()).then(|| format!("while it is lit, nobody is told of {}", listed(named)))
    }

    /// What leans on the service of a rule.
    fn above(&self, service: Option<&str>) -> Option<String> {
        let service = service?;
        let leans = self.leans_on.iter();
        let leans = leans.filter(|(_, on)| on.contains(service));
        let leaning: BTreeSet<&str> = leans.map(|(slug, _)| *slug).collect();
        (!leaning.is_empty()).then(|| {
            format!(
                "while it is red, nobody is told of what leans on {service}: {}",
                listed(leaning)
            )
        })
    }
}

fn listed(names: BTreeSet<&str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn one<T: DeserializeOwned>(specs: &Specs, kind: &str, slug: &str) -> Option<T> {
    let spec = specs.get(&(kind.to_owned(), slug.to_owned()))?;
    serde_json::from_value(spec.clone()).ok()
}

fn all<T: DeserializeOwned>(specs: &Specs, kind: &str) -> Vec<T> {
    let of_kind = specs.iter().filter(|((it, _), _)| it == kind);
    of_kind
        .filter_map(|(_, spec)| serde_json::from_value(spec.clone()).ok())
        .collect()
}

/// The service that a rule on this is about.
fn service(specs: &Specs, on: &Source) -> Option<String> {
    let (kind, slug) = on.reads()?;
    let spec = specs.get(&(kind.to_owned(), slug.to_owned()))?;
    spec.get("service")?.as_str().map(str::to_owned)
}

/// Whether an alert of this rule may have these labels. Its platform is theirs, and how bad it is may be any: what is not
/// known is taken for fitting.
fn may_have(labels: &BTreeMap<String, String>, slug: &str, service: Option<&str>) -> bool {
    labels.iter().all(|(name, wanted)| match name.as_str() {
        "alertname" => wanted == slug,
        "service" => wanted == service.unwrap_or_default(),
        "platform" | "severity" => true,
        _ => wanted.is_empty(),
    })
}

fn leans_on(specs: &Specs) -> BTreeMap<&str, BTreeSet<&str>> {
    let services = specs.iter().filter(|((kind, _), _)| kind == "service");
    let direct: BTreeMap<&str, Vec<&str>> = services
        .map(|((_, slug), spec)| (slug.as_str(), named(spec)))
        .collect();
    let reached = |slug: &str| {
        let mut all = BTreeSet::new();
        let mut waiting: Vec<&str> = direct.get(slug).cloned().unwrap_or_default();
        while let Some(next) = waiting.pop() {
            if next != slug && all.insert(next) {
                waiting.extend(direct.get(next).into_iter().flatten());
            }
        }
        all
    };
    direct.keys().map(|slug| (*slug, reached(slug))).collect()
}

fn named(service: &Value) -> Vec<&str> {
    let on = service.get("depends_on").and_then(Value::as_array);
    on.into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
