//! Scrapes in packs, and what the linter says of rules on them.

use signalbox::features::packs::file;
use signalbox::features::packs::pack::Check;
use signalbox::features::packs::parameters::Given;

use super::{SMALL, findings};

const SCRAPE: &str = r#"
[[scrape]]
id = "metrics"
service = "api"
url = "http://localhost:8000/metrics"
interval = "15s"
"#;

/// Codes and messages for a rule that reads this.
fn said(on: &str, levels: &str) -> Vec<String> {
    let rule = format!("[[rule]]\nid = \"r\"\nname = \"R\"\non.{on}\n{levels}\n");
    let found = findings(&format!("{SMALL}{SCRAPE}{rule}"));
    let found = found.iter().filter(|finding| finding.on == "r");
    found
        .map(|finding| format!("{}: {}", finding.code, finding.message))
        .collect()
}

#[test]
fn rules_on_metrics_say_what_they_mean() {
    let fine = [
        (
            "metric = { scrape = \"metrics\", select = \"lag_seconds\", take = \"max\" }",
            "yellow = { above = \"5m\", clear = 240 }",
        ),
        (
            "metric = { scrape = \"metrics\", select = \"lag\", take = \"max\", unit = \"seconds\" }",
            "yellow = { above = \"5m\" }",
        ),
        (
            "metric = { scrape = \"metrics\", select = \"heap_bytes\", take = \"sum\" }",
            "yellow = { above = \"1GB\" }",
        ),
        (
            "rate = { scrape = \"metrics\", select = \"r_total\", window = \"5m\" }",
            "yellow = { above = 50 }",
        ),
        (
            "rate = { scrape = \"metrics\", select = \"cpu_seconds_total\", window = \"5m\" }",
            "yellow = { above = 0.8 }",
        ),
        (
            "increase = { scrape = \"metrics\", select = 'r_total{code=~\"5..\"}', window = \"30s\" }",
            "yellow = { above = 3 }",
        ),
        (
            "share = { scrape = \"metrics\", part = 'r_total{code=~\"5..\"}', whole = \"r_total\", window = \"5m\" }",
            "yellow = { above = \"1%\" }",
        ),
        (
            "share = { scrape = \"metrics\", part = \"used_bytes\", whole = \"limit_bytes\" }",
            "yellow = { above = 0.8 }",
        ),
        (
            "quantile = { scrape = \"metrics\", select = \"d_seconds\", quantile = 0.95, window = \"5m\" }",
            "yellow = { above = \"2s\" }",
        ),
        (
            "absence = { scrape = \"metrics\", select = \"lag\" }",
            "yellow = { for = \"5m\" }",
        ),
        ("state = \"metrics\"", "yellow = { is = \"down\" }"),
        ("latency = \"metrics\"", "yellow = { above = \"2s\" }"),
    ];
    for (on, levels) in fine {
        assert_eq!(said(on, levels), Vec::<String>::new(), "{on}");
    }
}

/// DO-11: `rate(errors[5m]) > 0.01` is one error in a hundred seconds. The guide's own example says so and means a share.
#[test]
fn a_share_is_a_share_and_not_a_rate() {
    let rate = "rate = { scrape = \"metrics\", select = 'http_requests_total{status=~\"5..\"}', window = \"5m\" }";
    for threshold in ["0.01", "\"1%\""] {
        let said = said(rate, &format!("yellow = {{ above = {threshold} }}"));
        assert!(
            said.len() == 1 && said[0].starts_with("share-as-rate: yellow: 0.01 a second"),
            "{said:?}"
        );
    }
}

