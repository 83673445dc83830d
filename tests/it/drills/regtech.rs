//! RegTech Horizon.

use signalbox::app::simulator::Mode;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::{
    DAY, DOWN, DRILL, Drill, EMPTY, Guide, HOUR, LASTING, MINUTE, OLD, SEEN, SHRUNK, UNSEEN, Way,
};

pub const GUIDE: Guide = Guide {
    pack: "regtech-horizon",
    given: &[],
    drills: &[&[
        Drill {
            rule: "snapshot-missing",
            shows: "RH-12",
            breaks: Way::Unheard("lumadb-snapshot"),
            level: Level::Red,
            dark: 26 * HOUR - 5 * MINUTE,
            lit: 26 * HOUR,
            told: OPERATIONS,
            runbook: Some("backup-missing"),
            ..DRILL
        },
        Drill {
            rule: "api-down",
            shows: "RH-3, RH-9",
            breaks: Way::Site("API", Mode::Failing),
            told: OPERATIONS,
            runbook: Some("api-worker-timeout"),
            ..DOWN
        },
        Drill {
            rule: "lumadb-down",
            shows: "RH-4, RH-9",
            breaks: Way::Site("LumaDB", Mode::Wrong),
            told: OPERATIONS,
            runbook: Some("lumadb-refused"),
            ..DOWN
        },
        Drill {
            rule: "ncc-qos-breach",
            shows: "RH-9",
            breaks: Way::Reported("ncc_qos", 97.4, 99.0),
            level: Level::Red,
            told: COMPLIANCE,
            runbook: Some("compliance-breach"),
            ..DRILL
        },
        Drill {
            rule: "ncc-qos-unreported",
            shows: "RH-9",
            breaks: Way::Unreported("ncc_qos"),
            dark: 30 * MINUTE,
            lit: 30 * MINUTE + 2,
            told: COMPLIANCE,
            runbook: Some("indicator-unreported"),
            ..DRILL
        },
        Drill {
            rule: "data-late",
            shows: "RH-8, RH-10",
            breaks: Way::Site("API", Mode::Lagging),
            told: OPERATIONS,
            runbook: Some("ingestion-late"),
            ..SEEN
        },
        Drill {
            rule: "data-unseen",
            shows: "RH-10",
            breaks: Way::Site("API", Mode::Silent),
            told: OPERATIONS,
            runbook: Some("ingestion-late"),
            ..LASTING
        },
        Drill {
            rule: "metrics-missing",
            shows: "RH-5",
            breaks: Way::NoPage("api-metrics"),
            level: Level::Yellow,
            told: OPERATIONS,
            runbook: Some("metrics-missing"),
            ..DOWN
        },
        Drill {
            rule: "reports-slow",
            shows: "RH-7, RH-14",
            breaks: Way::Counters("api-metrics", REPORTS),
            lit: 30,
            told: OPERATIONS,
            runbook: Some("api-worker-timeout"),
            // What was slow is forgotten.
            out: 16 * MINUTE,
            ..DRILL
        },
        Drill {
            rule: "lumadb-connections",
            shows: "RH-4",
            breaks: Way::Measured("lumadb-ping", Measure::Connections, 0.85, 0.5),
            dark: 2 * MINUTE,
            lit: 2 * MINUTE + 30,
            told: OPERATIONS,
            runbook: Some("lumadb-refused"),
            out: 30,
            ..DRILL
        },
        Drill {
            rule: "report-submitted",
            shows: "RH-11",
            breaks: Way::Event("report.submitted"),
            level: Level::Blue,
            told: OPERATIONS,
            out: HOUR + 2,
            ..DRILL
        },
        Drill {
            shows: "RH-12",
            told: OPERATIONS,
            ..UNSEEN
        },
        Drill {
            shows: "RH-12",
            told: OPERATIONS,
            ..EMPTY
        },
        Drill {
            shows: "RH-12",
            dark: HOUR,
            lit: HOUR + 5 * MINUTE,
            told: OPERATIONS,
            ..SHRUNK
        },
        Drill {
            shows: "RH-12",
            told: OPERATIONS,
            ..OLD
        },
        Drill {
            rule: "snapshot-missing",
            shows: "RH-12",
            breaks: Way::Failing("lumadb-snapshot"),
            level: Level::Red,
            told: OPERATIONS,
            runbook: Some("backup-missing"),
            ..DRILL
        },
        Drill {
            rule: "snapshot-missing",
            shows: "RH-12",
            breaks: Way::Missed("lumadb-snapshot"),
            level: Level::Red,
            // A day, and an hour of grace.
            dark: 25 * HOUR - 1,
            lit: 25 * HOUR,
            told: OPERATIONS,
            runbook: Some("backup-missing"),
            ..DRILL
        },
        Drill {
            rule: "logs-overdue",
            shows: "RH-13",
            breaks: Way::Stale("oldest-log"),
            dark: 31 * DAY,
            lit: 31 * DAY + 5 * MINUTE,
            told: OPERATIONS,
            runbook: Some("logs-overdue"),
            out: 5 * MINUTE,
            ..DRILL
        },
        Drill {
            rule: "restore-untested",
            shows: "RH-12",
            breaks: Way::Missed("restore-test"),
            dark: 38 * DAY - 1,
            lit: 38 * DAY,
            told: OPERATIONS,
            runbook: Some("restore-lumadb"),
            ..DRILL
        },
    ]],
};

const OPERATIONS: &[&str] = &["rota:operations"];
const COMPLIANCE: &[&str] = &["compliance", "rota:operations"];

/// A report in ten seconds: under ten of them, or under sixty.
const REPORTS: &[(&str, f64, f64)] = &[
    ("ingestion_lag", 0.0, 0.0),
    (
        "report_generation_duration_seconds_bucket{le=\"10\"}",
        0.0,
        0.1,
    ),
    (
        "report_generation_duration_seconds_bucket{le=\"60\"}",
        0.1,
        0.1,
    ),
    (
        "report_generation_duration_seconds_bucket{le=\"+Inf\"}",
        0.1,
        0.1,
    ),
];

#[actix_web::test]
async fn each_alert_of_regtech_horizon() {
    GUIDE.run(GUIDE.drills[0]).await;
}
