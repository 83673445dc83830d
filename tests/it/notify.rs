//! Notices: queued once, sent at least once, and on record whatever came of them.

mod delivering;
mod gathering;
mod killed;
mod outbox;
mod pages;
pub mod receivers;

use std::sync::Arc;

use signalbox::features::notify::actions;
use signalbox::features::notify::endpoint::Kind;
use signalbox::features::notify::notice::{About, Destination, EndpointId, Notice, NoticeId};
use signalbox::features::notify::store::{self, Told, endpoints};
use signalbox::foundation::audit::{Actor, Event, Subject, Tx};
use signalbox::foundation::config::{MailConfig, Protection};
use signalbox::foundation::db;
use signalbox::foundation::kernel::Level;

use crate::support::app::TestApp;
pub use delivering::end_leases;
use receivers::MailServer;

pub fn write<T>(app: &TestApp, work: impl FnOnce(&mut Tx<'_>) -> db::Result<T>) -> T {
    app.services
        .audit
        .write(&Actor::command_line("test"), |tx| {
            tx.record(Event::new("test.begun", Subject::new("test", 1)))?;
            work(tx)
        })
        .unwrap()
}

pub fn to(destination: Destination, key: &str) -> Notice {
    Notice {
        gather: None,
        platform: None,
        to: destination,
        about: About::new("alert", "7"),
        title: "Balances are not synchronised".to_owned(),
        text: "Nothing came by its deadline.".to_owned(),
        link: "/alerts/7".to_owned(),
        level: Some(Level::Red),
        key: key.to_owned(),
    }
}

pub fn mail(key: &str) -> Notice {
    to(Destination::Email("ada@bank.example".to_owned()), key)
}

pub fn enqueue(app: &TestApp, notice: &Notice) -> Option<NoticeId> {
    write(app, |tx| actions::enqueue(tx, notice))
}

pub fn told(app: &TestApp) -> Vec<Told> {
    let read = |conn: &mut _| store::about(conn, &About::new("alert", "7"));
    app.services.db.read(read).unwrap()
}

/// An application that mails through this server.
pub async fn mailing(server: &MailServer) -> TestApp {
    mailing_at(server.port).await
}

pub async fn mailing_at(port: u16) -> TestApp {
    TestApp::start_with(|services| {
        let mut config = (*services.config).clone();
        config.notices.mail = Some(MailConfig {
            host: "127.0.0.1".to_owned(),
            port,
            protection: Protection::Loopback,
            user: None,
            password: None,
            from: "Signalbox <signalbox@bank.example>".to_owned(),
        });
        services.config = Arc::new(config);
    })
    .await
}

/// An endpoint that is written directly, whatever its address.
pub fn endpoint_at(app: &TestApp, url: &str) -> EndpointId {
    let id = EndpointId::new();
    let name = format!("Test {id}");
    write(app, |tx| {
        let new = endpoints::New {
            name: &name,
            kind: Kind::Standard,
            host: "127.0.0.1",
            url,
            secret: Some(b"a secret of before"),
        };
        endpoints::insert(tx, id, &new)
    });
    id
}

/// An endpoint that is written directly, and whose secret has been changed once.
pub fn rotated_endpoint(app: &TestApp) -> EndpointId {
    let id = EndpointId::new();
    write(app, |tx| {
        let new = endpoints::New {
            name: "Rotated",
            kind: Kind::Standard,
            host: "hooks.bank.example",
            url: "https://hooks.bank.example/in",
            secret: Some(b"first secret"),
        };
        endpoints::insert(tx, id, &new)?;
        endpoints::rotate(tx, id, b"second secret")
    });
    id
}
