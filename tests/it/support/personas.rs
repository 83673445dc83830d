//! People who are signed in already: the person and the session are written directly, so that a
//! test of a page does not begin with a password.

use std::time::Duration;

use actix_web::cookie::{Cookie, CookieJar};
use diesel::connection::SimpleConnection as _;
use futures_util::future::{join, join_all};
use signalbox::features::sar::actions::{self, Wanted};
use signalbox::features::sar::grant::Refusal as SarRefusal;
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject, Tx};
use signalbox::foundation::auth::people::{self, NewPerson, Refusal};
use signalbox::foundation::auth::sar::SarGrant;
use signalbox::foundation::auth::sessions::{self, Method, Stage};
use signalbox::foundation::auth::token::Token;
use signalbox::foundation::auth::{Role, csrf, session_store};
use signalbox::foundation::kernel::{PersonId, Scope};
use uuid::Uuid;

use super::app::TestApp;
use super::page::Page;

impl TestApp {
    pub fn as_operator(&self) -> Client {
        self.sign_in_as("operator@test.example", "Test operator", &[Role::Operator])
    }

    pub fn as_reviewer(&self) -> Client {
        self.sign_in_as("reviewer@test.example", "Test reviewer", &[Role::Reviewer])
    }

    pub fn as_second_reviewer(&self) -> Client {
        let roles = &[Role::Reviewer];
        self.sign_in_as(
            "second-reviewer@test.example",
            "Test second reviewer",
            roles,
        )
    }

    pub fn as_compliance(&self) -> Client {
        self.sign_in_as(
            "compliance@test.example",
            "Test compliance",
            &[Role::Compliance],
        )
    }

    pub fn as_auditor(&self) -> Client {
        self.sign_in_as("auditor@test.example", "Test auditor", &[Role::Auditor])
    }

    pub fn as_admin(&self) -> Client {
        self.sign_in_as(
            "admin@test.example",
            "Test administrator",
            &[Role::Administrator],
        )
    }

    /// The persona of a role, for tests that walk all of them.
    pub fn as_role(&self, role: Role) -> Client {
        match role {
            Role::Operator => self.as_operator(),
            Role::Reviewer => self.as_reviewer(),
            Role::Compliance => self.as_compliance(),
            Role::Auditor => self.as_auditor(),
            Role::Administrator => self.as_admin(),
        }
    }

    /// A compliance officer who may do everything with reports.
    pub fn as_sar_holder(&self) -> Client {
        self.sar_holder("report-officer@test.example")
    }

    /// Somebody else who may.
    pub fn sar_holder(&self, email: &str) -> Client {
        let client = self.sign_in_as(email, "Test report officer", &[Role::Compliance]);
        self.give_sar_grants(email);
        client
    }

    /// Gives somebody every grant for reports that they do not hold.
    pub fn give_sar_grants(&self, email: &str) {
        for grant in SarGrant::ALL {
            let wanted = Wanted {
                email: email.to_owned(),
                grant,
                purpose: "a test".to_owned(),
                starts_at: self.now(),
                ends_at: self.now() + chrono::Duration::days(90),
            };
            match actions::give(&self.services, &Actor::command_line("test"), &wanted) {
                Ok(()) | Err(actions::Error::Refused(SarRefusal::Exists)) => {}
                Err(error) => panic!("{email} is not given {grant}: {error}"),
            }
        }
    }

    /// Somebody who is not signed in, at our own pages.
    pub fn as_outsider(&self) -> Client {
        Client::new(self, None, Uuid::nil().into(), "")
    }

    /// Somebody who has given a password and nothing else.
    pub fn as_half_signed(&self, stage: Stage) -> Client {
        let id = self.person("half@test.example", "Test half signed", &[Role::Operator]);
        self.session(id, "half@test.example", stage)
    }

    /// A new session of the person with this address, who is added when there is none.
    pub fn sign_in_as(&self, email: &str, name: &str, roles: &[Role]) -> Client {
        let id = self.person(email, name, roles);
        self.session(id, email, Stage::Full)
    }

    /// A new person who holds a role on some platforms only.
    pub fn as_limited(&self, email: &str, role: Role, scope: Scope) -> Client {
        let new = NewPerson {
            email: email.to_owned(),
            name: "Test limited".to_owned(),
            roles: vec![role],
            scope,
            demo: false,
        };
        let add = |tx: &mut Tx<'_>| people::add(tx, &new);
        let id = self
            .services
            .audit
            .write::<_, Refusal>(&Actor::command_line("test"), add)
            .unwrap();
        self.session(id, email, Stage::Full)
    }

    fn person(&self, email: &str, name: &str, roles: &[Role]) -> PersonId {
        find_or_add(&self.services, email, name, roles)
    }

    fn session(&self, person: PersonId, email: &str, stage: Stage) -> Client {
        let token = begin_session(&self.services, person, stage);
        Client::new(self, Some(token), person, email)
    }
}

