//! Customers in a test's database, taken in as a file is.

use signalbox::features::intake::actions::{Order, receive};
use signalbox::features::intake::desk::Shell;
use signalbox::features::intake::reading;
use signalbox::features::intake::store::{self, Platform};
use signalbox::features::screening::lists;
use signalbox::foundation::Services;
use signalbox::foundation::audit::{Actor, Event, Subject};
use signalbox::foundation::db;
use signalbox::foundation::kernel::PlatformId;

use super::db::TestDb;

/// Takes a CSV file in. Jobs that follow are not run.
pub fn take_in(services: &Services, test: &TestDb, csv: &str) {
    let platform = platform(services, test);
    let shell = Shell {
        services,
        actor: Actor::command_line("test"),
        view: &|_| {},
    };
    let order = Order {
        platform: &platform,
        name: "customers.csv",
        ignore_unknown: false,
        lines_total: None,
    };
    let id = receive(&shell, &order, None).unwrap().batch();
    let batch = reading::read(&shell, id, csv.as_bytes(), || None).unwrap();
    assert_eq!(batch.counts.rejected, 0, "a row of the test was rejected");
}

/// The invented list, in place.
pub fn load_demo_list(services: &Services) {
    lists::load_demo(services, &Actor::command_line("test")).unwrap();
}

fn platform(services: &Services, test: &TestDb) -> Platform {
    use diesel::connection::SimpleConnection;
    let known = |services: &Services| {
        let platforms = services.db.read(store::platforms).unwrap();
        platforms
            .into_iter()
            .find(|platform| platform.slug == "demo")
    };
    if let Some(platform) = known(services) {
        return platform;
    }
    let id = PlatformId::new();
    let insert = format!(
        "INSERT INTO platform (id, slug, name, created_at) \
         VALUES ('{id}', 'demo', 'Demo platform', now())"
    );
    test.connect_superuser().batch_execute(&insert).unwrap();
    services
        .audit
        .write::<_, db::Error>(&Actor::command_line("test"), |tx| {
            tx.record(Event::new("platform.added", Subject::new("platform", id)))
        })
        .unwrap();
    known(services).unwrap()
}
