//! Every changed byte is caught by both programs, and the record that is named is the one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use signalbox::foundation::audit::Log;

use super::fixture::{Bench, Python, Verdict, copy_folder, fix_manifest, smuggle, verdict};

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

/// Nobody signs the manifest: whoever changes a file writes a new one. What is bound to the signed root is
/// caught all the same; what an anchor's line says beside its note is bound to nothing.
#[test]
fn changed_bytes_under_a_new_manifest() {
    for log in Log::ALL {
        let bench = Bench::of(log);
        bench.record(0..20);
        bench.seal();
        bench.anchor();
        let export = bench.export();
        let mut python = Python::start();
        let copy = bench.folder.path().join("copy");
        let mut seed = 7_u64;
        for (file, content) in files(&export) {
            if file == "manifest.json" {
                continue;
            }
            for _ in 0..40 {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(seed >> 33).unwrap() % content.len();
                let mut changed = content.clone();
                changed[at] ^= 1 << (seed >> 30 & 7);
                let judged = judge(&bench, &mut python, &export, &copy, &file, &changed);
                if file != "anchors.ndjson" {
                    assert_eq!(judged.0, 1, "{file} byte {at}");
                }
            }
        }
    }
}

#[test]
fn dropped_doubled_and_moved_lines() {
    let bench = Bench::with_events(20);
    bench.anchor();
    let export = bench.export();
    let mut python = Python::start();
    let copy = bench.folder.path().join("copy");
    for (file, first) in [
        ("events.ndjson", "event #2"),
        ("details.ndjson", "detail 0 of event #9"),
    ] {
        let content = std::fs::read(export.join(file)).unwrap();
        let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
        let mut dropped = lines.clone();
        dropped.remove(2);
        let mut doubled = lines.clone();
        doubled.insert(3, lines[2]);
        let mut moved = lines.clone();
        moved.swap(2, 3);
        let mut cut = lines.clone();
        cut.pop();
        for (changed, place) in [
            (dropped, true),
            (doubled, false),
            (moved, true),
            (cut, false),
        ] {
            let judged = judge(&bench, &mut python, &export, &copy, file, &changed.concat());
            assert_eq!(judged.0, 1, "{file}");
            if place {
                assert_eq!(judged.1, first);
            }
        }
    }
}

/// What both say, which is the same.
fn judge(
    bench: &Bench,
    python: &mut Python,
    export: &Path,
    copy: &Path,
    file: &str,
    content: &[u8],
) -> Verdict {
    let _ = std::fs::remove_dir_all(copy);
    copy_folder(export, copy);
    std::fs::write(copy.join(file), content).unwrap();
    fix_manifest(copy);
    let ours = verdict(&bench.verify(copy, None));
    let theirs = python.verify(copy, &bench.vkey(), None);
    assert_eq!(ours, theirs, "{file}");
    ours
}

#[test]
fn the_list_of_files_is_closed() {
    let bench = Bench::with_events(300);
    let export = bench.export();
    let mut python = Python::start();
    let copy = bench.folder.path().join("copy");
    type Change = fn(&Path);
    let changes: [(&str, Change); 9] = [
        ("note.txt", |copy| {
            std::fs::write(copy.join("note.txt"), "x").unwrap();
        }),
        ("note.txt", |copy| smuggle(copy, "note.txt", b"x")),
        ("tiles/note", |copy| smuggle(copy, "tiles/note", b"x")),
        ("tiles/0/002.p/7", |copy| {
            smuggle(copy, "tiles/0/002.p/7", &[0; 224]);
        }),
        ("tiles/0/001.p/43", |copy| {
            smuggle(copy, "tiles/0/001.p/43", &[0; 1376]);
        }),
        ("tiles/0/000", |copy| {
            std::fs::remove_file(copy.join("tiles/0/000")).unwrap();
        }),
        ("details.ndjson", |copy| {
            let target = copy.with_extension("aside");
            std::fs::rename(copy.join("details.ndjson"), &target).unwrap();
            std::os::unix::fs::symlink(target, copy.join("details.ndjson")).unwrap();
        }),
        ("tiles/1", |copy| {
            let target = copy.with_extension("folder");
            let _ = std::fs::remove_dir_all(&target);
            std::fs::rename(copy.join("tiles/1"), &target).unwrap();
            std::os::unix::fs::symlink(target, copy.join("tiles/1")).unwrap();
        }),
        ("\u{fffd}", |copy| {
            use std::os::unix::ffi::OsStrExt as _;
            let name = std::ffi::OsStr::from_bytes(b"\xff");
            std::fs::write(copy.join(name), "x").unwrap();
        }),
    ];
    for (place, change) in changes {
        let _ = std::fs::remove_dir_all(&copy);
        copy_folder(&export, &copy);
        change(&copy);
        let ours = verdict(&bench.verify(&copy, None));
        assert_eq!(ours, (1, place.to_owned()));
        assert_eq!(python.verify(&copy, &bench.vkey(), None), ours);
    }
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
        "details.ndjson" => vec![
            format!("detail 0 of event #{}", line * 4 + 1),
            file.to_owned(),
        ],
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
