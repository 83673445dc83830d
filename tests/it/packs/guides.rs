//! What the packs of the five guides say, held against the guides.

use signalbox::features::packs::actions;
use signalbox::features::packs::lint::Severity;
use signalbox::features::packs::pack::{Check, Pack};
use signalbox::features::packs::parameters::Given;

use super::{RUNBOOK, SMALL, apply, findings, shipped};
use crate::support::app::TestApp;

/// The packs of the guides: with their text, and as they are read with nothing given.
fn of_guides() -> Vec<(String, String, Pack)> {
    let packs = shipped().into_iter();
    packs
        .filter(|(name, _)| name != "signalbox.toml")
        .map(|(name, source)| {
            let pack = actions::check(&source, &Given::default()).unwrap().0.pack;
            (name, source, pack)
        })
        .collect()
}

/// Whoever reads a pack sees which line of its guide a thing comes from, or that it is our own.
#[test]
fn everything_of_a_guide_says_where_it_comes_from() {
    const KINDS: [&str; 21] = [
        "probe",
        "scrape",
        "indicator",
        "event_type",
        "heartbeat",
        "connector",
        "error_code",
        "rule",
        "slo",
        "checklist",
        "release_gate",
        "runbook",
        "contact",
        "rota",
        "escalation",
        "external_service",
        "maintenance",
        "capacity",
        "log_source",
        "backup_plan",
        "inhibit",
    ];
    let mut nameless = Vec::new();
    for (name, source, _) in of_guides() {
        let lines: Vec<&str> = source.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let kind = line.strip_prefix("[[").and_then(|it| it.strip_suffix("]]"));
            if !kind.is_some_and(|kind| KINDS.contains(&kind)) {
                continue;
            }
            let above = lines[..at]
                .iter()
                .rev()
                .take_while(|it| it.starts_with('#'));
            let comment: String = above.copied().collect();
            let is_of = |mark: &str| {
                let after = comment.split(mark).skip(1);
                after
                    .into_iter()
                    .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            };
            let ours =
                comment.contains("Reported by Signalbox itself") || comment.contains("our own");
            if !ours && !["RH-", "LT-", "FA-", "FC-", "DO-"].into_iter().any(is_of) {
                nameless.push(format!("{name}: {} {}", line, lines[at + 1]));
            }
        }
    }
    assert_eq!(nameless, Vec::<String>::new());
}

/// RH-12, LT-15, FC-25, DO-24, DO-26, DO-32: each chapter on how something is brought back, and the way to it.
#[test]
fn what_each_guide_says_of_recovery_can_be_reached() {
    let chapters = [
        ("regtech-horizon", "restore-lumadb"),
        ("lait", "restore"),
        ("lait", "legal-database-away"),
        ("lait", "model-not-ready"),
        ("lait", "file-failed"),
        ("finchat", "recover-configuration"),
        ("finchat", "recover-service"),
        ("finchat", "cache-rebuild"),
        ("debt-os", "disaster-recovery"),
        ("debt-os", "queue-purge"),
        ("debt-os", "look-closer"),
    ];
    let packs = of_guides();
    for (platform, id) in chapters {
        let of = |it: &&(String, String, Pack)| it.2.platform.id == platform;
        let pack = &packs.iter().find(of).unwrap().2;
        assert!(
            pack.runbooks.iter().any(|it| it.id == id),
            "{platform} {id}"
        );
        let leads = |named: &Option<String>| named.as_deref() == Some(id);
        let alone = pack.rules.iter().any(|it| leads(&it.runbook))
            || pack.error_codes.iter().any(|it| leads(&it.runbook));
        let onward = pack
            .runbooks
            .iter()
            .any(|it| it.then.iter().any(|next| next == id));
        assert!(alone || onward, "{platform} {id}");
    }
    // LT-22
    let lait = &packs
        .iter()
        .find(|it| it.2.platform.id == "lait")
        .unwrap()
        .2;
    for (code, runbook) in [
        ("LEGAL_001", "legal-database-away"),
        ("ML_001", "model-not-ready"),
        ("FILE_001", "file-failed"),
    ] {
        let known = lait.error_codes.iter().find(|it| it.id == code).unwrap();
        assert_eq!(known.runbook.as_deref(), Some(runbook), "{code}");
    }
}

/// FC-24: somebody is sent the digests of each platform.
#[test]
fn the_digests_of_each_platform_are_for_somebody() {
    for (name, _, pack) in of_guides() {
        let subscribed = pack.contacts.iter().any(|it| it.digests.len() == 2);
        assert!(subscribed, "{name}");
    }
}