/// The person with this address, who is added when there is none.
pub fn find_or_add(services: &Services, email: &str, name: &str, roles: &[Role]) -> PersonId {
    let found = services
        .db
        .read(|conn| people::find_by_email(conn, email))
        .unwrap();
    if let Some(person) = found {
        return person.id;
    }
    let new = NewPerson {
        email: email.to_owned(),
        name: name.to_owned(),
        roles: roles.to_vec(),
        scope: Scope::All,
        demo: false,
    };
    services
        .audit
        .write::<_, Refusal>(&Actor::command_line("test"), |tx| people::add(tx, &new))
        .unwrap()
}

pub fn begin_session(services: &Services, person: PersonId, stage: Stage) -> Token {
    let method = (stage == Stage::Full).then_some(Method::Totp);
    let client = sessions::Client {
        address: "127.0.0.1".to_owned(),
        user_agent: "test".to_owned(),
    };
    services
        .audit
        .write(&Actor::person(person), |tx| {
            let now = tx.now();
            let (id, token) = sessions::begin(tx, person, stage, method, &client, None, now)?;
            let kind = match stage {
                Stage::Full => "session.signed_in",
                Stage::SecondFactor | Stage::Enrolment => "session.password_accepted",
            };
            tx.record(Event::new(kind, Subject::new("session", id)))?;
            Ok::<_, signalbox::foundation::db::Error>(token)
        })
        .unwrap()
}

/// A browser of one person, without redirects being followed.
#[derive(Clone)]
pub struct Client {
    pub person: PersonId,
    pub email: String,
    pub cookie: Option<String>,
    pub csrf: String,
    http: reqwest::Client,
    url: String,
}

impl Client {
    fn new(app: &TestApp, token: Option<Token>, person: PersonId, email: &str) -> Self {
        Self {
            person,
            email: email.to_owned(),
            cookie: token
                .as_ref()
                .map(|token| session_cookie(&app.services, token.expose())),
            csrf: token.map_or_else(String::new, |token| csrf::token(token.expose())),
            http: app.http.clone(),
            url: app.url.clone(),
        }
    }

    pub async fn get(&self, path: &str) -> Page {
        Page::read(
            self.request(reqwest::Method::GET, path)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// What three tabs get that ask at once: none of them has noted what it reads when the last one asks.
    pub async fn in_tabs(&self, app: &TestApp, path: &str) -> Vec<Page> {
        const A_MOMENT: Duration = Duration::from_millis(700);
        let mut held = app.db.connect_superuser();
        held.batch_execute("BEGIN; LOCK TABLE subject_reading IN SHARE MODE")
            .unwrap();
        let release = async {
            tokio::time::sleep(A_MOMENT).await;
            held.batch_execute("COMMIT").unwrap();
        };
        let tabs = join_all((0..3).map(|_| self.get(path)));
        join(tabs, release).await.0
    }

    /// Posts a form as a browser would: with the session's token, a fresh idempotency key, and the
    /// browser's word that it comes from our own pages. A field that is given wins.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let key = Uuid::now_v7().to_string();
        let given = |name: &str| fields.iter().any(|(field, _)| *field == name);
        let mut all = fields.to_vec();
        if !given("csrf") {
            all.push(("csrf", &self.csrf));
        }
        if !given("idempotency") {
            all.push(("idempotency", &key));
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(all)
            .finish();
        let request = self
            .request(reqwest::Method::POST, path)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        Page::read(request.send().await.unwrap()).await
    }

    /// Posts a form with files as a browser would, its own fields first. A field that is given wins.
    pub async fn upload(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        files: &[(&str, &str)],
    ) -> Page {
        let key = Uuid::now_v7().to_string();
        let own = [("csrf", self.csrf.as_str()), ("idempotency", key.as_str())];
        let own = own
            .into_iter()
            .filter(|(name, _)| fields.iter().all(|(given, _)| given != name));
        let mut body = String::new();
        for (name, value) in own.chain(fields.iter().copied()) {
            body += &format!(
                "--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        for (name, text) in files {
            body += &format!(
                "--edge\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}.csv\"\r\n\
                 content-type: text/csv\r\n\r\n{text}\r\n"
            );
        }
        body += "--edge--\r\n";
        let request = self
            .request(reqwest::Method::POST, path)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(body);
        Page::read(request.send().await.unwrap()).await
    }

    /// The same person with the same cookies at another application.
    #[must_use]
    pub fn at(&self, app: &TestApp) -> Self {
        Self {
            http: app.http.clone(),
            url: app.url.clone(),
            ..self.clone()
        }
    }

    /// Where the application is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request with this person's cookies and nothing else.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }
}

/// The cookie header of a session's token, signed as the application signs it.
pub fn session_cookie(services: &Services, token: &str) -> String {
    let name = session_store::cookie_name(services);
    let mut jar = CookieJar::new();
    jar.signed_mut(&session_store::cookie_key(services))
        .add(Cookie::new(name, token.to_owned()));
    let signed = jar.get(name).unwrap();
    signed.encoded().stripped().to_string()
}
