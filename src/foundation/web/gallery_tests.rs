//! Renders every component once, so that a macro that does not compile or escape is found without a feature.
//! `SIGNALBOX_GALLERY=file` also writes the page down, to be looked at.

use askama::Template;
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Europe::Madrid;
use uuid::Uuid;

use super::chart::{Chart, Drawing, Series};
use super::spark::{Days, Spark};
use super::{Chrome, Lamp, Problems, Tile};
use crate::foundation::auth::facts::Facts;
use crate::foundation::auth::preferences::Preferences;
use crate::foundation::auth::sessions::Stage;
use crate::foundation::auth::{Grant, Role, Signed, Watch};
use crate::foundation::kernel::{PersonId, Scope};

#[derive(Template)]
#[template(path = "components/gallery.html")]
struct Gallery {
    chrome: Chrome,
    earlier: DateTime<Utc>,
    tiles: Vec<Tile>,
    chart: Drawing,
    bars: Drawing,
    days: Days,
    spark: Spark,
    problems: Problems,
}

fn signed(roles: &[Role]) -> Signed {
    let everywhere = |role: &Role| Grant {
        role: *role,
        scope: Scope::All,
    };
    let facts = Facts {
        session: Uuid::nil(),
        person: PersonId::new(),
        email: "ada@example.test".to_owned(),
        name: "Ada <b>Lovelace".to_owned(),
        preferences: Preferences {
            zone: Madrid,
            ..Preferences::default()
        },
        grants: roles.iter().map(everywhere).collect(),
        sar: Vec::new(),
        platform: None,
        stage: Stage::Full,
        method: None,
        created_at: DateTime::UNIX_EPOCH,
        last_seen_at: DateTime::UNIX_EPOCH,
        proved_at: None,
        disabled: false,
        break_glass: false,
        watch: Watch::default(),
    };
    Signed::new(facts, "token".to_owned(), String::new())
}

fn gallery() -> Gallery {
    let now = Utc.with_ymd_and_hms(2026, 11, 20, 9, 3, 22).unwrap();
    let wave = |n: u32, high: f64| {
        Some(
            high * (0.5
                + 0.3 * (f64::from(n) / 7.0).sin()
                + 0.2 * (f64::from(n) * 1.7).sin().abs()),
        )
    };
    let values = |high: f64| -> Vec<_> {
        (0..120)
            .map(|n| {
                if (40..52).contains(&n) {
                    None
                } else {
                    wave(n, high)
                }
            })
            .collect()
    };
    let spark = Spark::new(
        "p95 of the last hour, ms",
        (0..30).map(|n| wave(n, 80.0)).collect(),
    );
    let seen = now - TimeDelta::seconds(12);
    let mut problems = Problems::one("email", "Give a whole address, such as ada@example.test.");
    problems.add("reason", "Choose at least one reason.");
    problems.add("note", "Say in a sentence why.");
    let step = TimeDelta::minutes(12);
    Gallery {
        chrome: Chrome::for_test(&signed(&[Role::Compliance, Role::Operator]), now),
        earlier: now - TimeDelta::minutes(3),
        tiles: vec![
            Tile::new(
                "Services",
                Lamp::Red,
                "12 of 14",
                "up",
                "probes, every 30 s",
                seen,
            )
            .href("/services"),
            Tile::new(
                "Database connections",
                Lamp::Yellow,
                "84",
                "%",
                "pg_stat_activity",
                seen,
            )
            .spark(spark.clone()),
            Tile::new("Host memory", Lamp::Clear, "41", "%", "host probe", seen)
                .spark(spark.clone()),
            Tile::new(
                "Review load",
                Lamp::Clear,
                "17",
                "cases",
                "review queue",
                now,
            )
            .note("oldest 2 hours"),
            Tile::unknown("Cache", "cache probe", Some(now - TimeDelta::minutes(41))),
            Tile::unknown("Backups", "backup job", None),
        ],
        chart: Chart::line("latency", "Latency of Ledger API", "ms", now, step)
            .filled()
            .series(Series::new("p95", values(240.0)))
            .series(Series::new("p50", values(90.0)))
            .threshold(Lamp::Red, "Limit", 200.0)
            .draw(Madrid),
        bars: Chart::line("errors", "Failed checks", "", now, step)
            .bars()
            .series(Series::new("failed", values(6.0)))
            .draw(Madrid),
        days: Days::new(
            "The last 90 days: 2 red, 1 yellow",
            (0..90).map(|n| {
                let lamp = match n {
                    0..4 => Lamp::Unknown,
                    31 | 77 => Lamp::Red,
                    60 => Lamp::Yellow,
                    _ => Lamp::Clear,
                };
                (lamp, format!("day {n}"))
            }),
        ),
        spark,
        problems,
    }
}

#[test]
fn every_component_renders_within_the_content_policy() {
    let page = gallery().render().unwrap();
    for forbidden in [
        " style=",
        "<style",
        " onclick=",
        "javascript:",
        "<b>Lovelace",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    if let Ok(file) = std::env::var("SIGNALBOX_GALLERY") {
        std::fs::write(file, page).unwrap();
    }
}

#[test]
fn navigation_shows_what_a_person_may_open() {
    let labels = |role| -> Vec<_> {
        let chrome = Chrome::for_test(&signed(&[role]), Utc::now());
        chrome
            .nav
            .iter()
            .flat_map(|group| group.items.iter().map(|item| item.label))
            .collect()
    };
    assert_eq!(
        labels(Role::Operator),
        [
            "Overview",
            "Services",
            "Connectors",
            "Alerts",
            "Rules",
            "Incidents",
            "Queues",
            "Heartbeats",
            "Service levels",
            "Capacity",
            "Logs",
            "Jobs",
            "Deliveries",
            "Maintenance",
            "Releases",
            "On call",
            "Checklists",
            "Runbooks",
            "Backups",
            "Packs"
        ]
    );
    assert!(labels(Role::Auditor).contains(&"Verify"));
    assert!(!labels(Role::Reviewer).contains(&"Audit log"));
}
