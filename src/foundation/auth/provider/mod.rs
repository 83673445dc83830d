//! The organisation's own provider, where people sign in who have an account there: OpenID Connect, the authorisation
//! code with PKCE. What comes of it is a first factor, as a password is.
//!
//! Invariants:
//! - the provider is asked outside of any transaction and off the lanes of the database, so that one which hangs
//!   keeps nobody from a password, a passkey or a page;
//! - a token counts when its signature, issuer, audience, nonce and times do; algorithms with a shared secret, and none,
//!   are not known here;
//! - nothing that the provider says is shown as it stands, and its access tokens are dropped unused.

mod http;
pub mod journeys;
mod metadata;
pub mod strength;

use std::sync::Arc;
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreIdToken, CoreIdTokenClaims,
    CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
};
use tokio::sync::Semaphore;
use url::Url;

use self::http::Http;
use self::journeys::Tokens;
use self::metadata::{Known, Metadata};
use super::sessions;
use crate::foundation::config::{Config, ProviderConfig};
use crate::foundation::crypto::Keyring;

/// Where the provider sends people back to.
pub const BACK_PATH: &str = "/sign-in/provider/back";

/// Answers of the provider that are waited for at once.
const MOST_WAITING: usize = 64;
/// How long people are kept waiting for the provider, whatever it has to be asked.
const PATIENCE: StdDuration = StdDuration::from_secs(10);
/// How far its clock may be from ours.
const LEEWAY: Duration = Duration::minutes(2);
/// A sign-in at the provider that is older than a session of ours may be is no second factor.
const RECENT: Duration = sessions::ABSOLUTE;
const LONGEST_SUBJECT: usize = 255;
const LONGEST_EMAIL: usize = 254;

/// What signs tokens: a key of the provider's own. Never a secret that we have too.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Our side of the conversation, with both addresses set.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

/// The provider cannot even be asked.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    Tls(#[from] reqwest::Error),
    #[error(transparent)]
    Address(#[from] url::ParseError),
}

/// Why nobody was signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does not answer, or not as a provider does.
    Unreachable,
    /// It answered, and the answer does not hold.
    Untrue,
}

/// What the browser brings back.
#[derive(Clone, Debug)]
pub struct Brought {
    pub code: String,
    /// Which provider sent it (RFC 9207).
    pub issuer: Option<String>,
}

/// Somebody whom the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub subject: String,
    pub email: Option<String>,
    /// Whether the provider has seen two factors lately, and the installation believes it.
    pub second_factor: bool,
}

/// The configured provider. Cheap to clone.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    config: ProviderConfig,
    issuer: IssuerUrl,
    back: RedirectUrl,
    http: Http,
    known: Known,
    turns: Semaphore,
}

impl Provider {
    /// The provider of this installation; it is not asked for anything yet.
    pub fn of(config: &Config) -> Result<Option<Self>, Unusable> {
        let Some(provider) = config.provider.clone() else {
            return Ok(None);
        };
        let back = config.web.base_url.join(BACK_PATH)?;
        Ok(Some(Self(Arc::new(Inner {
            issuer: IssuerUrl::new(provider.issuer.clone())?,
            back: RedirectUrl::from_url(back),
            http: Http::new(&provider)?,
            config: provider,
            known: Known::default(),
            turns: Semaphore::new(MOST_WAITING),
        }))))
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Whether its word for two factors is taken.
    #[must_use]
    pub fn trusts_amr(&self) -> bool {
        self.0.config.trusts_amr
    }

    /// How it names itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.config.issuer
    }

    /// Where people have to be sent back to, as it is registered there.
    #[must_use]
    pub fn back(&self) -> &str {
        &self.0.back
    }

    /// Where somebody signs in who begins this journey.
    pub async fn address(&self, keyring: &Keyring, tokens: &Tokens) -> Result<Url, Failure> {
        self.patiently(async {
            let metadata = self.metadata(None).await?;
            let verifier = PkceCodeVerifier::new(tokens.verifier(keyring));
            let client = self.client(&metadata)?;
            let (state, nonce) = (tokens.state.expose().to_owned(), tokens.nonce(keyring));
            let mut request = client
                .authorize_url(
                    CoreAuthenticationFlow::AuthorizationCode,
                    || CsrfToken::new(state),
                    || Nonce::new(nonce),
                )
                .add_scope(Scope::new("email".to_owned()))
                .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
            if self.0.config.trusts_amr {
                request = request.set_max_age(RECENT.to_std().unwrap_or_default());
            }
            Ok(request.url().0)
        })
        .await
    }

    /// Turns what came back from a journey into who it was.
    pub async fn redeem(
        &self,
        keyring: &Keyring,
        tokens: &Tokens,
        brought: Brought,
        now: DateTime<Utc>,
    ) -> Result<Proven, Failure> {
        self.patiently(async {
            let metadata = self.metadata(None).await?;
            self.check_sender(&metadata, brought.issuer.as_deref())?;
            let verifier = PkceCodeVerifier::new(tokens.verifier(keyring));
            let token = self.exchange(&metadata, brought.code, verifier).await?;
            let nonce = Nonce::new(tokens.nonce(keyring));
            let claims = self.verify(metadata, &token, &nonce, now).await?;
            self.proven(&claims, now)
        })
        .await
    }

