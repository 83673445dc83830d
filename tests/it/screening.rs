//! Screening: how many of the listed are found, how many others are troubled.

use std::collections::BTreeMap;

use signalbox::features::screening::index::{Index, Scratch};

use crate::screening_sample::{common_names, negatives, positives, reference, whole_list};

const HIT_AT: u16 = 850;

#[test]
fn the_labelled_sample_is_told_apart() {
    let Some(reference) = reference() else {
        println!("skipped: the reference lists (screening/, names/) are not there");
        return;
    };
    let list = whole_list(&reference);
    let index = Index::build(&list);
    let mut scratch = Scratch::default();

    let mut by_variation: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let (mut found, mut missed) = (0_u32, 0_u32);
    for labelled in positives(&list, 1_500, 20_261_120) {
        let hits = index.search(&labelled.query, HIT_AT, &mut scratch);
        let hit = hits.iter().any(|hit| Some(hit.entry) == labelled.entry);
        let tally = by_variation.entry(labelled.variation).or_default();
        if hit {
            found += 1;
            tally.0 += 1;
        } else {
            missed += 1;
        }
        tally.1 += 1;
    }
    let names = common_names(&reference);
    let mut troubled = 0_u32;
    let others = negatives(&list, &names, 3_000, 7);
    for labelled in &others {
        let hits = index.search(&labelled.query, HIT_AT, &mut scratch);
        if !hits.is_empty() {
            troubled += 1;
        }
    }
    for (variation, (hit, of)) in &by_variation {
        println!("{variation}: {hit} of {of}");
    }
    let recall = found * 1000 / (found + missed);
    let precision = found * 1000 / (found + troubled);
    println!(
        "recall {recall}‰, precision {precision}‰, troubled {troubled} of {}",
        others.len()
    );
    assert!(recall >= 950, "recall {recall}‰");
    assert!(precision >= 970, "precision {precision}‰");
}
