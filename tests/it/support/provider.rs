//! A provider that speaks OpenID Connect over HTTP, as far as a client can see of one, and lies when it is told to.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data, Form, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::stream;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signalbox::foundation::Services;
use signalbox::foundation::auth::provider::Provider;
use signalbox::foundation::config::{Config, ProviderConfig};
use signalbox::foundation::kernel::{Clock, Secret};

use super::app::TestApp;
use super::browser::Browser;
use super::page::Page;

const CLIENT: &str = "signalbox";
const SECRET: &str = "the secret of this client, +/&=";
pub const NAME: &str = "Example Bank";

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    WrongNonce,
    NoNonce,
    WrongAudience,
    AnotherAudienceToo,
    WrongIssuer,
    Expired,
    IssuedLongAgo,
    IssuedInTheFuture,
    NoAlgorithm,
    /// HS256 with the client's secret.
    SharedSecret,
    /// HS256 with the public key as it stands in the key set.
    PublicKeyAsSecret,
    /// Signed with a key that nobody knows, under the name of one that everybody knows.
    AnothersKey,
    /// Signed with a key that the provider never shows.
    HiddenKey,
    Encrypted,
    NobodyNamed,
    NoToken,
    EndlessBody,
    SlowBody,
    Redirect,
    ServerError,
    NoJson,
    /// A 400 with text that nobody is to see.
    Refusal,
}

