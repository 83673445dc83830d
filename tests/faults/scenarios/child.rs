//! Processes to be killed: the product's own program, and this test program started once more to
//! write as fast as it can.

use std::collections::HashSet;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use rustix::process::{Signal, set_parent_process_death_signal};
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::config::Mode;
use signalbox::foundation::db::schema::platform;
use signalbox::foundation::db::{self, roles::Role};
use signalbox::foundation::kernel::{Clock, PlatformId, Secret};
use uuid::Uuid;

use super::plant::Plant;
use crate::support::app::services_at;

/// Set in a process that was started to write; its value is the database's address.
const WRITER: &str = "SIGNALBOX_FAULTS_WRITER";

const WRITER_THREADS: usize = 4;

/// Ends with `kill -9` when it is dropped.
pub struct Killable(Child);

impl Killable {
    pub fn new(child: Child) -> Self {
        Self(child)
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    pub fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

    /// Asks it to finish.
    pub fn stop(self) {
        self.stop_within(Duration::from_secs(15));
    }

    pub fn stop_within(mut self, limit: Duration) {
        super::plant::signal(self.0.id(), Signal::TERM);
        super::wait_until("it ends when asked to", limit, || self.has_ended());
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that writes, and what it was told had been committed.
pub struct Writer {
    process: Killable,
    acknowledged: Receiver<Uuid>,
    seen: HashSet<Uuid>,
}

impl Writer {
    pub fn start(plant: &Plant) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            // Under the test harness this names the test that turns into the writer.
            .args(["--exact", "faults::a_writer_when_told_to_be_one"])
            .args(["--ignored", "--nocapture"])
            .env(WRITER, plant.url(Role::App).expose())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, acknowledged) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // A line that the kill cut off acknowledges nothing.
                let id = line
                    .strip_prefix("committed ")
                    .and_then(|id| id.strip_suffix('.'));
                if let Some(Ok(id)) = id.map(str::parse) {
                    let _ = sender.send(id);
                }
            }
        });
        Self {
            process: Killable::new(child),
            acknowledged,
            seen: HashSet::new(),
        }
    }

    /// Waits for the next acknowledged write.
    pub fn wait_for_a_write(&mut self) {
        let next = self.acknowledged.recv_timeout(Duration::from_secs(20));
        self.seen.insert(next.expect("the writer writes"));
    }

    /// Kills it, and returns everything that it said was committed.
    pub fn kill(mut self) -> HashSet<Uuid> {
        self.process.kill();
        self.seen.extend(self.acknowledged.iter());
        self.seen
    }
}

/// Writes for ever, if this process was started for that.
pub fn write_if_told_to() {
    let Ok(url) = env::var(WRITER) else {
        return;
    };
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let services = services_at(Mode::Demo, 1, &Secret::new(url), Clock::system());
    thread::scope(|scope| {
        for _ in 0..WRITER_THREADS {
            scope.spawn(|| {
                loop {
                    match write(&services) {
                        Ok(id) => println!("committed {id}."),
                        Err(_) => thread::sleep(Duration::from_millis(20)),
                    }
                }
            });
        }
    });
}

/// One business row and its event; the id once both are committed.
pub fn write(services: &Services) -> db::Result<Uuid> {
    let id = PlatformId::new().uuid();
    services.audit.write(&Actor::command_line("faults"), |tx| {
        let now = tx.now();
        let name = format!("p-{}", id.simple());
        diesel::insert_into(platform::table)
            .values((
                platform::id.eq(id),
                platform::slug.eq(&name),
                platform::name.eq(&name),
                platform::created_at.eq(now),
            ))
            .execute(&mut **tx)?;
        tx.record(Event::new(
            super::ledger::WRITTEN,
            Subject::new("platform", id),
        ))?;
        Ok(id)
    })
}

/// The product's own sealer.
pub fn sealer(plant: &Plant) -> Killable {
    let child = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(["sealer", "--anchor-every-secs", "1"])
        .env_remove("DATABASE_URL")
        .env(
            "SIGNALBOX_SEALER_DATABASE_URL",
            plant.url(Role::Sealer).expose(),
        )
        .env("SIGNALBOX_SEALER_KEY_FILE", plant.sealer_key())
        .env("SIGNALBOX_ANCHOR_DIR", plant.path("anchors"))
        .env("SIGNALBOX_DATA_DIR", plant.path("var"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Killable::new(child)
}
