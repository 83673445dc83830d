//! The real Prometheus hands its alerts straight to us, and the real amtool lists, silences and ends.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use signalbox::features::alerts::store::Alert;
use signalbox::features::packs::store as packs;
use signalbox::foundation::auth::keys::KeyScope::{AlertsRead, AlertsSilence, AlertsWrite};
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::kernel::{Level, Scope};
use tokio::process::{Child, Command};

use super::{open, report, tick, watched};
use crate::support::app::TestApp;
use crate::support::keys::new_key;
use crate::support::programs;

/// Whoever speaks to us has the real time, so ours is the same.
fn keep_time(app: &TestApp) {
    app.advance(chrono::Utc::now() - app.now());
}

fn key(app: &TestApp) -> String {
    let platforms = app.services.db.read(packs::platforms).unwrap();
    let demo = platforms.iter().find(|it| it.slug == "demo").unwrap();
    let made = app.make_key(NewKey {
        reach: Scope::one(demo.id),
        ..new_key(&[AlertsRead, AlertsWrite, AlertsSilence])
    });
    made.text.expose().clone()
}

/// amtool with a key as its password.
struct Amtool {
    program: PathBuf,
    url: String,
}

impl Amtool {
    async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let done = Command::new(&self.program)
            .arg(format!("--alertmanager.url={}", self.url))
            .args(arguments)
            .env("HOME", "/nonexistent")
            .env_remove("http_proxy")
            .output()
            .await
            .unwrap();
        let well = done.status.success();
        let said = if well { done.stdout } else { done.stderr };
        (well, String::from_utf8_lossy(&said).into_owned())
    }

    async fn well(&self, arguments: &[&str]) -> String {
        let (well, said) = self.run(arguments).await;
        assert!(well, "{arguments:?}: {said}");
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_amtool_lists_silences_and_ends() {
    let Some(program) = programs::find("amtool") else {
        return;
    };
    let app = watched().await;
    keep_time(&app);
    report(&app, 97.0);
    tick(&app);
    keep_time(&app);
    let url = app.url.replace("://", &format!("://amtool:{}@", key(&app)));
    let amtool = Amtool { program, url };

    let alerts = amtool.well(&["alert", "query", "--output=json"]).await;
    let alerts: Value = serde_json::from_str(&alerts).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 1);
    assert_eq!(alerts[0]["labels"]["alertname"], "qos");
    assert!(
        amtool
            .well(&["alert", "query", "alertname=qos"])
            .await
            .contains("qos")
    );
    assert!(
        !amtool
            .well(&["alert", "query", "alertname=other"])
            .await
            .contains("qos")
    );

    let add = [
        "silence",
        "add",
        "alertname=qos",
        "--author=alice",
        "--comment=Deploying",
    ];
    let id = amtool.well(&[&add[..], &["--duration=30m"]].concat()).await;
    let id = id.trim();
    // It begins when amtool says so, a moment after our clock stood still.
    keep_time(&app);
    let listed = amtool.well(&["silence", "query"]).await;
    assert!(
        listed.contains(id) && listed.contains("Deploying"),
        "{listed}"
    );
    assert!(
        !amtool.well(&["alert", "query"]).await.contains("qos"),
        "it is silenced"
    );
    assert!(
        amtool
            .well(&["alert", "query", "--silenced"])
            .await
            .contains("qos")
    );

    let (well, said) = amtool.run(&[&add[..], &["--duration=3h"]].concat()).await;
    assert!(!well && said.contains("for an hour at most"), "{said}");

    amtool.well(&["silence", "expire", id]).await;
    assert!(!amtool.well(&["silence", "query"]).await.contains(id));
    assert!(
        amtool
            .well(&["silence", "query", "--expired"])
            .await
            .contains(id)
    );
    assert!(amtool.well(&["alert", "query"]).await.contains("qos"));
    amtool
        .well(&[
            "alert",
            "add",
            "alertname=by-hand",
            "severity=info",
            "--annotation=summary=Hello",
        ])
        .await;
    assert!(amtool.well(&["alert", "query"]).await.contains("by-hand"));
    amtool.well(&["cluster", "show"]).await;
    assert_eq!(app.events_of("silence.ended").len(), 1);
}

