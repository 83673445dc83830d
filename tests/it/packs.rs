//! Packs: the ones that ship, what the linter says, and what applying one does.

mod changes;
mod guides;
mod levels;
mod maintenance;
mod metrics;

use std::path::Path;

use signalbox::app::simulator;
use signalbox::features::packs::actions::{self, ApplyError, What};
use signalbox::features::packs::lint::{Finding, Severity};
use signalbox::features::packs::pack::{Rule, Service};
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::db;

use crate::support::app::TestApp;

pub const SMALL: &str = r#"
[platform]
id = "demo"
name = "Demo"
version = "1"

[[service]]
id = "api"
name = "API"

[[probe]]
id = "api-health"
service = "api"
check.http = { url = "${API_URL:-http://localhost:8000}/health", json = { "/status" = "ok" } }
interval = "30s"

[[indicator]]
id = "ncc_qos"
name = "NCC quality of service"
unit = "%"

[[event_type]]
id = "report.submitted"
name = "Report submitted"

[[rule]]
id = "api-down"
name = "API is down"
on.state = "api-health"
red = { is = "down" }
runbook = "mend"

[[rule]]
id = "qos"
name = "Quality is in breach"
on.indicator = "ncc_qos"
red = { below = 98 }
yellow = { below = 99 }
runbook = "mend"
owner = "compliance"

[[rule]]
id = "submitted"
name = "Report submitted"
on.event = "report.submitted"
blue = {}

[[runbook]]
id = "mend"
title = "Mend it"
owner = "Operations"
version = "1"
next_review = "2027-01-01"
steps = ["Look.", "Mend."]

[[contact]]
id = "ada"
name = "Ada"
email = "ada@test.example"

[[escalation]]
id = "critical"
name = "Critical"
levels = ["red"]
steps = [{ notify.contact = "ada" }]
"#;

/// The steps of its runbook, as it writes them.
const RUNBOOK: &str = "steps = [\"Look.\", \"Mend.\"]";

pub fn apply(app: &TestApp, source: &str) -> actions::Outcome {
    let actor = Actor::command_line("tester");
    actions::apply(&app.services, &actor, source, &Given::default()).unwrap()
}

pub fn shipped() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/packs");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let mut packs: Vec<_> = files
        .map(|file| {
            (
                file.file_name().into_string().unwrap(),
                std::fs::read_to_string(file.path()).unwrap(),
            )
        })
        .collect();
    packs.sort();
    packs
}

#[test]
fn the_packs_that_ship_have_nothing_to_be_said_against_them() {
    let packs = shipped();
    assert_eq!(packs.len(), 6);
    let quick: Given = simulator::parameters(7100, Path::new("/srv/simulated"))
        .into_iter()
        .collect();
    for (name, source) in packs {
        for given in [&Given::default(), &quick] {
            let (file, findings) = actions::check(&source, given).unwrap();
            let open: Vec<String> = findings
                .iter()
                .filter(|finding| !matches!(finding.severity, Severity::Accepted(_)))
                .map(ToString::to_string)
                .collect();
            assert_eq!(open, Vec::<String>::new(), "{name}");
            assert!(name.starts_with(&file.pack.platform.id));
        }
    }
}

fn findings(source: &str) -> Vec<Finding> {
    actions::check(source, &Given::default()).unwrap().1
}

/// What the linter says about the small pack with one thing in it replaced.
fn said(from: &str, to: &str) -> Vec<(&'static str, bool)> {
    let source = SMALL.replacen(from, to, 1);
    assert_ne!(source, SMALL);
    findings(&source)
        .into_iter()
        .map(|finding| (finding.code, finding.severity == Severity::Error))
        .collect()
}

