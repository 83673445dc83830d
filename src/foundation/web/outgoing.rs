//! What all clients of ours have in common that ask others over HTTP.

use std::error::Error;

use reqwest::{ClientBuilder, redirect};

/// Who we say that we are.
pub const OURSELVES: &str = concat!("Signalbox/", env!("CARGO_PKG_VERSION"));

/// Longest reason that is told, in characters.
const REASON_AT_MOST: usize = 200;

/// A client that follows nobody elsewhere, and keeps no connection: one that is reused would not see that nobody listens.
pub fn client() -> ClientBuilder {
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
}

/// The cause at the end of a chain. It is the most telling one, and the outer ones repeat the address, which may be a
/// secret.
#[must_use]
pub fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last
}

/// Why a request was not answered, without its address.
#[must_use]
pub fn why(error: &reqwest::Error) -> String {
    if error.source().is_none() {
        return "the request could not be made".to_owned();
    }
    let told = innermost(error).to_string();
    told.chars().take(REASON_AT_MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reason_names_no_address() {
        let client = client().no_proxy().build().unwrap();
        let secret = "http://127.0.0.1:9/services/secret-of-a-chat";
        let error = client.get(secret).send().await.unwrap_err();
        assert!(error.to_string().contains("secret-of-a-chat"));
        assert!(!why(&error).contains("secret-of-a-chat"), "{}", why(&error));
        let unmade = client.get("no address").build().unwrap_err();
        assert!(!why(&unmade).contains("no address"), "{}", why(&unmade));
    }
}
