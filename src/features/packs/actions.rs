//! Checking and applying packs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::change::Change;
use super::file::{self, File, Unreadable};
use super::guards::{self, Lowering, Specs};
use super::lint::{self, Finding, Severity};
use super::pack::Pack;
use super::parameters::Given;
use super::store::revisions::{self, Revision};
use super::store::{self, NewItem, Stored};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, ActorKind, Event, Subject, Tx};
use crate::foundation::db::{self, Conn};
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

/// A pack that may be applied.
#[derive(Debug)]
pub struct Prepared {
    pub file: File,
    /// Warnings, accepted or not.
    pub findings: Vec<Finding>,
    pub source: String,
    pub digest: Vec<u8>,
    items: Vec<NewItem>,
}

impl Prepared {
    /// Reads and lints.
    ///
    /// # Errors
    /// What keeps it from being applied.
    pub fn new(source: &str, given: &Given) -> Result<Self, ApplyError> {
        let (file, findings) = check(source, given).map_err(ApplyError::Unreadable)?;
        if lint::has_errors(&findings) {
            let errors = findings
                .into_iter()
                .filter(|finding| finding.severity == Severity::Error);
            return Err(ApplyError::Wrong(errors.collect()));
        }
        Ok(Self {
            items: items(&file.pack)?,
            digest: Sha256::digest(source.as_bytes()).to_vec(),
            source: source.to_owned(),
            findings,
            file,
        })
    }

    /// What it defines, by kind and name.
    #[must_use]
    pub fn specs(&self) -> Specs {
        keyed(&self.items)
    }

    /// What applying it would change; nothing is written.
    ///
    /// # Errors
    /// The database.
    pub fn differences(&self, conn: &mut Conn) -> db::Result<Vec<Difference>> {
        let stored = match store::find(conn, &self.file.pack.platform.id)? {
            Some(platform) => store::stored(conn, platform.id)?,
            None => BTreeMap::new(),
        };
        Ok(compared(stored, &self.items)
            .into_iter()
            .filter_map(|step| step.difference())
            .collect())
    }

    /// Which guards it lowers beside what is in force.
    ///
    /// # Errors
    /// The database.
    pub fn lowers(&self, conn: &mut Conn) -> db::Result<Vec<Lowering>> {
        let described = &self.file.pack.platform;
        let Some(platform) = store::find(conn, &described.id)? else {
            return Ok(Vec::new());
        };
        let mut lowers = guards::lowered(&store::in_force(conn, platform.id)?, &self.specs());
        if let Some(zone) = guards::moved(platform.zone.name(), &described.zone, &described.id) {
            lowers.push(zone);
        }
        let before = match revisions::in_force(conn, platform.id)? {
            Some(applied) => applied.accepted,
            None => Value::Null,
        };
        let before: Vec<Accepted> = serde_json::from_value(before).unwrap_or_default();
        for finding in &self.findings {
            let known = |it: &Accepted| it.warning == finding.code && it.on == finding.on;
            if matches!(finding.severity, Severity::Accepted(_)) && !before.iter().any(known) {
                lowers.push(guards::newly_accepted(finding.code, &finding.on));
            }
        }
        Ok(lowers)
    }
}

fn keyed(items: &[NewItem]) -> Specs {
    let keyed = |item: &NewItem| ((item.kind.to_owned(), item.slug.clone()), item.spec.clone());
    items.iter().map(keyed).collect()
}

/// Everything that a pack defines, by kind and name.
///
/// # Errors
/// A definition that cannot be written down.
#[cfg(test)]
pub(super) fn specs(pack: &Pack) -> db::Result<Specs> {
    Ok(keyed(&items(pack)?))
}

/// A warning that is accepted, as it is kept.
#[derive(serde::Deserialize)]
struct Accepted {
    warning: String,
    on: String,
}

/// Who applies a pack, besides the actor's id, and why.
#[derive(Clone, Copy, Debug, Default)]
pub struct Why<'w> {
    /// What people call whoever applies it.
    pub name: Option<&'w str>,
    pub reason: Option<&'w str>,
    /// The change that a second person has looked at, and who proposed it.
    pub change: Option<&'w Change>,
}

/// Applies a pack whole, in one audited transaction.
pub fn apply(
    services: &Services,
    actor: &Actor,
    source: &str,
    given: &Given,
) -> Result<Outcome, ApplyError> {
    let prepared = Prepared::new(source, given)?;
    services
        .audit
        .write(actor, |tx| apply_within(tx, &prepared, Why::default()))
        .map_err(ApplyError::from)
}

/// The same within a transaction of somebody else's. The platform is locked first: packs of one are applied one at a
/// time.
///
/// # Errors
/// The database.
pub fn apply_within(tx: &mut Tx<'_>, prepared: &Prepared, why: Why<'_>) -> db::Result<Outcome> {
    let described = &prepared.file.pack.platform;
    let platform = store::lock_known(tx, &described.id)?;
    let lowers = match platform {
        Some(_) => prepared.lowers(tx)?,
        None => Vec::new(),
    };
    let platform = store::lock_platform(tx, described)?;
    let differences = write_items(tx, platform, &prepared.items)?;
    let digest = prepared.digest.as_slice();
    let accepted = accepted(&prepared.findings);
    let revision = store::save_applied(
        tx,
        platform,
        &described.version,
        digest,
        &parameters(&prepared.file, false),
        &accepted,
    )?;
    keep(tx, platform, revision, prepared, &differences, &lowers, why)?;
    let event = Event::new("pack.applied", Subject::new("pack", &described.id))
        .platform(platform)
        .detail("version", described.version.as_str())
        .detail("revision", revision)
        .detail("sha256", hex::encode(digest))
        .detail("differences", summary(&differences))
        .detail("lowers", summary(&lowers));
    let event = match why.reason {
        Some(reason) => event.detail("reason", reason),
        None => event,
    };
    tx.record(match why.change {
        Some(change) => event
            .detail("change", change.id.to_string())
            .detail("proposed_by", change.asked_by.to_string()),
        None => event,
    })?;
    Ok(Outcome {
        platform,
        revision,
        differences,
        findings: prepared.findings.clone(),
    })
}

