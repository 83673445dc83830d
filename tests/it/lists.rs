//! Lists by upload and by command: what is refused, what is confirmed, what turns yellow.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use signalbox::features::screening::lists::{self, LoadError, Loaded, Order, Outcome};
use signalbox::foundation::audit::Actor;

use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

const HEAD: &str =
    "reference,kind,name,strong_aliases,weak_aliases,dates_of_birth,countries,programs,remarks\n";

fn plain(entries: std::ops::Range<usize>) -> String {
    let row = |number| format!("{number},person,Nobody Number{number},,,,,,\n");
    let rows: String = entries.map(row).collect();
    format!("{HEAD}{rows}")
}

fn load(
    app: &TestApp,
    text: &str,
    published: &str,
    accept: Option<&str>,
) -> Result<Loaded, LoadError> {
    let list = lists::read_plain("test-list", text.as_bytes(), published.parse().unwrap())?;
    let order = Order {
        accept_drop: accept.map(str::to_owned),
        asked_by: None,
    };
    lists::load(&app.services, &Actor::command_line("test"), &list, &order)
}

/// The test clock starts on 2 March 2026.
#[tokio::test]
async fn what_cannot_be_a_newer_list_is_refused() {
    let app = TestApp::start().await;
    let future = load(&app, &plain(0..10), "2026-03-03", None);
    assert!(matches!(future, Err(LoadError::Future { .. })));
    load(&app, &plain(0..10), "2026-02-01", None).unwrap();
    let older = load(&app, &plain(0..11), "2026-01-31", None);
    assert!(matches!(older, Err(LoadError::Older { .. })));
    let empty = load(&app, HEAD, "2026-02-02", None);
    assert!(matches!(empty, Err(LoadError::Empty)));
    // A fifth may go; more than that is taken for a broken download.
    load(&app, &plain(0..8), "2026-02-02", None).unwrap();
    let dropped = load(&app, &plain(0..6), "2026-02-03", None).unwrap_err();
    assert!(dropped.to_string().contains("2 of 8"), "{dropped}");
    // As many entries, but others: the old ones vanish all the same.
    let others = load(&app, &plain(20..28), "2026-02-03", None);
    assert!(matches!(
        others,
        Err(LoadError::Dropped {
            what: "entries",
            ..
        })
    ));
    let taken = load(
        &app,
        &plain(0..6),
        "2026-02-03",
        Some("the source merged them"),
    )
    .unwrap();
    assert_eq!((taken.version, taken.removed), (3, 2));
    let page = app.as_auditor().get("/screening/lists").await;
    assert!(page.says("shorter on purpose: the source merged them"));
    for event in app.events_of("screening.list_loaded") {
        let details = &event["details"];
        assert_eq!(details["drop_accepted"], details["version"] == 3);
    }
}

#[tokio::test]
async fn a_list_turns_yellow_after_its_days_unless_it_is_confirmed() {
    let app = TestApp::start().await;
    load(&app, &plain(0..3), "2026-03-01", None).unwrap();
    let level = |page: &Page| page.texts("#lists .status[data-level=yellow]").len();
    app.advance(TimeDelta::days(29));
    assert_eq!(level(&app.as_reviewer().get("/screening/lists").await), 0);
    app.advance(TimeDelta::days(1));
    let page = app.as_reviewer().get("/screening/lists").await;
    assert!(page.says("31 days old"));
    assert_eq!(level(&page), 1, "policy says 30 days");
    let assessed = app.events_of("screening.list_loaded").len();
    let again = load(&app, &plain(0..3), "2026-03-30", None).unwrap();
    assert_eq!((again.outcome, again.version), (Outcome::Confirmed, 1));
    let page = app.as_reviewer().get("/screening/lists").await;
    assert_eq!(level(&page), 0);
    assert!(page.says("2 days old"), "{}", page.text());
    assert!(page.says("unchanged on 30 Mar 2026"));
    assert_eq!(app.events_of("screening.list_confirmed").len(), 1);
    assert_eq!(app.events_of("screening.list_loaded").len(), assessed);
    // It is no older than it was confirmed to be.
    let older = load(&app, &plain(0..4), "2026-03-29", None);
    assert!(matches!(older, Err(LoadError::Older { .. })));
}

