//! What a pack may say of targets and limits.

use super::{SMALL, findings};

fn said(more: &str) -> Vec<String> {
    let found = findings(&format!("{SMALL}\n{more}"));
    found.iter().map(ToString::to_string).collect()
}

fn slo(more: &str) -> Vec<String> {
    said(&format!(
        "[[slo]]\nid = \"s\"\nname = \"S\"\nservice = \"api\"\n{more}\n"
    ))
}

#[test]
fn a_target_that_cannot_be_shown_is_named() {
    let fine: &[&str] = &[
        "on.availability = \"api-health\"\ntarget = \"99.9%\"",
        "on.latency = { probe = \"api-health\", within = \"100ms\" }\ntarget = 0.95",
    ];
    for more in fine {
        assert_eq!(slo(more), Vec::<String>::new());
    }
    let wrong = [
        (
            "on.availability = \"api-health\"\ntarget = \"100%\"",
            "error bad-target on s: a target of 100 %",
        ),
        (
            "on.availability = \"api-health\"\ntarget = \"5m\"",
            "error bad-target on s: a target is a share",
        ),
        (
            "on.availability = \"api-health\"\ntarget = \"99%\"\nwindow = \"1h\"",
            "a window is between 1d and 90d",
        ),
        (
            "on.availability = \"web\"\ntarget = \"99%\"",
            "there is no probe \"web\"",
        ),
        (
            "on.availability = \"api-health\"\ntarget = \"99.9999%\"",
            "error unprovable-target on s",
        ),
        (
            "on.latency = { probe = \"api-health\", within = \"80ms\" }\ntarget = \"95%\"",
            "error not-a-bucket on s: latencies are counted in buckets, and 80ms is the bound of none",
        ),
        (
            "on.reports = { indicator = \"ncc_qos\", at_least = 98.0 }\ntarget = \"95%\"",
            "error unprovable-target on s: nobody knows how long a report of ncc_qos stands for",
        ),
        (
            "on.counted = { scrape = \"m\", total = \"r\" }\ntarget = \"95%\"",
            "say which part of the total is good",
        ),
        (
            "on.histogram = { scrape = \"m\", select = \"d\", bucket = \"+Inf\" }\ntarget = \"95%\"",
            "error not-a-bucket on s",
        ),
    ];
    for (more, expected) in wrong {
        let found = slo(more).join("\n");
        assert!(found.contains(expected), "{expected}: {found}");
    }
    let slow = SMALL.replace("interval = \"30s\"", "interval = \"10m\"");
    let target = "[[slo]]\nid = \"s\"\nname = \"S\"\nservice = \"api\"\non.availability = \"api-health\"\ntarget = \"95%\"\n";
    let found = findings(&format!("{slow}\n{target}"));
    assert!(
        found.iter().any(|it| it.code == "unprovable-target"),
        "{found:?}"
    );
}

/// LT-27: an hour at most, and dumps once a day.
#[test]
fn a_promise_that_the_dumps_cannot_keep_is_a_warning_that_a_pack_may_accept() {
    let job = "[[heartbeat]]\nid = \"backup\"\nname = \"Backup\"\ncron = \"0 2 * * *\"\n\
               [[rule]]\nid = \"b\"\nname = \"B\"\non.heartbeat = \"backup\"\nyellow.is = \"down\"\n";
    let promise = |rpo: &str, dumps: &str| {
        slo(&format!(
            "on.availability = \"api-health\"\ntarget = \"99.9%\"\nrpo = \"{rpo}\"\n{dumps}\n{job}"
        ))
    };
    let by = "dumps = \"backup\"";
    assert_eq!(promise("1d", by), Vec::<String>::new());
    let found = promise("1h", by).join("\n");
    assert!(
        found.contains("warning promise-not-reachable on s: to lose at most 1h is promised, and the dumps of backup are 1d apart"),
        "{found}"
    );
    assert!(
        promise("1h", "")
            .join("\n")
            .contains("no job is named that makes dumps")
    );
    // An hour, and then twenty-three.
    let job = job.replace("0 2 * * *", "0 1,2 * * *");
    let found = slo(&format!(
        "on.availability = \"api-health\"\ntarget = \"99.9%\"\nrpo = \"1h\"\n{by}\n{job}"
    ));
    let found = found.join("\n");
    assert!(
        found.contains("the dumps of backup are 23h apart"),
        "{found}"
    );
    let accepted = "[[accept]]\nwarning = \"promise-not-reachable\"\non = \"s\"\nreason = \"The guide says so.\"\n";
    let found = promise("1h", &format!("{by}\n{accepted}")).join("\n");
    assert!(
        found.contains("accepted promise-not-reachable on s"),
        "{found}"
    );
}

