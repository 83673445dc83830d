use reqwest::{Client, RequestBuilder};

use super::http::{self, failed, read_body};
use super::password;
use crate::features::health::exposition::{self, Value};
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::Prometheus;

/// The largest exporters that are known serve a few megabytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The plain text format; of what else exporters offer, OpenMetrics is read too.
const ACCEPT: &str =
    "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";

/// Asks once for the page, and leaves in `scraped` what is kept of it.
pub async fn check(client: &Client, scrape: &Prometheus, scraped: &mut Vec<Value>) -> Outcome {
    match fetch(client, scrape).await {
        Ok(values) => {
            *scraped = values;
            Outcome::Good(Vec::new())
        }
        Err(outcome) => outcome,
    }
}

async fn fetch(client: &Client, scrape: &Prometheus) -> Result<Vec<Value>, Outcome> {
    let request = client.get(&scrape.url).header("accept", ACCEPT);
    let request = authorised(request, scrape).await?;
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Err(failed(&error, &scrape.url).await),
    };
    http::check_status(&response, &[200]).map_err(Outcome::Failed)?;
    let body = read_body(response, BODY_LIMIT).await?;
    let wrong = |message: String| Outcome::failed(ErrorKind::WrongAnswer, message);
    let page = std::str::from_utf8(&body).map_err(|_| wrong("the page is not text".to_owned()))?;
    let keeps = |name: &str| scrape.keep.iter().any(|kept| kept == name);
    let values = exposition::read(page, keeps).map_err(|error| wrong(error.to_string()))?;
    Ok(exposition::narrowed(values, &scrape.labels))
}

async fn authorised(
    request: RequestBuilder,
    scrape: &Prometheus,
) -> Result<RequestBuilder, Outcome> {
    if let Some(token) = password(&scrape.bearer_file).await? {
        return Ok(request.bearer_auth(token));
    }
    let password = password(&scrape.password_file).await?;
    Ok(match password {
        Some(password) => request.basic_auth(&scrape.user, Some(password)),
        None => request,
    })
}
