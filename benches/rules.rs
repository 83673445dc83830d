//! How long one look at 5,000 rules takes, most of which read scraped metrics over windows of five minutes. Run with
//! `cargo bench --bench rules`.

mod ground;

use std::fmt::Write as _;
use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use ground::{Ground, median};
use signalbox::features::alerts::evaluate;
use signalbox::features::health::actions;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::Probe;
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store;
use signalbox::foundation::audit::Actor;

const SCRAPES: usize = 100;
const RULES_EACH: usize = 50;
const ROUNDS: usize = 9;
/// Rules are looked at every two seconds.
const LIMIT_SECS: f64 = 2.0;

/// A hundred exporters with fifty rules each: shares, rates, quantiles and values.
fn pack() -> String {
    let mut pack = "[platform]\nid = \"bench\"\nname = \"Bench\"\nversion = \"1\"\n[[service]]\nid = \"s\"\nname = \"S\"\n".to_owned();
    for scrape in 0..SCRAPES {
        let _ = writeln!(
            pack,
            "[[scrape]]\nid = \"x{scrape}\"\nservice = \"s\"\nurl = \"http://localhost:1/{scrape}\"\ninterval = \"15s\""
        );
        for rule in 0..RULES_EACH {
            // Of a share, one is never passed; of the rest, some are pending all the while.
            let above = if rule % 4 == 0 { "0.99" } else { "5" };
            let on = match rule % 4 {
                0 => format!(
                    "share = {{ scrape = \"x{scrape}\", part = 'r_total{{n=\"{rule}\", code=~\"5..\"}}', whole = 'r_total{{n=\"{rule}\"}}', window = \"5m\" }}"
                ),
                1 => format!(
                    "rate = {{ scrape = \"x{scrape}\", select = 'r_total{{n=\"{rule}\"}}', window = \"5m\" }}"
                ),
                2 => format!(
                    "quantile = {{ scrape = \"x{scrape}\", select = 'd_seconds{{n=\"{}\"}}', quantile = 0.95, window = \"5m\" }}",
                    rule % 5
                ),
                _ => format!(
                    "metric = {{ scrape = \"x{scrape}\", select = 'g{{n=\"{rule}\"}}', take = \"sum\" }}"
                ),
            };
            let _ = writeln!(
                pack,
                "[[rule]]\nid = \"r{scrape}-{rule}\"\nname = \"R\"\non.{on}\nyellow = {{ above = {above}, for = \"5m\" }}"
            );
        }
    }
    pack
}

/// Six minutes of values, the last of them now.
const VALUES: &str = "
    INSERT INTO series (scrape_id, name, labels)
    SELECT id, 'r_total', jsonb_build_object('n', n::text, 'code', code) FROM pack_item,
           generate_series(0, 49) AS n, unnest(ARRAY['200', '404', '503']) AS code WHERE kind = 'probe'
    UNION ALL
    SELECT id, 'd_seconds_bucket', jsonb_build_object('n', n::text, 'le', le) FROM pack_item,
           generate_series(0, 4) AS n, unnest(ARRAY['0.1', '0.5', '1', '5', '+Inf']) AS le WHERE kind = 'probe'
    UNION ALL
    SELECT id, 'g', jsonb_build_object('n', n::text) FROM pack_item, generate_series(0, 49) AS n WHERE kind = 'probe';
    INSERT INTO series_point (series_id, at, value)
    SELECT id, date_trunc('milliseconds', now()) - back * interval '15 seconds', (24 - back) * 10 + id % 7
    FROM series, generate_series(0, 24) AS back;
    UPDATE probe_state SET state = 'up', outcome = 'good', due_at = now() + interval '1 hour',
           checked_at = date_trunc('milliseconds', now()), measured_at = date_trunc('milliseconds', now());
    ANALYZE";

fn main() {
    let ground = Ground::prepare();
    let services = ground.services(1, 4);
    let given = Given::default();
    packs::apply(&services, &Actor::command_line("bench"), &pack(), &given).unwrap();
    let probes = services.db.read(store::live::<Probe>).unwrap();
    let probes = probes.into_iter().map(|item| (item.id, item)).collect();
    actions::enrol(&services, &probes).unwrap();
    ground.superuser().batch_execute(VALUES).unwrap();
    let began = Instant::now();
    evaluate::tick(&services).unwrap();
    println!(
        "first look, which makes their rows: {:.2} s",
        began.elapsed().as_secs_f64()
    );
    let mut looks = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        evaluate::tick(&services).unwrap();
        looks.push(began.elapsed().as_secs_f64());
    }
    let look = median(looks);
    let judged = if look < LIMIT_SECS { "held" } else { "MISSED" };
    println!(
        "one look at {} rules: {look:.3} s; limit {LIMIT_SECS} s: {judged}",
        SCRAPES * RULES_EACH
    );
}
