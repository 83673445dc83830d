//! Asking a connector whether it answers.

use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, USER_AGENT};
use tokio::io::AsyncReadExt;

use super::breaker::{Verdict, retry_after};
use super::store::calls::Ended;
use crate::features::packs::pack::Connector;
use crate::foundation::web::outgoing::{self, why};

const OURSELVES: &str = concat!("Signalbox/", env!("CARGO_PKG_VERSION"), " (connector)");

/// Longest authorisation, in bytes.
const AUTHORIZATION_AT_MOST: u64 = 8 * 1024;

/// What all calls share.
#[derive(Clone)]
pub struct Caller(Client);

impl Caller {
    /// # Errors
    /// No client can be made.
    pub fn new() -> Result<Self, String> {
        let client = outgoing::client().no_proxy().build();
        client.map(Self).map_err(|error| why(&error))
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
        match authorization(file).await {
            Ok(value) => request = request.header(AUTHORIZATION, value),
            // Our own set-up is wrong; that says nothing about the other side, and where the file is nobody's business.
            Err(error) => {
                tracing::warn!(
                    file,
                    error,
                    "the authorisation of a connector cannot be read"
                );
                return nothing("the file of its authorisation cannot be read".to_owned());
            }
        }
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => return nothing(why(&error)),
        Err(error) => return (Verdict::Failed, why(&error)),
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

/// What a file says, as a header that no log shows.
async fn authorization(file: &str) -> Result<HeaderValue, String> {
    let opened = tokio::fs::File::open(file).await;
    let mut limited = opened
        .map_err(|error| error.to_string())?
        .take(AUTHORIZATION_AT_MOST + 1);
    let mut text = String::new();
    let read = limited.read_to_string(&mut text).await;
    let read = read.map_err(|error| error.to_string())?;
    if u64::try_from(read).unwrap_or(u64::MAX) > AUTHORIZATION_AT_MOST {
        return Err(format!("it is longer than {AUTHORIZATION_AT_MOST} bytes"));
    }
    let value = HeaderValue::from_str(text.trim_end_matches(['\r', '\n']));
    let mut value = value.map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}
