//! Which lit alerts are the cause of others, so that nobody is told of what follows from them. Pure but for its reading.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::labels::Labels;
use super::store::{Alert, known};
use crate::features::packs::pack::{Inhibition, ItemId, Service};
use crate::features::packs::store as packs;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Level, PlatformId};

/// What is lit, and what packs say of causes.
pub struct Causes {
    lit: Vec<(Alert, Labels)>,
    inhibitions: Vec<(PlatformId, Inhibition)>,
    /// What each service leans on, directly and by way of others.
    leans_on: HashMap<ItemId, BTreeSet<ItemId>>,
    names: HashMap<ItemId, String>,
}

impl Causes {
    pub fn read(conn: &mut Conn) -> db::Result<Self> {
        let inhibitions = packs::live::<Inhibition>(conn)?;
        let services = packs::live::<Service>(conn)?;
        let needed = !inhibitions.is_empty()
            || services
                .iter()
                .any(|service| !service.spec.depends_on.is_empty());
        let lit = if needed {
            known::firing(conn)?
        } else {
            Vec::new()
        };
        Ok(Self {
            lit: lit
                .into_iter()
                .map(|alert| {
                    let labels = alert.labels();
                    (alert, labels)
                })
                .collect(),
            inhibitions: inhibitions
                .into_iter()
                .map(|item| (item.platform, item.spec))
                .collect(),
            leans_on: leans_on(&services),
            names: services.into_iter().map(|it| (it.id, it.name)).collect(),
        })
    }

    /// Alerts that are said to be the cause of this one.
    pub fn inhibiting<'c>(
        &'c self,
        alert: &'c Alert,
        labels: &'c Labels,
    ) -> impl Iterator<Item = &'c Alert> {
        let held = self
            .inhibitions
            .iter()
            .filter(|(platform, it)| *platform == alert.platform && has_all(labels, &it.target));
        held.flat_map(move |(_, it)| {
            self.lit
                .iter()
                .filter(|(cause, _)| cause.platform == alert.platform && cause.id != alert.id)
                .filter(move |(_, of_cause)| inhibits(it, of_cause, labels))
                .map(|(cause, _)| cause)
        })
    }

    /// Red alerts of services that the service of this one leans on, with the name of that service.
    pub fn beneath<'c>(&'c self, alert: &Alert) -> impl Iterator<Item = (&'c Alert, &'c str)> {
        let beneath = alert.service.and_then(|it| self.leans_on.get(&it));
        let services = beneath.into_iter().flatten();
        services.flat_map(|service| {
            let name = self.names.get(service).map_or("", String::as_str);
            self.lit
                .iter()
                .map(|(cause, _)| cause)
                .filter(|cause| cause.service == Some(*service) && cause.level == Level::Red)
                .map(move |cause| (cause, name))
        })
    }
}

/// Whether an alert with these labels is the cause of one with those. Two that would each be the other's cause are
/// neither.
fn inhibits(inhibition: &Inhibition, cause: &Labels, of: &Labels) -> bool {
    let one_way = |from: &Labels, to: &Labels| {
        has_all(from, &inhibition.source) && has_all(to, &inhibition.target)
    };
    let value = |labels: &Labels, name: &String| labels.get(name).cloned().unwrap_or_default();
    one_way(cause, of)
        && !one_way(of, cause)
        && inhibition
            .equal
            .iter()
            .all(|name| value(cause, name) == value(of, name))
}

fn has_all(labels: &Labels, wanted: &BTreeMap<String, String>) -> bool {
    let value = |name: &String| labels.get(name).map_or("", String::as_str);
    wanted.iter().all(|(name, wanted)| value(name) == wanted)
}

fn leans_on(services: &[packs::Item<Service>]) -> HashMap<ItemId, BTreeSet<ItemId>> {
    let by_name: HashMap<(PlatformId, &str), &packs::Item<Service>> = services
        .iter()
        .map(|it| ((it.platform, it.slug.as_str()), it))
        .collect();
    let direct = |service: &packs::Item<Service>| -> Vec<&packs::Item<Service>> {
        let named = service.spec.depends_on.iter();
        named
            .filter_map(|slug| by_name.get(&(service.platform, slug.as_str())).copied())
            .collect()
    };
    services
        .iter()
        .map(|service| {
            let mut all = BTreeSet::new();
            let mut waiting = direct(service);
            while let Some(next) = waiting.pop() {
                if next.id != service.id && all.insert(next.id) {
                    waiting.extend(direct(next));
                }
            }
            (service.id, all)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_cause_has_its_labels_and_shares_those_that_are_to_be_equal() {
        let inhibition = Inhibition {
            id: "i".into(),
            name: String::new(),
            source: labels(&[("alertname", "host-down")]),
            target: labels(&[("severity", "warning")]),
            equal: vec!["host".into()],
        };
        let cause = labels(&[
            ("alertname", "host-down"),
            ("host", "a"),
            ("severity", "critical"),
        ]);
        let of = |host: &str, severity: &str| {
            let other = labels(&[
                ("alertname", "slow"),
                ("host", host),
                ("severity", severity),
            ]);
            inhibits(&inhibition, &cause, &other)
        };
        assert!(of("a", "warning"));
        assert!(!of("b", "warning"), "another host");
        assert!(!of("a", "critical"), "not what is meant");
        let both = labels(&[
            ("alertname", "host-down"),
            ("host", "a"),
            ("severity", "warning"),
        ]);
        assert!(
            !inhibits(&inhibition, &both, &both),
            "neither is the other's cause"
        );
    }
}
