//! LAIT.

mod figures;

use signalbox::app::simulator::Mode;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::{CUT_OFF, DAY, DOWN, DRILL, Drill, Guide, HOUR, MINUTE, Way};

pub const GUIDE: Guide = Guide {
    pack: "lait",
    given: &[("FRONT_ADDRESS", "localhost:443")],
    drills: &[SERVICES, figures::FIGURES],
};

const OPERATIONS: &[&str] = &["rota:operations"];
const ADMINISTRATOR: &[&str] = &["system-admin"];
const DATABASE: &[&str] = &["database-admin", "rota:operations"];
const SECURITY: &[&str] = &["security", "rota:operations"];

const REFUSED: &str =
    r#"{"level":"warn","component":"auth","status":401,"message":"Sign-in refused"}"#;

const SERVICES: &[Drill] = &[
    Drill {
        rule: "backup-missing",
        shows: "LT-15",
        breaks: Way::Unheard("backup"),
        level: Level::Red,
        dark: 26 * HOUR - 5 * MINUTE,
        lit: 26 * HOUR,
        told: OPERATIONS,
        runbook: Some("backup-missing"),
        ..DRILL
    },
    Drill {
        rule: "backend-down",
        shows: "LT-2",
        breaks: Way::Site("Backend", Mode::Failing),
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        ..DOWN
    },
    Drill {
        rule: "backend-not-ready",
        shows: "LT-3",
        breaks: Way::Site("Backend", Mode::Wrong),
        level: Level::Yellow,
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        ..DOWN
    },
    Drill {
        rule: "frontend-down",
        shows: "LT-4",
        breaks: Way::Site("Front end", Mode::Failing),
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        ..DOWN
    },
    Drill {
        rule: "database-down",
        shows: "LT-6",
        breaks: Way::Site("Database", Mode::Failing),
        told: DATABASE,
        runbook: Some("database-connection"),
        ..DOWN
    },
    Drill {
        rule: "cache-down",
        shows: "LT-13",
        breaks: Way::Site("Cache", Mode::Failing),
        level: Level::Yellow,
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        ..DOWN
    },
    Drill {
        rule: "database-connections",
        shows: "LT-6",
        breaks: Way::Measured("database-ready", Measure::Connections, 0.85, 0.5),
        dark: 2 * MINUTE,
        lit: 2 * MINUTE + 30,
        told: DATABASE,
        runbook: Some("database-connection"),
        out: 30,
        ..DRILL
    },
    Drill {
        rule: "legal-database-cut-off",
        shows: "LT-22",
        breaks: Way::Site("Legal database", Mode::Failing),
        told: OPERATIONS,
        runbook: Some("legal-database-away"),
        ..CUT_OFF
    },
    Drill {
        rule: "openai-cut-off",
        shows: "LT-29",
        breaks: Way::Away("OPENAI_URL"),
        told: OPERATIONS,
        runbook: Some("model-not-ready"),
        ..CUT_OFF
    },
    Drill {
        rule: "health-slow",
        shows: "LT-26",
        breaks: Way::Slow("backend-health", 150),
        level: Level::Blue,
        dark: 2 * MINUTE,
        lit: 2 * MINUTE + 30,
        told: ADMINISTRATOR,
        runbook: Some("slow-or-full"),
        out: 30,
        ..DRILL
    },
    // A single failure: too many for the last three days, and not for the last hour.
    Drill {
        rule: "availability-budget",
        shows: "LT-27",
        breaks: Way::Results("backend-health", 1),
        level: Level::Yellow,
        lit: MINUTE,
        told: OPERATIONS,
        runbook: Some("error-budget"),
        out: 6 * HOUR + 5 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "availability-budget",
        shows: "LT-27",
        breaks: Way::Results("backend-health", 1),
        level: Level::Red,
        dark: MINUTE,
        lit: 3 * MINUTE,
        told: OPERATIONS,
        runbook: Some("error-budget"),
        out: 4 * DAY,
        ..DRILL
    },
    Drill {
        rule: "legal-search-slow",
        shows: "LT-26",
        breaks: Way::Reported("legal_search_p95", 12.0, 5.0),
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        ..DRILL
    },
    Drill {
        rule: "invoice-upload-slow",
        shows: "LT-26",
        breaks: Way::Reported("invoice_upload_p95", 6.0, 3.0),
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        ..DRILL
    },
    Drill {
        rule: "dashboard-slow",
        shows: "LT-26",
        breaks: Way::Reported("dashboard_p95", 3.0, 1.0),
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        ..DRILL
    },
    Drill {
        rule: "system-error",
        shows: "LT-23",
        breaks: Way::Event("system.error"),
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        out: HOUR + 2,
        ..DRILL
    },
    Drill {
        rule: "invoice-flagged",
        shows: "LT-24",
        breaks: Way::Event("invoice.flagged"),
        level: Level::Blue,
        told: ADMINISTRATOR,
        out: HOUR + 2,
        ..DRILL
    },
    Drill {
        rule: "backup-missing",
        shows: "LT-15",
        breaks: Way::Missed("backup"),
        level: Level::Red,
        dark: 26 * HOUR - 1,
        lit: 26 * HOUR,
        told: OPERATIONS,
        runbook: Some("backup-missing"),
        ..DRILL
    },
];

#[actix_web::test]
async fn each_alert_of_lait_a() {
    GUIDE.run(GUIDE.drills[0]).await;
}

#[actix_web::test]
async fn each_alert_of_lait_b() {
    GUIDE.run(GUIDE.drills[1]).await;
}
