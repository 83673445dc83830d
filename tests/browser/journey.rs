//! The main job from end to end, as its people do it: the real program with its own database, sealer and simulated
//! platforms, in a real browser.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use fantoccini::Locator;
use signalbox::app::simulator;

use crate::chromium::{Browser, Screen};
use crate::support::reference;

const PASSWORD: &str = "signal lamps at dusk";
/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);
/// The product promises that a broken service of the demo is red within 30 s; half as much again for a busy machine.
const RED_WITHIN: Duration = Duration::from_secs(45);

/// `signalbox demo`, in a folder and on a port of its own.
struct Demo {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
    simulator: u16,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL runs as another user and has to get through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let simulator = simulator::free_port();
        let process = command(folder.path(), port)
            .args(["demo", "--calm"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self {
            process,
            folder,
            port,
            simulator,
        }
    }

    async fn wait_until_ready(&mut self) {
        let health = format!("http://localhost:{}/api/readiness", self.port);
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            if reqwest::get(&health)
                .await
                .is_ok_and(|answer| answer.status() == 200)
            {
                return;
            }
            assert!(self.process.try_wait().unwrap().is_none(), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the demo does not start:\n{}", self.log());
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Another command of the program, while the demo runs.
    fn run(&self, arguments: &[&str]) -> Output {
        command(&self.data(), self.port)
            .args(arguments)
            .output()
            .unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).unwrap_or_default();
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

fn command(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command
        .env("SIGNALBOX_DATA_DIR", folder)
        .env("SIGNALBOX_BIND", format!("127.0.0.1:{port}"))
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null());
    command
}

/// Somebody at their browser.
struct Somebody<'a> {
    demo: &'a Demo,
    browser: &'a Browser,
    /// The code that each person used last: it counts once.
    used: RefCell<HashMap<String, String>>,
}

impl Somebody<'_> {
    /// Signs in at the front door with password and code; whoever sat there before is gone.
    async fn sign_in(&self, email: &str) {
        let page = &self.browser.page;
        page.goto(&self.demo.url("/sign-in")).await.unwrap();
        page.delete_all_cookies().await.unwrap();
        page.goto(&self.demo.url("/sign-in")).await.unwrap();
        self.fill("Email", email).await;
        self.fill("Password", PASSWORD).await;
        self.press("Continue").await;
        self.fill("Code", &self.fresh_code(email).await).await;
        self.press_submit_of("field-code").await;
        self.wait_for("services").await;
    }

    /// The code of this moment, or the next one where this one has been used.
    async fn fresh_code(&self, email: &str) -> String {
        loop {
            let code = self.demo.said(&["demo", "code", email]);
            let used = self
                .used
                .borrow_mut()
                .insert(email.to_owned(), code.clone());
            if used.as_ref() != Some(&code) {
                return code;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn open(&self, path: &str) {
        self.browser.page.goto(&self.demo.url(path)).await.unwrap();
    }

    /// Types into the field with this visible label.
    async fn fill(&self, label: &str, text: &str) {
        let xpath = format!("//*[@id=//label[starts-with(normalize-space(), '{label}')]/@for]");
        let field = self
            .browser
            .page
            .wait()
            .at_most(Duration::from_secs(20))
            .for_element(Locator::XPath(&xpath))
            .await
            .unwrap_or_else(|error| panic!("no field {label}: {error}"));
        field.send_keys(text).await.unwrap();
    }

    async fn press(&self, button: &str) {
        self.click(&format!(
            "//button[starts-with(normalize-space(), '{button}')]"
        ))
        .await;
    }

    async fn press_submit_of(&self, field: &str) {
        self.click(&format!("//form[.//*[@id='{field}']]//button"))
            .await;
    }

    async fn follow(&self, link: &str) {
        self.click(&format!("//main//a[contains(normalize-space(), '{link}')]"))
            .await;
    }

    /// Opens somebody's case from the queue.
    async fn open_case(&self, external_id: &str) {
        self.open("/reviews").await;
        self.click(&format!(
            "//tr[contains(., '{external_id}')]//a[starts-with(normalize-space(), 'KYC')]"
        ))
        .await;
        self.wait_for("Why flagged").await;
    }

    /// Says of the one hit on the page that the two are the same.
    async fn confirm_hit(&self) {
        self.click("//label[contains(normalize-space(), 'same')]//input | //label[contains(normalize-space(), 'same')]")
            .await;
        self.click("//select[@name='hit_reason']//option[@value='identifiers_agree']")
            .await;
        self.fill("What you compared", "Name, date and place agree")
            .await;
        self.click("//form[.//select[@name='hit_reason']]//button")
            .await;
        self.wait_until_gone("Say what this hit is").await;
    }

    async fn decide(&self, decision: &str) {
        self.click(&format!(
            "//section[@id='decision']//label[contains(normalize-space(), '{decision}')]"
        ))
        .await;
        let group = format!("To {}", decision.to_lowercase());
        self.click(&format!(
            "(//section[@id='decision']//div[@role='group'][starts-with(., '{group}')]//input)[1]"
        ))
        .await;
        self.fill("Note", "Papers seen, source of funds is a salary")
            .await;
        self.press("Send decision").await;
        self.wait_until_gone("Send decision").await;
    }

    /// What stands behind a link, with the cookies of this browser.
    async fn download(&self, link: &str) -> Vec<u8> {
        let page = &self.browser.page;
        let anchor = page
            .find(Locator::XPath(&format!(
                "//main//a[normalize-space() = '{link}']"
            )))
            .await
            .unwrap();
        let path = anchor.attr("href").await.unwrap().unwrap();
        let cookies = page.get_all_cookies().await.unwrap();
        let cookies: Vec<_> = cookies
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        let answer = reqwest::Client::new()
            .get(self.demo.url(&path))
            .header("cookie", cookies.join("; "))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().to_vec()
    }

    /// A page that renews itself may take the element away between finding and pressing it: then once more.
    async fn click(&self, xpath: &str) {
        let mut tries = 0;
        loop {
            let element = self
                .browser
                .page
                .wait()
                .at_most(Duration::from_secs(20))
                .for_element(Locator::XPath(xpath))
                .await;
            let pressed = match element {
                Ok(element) => element.click().await,
                Err(error) => panic!("nothing at {xpath}: {error}\n{}", self.text().await),
            };
            tries += 1;
            match pressed {
                Ok(()) => return,
                Err(error) if tries < 5 && error.is_stale_element_reference() => {}
                Err(error) => panic!("{xpath} cannot be pressed: {error}\n{}", self.text().await),
            }
        }
    }

    /// Asked of the page itself: an element found a moment ago may have been renewed since.
    async fn text(&self) -> String {
        let text = self
            .browser
            .page
            .execute("return document.body?.innerText ?? ''", vec![])
            .await
            .unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }

    async fn wait_for(&self, text: &str) {
        self.wait_until(&format!("\"{text}\""), |page| page.contains(text))
            .await;
    }

    /// Waits for the answer to a form: leaving earlier would call it back.
    async fn wait_until_gone(&self, text: &str) {
        self.wait_until(&format!("an answer to \"{text}\""), |page| {
            !page.contains(text)
        })
        .await;
    }

    /// Waits for the page to change by itself: it is not opened anew.
    async fn see_live(&self, what: &str, within: Duration, holds: impl Fn(&str) -> bool) {
        let began = std::time::Instant::now();
        loop {
            let text = self.text().await;
            if holds(&text) {
                return;
            }
            assert!(
                began.elapsed() < within,
                "{what} did not come by itself within {within:?}:\n{text}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Looks again and again, as the page renews itself or is opened anew.
    async fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let began = std::time::Instant::now();
        loop {
            let text = self.text().await;
            if holds(&text) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "waited for {what}, and see:\n{text}"
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
            if began.elapsed() > Duration::from_secs(5) {
                self.browser.page.refresh().await.unwrap();
            }
        }
    }

    /// Breaks or mends a simulated service on the simulator's own page, and waits until it says so.
    async fn tell_simulator(&self, button: &str, is_so: impl Fn(&str) -> bool) {
        let address = format!("http://127.0.0.1:{}/", self.demo.simulator);
        self.browser.page.goto(&address).await.unwrap();
        self.click(&format!("//button[starts-with(@aria-label, '{button}')]"))
            .await;
        self.wait_until(button, is_so).await;
    }
}

#[actix_web::test]
async fn the_main_job() {
    let Some(browser) = Browser::open(Screen::Desk).await else {
        return;
    };
    let mut demo = Demo::start();
    demo.wait_until_ready().await;
    let at_desk = Somebody {
        demo: &demo,
        browser: &browser,
        used: RefCell::default(),
    };
    lamps(&at_desk).await;
    customers(&at_desk).await;
    evidence(&at_desk, &demo).await;
}

/// A service breaks and the page that is open turns red; it is acknowledged, mended, and resolved. Reports light red
/// and blue.
async fn lamps(operator: &Somebody<'_>) {
    operator.sign_in("operator@demo.signalbox").await;
    // Lamps of this machine may be lit, and what the backend wrote into its log while it was down lights others for longer.
    let is_broken = |page: &str| page.contains("Backend is down");
    let is_well = |page: &str| page.contains("Open alerts") && !is_broken(page);
    operator.wait_until("LAIT to be well", is_well).await;
    operator
        .tell_simulator("Refuse: lait Backend", |page| {
            page.contains("Refuses connections")
        })
        .await;
    operator.open("/").await;
    operator
        .see_live("the red service", RED_WITHIN, |page| {
            page.contains("attention") && is_broken(page)
        })
        .await;
    operator
        .browser
        .hold("the overview with a red service")
        .await;
    operator.open("/services").await;
    operator.wait_for("Down").await;
    operator.open("/alerts").await;
    operator
        .wait_until("the red alert", |page| {
            page.contains("Acknowledge chosen") && page.contains("Backend is down")
        })
        .await;
    operator.browser.hold("the alerts with a red one").await;
    operator.follow("Backend is down").await;
    operator.fill("Note", "Looking into it").await;
    operator.press("Acknowledge").await;
    operator.wait_for("Looking into it").await;
    operator
        .tell_simulator("Mend: lait Backend", |page| {
            !page.contains("Refuses connections")
        })
        .await;
    operator.open("/").await;
    operator
        .see_live("the service to be well", PATIENCE, is_well)
        .await;
    operator.open("/alerts").await;
    operator
        .wait_until("the alert to be resolved", |page| {
            page.contains("What is lit") && !page.contains("Backend is down")
        })
        .await;
    operator
        .demo
        .said(&["indicator", "report", "ncc_qos", "97.4"]);
    operator.demo.said(&["event", "report", "report.submitted"]);
    let arrived = |page: &str| page.contains("97.4") && page.contains("Blue");
    // On an empty page they come in by themselves; where a row stands, when they are asked for.
    for _ in 0..2 {
        operator
            .see_live("two alerts, or the news of them", PATIENCE, |page| {
                arrived(page) || page.contains("new alert")
            })
            .await;
        let page = operator.text().await;
        let news = ["1 new alert", "2 new alerts"];
        if let Some(button) = news.into_iter().find(|news| page.contains(news)) {
            operator.press(button).await;
        }
    }
    operator
        .see_live(
            "red for the indicator, blue for the event",
            PATIENCE,
            arrived,
        )
        .await;
}

/// Somebody whom a list names, with what it takes for an exact hit.
struct Named {
    list: &'static str,
    name: String,
    born: String,
}

/// A person of the real OFAC list with a full date of birth, loaded as an officer loads it; where the reference is
/// missing, of the demo's invented list.
fn listed_person(demo: &Demo) -> Named {
    let files =
        ["sdn.csv", "alt.csv", "add.csv"].map(|file| reference::file(&format!("screening/{file}")));
    let [Some(sdn), Some(alt), Some(add)] = &files else {
        return Named {
            list: "the invented list",
            name: "Zoltan Fakename-Demo".to_owned(),
            born: "1971-03-14".to_owned(),
        };
    };
    let path = |file: &Path| file.to_str().unwrap().to_owned();
    let today = chrono::Utc::now().date_naive().to_string();
    demo.said(&[
        "lists",
        "load",
        "ofac",
        "--sdn",
        &path(sdn),
        "--alt",
        &path(alt),
        "--add",
        &path(add),
        "--published",
        &today,
    ]);
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_path(sdn)
        .unwrap();
    let named = rows.records().filter_map(Result::ok).find_map(|row| {
        let (name, kind, remarks) = (row.get(1)?, row.get(2)?, row.get(11)?);
        let born = remarks.strip_prefix("DOB ")?.split([';', '.']).next()?;
        let born = chrono::NaiveDate::parse_from_str(born, "%d %b %Y").ok()?;
        let (family, given) = name.split_once(", ")?;
        let is_plain = kind.trim() == "individual" && name.is_ascii();
        is_plain.then(|| Named {
            list: "OFAC",
            name: format!("{given} {family}"),
            born: born.to_string(),
        })
    });
    named.unwrap()
}

/// A file comes in and a listed name in it waits in the queue: two people confirm the hit, and the customer is
/// rejected. Another with a high risk and no hit is proposed by one person and approved by a second.
async fn customers(officer: &Somebody<'_>) {
    let listed = listed_person(officer.demo);
    let file = officer.demo.data().join("customers.csv");
    fs::write(
        &file,
        format!(
            "external_id,kind,name,date_of_birth,country,occupation,product,pep\n\
             WALK-1,person,Quiet Walker-Demo,1985-05-05,DE,teacher,savings,no\n\
             WALK-2,person,Distant Walker-Demo,1975-06-06,IR,money transmitter,crypto_wallet,no\n\
             WALK-3,person,{},{},DE,teacher,savings,no\n",
            listed.name, listed.born
        ),
    )
    .unwrap();
    officer.sign_in("compliance@demo.signalbox").await;
    officer.open("/intake").await;
    officer.fill("File", file.to_str().unwrap()).await;
    officer.press("Hand in file").await;
    officer.wait_for("Done").await;
    officer.open("/reviews").await;
    officer.wait_for("WALK-2").await;
    officer.wait_for("WALK-3").await;

    officer.open_case("WALK-3").await;
    let text = officer.text().await;
    assert!(text.contains("Why flagged"), "{text}");
    assert!(
        listed.list != "OFAC" || text.to_uppercase().contains("OFAC"),
        "the hit does not name its list: {text}"
    );
    officer.press("Claim").await;
    officer.browser.hold("a case with a hit, claimed").await;
    officer.confirm_hit().await;
    officer.sign_in("second-reviewer@demo.signalbox").await;
    officer.open("/reviews/approvals").await;
    officer.click("//tr[contains(., 'WALK-3')]//a").await;
    officer.press("Agree about the hit").await;
    officer.wait_until_gone("Agree about the hit").await;
    officer.sign_in("compliance@demo.signalbox").await;
    officer.open_case("WALK-3").await;
    officer.wait_for("To be reported").await;
    officer.decide("Reject").await;

    officer.open_case("WALK-2").await;
    officer.press("Claim").await;
    officer.decide("Approve").await;
    officer.open("/reviews").await;
    officer.browser.hold("the queue with a proposal").await;
    officer.sign_in("second-reviewer@demo.signalbox").await;
    officer.open("/reviews/approvals").await;
    officer.follow("Approve case").await;
    officer.press("Approve the proposal").await;
    officer.wait_until_gone("Approve the proposal").await;
    officer.open("/reviews/approvals").await;
    officer
        .wait_until("nothing to approve", |page| !page.contains("WALK-2"))
        .await;
}

/// The auditor finds every act, downloads an export and verifies it with both programs, which name the record in
/// which one byte was changed.
async fn evidence(auditor: &Somebody<'_>, demo: &Demo) {
    auditor.sign_in("auditor@demo.signalbox").await;
    for kind in [
        "alert.acknowledged",
        "alert.resolved",
        "intake.chunk_recorded",
        "session.signed_in",
        "kyc.case_opened",
        "kyc.case_claimed",
        "screening.disposition_proposed",
        "screening.hit_disposed",
        "kyc.case_rejected",
        "kyc.case_approved",
    ] {
        auditor.open(&format!("/audit?action={kind}")).await;
        auditor.wait_for(kind).await;
    }
    // Anchors are taken home first: a later export has to agree with all of them.
    // They are made once a minute.
    let anchors = demo.data().join("anchors/main.checkpoints");
    let began = std::time::Instant::now();
    while !anchors.exists() {
        assert!(began.elapsed() < PATIENCE, "no anchor is made");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    fs::copy(anchors, demo.data().join("anchors-at-home")).unwrap();
    auditor.open("/audit/exports").await;
    auditor
        .click("//label[contains(normalize-space(), 'erifiable')]")
        .await;
    auditor.press("Make export").await;
    auditor.wait_until_gone("Make export").await;
    auditor.open("/audit/exports").await;
    auditor
        .wait_until("the export to be made", |page| page.contains("Ready"))
        .await;
    auditor.click("//table//tbody//th/a").await;
    auditor.wait_for("SHA-256").await;
    let tar = auditor.download("Download").await;
    let export = demo.data().join("export");
    fs::create_dir(&export).unwrap();
    fs::write(demo.data().join("export.tar"), tar).unwrap();
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(demo.data().join("export.tar"))
        .arg("-C")
        .arg(&export)
        .status()
        .unwrap();
    assert!(unpacked.success());
    let export = folder_with_events(&export);
    let key = demo.said(&["audit", "key"]);
    let key = key.lines().next().unwrap();
    for (code, said) in verify(demo, &export, key) {
        assert_eq!(code, Some(0), "{said}");
    }
    let events = export.join("events.ndjson");
    let mut bytes = fs::read(&events).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    let record = String::from_utf8_lossy(&bytes[..middle])
        .matches('\n')
        .count();
    fs::write(&events, bytes).unwrap();
    for (code, said) in verify(demo, &export, key) {
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains(&format!("#{record}")),
            "event #{record} is not named: {said}"
        );
    }
}

/// A tar may hold a folder; the export is where the events are.
fn folder_with_events(root: &Path) -> PathBuf {
    if root.join("events.ndjson").exists() {
        return root.to_owned();
    }
    let inside = fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    inside
        .into_iter()
        .find(|folder| folder.join("events.ndjson").exists())
        .unwrap()
}

/// What both programs say: their exit code and their words.
fn verify(demo: &Demo, export: &Path, key: &str) -> [(Option<i32>, String); 2] {
    let folder = export.to_str().unwrap();
    let anchors = demo.data().join("anchors-at-home");
    let anchors = anchors.to_str().unwrap();
    let arguments = [folder, "--vkey", key, "--anchor", anchors];
    let ours = demo.run(&[&["audit", "verify"], &arguments[..]].concat());
    let theirs = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tools/verify_audit.py"
        ))
        .args(arguments)
        .output()
        .unwrap();
    [ours, theirs].map(|output| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    })
}