/// Posts the upload form with another session's token.
async fn upload(
    client: &Client,
    csrf: &str,
    fields: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Page {
    let fields = [&[("csrf", csrf)], fields].concat();
    client.upload("/screening/lists", &fields, files).await
}

#[actix_web::test]
async fn a_list_is_uploaded_and_put_in_place_by_a_job() {
    let app = TestApp::start().await;
    let officer = app.as_compliance();
    let page = officer.get("/screening/lists").await;
    let form = officer.get(&page.link("Upload a list")).await;
    assert!(form.has_field("Entries (sdn.csv)"));
    let null = "-0- ,".repeat(7);
    let sdn = format!("1,\"FAKENAME, Ana\",individual,DEMO,{null}\"DOB 1960.\"\r\n\u{1a}");
    let files = [
        ("sdn", sdn.as_str()),
        (
            "alt",
            "1,1,aka,\"PSEUDONYM, Ana\",-0- \r\n9,1,aka,NOBODY,-0- ",
        ),
        ("add", "1,1,-0- ,Port,Atlantis,-0- "),
    ];
    let key = uuid::Uuid::now_v7().to_string();
    let fields = [
        ("format", "ofac"),
        ("published", "2026-03-01"),
        ("idempotency", key.as_str()),
    ];
    let sent = upload(&officer, &officer.csrf, &fields, &files).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let twice = upload(&officer, &officer.csrf, &fields, &files).await;
    assert_eq!(twice.location(), sent.location(), "a double submit is one");
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("State"), "Waiting to be loaded");
    app.run_jobs();
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("State"), "In place", "{}", page.text());
    assert_eq!(page.definition("Entries"), "1");
    assert_eq!(page.definition("Names"), "2");
    assert_eq!(page.definition("Oddities"), "2");
    assert!(page.says("no country is called \"Atlantis\""));
    let digest = <sha2::Sha256 as sha2::Digest>::digest(sdn.as_bytes());
    assert!(page.says(&hex::encode(digest)), "as sha256sum prints it");
    let list = officer.get("/screening/lists").await;
    let row = &list.table("Lists in force")[0];
    assert!(row[5].contains("Test compliance"), "{row:?}");
    assert!(list.says(&hex::encode(digest)));
    assert_eq!(list.table("Uploaded lists, the newest first").len(), 1);
    assert_eq!(app.events_of("screening.list_uploaded").len(), 1);
    assert_eq!(app.events_of("screening.list_loaded").len(), 1);
}

/// Jobs that were given up are removed in time, and what they were to load does not wait for them.
#[actix_web::test]
async fn an_upload_whose_job_is_there_no_more_was_given_up() {
    let app = TestApp::start().await;
    let officer = app.as_compliance();
    let fields = [
        ("format", "plain"),
        ("source", "un"),
        ("published", "2026-03-01"),
    ];
    let list = plain(0..2);
    let sent = upload(&officer, &officer.csrf, &fields, &[("list", &list)]).await;
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("State"), "Waiting to be loaded");
    let mut conn = app.db.connect_superuser();
    conn.batch_execute("DELETE FROM job").unwrap();
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("State"), "Given up");
}

#[actix_web::test]
async fn an_upload_that_is_wrong_says_so_and_keeps_what_was_typed() {
    let app = TestApp::start().await;
    let officer = app.as_compliance();
    let fields = [
        ("format", "plain"),
        ("source", "Bad Name"),
        ("published", "2026-03-09"),
        ("accept_drop", "yes"),
    ];
    let page = upload(&officer, &officer.csrf, &fields, &[("list", "")]).await;
    assert_eq!(page.status, 422);
    assert_eq!(page.texts("#problems li").len(), 4, "{}", page.text());
    assert_eq!(page.field("Name of the list").value, "Bad Name");
    assert!(page.says("still to come"));
    let fields = [
        ("format", "plain"),
        ("source", "un"),
        ("published", "2026-03-01"),
    ];
    let good = [("list", plain(0..10))];
    let good: Vec<(&str, &str)> = good
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let wrong = upload(&officer, "wrong", &fields, &good).await;
    assert!(wrong.location().starts_with("/account/parked/"));
    let reviewer = app.as_reviewer();
    assert_eq!(
        upload(&reviewer, &reviewer.csrf, &fields, &good)
            .await
            .status,
        403
    );
    upload(&officer, &officer.csrf, &fields, &good).await;
    app.run_jobs();
    // A list that cannot be read, and one that is too short: refused in words, nothing changed.
    let short = plain(0..5);
    for (text, words) in [
        ("reference,kind\n1,person\n", "cannot be read"),
        (short.as_str(), "5 of 10"),
    ] {
        let sent = upload(&officer, &officer.csrf, &fields, &[("list", text)]).await;
        assert_eq!(
            app.run_jobs().failed,
            0,
            "a refusal is no failure of the job"
        );
        let page = officer.get(sent.location()).await;
        assert_eq!(page.definition("State"), "Refused");
        assert!(page.says(words), "{}", page.text());
    }
    let sure = [
        &fields[..],
        &[("accept_drop", "yes"), ("drop_reason", "merged")],
    ]
    .concat();
    let sent = upload(&officer, &officer.csrf, &sure, &[("list", &short)]).await;
    app.run_jobs();
    let page = officer.get(sent.location()).await;
    assert_eq!(page.definition("State"), "In place");
    assert_eq!(page.definition("Shorter on purpose"), "merged");
}

/// The real list, where it is there: how much of it is odd, and that all of it is told.
#[tokio::test]
async fn the_real_list_tells_its_cut_remarks() {
    use signalbox::features::screening::ofac::{self, OfacError, Warning};
    let Some(folder) = crate::screening_sample::reference() else {
        println!("skipped: the reference lists (screening/) are not there");
        return;
    };
    let open = |name: &str| std::fs::File::open(folder.join("screening").join(name)).unwrap();
    let (sdn, alt, add) = (open("sdn.csv"), open("alt.csv"), open("add.csv"));
    let odd = ofac::read::<OfacError>(sdn, alt, add, |_| Ok(())).unwrap();
    let cut = odd
        .named
        .iter()
        .filter(|w| matches!(w, Warning::CutRemarks { .. }));
    assert_eq!(cut.count(), 7, "those of 1,000 characters");
    let unknown: std::collections::BTreeSet<_> = odd
        .named
        .iter()
        .filter_map(|warning| match warning {
            Warning::UnknownCountry { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    println!(
        "{} oddities; countries without a code: {unknown:?}",
        odd.total
    );
    assert!(unknown.len() < 10, "{unknown:?}");
}
