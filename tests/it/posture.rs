//! The security posture: looked at from outside and inside, with what is wrong on top.

use std::fs;
use std::path::Path;

use chrono::Duration;
use diesel::connection::SimpleConnection;
use signalbox::features::packs::actions::apply;
use signalbox::features::packs::{Given, own};
use signalbox::features::posture::PROVEN;
use signalbox::features::posture::door::{self, Address};
use signalbox::features::posture::finding::Verdict;
use signalbox::features::posture::front::{self, Via};
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::guard::own_look;
use signalbox::foundation::auth::keys::{KeyScope, NewKey};
use signalbox::foundation::db;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::api::audit::seal;
use crate::support::app::TestApp;
use crate::support::keys::new_key;
use crate::support::page::Page;

const WANTING: &str = "What wants a hand, the worst first";

/// What stands in the table of what is wrong beside this subject.
fn wanting<'a>(rows: &'a [Vec<String>], subject: &str) -> Option<&'a [String]> {
    let row = rows.iter().find(|row| row[0].starts_with(subject))?;
    Some(&row[1..])
}

async fn open(app: &TestApp) -> Page {
    let page = app.as_auditor().get("/security").await;
    assert_eq!(page.status, 200, "{}", page.text());
    page
}

#[actix_web::test]
async fn the_front_door_is_looked_at_as_it_answers() {
    let app = TestApp::start().await;
    let seen = front::look(&app.services.config.web, &own_look(&app.services)).await;
    assert_eq!(seen.via, Via::FrontDoor);
    let here = Address {
        is_https: false,
        is_loopback: true,
    };
    let findings = door::judge(&seen, here, app.now());
    let bad = findings.iter().filter(|each| each.verdict > Verdict::Ok);
    let bad: Vec<String> = bad.map(ToString::to_string).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(findings.len(), 7);
    assert!(
        app.events_of("access.denied").is_empty(),
        "a look of our own is no attack"
    );
    // The same without the mark is one.
    front::look(&app.services.config.web, "made up").await;
    assert_eq!(app.events_of("access.denied").len(), 1);
}

#[actix_web::test]
async fn where_nobody_answers_nothing_is_taken_for_good() {
    let app = TestApp::start().await;
    let mut web = app.services.config.web.clone();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    web.base_url = format!("http://localhost:{port}").parse().unwrap();
    let ours = app.url.rsplit(':').next().unwrap();
    web.bind = format!("127.0.0.1:{ours}").parse().unwrap();
    let seen = front::look(&web, "").await;
    // Our own socket answers, but not under that name.
    assert!(matches!(seen.via, Via::Inside(_)), "{:?}", seen.via);
    web.bind.set_port(port);
    let seen = front::look(&web, "").await;
    assert!(matches!(seen.via, Via::Nowhere(_)), "{:?}", seen.via);
    assert!(seen.door.is_none());
}

#[actix_web::test]
async fn what_is_wrong_stands_on_top_with_how_to_mend_it() {
    let app = TestApp::start().await;
    app.enrolled("ada@test.example");
    let before = open(&app).await.table(WANTING);
    let passkeys = wanting(&before, "Passkeys").unwrap();
    assert!(
        passkeys[0].contains("without one: Test person"),
        "{passkeys:?}"
    );
    assert!(passkeys[0].contains("add a passkey"));
    assert!(wanting(&before, "API keys").is_none());

    app.make_key(NewKey {
        name: "Nightly import".to_owned(),
        ..new_key(&[KeyScope::SubjectsWrite])
    });
    let database = app
        .db
        .connect_superuser()
        .batch_execute("GRANT UPDATE ON audit_log TO signalbox_app");
    database.unwrap();
    let page = open(&app).await;
    assert!(page.heading().ends_with("to mend"), "{}", page.heading());
    let rows = page.table(WANTING);
    assert!(rows[0][0].ends_with("Mend it"), "the worst first: {rows:?}");
    let audit = wanting(&rows, "Audit tables").unwrap();
    assert!(
        audit[0].contains("audit_log") && audit[0].contains("revoke"),
        "{audit:?}"
    );
    let keys = wanting(&rows, "API keys").unwrap();
    assert!(
        keys[0].contains("from any address: Nightly import"),
        "{keys:?}"
    );
}

