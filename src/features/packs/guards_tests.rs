use super::*;
use crate::features::packs::actions::Prepared;
use crate::features::packs::parameters::Given;

pub(super) const PACK: &str = r#"
[platform]
id = "p"
name = "P"
version = "1"

[[service]]
id = "api"
name = "API"

[[service]]
id = "db"
name = "Database"

[[probe]]
id = "health"
service = "api"
check.http = { url = "http://localhost:8000/health" }
interval = "30s"
timeout = "5s"

[[scrape]]
id = "metrics"
service = "api"
url = "http://localhost:8000/metrics"

[[indicator]]
id = "qos"
name = "Quality"

[[heartbeat]]
id = "dump"
name = "Dump"
every = "1h"
grace = "10m"
service = "api"

[[rule]]
id = "down"
name = "It is down"
on.state = "health"
red = { is = "down" }
runbook = "mend"

[[rule]]
id = "slow"
name = "It is slow"
on.latency = "health"
yellow = { above = "2s", clear = "1s", results = 3 }
keep_firing_for = "5m"

[[rule]]
id = "quality"
name = "Quality is low"
on.indicator = "qos"
red = { below = 98, for = "2m" }
yellow = { below = 99, clear = 99.5, for = "2m" }
no_data = "fire"
no_data_for = "10m"
runbook = "mend"

[[rule]]
id = "errors"
name = "Errors"
on.share = { scrape = "metrics", part = 'failed_total', whole = 'requests_total', window = "5m", least = 20 }
yellow = { above = "5%", for = "2m" }

[[contact]]
id = "ada"
name = "Ada"
team = "operations"
email = "ada@bank.example"

[[runbook]]
id = "mend"
title = "Mend it"
owner = "Operations"
version = "1"
next_review = "2027-01-01"
steps = ["Look.", "Mend."]
"#;

pub(super) fn specs(source: &str) -> Specs {
    match Prepared::new(source, &Given::default()) {
        Ok(prepared) => prepared.specs(),
        Err(error) => panic!("{error}"),
    }
}

/// What is lowered when one thing in the pack is written otherwise.
fn said(from: &str, to: &str) -> Vec<String> {
    let after = PACK.replacen(from, to, 1);
    assert_ne!(after, PACK, "{from} is not there");
    let lowered = lowered(&specs(PACK), &specs(&after));
    lowered.iter().map(ToString::to_string).collect()
}