#[test]
fn a_runbook_leads_on_to_others_and_not_to_itself() {
    let with = |then: &str| {
        let source = SMALL.replacen(RUNBOOK, &format!("{RUNBOOK}\nthen = [\"{then}\"]"), 1);
        assert_ne!(source, SMALL);
        let found = findings(&source).into_iter();
        found
            .map(|it| (it.code, it.severity == Severity::Error))
            .collect::<Vec<_>>()
    };
    assert_eq!(with("mend"), [("leads-to-itself", true)]);
    assert_eq!(with("other"), [("unknown-reference", true)]);
    let alone = "\n[[runbook]]\nid = \"more\"\ntitle = \"More\"\nowner = \"O\"\nversion = \"1\"\n\
                 next_review = \"2029-01-01\"\nsteps = [\"Look.\"]\n";
    let unused = findings(&format!("{SMALL}{alone}"));
    assert_eq!(unused[0].code, "unused-runbook");
    let led = SMALL.replacen(RUNBOOK, &format!("{RUNBOOK}\nthen = [\"more\"]"), 1);
    assert_eq!(findings(&format!("{led}{alone}")), []);
}

/// Nothing leaves the machine before somebody has said where to: what others serve is asked once its address is given.
#[test]
fn no_pack_sends_anything_out_by_itself() {
    let others = [
        ("finchat", "EDGAR_URL", "edgar"),
        ("lait", "OPENAI_URL", "openai"),
        ("debt-os", "GITHUB_URL", "github"),
        ("debt-os", "OPENAI_URL", "openai"),
        ("debt-os", "ANTHROPIC_URL", "anthropic"),
    ];
    for (name, source, pack) in of_guides() {
        let mut asked: Vec<String> = pack.connectors.iter().map(|it| it.url.clone()).collect();
        let probes = pack.all_probes();
        asked.extend(probes.iter().filter_map(|probe| match &probe.check {
            Check::Http(http) => Some(http.url.clone()),
            Check::Prometheus(scrape) => Some(scrape.url.clone()),
            _ => None,
        }));
        for url in asked {
            assert!(url.starts_with("http://localhost:"), "{name}: {url}");
        }
        for (_, parameter, connector) in others.iter().filter(|it| it.0 == pack.platform.id) {
            let given: Given = [(*parameter, "https://far.example")].into_iter().collect();
            let with = actions::check(&source, &given).unwrap().0.pack;
            assert!(
                with.connectors.iter().any(|it| it.id == *connector),
                "{name} {connector}"
            );
            let without = with.rules.len() - pack.rules.len();
            assert!(without >= 1, "{name}: its rule comes with {connector}");
        }
    }
}

/// LT-11, FC-15, DO-31: a certificate is looked at once it is said where, with the days of the product's own.
#[test]
fn certificates_are_looked_at_where_an_installation_says() {
    for (platform, parameter) in [
        ("lait", "FRONT_ADDRESS"),
        ("finchat", "WEB_ADDRESS"),
        ("debt-os", "PUBLIC_ADDRESS"),
    ] {
        let (_, source, without) = of_guides()
            .into_iter()
            .find(|it| it.2.platform.id == platform)
            .unwrap();
        assert!(
            !without.rules.iter().any(|it| it.id == "certificate-ends"),
            "{platform}"
        );
        let given: Given = [(parameter, "edge.bank.example:443")].into_iter().collect();
        let (file, found) = actions::check(&source, &given).unwrap();
        assert!(
            found
                .iter()
                .all(|it| matches!(it.severity, Severity::Accepted(_))),
            "{found:?}"
        );
        let rule = file
            .pack
            .rules
            .iter()
            .find(|it| it.id == "certificate-ends")
            .unwrap();
        let days: Vec<String> = rule
            .levels()
            .map(|(level, condition)| format!("{level} {}", condition.below.unwrap()))
            .collect();
        assert_eq!(days, ["red 7d", "yellow 14d", "blue 21d"], "{platform}");
    }
}

const PLAN: &str = r#"
[[backup_plan]]
id = "data"
name = "Data"
every = "1d"
keep = "30d"
promise = [{ scenario = "It is lost", rto = "4h", rpo = "1d" }]
"#;

#[test]
fn a_plan_that_contradicts_itself_is_named() {
    let with = |from: &str, to: &str| {
        let plan = PLAN.replacen(from, to, 1);
        assert!(from.is_empty() || plan != PLAN);
        let found = findings(&format!("{SMALL}{plan}")).into_iter();
        found.map(|it| it.code).collect::<Vec<_>>()
    };
    assert!(with("", "").is_empty());
    let every = "every = \"1d\"";
    assert_eq!(with(every, "every = \"2d\""), ["promise-not-reachable"]);
    assert!(with(every, "").is_empty(), "not by the clock");
    let cleared = |after: &str| {
        with(
            "keep = \"30d\"",
            &format!("keep = \"30d\"\ncleared_after = \"{after}\""),
        )
    };
    assert!(cleared("30d").is_empty());
    assert_eq!(cleared("7d"), ["retention-against-itself"]);
    let unsaid = with("keep = \"30d\"", "cleared_after = \"7d\"");
    assert!(unsaid.is_empty(), "{unsaid:?}");
    assert_eq!(with(every, "probe = \"other\""), ["unknown-reference"]);
}