#[test]
fn what_cannot_be_meant_is_an_error() {
    let wrong = [
        (
            "metric = { scrape = \"metrics\", select = \"lag\" }",
            "yellow = { above = 5 }",
            "threshold-per-series",
        ),
        (
            "metric = { scrape = \"other\", select = \"lag\", take = \"sum\" }",
            "yellow = { above = 5 }",
            "there is no scrape",
        ),
        (
            "metric = { scrape = \"api-health\", select = \"lag\", take = \"sum\" }",
            "yellow = { above = 5 }",
            "scrapes no metrics",
        ),
        (
            "metric = { scrape = \"metrics\", select = \"lag\", take = \"sum\" }",
            "yellow = { above = \"5m\" }",
            "compare with a number",
        ),
        (
            "metric = { scrape = \"metrics\", select = \"lag\", take = \"sum\" }",
            "yellow = {}",
            "give one threshold",
        ),
        (
            "share = { scrape = \"metrics\", part = \"a\", whole = \"b\", window = \"5m\" }",
            "yellow = { above = 5 }",
            "this is a share",
        ),
        (
            "share = { scrape = \"metrics\", part = \"a\", whole = \"a\", window = \"5m\" }",
            "yellow = { above = 0.5 }",
            "all of itself",
        ),
        (
            "share = { scrape = \"metrics\", part = \"a\", whole = \"b\", window = \"5m\", least = 0 }",
            "yellow = { above = 0.5 }",
            "least",
        ),
        (
            "share = { scrape = \"metrics\", part = \"a\", whole = \"b\", window = \"29s\" }",
            "yellow = { above = 0.5 }",
            "under twice",
        ),
        (
            "increase = { scrape = \"metrics\", select = \"a\", window = \"25h\" }",
            "yellow = { above = 5 }",
            "at most 1d",
        ),
        (
            "quantile = { scrape = \"metrics\", select = \"a\", quantile = 95, window = \"5m\" }",
            "yellow = { above = 5 }",
            "between 0 and 1",
        ),
        (
            "absence = { scrape = \"metrics\", select = \"a\" }",
            "yellow = { above = 5 }",
            "no threshold",
        ),
    ];
    for (on, levels, why) in wrong {
        let said = said(on, levels);
        assert!(said.iter().any(|it| it.contains(why)), "{on}: {said:?}");
    }
}

#[test]
fn a_probe_that_scrapes_keeps_what_its_rules_read() {
    let rule = "[[rule]]\nid = \"r\"\nname = \"R\"\n\
                on.metric = { scrape = \"own\", select = \"lag\", take = \"max\" }\nyellow = { above = 5 }\n";
    let probe = "[[probe]]\nid = \"own\"\nservice = \"api\"\nfailures_to_down = 5\n\
                 check.prometheus = { url = \"http://localhost:1/\", keep = [\"zeal\"] }\n";
    let source = format!("{SMALL}{probe}{rule}");
    assert!(findings(&source).is_empty());
    let pack = file::read(&source, &Given::default()).unwrap().pack;
    let probes = pack.all_probes();
    let Check::Prometheus(check) = &probes[1].check else {
        panic!("{probes:?}")
    };
    assert_eq!(check.keep, ["lag", "zeal"]);
}

#[test]
fn a_scrape_is_a_probe_with_an_address_and_a_secret_of_its_own() {
    let said = |change: (&str, &str)| {
        let found = findings(&format!("{SMALL}{}", SCRAPE.replace(change.0, change.1)));
        let found = found
            .iter()
            .filter(|finding| finding.code != "unread-scrape");
        found.map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(said(("", "")), Vec::<&str>::new());
    assert_eq!(
        said(("id = \"metrics\"", "id = \"api-health\"")),
        ["duplicate"]
    );
    assert_eq!(
        said(("service = \"api\"", "service = \"nobody\"")),
        ["unknown-reference"]
    );
    assert_eq!(said(("http://", "http://me:sesame@")), ["bad-address"]);
    assert_eq!(said(("http://", "file://")), ["bad-address"]);
    assert_eq!(
        said(("interval = \"15s\"", "interval = \"15s\"\nuser = \"me\"")),
        ["bad-address"]
    );
    assert_eq!(
        said(("interval = \"15s\"", "interval = \"100ms\"")),
        ["bad-timing"]
    );
    assert_eq!(
        said(("interval = \"15s\"", "keep = [\"a b\"]")),
        ["bad-metric"]
    );
    let unread = findings(&format!("{SMALL}{SCRAPE}"));
    assert_eq!(
        unread
            .iter()
            .map(|finding| finding.code)
            .collect::<Vec<_>>(),
        ["unread-scrape"]
    );
}
