//! Gives a sign of life each minute to whoever watches us, while all is well.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::features::alerts::store::rules;
use crate::features::health::store::overdue;
use crate::features::notify::store::outbox;
use crate::features::packs::store as packs;
use crate::features::watched::life::Facts;
use crate::features::watched::{send, store};
use crate::foundation::audit::Unaudited;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::{Services, jobs};

/// Whoever has the turn gives it once a minute, however often they look.
const LOOK_EVERY: Duration = Duration::from_secs(20);

pub struct Watched {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Watched {
    /// Starts on the current tokio runtime. Where nobody is to be told it does nothing.
    #[must_use]
    pub fn start(services: Services) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(run(services, stopped)),
        }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn run(services: Services, mut stopped: watch::Receiver<bool>) {
    if services.config.notices.sign_of_life.is_none() {
        return;
    }
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            _ = stopped.changed() => return,
            done = turn(&services) => if let Err(error) = done {
                // Whoever waits for the sign will notice.
                tracing::warn!(%error, "no sign of life could be given");
            },
        }
    }
}

/// Takes this minute's turn if it is free, looks whether all is well, and says so. Answers whether it was said.
pub async fn turn(services: &Services) -> db::Result<bool> {
    let Some(url) = services.config.notices.sign_of_life.clone() else {
        return Ok(false);
    };
    let app = services.clone();
    let looked = blocking(move || look(&app)).await?;
    let trouble = match looked {
        Look::NotOurs => return Ok(false),
        Look::Trouble(trouble) => Some(trouble.to_owned()),
        Look::Well => send::give(url.expose()).await.err(),
    };
    if let Some(trouble) = &trouble {
        tracing::warn!(trouble, "no sign of life was given");
    }
    let said = trouble.is_none();
    let app = services.clone();
    blocking(move || {
        let now = app.clock.now();
        app.audit.write_unaudited(Unaudited::Sample, |conn| {
            store::note(conn, trouble.as_deref(), now)
        })
    })
    .await?;
    Ok(said)
}

/// What a minute's turn finds.
enum Look {
    /// It is somebody else's turn.
    NotOurs,
    Well,
    /// What stands still.
    Trouble(&'static str),
}

fn look(services: &Services) -> db::Result<Look> {
    let now = services.clock.now();
    let mine = services
        .audit
        .write_unaudited(Unaudited::Sample, |conn| store::take_turn(conn, now))?;
    if !mine {
        return Ok(Look::NotOurs);
    }
    Ok(trouble(services)?.map_or(Look::Well, Look::Trouble))
}

/// What stands still, if anything does, whoever has the turn.
fn trouble(services: &Services) -> db::Result<Option<&'static str>> {
    let (facts, now) = all(services)?;
    Ok(facts.trouble(now))
}

/// What stands still and may go on after a new start. A notice that waits for a slow receiver does not.
pub fn standstill(services: &Services) -> db::Result<Option<&'static str>> {
    let (facts, now) = all(services)?;
    let facts = Facts {
        notice_due: None,
        ..facts
    };
    Ok(facts.trouble(now))
}

fn all(services: &Services) -> db::Result<(Facts, DateTime<Utc>)> {
    let now = services.clock.now();
    let facts = services
        .db
        .read_on(PoolKind::Jobs, |conn| facts(conn, now))?;
    Ok((facts, now))
}

fn facts(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Facts> {
    Ok(Facts {
        has_rules: packs::counts(conn)?.keys().any(|(_, kind)| kind == "rule"),
        rules_at: rules::last_tick(conn)?,
        probe_due: overdue::most_overdue(conn, now)?,
        job_due: jobs::overdue_since(conn, &super::jobs::registry(), now)?,
        notice_due: outbox::health(conn, now)?.overdue_since,
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> db::Result<T> + Send + 'static,
) -> db::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(db::Error::Unavailable(error.to_string())))
}