#[actix_web::test]
async fn grants_that_nobody_uses_are_told_after_ninety_days() {
    let app = TestApp::start().await;
    app.as_operator();
    assert!(wanting(&open(&app).await.table(WANTING), "Stale grants").is_none());
    app.advance(Duration::days(91));
    let rows = open(&app).await.table(WANTING);
    let stale = wanting(&rows, "Stale grants").unwrap();
    assert!(stale[0].contains("not here for 90 days"), "{stale:?}");
}

#[actix_web::test]
async fn acts_on_the_command_line_are_listed() {
    let app = TestApp::start().await;
    let empty = open(&app).await;
    assert!(empty.says("No acts on the command line"));
    let noted: db::Result<()> = app
        .services
        .audit
        .write(&Actor::command_line("carol"), |tx| {
            tx.record(Event::new("test.noted", Subject::new("note", "n1")))?;
            Ok(())
        });
    noted.unwrap();
    seal(&app);
    let caption = "Done on the command line, past every page and second person, the newest first";
    let rows = open(&app).await.table(caption);
    let acts: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert!(acts.contains(&"test.noted"), "{rows:?}");
    assert!(
        rows.iter()
            .all(|row| row[2] == "carol" || row[0] != "test.noted")
    );
}

#[actix_web::test]
async fn only_who_answers_for_the_whole_installation_reads_it() {
    let app = TestApp::start().await;
    assert_eq!(app.as_operator().get("/security").await.status, 403);
    let platform = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{platform}', 'one', 'One', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    let reach = Scope::one(platform);
    let limited = app.as_limited("limited@test.example", Role::Auditor, reach);
    assert_eq!(limited.get("/security").await.status, 403);
    assert_eq!(app.as_admin().get("/security").await.status, 200);
}

/// Every test that the page names is there, and runs.
#[test]
fn what_is_said_to_be_shown_by_a_test_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    let mut folders = vec![root.join("tests"), root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let is_test = |name: &str| {
        texts.iter().any(|text| {
            text.split(&format!("fn {name}("))
                .next()
                .is_some_and(|before| {
                    let is_there = before.len() < text.len();
                    let above: Vec<&str> = before
                        .trim_end_matches("async ")
                        .lines()
                        .rev()
                        .take(4)
                        .collect();
                    is_there
                        && above
                            .iter()
                            .any(|line| line.contains("test]") || line.contains("test("))
                        && !above.iter().any(|line| line.contains("ignore"))
                })
        })
    };
    let named = PROVEN.iter().flat_map(|proof| proof.tests);
    let missing: Vec<_> = named.filter(|name| !is_test(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!is_test("no_such_test_anywhere"));
}

#[actix_web::test]
async fn that_we_do_not_watch_ourselves_is_to_be_mended() {
    let app = TestApp::start().await;
    let rows = open(&app).await.table(WANTING);
    let own = wanting(&rows, "Own pack").unwrap();
    assert!(own[0].starts_with("not applied"), "{own:?}");

    let actor = Actor::job("test");
    apply(&app.services, &actor, own::TEXT, &Given::default()).unwrap();
    assert!(wanting(&open(&app).await.table(WANTING), "Own pack").is_none());

    let weaker = own::TEXT.replacen(
        "[[rule]]\nid = \"sealer-behind\"",
        "[[rule]]\nid = \"sealer-far-behind\"",
        1,
    );
    apply(&app.services, &actor, &weaker, &Given::default()).unwrap();
    let rows = open(&app).await.table(WANTING);
    let own = wanting(&rows, "Own pack").unwrap();
    assert!(own[0].contains("without sealer-behind"), "{own:?}");
}
