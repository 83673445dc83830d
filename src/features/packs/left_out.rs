//! What an installation does not have: a block whose `only_with` is empty is left out of its pack, and whatever reads it
//! with it.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::file::Lines;
use super::pack::{Pack, Rule, Source, Used};

const KEY: &str = "only_with";

/// Ids of the blocks that were left out, by kind.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<String, BTreeSet<String>>);

/// Takes `only_with` out of every block, and the blocks with it that have it empty.
///
/// # Errors
/// The byte of the file at which it is no text.
pub fn take(root: &mut DeTable<'_>) -> Result<LeftOut, usize> {
    let mut left = LeftOut::default();
    for (kind, value) in root.iter_mut() {
        let DeValue::Array(blocks) = value.get_mut() else {
            continue;
        };
        let mut kept = DeArray::new();
        for mut block in std::mem::replace(blocks, DeArray::new()) {
            if is_wanted(&mut block)? {
                kept.push(block);
            } else {
                let id = block
                    .get_ref()
                    .get("id")
                    .and_then(|id| id.get_ref().as_str());
                let ids = left.0.entry(kind.get_ref().to_string()).or_default();
                ids.extend(id.map(str::to_owned));
            }
        }
        *blocks = kept;
    }
    Ok(left)
}

fn is_wanted(block: &mut Spanned<DeValue<'_>>) -> Result<bool, usize> {
    let DeValue::Table(table) = block.get_mut() else {
        return Ok(true);
    };
    match table.remove(KEY) {
        None => Ok(true),
        Some(value) => match value.get_ref().as_str() {
            Some(text) => Ok(!text.trim().is_empty()),
            None => Err(value.span().start),
        },
    }
}

impl LeftOut {
    fn has(&self, kind: &str, id: &str) -> bool {
        self.0.get(kind).is_some_and(|ids| ids.contains(id))
    }

    fn probes(&self, id: &str) -> bool {
        self.has("probe", id) || self.has("scrape", id)
    }

    fn reads(&self, source: &Source) -> bool {
        match source {
            Source::State(id) | Source::Latency(id) => self.probes(id),
            Source::Measure(of) => self.probes(&of.probe),
            Source::Indicator(id) | Source::Age(id) => self.has("indicator", id),
            Source::Heartbeat(id) => self.has("heartbeat", id),
            Source::Connector(id) => self.has("connector", id),
            Source::Event(id) => self.has("event_type", id),
            Source::BurnRate(id) => self.has("slo", id),
            Source::Log(of) => self.has("log_source", &of.source),
            scraped => scraped.probe().is_some_and(|id| self.probes(id)),
        }
    }

    fn add(&mut self, kind: &str, ids: impl IntoIterator<Item = String>) {
        self.0.entry(kind.to_owned()).or_default().extend(ids);
    }

    /// Leaves out of the pack what leans on what was left out: rules, targets, limits and gates that read it, runbooks
    /// that only these led to. A line of a checklist that read it is answered by a person.
    pub fn follow(mut self, pack: &mut Pack, lines: &mut Lines) {
        if self.0.is_empty() {
            return;
        }
        let of = |kept: &[String]| -> BTreeSet<String> { kept.iter().cloned().collect() };
        let before = of(&led_to(pack));

        let out = keep(&mut pack.slos, "slo", lines, |it| {
            !it.on.probe().is_some_and(|id| self.probes(id))
        });
        self.add("slo", out.into_iter().map(|it| it.id));
        let out = keep(&mut pack.rules, "rule", lines, |it: &Rule| {
            !self.reads(&it.on)
        });
        self.add("rule", out.into_iter().map(|it| it.id));
        keep(&mut pack.capacities, "capacity", lines, |it| match &it.on {
            Used::Measure(of) => !self.probes(&of.probe),
            Used::Indicator(id) => !self.has("indicator", id),
            Used::Events(id) => !self.has("event_type", id),
        });
        keep(&mut pack.release_gates, "release_gate", lines, |it| {
            !self.reads(&it.read)
        });
        for item in pack.checklists.iter_mut().flat_map(|list| &mut list.items) {
            if item.read.as_ref().is_some_and(|read| self.reads(read)) {
                (item.read, item.expect) = (None, None);
            }
        }
        for service in &mut pack.external_services {
            service.connector.take_if(|id| self.has("connector", id));
        }
        for plan in &mut pack.backup_plans {
            plan.probe.take_if(|id| self.probes(id));
        }

        let after = of(&led_to(pack));
        let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
        keep(&mut pack.runbooks, "runbook", lines, |it| {
            !gone.contains(&it.id)
        });
        self.add("runbook", gone);
        for runbook in &mut pack.runbooks {
            runbook.then.retain(|id| !self.has("runbook", id));
        }
        keep(&mut pack.accepted, "accept", lines, |it| {
            !self.0.values().any(|ids| ids.contains(&it.on))
        });
    }
}

/// The runbooks that something leads to.
fn led_to(pack: &Pack) -> Vec<String> {
    let rules = pack.rules.iter().filter_map(|it| it.runbook.clone());
    let codes = pack.error_codes.iter().filter_map(|it| it.runbook.clone());
    let beats = pack.heartbeats.iter().filter_map(|it| it.runbook.clone());
    let calls = pack.connectors.iter().filter_map(|it| it.runbook.clone());
    let others = pack.runbooks.iter().flat_map(|it| it.then.clone());
    rules
        .chain(codes)
        .chain(beats)
        .chain(calls)
        .chain(others)
        .collect()
}

/// Keeps some, with their lines, and returns the others.
fn keep<T>(all: &mut Vec<T>, kind: &str, lines: &mut Lines, wanted: impl Fn(&T) -> bool) -> Vec<T> {
    let mut out = Vec::new();
    let mut kept = Vec::with_capacity(all.len());
    for (index, it) in std::mem::take(all).into_iter().enumerate() {
        if wanted(&it) {
            lines.move_to(kind, index, kept.len());
            kept.push(it);
        } else {
            out.push(it);
        }
    }
    *all = kept;
    out
}
