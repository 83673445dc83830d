//! What is measured, counted and kept.

use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::{ADMINISTRATOR, DATABASE, OPERATIONS, REFUSED, SECURITY};
use crate::drills::{
    CERTIFICATE, DRILL, Drill, EMPTY, HOUR, LASTING, MINUTE, OLD, SEEN, SHRUNK, UNSEEN, Way,
};

pub const FIGURES: &[Drill] = &[
    Drill {
        rule: "cpu-high",
        shows: "LT-5",
        breaks: Way::Measured("host", Measure::Cpu, 0.95, 0.3),
        dark: 10 * MINUTE,
        lit: 10 * MINUTE + 30,
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        out: 30,
        ..DRILL
    },
    Drill {
        rule: "memory-high",
        shows: "LT-5",
        breaks: Way::Measured("host", Measure::Memory, 0.9, 0.3),
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        ..LASTING
    },
    Drill {
        rule: "disk-full",
        shows: "LT-5",
        breaks: Way::Measured("host", Measure::Disk, 0.9, 0.3),
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        ..SEEN
    },
    Drill {
        rule: "disk-full",
        shows: "LT-5",
        breaks: Way::Measured("host", Measure::Disk, 0.96, 0.3),
        level: Level::Red,
        told: OPERATIONS,
        runbook: Some("backend-not-starting"),
        ..SEEN
    },
    Drill {
        rule: "backend-memory",
        shows: "LT-14",
        breaks: Way::Gauges(
            "containers",
            &[(
                "container_memory_working_set_bytes{name=\"lait-backend-1\"}",
                1.9e9,
                1e9,
            )],
        ),
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        ..LASTING
    },
    Drill {
        rule: "frontend-memory",
        shows: "LT-14",
        breaks: Way::Gauges(
            "containers",
            &[(
                "container_memory_working_set_bytes{name=\"lait-frontend-1\"}",
                480e6,
                300e6,
            )],
        ),
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        ..LASTING
    },
    Drill {
        rule: "backend-cpu",
        shows: "LT-14",
        breaks: Way::Counters(
            "containers",
            &[(
                "container_cpu_usage_seconds_total{name=\"lait-backend-1\"}",
                0.97,
                0.2,
            )],
        ),
        dark: 12 * MINUTE,
        lit: 16 * MINUTE,
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        out: 3 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "frontend-cpu",
        shows: "LT-14",
        breaks: Way::Counters(
            "containers",
            &[(
                "container_cpu_usage_seconds_total{name=\"lait-frontend-1\"}",
                0.49,
                0.1,
            )],
        ),
        dark: 12 * MINUTE,
        lit: 16 * MINUTE,
        told: OPERATIONS,
        runbook: Some("slow-or-full"),
        out: 3 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "legal-database-missed",
        shows: "LT-22",
        breaks: Way::Lines("backend", "ERROR Search failed: LEGAL_001", 0),
        dark: 2,
        lit: 4,
        told: OPERATIONS,
        runbook: Some("legal-database-away"),
        out: 7 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "model-not-ready",
        shows: "LT-22",
        breaks: Way::Lines("backend", "ERROR ML_001: weights are being read", 0),
        dark: 2,
        lit: 4,
        told: OPERATIONS,
        runbook: Some("model-not-ready"),
        out: 7 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "files-fail",
        shows: "LT-22",
        breaks: Way::Lines("backend", "ERROR scan.pdf: FILE_001", 3),
        dark: 2,
        lit: 4,
        told: OPERATIONS,
        runbook: Some("file-failed"),
        out: 17 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "server-errors",
        shows: "LT-21",
        breaks: Way::Lines("backend", "ERROR GET /api/invoices status=500", 10),
        dark: 2,
        lit: 4,
        told: OPERATIONS,
        runbook: Some("requests-fail"),
        out: 7 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "database-refuses",
        shows: "LT-21",
        breaks: Way::Lines("backend", "ERROR GET /api/invoices status=502", 0),
        dark: 2,
        lit: 4,
        told: DATABASE,
        runbook: Some("database-connection"),
        out: 7 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "requests-unavailable",
        shows: "LT-21",
        breaks: Way::Lines("backend", "WARN GET /api/search status=503", 10),
        dark: 2,
        lit: 4,
        told: OPERATIONS,
        runbook: Some("requests-fail"),
        out: 7 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "sign-ins-refused",
        shows: "LT-10, LT-20",
        breaks: Way::Lines("backend", REFUSED, 20),
        dark: 2,
        lit: 4,
        told: SECURITY,
        runbook: Some("sign-ins-refused"),
        out: 17 * MINUTE,
        ..DRILL
    },
    Drill {
        rule: "requests-limited",
        shows: "LT-9, LT-20",
        breaks: Way::Lines("backend", "INFO GET /api/search status=429", 100),
        level: Level::Blue,
        dark: 2,
        lit: 4,
        told: ADMINISTRATOR,
        runbook: Some("sign-ins-refused"),
        out: 7 * MINUTE,
        ..DRILL
    },
    Drill {
        shows: "LT-11",
        breaks: Way::Measured("certificate", Measure::Days, 20.0, 90.0),
        level: Level::Blue,
        told: ADMINISTRATOR,
        ..CERTIFICATE
    },
    Drill {
        shows: "LT-11",
        breaks: Way::Measured("certificate", Measure::Days, 13.0, 90.0),
        level: Level::Yellow,
        told: OPERATIONS,
        ..CERTIFICATE
    },
    Drill {
        shows: "LT-11",
        breaks: Way::Measured("certificate", Measure::Days, 6.0, 90.0),
        level: Level::Red,
        told: OPERATIONS,
        ..CERTIFICATE
    },
    Drill {
        rule: "checklist-overdue",
        shows: "LT-17, LT-18, LT-19",
        breaks: Way::Reported("checklists_overdue", 1.0, 0.0),
        told: OPERATIONS,
        ..DRILL
    },
    Drill {
        shows: "LT-15",
        told: OPERATIONS,
        ..UNSEEN
    },
    Drill {
        shows: "LT-15",
        told: OPERATIONS,
        ..EMPTY
    },
    Drill {
        shows: "LT-15, LT-17",
        told: OPERATIONS,
        ..SHRUNK
    },
    Drill {
        shows: "LT-15",
        told: OPERATIONS,
        ..OLD
    },
    Drill {
        shows: "LT-15",
        level: Level::Red,
        dark: 50 * HOUR,
        lit: 50 * HOUR + 5 * MINUTE,
        told: OPERATIONS,
        ..OLD
    },
];
