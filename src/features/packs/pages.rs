use std::collections::{BTreeMap, HashMap};

use actix_web::web::Data;
use serde::Deserialize;

use super::store::{self, Applied, Watched};
use super::views::{self, PackCard};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Nav, block};

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
