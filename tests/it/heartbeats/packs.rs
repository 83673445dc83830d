//! What packs may say of heartbeats.

use signalbox::features::heartbeats::expect;
use signalbox::features::packs::actions;
use signalbox::features::packs::lint::Severity;
use signalbox::features::packs::pack::Source;
use signalbox::features::packs::parameters::Given;

use super::pack;

/// What the linter says with one thing replaced: the code, whether it is an error, and the words.
fn said(from: &str, to: &str) -> Vec<(&'static str, bool, String)> {
    let source = pack().replacen(from, to, 1);
    assert!(from.is_empty() || source != pack(), "{from} is not there");
    let findings = actions::check(&source, &Given::default()).unwrap().1;
    findings
        .into_iter()
        .map(|it| (it.code, it.severity == Severity::Error, it.message))
        .collect()
}

#[test]
fn the_linter_has_nothing_against_a_sound_pack() {
    assert_eq!(said("", ""), []);
}

#[test]
fn a_heartbeat_says_when_it_is_due_in_one_way() {
    let both = said("every = \"10m\"", "every = \"10m\"\ncron = \"0 2 * * *\"");
    assert_eq!((both[0].0, both[0].1), ("bad-schedule", true));
    let neither = said("every = \"10m\"\n", "");
    assert_eq!((neither[0].0, neither[0].1), ("bad-schedule", true));
    let zone = said(
        "every = \"10m\"",
        "every = \"10m\"\nzone = \"Africa/Lagos\"",
    );
    assert!(zone[0].2.contains("a zone goes with cron"), "{zone:?}");
}

#[test]
fn what_is_wrong_with_a_pattern_is_said_in_plain_words() {
    for (pattern, words) in [
        ("30 25 * * *", "\"25\" is not an hour: 0 to 23"),
        ("nightly", "five fields: minute, hour"),
        ("0 0 30 2 *", "no day ever matches"),
    ] {
        let found = said("30 2 * * *", pattern);
        assert_eq!((found[0].0, found[0].1), ("bad-schedule", true));
        assert!(found[0].2.contains(words), "{found:?}");
    }
    let zone = said("America/New_York", "Mars/Olympus");
    assert_eq!((zone[0].0, zone[0].1), ("bad-zone", true));
}

#[test]
fn a_grace_and_a_period_have_bounds() {
    for (from, to) in [
        ("grace = \"3m\"", "grace = \"0s\""),
        ("grace = \"3m\"", "grace = \"40d\""),
        ("every = \"10m\"", "every = \"1s\""),
        ("every = \"10m\"", "every = \"400d\""),
    ] {
        let found = said(from, to);
        assert!(
            found.iter().any(|it| (it.0, it.1) == ("bad-timing", true)),
            "{to}: {found:?}"
        );
    }
}

#[test]
fn a_grace_over_the_period_is_worth_a_word() {
    let found = said("grace = \"3m\"", "grace = \"11m\"");
    assert_eq!((found[0].0, found[0].1), ("grace-over-period", false));
    let found = said("grace = \"10m\"", "grace = \"25h\"");
    assert_eq!((found[0].0, found[0].1), ("grace-over-period", false));
}

#[test]
fn what_nobody_reads_and_what_is_not_there_is_named() {
    let unread = said("on.heartbeat = \"nightly\"", "on.heartbeat = \"sync\"");
    assert_eq!((unread[0].0, unread[0].1), ("unread-heartbeat", false));
    let unknown = |from, to| {
        let found = said(from, to);
        assert!(
            found
                .iter()
                .any(|it| (it.0, it.1) == ("unknown-reference", true)),
            "{found:?}"
        );
    };
    unknown("on.heartbeat = \"nightly\"", "on.heartbeat = \"daily\"");
    unknown("service = \"api\"\nrunbook", "service = \"other\"\nrunbook");
    unknown(
        "runbook = \"mend\"\n\n[[heartbeat]]",
        "runbook = \"other\"\n\n[[heartbeat]]",
    );
}

#[test]
fn a_rule_on_a_heartbeat_is_about_down_or_late() {
    let wrong = |to: &str| {
        let found = said("red = { is = \"down\" }\nyellow = { is = \"late\" }", to);
        assert!(found.iter().any(|it| it.1), "{to}: {found:?}");
    };
    wrong("red = { is = \"up\" }");
    wrong("red = {}");
    wrong("red = { above = 3 }");
    wrong("red = { is = \"late\" }\nyellow = { is = \"down\" }");
    let probe = said("red = { is = \"down\" }", "red = { is = \"late\" }");
    assert!(
        probe.iter().any(|it| it.2.contains("never late")),
        "{probe:?}"
    );
    let hold = said(
        "red = { is = \"down\" }\nyellow",
        "red = { is = \"down\", for = \"5m\" }\nyellow",
    );
    assert_eq!(hold, []);
}

#[test]
fn a_job_about_reports_may_not_have_its_output_kept() {
    let found = said("id = \"nightly\"", "id = \"sar-nightly\"");
    assert!(
        found.iter().any(|it| (it.0, it.1) == ("sar-output", true)),
        "{found:?}"
    );
}

/// Every job to which a guide gives a schedule, as its pack has it, and a rule that reads it.
#[test]
fn each_guides_jobs_are_heartbeats() {
    let named = [
        ("regtech-horizon", "lumadb-snapshot", "0 2 * * * UTC"), // RH-12
        ("regtech-horizon", "restore-test", "every 31d"),        // RH-12
        ("lait", "backup", "0 2 * * * UTC"),                     // LT-15
        ("finaegis", "balance-sync", "every 5m"),                // FA-5
        ("finaegis", "reconciliation", "0 0 * * * UTC"),         // FA-6
        ("finaegis", "ctr-run", "0 0 * * * UTC"),                // FA-7
        ("finaegis", "sar-run", "0 0 1 * * UTC"),                // FA-8
        ("finaegis", "payment-verification", "every 10m"),       // FA-9
        ("finchat", "clean-up", "every 1d"),                     // FC-6
        ("finchat", "backup", "every 31d"),                      // FC-8
        ("finchat", "off-site-copy", "every 31d"),               // FC-8
        ("debt-os", "database-dump", "0 2 * * * UTC"),           // DO-26
        ("debt-os", "database-analyze", "every 1d"),             // DO-22
        ("debt-os", "database-vacuum", "every 7d"),              // DO-22
        ("debt-os", "vector-index", "every 31d"),                // DO-22
        ("signalbox", "backup", "0 2 * * * UTC"),
    ];
    let mut found = Vec::new();
    for (_, source) in crate::packs::shipped() {
        let pack = actions::check(&source, &Given::default()).unwrap().0.pack;
        for heartbeat in &pack.heartbeats {
            let zone = pack.platform.zone.parse().unwrap();
            let is_read = pack
                .rules
                .iter()
                .any(|rule| matches!(&rule.on, Source::Heartbeat(slug) if *slug == heartbeat.id));
            assert!(is_read, "{} of {}", heartbeat.id, pack.platform.id);
            let schedule = expect::key(heartbeat, zone);
            found.push((pack.platform.id.clone(), heartbeat.id.clone(), schedule));
        }
    }
    let mut named: Vec<_> = named
        .map(|(platform, id, schedule)| (platform.into(), id.into(), schedule.into()))
        .into();
    found.sort();
    named.sort();
    assert_eq!(found, named);
}
