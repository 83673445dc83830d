//! Every changed byte is caught by both programs, and the record that is named is the one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fixture::{Bench, Python, Verdict, copy_folder, verdict};

/// All bytes of every file of an export of 20 events.
#[test]
fn every_byte_of_a_small_export() {
    let bench = Bench::with_events(20);
    bench.anchor();
    let export = bench.export();
    let flips = files(&export).into_iter().map(|(file, bytes)| {
        // Which bit is flipped varies with the place, so that all of them have their turn.
        let flips = (0..bytes.len()).map(|at| (at, 1 << (at % 8))).collect();
        (file, flips)
    });
    hold(&bench, &export, flips.collect());
}

/// Seeded places of a larger one, with whole tiles in it.
#[test]
fn chosen_bytes_of_a_large_export() {
    let bench = Bench::with_events(1_000);
    let export = bench.export();
    let mut seed = 20_261_120_u64;
    let flips = files(&export).into_iter().map(|(file, bytes)| {
        let count = if file == "events.ndjson" { 60 } else { 6 };
        let flips = (0..count.min(bytes.len()))
            .map(|_| {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
                (at, 1 << (seed >> 30 & 7))
            })
            .collect();
        (file, flips)
    });
    hold(&bench, &export, flips.collect());
}

type Flips = Vec<(usize, u8)>;

fn hold(bench: &Bench, export: &Path, flips: Vec<(String, Flips)>) {
    let theirs = bench.folder.path().join("theirs");
    copy_folder(export, &theirs);
    let ours = bench.folder.path().join("ours");
    copy_folder(export, &ours);
    std::thread::scope(|scope| {
        let vkey = bench.vkey();
        let python = scope.spawn({
            let flips = flips.clone();
            move || {
                let mut python = Python::start();
                let judged = flips
                    .iter()
                    .map(|(file, flips)| python.mutate(&theirs, file, &vkey, flips));
                judged.collect::<Vec<_>>()
            }
        });
        let ours: Vec<Vec<Verdict>> = flips
            .iter()
            .map(|(file, flips)| mutate(bench, &ours, file, flips))
            .collect();
        let theirs = python.join().unwrap();
        for (((file, flips), ours), theirs) in flips.iter().zip(&ours).zip(&theirs) {
            let content = std::fs::read(export.join(file)).unwrap();
            for (((at, xor), ours), theirs) in flips.iter().zip(ours).zip(theirs) {
                let places = expected_places(file, &content, *at);
                assert_eq!(ours.0, 1, "{file} byte {at} xor {xor} passes");
                assert_eq!(
                    ours, theirs,
                    "{file} byte {at} xor {xor} is judged in two ways"
                );
                assert!(
                    places.contains(&ours.1),
                    "{file} byte {at} xor {xor}: {}",
                    ours.1
                );
            }
        }
    });
}

fn mutate(bench: &Bench, folder: &Path, file: &str, flips: &Flips) -> Vec<Verdict> {
    let path = folder.join(file);
    let original = std::fs::read(&path).unwrap();
    let judge = |(at, xor): &(usize, u8)| {
        let mut changed = original.clone();
        changed[*at] ^= xor;
        std::fs::write(&path, changed).unwrap();
        verdict(&bench.verify(folder, None))
    };
    let verdicts = flips.iter().map(judge).collect();
    std::fs::write(&path, &original).unwrap();
    verdicts
}

/// A changed event is named by its index, all else by its file; an anchor by its line, if it is
/// the note that was changed and not what is said about it.
fn expected_places(file: &str, content: &[u8], at: usize) -> Vec<String> {
    let line = content[..at].split(|byte| *byte == b'\n').count() - 1;
    match file {
        "events.ndjson" => vec![format!("event #{line}")],
        "anchors.ndjson" => vec![file.to_owned(), format!("{file} line {}", line + 1)],
        other => vec![other.to_owned()],
    }
}

fn files(export: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(export.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else {
                found.insert(
                    path.display().to_string(),
                    std::fs::read(entry.path()).unwrap(),
                );
            }
        }
    }
    found
}
