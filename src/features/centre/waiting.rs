//! What waits for somebody's approval.

use chrono::{DateTime, Utc};

use crate::features::alerts::silences::silence::State;
use crate::features::alerts::silences::store as silences;
use crate::features::connectors::store::{self as connectors, proposals};
use crate::features::health::store::claims;
use crate::features::packs::store::{self as packs, changes};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{Conn, Result};

/// One thing that somebody else asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub since: DateTime<Utc>,
    pub what: String,
    pub who: String,
    pub link: String,
}

/// Everything that whoever looks could agree to, the oldest first. What they asked for themselves is not among it.
pub fn of(conn: &mut Conn, signed: &Signed, now: DateTime<Utc>) -> Result<Vec<Waiting>> {
    let mut found = Vec::new();
    let acts = signed.reach_for(Permission::AlertsAct);
    for silence in silences::running(conn, &acts, now)? {
        if silence.state(now) == State::Proposed && !silence.is_by(signed.person) {
            found.push(Waiting {
                since: silence.created.at,
                what: "A silence".to_owned(),
                who: silence.created.name.clone(),
                link: format!("/silences/{}", silence.id),
            });
        }
    }
    let acts = signed.reach_for(Permission::ConnectorsAct);
    for (id, proposal) in proposals::all_open(conn)? {
        let held = connectors::find(conn, id)?;
        let mine = proposal.asked_by == signed.person;
        if !mine && now < proposal.ends_at && connectors::is_within(&acts, held.platform) {
            found.push(Waiting {
                since: proposal.asked_at,
                what: format!("To let every call through to {}", held.name),
                who: proposal.asked_name,
                link: format!("/connectors/{id}"),
            });
        }
    }
    let reports = signed.reach_for(Permission::IndicatorsReport);
    for (item, claim) in claims::all_waiting(conn)? {
        if claim.made_by != signed.person && reports.allows(item.platform) {
            found.push(Waiting {
                since: claim.made_at,
                what: format!(
                    "A value of {}: {} {}",
                    item.name, claim.value, item.spec.unit
                ),
                who: claim.made_name,
                link: format!("/indicators/{}", item.id),
            });
        }
    }
    let applies = signed.reach_for(Permission::PacksApply);
    let platforms = packs::platforms(conn)?;
    for change in changes::open(conn)? {
        let platform = platforms.iter().find(|it| it.id == change.platform);
        let Some(platform) = platform.filter(|it| applies.allows(it.id)) else {
            continue;
        };
        if change.asked_by != signed.person {
            found.push(Waiting {
                since: change.asked_at,
                what: format!("A change of the pack of {}", platform.name),
                who: change.asked_name,
                link: format!("/packs/{}/changes/{}", platform.slug, change.id),
            });
        }
    }
    found.sort_by_key(|waiting| waiting.since);
    Ok(found)
}
