//! The zones to choose from, each with its time of day, so that a reader knows theirs by the clock on the wall.

use chrono::{DateTime, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

/// The continents and oceans of the IANA names. What stands under no such name is an old spelling of one that does.
const AREAS: [&str; 10] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
];

/// Zones under one heading.
pub struct Area {
    pub name: &'static str,
    pub zones: Vec<Choice>,
}

pub struct Choice {
    pub name: &'static str,
    /// "Europe/Madrid, 10:03".
    pub label: String,
}

impl Choice {
    fn new(zone: Tz, now: DateTime<Utc>) -> Self {
        let name = zone.name();
        let time = now.with_timezone(&zone).format("%H:%M");
        Self {
            name,
            label: format!("{}, {time}", name.replace('_', " ")),
        }
    }
}

/// Every zone that is offered, UTC first.
pub fn areas(now: DateTime<Utc>) -> Vec<Area> {
    let everywhere = Area {
        name: "Everywhere",
        zones: vec![Choice::new(Tz::UTC, now)],
    };
    let below = |area: &'static str| {
        let is_below = |zone: &&Tz| {
            let rest = zone.name().strip_prefix(area);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let zones = TZ_VARIANTS.iter().filter(is_below);
        Area {
            name: area,
            zones: zones.map(|zone| Choice::new(*zone, now)).collect(),
        }
    };
    [everywhere].into_iter().chain(AREAS.map(below)).collect()
}

/// Whether a zone is among those offered.
pub fn is_offered(name: &str) -> bool {
    let area = name.split('/').next().unwrap_or_default();
    name == Tz::UTC.name() || (AREAS.contains(&area) && area != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_zone_says_what_time_it_is_there() {
        let areas = areas("2026-11-20T09:03:22Z".parse().unwrap());
        let label = |name: &str| {
            let mut all = areas.iter().flat_map(|area| &area.zones);
            all.find(|zone| zone.name == name).unwrap().label.clone()
        };
        assert_eq!(label("UTC"), "UTC, 09:03");
        assert_eq!(label("Europe/Madrid"), "Europe/Madrid, 10:03");
        assert_eq!(label("America/New_York"), "America/New York, 04:03");
        assert_eq!(label("Asia/Kathmandu"), "Asia/Kathmandu, 14:48");
    }

    #[test]
    fn what_is_offered_can_be_chosen() {
        let areas = areas(DateTime::UNIX_EPOCH);
        let offered: Vec<_> = areas.iter().flat_map(|area| &area.zones).collect();
        assert!(offered.len() > 300);
        for zone in offered {
            assert!(zone.name.parse::<Tz>().is_ok() && is_offered(zone.name));
        }
        for other in ["", "Europe", "Etc/GMT+3", "EST5EDT"] {
            assert!(!is_offered(other), "{other}");
        }
    }
}
