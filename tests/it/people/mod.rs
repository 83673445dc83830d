//! People: who may do what, by whose word, and for how long.

mod audits;
mod break_glass;
mod four_eyes;
mod grants;
mod names;
mod recovery;
mod reviews;

use signalbox::foundation::audit::Actor;
use signalbox::foundation::auth::{Role, factors, people};
use signalbox::foundation::db;
use signalbox::foundation::kernel::{PersonId, Secret};

use crate::support::app::TestApp;
use crate::support::page::Page;
use crate::support::personas::Client;

const PASSWORD: &str = "lamp orchard vivid tram";

impl TestApp {
    fn second_admin(&self) -> Client {
        self.sign_in_as(
            "second-admin@test.example",
            "Test second administrator",
            &[Role::Administrator],
        )
    }

    fn third_admin(&self) -> Client {
        self.sign_in_as(
            "third-admin@test.example",
            "Test third administrator",
            &[Role::Administrator],
        )
    }

    /// Gives somebody a password, without which nobody counts as able.
    fn with_password(&self, client: Client) -> Client {
        let hash = self
            .services
            .passwords
            .hash_now(&Secret::from(PASSWORD))
            .unwrap();
        self.services
            .audit
            .write(&Actor::command_line("test"), |tx| {
                factors::set_password(tx, client.person, &hash)
            })
            .unwrap();
        client
    }

    fn person_of(&self, email: &str) -> PersonId {
        let found = self
            .services
            .db
            .read(|conn| people::find_by_email(conn, email));
        found.unwrap().unwrap().id
    }
}

/// What an administrator types to grant one role, everywhere and without an end.
fn asks(role: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("role", role),
        ("platform", "all"),
        ("queue", "all"),
        ("reason", "cover for the night shift"),
    ]
}

async fn propose(admin: &Client, person: PersonId, fields: &[(&str, &str)]) -> Page {
    admin
        .post_form(&format!("/people/{person}/grant"), fields)
        .await
}

/// The address of the only proposal that waits.
async fn waiting(admin: &Client) -> String {
    let page = admin.get("/people").await;
    let rows = page.table("Waiting for a second administrator, the oldest first");
    assert_eq!(rows.len(), 1, "{rows:?}");
    page.link(&rows[0][0])
}

async fn approve(admin: &Client, proposal: &str) -> Page {
    let hash = admin
        .get(proposal)
        .await
        .definition("SHA-256 of the proposal");
    let fields = [("payload", hash.as_str())];
    admin
        .post_form(&format!("{proposal}/approval"), &fields)
        .await
}

fn roles_of(app: &TestApp, id: PersonId) -> Vec<Role> {
    let held: db::Result<_> = app
        .services
        .db
        .read(|conn| signalbox::foundation::auth::grants::of(conn, id));
    held.unwrap().into_iter().map(|held| held.role).collect()
}

/// Whether a session still opens pages.
async fn is_in(client: &Client) -> bool {
    client.get("/account").await.status == 200
}
