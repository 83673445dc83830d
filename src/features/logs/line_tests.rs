use proptest::prelude::*;
use serde_json::json;

use super::*;

fn one(text: &str) -> Line {
    let mut lines = read_all(text, |_| false);
    lines.iter_mut().for_each(Line::cut);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

/// DO-20: the format of that guide.
#[test]
fn json_with_a_context_is_read() {
    let line = one(
        r#"{"timestamp":"2024-01-15T10:30:00Z","level":"info","message":"Scan completed","context":{"scanId":"u","duration":45000,"component":"scanner","latency_ms":12.5}}"#,
    );
    assert_eq!(line.at, at("2024-01-15T10:30:00Z"));
    assert_eq!(
        (line.severity, line.message.as_str()),
        (Severity::Info, "Scan completed")
    );
    assert_eq!(
        (line.component.as_str(), line.latency_ms),
        ("scanner", Some(12.5))
    );
    assert_eq!(
        Value::Object(line.fields),
        json!({"scanId": "u", "duration": 45000})
    );
}

#[test]
fn what_other_loggers_write_is_read() {
    let pino = one(r#"{"level":50,"time":1705314600123,"msg":"no","err_code":7}"#);
    assert_eq!(pino.at, at("2024-01-15T10:30:00.123Z"));
    assert_eq!((pino.severity, pino.code.as_str()), (Severity::Error, "7"));
    let logfmt = one(r#"ts=2024-01-15T10:30:00Z level=warn msg="it said \"no\"" component=bank"#);
    assert_eq!(logfmt.at, at("2024-01-15T10:30:00Z"));
    assert_eq!(
        (logfmt.severity, logfmt.message.as_str()),
        (Severity::Warn, "it said \"no\"")
    );
    let laravel = one("[2024-01-15 10:30:00] production.ERROR: Queue is down {\"job\":1}");
    assert_eq!(
        (laravel.severity, laravel.at),
        (Severity::Error, at("2024-01-15T10:30:00Z"))
    );
    let python = one("2024-01-15 10:30:00,123 - api - ERROR - Request failed latency_ms=120");
    assert_eq!(
        (python.severity, python.latency_ms),
        (Severity::Error, Some(120.0))
    );
    assert_eq!(python.at, at("2024-01-15T10:30:00.123Z"));
    assert_eq!(
        (python.component.as_str(), python.message.as_str()),
        ("api", "Request failed latency_ms=120")
    );
    assert_eq!(
        laravel.message,
        "production.ERROR: Queue is down {\"job\":1}"
    );

    let nginx = one("2024/01/15 10:30:00 [crit] 7#7: no space left");
    assert_eq!(
        (nginx.severity, nginx.at),
        (Severity::Fatal, at("2024-01-15T10:30:00Z"))
    );
}

#[test]
fn an_error_that_is_talked_about_is_none() {
    assert_eq!(
        one("retrying after an error in the feed").severity,
        Severity::Unknown
    );
    assert_eq!(one("INFO no error was found").severity, Severity::Info);
}

#[test]
fn what_a_container_wraps_is_unwrapped() {
    let docker = one(
        r#"{"log":"{\"level\":\"error\",\"msg\":\"x\"}\n","stream":"stderr","time":"2024-01-15T10:30:00.5Z"}"#,
    );
    assert_eq!(
        (docker.severity, docker.message.as_str()),
        (Severity::Error, "x")
    );
    assert_eq!(docker.at, at("2024-01-15T10:30:00.5Z"));
    let cri = one("2024-01-15T10:30:00.123456789Z stderr F WARN low on memory");
    assert_eq!(
        (cri.severity, cri.message.as_str()),
        (Severity::Warn, "WARN low on memory")
    );
    assert!(cri.at.is_some());
}

#[test]
fn a_stack_trace_belongs_to_its_line() {
    let lines = read_all(
        "ERROR it broke\n  at a (b.js:1)\n\tat c (d.js:2)\nCaused by: water\n\nINFO it goes on\n",
        |_| false,
    );
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0].message,
        "ERROR it broke\n  at a (b.js:1)\n\tat c (d.js:2)\nCaused by: water"
    );
    assert_eq!(lines[1].severity, Severity::Info);
}

/// LT-22
#[test]
fn a_code_that_a_pack_knows_is_found_in_a_sentence() {
    let known = ["LEGAL_001".to_owned(), "ML_001".to_owned()];
    let coded = |text: &str| {
        let mut line = one(text);
        line.find_code(&known);
        line.code
    };
    assert_eq!(coded("ERROR [ML_001] model not ready"), "ML_001");
    assert_eq!(coded("ERROR XML_001 was read"), "");
    assert_eq!(
        coded(r#"{"msg":"ML_001 again","code":"FILE_001"}"#),
        "FILE_001"
    );
}

/// LT-20, LT-21
#[test]
fn a_status_is_a_code_where_it_is_said_to_be_one() {
    let known = ["401".to_owned(), "500".to_owned()];
    let coded = |text: &str| {
        let mut line = one(text);
        line.find_code(&known);
        line.code
    };
    assert_eq!(coded(r#"{"msg":"refused","status":401}"#), "401");
    assert_eq!(coded("level=warn msg=refused status_code=401"), "401");
    assert_eq!(coded("WARN sign-in refused, status 401"), "401");
    assert_eq!(coded("WARN status_code: 401 for a token"), "401");
    let served = r#"10.0.0.7 - - [01/Mar/2026:10:00:00 +0000] "POST /api/login HTTP/1.1" 401 500"#;
    assert_eq!(coded(served), "401");
    assert_eq!(coded("INFO it took 500 ms for 401 rows"), "");
    assert_eq!(coded("INFO status of 500 jobs"), "");
    assert_eq!(coded("INFO status=5001"), "");
    assert_eq!(coded("INFO status=404"), "", "no pack knows it");
}

#[test]
fn colours_and_control_characters_are_dropped() {
    assert_eq!(
        one("\u{1b}[31mERROR\u{1b}[0m no\u{0}pe\r").message,
        "ERROR nope"
    );
}

/// PostgreSQL holds no NUL, however it came.
#[test]
fn what_is_escaped_is_cleaned_like_what_is_not() {
    let line = one(r#"{"msg":"a\u0000b\nc","code":"x\u0007","k\u0000":{"v":["\u0000z"]}}"#);
    assert_eq!((line.message.as_str(), line.code.as_str()), ("ab\nc", "x"));
    assert_eq!(Value::Object(line.fields), json!({"k": {"v": ["z"]}}));
}

#[test]
fn the_runtimes_time_gives_way_only_to_one_with_a_zone() {
    let wrapped = |log: &str| {
        one(&json!({"log": log, "stream": "stdout", "time": "2024-01-15T10:30:00Z"}).to_string()).at
    };
    assert_eq!(
        wrapped("2024-01-15 05:30:00 INFO x"),
        at("2024-01-15T10:30:00Z")
    );
    assert_eq!(
        wrapped("2024-01-15 05:29:59-0500 INFO x"),
        at("2024-01-15T10:29:59Z")
    );
}

#[test]
fn long_ones_are_cut() {
    let line = one(&format!(
        "{{\"msg\":\"{}\",\"a\":\"{}\",\"b\":1}}",
        "m".repeat(20_000),
        "x".repeat(9_000)
    ));
    assert_eq!(line.message.len(), MESSAGE_AT_MOST);
    assert_eq!(Value::Object(line.fields), json!({"b": 1}));
}

proptest! {
    #[test]
    fn nothing_that_can_be_sent_breaks_it(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}") {
        for mut line in read_all(&text, |_| false) {
            line.cut();
            prop_assert!(line.message.chars().count() <= MESSAGE_AT_MOST);
            prop_assert!(!line.message.contains('\0'));
            prop_assert!(line.component.chars().count() <= WORD_AT_MOST);
        }
    }

    #[test]
    fn plain_words_stay_as_they_are(words in "[a-z]{1,12}( [a-z]{1,12}){0,10}") {
        prop_assert_eq!(&one(&words).message, &words);
    }
}