/// Keeps the file as it was given.
fn keep(
    tx: &mut Tx<'_>,
    platform: PlatformId,
    revision: i64,
    prepared: &Prepared,
    differences: &[Difference],
    lowers: &[Lowering],
    why: Why<'_>,
) -> db::Result<()> {
    let actor = tx.actor().clone();
    let (through, name) = match actor.kind() {
        ActorKind::Person => ("pages", actor.id().to_owned()),
        ActorKind::CommandLine => (
            "command_line",
            format!("{} on the command line", actor.id()),
        ),
        _ => ("job", "Signalbox itself".to_owned()),
    };
    let revision = Revision {
        platform_id: platform.uuid(),
        revision,
        version: prepared.file.pack.platform.version.clone(),
        source: prepared.source.clone(),
        digest: prepared.digest.clone(),
        parameters: parameters(&prepared.file, true),
        accepted: accepted(&prepared.findings),
        differences: differences.iter().map(ToString::to_string).collect(),
        lowers: lowers.iter().map(ToString::to_string).collect(),
        applied_at: tx.now(),
        applied_by: actor.to_string(),
        applied_name: why.name.map_or(name, str::to_owned),
        through: through.to_owned(),
        reason: why.reason.map(str::to_owned),
        change_id: why.change.map(|change| change.id.uuid()),
    };
    revisions::insert(tx, &revision)
}

/// Applies a pack unless exactly this file, with these parameters, is in force: for a demo that is
/// started again, whose log should not fill with starts. What people have made of it since stays as they want it.
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
        if revisions::is_changed_since(conn, platform.id, &digest)? {
            return Ok(true);
        }
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

/// What becomes of one thing that is wanted, or stored.
enum Step<'i> {
    Add(&'i NewItem),
    Place(Uuid, i32),
    Update {
        id: Uuid,
        item: &'i NewItem,
        returns: bool,
        fields: Vec<String>,
    },
    Retire {
        id: Uuid,
        kind: String,
        slug: String,
    },
}

impl Step<'_> {
    /// What people are told of it.
    fn difference(&self) -> Option<Difference> {
        let (kind, slug, what) = match self {
            Self::Add(item) => (item.kind, &item.slug, What::Added),
            Self::Place(..) => return None,
            Self::Update {
                item,
                returns,
                fields,
                ..
            } => {
                let what = if *returns {
                    What::Returned
                } else {
                    What::Changed(fields.clone())
                };
                (item.kind, &item.slug, what)
            }
            Self::Retire { kind, slug, .. } => (kind.as_str(), slug, What::Retired),
        };
        Some(Difference {
            kind: kind.to_owned(),
            slug: slug.clone(),
            what,
        })
    }
}

/// What brings `stored` in line with `wanted`.
fn compared(mut stored: BTreeMap<(String, String), Stored>, wanted: &[NewItem]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for item in wanted {
        let Some(was) = stored.remove(&(item.kind.to_owned(), item.slug.clone())) else {
            steps.push(Step::Add(item));
            continue;
        };
        let fields = changed_fields(&was.spec, &item.spec);
        if !fields.is_empty() || was.retired {
            steps.push(Step::Update {
                id: was.id,
                item,
                returns: was.retired,
                fields,
            });
        } else if was.position != item.position {
            steps.push(Step::Place(was.id, item.position));
        }
    }
    let gone = stored.into_iter().filter(|(_, was)| !was.retired);
    steps.extend(gone.map(|((kind, slug), was)| Step::Retire {
        id: was.id,
        kind,
        slug,
    }));
    steps
}

/// Brings what is stored in line with `wanted`.
fn write_items(
    tx: &mut Tx<'_>,
    platform: PlatformId,
    wanted: &[NewItem],
) -> db::Result<Vec<Difference>> {
    let stored = store::stored(tx, platform)?;
    let steps = compared(stored, wanted);
    for step in &steps {
        match step {
            Step::Add(item) => store::insert(tx, platform, item)?,
            Step::Place(id, position) => store::place(tx, *id, *position)?,
            Step::Update {
                id, item, returns, ..
            } => store::update(tx, *id, item, *returns)?,
            Step::Retire { id, .. } => store::retire(tx, *id)?,
        }
    }
    Ok(steps.iter().filter_map(Step::difference).collect())
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

/// Names, whether a value was given, and which where that is wanted.
fn parameters(file: &File, with_values: bool) -> Value {
    let each = file.parameters.iter().map(|parameter| {
        let mut said = json!({ "name": parameter.name, "given": parameter.given.is_some() });
        if with_values {
            said["value"] = json!(parameter.given);
        }
        said
    });
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
pub(super) fn summary(differences: &[impl fmt::Display]) -> Value {
    const AT_MOST: usize = 200;
    differences
        .iter()
        .take(AT_MOST)
        .map(ToString::to_string)
        .collect()
}
