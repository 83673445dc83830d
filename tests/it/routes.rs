//! Every route for every role, held against `routes.matrix`; and the hostile strings of the
//! reference through every form that a person can find.
//!
//! A route without a row fails, as does a row without a route. After a deliberate change write the
//! matrix anew with `SIGNALBOX_WRITE_MATRIX=1` and read the difference.

mod crawl;
mod differential;
#[path = "../browser/furnish.rs"]
mod furnish;
mod hostile;
mod scope;
mod screens;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reqwest::Method;
use signalbox::app;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::keys::KeyScope;
use signalbox::foundation::auth::sessions::Stage;
use signalbox::foundation::web::headers::CONTENT_POLICY;
use signalbox::foundation::web::{Access, Route};

use crate::support::app::TestApp;
use crate::support::personas::Client;

const WRITE: &str = "SIGNALBOX_WRITE_MATRIX";

/// Stands for whatever a path asks for; nothing has this id.
const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

/// Where the posts say that they come from, so that being sent to sign in can be told from a
/// handler that ends there.
const REFERER: &str = "/from-the-matrix";

/// Who asks, in the order of the columns.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Nobody,
    Half,
    Holder(Role),
    /// A program whose key opens this route, if any key does.
    Key,
    /// A program whose key opens every other.
    OtherKey,
}

/// Keys of programs: for each scope one that has it alone, and one that has all others.
struct Keys(BTreeMap<KeyScope, [String; 2]>);

impl Keys {
    fn make(app: &TestApp) -> Self {
        let key = |scopes: &[KeyScope]| app.program(scopes).key;
        let both = |scope: KeyScope| {
            let others = KeyScope::ALL.into_iter().filter(|other| *other != scope);
            let others: Vec<KeyScope> = others.collect();
            (scope, [key(&[scope]), key(&others)])
        };
        Self(KeyScope::ALL.into_iter().map(both).collect())
    }

    /// What this asker comes with to this route.
    fn of(&self, asker: Asker, route: &Route) -> Option<&str> {
        let place = match asker {
            Asker::Key => 0,
            Asker::OtherKey => 1,
            _ => return None,
        };
        let scope = match route.access {
            Access::Key(scope) => scope,
            _ => KeyScope::AlertsRead,
        };
        Some(&self.0[&scope][place])
    }
}

impl Asker {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Nobody, Self::Half]
            .into_iter()
            .chain(Role::ALL.map(Self::Holder))
            .chain([Self::Key, Self::OtherKey])
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Half => "half-way",
            Self::Holder(role) => role.as_str(),
            Self::Key => "key",
            Self::OtherKey => "other-key",
        }
    }

    /// A session of its own for each request: some requests end theirs.
    fn client(self, app: &TestApp) -> Client {
        match self {
            Self::Nobody | Self::Key | Self::OtherKey => app.as_outsider(),
            Self::Half => app.as_half_signed(Stage::SecondFactor),
            Self::Holder(role) => app.as_role(role),
        }
    }
}

/// What came of asking, as the matrix says it: whether one was let through, and the status where that was not enough,
/// as nothing has the id that was asked for.
fn verdict(route: &Route, answer: &reqwest::Response) -> String {
    let status = answer.status().as_u16();
    let to = answer
        .headers()
        .get("location")
        .and_then(|to| to.to_str().ok())
        .unwrap_or_default();
    let led_on = ["/sign-in?next=", "/sign-in/code", "/enrol/authenticator"];
    assert!(
        status < 500,
        "{} {} is answered {status}",
        route.method,
        route.path
    );
    let told = match status {
        401 if matches!(route.access, Access::Key(_)) => "key-needed",
        401 => "sign-in",
        403 => "no",
        303 if led_on.iter().any(|place| to.starts_with(place)) => "sign-in",
        // Whoever is in already has no business at the door.
        303 if to == "/" && route.path.starts_with(['/']) && at_the_door(route) => "home",
        303 if to == "/sign-in" && at_the_door(route) => "sign-in",
        200..=399 => "yes",
        _ => return status.to_string(),
    };
    told.to_owned()
}

fn at_the_door(route: &Route) -> bool {
    ["/sign-in", "/enrol", "/step-up"]
        .iter()
        .any(|door| route.path.starts_with(door))
}

