//! Audited commits a second with 16 clients, against the same update without an event, in rounds
//! that take turns, with the sealer at work. Run with `cargo bench --bench audited_commits`.

mod ground;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use ground::{Ground, verdict};
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject, Unaudited};
use signalbox::foundation::db::schema::platform;
use signalbox::foundation::db::{self, Conn};
use uuid::Uuid;

const CLIENTS: u32 = 16;
/// Short rounds that take turns: what else the machine does falls on both alike.
const ROUNDS: usize = 20;
const ROUND: Duration = Duration::from_secs(2);
const FLOOR: f64 = 0.7;

fn main() {
    let ground = Ground::prepare();
    let services = ground.services(1, CLIENTS);
    let rows = rows(&ground);
    let sealer = ground.start(&["sealer"]);
    round(&services, &rows, plain);
    round(&services, &rows, audited);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(&services, &rows, plain));
        with.push(round(&services, &rows, audited));
    }
    sealer.stop();
    verdict(
        &format!("audited commits with {CLIENTS} clients, sealer running"),
        mean(&with),
        "a second",
        "the same update unaudited",
        mean(&without),
        Some(FLOOR),
    );
}

/// A row for each client: what is measured is the commit, not a queue for a lock.
fn rows(ground: &Ground) -> Vec<Uuid> {
    let mut conn = ground.superuser();
    (0..CLIENTS)
        .map(|number| {
            let id = Uuid::now_v7();
            diesel::insert_into(platform::table)
                .values((
                    platform::id.eq(id),
                    platform::slug.eq(format!("p-{number}")),
                    platform::name.eq("before"),
                    platform::created_at.eq(diesel::dsl::now),
                ))
                .execute(&mut conn)
                .unwrap();
            id
        })
        .collect()
}

fn update(conn: &mut Conn, id: Uuid, number: u64) -> db::Result<()> {
    diesel::update(platform::table.find(id))
        .set(platform::name.eq(format!("name {number}")))
        .execute(conn)?;
    Ok(())
}

fn plain(services: &Services, id: Uuid, number: u64) -> db::Result<()> {
    services
        .audit
        .write_unaudited(Unaudited::Sample, |conn| update(conn, id, number))
}

fn audited(services: &Services, id: Uuid, number: u64) -> db::Result<()> {
    let actor = Actor::command_line("bench").with_request("01a1f89cb4d670dc9dcf630f785172c1");
    services.audit.write(&actor, |tx| {
        update(tx, id, number)?;
        tx.record(
            Event::new("platform.renamed", Subject::new("platform", id))
                .detail("number", number)
                .detail("reason", "bench"),
        )?;
        Ok(())
    })
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len() as f64
}

fn round(
    services: &Services,
    rows: &[Uuid],
    write: fn(&Services, Uuid, u64) -> db::Result<()>,
) -> f64 {
    let over = AtomicBool::new(false);
    let done = AtomicU64::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for row in rows {
            let (over, done) = (&over, &done);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    write(services, *row, done.fetch_add(1, Ordering::Relaxed)).unwrap();
                }
            });
        }
        thread::sleep(ROUND);
        over.store(true, Ordering::Relaxed);
    });
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}
