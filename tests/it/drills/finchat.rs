//! FinChat-SEC-QA.

use signalbox::app::simulator::Mode;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::{
    CERTIFICATE, CUT_OFF, DAY, DOWN, DRILL, Drill, EMPTY, Guide, HOUR, LASTING, MINUTE, OLD, SEEN,
    SHRUNK, UNSEEN, Way,
};

pub const GUIDE: Guide = Guide {
    pack: "finchat",
    given: &[("WEB_ADDRESS", "localhost:443")],
    drills: &[
        &[
            Drill {
                rule: "api-down",
                shows: "FC-1, FC-16",
                breaks: Way::Site("API", Mode::Failing),
                told: PRIMARY,
                runbook: Some("service-wont-start"),
                ..DOWN
            },
            Drill {
                rule: "webapp-down",
                shows: "FC-2, FC-16",
                breaks: Way::Site("Web application", Mode::Failing),
                told: PRIMARY,
                runbook: Some("service-wont-start"),
                ..DOWN
            },
            Drill {
                rule: "metrics-missing",
                shows: "FC-3",
                breaks: Way::NoPage("api-metrics"),
                level: Level::Yellow,
                told: PRIMARY,
                runbook: Some("service-wont-start"),
                ..DOWN
            },
            Drill {
                rule: "errors-high",
                shows: "FC-17",
                breaks: Way::Site("API", Mode::Erring),
                level: Level::Red,
                dark: 2 * MINUTE,
                lit: 6 * MINUTE,
                told: PRIMARY,
                runbook: Some("errors-high"),
                out: 6 * MINUTE,
                ..DRILL
            },
            Drill {
                rule: "response-slow",
                shows: "FC-18",
                breaks: Way::Slow("api-patience", 11_000),
                level: Level::Red,
                dark: 5 * MINUTE,
                lit: 6 * MINUTE,
                told: PRIMARY,
                runbook: Some("errors-high"),
                out: MINUTE,
                ..DRILL
            },
            Drill {
                rule: "security-incident",
                shows: "FC-19",
                breaks: Way::Event("security.incident"),
                level: Level::Red,
                told: SECURITY,
                runbook: Some("security-incident"),
                out: DAY + 2,
                ..DRILL
            },
            Drill {
                rule: "cpu-high",
                shows: "FC-20",
                breaks: Way::Measured("host", Measure::Cpu, 0.85, 0.3),
                told: PRIMARY,
                runbook: Some("memory-high"),
                ..LASTING
            },
            Drill {
                rule: "memory-high",
                shows: "FC-20",
                breaks: Way::Measured("host", Measure::Memory, 0.85, 0.3),
                told: PRIMARY,
                runbook: Some("memory-high"),
                ..LASTING
            },
            Drill {
                rule: "disk-full",
                shows: "FC-23",
                breaks: Way::Measured("host", Measure::Disk, 0.87, 0.3),
                told: PRIMARY,
                runbook: Some("disk-full"),
                ..SEEN
            },
            Drill {
                rule: "disk-full",
                shows: "FC-4",
                breaks: Way::Measured("host", Measure::Disk, 1.0, 0.3),
                level: Level::Red,
                told: PRIMARY,
                runbook: Some("disk-full"),
                ..SEEN
            },
            Drill {
                rule: "cache-cold",
                shows: "FC-21",
                breaks: Way::Measured("cache", Measure::Hits, 0.5, 0.9),
                told: PRIMARY,
                runbook: Some("cache-rebuild"),
                ..LASTING
            },
            Drill {
                rule: "cache-down",
                shows: "FC-21",
                breaks: Way::Site("Cache", Mode::Failing),
                level: Level::Yellow,
                told: PRIMARY,
                runbook: Some("cache-rebuild"),
                ..DOWN
            },
            Drill {
                rule: "external-slow",
                shows: "FC-22",
                breaks: Way::Reported("external_latency", 45.0, 5.0),
                told: PRIMARY,
                runbook: Some("upstream-limits"),
                ..DRILL
            },
            Drill {
                rule: "filings-slow",
                shows: "FC-22",
                breaks: Way::Slow("filings-api", 31_000),
                lit: 5 * MINUTE,
                told: PRIMARY,
                runbook: Some("upstream-limits"),
                out: 5 * MINUTE,
                ..DRILL
            },
            Drill {
                rule: "upstream-limited",
                shows: "FC-26",
                breaks: Way::Reported("upstream_429", 3.0, 0.0),
                told: PRIMARY,
                runbook: Some("upstream-limits"),
                ..DRILL
            },
            Drill {
                rule: "upstream-cut-off",
                shows: "FC-26",
                breaks: Way::Site("SEC EDGAR", Mode::Failing),
                told: PRIMARY,
                runbook: Some("upstream-limits"),
                ..CUT_OFF
            },
            Drill {
                rule: "log-errors",
                shows: "FC-5",
                breaks: Way::Lines("app", "ERROR it broke", 10),
                dark: 2,
                lit: 4,
                told: PRIMARY,
                runbook: Some("errors-high"),
                out: DAY + 2 * MINUTE,
                ..DRILL
            },
        ],
        &[
            Drill {
                rule: "daily-summary",
                shows: "FC-24",
                breaks: Way::Event("daily.summary"),
                level: Level::Blue,
                told: PRIMARY,
                out: HOUR + 2,
                ..DRILL
            },
            Drill {
                rule: "performance-trend",
                shows: "FC-24",
                breaks: Way::Event("performance.trend"),
                level: Level::Blue,
                told: PRIMARY,
                out: DAY + 2,
                ..DRILL
            },
            Drill {
                rule: "capacity-planning",
                shows: "FC-24",
                breaks: Way::Event("capacity.planning"),
                level: Level::Blue,
                told: PRIMARY,
                out: DAY + 2,
                ..DRILL
            },
            Drill {
                rule: "security-minor",
                shows: "FC-24",
                breaks: Way::Event("security.minor"),
                level: Level::Blue,
                told: PRIMARY,
                out: DAY + 2,
                ..DRILL
            },
            Drill {
                rule: "checklist-overdue",
                shows: "FC-1, FC-9",
                breaks: Way::Reported("checklists_overdue", 1.0, 0.0),
                told: PRIMARY,
                ..DRILL
            },
            Drill {
                shows: "FC-15",
                breaks: Way::Measured("certificate", Measure::Days, 20.0, 90.0),
                level: Level::Blue,
                told: PRIMARY,
                ..CERTIFICATE
            },
            Drill {
                shows: "FC-15",
                breaks: Way::Measured("certificate", Measure::Days, 13.0, 90.0),
                level: Level::Yellow,
                told: PRIMARY,
                ..CERTIFICATE
            },
            Drill {
                shows: "FC-15",
                breaks: Way::Measured("certificate", Measure::Days, 6.0, 90.0),
                level: Level::Red,
                told: PRIMARY,
                ..CERTIFICATE
            },
            Drill {
                shows: "FC-8",
                told: PRIMARY,
                ..UNSEEN
            },
            Drill {
                shows: "FC-8",
                told: PRIMARY,
                ..EMPTY
            },
            Drill {
                shows: "FC-8",
                level: Level::Yellow,
                told: PRIMARY,
                ..SHRUNK
            },
            Drill {
                shows: "FC-8",
                dark: 32 * DAY,
                lit: 32 * DAY + 5 * MINUTE,
                told: PRIMARY,
                ..OLD
            },
            Drill {
                rule: "clean-up-missing",
                shows: "FC-6",
                breaks: Way::Missed("clean-up"),
                dark: 30 * HOUR - 1,
                lit: 30 * HOUR,
                told: PRIMARY,
                runbook: Some("disk-full"),
                ..DRILL
            },
            Drill {
                rule: "logs-overdue",
                shows: "FC-6",
                breaks: Way::Stale("oldest-log"),
                dark: 31 * DAY,
                lit: 31 * DAY + 5 * MINUTE,
                told: PRIMARY,
                runbook: Some("disk-full"),
                out: 5 * MINUTE,
                ..DRILL
            },
            Drill {
                rule: "cache-overdue",
                shows: "FC-6",
                breaks: Way::Stale("oldest-cache"),
                dark: 8 * DAY,
                lit: 8 * DAY + 5 * MINUTE,
                told: PRIMARY,
                runbook: Some("disk-full"),
                out: 5 * MINUTE,
                ..DRILL
            },
            Drill {
                rule: "backup-missing",
                shows: "FC-8",
                breaks: Way::Missed("backup"),
                level: Level::Red,
                dark: 33 * DAY - 1,
                lit: 33 * DAY,
                told: PRIMARY,
                runbook: Some("backup-missing"),
                ..DRILL
            },
            Drill {
                rule: "backup-missing",
                shows: "FC-8",
                breaks: Way::Failing("backup"),
                level: Level::Red,
                told: PRIMARY,
                runbook: Some("backup-missing"),
                ..DRILL
            },
            Drill {
                rule: "off-site-late",
                shows: "FC-8",
                breaks: Way::Missed("off-site-copy"),
                dark: 34 * DAY - 1,
                lit: 34 * DAY,
                told: PRIMARY,
                runbook: Some("backup-missing"),
                ..DRILL
            },
        ],
    ],
};

const PRIMARY: &[&str] = &["rota:primary"];
const SECURITY: &[&str] = &["security", "rota:primary"];

#[actix_web::test]
async fn each_alert_of_finchat_a() {
    GUIDE.run(GUIDE.drills[0]).await;
}

#[actix_web::test]
async fn each_alert_of_finchat_b() {
    GUIDE.run(GUIDE.drills[1]).await;
}
