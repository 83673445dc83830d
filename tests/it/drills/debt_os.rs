//! DEBT-OS.

mod figures;

use signalbox::app::simulator::Mode;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::{DAY, DOWN, DRILL, Drill, Guide, HOUR, MINUTE, Way};

pub const GUIDE: Guide = Guide {
    pack: "debt-os",
    given: &[("PUBLIC_ADDRESS", "localhost:443")],
    drills: &[SERVICES, figures::FIGURES],
};

const OPERATIONS: &[&str] = &["rota:operations"];

const SERVICES: &[Drill] = &[
    Drill {
        rule: "dump-missing",
        shows: "DO-26",
        breaks: Way::Unheard("database-dump"),
        level: Level::Red,
        dark: 26 * HOUR - 5 * MINUTE,
        lit: 26 * HOUR,
        told: OPERATIONS,
        runbook: Some("backup-missing"),
        ..DRILL
    },
    Drill {
        rule: "api-down",
        shows: "DO-2, DO-4",
        breaks: Way::Site("API", Mode::Wrong),
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        ..DOWN
    },
    Drill {
        rule: "api-without-database",
        shows: "DO-5",
        breaks: Way::Site("API", Mode::Failing),
        told: OPERATIONS,
        runbook: Some("database-connection"),
        ..DOWN
    },
    Drill {
        rule: "api-without-redis",
        shows: "DO-6",
        breaks: Way::Site("API", Mode::Failing),
        told: OPERATIONS,
        runbook: Some("scans-stuck"),
        ..DOWN
    },
    Drill {
        rule: "postgres-down",
        shows: "DO-3",
        breaks: Way::Site("PostgreSQL", Mode::Failing),
        level: Level::Red,
        dark: 40,
        lit: 50,
        told: OPERATIONS,
        runbook: Some("database-connection"),
        out: 20,
        ..DRILL
    },
    Drill {
        rule: "redis-down",
        shows: "DO-3, DO-6",
        breaks: Way::Site("Redis", Mode::Failing),
        level: Level::Red,
        dark: 40,
        lit: 50,
        told: OPERATIONS,
        runbook: Some("scans-stuck"),
        out: 20,
        ..DRILL
    },
    Drill {
        rule: "redis-unsaved",
        shows: "DO-26",
        breaks: Way::Measured("redis", Measure::Saved, 7_201.0, 600.0),
        lit: 10,
        told: OPERATIONS,
        runbook: Some("backup-missing"),
        out: 10,
        ..DRILL
    },
    Drill {
        rule: "requests-slow",
        shows: "DO-10",
        breaks: Way::Site("API", Mode::Lagging),
        lit: 30,
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        out: 6 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "metrics-missing",
        shows: "DO-11",
        breaks: Way::NoPage("api-metrics"),
        level: Level::Yellow,
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        ..DOWN
    },
    Drill {
        rule: "api-slow",
        shows: "DO-10",
        breaks: Way::Slow("api-health", 2_100),
        dark: MINUTE,
        lit: MINUTE + 30,
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        out: 30,
        ..DRILL
    },
    Drill {
        rule: "queue-backlog",
        shows: "DO-12, DO-18",
        breaks: Way::Site("API", Mode::Lagging),
        dark: 10 * MINUTE,
        lit: 10 * MINUTE + 30,
        told: OPERATIONS,
        runbook: Some("scans-stuck"),
        out: 6 * MINUTE,
        also: &["requests-slow"],
        ..DRILL
    },
    Drill {
        rule: "requests-budget",
        shows: "DO-11",
        breaks: Way::Site("API", Mode::Erring),
        level: Level::Yellow,
        lit: 10 * MINUTE,
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        out: 4 * DAY,
        also: &["errors-high"],
        ..DRILL
    },
    Drill {
        rule: "requests-budget",
        shows: "DO-11",
        breaks: Way::Counters(
            "api-metrics",
            &[
                ("http_requests_total{status=\"200\"}", 1.0, 10.0),
                ("http_requests_total{status=\"500\"}", 9.0, 0.0),
            ],
        ),
        level: Level::Red,
        lit: 5 * MINUTE,
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        out: 4 * DAY,
        also: &["errors-high"],
        ..DRILL
    },
    Drill {
        rule: "errors-high",
        shows: "DO-11, DO-17",
        breaks: Way::Site("API", Mode::Erring),
        level: Level::Red,
        dark: 5 * MINUTE,
        lit: 6 * MINUTE,
        told: OPERATIONS,
        runbook: Some("api-wont-start"),
        out: 6 * MINUTE,
        also: &["requests-budget"],
    },
];

#[actix_web::test]
async fn each_alert_of_debt_os_a() {
    GUIDE.run(GUIDE.drills[0]).await;
}

#[actix_web::test]
async fn each_alert_of_debt_os_b() {
    GUIDE.run(GUIDE.drills[1]).await;
}
