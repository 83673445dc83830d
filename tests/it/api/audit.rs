//! The audit log for programs that keep a copy of it.

use chrono::Duration;
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::{Actor, Event, Log, Subject, tree};
use signalbox::foundation::auth::keys::KeyScope::AuditRead;
use signalbox::foundation::auth::keys::NewKey;
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};

use crate::support::app::TestApp;
use crate::support::keys::new_key;

const PATH: &str = "/api/v1/audit/events";

pub fn seal(app: &TestApp) {
    let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
    let mut conn = app.db.connect(Role::Sealer);
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &signer, app.now()).unwrap();
    sealer.seal(&mut conn, &signer, app.now(), 10_000).unwrap();
}

fn record(app: &TestApp, count: usize, platform: Option<PlatformId>) {
    for number in 0..count {
        app.advance(Duration::microseconds(1));
        let mut event = Event::new("test.happened", Subject::new("thing", number));
        if let Some(platform) = platform {
            event = event.platform(platform);
        }
        let written: db::Result<()> = app.services.audit.write(&Actor::job("test"), |tx| {
            tx.record(event)?;
            Ok(())
        });
        written.unwrap();
    }
}

#[actix_web::test]
async fn the_log_is_followed_by_its_index_to_the_byte() {
    let app = TestApp::start().await;
    let program = app.program(&[AuditRead]);
    record(&app, 230, None);
    seal(&app);
    let mut next = Some(PATH.to_owned());
    let mut expected = 0;
    while let Some(path) = next {
        let page = program.get(&path).await.json();
        for event in page["items"].as_array().unwrap() {
            assert_eq!(event["index"], expected);
            let body = event["body"].as_str().unwrap();
            let leaf = tree::leaf_hash(body.as_bytes());
            assert_eq!(event["leaf_hash"], hex::encode(leaf));
            expected += 1;
        }
        next = page["next"].as_str().map(str::to_owned);
    }
    assert!(
        expected > 230,
        "the key's own making is among them: {expected}"
    );
    // Nothing new, then one more.
    let last = format!("{PATH}?after={}", expected - 1);
    let later = program.get(&last).await.json();
    assert_eq!(later["items"].as_array().unwrap().len(), 0);
    seal(&app);
    let later = program.get(&last).await.json();
    let body: serde_json::Value =
        serde_json::from_str(later["items"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body["kind"], "audit_log.followed",
        "reading is itself an event"
    );
    assert_eq!(body["actor"]["id"], program.id.as_str());
    assert_eq!(
        app.events_of("audit_log.followed").len(),
        0,
        "once, and it is sealed"
    );
    app.advance(Duration::minutes(15));
    program.get(PATH).await;
    program.get(PATH).await;
    assert_eq!(app.events_of("audit_log.followed").len(), 1);
}

#[actix_web::test]
async fn a_key_of_one_platform_reads_its_events_and_no_others() {
    let app = TestApp::start().await;
    let ids = ["here", "there"].map(|slug| {
        use diesel::connection::SimpleConnection as _;
        let id = PlatformId::new();
        let insert = format!(
            "INSERT INTO platform (id, slug, name, created_at) VALUES ('{id}', '{slug}', '{slug}', now())"
        );
        app.db.connect_superuser().batch_execute(&insert).unwrap();
        id
    });
    record(&app, 2, Some(ids[0]));
    record(&app, 3, Some(ids[1]));
    record(&app, 4, None);
    let made = app.make_key(NewKey {
        reach: Scope::one(ids[1]),
        ..new_key(&[AuditRead])
    });
    seal(&app);
    let page = app.program_with(made.text.expose()).get(PATH).await.json();
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        assert!(item["body"].as_str().unwrap().contains(&ids[1].to_string()));
    }
}

#[actix_web::test]
async fn a_place_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let program = app.program(&[AuditRead]);
    for after in ["-1", "x", "99999999999999999999", "1.5"] {
        let refused = program.get(&format!("{PATH}?after={after}")).await;
        assert_eq!(refused.problem(), (400, "malformed".to_owned()), "{after}");
    }
    let beyond = program.get(&format!("{PATH}?after={}", i64::MAX)).await;
    assert_eq!(beyond.json()["items"].as_array().unwrap().len(), 0);
    assert!(app.events_of("audit_log.followed").len() < 2);
}
