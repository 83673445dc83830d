//! Whose word on a visitor's address is taken.

use std::net::TcpListener;
use std::sync::Arc;

use signalbox::app;
use signalbox::foundation::config::{Config, Mode};

use crate::support::app::services;
use crate::support::db::TestDb;

/// How many of eight bad tries, each said to come from another network, are let through to the secret.
async fn checked(trusted: &str) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let db = TestDb::create();
    let mut services = services(Mode::Demo, port, &db);
    let mut config = Config::clone(&services.config);
    config.web.trusted_proxies = trusted.parse().unwrap();
    services.config = Arc::new(config);
    let running = app::serve(services, listener).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut checked = 0;
    for number in 0..8 {
        let key = uuid::Uuid::now_v7();
        let answer = http
            .post(format!("http://localhost:{port}/sign-in"))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("203.0.{number}.1"))
            .body(format!(
                "email=a%40test.example&password=x&csrf=&idempotency={key}"
            ));
        checked += usize::from(answer.send().await.unwrap().status() == 422);
    }
    running.stop().await;
    checked
}

#[actix_web::test]
async fn a_header_buys_no_tries_unless_a_trusted_proxy_wrote_it() {
    assert_eq!(checked("").await, 5);
    assert_eq!(checked("10.0.0.0/8").await, 5, "another network is trusted");
    assert_eq!(checked("127.0.0.0/8").await, 8);
}