    /// What is wrong with it, for whoever set it up; nothing where it answers as a provider does.
    pub async fn examine(&self) -> Result<(), String> {
        let asked = metadata::fetch(&self.0.http, &self.0.issuer);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answered) => answered.map(|_| ()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    async fn patiently<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Ok(_turn) = self.0.turns.try_acquire() else {
            tracing::warn!("too many people wait for the OpenID Connect provider at once");
            return Err(Failure::Unreachable);
        };
        tokio::time::timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|_| {
                tracing::warn!("the OpenID Connect provider keeps people waiting");
                Err(Failure::Unreachable)
            })
    }

    async fn metadata(&self, older_than: Option<&Arc<Metadata>>) -> Result<Arc<Metadata>, Failure> {
        let known = &self.0.known;
        known.get(&self.0.http, &self.0.issuer, older_than).await
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, Failure> {
        let config = &self.0.config;
        let token_endpoint = metadata.token_endpoint().ok_or(Failure::Unreachable)?;
        let keys = CoreJsonWebKeySet::new(Vec::new());
        let id = ClientId::new(config.client_id.clone());
        let mut client = CoreClient::new(id, self.0.issuer.clone(), keys);
        if let Some(secret) = &config.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().clone()));
        }
        if metadata::wants_secret_in_body(metadata) {
            client = client.set_auth_type(AuthType::RequestBody);
        }
        Ok(client
            .set_redirect_uri(self.0.back.clone())
            .set_auth_uri(metadata.authorization_endpoint().clone())
            .set_token_uri(token_endpoint.clone()))
    }

    /// A provider that says it names itself in every answer must have done so: else an answer of another one could be
    /// passed on to it.
    fn check_sender(&self, metadata: &Metadata, named: Option<&str>) -> Result<(), Failure> {
        let is_right = match named {
            Some(named) => named == self.issuer(),
            None => !metadata::names_itself(metadata),
        };
        if is_right {
            return Ok(());
        }
        tracing::warn!("an answer came back that is not from the OpenID Connect provider");
        Err(Failure::Untrue)
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        code: String,
        verifier: PkceCodeVerifier,
    ) -> Result<CoreIdToken, Failure> {
        let client = self.client(metadata)?;
        let ask = |request| self.0.http.ask(request);
        let answer: Result<CoreTokenResponse, _> = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(verifier)
            .request_async(&ask)
            .await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(cause) => {
                tracing::warn!(%cause, "the OpenID Connect provider's token address does not answer");
                Failure::Unreachable
            }
            RequestTokenError::ServerResponse(answer) => {
                let cause = known_word(answer.error());
                tracing::warn!(cause, "the OpenID Connect provider does not take a code");
                Failure::Untrue
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                tracing::warn!("the OpenID Connect provider's token answer does not read");
                Failure::Untrue
            }
        })?;
        answer.id_token().cloned().ok_or_else(|| {
            tracing::warn!("the OpenID Connect provider's answer has no ID token");
            Failure::Untrue
        })
    }

    /// A key that is not known may be a new one: the provider is asked for its keys once more.
    async fn verify(
        &self,
        metadata: Arc<Metadata>,
        token: &CoreIdToken,
        nonce: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<CoreIdTokenClaims, Failure> {
        let verified = self.claims(&metadata, token, nonce, now);
        let verified = match verified {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let newer = self.metadata(Some(&metadata)).await?;
                self.claims(&newer, token, nonce, now)
            }
            verified => verified,
        };
        verified.map_err(|error| {
            let cause: String = cause(&error).chars().take(200).collect();
            tracing::warn!(cause, "an ID token does not hold");
            Failure::Untrue
        })
    }

    fn claims(
        &self,
        metadata: &Metadata,
        token: &CoreIdToken,
        nonce: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let id = ClientId::new(self.0.config.client_id.clone());
        // A client without a secret, whatever it has: so no secret verifies a signature.
        let verifier = CoreIdTokenVerifier::new_public_client(
            id,
            self.0.issuer.clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || now - LEEWAY)
        .set_issue_time_verifier_fn(move |issued| {
            let is_fresh = issued <= now + LEEWAY && now - issued <= journeys::LIVES;
            is_fresh
                .then_some(())
                .ok_or_else(|| "it was not issued just now".to_owned())
        });
        token.claims(&verifier, nonce).cloned()
    }

    fn proven(&self, claims: &CoreIdTokenClaims, now: DateTime<Utc>) -> Result<Proven, Failure> {
        let subject = claims.subject().as_str();
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT || !subject.is_ascii() {
            tracing::warn!("an ID token names nobody");
            return Err(Failure::Untrue);
        }
        let methods = claims.auth_method_refs().into_iter().flatten();
        let two = strength::is_two_factors(methods.map(|method| method.as_str()));
        let recent = strength::is_recent(claims.auth_time(), now, RECENT);
        // It is shown, so that people know the account as theirs: only an address that the provider has verified, and
        // no character that looks like another or like nothing.
        let is_verified = claims.email_verified() == Some(true);
        let email = claims.email().map(|email| email.as_str());
        let is_clean = |email: &&str| {
            let graphic = email.chars().all(|c| c.is_ascii_graphic());
            is_verified && graphic && (1..=LONGEST_EMAIL).contains(&email.len())
        };
        Ok(Proven {
            subject: subject.to_owned(),
            email: email.filter(is_clean).map(str::to_owned),
            second_factor: self.0.config.trusts_amr && two && recent,
        })
    }
}

/// Of what the provider writes, only words of the protocol go into the log.
fn known_word(error: &CoreErrorResponseType) -> &str {
    match error {
        CoreErrorResponseType::Extension(_) => "another",
        known => known.as_ref(),
    }
}

/// Why a token does not hold, without what stands in it.
fn cause(error: &ClaimsVerificationError) -> String {
    match error {
        ClaimsVerificationError::SignatureVerification(cause) => cause.to_string(),
        ClaimsVerificationError::InvalidAudience(_) => "another audience".to_owned(),
        ClaimsVerificationError::InvalidIssuer(_) => "another issuer".to_owned(),
        other => other.to_string(),
    }
}
