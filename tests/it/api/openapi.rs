//! The document and what it speaks of: the same addresses, the same shapes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use signalbox::app;
use signalbox::foundation::auth::keys::KeyScope;
use signalbox::foundation::web::Access;

use crate::packs::{SMALL, apply};
use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::subjects;

async fn document(app: &TestApp) -> Value {
    let answer = Page::read(app.get("/api/openapi.json").await).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), operation));
        }
    }
    found
}

#[actix_web::test]
async fn the_document_and_the_route_table_name_the_same_operations() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let written: BTreeSet<(String, String, String)> = operations(&document)
        .into_iter()
        .map(|(method, path, operation)| {
            let scopes = operation["security"][0]["key"].as_array().unwrap();
            assert_eq!(scopes.len(), 1, "{method} {path}");
            (method, path, scopes[0].as_str().unwrap().to_owned())
        })
        .collect();
    let served: BTreeSet<(String, String, String)> = app::routes()
        .iter()
        .filter_map(|route| match route.access {
            Access::Key(scope) => Some((
                route.method.to_string(),
                route.path.to_owned(),
                scope.to_string(),
            )),
            _ => None,
        })
        .collect();
    assert_eq!(written, served);
    let ids: BTreeSet<&str> = operations(&document)
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), written.len(), "each has a name of its own");
}

/// Every `$ref` anywhere in this part of the document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|each| references(each, found));
        }
        Value::Array(items) => items.iter().for_each(|each| references(each, found)),
        _ => {}
    }
}

#[actix_web::test]
async fn every_reference_leads_somewhere() {
    let document = document(&TestApp::start().await).await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 5, "{found:?}");
    let lost = found.iter().filter(|reference| {
        let pointer = reference.trim_start_matches('#');
        document.pointer(pointer).is_none()
    });
    assert_eq!(lost.count(), 0, "{found:?}");
}

#[actix_web::test]
async fn an_empty_value_is_not_one_that_is_missing() {
    let app = TestApp::start().await;
    let program = app.program(&KeyScope::ALL);
    for query in [
        "alerts?after=",
        "alerts?state=",
        "cases?cursor=",
        "cases?status=",
        "audit/events?after=",
    ] {
        let answer = program.get(&format!("/api/v1/{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
}

#[actix_web::test]
async fn every_operation_says_how_it_can_end() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let mut needed = vec!["400", "401", "403", "429", "500", "503"];
        if path.contains('{') {
            needed.push("404");
        }
        if method == "POST" {
            needed.extend(["413", "415"]);
        }
        // Acts of ours have a key by which a repetition is known; what others define has none.
        if method == "POST" && path.starts_with("/api/v1/") {
            needed.push("409");
        }
        for status in needed {
            let response = responses
                .get(status)
                .unwrap_or_else(|| panic!("{method} {path} says nothing of {status}"));
            let schema = &response["content"]["application/problem+json"]["schema"];
            assert_eq!(
                schema["$ref"], "#/components/schemas/Problem",
                "{method} {path} {status}"
            );
        }
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{method} {path}"
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{path}"
        );
    }
    assert_eq!(
        document["components"]["securitySchemes"]["key"]["scheme"],
        "bearer"
    );
}

/// What is wrong with `value`, if it is not as `schema` says. As much of JSON Schema as the document uses.
fn fault(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit_once('/').unwrap().1;
        let named = &document["components"]["schemas"][name];
        assert!(named.is_object(), "{reference} leads nowhere");
        return fault(document, named, value);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(|one| fault(document, one, value));
    }
    for any in ["oneOf", "anyOf"] {
        if let Some(any) = schema[any].as_array() {
            let fits = any.iter().any(|one| fault(document, one, value).is_none());
            return (!fits).then(|| format!("{value} is none of {any:?}"));
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = kinds.iter().any(|kind| match *kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a schema says {other}"),
    });
    if !fits {
        return Some(format!("{value} is not {kinds:?}"));
    }
    if let (Some(items), true) = (value.as_array(), schema["items"].is_object()) {
        return items
            .iter()
            .find_map(|item| fault(document, &schema["items"], item));
    }
    let members = value.as_object()?;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    if let Some(missing) = required
        .iter()
        .find(|name| !members.contains_key(name.as_str().unwrap()))
    {
        return Some(format!("{missing} is missing"));
    }
    let known = schema["properties"].as_object()?;
    members
        .iter()
        .find_map(|(name, member)| match known.get(name) {
            Some(schema) => fault(document, schema, member),
            None => None,
        })
}

