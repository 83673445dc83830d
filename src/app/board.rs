//! Keeps the counts beside the navigation fresh, with one reading for all pages of this process.

use std::time::Duration;

use crate::features::{alerts, reviews};
use crate::foundation::Services;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::Level;
use crate::foundation::web::{Count, Lamp, Nav};

const EVERY: Duration = Duration::from_secs(3);

type Reading = fn(&mut Conn) -> db::Result<Count>;

/// Counted no further: the page shows "99+".
const CAP: i64 = 100;

const READINGS: &[(Nav, Reading)] = &[(Nav::Alerts, open_alerts), (Nav::Queue, open_cases)];

/// Starts posting. The task ends with the runtime.
pub fn keep(services: Services) {
    tokio::spawn(async move {
        loop {
            let services = services.clone();
            let posted = tokio::task::spawn_blocking(move || post(&services)).await;
            if let Ok(Err(error)) = posted {
                // The counts go stale and disappear; the pages themselves say what is wrong.
                tracing::debug!(cause = %error, "the counts of the navigation could not be read");
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

fn post(services: &Services) -> db::Result<()> {
    services.db.read_on(PoolKind::Jobs, |conn| {
        for (at, read) in READINGS {
            services.board.post(*at, read(conn)?);
        }
        Ok(())
    })
}

fn open_alerts(conn: &mut Conn) -> db::Result<Count> {
    let open = alerts::store::open(conn)?;
    let red = open.iter().any(|alert| alert.level == Level::Red);
    Ok(Count {
        number: open.len() as u64,
        noun: "open alerts",
        lamp: red.then_some(Lamp::Red),
    })
}

fn open_cases(conn: &mut Conn) -> db::Result<Count> {
    Ok(Count {
        number: reviews::store::queue::open_count(conn, CAP)? as u64,
        noun: "open cases",
        lamp: None,
    })
}
