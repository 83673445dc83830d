use futures_util::StreamExt;
use reqwest::{Client, Response};
use serde_json::Value;

use super::connect::{connect, is_temporary};
use super::{Cause, error_kind, innermost, outcome_of};
use crate::features::health::probe::{ErrorKind, Failure, Outcome};
use crate::features::packs::pack::Http;

/// A health answer is small; whatever is larger is not one.
const BODY_LIMIT: usize = 256 * 1024;

/// Asks once, and holds the answer against what the pack expects.
pub async fn check(client: &Client, http: &Http) -> Outcome {
    let response = match client.get(&http.url).send().await {
        Ok(response) => response,
        Err(error) => return failed(&error, &http.url).await,
    };
    if let Err(failure) = check_head(&response, http) {
        return Outcome::Failed(failure);
    }
    if http.json.is_empty() && http.text.is_none() {
        return Outcome::Good(Vec::new());
    }
    match read_body(response, BODY_LIMIT).await {
        Ok(body) => {
            check_body(&body, http).map_or_else(Outcome::Failed, |()| Outcome::Good(Vec::new()))
        }
        Err(outcome) => outcome,
    }
}

/// What a request that was not answered says of its target.
pub async fn failed(error: &reqwest::Error, url: &str) -> Outcome {
    if error.is_dns() {
        let message = innermost(error);
        return if is_temporary(&message) {
            Outcome::Unknown(format!("our resolver does not answer: {message}"))
        } else {
            Outcome::failed(ErrorKind::Dns, "the name does not resolve")
        };
    }
    let outcome = outcome_of(error, ErrorKind::WrongAnswer);
    // The client tells of the last address only, which may be of a family that this machine does not
    // speak; each is asked once more before that is taken for our own network being away.
    if matches!(error_kind(error), Some(Cause::OurNetwork))
        && let Some((host, port)) = host_and_port(url)
        && let Err(telling) = connect(&host, port).await
    {
        return telling;
    }
    outcome
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

/// Fails for a status that is none of these.
pub fn check_status(response: &Response, wanted: &[u16]) -> Result<(), Failure> {
    let status = response.status().as_u16();
    if wanted.contains(&status) {
        return Ok(());
    }
    let kind = match status {
        401 | 403 | 407 => ErrorKind::Authentication,
        _ => ErrorKind::WrongAnswer,
    };
    Err(Failure::new(kind, format!("status {status}")))
}

fn check_head(response: &Response, http: &Http) -> Result<(), Failure> {
    check_status(response, &http.status)?;
    for (name, expected) in &http.header {
        let given = response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        if !given.is_some_and(|given| given.contains(expected.as_str())) {
            let message = format!("the header {name} does not hold \"{expected}\"");
            return Err(Failure::new(ErrorKind::WrongAnswer, message));
        }
    }
    Ok(())
}

/// The body, up to so many bytes.
pub async fn read_body(response: Response, limit: usize) -> Result<Vec<u8>, Outcome> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| outcome_of(&error, ErrorKind::WrongAnswer))?;
        if body.len() + chunk.len() > limit {
            return Err(Outcome::failed(
                ErrorKind::WrongAnswer,
                format!("the answer is larger than {} KiB", limit / 1024),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn check_body(body: &[u8], http: &Http) -> Result<(), Failure> {
    let wrong = |message: String| Err(Failure::new(ErrorKind::WrongAnswer, message));
    if let Some(text) = &http.text
        && !String::from_utf8_lossy(body).contains(text.as_str())
    {
        return wrong(format!("the body does not hold \"{text}\""));
    }
    if http.json.is_empty() {
        return Ok(());
    }
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return wrong("the body is not JSON".to_owned());
    };
    for (pointer, expected) in &http.json {
        match answer.pointer(pointer) {
            Some(given) if given == expected => {}
            Some(given) => return wrong(format!("{pointer} is {}, not {expected}", short(given))),
            None => return wrong(format!("{pointer} is missing")),
        }
    }
    Ok(())
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}
