//! What waits for somebody: for their approval, or for their hand.
//!
//! Each kind is one bounded query, over the platforms on which whoever looks may answer it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::features::alerts::silences::silence::{Silence, State};
use crate::features::alerts::silences::store as silences;
use crate::features::alerts::store::listed as alerts;
use crate::features::alerts::windows::store as windows;
use crate::features::alerts::windows::window::Window;
use crate::features::checklists::store as checklists;
use crate::features::connectors::store::{self as connectors, proposals};
use crate::features::health::store::claims;
use crate::features::incidents::store::reviews;
use crate::features::packs::store::{self as packs, Watched, changes};
use crate::features::releases::release::ReleaseId;
use crate::features::releases::store::{self as releases, gates};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

/// Nobody goes through more of a kind at once; the others stand on its own page.
const OF_A_KIND: i64 = 200;
const ALERTS: usize = 200;

/// One thing that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub since: DateTime<Utc>,
    pub what: String,
    pub who: String,
    pub link: String,
}

/// Everything that whoever looks could agree to, and the alerts that are theirs, the oldest first. What they asked for
/// themselves is not among it.
pub fn of(conn: &mut Conn, signed: &Signed, now: DateTime<Utc>) -> Result<Vec<Waiting>> {
    let platforms = packs::platforms(conn)?;
    let look = Look {
        signed,
        now,
        platforms: &platforms,
    };
    let mut found = look.silences(conn)?;
    found.extend(look.countersignatures(conn)?);
    found.extend(look.windows(conn)?);
    found.extend(look.breakers(conn)?);
    found.extend(look.claims(conn)?);
    found.extend(look.changes(conn)?);
    found.extend(look.checklists(conn)?);
    found.extend(look.releases(conn)?);
    found.extend(look.reviews(conn)?);
    found.extend(look.assigned(conn)?);
    found.sort_by_key(|waiting| waiting.since);
    Ok(found)
}

/// Who looks, and when.
struct Look<'l> {
    signed: &'l Signed,
    now: DateTime<Utc>,
    platforms: &'l [Watched],
}

