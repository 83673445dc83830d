//! Whether each of 1,000 probes at 30 seconds is run in every one of its slots while 200 of them are slow: half of
//! those answer after eight seconds, half never. Run with `cargo bench --bench probes`; it takes three minutes and a half.

mod ground;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ground::{Ground, how_many, mib};
use signalbox::features::health::probe::next_slot;
use signalbox::features::packs::actions as packs;
use signalbox::features::packs::pack::Probe;
use signalbox::features::packs::parameters::Given;
use signalbox::features::packs::store;
use signalbox::foundation::Services;
use signalbox::foundation::audit::Actor;

const PROBES: usize = 1_000;
const INTERVAL: TimeDelta = TimeDelta::seconds(30);
/// Slots of each probe that are looked at, after two that are not.
const SLOTS: i32 = 4;
const LATE_ANSWER: Duration = Duration::from_secs(8);

/// When each path was asked for.
type Asked = Arc<Mutex<HashMap<String, Vec<DateTime<Utc>>>>>;

fn pack(probes: usize, port: u16) -> String {
    let mut pack = "[platform]\nid = \"bench\"\nname = \"Bench\"\nversion = \"1\"\n[[service]]\nid = \"s\"\nname = \"S\"\n".to_owned();
    for probe in 0..probes {
        let _ = writeln!(
            pack,
            "[[probe]]\nid = \"p{probe}\"\nservice = \"s\"\ninterval = \"30s\"\n\
             check.http = {{ url = \"http://127.0.0.1:{port}/{}\" }}",
            path(probe)
        );
    }
    pack
}

/// Of ten probes, one is answered late and one never.
fn path(probe: usize) -> String {
    let kind = match probe % 10 {
        0 => "late",
        5 => "never",
        _ => "soon",
    };
    format!("{kind}/{probe}")
}

/// Notes who asked, and answers as the path says.
fn answer(stream: TcpStream, asked: &Asked) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let path = line.split_whitespace().nth(1)?.to_owned();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok()?;
        }
        if let Ok(mut asked) = asked.lock() {
            asked.entry(path.clone()).or_default().push(Utc::now());
        }
        if path.starts_with("/never") {
            // Until whoever asked gives up.
            reader.read_line(&mut line).ok()?;
            return None;
        }
        if path.starts_with("/late") {
            thread::sleep(LATE_ANSWER);
        }
        let mut stream = &stream;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .ok()?;
    }
}

fn sites() -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let notes = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let notes = Arc::clone(&notes);
            thread::spawn(move || answer(stream, &notes));
        }
    });
    (port, asked)
}

/// How late the first asking of each slot came; a slot without one is missed. Second askings, where the first was answered,
/// are counted as well.
struct Slots {
    late: Vec<TimeDelta>,
    missed: usize,
    doubled: usize,
}

fn slots(services: &Services, asked: &Asked, from: DateTime<Utc>) -> Slots {
    let asked = asked.lock().unwrap();
    let mut slots = Slots {
        late: Vec::new(),
        missed: 0,
        doubled: 0,
    };
    for probe in services.db.read(store::live::<Probe>).unwrap() {
        // Signalbox watches itself as well.
        let Ok(number) = probe.slug.trim_start_matches('p').parse::<usize>() else {
            continue;
        };
        let times = asked.get(&format!("/{}", path(number)));
        let interval = INTERVAL.num_milliseconds();
        let first = next_slot(from, interval, probe.id.uuid().as_bytes());
        for slot in (0..SLOTS).map(|slot| first + INTERVAL * slot) {
            let within = |at: &&DateTime<Utc>| (slot..slot + INTERVAL).contains(*at);
            let within: Vec<_> = times.into_iter().flatten().filter(within).collect();
            match within.first() {
                None => slots.missed += 1,
                Some(at) => slots.late.push(**at - slot),
            }
            if within.len() > 1 && number % 10 != 5 {
                slots.doubled += 1;
            }
        }
    }
    slots.late.sort_unstable();
    slots
}

fn main() {
    let ground = Ground::prepare();
    let (sites, asked) = sites();
    let (app, port) = ground.serve();
    let services = ground.services(port, 4);
    let (given, probes) = (Given::default(), how_many(PROBES));
    packs::apply(
        &services,
        &Actor::command_line("bench"),
        &pack(probes, sites),
        &given,
    )
    .unwrap();
    let interval = INTERVAL.to_std().unwrap();
    thread::sleep(interval * 2);
    let (from, began, busy) = (Utc::now(), Instant::now(), app.cpu());
    thread::sleep(interval * u32::try_from(SLOTS).unwrap());
    let (took, busy) = (began.elapsed(), app.cpu().saturating_sub(busy));
    let memory = app.memory_kib("VmHWM").unwrap_or(0);
    // The last slots begin up to an interval after the first, and end one later.
    thread::sleep(interval);
    let slots = slots(&services, &asked, from);
    let at = |percent: usize| {
        let index = slots.late.len() * percent / 100;
        slots.late[index.min(slots.late.len() - 1)].num_milliseconds()
    };
    let met = slots.late.len();
    let judged = if slots.missed + slots.doubled == 0 {
        "held"
    } else {
        "MISSED"
    };
    println!(
        "{probes} probes at 30 s, {} slow: {met} of {} slots met, {} asked twice; limit: all, once: {judged}",
        probes / 5,
        met + slots.missed,
        slots.doubled
    );
    println!(
        "begun after its slot: median {} ms, 99 % within {} ms, last {} ms",
        at(50),
        at(99),
        at(100)
    );
    println!(
        "application: {:.1} % of one core, {:.0} MiB at most",
        busy.as_secs_f64() / took.as_secs_f64() * 100.0,
        mib(memory)
    );
}