#[test]
fn the_linter_names_what_cannot_stand() {
    assert_eq!(findings(SMALL), []);
    let error = |from, to, code| {
        assert!(
            said(from, to).contains(&(code, true)),
            "{code}: {:?}",
            said(from, to)
        );
    };
    error(
        "service = \"api\"",
        "service = \"web\"",
        "unknown-reference",
    );
    error(
        "on.state = \"api-health\"",
        "on.state = \"other\"",
        "unknown-reference",
    );
    error(
        "runbook = \"mend\"",
        "runbook = \"other\"",
        "unknown-reference",
    );
    error("runbook = \"mend\"", "", "red-without-runbook");
    error("id = \"qos\"", "id = \"api-down\"", "duplicate");
    error("id = \"qos\"", "id = \"QoS\"", "bad-id");
    error(
        "yellow = { below = 99 }",
        "yellow = { below = 97 }",
        "levels-out-of-order",
    );
    error(
        "red = { below = 98 }",
        "red = { below = \"5m\" }",
        "bad-condition",
    );
    error(
        "red = { below = 98 }",
        "red = { below = 98, clear = 97 }",
        "bad-condition",
    );
    error(
        "red = { is = \"down\" }",
        "red = { above = 1 }",
        "bad-condition",
    );
    error("blue = {}", "", "no-level");
    error(
        "http://localhost:8000",
        "http://a:b@localhost",
        "bad-address",
    );
    error(
        "interval = \"30s\"",
        "interval = \"30s\"\ntimeout = \"25s\"",
        "bad-timing",
    );
    let sent_to = |url: &str| {
        let connector = format!(
            "[[connector]]\nid = \"bank\"\nname = \"Bank\"\nurl = \"{url}\"\noperations = {{ a = \"\" }}\n\
             authorization_file = \"/run/secrets/bank\"\n[[event_type]]"
        );
        SMALL.replacen("[[event_type]]", &connector, 1)
    };
    let in_the_clear = |url: &str| {
        let found = findings(&sent_to(url));
        found
            .iter()
            .any(|it| it.to_string().contains("authorization-in-the-clear"))
    };
    assert!(in_the_clear("http://bank.example"));
    assert!(!in_the_clear("https://bank.example") && !in_the_clear("http://127.0.0.1:8080"));
    error("report.submitted", "sar.filed", "sar-event");
    error("report.submitted", "suspicious-activity.due", "sar-event");
    // A timeout below what a rule wants to see.
    error(
        "on.state = \"api-health\"\nred = { is = \"down\" }",
        "on.latency = \"api-health\"\nred = { above = \"10s\" }",
        "timeout-under-threshold",
    );
}

#[test]
fn a_worse_level_is_further_away_or_lasts_longer() {
    let with = |levels: &str| {
        let source = SMALL.replacen("red = { below = 98 }\nyellow = { below = 99 }", levels, 1);
        assert_ne!(source, SMALL);
        let found = findings(&source).into_iter();
        found
            .filter(|it| it.severity == Severity::Error)
            .map(|it| it.code)
            .collect::<Vec<_>>()
    };
    assert!(
        with("red = { below = 98, for = \"10m\" }\nyellow = { below = 98, for = \"2m\" }")
            .is_empty()
    );
    let same = with("red = { below = 98, for = \"2m\" }\nyellow = { below = 98, for = \"2m\" }");
    assert_eq!(same, ["levels-out-of-order"]);
}

