//! Checking and applying packs.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::file::{self, File, Unreadable};
use super::lint::{self, Finding, Severity};
use super::pack::Pack;
use super::parameters::Given;
use super::store::{self, NewItem};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Subject, Tx};
use crate::foundation::db;
use crate::foundation::kernel::PlatformId;

/// Why a pack was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the pack cannot be read:\n{}", lines(.0))]
    Unreadable(Vec<Unreadable>),
    #[error("the pack has errors:\n{}", lines(.0))]
    Wrong(Vec<Finding>),
    #[error(transparent)]
    Database(#[from] db::Error),
}

fn lines(of: &[impl fmt::Display]) -> String {
    let lines: Vec<String> = of.iter().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// What applying a pack did.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub platform: PlatformId,
    pub revision: i64,
    pub differences: Vec<Difference>,
    /// Warnings, accepted or not.
    pub findings: Vec<Finding>,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub kind: String,
    pub slug: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Added,
    /// The fields that differ.
    Changed(Vec<String>),
    Retired,
    Returned,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, slug, what } = self;
        match what {
            What::Added => write!(f, "+ {kind} {slug}"),
            What::Changed(fields) => write!(f, "~ {kind} {slug}: {}", fields.join(", ")),
            What::Retired => write!(f, "- {kind} {slug} (retired; its history stays)"),
            What::Returned => write!(f, "+ {kind} {slug} (back in force)"),
        }
    }
}

/// The parameters that this process's environment gives.
#[must_use]
pub fn environment() -> Given {
    // A variable that is not text cannot be a parameter.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads and lints; nothing is written.
pub fn check(source: &str, given: &Given) -> Result<(File, Vec<Finding>), Vec<Unreadable>> {
    let file = file::read(source, given)?;
    let findings = lint::lint(&file);
    Ok((file, findings))
}

/// Applies a pack whole, in one audited transaction.
pub fn apply(
    services: &Services,
    actor: &Actor,
    source: &str,
    given: &Given,
) -> Result<Outcome, ApplyError> {
    let (file, findings) = check(source, given).map_err(ApplyError::Unreadable)?;
    if lint::has_errors(&findings) {
        let errors = findings
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error);
        return Err(ApplyError::Wrong(errors.collect()));
    }
    let digest = Sha256::digest(source.as_bytes());
    services.audit.write(actor, |tx| {
        let platform = store::lock_platform(tx, &file.pack.platform)?;
        let differences = write_items(tx, platform, &items(&file.pack)?)?;
        let revision = store::save_applied(
            tx,
            platform,
            &file.pack.platform.version,
            &digest,
            &parameters(&file),
            &accepted(&findings),
        )?;
        tx.record(
            Event::new("pack.applied", Subject::new("pack", &file.pack.platform.id))
                .platform(platform)
                .detail("version", file.pack.platform.version.as_str())
                .detail("revision", revision)
                .detail("sha256", hex::encode(digest))
                .detail("differences", summary(&differences)),
        )?;
        Ok(Outcome {
            platform,
            revision,
            differences,
            findings,
        })
    })
}

/// Applies a pack unless exactly this file, with these parameters, is in force: for a demo that is
/// started again, whose log should not fill with starts.
pub fn apply_if_changed(
    services: &Services,
    actor: &Actor,
    source: &str,
    given: &Given,
) -> Result<Option<Outcome>, ApplyError> {
    let (file, _) = check(source, given).map_err(ApplyError::Unreadable)?;
    let wanted = items(&file.pack)?;
    let digest = Sha256::digest(source.as_bytes());
    let in_force = services.db.read(|conn| {
        let of = |platform: &store::Watched| platform.slug == file.pack.platform.id;
        let Some(platform) = store::platforms(conn)?.into_iter().find(of) else {
            return Ok(false);
        };
        let applied = store::applied(conn)?;
        let same_file = applied
            .iter()
            .any(|pack| pack.platform_id == platform.id.uuid() && pack.digest == digest.as_slice());
        let stored = store::stored(conn, platform.id)?;
        let same = |item: &NewItem| {
            let key = (item.kind.to_owned(), item.slug.clone());
            stored
                .get(&key)
                .is_some_and(|was| !was.retired && was.spec == item.spec)
        };
        Ok::<_, db::Error>(same_file && wanted.iter().all(same))
    })?;
    if in_force {
        return Ok(None);
    }
    apply(services, actor, source, given).map(Some)
}

