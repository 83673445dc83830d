//! Event streams: what is told, to whom, from where on, and when they end.

use std::time::Duration;

use chrono::Utc;
use diesel::connection::SimpleConnection;
use reqwest::Method;
use signalbox::foundation::audit::note::CheckpointSigner;
use signalbox::foundation::audit::seal::LogSealer;
use signalbox::foundation::audit::{Actor, Event, Log, Subject};
use signalbox::foundation::auth::Role as Held;
use signalbox::foundation::db;
use signalbox::foundation::db::roles::Role;
use signalbox::foundation::kernel::{PlatformId, Scope};
use tokio::time::{Instant, timeout};

use crate::support::app::TestApp;
use crate::support::personas::Client;

/// A few polls.
const SOON: Duration = Duration::from_secs(5);
const A_WHILE: Duration = Duration::from_millis(1_500);

/// Writes events of these kinds and seals them; the index of the last.
fn happen(app: &TestApp, kinds: &[&'static str]) -> i64 {
    let event = |&kind: &&'static str| Event::new(kind, Subject::new("thing", "1"));
    write(app, kinds.iter().map(event))
}

/// The same of one platform.
fn happen_at(app: &TestApp, platform: PlatformId, kind: &'static str) -> i64 {
    let event = Event::new(kind, Subject::new("thing", "1"));
    write(app, [event.platform(platform)])
}

fn write(app: &TestApp, events: impl IntoIterator<Item = Event>) -> i64 {
    app.services
        .audit
        .write(&Actor::job("test"), |tx| {
            for event in events {
                tx.record(event)?;
            }
            Ok::<_, db::Error>(())
        })
        .unwrap();
    let signer = CheckpointSigner::new("signalbox.test", &[7; 32]).unwrap();
    let mut conn = app.db.connect(Role::Sealer);
    let mut sealer = LogSealer::resume(&mut conn, Log::Main, &signer, Utc::now()).unwrap();
    sealer.seal(&mut conn, &signer, Utc::now(), 10_000).unwrap();
    i64::try_from(sealer.size()).unwrap() - 1
}

struct Stream {
    response: reqwest::Response,
    text: String,
}

async fn open(client: &Client, path: &str) -> Stream {
    let request = client
        .request(Method::GET, path)
        .header("accept", "text/event-stream");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    Stream {
        response,
        text: String::new(),
    }
}

impl Stream {
    /// Reads until `wanted` has been said.
    async fn hears(&mut self, wanted: &str) {
        let until = Instant::now() + SOON;
        while !self.text.contains(wanted) {
            let left = until.saturating_duration_since(Instant::now());
            let chunk = timeout(left, self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("no {wanted:?} in {:?}", self.text));
            let chunk = chunk.unwrap().expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn hears_topic(&mut self, topic: &str) {
        self.hears(&format!("event: change\ndata: {topic}\n\n"))
            .await;
    }

    /// Everything that is said within a while.
    async fn listen(&mut self) -> &str {
        let until = Instant::now() + A_WHILE;
        while let Ok(chunk) = tokio::time::timeout_at(until, self.response.chunk()).await {
            let Some(chunk) = chunk.unwrap() else { break };
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        &self.text
    }

    async fn ends(mut self) {
        let over = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        timeout(SOON, over).await.expect("the stream ends");
    }
}

#[actix_web::test]
async fn what_is_sealed_is_told_by_its_topic() {
    let app = TestApp::start().await;
    let head = happen(&app, &["session.signed_in"]);
    let mut stream = open(&app.as_operator(), &format!("/live?after={head}")).await;
    stream
        .hears(&format!("event: head\ndata: {head}\n\n"))
        .await;
    let head = happen(&app, &["alert.acknowledged", "event.reported"]);
    stream.hears_topic("alerts").await;
    stream.hears_topic("health").await;
    assert!(stream.text.contains(&format!("id: {head}\n")));
    assert!(!stream.text.contains("data: *"), "{}", stream.text);
}

#[actix_web::test]
async fn what_happened_between_a_page_and_its_stream_is_told_at_once() {
    let app = TestApp::start().await;
    let page = happen(&app, &["session.signed_in"]);
    let head = happen(&app, &["pack.applied"]);
    let operator = app.as_operator();
    let mut stream = open(&operator, &format!("/live?after={page}")).await;
    stream.hears_topic("packs").await;
    // A browser that comes back by itself repeats its old address, and says what it heard last.
    let request = operator
        .request(Method::GET, &format!("/live?after={page}"))
        .header("accept", "text/event-stream")
        .header("last-event-id", head.to_string());
    let mut again = Stream {
        response: request.send().await.unwrap(),
        text: String::new(),
    };
    assert!(!again.listen().await.contains("change"), "{}", again.text);
}

#[actix_web::test]
async fn whoever_does_not_say_since_when_is_told_that_anything_may_have_changed() {
    let app = TestApp::start().await;
    let mut stream = open(&app.as_operator(), "/live").await;
    stream.hears_topic("*").await;
}

#[actix_web::test]
async fn too_much_at_once_is_told_as_anything() {
    let app = TestApp::start().await;
    let head = happen(&app, &["session.signed_in"]);
    let mut stream = open(&app.as_operator(), &format!("/live?after={head}")).await;
    happen(&app, &["session.signed_in"; 501]);
    stream.hears_topic("*").await;
}

#[actix_web::test]
async fn nobody_hears_of_what_they_may_not_read() {
    let app = TestApp::start().await;
    let head = happen(&app, &["session.signed_in"]);
    let path = format!("/live?after={head}");
    let mut operator = open(&app.as_operator(), &path).await;
    let mut reviewer = open(&app.as_reviewer(), &path).await;
    happen(
        &app,
        &["kyc.case_opened", "intake.chunk_recorded", "alert.fired"],
    );
    operator.hears_topic("alerts").await;
    reviewer.hears_topic("reviews").await;
    let heard = operator.listen().await;
    assert!(
        !heard.contains("reviews") && !heard.contains("intake"),
        "{heard}"
    );
}

/// When something happens to a platform's customers is for those who are there for it.
#[actix_web::test]
async fn nobody_hears_of_a_platform_that_they_do_not_reach() {
    let app = TestApp::start().await;
    let (theirs, other) = (add_platform(&app, "theirs"), add_platform(&app, "other"));
    let head = happen(&app, &["session.signed_in"]);
    let path = format!("/live?after={head}");
    let limited = app.as_limited("limited@test.example", Held::Reviewer, Scope::one(theirs));
    let mut stream = open(&limited, &path).await;
    let mut everywhere = open(&app.as_reviewer(), &path).await;
    happen_at(&app, other, "kyc.case_opened");
    everywhere.hears_topic("reviews").await;
    happen_at(&app, other, "alert.fired");
    everywhere.hears_topic("alerts").await;
    // Whose customers were assessed or searched is not said.
    happen(&app, &["kyc.subjects_assessed", "subject.searched"]);
    everywhere.hears_topic("intake").await;
    let heard = stream.listen().await;
    assert!(!heard.contains("event: change"), "{heard}");

    happen_at(&app, theirs, "kyc.case_opened");
    stream.hears_topic("reviews").await;
    // The lists of sanctions are everybody's.
    happen(&app, &["screening.list_loaded"]);
    stream.hears_topic("screening").await;
    // What they missed is told as what happens while they listen.
    let mut late = open(&limited, &path).await;
    late.hears_topic("screening").await;
    let heard = late.listen().await;
    assert!(
        !heard.contains("alerts") && !heard.contains("intake"),
        "{heard}"
    );
    assert_eq!(heard.matches("data: reviews").count(), 1, "{heard}");
}

fn add_platform(app: &TestApp, slug: &str) -> PlatformId {
    let id = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) VALUES ('{id}', '{slug}', '{slug}', now())"
    );
    app.db.connect_superuser().batch_execute(&insert).unwrap();
    id
}

#[actix_web::test]
async fn a_stream_ends_with_its_session() {
    let app = TestApp::start().await;
    let head = happen(&app, &["session.signed_in"]);
    let path = format!("/live?after={head}");
    let (leaver, stayer) = (app.as_operator(), app.as_reviewer());
    let stream = open(&leaver, &path).await;
    let mut other = open(&stayer, &path).await;
    let page = leaver.post_form("/sign-out", &[]).await;
    assert_eq!(page.status, 303);
    stream.ends().await;
    happen(&app, &["alert.fired"]);
    other.hears_topic("alerts").await;

    let disable = format!(
        "UPDATE person SET disabled_at = now() WHERE id = '{}'",
        stayer.person
    );
    app.db.connect_superuser().batch_execute(&disable).unwrap();
    other.ends().await;
}

#[actix_web::test]
async fn a_session_has_only_so_many_streams() {
    let app = TestApp::start().await;
    let operator = app.as_operator();
    let mut open_streams = Vec::new();
    for _ in 0..12 {
        open_streams.push(open(&operator, "/live").await);
    }
    let request = operator.request(Method::GET, "/live");
    assert_eq!(request.send().await.unwrap().status(), 429);
    drop(open_streams);
}
