//! What packs may say of lists, and the lists of the guides.

use signalbox::app::simulator;
use signalbox::features::packs::actions;
use signalbox::features::packs::pack::{CheckItem, Occasion};
use signalbox::features::packs::parameters::Given;

use crate::packs::{SMALL, shipped};

fn said(more: &str) -> Vec<String> {
    let source = format!("{SMALL}{more}");
    let (_, findings) = actions::check(&source, &Given::default()).unwrap();
    findings.iter().map(ToString::to_string).collect()
}

const RULE: &str = "\n[[indicator]]\nid = \"checklists_overdue\"\nname = \"Overdue\"\nexpect_every = \"5m\"\n\
                    \n[[rule]]\nid = \"overdue\"\nname = \"Overdue\"\non.indicator = \"checklists_overdue\"\n\
                    yellow = { above = 0 }\n";

fn list(opening: &str, items: &str) -> Vec<String> {
    said(&format!(
        "{RULE}\n[[checklist]]\nid = \"l\"\nname = \"L\"\n{opening}\nitem = [{items}]\n"
    ))
}

const ITEM: &str = "{ id = \"a\", text = \"A\" }";

#[test]
#[allow(
    clippy::too_many_lines,
    reason = "each mistake has its place in one table"
)]
fn lists_that_cannot_be_are_named() {
    let daily = "cron = \"0 8 * * *\"";
    assert_eq!(list(daily, ITEM), Vec::<String>::new());
    assert_eq!(
        list(
            "cron = \"0 8 * * 1#1\"\nzone = \"Asia/Tokyo\"\nwithin = \"7d\"",
            ITEM
        ),
        Vec::<String>::new()
    );
    for (opening, items, says) in [
        ("", ITEM, "error bad-schedule on l"),
        ("cron = \"0 8 * *\"", ITEM, "five fields"),
        (
            "cron = \"0 8 * * *\"\non_demand = \"other\"",
            ITEM,
            "in one way",
        ),
        (
            "cron = \"0 8 * * *\"\nzone = \"Mars\"",
            ITEM,
            "not an IANA time zone",
        ),
        (
            "on_demand = \"other\"\nzone = \"UTC\"",
            ITEM,
            "a zone goes with cron",
        ),
        (
            "cron = \"0 8 * * *\"\nwithin = \"25h\"",
            ITEM,
            "error due-after-next on l",
        ),
        (
            "cron = \"0 8 * * *\"\nwithin = \"5s\"",
            ITEM,
            "error bad-timing on l",
        ),
        (
            "maintenance = \"none\"",
            ITEM,
            "there is no maintenance \"none\"",
        ),
        (daily, "", "error bad-items on l"),
        (
            daily,
            "{ id = \"a\", text = \"A\" }, { id = \"a\", text = \"B\" }",
            "an id of its own",
        ),
        (daily, "{ id = \"a\", text = \" \" }", "says something"),
        (
            daily,
            "{ id = \"a\", text = \"A\", expect = { is = \"up\" } }",
            "reads nothing",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.state = \"web\", expect = { is = \"up\" } }",
            "no probe \"web\"",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.indicator = \"web\" }",
            "no indicator \"web\"",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.state = \"api-health\", expect = { is = \"down\" } }",
            "bad-expectation",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.state = \"api-health\", expect = { below = 3 } }",
            "bad-expectation",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.latency = \"api-health\", expect = { below = 3 } }",
            "length of time",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.state = \"api-health\", expect = { served = true } }",
            "bad-expectation",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.event = \"report.submitted\", expect = {} }",
            "an event has no state",
        ),
        (
            daily,
            "{ id = \"a\", text = \"A\", read.indicator = \"ncc_qos\", expect = { above = 98 } }",
            "error never-stale on l",
        ),
    ] {
        let found = list(opening, items);
        assert!(
            found.iter().any(|line| line.contains(says)),
            "{opening} {items}: {found:?}"
        );
    }
    let unread = said(&format!(
        "\n[[checklist]]\nid = \"l\"\nname = \"L\"\n{daily}\nitem = [{ITEM}]\n"
    ));
    assert!(
        unread[0].contains("warning unread-checklists on l"),
        "{unread:?}"
    );
    let twice = "\n[[checklist]]\nid = \"l\"\nname = \"L\"\non_demand = \"deployment\"\nitem = [{ id = \"a\", text = \"A\" }]\n\
                 \n[[checklist]]\nid = \"m\"\nname = \"M\"\non_demand = \"deployment\"\nitem = [{ id = \"a\", text = \"A\" }]\n";
    let found = said(&format!("{RULE}{twice}"));
    assert_eq!(
        found
            .iter()
            .filter(|line| line.contains("deployment-twice"))
            .count(),
        2,
        "{found:?}"
    );
}

