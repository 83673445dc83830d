//! A browser for one test, and a way of looking at a page with it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::ClientBuilder;
use fantoccini::wd::Capabilities;
use serde_json::{Value, json};

use crate::support::personas::Client;

/// Where `script/setup` puts axe-core, below the crate's root.
const AXE: &str = "tools/browser/node_modules/axe-core/axe.min.js";

/// Where this is set, a browser that cannot be had is a failure.
const REQUIRE: &str = "SIGNALBOX_REQUIRE_BROWSER";

/// A screen to look at a page on.
#[derive(Clone, Copy, Debug)]
pub enum Screen {
    Desk,
    /// The narrowest that WCAG's reflow asks for.
    Phone,
    /// What hangs on a wall.
    Wall,
}

impl Screen {
    fn size(self) -> (u32, u32) {
        match self {
            Self::Desk => (1280, 900),
            Self::Phone => (320, 640),
            Self::Wall => (1920, 1080),
        }
    }
}

const LIGHT: &str = "light";
const DARK: &str = "dark";

/// chromedriver and everything that it started. A panicking test runs this too, or Chromium would stay behind.
struct Driver {
    process: Child,
    port: u16,
    profile: tempfile::TempDir,
}

impl Driver {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .ok()?
            .local_addr()
            .ok()?
            .port();
        // Its output goes nowhere: an inherited pipe would keep a panicking test from ending.
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self {
            process,
            port,
            profile: tempfile::tempdir().ok()?,
        })
    }

    /// Asks for the end of the session over a plain connection: a runtime that unwinds can do no more.
    fn shut_down(&self) {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return;
        };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = write!(
            stream,
            "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.port
        );
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shut_down();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Notes what the content policy and Trusted Types refuse, from before the page's own scripts on.
const LISTENER: &str = "globalThis.policyViolations = [];
    document.addEventListener('securitypolicyviolation', (event) => globalThis.policyViolations.push(
        `${event.effectiveDirective} refused ${event.blockedURI} ${event.sample}`));";

/// A window. Dropping it ends Chromium.
pub struct Browser {
    pub page: fantoccini::Client,
    axe: String,
    screen: Screen,
    _driver: Driver,
}

/// Says by name what a test needs and this machine has not.
pub fn missing<T>(what: &str) -> Option<T> {
    assert!(
        std::env::var_os(REQUIRE).is_none(),
        "{what} is not installed, and {REQUIRE} is set (script/setup installs it)"
    );
    println!("skipped: {what} is not installed (script/setup installs it)");
    None
}