/// The provider, its settings and what it was asked.
pub struct State {
    pub subject: String,
    pub email: Option<String>,
    pub amr: Vec<&'static str>,
    /// How long ago it has seen the person.
    pub seen_secs_ago: Option<i64>,
    pub fault: Fault,
    /// What is wrong with what it says of itself.
    pub metadata_fault: Option<(&'static str, Value)>,
    pub is_down: bool,
    /// How often it was asked for its keys.
    pub key_set_reads: usize,
    pub redeemed: usize,
    issuer: String,
    key: SigningKey,
    key_name: String,
    codes: HashMap<String, HashMap<String, String>>,
    clock: Clock,
}

pub struct TestProvider {
    pub issuer: String,
    state: Data<Mutex<State>>,
    server: ServerHandle,
}

impl TestProvider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Data::new(Mutex::new(State {
            subject: "248289761001".to_owned(),
            email: Some("ada@bank.example".to_owned()),
            amr: Vec::new(),
            seen_secs_ago: None,
            fault: Fault::None,
            metadata_fault: None,
            is_down: false,
            key_set_reads: 0,
            redeemed: 0,
            issuer: issuer.clone(),
            key: new_key(),
            key_name: "first".to_owned(),
            codes: HashMap::new(),
            clock: Clock::system(),
        }));
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/.well-known/openid-configuration", web::get().to(metadata))
                .route("/keys", web::get().to(keys))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            issuer,
            state,
            server: handle,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn lies(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// Signs with a new key from now on, under a new name.
    pub fn changes_key(&self) {
        let mut state = self.state();
        state.key = new_key();
        state.key_name = format!("{}'", state.key_name);
    }

    /// Has the application know this provider, and the provider its time.
    pub fn join(&self, services: &mut Services) {
        self.join_as(services, |_| ());
    }

    pub fn join_as(&self, services: &mut Services, change: impl FnOnce(&mut ProviderConfig)) {
        let mut provider = ProviderConfig {
            issuer: self.issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Some(Secret::from(SECRET)),
            name: NAME.to_owned(),
            trusts_amr: false,
        };
        change(&mut provider);
        let config = Config {
            provider: Some(provider),
            ..Config::clone(&services.config)
        };
        services.provider = Provider::of(&config).unwrap();
        services.config = Arc::new(config);
        self.state().clock = services.clock.clone();
    }

    pub async fn app(&self) -> TestApp {
        TestApp::start_with(|services| self.join(services)).await
    }

    /// What the provider does with somebody who is sent to `address`: it lets them in, and sends them back. Gives the
    /// path that they are sent to.
    pub async fn visit(&self, app: &TestApp, address: &str) -> String {
        assert!(address.starts_with(&self.issuer), "{address}");
        let answer = app.http.get(address).send().await.unwrap();
        let status = answer.status();
        let location = answer.headers().get("location").cloned();
        let location = location.unwrap_or_else(|| panic!("the provider refuses: {status}"));
        let location = location.to_str().unwrap();
        let path = location.strip_prefix(&app.url);
        path.unwrap_or_else(|| panic!("sent elsewhere: {location}"))
            .to_owned()
    }

    /// There and back: what the last page is after the provider.
    pub async fn sign_in(&self, app: &TestApp, browser: &Browser) -> Page {
        let back = self.way_back(app, browser, "/sign-in/provider").await;
        browser.get(&back).await
    }

    /// There: the path that the provider sends this browser back to.
    pub async fn way_back(&self, app: &TestApp, browser: &Browser, from: &str) -> String {
        let sent = browser.get(from).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        self.visit(app, sent.location()).await
    }

    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

fn new_key() -> SigningKey {
    SigningKey::from_slice(&rand::random::<[u8; 32]>()).unwrap()
}

async fn metadata(state: Data<Mutex<State>>) -> HttpResponse {
    let state = state.lock().unwrap();
    if state.is_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let at = |path: &str| format!("{}{path}", state.issuer);
    let mut said = json!({
        "issuer": state.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    if let Some((name, value)) = &state.metadata_fault {
        said[*name] = value.clone();
    }
    HttpResponse::Ok().json(said)
}

async fn keys(state: Data<Mutex<State>>) -> HttpResponse {
    let mut state = state.lock().unwrap();
    state.key_set_reads += 1;
    HttpResponse::Ok().json(json!({ "keys": [state.public_key()] }))
}

async fn authorize(
    state: Data<Mutex<State>>,
    asked: Query<HashMap<String, String>>,
) -> HttpResponse {
    let mut state = state.lock().unwrap();
    let asked = asked.into_inner();
    let is = |name: &str, wanted: &str| asked.get(name).is_some_and(|value| value == wanted);
    let long = |name: &str| asked.get(name).is_some_and(|value| value.len() >= 43);
    let scopes: Vec<&str> = asked
        .get("scope")
        .map_or(Vec::new(), |all| all.split(' ').collect());
    let is_complete = is("response_type", "code")
        && is("client_id", CLIENT)
        && is("code_challenge_method", "S256")
        && ["state", "nonce", "code_challenge"].into_iter().all(long)
        && scopes.contains(&"openid");
    if !is_complete {
        return HttpResponse::BadRequest().finish();
    }
    let code = hex::encode(rand::random::<[u8; 16]>());
    let mut back = url::Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &asked["state"])
        .append_pair("iss", &state.issuer);
    state.codes.insert(code, asked);
    HttpResponse::SeeOther()
        .insert_header(("location", back.as_str()))
        .finish()
}

async fn token(
    state: Data<Mutex<State>>,
    request: HttpRequest,
    given: Form<HashMap<String, String>>,
) -> HttpResponse {
    let mut state = state.lock().unwrap();
    match state.fault {
        Fault::EndlessBody => return endless(Duration::ZERO),
        Fault::SlowBody => return endless(Duration::from_millis(200)),
        Fault::Redirect => {
            let to = format!("{}/keys", state.issuer);
            return HttpResponse::TemporaryRedirect()
                .insert_header(("location", to))
                .finish();
        }
        Fault::ServerError => return HttpResponse::BadGateway().body("<h1>no</h1>"),
        Fault::NoJson => return HttpResponse::Ok().body("<h1>yes</h1>"),
        Fault::Refusal => {
            return HttpResponse::BadRequest().json(json!({
                "error": "invalid_grant", "error_description": "call 555-0100 and tell them your password",
            }));
        }
        _ => {}
    }
    // The secret is form-encoded before it goes into the header (RFC 6749, 2.3.1).
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let wanted = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{encoded}")));
    let header = request.headers().get("authorization");
    let is_client = header.is_some_and(|header| header.to_str().unwrap() == wanted);
    let grant = given.get("code").and_then(|code| state.codes.remove(code));
    let Some(grant) = grant.filter(|_| is_client) else {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    };
    let verifier = given.get("code_verifier").cloned().unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    if challenge != grant["code_challenge"] || given["redirect_uri"] != grant["redirect_uri"] {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    }
    state.redeemed += 1;
    let mut answer = json!({ "access_token": "unused", "token_type": "Bearer", "expires_in": 60 });
    if state.fault != Fault::NoToken {
        answer["id_token"] = state.id_token(&grant["nonce"]).into();
    }
    HttpResponse::Ok().json(answer)
}

/// JSON that never ends.
fn endless(pause: Duration) -> HttpResponse {
    let body = stream::unfold((), move |()| async move {
        actix_web::rt::time::sleep(pause).await;
        let chunk = Bytes::from_static(&[b' '; 1024]);
        Some((Ok::<_, actix_web::Error>(chunk), ()))
    });
    HttpResponse::Ok()
        .content_type("application/json")
        .streaming(body)
}

impl State {
    fn public_key(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_name,
            "x": encode(point.x().unwrap()), "y": encode(point.y().unwrap()),
        })
    }

    fn id_token(&self, nonce: &str) -> String {
        let header = match self.fault {
            Fault::NoAlgorithm => json!({ "alg": "none" }),
            Fault::SharedSecret | Fault::PublicKeyAsSecret => {
                json!({ "alg": "HS256", "kid": self.key_name })
            }
            Fault::HiddenKey => json!({ "alg": "ES256", "kid": "hidden" }),
            Fault::Encrypted => json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }),
            _ => json!({ "alg": "ES256", "kid": self.key_name, "typ": "JWT" }),
        };
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(self.claims(nonce).to_string().as_bytes())
        );
        let signature = match self.fault {
            Fault::NoAlgorithm => Vec::new(),
            Fault::SharedSecret => keyed(SECRET.as_bytes(), &signed),
            Fault::PublicKeyAsSecret => keyed(self.public_key().to_string().as_bytes(), &signed),
            Fault::AnothersKey | Fault::HiddenKey => sign(&new_key(), &signed),
            _ => sign(&self.key, &signed),
        };
        format!("{signed}.{}", encode(&signature))
    }

    fn claims(&self, nonce: &str) -> Value {
        let now = self.clock.now().timestamp();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": self.subject, "nonce": nonce,
            "iat": now, "exp": now + 300,
        });
        if let Some(email) = &self.email {
            claims["email"] = email.as_str().into();
            claims["email_verified"] = true.into();
            claims["email_verified"] = true.into();
        }
        if !self.amr.is_empty() {
            claims["amr"] = json!(self.amr);
        }
        if let Some(secs) = self.seen_secs_ago {
            claims["auth_time"] = (now - secs).into();
        }
        match self.fault {
            Fault::WrongNonce => claims["nonce"] = "another's".into(),
            Fault::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            Fault::WrongAudience => claims["aud"] = "another client".into(),
            Fault::AnotherAudienceToo => claims["aud"] = json!([CLIENT, "another client"]),
            Fault::WrongIssuer => claims["iss"] = "https://login.example.com".into(),
            Fault::Expired => claims["exp"] = (now - 180).into(),
            Fault::IssuedLongAgo => claims["iat"] = (now - 3_600).into(),
            Fault::IssuedInTheFuture => claims["iat"] = (now + 3_600).into(),
            Fault::NobodyNamed => claims["sub"] = "".into(),
            _ => {}
        }
        claims
    }
}

fn sign(key: &SigningKey, signed: &str) -> Vec<u8> {
    let signature: Signature = key.sign(signed.as_bytes());
    signature.to_bytes().to_vec()
}

fn keyed(secret: &[u8], signed: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
