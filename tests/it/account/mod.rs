//! The door: signing in, staying in, getting out.

mod enrolment;
mod forms;
mod own_sessions;
mod parking;
mod passkeys;
mod preferences;
mod provider;
mod proxies;
mod races;
mod second_factor;
mod sessions;
mod sign_in;
mod step_up;
mod throttle;

use chrono::Duration;
use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::Role;
use signalbox::foundation::auth::factors;
use signalbox::foundation::auth::people::{NewPerson, Refusal};
use signalbox::foundation::auth::{people, totp::Seed};
use signalbox::foundation::kernel::{PersonId, Scope, Secret};

use crate::support::app::TestApp;
use crate::support::browser::Browser;
use crate::support::page::Page;

const EMAIL: &str = "ada@test.example";
const PASSWORD: &str = "lamp orchard vivid tram";

impl TestApp {
    /// Somebody with a password, an authenticator and recovery codes.
    pub fn enrolled(&self, email: &str) -> (PersonId, Vec<Secret<String>>) {
        let hash = self
            .services
            .passwords
            .hash_now(&Secret::from(PASSWORD))
            .unwrap();
        let new = NewPerson {
            email: email.to_owned(),
            name: "Test person".to_owned(),
            roles: vec![Role::Operator],
            scope: Scope::All,
            demo: false,
        };
        self.services
            .audit
            .write::<_, Refusal>(&Actor::command_line("test"), |tx| {
                let id = people::add(tx, &new)?;
                factors::set_password(tx, id, &hash)?;
                factors::set_authenticator(tx, id, &Seed::generate(email), 1)?;
                let codes = factors::replace_recovery_codes(tx, id)?;
                Ok((id, codes))
            })
            .unwrap()
    }

    fn seed_of(&self, person: PersonId) -> Seed {
        let keyring = &self.services.keyring;
        self.services
            .db
            .read(|conn| factors::seed(conn, keyring, person))
            .unwrap()
            .unwrap()
    }

    fn code_of(&self, person: PersonId) -> String {
        self.seed_of(person).code_at(self.now())
    }

    /// Lets the code of now become an old one.
    fn next_code(&self) {
        self.advance(Duration::seconds(30));
    }
}

pub async fn give_password(browser: &Browser, email: &str, password: &str) -> Page {
    let page = browser.get("/sign-in").await;
    let fields = [("email", email), ("password", password)];
    browser.submit(&page, "/sign-in", &fields).await
}

/// Signs in with password and code; gives the answer to the code.
async fn sign_in(app: &TestApp, browser: &Browser, person: PersonId, email: &str) -> Page {
    let answer = give_password(browser, email, PASSWORD).await;
    assert_eq!(answer.location(), "/sign-in/code", "{}", answer.text());
    let page = browser.get("/sign-in/code").await;
    let code = app.code_of(person);
    browser
        .submit(&page, "/sign-in/code", &[("code", &code)])
        .await
}