impl Browser {
    /// `None` where this machine has no browser or no axe-core; the reason is printed by name.
    pub async fn open(screen: Screen) -> Option<Self> {
        let axe = std::env::var_os("SIGNALBOX_AXE").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(AXE),
            PathBuf::from,
        );
        let Ok(axe) = std::fs::read_to_string(axe) else {
            return missing("axe-core");
        };
        let Some(driver) = Driver::start() else {
            return missing("chromedriver");
        };
        let capabilities = capabilities(screen, &driver);
        let address = format!("http://127.0.0.1:{}", driver.port);
        for _ in 0..100 {
            if let Ok(page) = ClientBuilder::native()
                .capabilities(capabilities.clone())
                .connect(&address)
                .await
            {
                let browser = Self {
                    page,
                    axe,
                    screen,
                    _driver: driver,
                };
                let script = json!({ "source": LISTENER });
                browser
                    .chrome("Page.addScriptToEvaluateOnNewDocument", script)
                    .await;
                return Some(browser);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        missing("chromium")
    }

    /// Takes over a persona's session.
    pub async fn sign_in(&self, client: &Client) {
        let (name, value) = client
            .cookie
            .as_deref()
            .and_then(|cookie| cookie.split_once('='))
            .unwrap();
        let cookie = json!({ "name": name, "value": value, "url": client.url(), "httpOnly": true });
        self.chrome("Network.setCookie", cookie).await;
    }

    /// Takes the network away, or gives it back.
    pub async fn go_offline(&self, offline: bool) {
        self.chrome("Network.enable", json!({})).await;
        let conditions = json!({
            "offline": offline,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        });
        self.chrome("Network.emulateNetworkConditions", conditions)
            .await;
    }

    /// Gives this window a device that makes passkeys, keeps them, and has seen its owner's finger.
    pub async fn carry_device(&self) {
        self.chrome("WebAuthn.enable", json!({})).await;
        let device = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserVerified": true,
            "automaticPresenceSimulation": true,
        });
        let added = json!({ "options": device });
        self.chrome("WebAuthn.addVirtualAuthenticator", added).await;
    }

    /// Opens a page and holds it to what every page promises, in both themes: axe finds nothing, nothing sticks out
    /// sideways, the browser has nothing to complain about. `SIGNALBOX_SHOTS=folder` also keeps pictures.
    pub async fn look(&self, url: &str) {
        let faults = self.faults(url).await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// What [`Browser::look`] would not let pass.
    pub async fn faults(&self, url: &str) -> Vec<String> {
        self.prefer(LIGHT).await;
        self.page.goto(url).await.unwrap();
        let mut faults = self.faults_as_it_stands(url).await;
        for complaint in self.complaints().await {
            faults.push(format!("{url}: {complaint}"));
        }
        faults
    }

    /// The same for the page as it stands, as after a script or a press of a button.
    pub async fn hold_in_both_themes(&self, what: &str) {
        let faults = self.faults_as_it_stands(what).await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    async fn faults_as_it_stands(&self, what: &str) -> Vec<String> {
        self.picture(what, LIGHT).await;
        let place = format!("{what} ({LIGHT}, {:?})", self.screen);
        let mut faults = vec![
            self.axe_on(&place, "{}").await,
            self.too_wide(&place).await,
            self.out_of_sight(&place).await,
        ];
        // Themes differ in their colours and in nothing else.
        self.prefer(DARK).await;
        self.picture(what, DARK).await;
        let colours = "{ runOnly: ['color-contrast', 'link-in-text-block'] }";
        let place = format!("{what} ({DARK}, {:?})", self.screen);
        faults.push(self.axe_on(&place, colours).await);
        self.prefer(LIGHT).await;
        faults.into_iter().flatten().collect()
    }

    /// The same in the theme that is set.
    pub async fn hold(&self, what: &str) {
        assert_eq!(self.axe_on(what, "{}").await, None);
        assert_eq!(self.too_wide(what).await, None);
    }

    async fn too_wide(&self, what: &str) -> Option<String> {
        let script = "const room = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= room) return null;
            const wide = [...document.body.querySelectorAll('*')].filter((element) =>
                element.getBoundingClientRect().right > room + 1 && !element.closest('.table-scroll'));
            return wide.slice(0, 3).concat(wide.slice(-3)).map((element) => element.outerHTML.slice(0, 150)).join(' | ')";
        let wide = self.page.execute(script, vec![]).await.unwrap();
        let wide = wide.as_str()?;
        Some(format!("{what} is wider than its window, by {wide}"))
    }

    /// Tables that are there to be acted on: what a row offers is in the window without scrolling sideways.
    async fn out_of_sight(&self, what: &str) -> Option<String> {
        let script = "const room = document.documentElement.clientWidth;
            const acts = [...document.querySelectorAll(':is(#lines, #sessions, #devices, #screens) :is(button, select, .input)')];
            const lost = acts.filter((element) => element.getBoundingClientRect().right > room);
            return lost.length ? lost[0].outerHTML.slice(0, 150) : null";
        let lost = self.page.execute(script, vec![]).await.unwrap();
        let lost = lost.as_str()?;
        Some(format!("on {what} this is out of sight: {lost}"))
    }

    async fn axe_on(&self, what: &str, options: &str) -> Option<String> {
        let loaded = self.page.execute("return 'axe' in window", vec![]).await;
        if loaded.unwrap() != json!(true) {
            self.page.execute(&self.axe, vec![]).await.unwrap();
        }
        let ask = format!(
            "const done = arguments[0]; axe.run({options}).then(({{ violations }}) => done(violations.map(
                ({{ id, help, nodes }}) => ({{ id, help, nodes: nodes.map(({{ html }}) => html.slice(0, 200)) }}))))"
        );
        let found = self.page.execute_async(&ask, vec![]).await.unwrap();
        (found != json!([])).then(|| format!("axe on {what}: {found:#}"))
    }

    /// Waits, ten seconds at most, until a script answers true. While one page makes room for the next nothing answers.
    pub async fn wait_until(&self, script: &str) {
        for _ in 0..100 {
            let answer = self.page.execute(script, vec![]).await;
            if answer.is_ok_and(|answer| answer == json!(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never true: {script}");
    }

    /// What the reader's system says.
    pub async fn prefer(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.chrome(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
        // Colours that change take their time; what is looked at is where they arrive.
        let settle = "const done = arguments[0];
            requestAnimationFrame(() => requestAnimationFrame(() => {
                document.getAnimations().forEach((animation) => animation.finish());
                done();
            }))";
        self.page.execute_async(settle, vec![]).await.unwrap();
    }

    /// What the browser has to say of the page: refused by the content policy or Trusted Types, missing files, script
    /// errors. A 404 page is meant.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", json!({ "type": "browser" })).await;
        let refused = "return globalThis.policyViolations ?? ['nobody listens for violations']";
        let refused = self.page.execute(refused, vec![]).await.unwrap();
        let said = log.as_array().into_iter().flatten();
        said.filter_map(|entry| entry["message"].as_str())
            .chain(
                refused
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str),
            )
            .filter(|message| !message.contains("the server responded with a status of 4"))
            .map(str::to_owned)
            .collect()
    }

    async fn picture(&self, url: &str, theme: &str) {
        let Ok(folder) = std::env::var("SIGNALBOX_SHOTS") else {
            return;
        };
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let name: String = path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(60)
            .collect();
        let (width, _) = self.screen.size();
        let shot = self
            .chrome(
                "Page.captureScreenshot",
                json!({ "captureBeyondViewport": true }),
            )
            .await;
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            shot["data"].as_str().unwrap(),
        );
        let file = format!("{folder}/{name}-{width}-{theme}.png");
        std::fs::write(file, bytes.unwrap()).unwrap();
    }

    async fn chrome(&self, command: &str, parameters: Value) -> Value {
        self.command(
            "/goog/cdp/execute",
            json!({ "cmd": command, "params": parameters }),
        )
        .await
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        self.page.issue_cmd(Own { path, body }).await.unwrap()
    }
}

/// A command of chromedriver's own, beside the standard.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}

fn capabilities(screen: Screen, driver: &Driver) -> Capabilities {
    let (width, height) = screen.size();
    let arguments = [
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--window-size={width},{height}"),
        format!("--user-data-dir={}", driver.profile.path().display()),
    ];
    let mut options = json!({ "args": arguments });
    if matches!(screen, Screen::Phone) {
        // A headless window is never narrower than 500 pixels; an emulated device is.
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0 } });
    }
    let mut capabilities = Capabilities::new();
    capabilities.insert("browserName".to_owned(), json!("chrome"));
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    capabilities.insert(
        "goog:loggingPrefs".to_owned(),
        json!({ "browser": "WARNING" }),
    );
    capabilities
}
