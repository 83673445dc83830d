//! The whole Overview in one sentence.

use super::store::Alert;
use crate::features::health::board::{ServiceStatus, Standing};
use crate::foundation::kernel::Level;
use crate::foundation::web::Lamp;
use crate::foundation::web::format::counted;

#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
}

impl Verdict {
    /// For whoever may see nothing of what is watched: that is no good news, and no bad.
    #[must_use]
    pub fn nothing_to_see() -> Self {
        Self {
            lamp: Lamp::Unknown,
            sentence: "You hold no role yet".to_owned(),
            detail: "An administrator proposes one for you and a second one approves it. Until then you see your own \
                     account."
                .to_owned(),
        }
    }

    /// Services that are down or have a red or yellow alert need attention; where none does, alerts
    /// about anything else do; then comes what nobody knows.
    #[must_use]
    pub fn of(services: &[ServiceStatus], open: &[Alert]) -> Self {
        let pressing: Vec<&Alert> = open
            .iter()
            .filter(|alert| alert.level > Level::Blue)
            .collect();
        let needs = |service: &&ServiceStatus| {
            matches!(service.state, Standing::Down | Standing::Impaired)
                || pressing
                    .iter()
                    .any(|alert| alert.service == Some(service.id))
        };
        let total = services.len() as u64;
        let needing = services.iter().filter(needs).count() as u64;
        let unknown = services
            .iter()
            .filter(|it| it.state == Standing::Unknown)
            .count() as u64;
        let elsewhere = pressing
            .iter()
            .filter(|alert| {
                !services
                    .iter()
                    .any(|service| alert.service == Some(service.id))
            })
            .count() as u64;
        let of_all = format!("of {}", counted(total, "service", "services"));
        let others = counted(elsewhere, "alert needs attention", "alerts need attention");
        let worst = pressing.iter().map(|alert| alert.level).max();
        let lamp = worst.map_or(Lamp::Clear, Lamp::from);
        let is = |state| services.iter().any(|service| service.state == state);
        let said = |lamp, sentence: String, detail: String| Self {
            lamp,
            sentence,
            detail,
        };
        if total == 0 && pressing.is_empty() {
            let how = "Services come with packs: signalbox pack apply FILE.";
            return said(
                Lamp::Unknown,
                "Nothing is watched yet".to_owned(),
                how.to_owned(),
            );
        }
        if needing > 0 {
            let verb = if needing == 1 { "needs" } else { "need" };
            let detail = if elsewhere > 0 {
                format!("Beside them, {others}.")
            } else {
                String::new()
            };
            let lamp = if is(Standing::Down) {
                Lamp::Red
            } else if is(Standing::Impaired) && worst.is_none() {
                Lamp::Yellow
            } else {
                lamp
            };
            return said(lamp, format!("{needing} {of_all} {verb} attention"), detail);
        }
        if elsewhere > 0 {
            let detail = match unknown {
                0 => format!("No service is down, out of {total}."),
                _ => format!(
                    "Of {}, {unknown} cannot be seen.",
                    counted(total, "service", "services")
                ),
            };
            return said(lamp, others, detail);
        }
        if unknown > 0 {
            let verb = if unknown == 1 { "is" } else { "are" };
            let detail = "They have not been heard of, or not for long enough.";
            return said(
                Lamp::Unknown,
                format!("{unknown} {of_all} {verb} unknown"),
                detail.to_owned(),
            );
        }
        let sentence = if total == 1 {
            "The one service is well".to_owned()
        } else {
            format!("All {total} services are well")
        };
        said(Lamp::Clear, sentence, String::new())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::Utc;
    use chrono_tz::Tz;

    use super::*;
    use crate::features::alerts::AlertId;
    use crate::features::packs::pack::ItemId;
    use crate::features::packs::store::Watched;
    use crate::foundation::kernel::PlatformId;

    fn service(state: Standing) -> ServiceStatus {
        ServiceStatus {
            id: ItemId::new(),
            slug: "api".into(),
            name: "API".into(),
            about: String::new(),
            platform: Watched {
                id: PlatformId::new(),
                slug: "p".into(),
                name: "P".into(),
                zone: Tz::UTC,
            },
            state,
            since: None,
            p95_us: None,
            error_share: None,
            spark: Vec::new(),
            checked_at: None,
            probes: Vec::new(),
            demo: false,
        }
    }

    fn alert(level: Level, service: Option<ItemId>) -> Alert {
        let now = Utc::now();
        Alert {
            id: AlertId::new(),
            platform: PlatformId::new(),
            rule: Some(ItemId::new()),
            service,
            fingerprint: "0".repeat(16),
            labels: BTreeMap::new(),
            firing: true,
            level,
            name: "A".into(),
            summary: String::new(),
            reading: String::new(),
            active_at: now,
            fired_at: now,
            level_at: now,
            was_red: level == Level::Red,
            resolved_at: None,
            acknowledged: None,
            flapping_since: None,
            assigned: None,
        }
    }

    #[test]
    fn the_verdict_counts_services_first() {
        use Standing::{Down, Impaired, Unknown, Up};
        let check = |services: &[ServiceStatus], open: &[Alert], lamp, sentence: &str| {
            let verdict = Verdict::of(services, open);
            assert_eq!((verdict.lamp, verdict.sentence.as_str()), (lamp, sentence));
        };
        check(&[], &[], Lamp::Unknown, "Nothing is watched yet");
        check(
            &[service(Up), service(Up)],
            &[],
            Lamp::Clear,
            "All 2 services are well",
        );
        check(
            &[service(Up), service(Unknown)],
            &[],
            Lamp::Unknown,
            "1 of 2 services is unknown",
        );
        check(
            &[service(Down), service(Up)],
            &[],
            Lamp::Red,
            "1 of 2 services needs attention",
        );
        check(
            &[service(Impaired), service(Up)],
            &[],
            Lamp::Yellow,
            "1 of 2 services needs attention",
        );
        let slow = service(Up);
        let lit = alert(Level::Yellow, Some(slow.id));
        check(
            &[slow, service(Up)],
            &[lit],
            Lamp::Yellow,
            "1 of 2 services needs attention",
        );
        let elsewhere = alert(Level::Red, None);
        check(
            &[service(Up)],
            &[elsewhere],
            Lamp::Red,
            "1 alert needs attention",
        );
        check(
            &[service(Up)],
            &[alert(Level::Blue, None)],
            Lamp::Clear,
            "The one service is well",
        );
    }

    #[test]
    fn what_cannot_be_seen_is_not_said_to_be_up() {
        let elsewhere = [alert(Level::Red, None)];
        let detail = |services: &[ServiceStatus]| Verdict::of(services, &elsewhere).detail;
        let up = || service(Standing::Up);
        assert_eq!(detail(&[up(), up()]), "No service is down, out of 2.");
        assert_eq!(
            detail(&[up(), service(Standing::Unknown)]),
            "Of 2 services, 1 cannot be seen."
        );
    }
}