#[test]
fn a_hold_needs_more_than_one_report() {
    let with = |indicator: &str, hold: &str| {
        let source = SMALL
            .replacen("unit = \"%\"", &format!("unit = \"%\"{indicator}"), 1)
            .replacen(
                "yellow = { below = 99 }",
                &format!("yellow = {{ below = 99, for = \"{hold}\" }}"),
                1,
            );
        findings(&source)
            .into_iter()
            .map(|it| it.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(with("", "2m"), ["hold-without-expected-report"]);
    assert_eq!(
        with("\nexpect_every = \"1m\"", "2m"),
        ["hold-under-twice-interval"]
    );
    assert!(with("\nexpect_every = \"30s\"", "2m").is_empty());
}

#[test]
fn results_are_counted_as_far_as_they_are_kept() {
    let with = |results: u32| {
        let to =
            format!("on.latency = \"api-health\"\nred = {{ above = \"2s\", results = {results} }}");
        said("on.state = \"api-health\"\nred = { is = \"down\" }", &to)
    };
    assert_eq!(with(20), []);
    assert_eq!(with(21), [("bad-condition", true)]);
    assert_eq!(with(0), [("bad-condition", true)]);
}

/// One report that stands until the next is due is not read for ever.
#[test]
fn every_indicator_that_ships_says_how_often_it_is_reported() {
    for (name, source) in shipped() {
        let (file, _) = actions::check(&source, &Given::default()).unwrap();
        for indicator in &file.pack.indicators {
            assert!(indicator.expect_every.is_some(), "{name}, {}", indicator.id);
        }
    }
}

#[test]
fn a_share_is_not_a_count_of_percent() {
    let host = SMALL.replacen("check.http = { url = \"${API_URL:-http://localhost:8000}/health\", json = { \"/status\" = \"ok\" } }", "check.host = {}", 1);
    let with = |threshold: &str| {
        let condition = format!(
            "on.measure = {{ probe = \"api-health\", name = \"disk\" }}\nred = {{ above = {threshold} }}"
        );
        findings(&host.replacen(
            "on.state = \"api-health\"\nred = { is = \"down\" }",
            &condition,
            1,
        ))
    };
    assert_eq!(with("\"90%\""), []);
    assert_eq!(with("90")[0].code, "bad-condition");
}

/// The small pack with another kind of probe, and a rule on what it reads.
fn with_probe(check: &str, rule: &str) -> String {
    let http = "check.http = { url = \"${API_URL:-http://localhost:8000}/health\", json = { \"/status\" = \"ok\" } }";
    let state = "on.state = \"api-health\"\nred = { is = \"down\" }";
    let source = SMALL.replacen(http, check, 1).replacen(state, rule, 1);
    assert!(source.contains(check) && source.contains(rule));
    source
}

fn said_of(check: &str, rule: &str) -> Vec<String> {
    let found = findings(&with_probe(check, rule));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_rule_on_a_figure_speaks_in_its_unit() {
    let dumps = "check.file = { pattern = \"/b/*.dump\" }";
    let on = |name: &str, levels: &str| {
        said_of(
            dumps,
            &format!("on.measure = {{ probe = \"api-health\", name = \"{name}\" }}\n{levels}"),
        )
    };
    let fine: [(&str, &str); 5] = [
        (
            "age",
            "red = { above = \"50h\", clear = \"26h\" }\nyellow = { above = 93600 }",
        ),
        ("size", "red = { below = \"1MB\", clear = 2000000 }"),
        ("size", "red = { below = 1 }"),
        ("count", "red = { below = 7 }"),
        ("count", "red = { above = 100, clear = 90 }"),
    ];
    for (name, levels) in fine {
        assert_eq!(on(name, levels), Vec::<String>::new(), "{levels}");
    }
    let wrong: [(&str, &str, &str); 6] = [
        ("age", "red = { above = \"1GB\" }", "length of time"),
        (
            "age",
            "red = { above = \"26h\", clear = 93601 }",
            "clear lies",
        ),
        (
            "age",
            "red = { above = \"26h\" }\nyellow = { above = 100000 }",
            "beyond",
        ),
        ("size", "red = { below = \"26h\" }", "bytes"),
        ("count", "red = { below = \"7B\" }", "a number"),
        (
            "cpu",
            "red = { above = 1 }",
            "a file probe does not read cpu",
        ),
    ];
    for (name, levels, why) in wrong {
        let said = on(name, levels);
        assert!(said.iter().any(|it| it.contains(why)), "{levels}: {said:?}");
    }
    let latency = "on.latency = \"api-health\"\nred = { above = \"1s\" }";
    let said = said_of(dumps, latency);
    assert!(said[0].contains("asks nobody"), "{said:?}");
}

#[test]
fn a_certificate_is_asked_for_by_a_name_at_an_address() {
    let check = |inside: &str| format!("check.tls = {{ {inside} }}");
    let rule = "on.measure = { probe = \"api-health\", name = \"days\" }\n\
                red = { below = \"7d\" }\nyellow = { below = 14 }\nblue = { below = \"21d\" }";
    let said = |inside: &str| said_of(&check(inside), rule);
    for fine in [
        "address = \"localhost:443\"",
        "address = \"[::1]:8443\", name = \"bank.example\", trust = \"/etc/ssl/own.pem\"",
    ] {
        assert_eq!(said(fine), Vec::<String>::new(), "{fine}");
    }
    for wrong in [
        "address = \"localhost\"",
        "address = \":443\"",
        "address = \"localhost:0\"",
        "address = \"localhost:443\", name = \"a b\"",
        "address = \"localhost:443\", name = \"a\\u0000\"",
        "address = \"localhost:443\", trust = \"own.pem\"",
    ] {
        let said = said(wrong);
        assert!(!said.is_empty(), "{wrong}");
        assert!(
            said.iter().all(|it| it.contains("bad-address")),
            "{wrong}: {said:?}"
        );
    }
}

#[test]
fn a_cache_is_asked_at_an_address_by_somebody_with_a_password() {
    let check = |inside: &str| format!("check.redis = {{ {inside} }}");
    let rule = "on.measure = { probe = \"api-health\", name = \"hits\" }\n\
                yellow = { below = \"70%\", clear = \"75%\" }";
    let said = |inside: &str| said_of(&check(inside), rule);
    for fine in [
        "address = \"localhost:6379\"",
        "address = \"localhost:6379\", tls = true, database = 3",
        "address = \"localhost:6379\", tls = \"${REDIS_TLS:-false}\", database = \"${REDIS_DB:-0}\"",
        "address = \"localhost:6379\", user = \"probe\", password_file = \"/run/secrets/redis\"",
    ] {
        assert_eq!(said(fine), Vec::<String>::new(), "{fine}");
    }
    for wrong in [
        "address = \"localhost\"",
        "address = \"localhost:6379\", user = \"probe\"",
    ] {
        assert!(said(wrong)[0].contains("bad-address"), "{wrong}");
    }
    let unreadable = with_probe(
        &check("address = \"localhost:6379\", database = \"x\""),
        rule,
    );
    assert!(actions::check(&unreadable, &Given::default()).is_err());
}

#[test]
fn a_pattern_of_files_stays_in_one_folder() {
    let with = |pattern: &str| {
        let check = format!("check.file = {{ pattern = \"{pattern}\" }}");
        let rule = "on.state = \"api-health\"\nred = { is = \"down\" }";
        said_of(&check, rule)
    };
    assert!(with("/var/backups/*.dump").is_empty());
    for pattern in ["*.dump", "/var/*/x", "/var/../etc/*", "/var/backups/"] {
        let said = with(pattern);
        assert!(
            said.len() == 1 && said[0].contains("bad-address"),
            "{pattern}: {said:?}"
        );
    }
}

#[test]
fn a_warning_can_be_accepted_with_a_reason() {
    let short = SMALL.replacen(
        "red = { is = \"down\" }",
        "red = { is = \"down\", for = \"45s\" }",
        1,
    );
    let found = findings(&short);
    assert_eq!(
        (found[0].code, &found[0].severity),
        ("hold-under-twice-interval", &Severity::Warning)
    );
    let accepting = format!(
        "{short}\n[[accept]]\nwarning = \"hold-under-twice-interval\"\non = \"api-down\"\nreason = \"The guide says so.\"\n"
    );
    let found = findings(&accepting);
    assert_eq!(
        found[0].severity,
        Severity::Accepted("The guide says so.".to_owned())
    );
    assert_eq!(found.len(), 1);
    let idle = format!("{SMALL}\n[[accept]]\nwarning = \"x\"\non = \"api-down\"\nreason = \"y\"\n");
    assert_eq!(findings(&idle)[0].code, "nothing-to-accept");
}

/// On the page of the rule, and of the service whose scrape it is.
#[actix_web::test]
async fn what_is_accepted_stands_on_the_page_concerned() {
    let app = TestApp::start().await;
    let short = SMALL.replacen(
        "red = { is = \"down\" }",
        "red = { is = \"down\", for = \"45s\" }",
        1,
    );
    let accept = |warning: &str, on: &str, reason: &str| {
        format!("\n[[accept]]\nwarning = \"{warning}\"\non = \"{on}\"\nreason = \"{reason}\"\n")
    };
    let scrape =
        "\n[[scrape]]\nid = \"figures\"\nservice = \"api\"\nurl = \"http://localhost:1/metrics\"\n";
    let held = accept(
        "hold-under-twice-interval",
        "api-down",
        "The guide says so.",
    );
    let unread = accept("unread-scrape", "figures", "Kept for later.");
    let heartbeat =
        "\n[[heartbeat]]\nid = \"dump\"\nname = \"Dump\"\nevery = \"1h\"\ngrace = \"2h\"\n";
    let silent = accept("unread-heartbeat", "dump", "Nobody waits for it.");
    let patient = accept("grace-over-period", "dump", "It may be skipped once.");
    apply(
        &app,
        &format!("{short}{scrape}{heartbeat}{held}{unread}{silent}{patient}"),
    );
    let operator = app.as_operator();
    let rules = operator.get("/rules").await;
    let rule = operator.get(&rules.link("API is down")).await;
    assert!(rule.says("Accepted warning") && rule.says("The guide says so."));
    let other = operator.get(&rules.link("Quality is in breach")).await;
    assert!(!other.says("Accepted warning"));
    let services = operator.get("/services").await;
    let service = operator.get(&services.link("API")).await;
    assert!(service.says("Accepted warning") && service.says("Kept for later."));
    assert!(!service.says("The guide says so."));
    let heartbeats = operator.get("/heartbeats").await;
    let heartbeat = operator.get(&heartbeats.link("Dump")).await;
    assert!(
        heartbeat.says("Nobody waits for it.") && heartbeat.says("It may be skipped once."),
        "{}",
        heartbeat.text()
    );
    let pack = app.as_admin().get("/packs/demo").await;
    assert!(pack.says("Accepted warnings") && pack.says("Kept for later."));
}

#[tokio::test]
async fn applying_writes_everything_once_with_its_event() {
    let app = TestApp::start().await;
    let first = apply(&app, SMALL);
    assert_eq!(first.differences.len(), 10);
    assert!(
        first
            .differences
            .iter()
            .all(|difference| difference.what == What::Added)
    );
    let again = apply(&app, SMALL);
    assert_eq!((again.revision, again.differences.len()), (2, 0));
    let events = app.events_of("pack.applied");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["subject"]["id"], "demo");
}

#[tokio::test]
async fn what_a_pack_stops_naming_is_retired_and_may_return() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    let rules = |app: &TestApp| app.services.db.read(store::live::<Rule>).unwrap().len();
    let submitted = "[[rule]]\nid = \"submitted\"\nname = \"Report submitted\"\non.event = \"report.submitted\"\nblue = {}\n";
    let less = SMALL
        .replacen(submitted, "", 1)
        .replacen("name = \"API\"", "name = \"The API\"", 1);
    let outcome = apply(&app, &less);
    let told: Vec<String> = outcome
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "~ service api: name",
            "- rule submitted (retired; its history stays)"
        ]
    );
    assert_eq!(rules(&app), 2);
    assert_eq!(apply(&app, SMALL).differences.len(), 2);
    assert_eq!(rules(&app), 3);
}

#[tokio::test]
async fn a_pack_with_errors_changes_nothing() {
    let app = TestApp::start().await;
    let wrong = SMALL.replacen("runbook = \"mend\"", "", 1);
    let refused = actions::apply(
        &app.services,
        &Actor::command_line("tester"),
        &wrong,
        &Given::default(),
    );
    assert!(matches!(refused, Err(ApplyError::Wrong(_))));
    let services: db::Result<Vec<_>> = app.services.db.read(store::live::<Service>);
    assert!(services.unwrap().is_empty());
    assert!(app.events_of("pack.applied").is_empty());
}

#[tokio::test]
async fn parameters_are_named_and_their_values_kept_out() {
    let app = TestApp::start().await;
    let given: Given = [("DEMO_API_URL", "http://10.1.2.3:9000")]
        .into_iter()
        .collect();
    actions::apply(&app.services, &Actor::command_line("tester"), SMALL, &given).unwrap();
    let page = app.as_operator().get("/packs").await;
    assert_eq!(page.status, 200);
    assert!(page.says("Demo"));
    assert!(page.says("API_URL"));
    assert!(!page.says("10.1.2.3"));
    assert_eq!(app.as_reviewer().get("/packs").await.status, 403);
}
