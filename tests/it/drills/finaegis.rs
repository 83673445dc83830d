//! FinAegis.

use signalbox::app::simulator::Mode;
use signalbox::features::packs::pack::Measure;
use signalbox::foundation::kernel::Level;

use super::{CUT_OFF, DAY, DOWN, DRILL, Drill, Guide, HOUR, MINUTE, SEEN, Way};

pub const GUIDE: Guide = Guide {
    pack: "finaegis",
    given: &[],
    drills: &[&[
        Drill {
            rule: "reconcile-late",
            shows: "FA-6",
            breaks: Way::Unheard("reconciliation"),
            level: Level::Red,
            dark: 26 * HOUR - 5 * MINUTE,
            lit: 26 * HOUR,
            told: FINANCE,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "app-down",
            shows: "FA-4",
            breaks: Way::Site("Application", Mode::Failing),
            told: OPERATIONS,
            runbook: Some("service-down"),
            ..DOWN
        },
        Drill {
            rule: "event-store-down",
            shows: "FA-4",
            breaks: Way::Site("Event store", Mode::Failing),
            told: OPERATIONS,
            runbook: Some("service-down"),
            ..DOWN
        },
        Drill {
            rule: "cache-down",
            shows: "FA-4",
            breaks: Way::Site("Cache and queues", Mode::Failing),
            told: OPERATIONS,
            runbook: Some("service-down"),
            ..DOWN
        },
        Drill {
            rule: "bank-connector-open",
            shows: "FA-3",
            breaks: Way::Reported("bank_connectors_open", 1.0, 0.0),
            told: BANKS,
            runbook: Some("connector-open"),
            ..DRILL
        },
        Drill {
            rule: "bank-connector-open",
            shows: "FA-3",
            breaks: Way::Reported("bank_connectors_open", 2.0, 0.0),
            level: Level::Red,
            told: BANKS,
            runbook: Some("connector-open"),
            ..DRILL
        },
        Drill {
            rule: "bank-first-cut-off",
            shows: "FA-2, FA-3",
            breaks: Way::Site("First bank", Mode::Failing),
            level: Level::Red,
            told: BANKS_AND_ALL,
            runbook: Some("connector-open"),
            ..CUT_OFF
        },
        Drill {
            rule: "bank-first-cut-off",
            shows: "FA-1, FA-3",
            breaks: Way::Site("First bank", Mode::Failing),
            lit: 6 * MINUTE,
            told: BANKS,
            runbook: Some("connector-open"),
            out: 6 * MINUTE,
            ..DRILL
        },
        Drill {
            rule: "bank-second-cut-off",
            shows: "FA-2, FA-3",
            breaks: Way::Site("Second bank", Mode::Failing),
            level: Level::Red,
            told: BANKS_AND_ALL,
            runbook: Some("connector-open"),
            ..CUT_OFF
        },
        Drill {
            rule: "bank-second-cut-off",
            shows: "FA-1, FA-3",
            breaks: Way::Site("Second bank", Mode::Failing),
            lit: 6 * MINUTE,
            told: BANKS,
            runbook: Some("connector-open"),
            out: 6 * MINUTE,
            ..DRILL
        },
        Drill {
            rule: "bank-connectors-unchecked",
            shows: "FA-1",
            breaks: Way::Unreported("bank_connectors_open"),
            dark: 11 * MINUTE,
            lit: 11 * MINUTE + 2,
            told: OPERATIONS,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "queue-events-waits",
            shows: "FA-10",
            breaks: Way::Measured("queue-events", Measure::Oldest, 301.0, 5.0),
            told: OPERATIONS,
            runbook: Some("queue-backlog"),
            ..SEEN
        },
        Drill {
            rule: "queue-ledger-waits",
            shows: "FA-10",
            breaks: Way::Measured("queue-ledger", Measure::Oldest, 301.0, 5.0),
            told: OPERATIONS,
            runbook: Some("queue-backlog"),
            ..SEEN
        },
        Drill {
            rule: "queue-transactions-waits",
            shows: "FA-10",
            breaks: Way::Measured("queue-transactions", Measure::Oldest, 301.0, 5.0),
            told: OPERATIONS,
            runbook: Some("queue-backlog"),
            ..SEEN
        },
        Drill {
            rule: "queue-transfers-waits",
            shows: "FA-10",
            breaks: Way::Measured("queue-transfers", Measure::Oldest, 301.0, 5.0),
            told: OPERATIONS,
            runbook: Some("queue-backlog"),
            ..SEEN
        },
        Drill {
            rule: "queue-webhooks-waits",
            shows: "FA-10",
            breaks: Way::Measured("queue-webhooks", Measure::Oldest, 301.0, 5.0),
            told: OPERATIONS,
            runbook: Some("queue-backlog"),
            ..SEEN
        },
        Drill {
            rule: "queue-cgo-waits",
            shows: "FA-10",
            breaks: Way::Measured("queue-cgo", Measure::Oldest, 301.0, 5.0),
            told: OPERATIONS,
            runbook: Some("queue-backlog"),
            ..SEEN
        },
        Drill {
            rule: "jobs-given-up",
            shows: "FA-10",
            breaks: Way::Measured("jobs-given-up", Measure::Failed, 1.0, 0.0),
            told: OPERATIONS,
            runbook: Some("jobs-given-up"),
            ..SEEN
        },
        Drill {
            rule: "balance-sync-late",
            shows: "FA-5",
            breaks: Way::Missed("balance-sync"),
            dark: 10 * MINUTE - 1,
            lit: 10 * MINUTE,
            told: OPERATIONS,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "payment-verification-late",
            shows: "FA-9, FA-22",
            breaks: Way::Missed("payment-verification"),
            dark: 20 * MINUTE - 1,
            lit: 20 * MINUTE,
            told: OPERATIONS,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "payment-verification-late",
            shows: "FA-9",
            breaks: Way::Failing("payment-verification"),
            told: OPERATIONS,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "reconcile-late",
            shows: "FA-6",
            breaks: Way::Missed("reconciliation"),
            level: Level::Red,
            dark: 26 * HOUR - 1,
            lit: 26 * HOUR,
            told: FINANCE,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "ctr-late",
            shows: "FA-7",
            breaks: Way::Missed("ctr-run"),
            level: Level::Red,
            dark: 26 * HOUR - 1,
            lit: 26 * HOUR,
            told: COMPLIANCE,
            runbook: Some("task-late"),
            ..DRILL
        },
        Drill {
            rule: "sar-run-late",
            shows: "FA-8",
            breaks: Way::Missed("sar-run"),
            level: Level::Red,
            dark: 30 * DAY + 12 * HOUR - 1,
            lit: 30 * DAY + 12 * HOUR,
            told: COMPLIANCE,
            runbook: Some("task-late"),
            ..DRILL
        },
    ]],
};

const OPERATIONS: &[&str] = &["rota:operations"];
const COMPLIANCE: &[&str] = &["compliance", "rota:operations"];
const FINANCE: &[&str] = &["finance", "rota:operations"];
const BANKS: &[&str] = &["bank-integration", "rota:operations"];
/// After a quarter of an hour in which nobody had it in hand.
const BANKS_AND_ALL: &[&str] = &["bank-integration", "operations", "reserve"];

#[actix_web::test]
async fn each_alert_of_finaegis() {
    GUIDE.run(GUIDE.drills[0]).await;
}