/// A Prometheus that evaluates one rule every second.
struct Prometheus {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Prometheus {
    fn new(program: PathBuf, app: &TestApp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let target = app.url.trim_start_matches("http://");
        let config = format!(
            "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n    - \
             authorization: {{credentials: \"{}\"}}\n      static_configs: [{{targets: [\"{target}\"]}}]\n",
            key(app)
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        Self {
            program,
            folder,
            port,
            process: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    fn rule(&self, expression: &str) {
        let rules = format!(
            "groups:\n  - name: g\n    rules:\n      - alert: TooHot\n        expr: {expression}\n        \
             labels: {{severity: critical, service: api}}\n        annotations: {{summary: \"It is hot\"}}\n"
        );
        std::fs::write(self.path("rules.yml"), rules).unwrap();
    }

    fn start(&mut self) {
        let process = Command::new(&self.program)
            .arg(format!(
                "--config.file={}",
                self.path("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                self.path("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--rules.alert.resend-delay=10s")
            .arg("--web.enable-lifecycle")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }
}

/// Waits until what is lit is as it should be.
async fn until(app: &TestApp, what: &str, holds: impl Fn(&[Alert]) -> bool) -> Vec<Alert> {
    for _ in 0..120 {
        keep_time(app);
        tick(app);
        let lit: Vec<Alert> = open(app);
        if holds(&lit) {
            return lit;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("not within a minute: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_prometheus_lights_a_lamp_keeps_it_over_a_restart_and_puts_it_out() {
    let Some(program) = programs::find("prometheus") else {
        return;
    };
    let app = watched().await;
    keep_time(&app);
    let mut prometheus = Prometheus::new(program, &app);
    prometheus.rule("vector(99)");
    prometheus.start();
    let is_hot = |lit: &[Alert]| lit.iter().any(|it| it.name == "TooHot" && it.firing);
    let lit = until(&app, "it is lit", is_hot).await.remove(0);
    assert_eq!((lit.level, lit.summary.as_str()), (Level::Red, "It is hot"));
    assert!(
        lit.service.is_some(),
        "its label names a service of the platform"
    );

    prometheus.kill().await;
    prometheus.start();
    for _ in 0..16 {
        keep_time(&app);
        tick(&app);
        assert!(is_hot(&open(&app)), "it stays lit over the restart");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(app.events_of("alert.fired").len(), 1, "and is the same one");

    prometheus.rule("vector(1) > 2");
    let reload = format!("http://127.0.0.1:{}/-/reload", prometheus.port);
    let reloaded = app.http.post(reload).send().await.unwrap();
    assert_eq!(reloaded.status(), 200);
    until(&app, "it has gone out", |lit| !is_hot(lit)).await;
    let page = app.as_operator().get(&format!("/alerts/{}", lit.id)).await;
    assert!(
        page.says("its sender says that it is over"),
        "{}",
        page.text()
    );
    prometheus.kill().await;
}

/// An Alertmanager that passes everything on to us at once.
struct Alertmanager {
    folder: tempfile::TempDir,
    url: String,
    _process: Child,
}

impl Alertmanager {
    fn start(program: &Path, app: &TestApp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let config = format!(
            "route: {{receiver: us, group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\nreceivers:\n  - name: us\n    \
             webhook_configs:\n      - url: \"{}/hooks/alertmanager/demo\"\n        send_resolved: true\n        \
             http_config: {{authorization: {{credentials: \"{}\"}}}}\n",
            app.url,
            key(app)
        );
        let path = folder.path().join("alertmanager.yml");
        std::fs::write(&path, config).unwrap();
        let process = Command::new(program)
            .arg(format!("--config.file={}", path.display()))
            .arg(format!(
                "--storage.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            folder,
            url: format!("http://{address}/api/v2/alerts"),
            _process: process,
        }
    }

    /// Hands it an alert, as a Prometheus would; with an end, it is over.
    async fn is_told(&self, app: &TestApp, over: bool) {
        let now = chrono::Utc::now();
        let mut alert = serde_json::json!({
            "labels": {"alertname": "DiskFull", "severity": "critical"},
            "annotations": {"summary": "The disk is full"},
            "startsAt": (now - chrono::TimeDelta::minutes(1)).to_rfc3339(),
        });
        if over {
            alert["endsAt"] = now.to_rfc3339().into();
        }
        for _ in 0..100 {
            let request = app.http.post(&self.url).body(format!("[{alert}]"));
            let request = request.header("content-type", "application/json");
            let told = request.send().await;
            if told.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "Alertmanager does not start in {}",
            self.folder.path().display()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_alertmanager_passes_on_what_begins_and_what_is_over() {
    let Some(program) = programs::alertmanager() else {
        return;
    };
    let app = watched().await;
    keep_time(&app);
    let alertmanager = Alertmanager::start(&program, &app);
    alertmanager.is_told(&app, false).await;
    let is_full = |lit: &[Alert]| lit.iter().any(|it| it.name == "DiskFull" && it.firing);
    let lit = until(&app, "it is lit", is_full).await.remove(0);
    assert_eq!(
        (lit.level, lit.summary.as_str()),
        (Level::Red, "The disk is full")
    );
    alertmanager.is_told(&app, true).await;
    until(&app, "it has gone out", |lit| !is_full(lit)).await;
    assert_eq!(app.events_of("alert.resolved").len(), 1);
}
