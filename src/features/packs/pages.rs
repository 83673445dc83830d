use std::collections::{BTreeMap, HashMap};

use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::change::Change;
use super::change_pages::visible;
use super::store::{self, Applied, Watched, changes as kept, revisions};
use super::views::{self, ChangeRow, PackCard, RevisionRow};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::format::{counted, relative};
use crate::foundation::web::{self, Chrome, Lamp, Nav, block};

/// `GET /packs`: what each platform runs on.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let (platforms, applied, counts) = block(move || {
        app.db.read(|conn| {
            let platforms = store::platforms(conn)?;
            Ok::<_, web::Error>((platforms, store::applied(conn)?, store::counts(conn)?))
        })
    })
    .await?;
    let mut applied: HashMap<_, _> = applied
        .into_iter()
        .map(|pack| (PlatformId::from(pack.platform_id), pack))
        .collect();
    let packs = platforms
        .iter()
        .filter(|platform| view.allows(platform.id))
        .filter_map(|platform| Some(card(platform, applied.remove(&platform.id)?, &counts)));
    web::page(&views::List {
        packs: packs.collect(),
        chrome: Chrome::new(&signed, &services, "Packs", Nav::Packs),
    })
}

/// `GET /packs/{platform}`: what is in force, what waits, and every version.
pub async fn one(signed: Signed, services: Data<Services>, slug: Path<String>) -> web::Result {
    let view = block(move || {
        services.db.read(|conn| {
            let platform = visible(conn, &signed, &slug)?;
            let applied = revisions::in_force(conn, platform.id)?.ok_or(web::Error::NotFound)?;
            let counts = store::counts(conn)?;
            let kept = revisions::last(conn, platform.id, VERSIONS_SHOWN)?;
            let (answered, waiting): (Vec<_>, Vec<_>) =
                kept::last(conn, platform.id, CHANGES_SHOWN)?
                    .into_iter()
                    .partition(|change| change.answer.is_some());
            let number = applied.revision;
            let row = |change: &Change| ChangeRow::of(change, &platform.slug, number);
            let in_force = kept.iter().find(|it| it.revision == number);
            let has_source = in_force.is_some();
            let by = in_force.map_or_else(|| applied.applied_by.clone(), views::applied_by);
            let chrome = Chrome::new(&signed, &services, &platform.name, Nav::Packs);
            let (lamp, sentence) = verdict(&platform, number, waiting.len());
            let pack = card(&platform, applied, &counts);
            let since = relative(
                pack.applied_at,
                services.clock.now(),
                signed.preferences.zone,
            );
            Ok::<_, web::Error>(views::One {
                detail: detail(&since, &by, pack.accepted.len(), has_source),
                waiting: waiting.iter().map(row).collect(),
                answered: answered.iter().map(row).collect(),
                revisions: kept.into_iter().map(RevisionRow::of).collect(),
                may_change: has_source && signed.may_at(Permission::PacksPropose, platform.id),
                has_source,
                lamp,
                sentence,
                pack,
                chrome,
            })
        })
    })
    .await?;
    web::page(&view)
}

const VERSIONS_SHOWN: i64 = 50;
const CHANGES_SHOWN: i64 = 50;

fn verdict(platform: &Watched, revision: i64, waiting: usize) -> (Lamp, String) {
    let name = &platform.name;
    match waiting {
        0 => (Lamp::Clear, format!("{name} runs on revision {revision}")),
        1 => (
            Lamp::Yellow,
            format!("{name} runs on revision {revision}, and a change waits for a second person"),
        ),
        many => (
            Lamp::Yellow,
            format!(
                "{name} runs on revision {revision}, and {many} changes wait for a second person"
            ),
        ),
    }
}

fn detail(since: &str, by: &str, accepted: usize, has_source: bool) -> String {
    let warnings = match accepted {
        0 => "No warning is accepted".to_owned(),
        1 => "One warning is accepted".to_owned(),
        many => format!("{many} warnings are accepted"),
    };
    let text = if has_source {
        ""
    } else {
        " It was applied before Signalbox kept what packs say: apply its file once more, and it can be exported and changed."
    };
    format!("Applied {since} by {by}. {warnings}.{text}")
}

