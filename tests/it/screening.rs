//! Screening: how many of the listed are found, how many others are troubled.

use std::collections::BTreeMap;

use signalbox::features::screening::index::{Index, Scratch};
use signalbox::features::screening::lists::{self, LoadError, Order, Outcome};
use signalbox::foundation::audit::Actor;

use crate::screening_sample::{common_names, negatives, positives, reference, whole_list};
use crate::support::app::TestApp;
use crate::support::subjects::{load_demo_list, take_in};

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
    for labelled in positives(&list, 1_000, 20_261_120) {
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
    let others = negatives(&list, &names, 1_500, 7);
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

#[tokio::test]
async fn a_list_is_put_in_place_as_a_difference() {
    let app = TestApp::start().await;
    let sdn = |dob: &str, last: &str| {
        let null = "-0- ,".repeat(8);
        format!(
            "1,\"FAKENAME, Ana\",individual,DEMO,{}\"DOB {dob}.\"\r\n\
             2,\"SAMPLAR, Bo\",individual,DEMO,{null}\r\n{last}\u{1a}",
            "-0- ,".repeat(7)
        )
        .replace(",\r\n", "\r\n")
    };
    let third = format!(
        "3,\"NOBODY, Cy\",individual,DEMO,{}-0- \r\n",
        "-0- ,".repeat(7)
    );
    let load = |sdn: &str, published: &str| {
        let list = lists::read_ofac(
            sdn.as_bytes(),
            &b"1,1,aka,\"PSEUDONYM, Ana\",-0- \r\n"[..],
            &b""[..],
            published.parse().unwrap(),
        )?;
        let actor = Actor::command_line("test");
        lists::load(&app.services, &actor, &list, &Order::default())
    };
    let first = load(&sdn("1960", ""), "2026-01-01").unwrap();
    assert_eq!(
        (first.version, first.added, first.entries, first.names),
        (1, 2, 2, 3)
    );
    let again = load(&sdn("1960", ""), "2026-01-01").unwrap();
    assert_eq!((again.outcome, again.version), (Outcome::Unchanged, 1));
    let later = load(&sdn("1960", ""), "2026-01-02").unwrap();
    assert_eq!((later.outcome, later.version), (Outcome::Confirmed, 1));
    let second = load(&sdn("1961", &third), "2026-02-01").unwrap();
    assert_eq!(
        (second.version, second.added, second.changed, second.removed),
        (2, 1, 1, 0)
    );
    let older = load(&sdn("1962", ""), "2025-01-01");
    assert!(matches!(older, Err(LoadError::Older { .. })));
    assert!(load("1,NAME\r\n", "2026-03-01").is_err());

    let page = app.as_reviewer().get("/screening/lists").await;
    let rows = page.table("Lists in force");
    assert_eq!(rows.len(), 1);
    assert!(rows[0][0].contains("version 2"), "{rows:?}");
    assert!(rows[0][1].contains("days old"), "{rows:?}");
    assert!(page.says("1 added, 1 changed, 0 removed"));
    for file in &second.files {
        assert!(page.says(&file.sha256), "{}", file.name);
    }
    assert_eq!(app.as_admin().get("/screening/lists").await.status, 403);
}

#[tokio::test]
async fn the_demo_list_finds_whom_it_should() {
    let app = TestApp::start().await;
    load_demo_list(&app.services);
    load_demo_list(&app.services);
    let csv = "external_id,kind,name,date_of_birth,country,nationality\n\
               D-7,person,Zoltan Fakename-Demo,1971-03-14,HU,HU\n\
               D-19,person,Wilhelmina Inventova,1964-07-02,CZ,CZ\n\
               D-33,person,Иван Вымышленный-Демо,1980-01-30,KZ,KZ\n\
               D-46,company,Imaginary Exports Demo Limited,,PA,\n\
               D-52,person,Zoltana Fakename,1993-11-05,SK,SK\n\
               D-60,company,Zoltan Fakename-Demo Ltd.,,HU,\n";
    take_in(&app.services, &app.db, csv);
    assert_eq!(app.run_jobs().failed, 0);
    let page = app.as_reviewer().get("/reviews").await;
    let mut found: Vec<String> = page
        .table("Cases, what is due first")
        .into_iter()
        .map(|row| {
            row[1]
                .trim_end_matches("Person")
                .trim_end_matches("Company")
                .to_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, ["D-19", "D-33", "D-46", "D-60", "D-7"]);
}