/// The same with what is put behind the pack.
fn with(more: &str) -> Vec<String> {
    let after = format!("{PACK}\n{more}");
    let lowered = lowered(&specs(PACK), &specs(&after));
    lowered.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_stricter_or_only_words_takes_one_person() {
    for (from, to) in [
        ("name = \"It is down\"", "name = \"The API is down\""),
        (
            "name = \"API\"",
            "name = \"API\"\nabout = \"What customers call.\"",
        ),
        (
            "\"Look.\", \"Mend.\"",
            "\"Look twice.\", \"Mend.\", \"Tell.\"",
        ),
        ("interval = \"30s\"", "interval = \"20s\""),
        ("timeout = \"5s\"", "timeout = \"4s\""),
        ("timeout = \"5s\"", "timeout = \"5s\"\nfailures_to_down = 2"),
        ("timeout = \"5s\"", "timeout = \"5s\"\nsuccesses_to_up = 3"),
        (
            "above = \"2s\", clear = \"1s\"",
            "above = \"1500ms\", clear = \"1s\"",
        ),
        ("clear = \"1s\"", "clear = \"500ms\""),
        ("results = 3", "results = 2"),
        ("keep_firing_for = \"5m\"", "keep_firing_for = \"6m\""),
        ("below = 98, for = \"2m\"", "below = 98.5, for = \"2m\""),
        ("below = 98, for = \"2m\"", "below = 98, for = \"1m\""),
        ("clear = 99.5", "clear = 99.8"),
        ("no_data_for = \"10m\"", "no_data_for = \"5m\""),
        ("least = 20", "least = 10"),
        (
            "yellow = { above = \"5%\", for = \"2m\" }",
            "yellow = { above = \"4%\", for = \"2m\" }",
        ),
        ("grace = \"10m\"", "grace = \"5m\""),
        (
            "version = \"1\"\n\n[[service]]",
            "version = \"2\"\n\n[[service]]",
        ),
    ] {
        assert_eq!(said(from, to), Vec::<String>::new(), "{to}");
    }
}

/// What is written instead of what, and what is said of it.
const LOOSER: &[(&str, &str, &str)] = &[
    (
        "red = { is = \"down\" }\nrunbook = \"mend\"",
        "yellow = { is = \"down\" }",
        "red is no longer lit",
    ),
    (
        "on.state = \"health\"\nred = { is = \"down\" }",
        "on.state = \"health\"\nred = { is = \"unknown\" }",
        "another state",
    ),
    // Without data the rule would say so, and blind ones are counted.
    (
        "red = { is = \"down\" }",
        "red = { is = \"down\" }\nblue = { is = \"unknown\" }",
        "rule down: what is unknown is no longer taken for no data",
    ),
    (
        "on.state = \"health\"\nred = { is = \"down\" }",
        "on.state = \"health\"\nred = { is = \"unknown\" }",
        "rule down: what is unknown is no longer taken for no data",
    ),
    (
        "results = 3 }\nkeep_firing_for",
        "results = 3 }\nblue.above = \"100ms\"\nkeep_firing_for",
        "rule slow: yellow sinks to blue at once and does not stay lit for 5m",
    ),
    (
        "interval = \"30s\"",
        "interval = \"1m\"",
        "it runs every 1m instead of 30s",
    ),
    (
        "timeout = \"5s\"",
        "timeout = \"6s\"",
        "an answer may take 6s instead of 5s",
    ),
    (
        "timeout = \"5s\"",
        "timeout = \"5s\"\nfailures_to_down = 4",
        "failures to down are 4 instead of 3",
    ),
    (
        "timeout = \"5s\"",
        "timeout = \"5s\"\nsuccesses_to_up = 1",
        "successes to up are 1 instead of 2",
    ),
    (
        "timeout = \"5s\"",
        "timeout = \"5s\"\nretries = 2",
        "retries are 2 instead of 1",
    ),
    ("8000/health", "9000/health", "looks at something else"),
    (
        "above = \"2s\", clear = \"1s\"",
        "above = \"3s\", clear = \"1s\"",
        "yellow lights above 3s instead of 2s",
    ),
    (
        "clear = \"1s\", ",
        "clear = \"1500ms\", ",
        "yellow goes off at 1500ms instead of 1s",
    ),
    (
        "clear = \"1s\", ",
        "",
        "yellow goes off at 2s instead of 1s",
    ),
    (
        "results = 3",
        "results = 4",
        "results in a row that yellow takes: 4 instead of 3",
    ),
    (
        "keep_firing_for = \"5m\"\n",
        "",
        "it stays lit for 0s instead of 5m",
    ),
    (
        "below = 98, for = \"2m\"",
        "below = 97, for = \"2m\"",
        "red lights below 97 instead of 98",
    ),
    (
        "below = 98, for = \"2m\"",
        "below = 98, for = \"5m\"",
        "red has to last 5m instead of 2m",
    ),
    (
        "red = { below = 98",
        "red = { above = 98",
        "other side of its threshold",
    ),
    (
        "no_data = \"fire\"",
        "no_data = \"keep\"",
        "without data it says keep instead of fire",
    ),
    (
        "no_data_for = \"10m\"",
        "no_data_for = \"20m\"",
        "without data it waits 20m instead of 10m",
    ),
    (
        "least = 20",
        "least = 30",
        "it takes samples: 30 instead of 20",
    ),
    ("window = \"5m\"", "window = \"10m\"", "it reads the"),
    (
        "on.indicator = \"qos\"\nred",
        "on.age = \"qos\"\nescalation = \"x\"\nred",
        "it reads the",
    ),
    (
        "grace = \"10m\"",
        "grace = \"20m\"",
        "grace is 20m instead of 10m",
    ),
    // A step of an escalation may tell a team.
    (
        "team = \"operations\"",
        "team = \"elsewhere\"",
        "team is elsewhere instead of operations",
    ),
    (
        "name = \"API\"",
        "name = \"API\"\ndepends_on = [\"db\"]",
        "depends_on is",
    ),
];

#[test]
fn what_is_looser_takes_two_and_is_named() {
    for (from, to, why) in LOOSER {
        let source = PACK.replacen(from, to, 1);
        assert_ne!(source, PACK, "{from} is not there");
        // What the linter has against it is no matter here.
        let after = crate::features::packs::file::read(&source, &Given::default()).unwrap();
        let after = crate::features::packs::actions::specs(&after.pack).unwrap();
        let lowered = lowered(&specs(PACK), &after);
        let told: Vec<String> = lowered.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains(why)), "{to}: {told:?}");
    }
}

