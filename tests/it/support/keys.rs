//! Programs that come with a key.

use std::net::Ipv4Addr;

use chrono::Duration;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use signalbox::features::keys::actions;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::keys::{Key, KeyId, KeyScope, Made, NewKey, displays};
use signalbox::foundation::auth::token::Token;
use signalbox::foundation::kernel::{Networks, Scope};

use super::app::TestApp;
use super::page::Page;
use super::personas::Client;

pub struct Program {
    pub id: KeyId,
    pub key: String,
    http: reqwest::Client,
    url: String,
}

/// A key for everywhere, as the tests want one. The scope of wall screens stands alone: whoever asks for all scopes
/// means all that go together.
pub fn new_key(scopes: &[KeyScope]) -> NewKey {
    NewKey {
        name: "Test program".to_owned(),
        scopes: scopes
            .iter()
            .copied()
            .filter(|scope| scopes.len() == 1 || *scope != KeyScope::Display)
            .collect(),
        networks: Networks::default(),
        reach: Scope::All,
        lives: Duration::days(90),
    }
}

impl TestApp {
    pub fn make_key(&self, new: NewKey) -> Made {
        actions::add(&self.services, &Actor::command_line("test"), new, None).unwrap()
    }

    /// A program with a new key of these scopes.
    pub fn program(&self, scopes: &[KeyScope]) -> Program {
        self.program_with(&self.make_key(new_key(scopes)).text.expose().clone())
    }

    /// A program that comes with this text for a key.
    pub fn program_with(&self, key: &str) -> Program {
        self.program_at(key, Ipv4Addr::LOCALHOST)
    }

    /// The same on another machine: the whole of 127.0.0.0/8 is ours to come from.
    pub fn program_at(&self, key: &str, address: Ipv4Addr) -> Program {
        let id = key.split('_').nth(1).and_then(|id| id.parse().ok());
        Program {
            id: id.unwrap_or_else(|| "aaaaaaaaaaaa".parse().unwrap()),
            key: key.to_owned(),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .local_address(std::net::IpAddr::V4(address))
                .no_proxy()
                .build()
                .unwrap(),
            url: self.url.clone(),
        }
    }

    /// A key for wall screens.
    pub fn screen_key(&self, reach: Scope) -> KeyId {
        let new = NewKey {
            reach,
            ..new_key(&[KeyScope::Display])
        };
        self.make_key(new).key.id
    }

    /// A fresh link for a screen.
    pub fn link_of(&self, key: &KeyId) -> Token {
        let form = uuid::Uuid::now_v7().into();
        let actor = Actor::command_line("test");
        let (_, link) = actions::offer_screen(&self.services, &actor, key, form).unwrap();
        link
    }

    /// A browser that is a screen of this key.
    pub fn screen_of(&self, key: &KeyId) -> Client {
        let link = self.link_of(key);
        let actor = Actor::command_line("test");
        let here = Ipv4Addr::LOCALHOST.into();
        let (token, until) = actions::open_screen(&self.services, &actor, &link, here).unwrap();
        let cookie = displays::cookie(&self.services, &token, until);
        let mut screen = self.as_outsider();
        screen.cookie = Some(cookie.stripped().to_string());
        screen
    }

    pub fn found_key(&self, id: &KeyId) -> Key {
        let find = |conn: &mut _| signalbox::foundation::auth::keys::find(conn, id);
        self.services.db.read(find).unwrap()
    }
}

impl Program {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
    }

    pub async fn get(&self, path: &str) -> Page {
        Page::read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &str) -> Page {
        self.send(path, "application/json", body, None).await
    }

    pub async fn send(
        &self,
        path: &str,
        content_type: &str,
        body: &str,
        idempotency_key: Option<&str>,
    ) -> Page {
        let mut request = self
            .request(Method::POST, path)
            .header("content-type", content_type)
            .body(body.to_owned());
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        Page::read(request.send().await.unwrap()).await
    }
}

impl Page {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.body))
    }

    /// The status and the code of a problem, which has everything that a problem has.
    pub fn problem(&self) -> (u16, String) {
        let kind = self.header("content-type").unwrap_or_default();
        assert_eq!(kind, "application/problem+json", "{}", self.body);
        let problem = self.json();
        for member in ["type", "title", "detail", "instance", "code"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{member} of {problem}");
        }
        assert_eq!(problem["status"], self.status);
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}
