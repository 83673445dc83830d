//! What is measured, counted and kept.

use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::OPERATIONS;
use crate::drills::{
    CERTIFICATE, CUT_OFF, DAY, DRILL, Drill, EMPTY, HOUR, MINUTE, OLD, SEEN, SHRUNK, UNSEEN, Way,
};

pub const FIGURES: &[Drill] = &[
    Drill {
        rule: "queue-waits",
        shows: "DO-13",
        breaks: Way::Measured("queue-scan", Measure::Oldest, 301.0, 5.0),
        told: OPERATIONS,
        runbook: Some("scans-stuck"),
        ..SEEN
    },
    Drill {
        rule: "completed-unpurged",
        shows: "DO-23",
        breaks: Way::Measured("queue-scan", Measure::Done, 691_201.0, 5.0),
        told: OPERATIONS,
        runbook: Some("queue-purge"),
        ..SEEN
    },
    Drill {
        rule: "failed-unpurged",
        shows: "DO-23",
        breaks: Way::Measured("queue-scan", Measure::GivenUp, 2_678_401.0, 5.0),
        told: OPERATIONS,
        runbook: Some("queue-purge"),
        ..SEEN
    },
    Drill {
        rule: "connections-high",
        shows: "DO-14, DO-19",
        breaks: Way::Measured("postgres-ready", Measure::Connections, 0.85, 0.5),
        dark: 5 * MINUTE,
        lit: 5 * MINUTE + 10,
        told: OPERATIONS,
        runbook: Some("database-connection"),
        out: 10,
        ..DRILL
    },
    Drill {
        rule: "database-bloat",
        shows: "DO-22",
        breaks: Way::Measured("postgres-ready", Measure::Bloat, 0.25, 0.03),
        dark: 5 * MINUTE,
        lit: 5 * MINUTE + 10,
        told: OPERATIONS,
        runbook: Some("upkeep-late"),
        out: 10,
        ..DRILL
    },
    Drill {
        rule: "redis-full",
        shows: "DO-9, DO-24",
        breaks: Way::Measured("redis", Measure::Memory, 0.95, 0.25),
        dark: 5 * MINUTE,
        lit: 5 * MINUTE + 10,
        told: OPERATIONS,
        runbook: Some("redis-full"),
        out: 10,
        ..DRILL
    },
    Drill {
        rule: "memory-high",
        shows: "DO-15",
        breaks: Way::Reported("app_memory", 85.0, 50.0),
        told: OPERATIONS,
        runbook: Some("memory-high"),
        ..DRILL
    },
    Drill {
        rule: "tokens-near-quota",
        shows: "DO-16",
        breaks: Way::Reported("llm_tokens", 85.0, 40.0),
        level: Level::Blue,
        told: OPERATIONS,
        runbook: Some("token-limits"),
        ..DRILL
    },
    Drill {
        rule: "tokens-near-quota",
        shows: "DO-16",
        breaks: Way::Reported("llm_tokens", 96.0, 40.0),
        told: OPERATIONS,
        runbook: Some("token-limits"),
        ..DRILL
    },
    Drill {
        rule: "github-cut-off",
        shows: "DO-16",
        breaks: Way::Away("GITHUB_URL"),
        told: OPERATIONS,
        runbook: Some("token-limits"),
        ..CUT_OFF
    },
    Drill {
        rule: "openai-cut-off",
        shows: "DO-16",
        breaks: Way::Away("OPENAI_URL"),
        told: OPERATIONS,
        runbook: Some("token-limits"),
        ..CUT_OFF
    },
    Drill {
        rule: "anthropic-cut-off",
        shows: "DO-16",
        breaks: Way::Away("ANTHROPIC_URL"),
        told: OPERATIONS,
        runbook: Some("token-limits"),
        ..CUT_OFF
    },
    Drill {
        rule: "checklist-overdue",
        shows: "DO-31",
        breaks: Way::Reported("checklists_overdue", 1.0, 0.0),
        told: OPERATIONS,
        ..DRILL
    },
    Drill {
        shows: "DO-31",
        breaks: Way::Measured("certificate", Measure::Days, 20.0, 90.0),
        level: Level::Blue,
        told: OPERATIONS,
        ..CERTIFICATE
    },
    Drill {
        shows: "DO-31",
        breaks: Way::Measured("certificate", Measure::Days, 13.0, 90.0),
        level: Level::Yellow,
        told: OPERATIONS,
        ..CERTIFICATE
    },
    Drill {
        shows: "DO-31",
        breaks: Way::Measured("certificate", Measure::Days, 6.0, 90.0),
        level: Level::Red,
        told: OPERATIONS,
        ..CERTIFICATE
    },
    Drill {
        rule: "log-large",
        shows: "DO-21",
        breaks: Way::Large("newest-log"),
        lit: 5 * MINUTE,
        told: OPERATIONS,
        runbook: Some("logs-unrotated"),
        out: 5 * MINUTE,
        ..DRILL
    },
    Drill {
        shows: "DO-26",
        told: OPERATIONS,
        ..UNSEEN
    },
    Drill {
        shows: "DO-26",
        told: OPERATIONS,
        ..EMPTY
    },
    Drill {
        shows: "DO-26",
        told: OPERATIONS,
        ..SHRUNK
    },
    Drill {
        shows: "DO-26",
        told: OPERATIONS,
        ..OLD
    },
    Drill {
        shows: "DO-26",
        level: Level::Red,
        dark: 50 * HOUR,
        lit: 50 * HOUR + 5 * MINUTE,
        told: OPERATIONS,
        ..OLD
    },
    Drill {
        rule: "dump-missing",
        shows: "DO-26",
        breaks: Way::Missed("database-dump"),
        level: Level::Red,
        dark: 26 * HOUR - 1,
        lit: 26 * HOUR,
        told: OPERATIONS,
        runbook: Some("backup-missing"),
        ..DRILL
    },
    Drill {
        rule: "analyze-late",
        shows: "DO-22",
        breaks: Way::Missed("database-analyze"),
        dark: 30 * HOUR - 1,
        lit: 30 * HOUR,
        told: OPERATIONS,
        runbook: Some("upkeep-late"),
        ..DRILL
    },
    Drill {
        rule: "analyze-late",
        shows: "DO-22",
        breaks: Way::Failing("database-analyze"),
        told: OPERATIONS,
        runbook: Some("upkeep-late"),
        ..DRILL
    },
    Drill {
        rule: "logs-overdue",
        shows: "DO-21",
        breaks: Way::Stale("oldest-log"),
        dark: 8 * DAY,
        lit: 8 * DAY + 5 * MINUTE,
        told: OPERATIONS,
        runbook: Some("logs-unrotated"),
        out: 5 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "vacuum-late",
        shows: "DO-22",
        breaks: Way::Missed("database-vacuum"),
        dark: 8 * DAY - 1,
        lit: 8 * DAY,
        told: OPERATIONS,
        runbook: Some("upkeep-late"),
        ..DRILL
    },
    Drill {
        rule: "vector-index-late",
        shows: "DO-22",
        breaks: Way::Missed("vector-index"),
        dark: 33 * DAY - 1,
        lit: 33 * DAY,
        told: OPERATIONS,
        runbook: Some("upkeep-late"),
        ..DRILL
    },
];