const KEPT: &str = r#"
[[rule]]
id = "kept"
name = "Kept"
on.latency = "health"
red = { above = "4500ms", clear = "4s" }
yellow = { above = "3s", clear = "2s", for = "2m" }
keep_firing_for = "10m"
runbook = "mend"
"#;

/// What is lowered when one thing in the rule that stays lit is written otherwise.
fn kept(from: &str, to: &str) -> Vec<String> {
    let after = KEPT.replacen(from, to, 1);
    assert_ne!(after, KEPT, "{from} is not there");
    let pack = |rule: &str| specs(&format!("{PACK}\n{rule}"));
    let lowered = lowered(&pack(KEPT), &pack(&after));
    lowered.into_iter().map(|it| it.why).collect()
}

/// A lesser level that holds ends a worse one that would have stayed lit.
#[test]
fn a_lesser_level_that_holds_more_ends_a_worse_one_sooner() {
    let sooner = ["red sinks to yellow sooner and does not stay lit for 10m"];
    assert_eq!(kept("above = \"3s\"", "above = \"2500ms\""), sooner);
    assert_eq!(kept("clear = \"2s\"", "clear = \"1s\""), sooner);
    let blue = "for = \"2m\" }\nblue = { above = \"1s\", for = \"2m\" }";
    assert_eq!(
        kept("for = \"2m\" }", blue),
        ["yellow sinks to blue at once and does not stay lit for 10m"]
    );
    // The worst of all sinks to nothing, and a lesser one that only lights sooner holds no more.
    for (from, to) in [
        ("above = \"4500ms\"", "above = \"4200ms\""),
        ("for = \"2m\" }", "for = \"1m\" }"),
        ("keep_firing_for = \"10m\"", "keep_firing_for = \"20m\""),
    ] {
        assert_eq!(kept(from, to), Vec::<String>::new(), "{to}");
    }
}

#[test]
fn a_lesser_level_of_what_goes_out_at_once_tells_more() {
    let blue = "keep_firing_for = \"0s\"";
    let before = KEPT.replacen("keep_firing_for = \"10m\"", blue, 1);
    let after = before.replacen(blue, "keep_firing_for = \"0s\"\nblue.above = \"1s\"", 1);
    let pack = |rule: &str| specs(&format!("{PACK}\n{rule}"));
    assert_eq!(lowered(&pack(&before), &pack(&after)), []);
}

