//! The main job from end to end, as its people do it: the real program with its own database, sealer and simulated
//! platforms, in a real browser.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use fantoccini::Locator;
use signalbox::app::simulator;

use crate::chromium::{Browser, Screen};

const PASSWORD: &str = "signal lamps at dusk";
/// Generous: the machine may be busy. The product's own promise is 30 seconds.
const PATIENCE: Duration = Duration::from_secs(90);

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
            .arg("demo")
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
        self.fill("Code", &self.demo.said(&["demo", "code", email]))
            .await;
        self.press_submit_of("field-code").await;
        self.wait_for("services").await;
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

    async fn click(&self, xpath: &str) {
        let element = self
            .browser
            .page
            .wait()
            .at_most(Duration::from_secs(20))
            .for_element(Locator::XPath(xpath))
            .await;
        match element {
            Ok(element) => element.click().await.unwrap(),
            Err(error) => panic!("nothing at {xpath}: {error}\n{}", self.text().await),
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
    };
    lamps(&at_desk).await;
    customers(&at_desk).await;
    evidence(&at_desk, &demo).await;
}

/// A service breaks and is red; it is acknowledged, mended, and resolved. Reports light red and blue.
async fn lamps(operator: &Somebody<'_>) {
    operator.sign_in("operator@demo.signalbox").await;
    operator
        .tell_simulator("Refuse: lait Backend", |page| {
            page.contains("Refuses connections")
        })
        .await;
    operator.open("/alerts").await;
    operator
        .wait_until("the red alert", |page| {
            page.contains("Acknowledge chosen") && page.contains("Backend")
        })
        .await;
    operator.browser.hold("the alerts with a red one").await;
    operator.follow("Backend").await;
    operator.fill("Note", "Looking into it").await;
    operator.press("Acknowledge").await;
    operator.wait_for("Looking into it").await;
    operator
        .tell_simulator("Mend: lait Backend", |page| {
            !page.contains("Refuses connections")
        })
        .await;
    operator.open("/alerts").await;
    operator
        .wait_until("the alert to be resolved", |page| {
            page.contains("What is lit") && !page.contains("Backend")
        })
        .await;
    operator
        .demo
        .said(&["indicator", "report", "ncc_qos", "97.4"]);
    operator.demo.said(&["event", "report", "report.submitted"]);
    operator.open("/alerts").await;
    operator
        .wait_until("red for the indicator, blue for the event", |page| {
            page.contains("97.4") && page.contains("Blue")
        })
        .await;
}

/// A file comes in, its listed name waits in the queue; one person decides, another approves.
async fn customers(officer: &Somebody<'_>) {
    let file = officer.demo.data().join("customers.csv");
    fs::write(
        &file,
        "external_id,kind,name,date_of_birth,country,occupation,product,pep\n\
         WALK-1,person,Quiet Walker-Demo,1985-05-05,DE,teacher,savings,no\n\
         WALK-2,person,Distant Walker-Demo,1975-06-06,IR,money transmitter,crypto_wallet,no\n",
    )
    .unwrap();
    officer.sign_in("compliance@demo.signalbox").await;
    officer.open("/intake").await;
    officer.fill("File", file.to_str().unwrap()).await;
    officer.press("Hand in file").await;
    officer.wait_for("Done").await;
    officer.open("/reviews").await;
    officer.wait_for("WALK-2").await;
    officer
        .click("//tr[contains(., 'WALK-2')]//a[starts-with(normalize-space(), 'KYC')]")
        .await;
    officer.press("Claim").await;
    officer
        .click("//label[contains(normalize-space(), 'Approve')]")
        .await;
    officer
        .click("(//section[@id='decision']//input[@type='checkbox'])[1]")
        .await;
    officer
        .fill("Note", "Papers seen, source of funds is a salary")
        .await;
    officer.press("Send decision").await;
    officer.wait_until_gone("Send decision").await;
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

/// The auditor finds every act, and verifies an export with both programs.
async fn evidence(auditor: &Somebody<'_>, demo: &Demo) {
    auditor.sign_in("auditor@demo.signalbox").await;
    auditor.open("/audit?action=kyc.case_approved").await;
    auditor.wait_for("kyc.case_approved").await;
    for kind in [
        "alert.acknowledged",
        "intake.chunk_recorded",
        "session.signed_in",
    ] {
        auditor.open(&format!("/audit?action={kind}")).await;
        auditor.wait_for(kind).await;
    }
    let export = demo.data().join("export");
    let folder = export.to_str().unwrap();
    demo.said(&["audit", "export", "--out", folder]);
    let key = demo.said(&["audit", "key"]);
    let key = key.lines().next().unwrap();
    let verify = |folder: &str| {
        let ours = demo.run(&["audit", "verify", folder, "--vkey", key]);
        let theirs = Command::new("python3")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tools/verify_audit.py"
            ))
            .args([folder, "--vkey", key])
            .output()
            .unwrap();
        [ours, theirs].map(|output| {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            (output.status.code(), said)
        })
    };
    for (code, said) in verify(folder) {
        assert_eq!(code, Some(0), "{said}");
    }
    let events = export.join("events.ndjson");
    let mut bytes = fs::read(&events).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    fs::write(&events, bytes).unwrap();
    for (code, said) in verify(folder) {
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains('#'), "the record is not named: {said}");
    }
}