/// LT-17, LT-18, LT-19, FC-1 to FC-5, FC-7, FC-9, FC-10, FC-14, FC-15, DO-31
#[test]
fn each_guides_lists_are_in_its_pack() {
    let folder = std::path::Path::new("/srv/simulated");
    let given: Given = simulator::parameters(7100, folder).into_iter().collect();
    let of = |name: &str| {
        let (_, source) = shipped()
            .into_iter()
            .find(|(it, _)| it.starts_with(name))
            .unwrap();
        actions::check(&source, &given).unwrap().0.pack.checklists
    };
    let ids = |name: &str| of(name).into_iter().map(|list| list.id).collect::<Vec<_>>();
    assert_eq!(ids("lait"), ["daily", "weekly", "monthly"]);
    assert_eq!(ids("debt-os"), ["security", "upgrade"]);
    assert_eq!(
        ids("finchat"),
        [
            "morning",
            "weekly-review",
            "security-audit",
            "deployment",
            "maintenance",
            "after-deployment"
        ]
    );
    let finchat = of("finchat");
    assert!(
        finchat[0].items.iter().all(CheckItem::is_read),
        "the morning check reads everything"
    );
    let deployment = finchat
        .iter()
        .find(|list| list.on_demand == Some(Occasion::Deployment));
    assert_eq!(deployment.unwrap().items.len(), 6);
}

/// FC-1 to FC-5
#[actix_web::test]
async fn the_morning_check_is_filled_in_from_probes() {
    use chrono::TimeDelta;
    use signalbox::features::checklists::sweep;
    let app = crate::support::app::TestApp::start().await;
    let (_, source) = shipped()
        .into_iter()
        .find(|(it, _)| it.starts_with("finchat"))
        .unwrap();
    crate::packs::apply(&app, &source);
    let probes = app
        .services
        .db
        .read(signalbox::features::packs::store::live::<signalbox::features::packs::pack::Probe>);
    let probes = probes
        .unwrap()
        .into_iter()
        .map(|item| (item.id, item))
        .collect();
    signalbox::features::health::actions::enrol(&app.services, &probes).unwrap();
    // Eight in New York, where the clock of tests begins at four.
    app.advance(TimeDelta::hours(4));
    super::probed(&app, "up", None);
    sweep::tick(&app.services).unwrap();
    let run = super::runs(&app, "morning").remove(0);
    assert_eq!(run.slot, app.now());
    let operator = app.as_operator();
    let page = operator.get(&super::path(&run)).await;
    let rows = page.table("What is asked, and what was answered");
    let read: Vec<bool> = rows
        .iter()
        .map(|row| row[1].contains("as it should be"))
        .collect();
    // The disk was not measured and the log was not read yet, so nobody knows.
    assert_eq!(read, [true, true, true, false, false], "{rows:?}");
    assert_eq!(
        page.heading(),
        "2 of 5 items are not as they should be; to be signed"
    );
    for item in ["disk", "errors"] {
        let note = [("note", "The host is being moved; looked at by hand.")];
        let sent = operator
            .post_form(&format!("{}/items/{item}", super::path(&run)), &note)
            .await;
        assert_eq!(sent.status, 303, "{}", sent.text());
    }
    super::sign(&operator, &super::path(&run)).await;
    let signed = super::runs(&app, "morning").remove(0);
    assert_eq!(
        signed.signature.unwrap().failed,
        2,
        "a note makes nothing a pass"
    );
}

#[test]
fn gates_that_would_count_the_version_before_or_never_be_in_time_are_named() {
    let log = "\n[[log_source]]\nid = \"app\"\nname = \"Log\"\nfiles = \"/var/log/app.log\"\n";
    let gate = |stage: &str, wait: &str| {
        said(&format!(
            "{log}\n[[release_gate]]\nid = \"g\"\nname = \"G\"\nstage = \"{stage}\"\n\
             read.log = {{ source = \"app\", level = \"error\", within = \"5m\" }}\nexpect = {{ below = 1 }}\nwait = \"{wait}\"\n"
        ))
    };
    let says = |found: &[String], what: &str| found.iter().any(|line| line.contains(what));
    for stage in ["after", "rollback"] {
        let found = gate(stage, "30s");
        assert!(says(&found, "what the version before did"), "{found:?}");
        let found = gate(stage, "5m");
        assert!(!says(&found, "bad-timing on g"), "{found:?}");
    }
    let found = gate("before", "0s");
    assert!(
        !says(&found, "bad-timing on g"),
        "before it there is one version alone"
    );
    assert!(
        says(&found, "warning release-without-after on g"),
        "{found:?}"
    );
    assert!(
        says(&found, "warning release-without-rollback on g"),
        "{found:?}"
    );
    let found = gate("before", "16m");
    assert!(says(&found, "a quarter of an hour at most"), "{found:?}");
}
