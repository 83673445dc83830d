//! Signing in at a real OpenID Connect provider, as people do it: there by a link, back by a redirect, and past our
//! content policy.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use fantoccini::Locator;
use signalbox::app;
use signalbox::foundation::Services;
use signalbox::foundation::audit::Audit;
use signalbox::foundation::auth::provider::{BACK_PATH, Provider};
use signalbox::foundation::config::{Config, ProviderConfig};
use signalbox::foundation::kernel::{Clock, Secret};

use crate::chromium::{Browser, Screen, missing};
use crate::passkeys::{path, press};
use crate::support::app::TestApp;

const FOLDER: &str = "tools/browser";
const NAME: &str = "Example Bank";

/// A provider on a port of its own, which ends with the test.
struct Realm {
    issuer: String,
    process: Child,
    _ends_with: ChildStdin,
}

impl Realm {
    fn start(back: &str) -> Self {
        let mut process = Command::new("node")
            .arg("provider.mjs")
            .arg(back)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        let mut told = BufReader::new(process.stdout.take().unwrap());
        told.read_line(&mut issuer).unwrap();
        Self {
            issuer: issuer.trim_end().to_owned(),
            _ends_with: process.stdin.take().unwrap(),
            process,
        }
    }

    /// Has the application know this provider, and live in its time.
    fn join(&self, services: &mut Services) {
        let config = Config {
            provider: Some(ProviderConfig {
                issuer: self.issuer.clone(),
                client_id: "signalbox".to_owned(),
                client_secret: Some(Secret::from("a secret of this test, and of no other")),
                name: NAME.to_owned(),
                trusts_amr: false,
            }),
            ..Config::clone(&services.config)
        };
        services.clock = Clock::system();
        services.audit = Audit::new(
            services.db.clone(),
            services.clock.clone(),
            services.keyring.clone(),
            app::reactions,
        );
        services.provider = Provider::of(&config).unwrap();
        services.config = Arc::new(config);
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_installed() -> bool {
    let module = format!("{FOLDER}/node_modules/oidc-provider");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(module);
    let node = Command::new("node").arg("--version").output();
    folder.exists() && node.is_ok()
}

async fn follow(browser: &Browser, link: &str) {
    let link = browser.page.find(Locator::LinkText(link)).await.unwrap();
    link.click().await.unwrap();
}

/// Whether the browser stands at a path of ours, with this heading.
async fn arrive(browser: &Browser, at: &str, heading: &str) {
    let arrived = format!(
        "return location.pathname === {at:?} && document.querySelector('h1')?.textContent === {heading:?}"
    );
    browser.wait_until(&arrived).await;
}

#[actix_web::test]
async fn an_account_at_a_real_provider_is_connected_and_signs_in() {
    if !is_installed() {
        return missing("oidc-provider").unwrap_or_default();
    }
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let mut realm = None;
    let app = TestApp::start_with(|services| {
        let back = services.config.web.base_url.join(BACK_PATH).unwrap();
        realm.insert(Realm::start(back.as_str())).join(services);
    })
    .await;
    let at = |path: &str| format!("{}{path}", app.url);

    browser.sign_in(&app.as_operator()).await;
    browser.page.goto(&at("/account/provider")).await.unwrap();
    follow(&browser, &format!("Go to {NAME}")).await;
    arrive(
        &browser,
        "/account/provider",
        &format!("Is this you at {NAME}?"),
    )
    .await;
    browser.hold_in_both_themes("whether it is oneself").await;
    let named = "return document.querySelector('main').textContent.includes('ada@bank.example')";
    browser.wait_until(named).await;
    press(&browser, "Connect it").await;
    assert_eq!(path(&browser).await, "/account");
    browser.hold_in_both_themes("a connected account").await;

    // The cookies of this site; the provider remembers.
    browser.page.delete_all_cookies().await.unwrap();
    browser.page.goto(&at("/sign-in")).await.unwrap();
    follow(&browser, &format!("Sign in with {NAME}")).await;
    // The persona has no second factor.
    let arrived = "return location.pathname === '/enrol/authenticator'";
    browser.wait_until(arrived).await;
    let accepted = app.events_of("session.provider_accepted");
    assert_eq!(accepted.len(), 1);
    assert_eq!(app.events_of("identity.connected").len(), 1);

    browser
        .page
        .goto(&at("/sign-in?failed=unknown"))
        .await
        .unwrap();
    browser.hold_in_both_themes("a sign-in that failed").await;
}
