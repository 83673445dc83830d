//! How the provider is asked: over TLS, without following redirects, for a bounded time and a bounded answer.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse, http};
use reqwest::{Client, Request, Response, StatusCode};
use url::Url;

use super::Unusable;
use crate::foundation::config::{ProviderConfig, is_loopback};
use crate::foundation::web::outgoing::{self, innermost};

/// How long one answer may take, to its last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const MOST_BYTES: usize = 100 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    /// Whether this machine may be asked without TLS.
    plain: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0} is not asked: it is no https address")]
    Plain(Url),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("an answer of more than {MOST_BYTES} bytes")]
    Long,
    #[error("status {0}")]
    Status(StatusCode),
    #[error("{}", innermost(.0))]
    Network(#[from] reqwest::Error),
    #[error(transparent)]
    Http(#[from] http::Error),
}

impl Http {
    pub(super) fn new(config: &ProviderConfig) -> Result<Self, Unusable> {
        let mut builder = outgoing::client()
            .user_agent(outgoing::OURSELVES)
            .connect_timeout(PATIENCE);
        if config.is_plain() {
            builder = builder.no_proxy();
        }
        Ok(Self {
            client: builder.build()?,
            plain: config.is_plain(),
        })
    }

    /// Whether an address of the provider's may be asked, or people sent to.
    pub(super) fn allows(&self, url: &Url) -> bool {
        url.scheme() == "https" || (self.plain && url.scheme() == "http" && is_loopback(url))
    }

    pub(super) async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let request = Request::try_from(request)?;
        if !self.allows(request.url()) {
            return Err(Error::Plain(request.url().clone()));
        }
        let asked = async {
            let response = self.client.execute(request).await?;
            read(response).await
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        answered.map_err(|_| Error::Late)?
    }
}

/// An answer in the protocol is a 200, or a 400 or 401 that says why not. All else is no answer: redirects too.
async fn read(mut response: Response) -> Result<HttpResponse, Error> {
    let status = response.status();
    if ![
        StatusCode::OK,
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
    ]
    .contains(&status)
    {
        return Err(Error::Status(status));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(Error::Long);
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = http::Response::builder().status(status);
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    Ok(answer.body(body)?)
}
