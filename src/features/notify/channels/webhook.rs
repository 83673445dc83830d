//! Webhooks: one POST, to an address that somebody typed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::Outcome;
use crate::features::connectors::breaker::{Verdict, retry_after};
use crate::features::notify::address;
use crate::features::notify::endpoint::Kind;
use crate::features::notify::letter::Letter;
use crate::features::notify::notice::{LONGEST_ANSWER, line as one_line};
use crate::features::notify::signing;
use crate::features::notify::store::endpoints::Line;
use crate::foundation::kernel::Networks;
use crate::foundation::web::outgoing::{self, why};

/// How long one attempt may take, from the question for the name to the end of what we read of the answer.
pub const LONGEST_TRY: Duration = Duration::from_secs(10);
/// What is read of an answer, to be shown; the rest stays where it is.
const READ: usize = 4 * 1024;

pub(super) async fn send(
    networks: &Networks,
    line: &Line,
    letter: &Letter,
    now: DateTime<Utc>,
) -> Outcome {
    match tokio::time::timeout(LONGEST_TRY, attempt(networks, line, letter, now)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Broken(format!("No answer within {} s.", LONGEST_TRY.as_secs())),
    }
}

async fn attempt(networks: &Networks, line: &Line, letter: &Letter, now: DateTime<Utc>) -> Outcome {
    let url = match address::parse(line.url.expose(), networks) {
        Ok(url) => url,
        Err(unfit) => return Outcome::NotAsked(format!("Not asked. {unfit}.")),
    };
    let addresses = resolve(&url).await;
    if let Err(unfit) = address::check(&url, &addresses, networks) {
        return Outcome::NotAsked(format!("Not asked. {unfit}."));
    }
    let client = match client(&url, &addresses) {
        Ok(client) => client,
        Err(error) => return Outcome::NotAsked(reason(&error)),
    };
    let (body, signed) = match line.kind {
        Kind::Standard => (letter.standard().to_string(), true),
        Kind::Slack => (letter.slack().to_string(), false),
    };
    let mut request = client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, outgoing::OURSELVES);
    if signed {
        let (id, timestamp) = (letter.id.to_string(), now.timestamp());
        let secrets = line.secrets.iter().map(|secret| secret.expose().as_slice());
        let signature = signing::sign_with_all(secrets, &id, timestamp, body.as_bytes());
        request = request
            .header(signing::ID, id)
            .header(signing::TIMESTAMP, timestamp)
            .header(signing::SIGNATURE, signature);
    }
    match request.body(body).send().await {
        Ok(response) => answer(response, now).await,
        Err(error) => Outcome::Broken(reason(&error)),
    }
}

/// All that the name stands for at this moment.
async fn resolve(url: &Url) -> Vec<IpAddr> {
    if let Some(address) = address::literal(url) {
        return vec![address];
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(_) => Vec::new(),
    }
}

/// Connects to the addresses that were looked at, and not to what the name stands for a moment later.
fn client(url: &Url, addresses: &[IpAddr]) -> reqwest::Result<Client> {
    let port = url.port_or_known_default().unwrap_or_default();
    let pinned: Vec<SocketAddr> = addresses
        .iter()
        .map(|address| SocketAddr::new(*address, port))
        .collect();
    outgoing::client()
        .no_proxy()
        .timeout(LONGEST_TRY)
        .resolve_to_addrs(url.host_str().unwrap_or_default(), &pinned)
        .build()
}

async fn answer(mut response: Response, now: DateTime<Utc>) -> Outcome {
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER);
    let wait = wait
        .and_then(|value| value.to_str().ok())
        .and_then(|text| retry_after(text, now));
    let body = beginning(&mut response).await;
    let said = one_line(&body, LONGEST_ANSWER - 100);
    let text = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    let text = if said.is_empty() {
        text
    } else {
        format!("{text}: {said}")
    };
    if status.is_success() {
        Outcome::Delivered(text)
    } else if status == StatusCode::GONE {
        Outcome::Gone(text)
    } else if status.is_redirection() {
        Outcome::Failed(format!(
            "{text}. It leads elsewhere, where we do not follow."
        ))
    } else {
        match Verdict::of_status(status.as_u16(), wait) {
            Verdict::Failed => Outcome::Broken(text),
            Verdict::Limited(wait) => Outcome::Limited(text, wait),
            Verdict::Answered | Verdict::Nothing => Outcome::Failed(text),
        }
    }
}

/// As much of the answer as is shown. The status has decided already: whatever goes wrong with the rest is no matter.
async fn beginning(response: &mut Response) -> String {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = READ - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() >= READ {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), reading).await;
    String::from_utf8_lossy(&body).into_owned()
}

/// Why it was not answered, without the address: of a chat that is the secret.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("No answer within {} s.", LONGEST_TRY.as_secs());
    }
    one_line(&why(error), LONGEST_ANSWER)
}