/// The revision that another is held against.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    against: Option<i64>,
}

/// `GET /packs/{platform}/revisions/{revision}`
pub async fn revision(
    signed: Signed,
    services: Data<Services>,
    path: Path<(String, i64)>,
    held: Query<Against>,
) -> web::Result {
    let (slug, number) = path.into_inner();
    let view = block(move || {
        services.db.read(|conn| {
            let platform = visible(conn, &signed, &slug)?;
            let applied = revisions::in_force(conn, platform.id)?.ok_or(web::Error::NotFound)?;
            let revision =
                revisions::one(conn, platform.id, number)?.ok_or(web::Error::NotFound)?;
            let against = match held.against {
                Some(other) => {
                    Some(revisions::one(conn, platform.id, other)?.ok_or(web::Error::NotFound)?)
                }
                None => revisions::before(conn, platform.id, number)?,
            };
            let all = revisions::last(conn, platform.id, VERSIONS_SHOWN)?;
            let others = all.iter().map(|it| it.revision).filter(|it| *it != number);
            let title = format!("Revision {number} of {}", platform.name);
            let before = against.as_ref().map(|it| it.source.as_str());
            let change = revision
                .change_id
                .map(|id| format!("/packs/{slug}/changes/{id}"));
            Ok::<_, web::Error>(views::RevisionPage {
                chrome: Chrome::new(&signed, &services, &title, Nav::Packs),
                by: views::applied_by(&revision),
                lede: if applied.revision == number {
                    "This is what is in force."
                } else {
                    "This is not in force any more."
                },
                title,
                change,
                parameters: revision.parameters().into_iter().collect(),
                others: others.collect(),
                hunks: before
                    .map_or_else(Vec::new, |before| views::hunks(before, &revision.source)),
                against: against.as_ref().map(|it| it.revision),
                platform: platform.name,
                slug: platform.slug,
                revision,
            })
        })
    })
    .await?;
    web::page(&view)
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    given: bool,
}

fn card(
    platform: &Watched,
    pack: Applied,
    counts: &BTreeMap<(PlatformId, String), i64>,
) -> PackCard {
    const KINDS: [(&str, &str, &str); 12] = [
        ("service", "service", "services"),
        ("probe", "probe", "probes"),
        ("indicator", "indicator", "indicators"),
        ("event_type", "type of event", "types of event"),
        ("heartbeat", "heartbeat", "heartbeats"),
        ("rule", "rule", "rules"),
        ("contact", "contact", "contacts"),
        ("rota", "rota", "rotas"),
        ("escalation", "escalation", "escalations"),
        ("checklist", "checklist", "checklists"),
        ("release_gate", "release gate", "release gates"),
        ("runbook", "runbook", "runbooks"),
    ];
    let runs: Vec<String> = KINDS
        .into_iter()
        .filter_map(|(kind, one, many)| {
            let count = counts.get(&(platform.id, kind.to_owned()))?;
            Some(counted(count.unsigned_abs(), one, many))
        })
        .collect();
    // Both were written by us; what an older version wrote otherwise is left out rather than guessed.
    let parameters: Vec<Parameter> = serde_json::from_value(pack.parameters).unwrap_or_default();
    let (given, defaults): (Vec<_>, Vec<_>) = parameters.into_iter().partition(|it| it.given);
    let names = |parameters: Vec<Parameter>| parameters.into_iter().map(|it| it.name).collect();
    PackCard {
        platform: platform.name.clone(),
        slug: platform.slug.clone(),
        version: pack.version,
        revision: pack.revision,
        digest: hex::encode(pack.digest),
        applied_at: pack.applied_at,
        applied_by: pack.applied_by,
        runs: runs.join(", "),
        given: names(given),
        defaults: names(defaults),
        accepted: serde_json::from_value(pack.accepted).unwrap_or_default(),
    }
}