impl Look<'_> {
    fn platform(&self, id: PlatformId) -> &str {
        let found = self.platforms.iter().find(|it| it.id == id);
        found.map_or("a platform", |it| &it.name)
    }

    fn silences(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let acts = self.signed.reach_for(Permission::AlertsAct);
        let mut running = silences::running(conn, &acts, self.now)?;
        running.retain(|it| it.state(self.now) == State::Proposed && !it.is_by(self.signed.person));
        let line = |silence: Silence| Waiting {
            since: silence.created.at,
            what: "A silence".to_owned(),
            link: format!("/silences/{}", silence.id),
            who: silence.created.name,
        };
        Ok(running.into_iter().map(line).collect())
    }

    /// One who silenced a red alert alone owes somebody else's signature.
    fn countersignatures(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let acts = self.signed.reach_for(Permission::AlertsAct);
        let mut owed = silences::owed(conn, &acts)?;
        owed.retain(|it| !it.is_by(self.signed.person));
        let line = |silence: Silence| {
            let late = if silence.is_overdue(self.now) {
                ", overdue"
            } else {
                ""
            };
            Waiting {
                since: silence.created.at,
                what: format!("A countersignature under a silence of a red alert{late}"),
                link: format!("/silences/{}", silence.id),
                who: silence.created.name,
            }
        };
        Ok(owed.into_iter().map(line).collect())
    }

    fn windows(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let acts = self.signed.reach_for(Permission::AlertsAct);
        let mut proposed = windows::proposed(conn, &acts, self.now, OF_A_KIND)?;
        proposed.retain(|it| it.announced_by != Some(self.signed.person));
        let line = |window: Window| Waiting {
            since: window.announced_at,
            what: format!("Maintenance at short notice: {}", window.name),
            link: format!("/maintenance/{}", window.id),
            who: window.announced_name,
        };
        Ok(proposed.into_iter().map(line).collect())
    }

    fn breakers(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let acts = self.signed.reach_for(Permission::ConnectorsAct);
        let mut found = Vec::new();
        for (id, proposal) in proposals::all_open(conn)? {
            let held = connectors::find(conn, id)?;
            let mine = proposal.asked_by == self.signed.person;
            let in_time = self.now < proposal.ends_at;
            if !mine && in_time && connectors::is_within(&acts, held.platform) {
                found.push(Waiting {
                    since: proposal.asked_at,
                    what: format!("To let every call through to {}", held.name),
                    who: proposal.asked_name,
                    link: format!("/connectors/{id}"),
                });
            }
        }
        Ok(found)
    }

    fn claims(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let reports = self.signed.reach_for(Permission::IndicatorsReport);
        let mut found = Vec::new();
        for (item, claim) in claims::all_waiting(conn)? {
            if claim.made_by != self.signed.person && reports.allows(item.platform) {
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
        Ok(found)
    }

    fn changes(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let applies = self.signed.reach_for(Permission::PacksApply);
        let mut found = Vec::new();
        for change in changes::open(conn)? {
            let platform = self.platforms.iter().find(|it| it.id == change.platform);
            let Some(platform) = platform.filter(|it| applies.allows(it.id)) else {
                continue;
            };
            if change.asked_by != self.signed.person {
                found.push(Waiting {
                    since: change.asked_at,
                    what: format!("A change of the pack of {}", platform.name),
                    who: change.asked_name,
                    link: format!("/packs/{}/changes/{}", platform.slug, change.id),
                });
            }
        }
        Ok(found)
    }

    /// Whoever signed a list, or answered for an item of it, does not look it over.
    fn checklists(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let reviews = self.signed.reach_for(Permission::ChecklistsReview);
        let mut signed = checklists::to_review(conn, &reviews, OF_A_KIND)?;
        signed.retain(|it| !it.performers.contains(&self.signed.person));
        let line = |list: checklists::Signed| Waiting {
            since: list.at,
            what: format!("A checklist to look over: {}", list.name),
            who: list.by,
            link: format!("/checklists/runs/{}", list.id),
        };
        Ok(signed.into_iter().map(line).collect())
    }

    /// Releases to be approved, and gates of them over which somebody could go.
    fn releases(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let approves = self.signed.reach_for(Permission::ReleasesApprove);
        let open = releases::all(conn, &approves, (false, None), OF_A_KIND)?;
        let ids: Vec<ReleaseId> = open.iter().map(|it| it.id).collect();
        let mut closed: HashMap<ReleaseId, Vec<_>> = HashMap::new();
        for (id, gate) in gates::closed(conn, &ids, OF_A_KIND)? {
            closed.entry(id).or_default().push(gate);
        }
        let mut found = Vec::new();
        for release in &open {
            let name = format!("{} {}", self.platform(release.platform), release.to);
            let line = |since, what| Waiting {
                since,
                what,
                who: release.proposed.name.clone(),
                link: format!("/releases/{}", release.id),
            };
            if release.may_approve(self.signed.person).is_ok() {
                found.push(line(release.proposed.at, format!("The release {name}")));
            }
            for gate in closed.remove(&release.id).unwrap_or_default() {
                if release.may_override(&gate, self.signed.person).is_ok() {
                    let since = gate.settled_at.unwrap_or(gate.asked_at);
                    let what = format!("A gate of the release {name}: {}", gate.spec.name);
                    found.push(line(since, what));
                }
            }
        }
        Ok(found)
    }

    /// Whoever wrote at a review, or signed it, does not approve it.
    fn reviews(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let approves = self.signed.reach_for(Permission::IncidentsApprove);
        let mut found = Vec::new();
        for (review, title) in reviews::to_approve(conn, &approves, OF_A_KIND)? {
            let is_own = review.is_own(self.signed.person);
            if let Some(hand) = review.signed.filter(|_| !is_own) {
                found.push(Waiting {
                    since: hand.at,
                    what: format!("The review of the incident {title}"),
                    who: hand.name,
                    link: format!("/incidents/{}/review", review.incident),
                });
            }
        }
        Ok(found)
    }

    /// Alerts that are theirs and that nobody has in hand.
    fn assigned(&self, conn: &mut Conn) -> Result<Vec<Waiting>> {
        let reads = self.signed.reach_for(Permission::AlertsRead);
        let theirs = alerts::assigned(conn, &reads, self.signed.person, ALERTS)?;
        let mut found = Vec::new();
        for alert in theirs {
            if alert.is_acknowledged(self.now) {
                continue;
            }
            if let Some(to) = alert.assigned {
                found.push(Waiting {
                    since: to.at,
                    what: format!("The alert {} is yours", alert.name),
                    who: self.platform(alert.platform).to_owned(),
                    link: format!("/alerts/{}", alert.id),
                });
            }
        }
        Ok(found)
    }
}
