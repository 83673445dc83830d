//! How long the pages of a service and of the service levels take over 30 days of samples of 100 services. Run with
//! `cargo bench --bench levels`.

mod ground;

use std::fmt::Write as _;
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use ground::{Ground, median};
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::Service;
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store;
use signalbox::foundation::audit::Actor;

const SERVICES: usize = 100;
const ROUNDS: usize = 21;
const LIMIT_MS: f64 = 50.0;

/// A hundred services, each with a probe and a target.
fn pack() -> String {
    let mut pack = "[platform]\nid = \"bench\"\nname = \"Bench\"\nversion = \"1\"\n".to_owned();
    for service in 0..SERVICES {
        let _ = writeln!(
            pack,
            "[[service]]\nid = \"s{service}\"\nname = \"S{service}\"\n\
             [[probe]]\nid = \"p{service}\"\nservice = \"s{service}\"\ncheck.tcp = {{ address = \"localhost:1\" }}\n\
             [[slo]]\nid = \"a{service}\"\nname = \"A{service}\"\nservice = \"s{service}\"\n\
             on.availability = \"p{service}\"\ntarget = \"99.9%\""
        );
    }
    pack
}

/// Two days of minutes, 30 of hours and days, and the same of what is settled.
const VALUES: &str = "
    INSERT INTO sample (probe_id, span, at, good, failed, unknown, buckets, demo)
    SELECT id, span, at, runs, 0, 0, array_fill(runs / 16, ARRAY[16]), false FROM pack_item, (
        SELECT 'minute' AS span, date_trunc('minute', now()) - back * interval '1 minute' AS at, 2::bigint AS runs
        FROM generate_series(1, 2880) AS back
        UNION ALL SELECT 'hour', date_trunc('hour', now()) - back * interval '1 hour', 120
        FROM generate_series(1, 720) AS back
        UNION ALL SELECT 'day', date_trunc('day', now()) - back * interval '1 day', 2880
        FROM generate_series(1, 30) AS back) AS span
    WHERE kind = 'probe';
    INSERT INTO slo_span (slo_id, span, at, until, good, bad, good_ms, bad_ms, unknown_ms, planned_ms, demo)
    SELECT id, 'quarter', at, at + interval '15 minutes', 29, 1, 870000, 30000, 0, 0, false FROM pack_item,
           generate_series(date_trunc('day', now()) - interval '30 days', date_trunc('hour', now()) - interval '1 hour',
                           interval '15 minutes') AS at WHERE kind = 'slo'
    UNION ALL
    SELECT id, 'day', at, at + interval '1 day', 2850, 30, 85500000, 900000, 0, 0, false FROM pack_item,
           generate_series(date_trunc('day', now()) - interval '30 days', date_trunc('day', now()) - interval '1 day',
                           interval '1 day') AS at WHERE kind = 'slo';
    ANALYZE";

fn report(what: &str, took: f64) {
    let judged = if took < LIMIT_MS { "held" } else { "MISSED" };
    println!(
        "{what}: {took:.1} ms; limit {LIMIT_MS} ms, {:.2} of it: {judged}",
        took / LIMIT_MS
    );
}

/// Milliseconds until the page is there, of several askings; the first are not counted.
fn page(url: &str, cookie: &str) -> f64 {
    let once = || {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code} %{time_total}",
            ])
            .args(["--header", &format!("Cookie: {cookie}"), url])
            .output()
            .expect("curl is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (status, seconds) = text.split_once(' ').unwrap();
        assert_eq!(status, "200", "{url}");
        seconds.parse::<f64>().unwrap() * 1_000.0
    };
    for _ in 0..3 {
        once();
    }
    median((0..ROUNDS).map(|_| once()).collect())
}

fn main() {
    let ground = Ground::prepare();
    let (_app, port) = ground.serve();
    let services = ground.services(port, 4);
    let given = Given::default();
    packs::apply(&services, &Actor::command_line("bench"), &pack(), &given).unwrap();
    ground.superuser().batch_execute(VALUES).unwrap();
    let cookie = ground::sign_in(&services);
    let live = services.db.read(store::live::<Service>).unwrap();
    let at = |path: &str| page(&format!("http://localhost:{port}{path}"), &cookie);
    let service = format!("/services/{}", live[SERVICES / 2].id);
    report("the page of a service among 100", at(&service));
    report("the page of all services", at("/services"));
    report("the page of 100 service levels", at("/service-levels"));
}