fn concrete(path: &str) -> String {
    let mut concrete = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        concrete += before;
        concrete += NOBODYS;
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    concrete + rest
}

async fn ask(client: &Client, key: Option<&str>, url: &str, route: &Route) -> reqwest::Response {
    let request = client
        .request(
            route.method.as_str().parse::<Method>().unwrap(),
            &concrete(route.path),
        )
        .header("sec-fetch-site", "same-origin")
        .header("referer", format!("{url}{REFERER}"));
    let request = match key {
        Some(key) => request.header("authorization", format!("Bearer {key}")),
        None => request,
    };
    let request = if matches!(route.access, Access::Key(_)) && route.method == "POST" {
        request
            .header("content-type", "application/json")
            .body("{}")
    } else if route.method == "POST" {
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!(
                "csrf={}&idempotency={}",
                client.csrf,
                uuid::Uuid::now_v7()
            ))
    } else {
        request
    };
    request.send().await.unwrap()
}

fn assert_headers(route: &Route, answer: &reqwest::Response) {
    let header = |name: &str| {
        let value = answer.headers().get(name);
        let value = value.unwrap_or_else(|| panic!("{} has no {name}", route.path));
        value.to_str().unwrap().to_owned()
    };
    let policy = header("content-security-policy");
    assert!(
        policy == CONTENT_POLICY || policy == "sandbox",
        "{}: {policy}",
        route.path
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(header("referrer-policy"), "same-origin");
    assert!(header("permissions-policy").contains("camera=()"));
    header("cache-control");
    header("x-request-id");
}

/// A line of the matrix for each route.
async fn observe() -> BTreeMap<String, String> {
    let app = TestApp::start().await;
    let mut matrix = BTreeMap::new();
    let keys = Keys::make(&app);
    for route in app::routes().iter() {
        let mut row = Vec::new();
        for asker in Asker::all() {
            let answer = ask(&asker.client(&app), keys.of(asker, route), &app.url, route).await;
            assert_headers(route, &answer);
            row.push(format!("{}={}", asker.name(), verdict(route, &answer)));
            let status = answer.status();
            if status.is_client_error() || status.is_server_error() {
                let body = answer.text().await.unwrap();
                assert!(
                    !body.trim().is_empty(),
                    "{} answers {status} to {} without a word",
                    route.path,
                    asker.name()
                );
            }
        }
        let name = format!("{} {}", route.path, route.method);
        assert!(
            matrix.insert(name.clone(), row.join(" ")).is_none(),
            "{name} stands twice in the route table"
        );
    }
    matrix
}

#[actix_web::test]
async fn every_route_answers_every_role_as_the_matrix_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/routes.matrix");
    let lines: Vec<String> = observe()
        .await
        .into_iter()
        .map(|(route, row)| format!("{route}: {row}\n"))
        .collect();
    let observed = lines.concat();
    if std::env::var_os(WRITE).is_some() {
        fs::write(&file, &observed).unwrap();
    }
    let agreed = fs::read_to_string(&file).unwrap_or_default();
    let differences: Vec<&str> = observed
        .lines()
        .filter(|line| !agreed.lines().any(|agreed| agreed == *line))
        .chain(
            agreed
                .lines()
                .filter(|line| !observed.lines().any(|observed| observed == *line)),
        )
        .collect();
    assert!(
        differences.is_empty(),
        "these rows are observed or agreed, not both ({WRITE}=1 writes what is observed):\n{}",
        differences.join("\n")
    );
}

#[actix_web::test]
async fn what_is_public_is_a_short_list() {
    let table = app::routes();
    let public: Vec<&str> = table
        .iter()
        .filter(|route| matches!(route.access, Access::Public | Access::PublicOrSigned))
        .map(|route| route.path)
        .collect();
    for path in public {
        let expected = [
            "/",
            "/health",
            "/api/health",
            "/api/readiness",
            "/api/openapi.json",
            "/assets",
            "/sign-in",
        ];
        let known = expected.contains(&path)
            || [
                "/api/health/",
                "/assets/",
                "/enrol/link/",
                "/display/link/",
                "/sign-in/passkey",
                "/sign-in/provider",
            ]
            .iter()
            .any(|prefix| path.starts_with(prefix));
        assert!(known, "{path} is open to everybody; is that meant?");
    }
}