/// Too few samples are no data: where that lights the lamp, fewer that are enough put it out.
#[test]
fn fewer_samples_are_looser_where_none_light_the_lamp() {
    let scarce = "window = \"5m\", least = 20 }\nno_data = \"fire\"";
    let before = PACK.replacen("window = \"5m\", least = 20 }", scarce, 1);
    assert_ne!(before, PACK);
    let after = before.replacen("least = 20", "least = 10", 1);
    let lowered = lowered(&specs(&before), &specs(&after));
    let told: Vec<&str> = lowered.iter().map(|it| it.why.as_str()).collect();
    assert_eq!(
        told,
        ["without data it is lit, and it takes samples: 10 instead of 20"]
    );
}

#[test]
fn a_rule_that_goes_lowers_a_guard_and_one_that_comes_does_not() {
    let rule = "[[rule]]\nid = \"low\"\nname = \"Low\"\non.indicator = \"qos\"\nblue = { below = 99.9, for = \"2m\" }\n";
    assert_eq!(with(rule), Vec::<String>::new());
    let before = specs(&format!("{PACK}\n{rule}"));
    let told: Vec<String> = lowered(&before, &specs(PACK))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["rule low: it is taken out of force"]);
}

/// A rule on a metric that nobody read before makes its scrape keep more.
#[test]
fn a_scrape_that_keeps_more_looks_at_the_same() {
    let rule = "[[rule]]\nid = \"new\"\nname = \"New\"\non.metric = { scrape = \"metrics\", take = \"sum\", select = 'sessions' }\n\
                blue = { above = 10, for = \"2m\" }\n";
    assert_eq!(with(rule), Vec::<String>::new());
}

#[test]
fn what_keeps_people_from_being_told_takes_two() {
    let inhibit = "[[inhibit]]\nid = \"cause\"\nsource = { alertname = \"down\" }\ntarget = { alertname = \"slow\" }\n";
    let told = with(inhibit);
    assert!(
        told[0].starts_with("inhibit cause: while it holds, nobody is told"),
        "{told:?}"
    );
    let window =
        "[[maintenance]]\nid = \"night\"\nname = \"Night\"\nwhen = \"daily 02:00-03:00 UTC\"\n";
    let told = with(window);
    assert!(
        told[0].starts_with("maintenance night: while it lasts"),
        "{told:?}"
    );
    // And taking either out again tells more.
    let before = specs(&format!("{PACK}\n{inhibit}\n{window}"));
    assert_eq!(lowered(&before, &specs(PACK)), []);
}

/// A scrape that sends what stands in one of the server's files to an address is no mere addition.
#[test]
fn what_reads_a_file_of_the_server_takes_two() {
    let scrape = "[[scrape]]\nid = \"other\"\nservice = \"api\"\nurl = \"http://elsewhere.example/metrics\"\n\
                  bearer_file = \"/etc/signalbox/key\"\n";
    let told = with(scrape);
    assert_eq!(
        told,
        ["probe other: bearer_file reads /etc/signalbox/key on the server"]
    );
    let log = "[[log_source]]\nid = \"app\"\nname = \"App\"\nfiles = \"/etc/*\"\n";
    assert_eq!(
        with(log),
        ["log source app: files reads /etc/* on the server"]
    );
}

#[test]
fn a_zone_and_a_newly_accepted_warning_count_too() {
    assert_eq!(moved("UTC", "UTC", "p"), None);
    let told = moved("UTC", "Asia/Tokyo", "p").unwrap().to_string();
    assert_eq!(
        told,
        "platform p: its day is that of Asia/Tokyo instead of UTC"
    );
    let told = newly_accepted("short-for", "slow").to_string();
    assert!(told.contains("short-for is accepted and was not before"));
}

/// What nobody has thought of is not taken for harmless.
#[test]
fn what_is_not_known_takes_two() {
    let key = ("new_kind".to_owned(), "x".to_owned());
    let of = |value: Value| Specs::from([(key.clone(), value)]);
    let was = serde_json::json!({ "name": "X", "a": 1 });
    let now = serde_json::json!({ "name": "Y", "a": 2 });
    let told = lowered(&of(was), &of(now));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].why, "a is 2 instead of 1");
}
