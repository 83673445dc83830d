//! Every connection taken, and a database that says nothing at all.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use signalbox::app;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::sessions::Stage;

use super::Trial;
use super::plant::Plant;
use super::program::{PASSWORD, people};
use crate::support::personas::{begin_session, find_or_add, session_cookie};

const CALLERS: usize = 60;

/// A served application, and somebody who is signed in.
struct Site {
    url: String,
    cookie: String,
    http: reqwest::Client,
    _running: app::Running,
}

struct Answer {
    status: u16,
    retry_after: Option<String>,
    took: Duration,
}

impl Site {
    fn serve(plant: &Plant) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let services = plant.services(port);
        let person = find_or_add(&services, "faults@test.example", "Test", &[Role::Auditor]);
        let token = begin_session(&services, person, Stage::Full);
        Self {
            url: format!("http://localhost:{port}"),
            cookie: session_cookie(&services, token.expose()),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            _running: app::serve(services, listener).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url));
        Self::send(request.header("cookie", &self.cookie)).await
    }

    /// The password of somebody who is a stranger to this browser.
    async fn sign_in(&self, email: &str) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("email", email), ("password", PASSWORD)])
            .append_pair("idempotency", &uuid::Uuid::now_v7().to_string())
            .finish();
        let request = self
            .http
            .post(format!("{}/sign-in", self.url))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        Self::send(request.body(body)).await
    }

    async fn send(request: reqwest::RequestBuilder) -> Answer {
        let began = Instant::now();
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            retry_after: answer
                .headers()
                .get("retry-after")
                .map(|value| value.to_str().unwrap().to_owned()),
            took: began.elapsed(),
        }
    }

    /// Many people at once.
    async fn crowd(&self, path: &str) -> Vec<Answer> {
        join_all((0..CALLERS).map(|_| self.get(path))).await
    }

    async fn expect(&self, path: &str, status: u16) -> Answer {
        let answer = self.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        answer
    }
}

/// Whoever cannot be served is told so at once; the process is alive, is not ready, and still lets
/// people sign in.
pub async fn exhausted(trial: Trial) {
    let plant = Plant::start();
    let site = Site::serve(&plant);
    let people = people(&plant.services(1));
    for _ in 0..trial.rounds {
        site.expect("/alerts", 200).await;
        let mut locker = plant.superuser();
        // Pages wait for it; whoever is on the way in does not touch it.
        locker
            .batch_execute("BEGIN; LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
            .unwrap();
        let during = async {
            // Until the pages' connections are all taken.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let alive = site.expect("/health", 200).await;
            assert!(
                alive.took < Duration::from_secs(1),
                "alive after {:?}",
                alive.took
            );
            let readiness = site.expect("/api/readiness", 503).await;
            assert_prompt(&readiness);
            site.expect("/api/health/db", 200).await;
            let entered = site.sign_in(&people[0]).await;
            assert_eq!(entered.status, 303, "nobody can sign in");
            assert!(
                entered.took < Duration::from_secs(2),
                "in after {:?}",
                entered.took
            );
            locker.batch_execute("ROLLBACK").unwrap();
        };
        let (answers, ()) = tokio::join!(site.crowd("/alerts"), during);
        let refused: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status != 200)
            .collect();
        assert!(!refused.is_empty(), "nobody was turned away");
        refused.into_iter().for_each(assert_prompt);
        site.expect("/alerts", 200).await;
        site.expect("/api/readiness", 200).await;
    }
    println!(
        "connections exhausted {} times: told within 2 s, alive, not ready, people sign in, and back",
        trial.rounds
    );
}

fn assert_prompt(answer: &Answer) {
    assert_eq!(answer.status, 503);
    assert!(answer.retry_after.is_some(), "no Retry-After");
    assert!(
        answer.took < Duration::from_secs(2),
        "told after {:?}",
        answer.took
    );
}

/// The database stops in its tracks and keeps every connection open: nobody waits for ever, the
/// process says that it is alive, and everything works when the database goes on.
pub async fn silent(trial: Trial) {
    let plant = Plant::start();
    let site = Site::serve(&plant);
    let mut longest = Duration::ZERO;
    for _ in 0..trial.rounds {
        site.crowd("/account").await;
        let frozen = plant.freeze();
        let during = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let alive = site.expect("/health", 200).await;
            assert!(
                alive.took < Duration::from_secs(1),
                "alive after {:?}",
                alive.took
            );
            site.expect("/api/readiness", 503).await;
        };
        let (answers, ()) = tokio::join!(site.crowd("/account"), during);
        for answer in &answers {
            assert_eq!(answer.status, 503);
            assert!(answer.retry_after.is_some(), "no Retry-After");
            longest = longest.max(answer.took);
        }
        assert!(longest < Duration::from_secs(15), "told after {longest:?}");
        drop(frozen);
        let began = Instant::now();
        while site.get("/account").await.status != 200 {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "it does not recover"
            );
        }
        site.expect("/api/readiness", 200).await;
    }
    println!(
        "the database silent {} times: everybody told within {longest:?}, alive, and back",
        trial.rounds
    );
}
