//! Requirements of OWASP ASVS 5.0 that no feature's own tests show; `docs/asvs.csv` names them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use scraper::{Html, Selector};
use signalbox::app::{self, Running};
use signalbox::features::account::demo;
use signalbox::foundation::Services;
use signalbox::foundation::auth::{Role, token::Token};
use signalbox::foundation::config::Mode;
use signalbox::foundation::web::{Access, Error, block};

use crate::support::app::{TestApp, services};
use crate::support::db::TestDb;
use crate::support::page::Page;
use crate::support::personas::session_cookie;

const DEMO_EMAIL: &str = "operator@demo.signalbox";

/// The application as it is behind a proxy that speaks https.
struct Elsewhere {
    services: Services,
    http: reqwest::Client,
    port: u16,
    _running: Running,
    _db: TestDb,
}

impl Elsewhere {
    const HOST: &str = "box.example";

    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let db = TestDb::create();
        let mut services = services(Mode::Demo, port, &db);
        let mut config = (*services.config).clone();
        config.web.base_url = format!("https://{}/", Self::HOST).parse().unwrap();
        services.config = Arc::new(config);
        demo::seed(&services).unwrap();
        Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            port,
            _running: app::serve(services.clone(), listener).unwrap(),
            services,
            _db: db,
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("http://127.0.0.1:{}{path}", self.port))
            .header("host", Self::HOST)
            .header("sec-fetch-site", "same-origin")
    }
}

/// Every cookie that signing in sets, at the first step and at the second.
async fn cookies_of_signing_in(
    services: &Services,
    ask: impl Fn(Method, &str) -> reqwest::RequestBuilder,
) -> Vec<String> {
    let cookies = |answer: &reqwest::Response| -> Vec<String> {
        let set = answer.headers().get_all("set-cookie").iter();
        set.map(|value| value.to_str().unwrap().to_owned())
            .collect()
    };
    let key = uuid::Uuid::now_v7().to_string();
    let fields = [
        ("csrf", ""),
        ("idempotency", key.as_str()),
        ("email", DEMO_EMAIL),
        ("password", demo::PASSWORD),
    ];
    let first = ask(Method::POST, "/sign-in");
    let first = with_form(first, &fields).send().await.unwrap();
    assert_eq!(first.status(), 303);
    let mut found = cookies(&first);
    let carried = found[0].split(';').next().unwrap().to_owned();
    let page = ask(Method::GET, "/sign-in/code").header("cookie", &carried);
    let page = Page::read(page.send().await.unwrap()).await;
    let code = demo::code(services, DEMO_EMAIL).unwrap().unwrap().digits;
    let mut form = page.form("/sign-in/code");
    form.retain(|(name, _)| name != "code");
    form.push(("code".to_owned(), code));
    let second = ask(Method::POST, "/sign-in/code").header("cookie", &carried);
    let second = with_form(second, &form).send().await.unwrap();
    assert_eq!(second.status(), 303);
    found.extend(cookies(&second));
    found
}

fn with_form(
    request: reqwest::RequestBuilder,
    fields: &[(impl AsRef<str>, impl AsRef<str>)],
) -> reqwest::RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

#[actix_web::test]
async fn cookies_carry_the_flags_that_their_address_allows() {
    // V3.3.1 to V3.3.5
    let elsewhere = Elsewhere::start();
    let ask = |method, path: &str| elsewhere.request(method, path);
    let cookies = cookies_of_signing_in(&elsewhere.services, ask).await;
    assert!(cookies.len() >= 3, "session, session, device: {cookies:?}");
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for flag in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(flag), "{cookie} without {flag}");
        }
        assert!(!cookie.contains("Domain="), "{cookie}");
        assert!(cookie.len() < 4096, "{cookie}");
    }
    let app = TestApp::start().await;
    demo::seed(&app.services).unwrap();
    let ask = |method, path: &str| {
        let request = app.http.request(method, format!("{}{path}", app.url));
        request.header("sec-fetch-site", "same-origin")
    };
    for cookie in cookies_of_signing_in(&app.services, ask).await {
        for flag in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(flag), "{cookie} without {flag}");
        }
        assert!(!cookie.contains("Secure"), "{cookie} would be lost on http");
    }
}

#[actix_web::test]
async fn https_is_kept_to_for_two_years() {
    // V3.4.1
    let elsewhere = Elsewhere::start();
    for path in ["/", "/health", "/nowhere", "/api/nowhere", "/account"] {
        let answer = elsewhere.request(Method::GET, path).send().await.unwrap();
        let header = answer.headers().get("strict-transport-security");
        assert_eq!(
            header.expect(path),
            "max-age=63072000; includeSubDomains",
            "{path}"
        );
    }
    let app = TestApp::start().await;
    let answer = app.get("/").await;
    let header = answer.headers().get("strict-transport-security");
    assert!(header.is_none(), "localhost would be lost to plain http");
}

#[actix_web::test]
async fn no_answer_lets_another_site_read_it() {
    // V3.4.2: not for a plain request, and not when a browser asks beforehand.
    let app = TestApp::start().await;
    let client = app.as_operator();
    for method in [Method::GET, Method::OPTIONS] {
        for path in ["/", "/account", "/health", "/api/health", "/api/nowhere"] {
            let asked = client
                .request(method.clone(), path)
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST")
                .send();
            let answer = asked.await.unwrap();
            let mut headers = answer.headers().keys();
            let lets = headers.any(|name| name.as_str().starts_with("access-control-"));
            assert!(!lets, "{method} {path}");
        }
    }
}

