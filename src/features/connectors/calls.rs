//! Asking a connector whether it answers.

use std::error::Error as _;
use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, redirect};

use super::breaker::{Verdict, retry_after};
use super::store::calls::Ended;
use crate::features::packs::pack::Connector;

const OURSELVES: &str = concat!("Signalbox/", env!("CARGO_PKG_VERSION"), " (connector)");

/// What all calls share.
#[derive(Clone)]
pub struct Caller(Client);

impl Caller {
    /// # Errors
    /// No client can be made.
    pub fn new() -> Result<Self, String> {
        // Connections are not kept: one that is reused would not see that nobody listens.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build();
        client.map(Self).map_err(|error| innermost(&error))
    }

    /// One GET of an operation. The body of the answer is not read: whether it answers is all that is asked.
    pub async fn call(&self, connector: &Connector, operation: &str) -> Ended {
        call(&self.0, connector, operation).await
    }
}

async fn call(client: &Client, connector: &Connector, operation: &str) -> Ended {
    let begun = Instant::now();
    let timeout = Duration::from_millis(connector.timeout.millis().unsigned_abs());
    let (verdict, answer) =
        match tokio::time::timeout(timeout, ask(client, connector, operation)).await {
            Ok(told) => told,
            Err(_) => (
                Verdict::Failed,
                format!("no answer within {}", connector.timeout),
            ),
        };
    Ended {
        verdict,
        answer,
        took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
    }
}

async fn ask(client: &Client, connector: &Connector, operation: &str) -> (Verdict, String) {
    let nothing = |why: String| (Verdict::Nothing, why);
    let Some(address) = connector.address(operation) else {
        return nothing("the pack names no such operation".to_owned());
    };
    let agent = connector.user_agent.as_deref().unwrap_or(OURSELVES);
    let mut request = client.get(address).header(USER_AGENT, agent);
    let file = connector.authorization_file.as_str();
    if !file.is_empty() {
        match tokio::fs::read_to_string(file).await {
            Ok(value) => {
                request = request.header(AUTHORIZATION, value.trim_end_matches(['\r', '\n']));
            }
            // Our own set-up is wrong; that says nothing about the other side.
            Err(error) => return nothing(format!("{file}: {error}")),
        }
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => return nothing(innermost(&error)),
        Err(error) => return (Verdict::Failed, innermost(&error)),
    };
    let status = response.status();
    let header = response.headers().get(RETRY_AFTER);
    let asked = header.and_then(|value| value.to_str().ok());
    // The date in the header is by the world's clock, whatever ours is set to in a test.
    let wait = asked.and_then(|text| retry_after(text, Utc::now()));
    let mut answer = format!("status {}", status.as_u16());
    if let Some(wait) = wait.filter(|_| status.as_u16() == 429) {
        answer = format!("{answer}, asks to wait {} s", wait.num_seconds());
    }
    (Verdict::of_status(status.as_u16(), wait), answer)
}

/// The most telling message is the innermost one, and it repeats no address.
fn innermost(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    if error.source().is_none() {
        return "the request could not be made".to_owned();
    }
    last.to_string().chars().take(200).collect()
}
