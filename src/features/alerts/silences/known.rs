//! What a silence would be about: the alerts that there are, were lately, or may be.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::matcher::{Matcher, all_match};
use super::silence::{Asked, Governance, by_name, governance, may_mean};
use super::store;
use crate::features::alerts::labels::{Labels, SEVERITY, identity, with_severity};
use crate::features::alerts::lamp::labels_of;
use crate::features::alerts::snapshot::Snapshot;
use crate::features::alerts::store::{Alert, known};
use crate::features::packs::pack::Rule;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{Level, PlatformId};

/// An alert that is known by what it is about.
struct Identity {
    labels: Labels,
    can_be_red: bool,
}

/// What would happen if somebody made a silence now.
pub struct Preview {
    pub governance: Governance,
    /// The one alert that it would be about.
    pub fingerprint: Option<String>,
    pub can_be_red: bool,
    /// What is lit, and nobody would be told of.
    pub lit: Vec<Alert>,
    /// How many alerts of the last 30 days it would have met.
    pub lately: usize,
}

/// Holds matchers against what is known of a platform.
pub fn preview(
    conn: &mut Conn,
    platform: PlatformId,
    matchers: &[Matcher],
    lasts: TimeDelta,
    now: DateTime<Utc>,
) -> db::Result<Preview> {
    let alerts = known::lately(conn, platform, now)?;
    let mut identities = of_rules(conn, platform, now)?;
    for alert in &alerts {
        let can_be_red = alert.was_red || alert.level == Level::Red;
        let known = identities
            .entry(alert.fingerprint.clone())
            .or_insert_with(|| Identity {
                labels: alert.labels.clone(),
                can_be_red,
            });
        known.can_be_red |= can_be_red;
    }
    identities.retain(|_, known| may_mean(matchers, &known.labels));
    let only = identities
        .first_key_value()
        .filter(|_| identities.len() == 1);
    let fingerprint = only.map(|(fingerprint, _)| fingerprint.clone());
    // What names how bad it is does not mean it once it is worse.
    let means_red = matchers
        .iter()
        .filter(|matcher| matcher.name == SEVERITY)
        .all(|matcher| matcher.matches(&with_severity(&Labels::new(), Level::Red)));
    let can_be_red = means_red && identities.values().any(|known| known.can_be_red);
    let again = match &fingerprint {
        Some(one) => store::was_alone_lately(conn, platform, one, now)?,
        None => false,
    };
    let governance = governance(Asked {
        identities: identities.len(),
        by_name: by_name(matchers),
        can_be_red,
        lasts,
        again,
    });
    let mut met: Vec<Alert> = alerts
        .into_iter()
        .filter(|alert| all_match(matchers, &alert.labels()))
        .collect();
    let lately = met.len();
    met.retain(|alert| alert.firing);
    Ok(Preview {
        governance,
        fingerprint: fingerprint.filter(|_| by_name(matchers)),
        can_be_red,
        lit: met,
        lately,
    })
}

/// The lamps that rules in force may light, lit or not.
fn of_rules(
    conn: &mut Conn,
    platform: PlatformId,
    now: DateTime<Utc>,
) -> db::Result<BTreeMap<String, Identity>> {
    let snapshot = Snapshot::read(conn, now)?;
    let own = snapshot
        .rules
        .iter()
        .filter(|item| item.platform == platform);
    let known = own.filter_map(|item| {
        let rule: Rule = serde_json::from_value(item.spec.clone()).ok()?;
        let labels = labels_of(&snapshot, item, &rule);
        let can_be_red = rule.red.is_some();
        Some((identity(&labels), Identity { labels, can_be_red }))
    });
    Ok(known.collect())
}
