//! What the provider says of itself, and its keys: asked for when somebody first needs it, and again after an hour.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, DiscoveryError, IssuerUrl, ProviderMetadata, TokenUrl,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::Failure;
use super::http::{Error, Http};

/// How long what the provider has said is believed.
const BELIEVED_FOR: Duration = Duration::from_hours(1);
/// How long a provider that did not answer is left alone, so that a crowd does not wait for it one by one: longer than
/// anybody waits for it.
const LEFT_ALONE_FOR: Duration = Duration::from_secs(15);

pub(super) type Metadata = ProviderMetadata<
    Extensions,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What later standards have a provider say.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Extensions {
    /// RFC 9207.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    /// RFC 8414.
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl AdditionalProviderMetadata for Extensions {}

/// Whether the provider names itself whenever it sends somebody back.
pub(super) fn names_itself(metadata: &Metadata) -> bool {
    let said = metadata.additional_metadata();
    said.authorization_response_iss_parameter_supported
}

/// Whether the secret goes into the body of a request: in the header, unless the provider takes it there only.
pub(super) fn wants_secret_in_body(metadata: &Metadata) -> bool {
    let methods = metadata.token_endpoint_auth_methods_supported();
    methods.is_some_and(|methods| {
        methods.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
    })
}

/// What is known of the provider. Whoever needs it first asks, and the others wait for that answer.
#[derive(Default)]
pub(super) struct Known(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Nothing,
    /// Not to be asked again before then.
    Failed(Instant),
    /// Taken as it is until then.
    Answered(Instant, Arc<Metadata>),
}

impl Known {
    /// What the provider says of itself; something else than `older_than`, where that is given.
    pub(super) async fn get(
        &self,
        http: &Http,
        issuer: &IssuerUrl,
        older_than: Option<&Arc<Metadata>>,
    ) -> Result<Arc<Metadata>, Failure> {
        let mut state = self.0.lock().await;
        match &*state {
            State::Answered(until, metadata)
                if Instant::now() < *until
                    && !older_than.is_some_and(|older| Arc::ptr_eq(older, metadata)) =>
            {
                return Ok(Arc::clone(metadata));
            }
            State::Failed(until) if Instant::now() < *until => return Err(Failure::Unreachable),
            _ => {}
        }
        // Whoever waits for this may give up: then the next in line is not kept waiting, and what was known is good for
        // a little longer. A provider that is away for a moment takes nothing from what it has said.
        let known = match &*state {
            State::Answered(_, metadata) => Some(Arc::clone(metadata)),
            State::Nothing | State::Failed(_) => None,
        };
        let again_at = Instant::now() + LEFT_ALONE_FOR;
        *state = match &known {
            Some(metadata) => State::Answered(again_at, Arc::clone(metadata)),
            None => State::Failed(again_at),
        };
        match fetch(http, issuer).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                let until = Instant::now() + BELIEVED_FOR;
                *state = State::Answered(until, Arc::clone(&metadata));
                Ok(metadata)
            }
            Err(cause) => {
                tracing::warn!(cause, "the OpenID Connect provider does not say who it is");
                known.ok_or(Failure::Unreachable)
            }
        }
    }
}

/// Asks the provider who it is and for its keys, or says why that is no answer.
pub(super) async fn fetch(http: &Http, issuer: &IssuerUrl) -> Result<Metadata, String> {
    let ask = |request| http.ask(request);
    let metadata = Metadata::discover_async(issuer.clone(), &ask)
        .await
        .map_err(|error| told(&error))?;
    let addresses = [
        Some(metadata.authorization_endpoint().url()),
        metadata.token_endpoint().map(TokenUrl::url),
    ];
    if addresses.contains(&None) {
        return Err("it has no token address".to_owned());
    }
    if let Some(plain) = addresses
        .into_iter()
        .flatten()
        .find(|url| !http.allows(url))
    {
        return Err(format!("{plain} is no https address"));
    }
    let methods = &metadata
        .additional_metadata()
        .code_challenge_methods_supported;
    // Those that say nothing are given the benefit of the doubt: many take it and do not say so.
    if methods
        .as_ref()
        .is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
    {
        return Err("it does not take PKCE with S256".to_owned());
    }
    Ok(metadata)
}

/// Why the answer is none, without repeating it.
fn told(error: &DiscoveryError<Error>) -> String {
    match error {
        DiscoveryError::Request(cause) => cause.to_string(),
        DiscoveryError::Response(status, ..) => format!("status {status}"),
        DiscoveryError::Validation(_) => {
            "it names another issuer than SIGNALBOX_OIDC_ISSUER".to_owned()
        }
        _ => "its answer does not read".to_owned(),
    }
}
