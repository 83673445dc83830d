//! The logs that the platforms write, each in the way that its guide names. A site that is broken says so in them.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::site::{Mode, Site};

/// A log: whose it is, which site's troubles it tells, the parameter that names its files, and how it is written.
struct Log {
    platform: &'static str,
    site: &'static str,
    name: &'static str,
    parameter: &'static str,
    write: fn(DateTime<Utc>, u64, Mode) -> String,
}

const LOGS: [Log; 5] = [
    Log {
        platform: "regtech-horizon",
        site: "API",
        name: "api",
        parameter: "REGTECH_HORIZON_API_LOG",
        write: container,
    },
    Log {
        platform: "regtech-horizon",
        site: "LumaDB",
        name: "watchdog",
        parameter: "REGTECH_HORIZON_INGESTION_LOG",
        write: container,
    },
    Log {
        platform: "lait",
        site: "Backend",
        name: "backend",
        parameter: "LAIT_BACKEND_LOG",
        write: python,
    },
    Log {
        platform: "finchat",
        site: "API",
        name: "app",
        parameter: "FINCHAT_APP_LOG",
        write: python,
    },
    Log {
        platform: "debt-os",
        site: "API",
        name: "api",
        parameter: "DEBT_OS_API_LOG",
        write: json_lines,
    },
];

const A_LINE_EVERY: Duration = Duration::from_secs(2);

/// A file of this size is put aside, as the guides ask.
const FULL_BYTES: u64 = 1024 * 1024;

/// Writes all logs for as long as the simulator runs.
pub fn keep(folder: &Path, sites: Vec<Site>) -> io::Result<()> {
    for log in &LOGS {
        let file = file(folder, log);
        if let Some(parent) = file.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)?;
        }
        append(&file, "")?;
    }
    let folder = folder.to_owned();
    tokio::spawn(async move {
        for turn in 0.. {
            tokio::time::sleep(A_LINE_EVERY).await;
            for log in &LOGS {
                let site = sites.iter().find(|site| site.is(log.platform, log.site));
                let mode = site.map_or(Mode::Well, Site::mode);
                let line = (log.write)(Utc::now(), turn, mode);
                if let Err(error) = append(&file(&folder, log), &line) {
                    tracing::warn!(%error, "a simulated log could not be written");
                }
            }
        }
    });
    Ok(())
}

fn file(folder: &Path, log: &Log) -> PathBuf {
    let name = format!("{}.log", log.name);
    folder.join(log.platform).join("logs").join(name)
}

fn append(file: &Path, text: &str) -> io::Result<()> {
    if fs::metadata(file).is_ok_and(|meta| meta.len() > FULL_BYTES) {
        fs::rename(file, file.with_extension("log.1"))?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(text.as_bytes())
}

/// The parameters that point the packs at the logs.
pub fn parameters(folder: &Path) -> impl Iterator<Item = (String, String)> {
    LOGS.iter().map(move |log| {
        let pattern = format!("{}*", file(folder, log).display());
        (log.parameter.to_owned(), pattern)
    })
}

/// What happens, and how bad it is.
fn happening(turn: u64, mode: Mode) -> (&'static str, &'static str, &'static str, u64) {
    match mode {
        Mode::Slow => ("warn", "http", "Request took too long", 30_000),
        Mode::Refusing => (
            "fatal",
            "server",
            "Stopped: LEGAL_001 legal database is away",
            0,
        ),
        Mode::Failing if (turn % 9).is_multiple_of(2) => (
            "error",
            "http",
            "Request failed: LEGAL_001 legal database is away",
            12,
        ),
        Mode::Failing => (
            "error",
            "worker",
            "FILE_001 a file could not be processed",
            40,
        ),
        // Of what is to be seen elsewhere, logs say nothing.
        _ => well(turn),
    }
}

fn well(turn: u64) -> (&'static str, &'static str, &'static str, u64) {
    match turn % 9 {
        3 => (
            "warn",
            "cache",
            "Cache missed, read from the source",
            180 + turn % 60,
        ),
        6 => (
            "info",
            "auth",
            "Sign-in of a user succeeded",
            90 + turn % 40,
        ),
        _ => ("info", "http", "Request served", 30 + turn * 7 % 90),
    }
}

fn python(at: DateTime<Utc>, turn: u64, mode: Mode) -> String {
    let (level, component, message, latency) = happening(turn, mode);
    let (at, level) = (at.format("%Y-%m-%d %H:%M:%S,%3f"), level.to_uppercase());
    format!("{at} - {component} - {level} - {message} latency_ms={latency}\n")
}

fn container(at: DateTime<Utc>, turn: u64, mode: Mode) -> String {
    let (level, component, message, latency) = happening(turn, mode);
    let log =
        format!("level={level} component={component} msg=\"{message}\" latency_ms={latency}\n");
    let stream = if level == "error" { "stderr" } else { "stdout" };
    format!("{}\n", json!({ "log": log, "stream": stream, "time": at }))
}

fn json_lines(at: DateTime<Utc>, turn: u64, mode: Mode) -> String {
    let (level, component, message, latency) = happening(turn, mode);
    let context = json!({ "component": component, "latency_ms": latency, "scanId": turn });
    let line = json!({ "timestamp": at, "level": level, "message": message, "context": context });
    format!("{line}\n")
}
