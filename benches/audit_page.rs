//! The audit page over 1,000,000 events, signed in, 100 connections: against an empty handler of the
//! same web server and against Django's admin list of the same rows, in the same run; and its
//! 10,000th page against its first. Run with `cargo bench --bench audit_page`; it needs `wrk`, and
//! for Django `python3 -m venv`.

mod ground;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use actix_web::{App, HttpResponse, HttpServer, web};
use ground::{Ground, free_port, how_many, median, verdict};
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::web::paging::{Cursor, Direction, PAGE_ROWS};

const EVENTS: usize = 1_000_000;
const ROUNDS: usize = 3;
const SHORT: &str = "8s";
/// Where an answer takes seconds, a few of them are wanted.
const LONG: &str = "25s";
const DEEP_PAGE: usize = 10_000;
const GOOD: f64 = 2_500.0;
/// The 10,000th page takes at most this many times as long as the first.
const DEEP_LIMIT: f64 = 1.5;

fn main() {
    let events = how_many(EVENTS);
    let ground = Ground::prepare();
    ground.sealed_events(events);
    let (app, port) = ground.serve();
    let services = ground.services(port, 4);
    let cookie = ground::sign_in(&services);
    let first = format!("http://localhost:{port}/audit");
    let deep = format!("{first}?cursor={}", cursor(events));
    let empty = serve_nothing();
    let django = Django::start(&ground);

    let (mut firsts, mut deeps, mut empties, mut djangos) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    wrk(&first, Some(&cookie), SHORT);
    for _ in 0..ROUNDS {
        empties.push(wrk(&empty, None, SHORT));
        firsts.push(wrk(&first, Some(&cookie), SHORT));
        deeps.push(wrk(&deep, Some(&cookie), SHORT));
        if let Some(django) = &django {
            djangos.push(wrk(&django.url, Some(&django.cookie), LONG));
            ground.until_quiet();
        }
    }
    let page = median(firsts);
    let judged = if page >= GOOD { "reached" } else { "MISSED" };
    println!(
        "audit page over {events} events: {page:.0} requests a second; {GOOD:.0} would be good: {judged}"
    );
    verdict(
        "audit page",
        page,
        "requests a second",
        "an empty handler",
        median(empties),
        None,
    );
    verdict(
        &format!("page {DEEP_PAGE}"),
        median(deeps),
        "requests a second",
        "page 1",
        page,
        Some(1.0 / DEEP_LIMIT),
    );
    if djangos.is_empty() {
        println!("Django could not be installed, so nothing is said of it");
    } else {
        verdict(
            "audit page",
            page,
            "requests a second",
            "Django's admin list",
            median(djangos),
            None,
        );
    }
    println!(
        "application: {:.0} MiB at most",
        ground::mib(app.memory_kib("VmHWM").unwrap_or(0))
    );
}

/// What the link to the 10,000th page says: newest first, so that many pages lie above it.
fn cursor(events: usize) -> String {
    let above = (DEEP_PAGE - 1) * PAGE_ROWS;
    let key = events.saturating_sub(above).max(PAGE_ROWS * 2) as u64;
    Cursor {
        direction: Direction::Next,
        key,
    }
    .encode()
}

/// Requests a second with 100 connections. Every answer has to be a page.
fn wrk(url: &str, cookie: Option<&str>, duration: &str) -> f64 {
    let mut command = Command::new("wrk");
    command.args([
        "--threads",
        "1",
        "--connections",
        "100",
        "--duration",
        duration,
        "--timeout",
        "30s",
    ]);
    if let Some(cookie) = cookie {
        command.arg("--header").arg(format!("Cookie: {cookie}"));
    }
    let output = command
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("wrk is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("Non-2xx"), "{url}: {text}");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    line.and_then(|rate| rate.trim().parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

/// The web server with nothing behind it, with as many workers as the application has.
fn serve_nothing() -> String {
    let port = free_port();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let nothing = || {
                App::new().route(
                    "/",
                    web::get().to(|| async { HttpResponse::Ok().body("hello") }),
                )
            };
            let server = HttpServer::new(nothing).workers(4).disable_signals();
            server.bind(("127.0.0.1", port)).unwrap().run().await
        })
    });
    format!("http://localhost:{port}/")
}

/// Django's admin over the same table, behind gunicorn with four workers.
struct Django {
    url: String,
    cookie: String,
    _server: ground::Running,
}

impl Django {
    fn start(ground: &Ground) -> Option<Self> {
        let python = environment()?;
        let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/django");
        let with_site = |program: &Path| {
            let mut command = Command::new(program);
            command
                .current_dir(&site)
                .env("BENCH_DATABASE_URL", ground.url(Role::Superuser))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let prepared = with_site(&python)
            .args(["-m", "bench.prepare"])
            .output()
            .ok()?;
        let cookie = String::from_utf8(prepared.stdout).ok()?.trim().to_owned();
        if !prepared.status.success() || cookie.is_empty() {
            return None;
        }
        let port = free_port();
        let server = with_site(&python.with_file_name("gunicorn"))
            .args(["--workers", "4", "--bind", &format!("127.0.0.1:{port}")])
            .args(["--env", "DJANGO_SETTINGS_MODULE=bench.settings"])
            .arg("django.core.wsgi:get_wsgi_application()")
            .spawn()
            .ok()?;
        thread::sleep(std::time::Duration::from_secs(4));
        Some(Self {
            url: format!("http://127.0.0.1:{port}/admin/bench/auditlog/"),
            cookie,
            _server: ground::Running::of(server),
        })
    }
}

/// A virtual environment with Django in the build folder, made on first use.
fn environment() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django");
    let python = folder.join("bin/python");
    if !folder.join("bin/gunicorn").exists() {
        let _ = fs::remove_dir_all(&folder);
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&folder)
            .status()
            .ok()?;
        let installed = Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "django",
                "gunicorn",
                "psycopg[binary]",
            ])
            .status()
            .ok()?;
        if !made.success() || !installed.success() {
            let _ = fs::remove_dir_all(&folder);
            return None;
        }
    }
    Some(python)
}