/// Brings what is stored in line with `wanted`.
fn write_items(
    tx: &mut Tx<'_>,
    platform: PlatformId,
    wanted: &[NewItem],
) -> db::Result<Vec<Difference>> {
    let mut stored = store::stored(tx, platform)?;
    let mut differences = Vec::new();
    for item in wanted {
        let what = match stored.remove(&(item.kind.to_owned(), item.slug.clone())) {
            None => {
                store::insert(tx, platform, item)?;
                What::Added
            }
            Some(was) => {
                let fields = changed_fields(&was.spec, &item.spec);
                if fields.is_empty() && !was.retired {
                    if was.position != item.position {
                        store::place(tx, was.id, item.position)?;
                    }
                    continue;
                }
                store::update(tx, was.id, item, was.retired)?;
                if was.retired {
                    What::Returned
                } else {
                    What::Changed(fields)
                }
            }
        };
        differences.push(Difference {
            kind: item.kind.to_owned(),
            slug: item.slug.clone(),
            what,
        });
    }
    for ((kind, slug), was) in stored {
        if !was.retired {
            store::retire(tx, was.id)?;
            differences.push(Difference {
                kind,
                slug,
                what: What::Retired,
            });
        }
    }
    Ok(differences)
}

/// Everything that a pack defines, ready to be stored.
fn items(pack: &Pack) -> db::Result<Vec<NewItem>> {
    let mut items = Vec::new();
    add(&mut items, "service", &pack.services, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "probe", &pack.all_probes(), |it| {
        (&it.id, &it.id)
    })?;
    add(&mut items, "indicator", &pack.indicators, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "event_type", &pack.event_types, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "heartbeat", &pack.heartbeats, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "connector", &pack.connectors, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "log_source", &pack.log_sources, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "error_code", &pack.error_codes, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "rule", &pack.rules, |it| (&it.id, &it.name))?;
    add(&mut items, "slo", &pack.slos, |it| (&it.id, &it.name))?;
    add(&mut items, "capacity", &pack.capacities, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "inhibit", &pack.inhibitions, |it| {
        (&it.id, if it.name.is_empty() { &it.id } else { &it.name })
    })?;
    add(&mut items, "maintenance", &pack.maintenance, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "contact", &pack.contacts, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "rota", &pack.rotas, |it| (&it.id, &it.name))?;
    add(&mut items, "escalation", &pack.escalations, |it| {
        (&it.id, &it.name)
    })?;
    add(
        &mut items,
        "external_service",
        &pack.external_services,
        |it| (&it.id, &it.name),
    )?;
    add(&mut items, "backup_plan", &pack.backup_plans, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "checklist", &pack.checklists, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "release_gate", &pack.release_gates, |it| {
        (&it.id, &it.name)
    })?;
    add(&mut items, "runbook", &pack.runbooks, |it| {
        (&it.id, &it.title)
    })?;
    Ok(items)
}

fn add<T: Serialize>(
    items: &mut Vec<NewItem>,
    kind: &'static str,
    all: &[T],
    names: impl Fn(&T) -> (&String, &String),
) -> db::Result<()> {
    for (position, it) in all.iter().enumerate() {
        let (slug, name) = names(it);
        items.push(NewItem {
            kind,
            slug: slug.clone(),
            name: name.clone(),
            position: i32::try_from(position).unwrap_or(i32::MAX),
            spec: serde_json::to_value(it)
                .map_err(|error| db::Error::Event(format!("{kind} {slug}: {error}")))?,
        });
    }
    Ok(())
}

fn changed_fields(was: &Value, now: &Value) -> Vec<String> {
    let (Value::Object(was), Value::Object(now)) = (was, now) else {
        return vec!["everything".to_owned()];
    };
    let mut fields: Vec<String> = was
        .keys()
        .chain(now.keys())
        .filter(|key| was.get(*key) != now.get(*key))
        .cloned()
        .collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn parameters(file: &File) -> Value {
    let each = file
        .parameters
        .iter()
        .map(|parameter| json!({ "name": parameter.name, "given": parameter.given }));
    each.collect()
}

fn accepted(findings: &[Finding]) -> Value {
    let each = findings
        .iter()
        .filter_map(|finding| match &finding.severity {
            Severity::Accepted(reason) => Some(json!({
                "warning": finding.code,
                "on": finding.on,
                "message": finding.message,
                "reason": reason,
            })),
            _ => None,
        });
    each.collect()
}

/// For the event: names only, and at most a screenful of them.
fn summary(differences: &[Difference]) -> Value {
    const AT_MOST: usize = 200;
    differences
        .iter()
        .take(AT_MOST)
        .map(ToString::to_string)
        .collect()
}