#[actix_web::test]
async fn every_answer_has_its_isolation_headers() {
    // V3.4.5, V3.4.8, V3.5.8
    let app = TestApp::start().await;
    let client = app.as_operator();
    let pages = ["/", "/account", "/health", "/nowhere", "/audit"];
    for path in pages {
        let page = client.get(path).await;
        for (name, value) in [
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
        let off = page.header("permissions-policy").unwrap_or_default();
        for feature in ["camera=()", "microphone=()", "geolocation=()"] {
            assert!(off.contains(feature), "{path}: {off}");
        }
    }
}

/// All files below a folder with one of these endings, and what they hold.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.display().to_string(), text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no .{ending}");
    found
}

#[test]
fn scripts_speak_among_themselves_only() {
    // V3.5.5, V3.5.6: over a BroadcastChannel, which other sites cannot reach.
    for (path, text) in files("static/js", "js") {
        let among_ours = [
            "channel.addEventListener(\"message\"",
            "channel.postMessage(",
        ];
        let rest = among_ours
            .iter()
            .fold(text.clone(), |text, ours| text.replace(ours, ""));
        for shut in [
            "postMessage",
            "\"message\"",
            "'message'",
            "onmessage",
            "eval(",
            "new Function",
        ] {
            assert!(!rest.contains(shut), "{path} has {shut}");
        }
        if rest.len() < text.len() {
            assert!(text.contains("channel = new BroadcastChannel("), "{path}");
        }
    }
}

#[test]
fn passwords_are_masked_and_managers_welcome() {
    // V6.2.6, V6.2.7
    let mut passwords = 0;
    for (path, text) in files("templates", "html") {
        let lower = text.to_lowercase();
        assert!(!lower.contains("onpaste"), "{path}");
        for call in text.split("field::").skip(1) {
            let named = ["(\"password\"", "(\"current\"", "(\"again\""];
            if named
                .iter()
                .any(|name| call.starts_with(&format!("text{name}")))
            {
                panic!("{path} shows a password");
            }
            passwords += usize::from(call.starts_with("password("));
        }
    }
    let (_, fields) = files("templates/components", "html")
        .into_iter()
        .find(|(path, _)| path.ends_with("field.html"))
        .unwrap();
    let field = fields.split("macro password").nth(1).unwrap();
    let field = field.split("endmacro").next().unwrap();
    assert!(field.contains("type=\"password\""), "{field}");
    assert!(field.contains("current-password"), "{field}");
    assert!(passwords >= 4, "{passwords} fields for passwords");
}

#[actix_web::test]
async fn every_signed_in_page_can_be_left() {
    // V7.4.4
    let app = TestApp::start().await;
    let leave = Selector::parse("form[method=post][action='/sign-out'] button").unwrap();
    let mut pages = 0;
    for role in Role::ALL {
        let client = app.as_role(role);
        for route in app::routes().iter() {
            // A stream; and a wall, which knows no session.
            let is_page = route.method == actix_web::http::Method::GET && !route.path.contains('{');
            let is_signed = !matches!(route.access, Access::Public | Access::HalfSigned);
            if !is_page || !is_signed || ["/live", "/display"].contains(&route.path) {
                continue;
            }
            let page = client.get(route.path).await;
            let kind = page.header("content-type").unwrap_or_default();
            if page.status == 303 || !kind.starts_with("text/html") {
                continue;
            }
            let html = Html::parse_document(&page.body);
            assert!(html.select(&leave).next().is_some(), "{}", route.path);
            pages += 1;
        }
    }
    assert!(pages > 40, "{pages} pages");
}

#[actix_web::test]
async fn signing_out_ends_the_session_for_whoever_has_the_cookie() {
    // V7.4.1
    let app = TestApp::start().await;
    let client = app.as_operator();
    assert_eq!(client.get("/account").await.status, 200);
    let answer = client.post_form("/sign-out", &[]).await;
    assert_eq!(answer.location(), "/sign-in");
    let again = client.get("/account").await;
    assert!(again.location().starts_with("/sign-in?next="));
}

#[actix_web::test]
async fn a_session_of_another_server_opens_nothing() {
    // V7.2.1: neither a cookie that we would sign and never gave out, nor one that we would not.
    let app = TestApp::start().await;
    let signed = session_cookie(&app.services, Token::generate().expose());
    let (name, value) = signed.split_once('=').unwrap();
    let other = format!("{name}={}", value.chars().rev().collect::<String>());
    let unsigned = format!("{name}={}", Token::generate().expose());
    for cookie in [signed.clone(), other, unsigned] {
        let asked = app.http.get(format!("{}/account", app.url));
        let answer = asked.header("cookie", &cookie).send().await.unwrap();
        let to = answer.headers()["location"].to_str().unwrap();
        assert!(to.starts_with("/sign-in?next="), "{cookie}: {to}");
    }
}

#[actix_web::test]
async fn work_that_panics_is_one_failed_request() {
    // V16.5.4
    fn broken() -> Result<(), Error> {
        panic!("on purpose");
    }
    for _ in 0..20 {
        let outcome: Result<(), Error> = block(broken).await;
        assert!(matches!(outcome, Err(Error::Internal(_))));
    }
    let outcome: Result<u8, Error> = block(|| Ok(7)).await;
    assert_eq!(outcome.unwrap(), 7, "the lanes are free again");
}
