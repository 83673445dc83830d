//! Keeps fresh what every page says beside its own content, and what the metrics say of the whole
//! installation, with one reading for this process.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::features::{
    alerts, centre, checklists, incidents, intake, notify, oncall, packs, reviews,
};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{Level, PlatformId, Scope};
use crate::foundation::web::live;
use crate::foundation::web::{Count, Counts, Lamp, Nav, Place};
use crate::foundation::{Services, jobs};

const EVERY: Duration = Duration::from_secs(3);

type Reading = fn(&mut Conn, &[PlatformId]) -> db::Result<Counts>;

/// Counted no further: the page shows "99+".
const CAP: i64 = 100;

const READINGS: &[(Nav, Reading)] = &[
    (Nav::Alerts, open_alerts),
    (Nav::Checklists, waiting_checklists),
    (Nav::Incidents, open_incidents),
    (Nav::Queue, open_cases),
];

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
        let platforms = packs::store::platforms(conn)?;
        let ids: Vec<PlatformId> = platforms.iter().map(|platform| platform.id).collect();
        for (at, read) in READINGS {
            services.board.post(*at, read(conn, &ids)?);
        }
        let places = platforms.into_iter().map(|platform| Place {
            id: platform.id,
            name: platform.name,
        });
        services.board.post_platforms(places.collect());
        let now = services.clock.now();
        services.board.post_duties(oncall::duty::now(conn, now)?);
        let since = now - centre::pages::KEPT;
        services
            .board
            .post_unseen(notify::store::seen::unseen(conn, since, CAP)?);
        services.board.post_head(live::head(conn)?);
        measure_intake(conn, now)?;
        Ok(())
    })
}

/// How long the oldest record that has come in waits to be read and assessed.
fn measure_intake(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<()> {
    let kinds = [intake::events::READ_BATCH, reviews::jobs::ASSESS_CHUNK];
    let waiting = [
        intake::store::waiting_since(conn)?,
        jobs::waiting_since(conn, &kinds)?,
    ];
    let oldest = waiting.into_iter().flatten().min();
    let lag = oldest.map_or(0, |since| (now - since).num_milliseconds().max(0));
    metrics::gauge!("ingestion_lag").set(lag as f64 / 1_000.0);
    Ok(())
}

fn open_alerts(conn: &mut Conn, _: &[PlatformId]) -> db::Result<Counts> {
    let mut counts = Counts::new();
    for alert in alerts::store::open(conn, &Scope::All)? {
        let count = counts.entry(alert.platform).or_insert(Count {
            number: 0,
            nouns: ["open alert", "open alerts"],
            lamp: None,
        });
        count.number += 1;
        if alert.level == Level::Red {
            count.lamp = Some(Lamp::Red);
        }
    }
    Ok(counts)
}

fn waiting_checklists(conn: &mut Conn, _: &[PlatformId]) -> db::Result<Counts> {
    let mut counts = Counts::new();
    for run in checklists::store::times(conn, &Scope::All)? {
        let count = counts.entry(run.platform).or_insert(Count {
            number: 0,
            nouns: ["checklist that waits", "checklists that wait"],
            lamp: None,
        });
        count.number += 1;
    }
    Ok(counts)
}

fn open_incidents(conn: &mut Conn, _: &[PlatformId]) -> db::Result<Counts> {
    let mut counts = Counts::new();
    for incident in incidents::store::live(conn, &Scope::All)? {
        let count = counts.entry(incident.platform).or_insert(Count {
            number: 0,
            nouns: ["open incident", "open incidents"],
            lamp: None,
        });
        count.number += 1;
        if incident.level == Level::Red {
            count.lamp = Some(Lamp::Red);
        }
    }
    Ok(counts)
}

fn open_cases(conn: &mut Conn, platforms: &[PlatformId]) -> db::Result<Counts> {
    platforms
        .iter()
        .map(|platform| {
            let count = Count {
                number: reviews::store::queue::open_count(conn, *platform, CAP)? as u64,
                nouns: ["open case", "open cases"],
                lamp: None,
            };
            Ok((*platform, count))
        })
        .collect()
}