#[test]
fn a_burn_rate_has_its_levels_and_the_linter_says_what_is_out_of_reach() {
    let rule = |target: &str, levels: &str| {
        slo(&format!(
            "on.availability = \"api-health\"\ntarget = \"{target}\"\n\
             [[rule]]\nid = \"r\"\nname = \"R\"\non.burn_rate = \"s\"\n{levels}\nrunbook = \"mend\"\n"
        ))
        .join("\n")
    };
    assert_eq!(rule("99.9%", "red = {}\nyellow = {}"), "");
    assert_eq!(rule("95%", "red = {}"), "");
    assert!(rule("90%", "red = {}").contains("warning burn-out-of-reach on r: red"));
    assert!(rule("80%", "red = {}").contains("drop red, or aim higher"));
    assert_eq!(rule("80%", "yellow = {}"), "");
    assert!(rule("99.9%", "blue = {}").contains("there is no blue"));
    // Twelve results in an hour are fewer than say something.
    let slow = |least: &str| {
        let found = findings(&format!(
            "{}\n[[slo]]\nid = \"s\"\nname = \"S\"\nservice = \"api\"\non.availability = \"api-health\"\n\
             target = \"99%\"\n{least}\n\
             [[rule]]\nid = \"r\"\nname = \"R\"\non.burn_rate = \"s\"\nred = {{}}\nrunbook = \"mend\"\n",
            SMALL.replace("interval = \"30s\"", "interval = \"5m\"")
        ));
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        all.join("\n")
    };
    assert!(
        slow("").contains("warning burn-out-of-reach on r: red: one result in 5m"),
        "{}",
        slow("")
    );
    assert!(!slow("least = 12").contains("burn-out-of-reach"));
    assert!(rule("99.9%", "red = { for = \"5m\" }").contains("it has no `for`"));
    assert!(rule("99.9%", "red = { above = 2 }").contains("this source has no threshold"));
    assert!(
        said("[[rule]]\nid = \"r\"\nname = \"R\"\non.burn_rate = \"x\"\nyellow = {}\n")[0]
            .contains("there is no slo \"x\"")
    );
}

#[test]
fn a_limit_is_held_against_something_of_its_kind() {
    let capacity =
        |more: &str| said(&format!("[[capacity]]\nid = \"c\"\nname = \"C\"\n{more}\n")).join("\n");
    assert_eq!(capacity("on.indicator = \"ncc_qos\"\nlimit = 100"), "");
    assert_eq!(
        capacity("on.events = \"report.submitted\"\nlimit = 100\nwarn = \"90%\""),
        ""
    );
    assert!(capacity("on.indicator = \"nothing\"\nlimit = 100").contains("there is no indicator"));
    assert!(
        capacity("on.events = \"report.submitted\"\nlimit = \"100GB\"")
            .contains("the limit is in bytes")
    );
    assert!(
        capacity("on.indicator = \"ncc_qos\"\nlimit = 0")
            .contains("a limit is a number or bytes above 0")
    );
    assert!(
        capacity("on.indicator = \"ncc_qos\"\nlimit = 1\nwarn = 2").contains("warn is a share")
    );
    assert!(
        capacity("on.measure = { probe = \"api-health\", name = \"disk\" }\nlimit = 1")
            .contains("does not read disk")
    );
}
