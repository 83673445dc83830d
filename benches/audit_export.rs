//! The command line's export of 1,000,000 events against `psql \copy` of the same rows, its memory,
//! and how fast both programs verify it. Run with `cargo bench --bench audit_export`.

mod ground;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use ground::{Ground, how_many, median, mib, run, verdict};
use signalbox::foundation::audit::sealer;
use signalbox::foundation::db::roles::Role;

const EVENTS: usize = 1_000_000;
const FEW: usize = 1_000;
const ROUNDS: usize = 3;
const FLOOR: f64 = 0.8;
const MOST_GROWTH_MIB: f64 = 32.0;

fn main() {
    let events = how_many(EVENTS);
    // A log that is small, not a small part of a large one: tiles and anchors are exported whole.
    let few = {
        let small = Ground::prepare();
        small.sealed_events(FEW);
        export(&small, "few").1
    };
    let ground = Ground::prepare();
    let sealing = ground.sealed_events(events);
    println!("sealer: {:.0} events a second", rate(events, sealing));

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut peak = 0;
    for round in 0..ROUNDS {
        theirs.push(rate(events, copy(&ground, round)));
        let (took, memory) = export(&ground, &format!("export-{round}"));
        ours.push(rate(events, took));
        peak = peak.max(memory);
    }
    verdict(
        &format!("export of {events} events"),
        median(ours),
        "events a second",
        "psql \\copy",
        median(theirs),
        Some(FLOOR),
    );
    let growth = mib(peak.saturating_sub(few));
    let judged = if growth < MOST_GROWTH_MIB {
        "held"
    } else {
        "MISSED"
    };
    println!(
        "memory of the export: {:.0} MiB at most, {growth:.1} MiB more than for 1,000 events; \
         limit {MOST_GROWTH_MIB} MiB: {judged}",
        mib(peak)
    );
    verify_both(&ground, events);
}

/// Leaves the folder: a file system that has just removed thousands of files is slow to make new ones.
fn export(ground: &Ground, name: &str) -> (Duration, u64) {
    let mut command = ground.signalbox(&["audit", "export", "--out"]);
    command.arg(ground.path(name));
    run(command)
}

/// The same columns, in the same order, into a file.
fn copy(ground: &Ground, round: usize) -> Duration {
    let file = ground.path(&format!("copy-{round}"));
    let copy = format!(
        "\\copy (SELECT idx, id, recorded_at, kind, actor_kind, actor_id, subject_kind, subject_id, \
         platform_id, outcome, body, leaf_hash FROM audit_log ORDER BY idx) TO '{}'",
        file.display()
    );
    let mut command = Command::new("psql");
    command
        .args(["--no-psqlrc", "--quiet", "--command", &copy])
        .arg(ground.url(Role::Superuser))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let (took, _) = run(command);
    fs::remove_file(file).unwrap();
    took
}

fn verify_both(ground: &Ground, events: usize) {
    let folder = ground.path(&format!("export-{}", ROUNDS - 1));
    let signer = sealer::read_key(&ground.path("sealer.key")).unwrap();
    let key = signer.verification_key().to_string();
    let mut ours = ground.signalbox(&["audit", "verify"]);
    ours.arg(&folder).args(["--vkey", &key]);
    let (took, memory) = run(ours);
    println!(
        "signalbox audit verify: {:.0} events a second, {:.0} MiB at most",
        rate(events, took),
        mib(memory)
    );
    let mut python = Command::new("python3");
    python
        .args(["-B", "tools/verify_audit.py"])
        .arg(&folder)
        .args(["--vkey", &key])
        .stdout(Stdio::null());
    let (took, memory) = run(python);
    println!(
        "tools/verify_audit.py: {:.0} events a second, {:.0} MiB at most",
        rate(events, took),
        mib(memory)
    );
}

fn rate(events: usize, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}
