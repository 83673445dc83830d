//! Whatever the sealer takes as an event survives the database and is accepted by both verifiers.

use diesel::sql_types::{Bytea, Timestamptz, Uuid as SqlUuid};
use diesel::{RunQueryDsl as _, sql_query};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use signalbox::foundation::audit::jcs;
use signalbox::foundation::audit::projection::Body;
use signalbox::foundation::db::roles::Role;
use uuid::Uuid;

use super::fixture::{Bench, Python};

const CASES: usize = 600;

fn moment() -> impl Strategy<Value = String> {
    let year = prop_oneof![Just(0), Just(1), Just(9999), 1..=9999_i32, Just(10_000)];
    (
        year,
        0..=13_u32,
        0..=31_u32,
        0..=24_u32,
        0..=60_u32,
        0..=60_u32,
        0..1_000_000_u32,
    )
        .prop_map(|(year, month, day, hour, minute, second, micros)| {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
        })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z._]{0,20}",
        "\\PC{0,40}",
        "[\\x01-\\x7f]{0,20}",
        Just("\u{10ffff}\u{fffd}\u{feff}\u{85}\u{2028}".to_owned()),
        Just("\0".to_owned()),
        (500..520_usize).prop_map(|length| "y".repeat(length)),
        (250..260_usize).prop_map(|length| "\u{e9}".repeat(length)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Value> {
    let fixed = "2026-03-02T09:00:00.000001Z".to_owned();
    let at = prop_oneof![Just(fixed), moment()];
    (at, text(), text(), text(), text(), value()).prop_map(
        |(at, kind, actor, subject, outcome, details)| {
            json!({
                "v": 1, "id": "", "at": at, "kind": kind, "actor": {"kind": "job", "id": actor},
                "subject": {"kind": "note", "id": subject}, "outcome": outcome, "details": details,
            })
        },
    )
}

#[test]
fn what_is_taken_as_an_event_survives_and_verifies() {
    let bench = Bench::new();
    let mut conn = bench.db.connect(Role::Superuser);
    let mut runner = TestRunner::deterministic();
    let (mut taken, mut refused) = (0, 0);
    for number in 0..CASES {
        let mut value = body().new_tree(&mut runner).unwrap().current();
        let id = Uuid::from_u128(number as u128 + 1);
        value["id"] = json!(id.simple().to_string());
        let Ok(bytes) = jcs::to_vec(&value) else {
            continue;
        };
        match Body::parse(&bytes) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
        sql_query("INSERT INTO audit_inbox VALUES ($1, $2, $3)")
            .bind::<SqlUuid, _>(id)
            .bind::<Timestamptz, _>(bench.now())
            .bind::<Bytea, _>(&bytes)
            .execute(&mut conn)
            .unwrap();
    }
    assert!(
        taken > CASES / 8 && refused > CASES / 10,
        "{taken} and {refused}"
    );
    assert_eq!(
        bench.seal(),
        taken as u64 + refused as u64,
        "one refusal for each that is refused"
    );
    let export = bench.export();
    let report = bench.verify(&export, None).unwrap();
    assert_eq!(report.to, taken as u64 + refused as u64);
    assert_eq!(
        Python::start().verify(&export, &bench.vkey(), None),
        (0, String::new())
    );
    let lines = std::fs::read_to_string(export.join("events.ndjson")).unwrap();
    assert_eq!(
        lines.matches("\"kind\":\"audit.entry_refused\"").count(),
        refused
    );
}