/// The members that a schema speaks of.
fn members(document: &Value, schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit_once('/').unwrap().1;
        found.extend(members(document, &document["components"]["schemas"][name]));
    }
    for one in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(members(document, one));
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    found.extend(own.map(|(name, _)| name.clone()));
    found
}

#[actix_web::test]
async fn answers_have_the_shape_that_the_document_gives_them() {
    let app = TestApp::start().await;
    apply(&app, SMALL);
    subjects::load_demo_list(&app.services);
    subjects::take_in(&app.services, &app.db, super::cases::CUSTOMERS);
    app.run_jobs();
    let actor = signalbox::foundation::audit::Actor::command_line("test");
    signalbox::features::health::actions::report_indicator(
        &app.services,
        &actor,
        "ncc_qos",
        97.0,
        None,
    )
    .unwrap();
    app.advance(chrono::Duration::seconds(2));
    signalbox::features::alerts::evaluate::tick(&app.services).unwrap();
    super::audit::seal(&app);

    let document = document(&app).await;
    let program = app.program(&KeyScope::ALL);
    let first = async |path: &str| {
        let list = program.get(path).await.json();
        list["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let (alert, case) = (first("/api/v1/alerts").await, first("/api/v1/cases").await);
    let record = json!({"external_id": "C-1", "kind": "person", "name": "Ada"}).to_string();
    let sent = program
        .post("/api/v1/subjects?platform=demo", &record)
        .await;
    let acknowledge = format!("/api/v1/alerts/{alert}/acknowledgement");
    let asked = [
        ("POST", "/api/v1/subjects", sent),
        ("GET", "/api/v1/alerts", program.get("/api/v1/alerts").await),
        (
            "GET",
            "/api/v1/alerts/{id}",
            program.get(&format!("/api/v1/alerts/{alert}")).await,
        ),
        (
            "POST",
            "/api/v1/alerts/{id}/acknowledgement",
            program.post(&acknowledge, "{}").await,
        ),
        ("GET", "/api/v1/cases", program.get("/api/v1/cases").await),
        (
            "GET",
            "/api/v1/cases/{id}",
            program.get(&format!("/api/v1/cases/{case}")).await,
        ),
        (
            "GET",
            "/api/v1/audit/events",
            program.get("/api/v1/audit/events").await,
        ),
        (
            "GET",
            "/api/v1/cases",
            program.get("/api/v1/cases?nonsense=1").await,
        ),
        (
            "GET",
            "/api/v1/cases/{id}",
            program.get("/api/v1/cases/x").await,
        ),
    ];
    for (method, path, answer) in asked {
        let operation = &document["paths"][path][method.to_lowercase()];
        let response = &operation["responses"][answer.status.to_string()];
        assert!(
            response.is_object(),
            "{method} {path} says nothing of {}",
            answer.status
        );
        let kind = answer.header("content-type").unwrap();
        let schema = &response["content"][kind]["schema"];
        assert!(
            schema.is_object(),
            "{method} {path} {} has no {kind}",
            answer.status
        );
        let value = answer.json();
        let wrong = fault(&document, schema, &value);
        assert_eq!(wrong, None, "{method} {path}: {value}");
        // Nor does an answer hold what the document keeps quiet about.
        let known = members(&document, schema);
        for name in value.as_object().unwrap().keys() {
            assert!(
                known.contains(name),
                "{method} {path} answers {name} unannounced"
            );
        }
    }
}
