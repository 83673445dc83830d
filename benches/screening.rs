//! Screening 100,000 generated profiles against the whole OFAC list: profiles per second, peak
//! memory, and precision and recall on the labelled sample. Run with `cargo bench --bench screening`.

#[path = "../tests/it/screening_sample.rs"]
mod screening_sample;

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use screening_sample::{Random, common_names, negatives, positives, reference, whole_list};
use signalbox::features::screening::index::{Index, Query, Scratch};
use signalbox::features::screening::listed::ListedEntry;
use signalbox::features::screening::name::Name;

const PROFILES: usize = 100_000;
const HIT_AT: u16 = 850;

#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
fn main() {
    let Some(reference) = reference() else {
        println!("skipped: the reference lists (screening/, names/) are not there");
        return;
    };
    let started = Instant::now();
    let list = whole_list(&reference);
    let read = started.elapsed();
    let index = Index::build(&list);
    println!(
        "list: {} entries, {} names; read in {read:.0?}, indexed in {:.0?}; memory {} MiB",
        index.entries(),
        index.names(),
        started.elapsed().checked_sub(read).unwrap(),
        peak_mib(),
    );

    let names = common_names(&reference);
    let mut random = Random::seeded(1);
    let mut scratch = Scratch::default();
    let mut hits = 0;
    let started = Instant::now();
    for _ in 0..PROFILES {
        let (given, family, country, birth) = names.person(&mut random);
        let query = Query {
            company: false,
            names: vec![Name::person_parts(&family, &given)],
            other_names: vec![Name::company(&format!("{given} {family}"))],
            birth: Some(birth),
            countries: vec![country],
        };
        hits += usize::from(!index.search(&query, HIT_AT, &mut scratch).is_empty());
    }
    let took = started.elapsed();
    println!(
        "{PROFILES} profiles in {took:.1?}: {:.0} a second on one core; {hits} with a hit; peak memory {} MiB",
        PROFILES as f64 / took.as_secs_f64(),
        peak_mib(),
    );

    for floor in [800, 820, 850, 880, 900] {
        let listed = positives(&list, 5_000, 20_261_120);
        let found = listed
            .iter()
            .filter(|labelled| {
                let hits = index.search(&labelled.query, floor, &mut scratch);
                hits.iter().any(|hit| Some(hit.entry) == labelled.entry)
            })
            .count();
        let others = negatives(&list, &names, 50_000, 7);
        let troubled = others
            .iter()
            .filter(|other| !index.search(&other.query, floor, &mut scratch).is_empty())
            .count();
        println!(
            "hit at {floor}: recall {:.1} % of {}, precision {:.1} %, {:.2} of 1,000 others troubled",
            found as f64 * 100.0 / listed.len() as f64,
            listed.len(),
            found as f64 * 100.0 / (found + troubled) as f64,
            troubled as f64 * 1000.0 / others.len() as f64,
        );
    }
    print_by_disguise(&index, &list, &mut scratch);
}

/// Which disguises are seen through, at the score that makes a hit.
fn print_by_disguise(index: &Index, list: &[ListedEntry], scratch: &mut Scratch) {
    let mut tally: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for labelled in positives(list, 5_000, 20_261_120) {
        let hits = index.search(&labelled.query, HIT_AT, scratch);
        let seen = tally.entry(labelled.variation).or_default();
        seen.0 += usize::from(hits.iter().any(|hit| Some(hit.entry) == labelled.entry));
        seen.1 += 1;
    }
    for (variation, (seen, of)) in tally {
        println!("  {variation}: {seen} of {of}");
    }
}

/// The most memory that this process has held, from the kernel.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