#[test]
fn a_job_that_cannot_meet_its_obligation_is_named() {
    let with = |schedule: &str| {
        let beat = format!(
            "\n[[heartbeat]]\nid = \"run\"\nname = \"Run\"\n{schedule}\ngrace = \"12h\"\nwithin = \"30d\"\n\
             \n[[rule]]\nid = \"run-late\"\nname = \"Late\"\non.heartbeat = \"run\"\nyellow = {{ is = \"down\" }}\n"
        );
        let found = findings(&format!("{SMALL}{beat}")).into_iter();
        found.map(|it| it.code).collect::<Vec<_>>()
    };
    // Most months have 31 days, and none of February's runs make up for that.
    assert_eq!(with("cron = \"0 0 1 * *\""), ["obligation-not-met"]);
    assert_eq!(
        with("every = \"30d\""),
        ["obligation-not-met"],
        "its grace counts as well"
    );
    assert!(with("every = \"29d\"").is_empty());
    assert!(with("cron = \"0 0 * * 1\"").is_empty());
}

/// FA-8, DO-26, DO-27, LT-29: what a pack lives with stands on the page of the thing, and whom one calls on that of duty.
#[actix_web::test]
async fn what_a_pack_lives_with_is_shown_where_it_matters() {
    let app = TestApp::start().await;
    for (name, source, _) in of_guides() {
        if name != "regtech-horizon.toml" {
            apply(&app, &source);
        }
    }
    signalbox::features::heartbeats::actions::enrol(&app.services).unwrap();
    let operator = app.as_operator();
    let list = operator.get("/heartbeats").await;
    let run = operator
        .get(&list.link("Monthly suspicious-activity run"))
        .await;
    assert!(
        run.says("a run within 30d of what happened"),
        "{}",
        run.text()
    );
    assert!(
        run.says("Promise not reachable") && run.says("thirty days are the duty"),
        "{}",
        run.text()
    );
    let other = operator
        .get(&list.link("Reconciliation of custodian accounts"))
        .await;
    assert!(!other.says("Promise not reachable"));

    let plans = operator.get("/backups").await;
    assert_eq!(
        plans.heading(),
        "2 of 10 backup plans are at odds with themselves"
    );
    assert!(
        plans.says("none has been recorded yet"),
        "promises are called promises"
    );
    let rows = plans.table("Backup plans, as the packs write them");
    let row = |name: &str, platform: &str| {
        let found = rows
            .iter()
            .find(|row| row[0].starts_with(name) && row[0].contains(platform));
        found.unwrap_or_else(|| panic!("{name} of {platform}: {rows:?}"))
    };
    let debt_os = row("Database", "DEBT-OS");
    assert!(
        debt_os[0].contains("Retention contradicts itself")
            && debt_os[0].contains("Promise not reachable")
    );
    assert!(debt_os[1].contains("every 1d") && debt_os[1].contains("Daily dump of the database"));
    for promise in [
        "The database is corrupt: back within 30m, at most 1h lost",
        "All infrastructure is lost: back within 4h, at most 1d lost",
    ] {
        assert!(debt_os[4].contains(promise), "{debt_os:?}");
    }
    assert!(
        row("Configuration", "DEBT-OS")[4]
            .contains("A single service fails: back within 5m, nothing lost")
    );
    assert!(row("Clones of repositories", "DEBT-OS")[3].contains("nobody looks"));
    assert!(row("Database", "FinChat")[2].contains("a copy leaves the house"));

    let duty = operator.get("/on-call").await;
    let bought = duty.table("What the platforms buy from others, and whom one calls");
    let named = |name: &str| bought.iter().find(|row| row[0].starts_with(name)).unwrap();
    assert!(
        named("First custodian bank")[1].contains("stands still"),
        "{bought:?}"
    );
    assert!(
        named("Legal database")[3].contains("as our calls find it"),
        "{bought:?}"
    );
    assert!(
        named("Security vendor")[2].contains("no number or address is given"),
        "{bought:?}"
    );
    assert_eq!(bought.len(), 2 + 3 + 4 + 3);
}

/// What a pack says is compared with what was kept of it: a figure that came back as another would be a change that nobody
/// made. 99.9 % is one of them.
#[test]
fn what_is_kept_of_a_pack_comes_back_as_it_was() {
    for (name, source) in shipped() {
        let pack = actions::check(&source, &Given::default()).unwrap().0.pack;
        let kept = [
            serde_json::to_value(&pack.slos).unwrap(),
            serde_json::to_value(&pack.rules).unwrap(),
            serde_json::to_value(&pack.capacities).unwrap(),
        ];
        for kept in kept {
            let read: serde_json::Value = serde_json::from_str(&kept.to_string()).unwrap();
            assert_eq!(read, kept, "{name}");
        }
    }
}
