//! What holds for every key, over the whole route table.

use signalbox::app;
use signalbox::foundation::auth::keys::KeyScope;
use signalbox::foundation::web::Access;

/// Words of addresses at which something is decided, approved or managed.
const DECIDING: &[&str] = &[
    "approval",
    "refusal",
    "decision",
    "proposal",
    "disposition",
    "withdrawal",
    "claim",
    "policy",
    "people",
    "roles",
    "keys",
    "account",
    "packs",
    "lists",
    "exports",
    "report",
];

/// Everything that a key can change.
const CHANGING: &[(&str, KeyScope)] = &[
    ("/api/v1/subjects", KeyScope::SubjectsWrite),
    ("/api/v1/events", KeyScope::EventsWrite),
    ("/api/v1/indicators", KeyScope::IndicatorsWrite),
    ("/api/v1/logs", KeyScope::LogsWrite),
    (
        "/api/v1/alerts/{id}/acknowledgement",
        KeyScope::AlertsAcknowledge,
    ),
    ("/api/v2/alerts", KeyScope::AlertsWrite),
    ("/hooks/alertmanager/{id}", KeyScope::AlertsWrite),
    ("/api/v2/silences", KeyScope::AlertsSilence),
    ("/api/v2/silence/{id}", KeyScope::AlertsSilence),
];

#[test]
fn no_key_opens_what_decides_or_manages() {
    let mut changing = Vec::new();
    let mut opened = Vec::new();
    for route in app::routes().iter() {
        if route.access == Access::Display {
            assert_eq!(route.method, "GET", "{} is for looking", route.path);
            opened.push(KeyScope::Display);
        }
        let Access::Key(scope) = route.access else {
            let asks_for_none = ["/api/v1", "/api/v2", "/hooks/"]
                .iter()
                .all(|begin| !route.path.starts_with(begin));
            assert!(
                // What comes in there is signed in the place of a key.
                asks_for_none || route.path == "/hooks/events/{id}",
                "{} is for programs and asks for no key",
                route.path
            );
            continue;
        };
        opened.push(scope);
        assert!(
            ["/api/v1/", "/api/v2/", "/hooks/"]
                .iter()
                .any(|begin| route.path.starts_with(begin)),
            "{} is not where programs go",
            route.path
        );
        let words: Vec<&str> = route.path.split('/').collect();
        for deciding in DECIDING {
            assert!(!words.contains(deciding), "{} is open to keys", route.path);
        }
        assert!(
            !route.step_up,
            "{} asks a program to prove who it is",
            route.path
        );
        if route.method != "GET" {
            changing.push((route.path, scope));
        }
    }
    changing.sort_unstable();
    let mut expected = CHANGING.to_vec();
    expected.sort_unstable();
    assert_eq!(changing, expected);
    for scope in KeyScope::ALL {
        assert!(opened.contains(&scope), "{scope} opens nothing");
        assert_eq!(scope.as_str().parse(), Ok(scope));
        let never = ["approve", "decide", "manage", "admin", "*"];
        assert!(never.iter().all(|word| !scope.as_str().contains(word)));
    }
}
