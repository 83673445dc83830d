//! Asks connectors by the clock, until told to stop.
//!
//! Any number of processes may do this at once: whoever moves the time of the next call makes this one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::breaker::State;
use super::calls::Caller;
use super::gate::{self, Gate};
use super::store::{self, Held, New};
use super::views;
use crate::features::packs::pack::{Connector, ItemId};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db::{self, PoolKind};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longer than any call takes.
const LEASE: TimeDelta = TimeDelta::seconds(70);
/// Between two trials, where it is known that one is wanted.
const NEXT_TRIAL: TimeDelta = TimeDelta::seconds(10);
const AT_ONCE: i64 = 16;

type Connectors = BTreeMap<ItemId, Item<Connector>>;

pub struct Runner {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Runner {
    /// Starts on the current tokio runtime.
    pub fn start(services: Services) -> Result<Self, String> {
        let (stop, stopped) = watch::channel(false);
        let work = Work {
            services,
            caller: Caller::new()?,
            connectors: Arc::default(),
            revision: None,
            running: JoinSet::new(),
        };
        Ok(Self {
            stop,
            task: tokio::spawn(work.run(stopped)),
        })
    }

    /// Breaks off what is being asked, and ends: a trial that is lost opens its breaker again.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

struct Work {
    services: Services,
    caller: Caller,
    connectors: Arc<Connectors>,
    revision: Option<i64>,
    running: JoinSet<()>,
}

impl Work {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopped.changed() => break,
                _ = ticks.tick() => {}
            }
            while self.running.try_join_next().is_some() {}
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "due connectors could not be looked for");
            }
        }
        self.running.shutdown().await;
    }

    async fn look(&mut self) -> db::Result<()> {
        self.refresh().await?;
        let app = self.services.clone();
        let due = blocking(move || {
            gate::notice(&app)?;
            show(&app)?;
            claim(&app)
        })
        .await?;
        for held in due {
            let known = held.connector.and_then(|id| self.connectors.get(&id));
            if let Some(item) = known {
                let call = call(
                    self.services.clone(),
                    self.caller.clone(),
                    item.clone(),
                    held,
                );
                self.running.spawn(call);
            }
        }
        Ok(())
    }

    /// Reads the definitions again when a pack has been applied.
    async fn refresh(&mut self) -> db::Result<()> {
        let (app, known) = (self.services.clone(), self.revision);
        let news = blocking(move || {
            let revision = app.db.read_on(PoolKind::Jobs, packs::revision)?;
            if known == Some(revision) {
                return Ok(None);
            }
            Ok::<_, db::Error>(Some((revision, enrol(&app)?)))
        })
        .await?;
        if let Some((revision, connectors)) = news {
            self.revision = Some(revision);
            self.connectors = Arc::new(connectors);
        }
        Ok(())
    }
}

/// Gives each operation its breaker, and retires those that no pack names any more.
pub fn enrol(services: &Services) -> db::Result<Connectors> {
    let live = services
        .db
        .read_on(PoolKind::Jobs, packs::live::<Connector>)?;
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Call, |conn| {
        let mut named = Vec::new();
        for item in &live {
            let dependency = format!("connector:{}", item.id);
            for operation in item.spec.operations.keys() {
                let new = New {
                    platform: Some(item.platform),
                    connector: Some(item.id),
                    dependency: &dependency,
                    operation,
                    name: &item.name,
                    due_at: Some(now),
                };
                named.push(store::enrol(conn, &new, now)?);
            }
        }
        let known = store::all(conn)?;
        let gone: Vec<_> = known
            .iter()
            .filter(|held| held.connector.is_some() && !named.contains(&held.id))
            .map(|held| held.id)
            .collect();
        store::retire(conn, &gone, now)
    })?;
    Ok(live.into_iter().map(|item| (item.id, item)).collect())
}

fn claim(services: &Services) -> db::Result<Vec<Held>> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Call, |conn| {
        store::claim(conn, now, LEASE, AT_ONCE)
    })
}

/// Calls everything that is due, once. For tests and whoever has to wait for it. Returns how many were asked.
pub async fn call_due(services: &Services) -> db::Result<usize> {
    let app = services.clone();
    let (connectors, due) = blocking(move || {
        let connectors = enrol(&app)?;
        gate::notice(&app)?;
        Ok((connectors, claim(&app)?))
    })
    .await?;
    let caller = Caller::new().map_err(db::Error::Unavailable)?;
    let mut asked = 0;
    for held in due {
        if let Some(item) = held.connector.and_then(|id| connectors.get(&id)) {
            call(services.clone(), caller.clone(), item.clone(), held).await;
            asked += 1;
        }
    }
    Ok(asked)
}

async fn call(services: Services, caller: Caller, item: Item<Connector>, held: Held) {
    let (id, operation) = (held.id, held.operation);
    if let Err(error) = try_call(&services, &caller, &item, id, &operation).await {
        // It is asked again when its lease is over.
        tracing::warn!(%error, connector = %item.slug, operation, "a call could not be noted");
    }
}

async fn try_call(
    services: &Services,
    caller: &Caller,
    item: &Item<Connector>,
    id: store::BreakerId,
    operation: &str,
) -> db::Result<()> {
    let app = services.clone();
    let gate = blocking(move || gate::ask(&app, id)).await?;
    let ended = match gate {
        Gate::Open(pass) => Some((pass, caller.call(&item.spec, operation).await)),
        Gate::Shut { .. } => None,
    };
    let (app, every) = (services.clone(), item.spec.every.delta());
    blocking(move || {
        if let Some((pass, ended)) = ended {
            gate::tell(&app, pass, &ended)?;
        }
        plan(&app, id, every)
    })
    .await
}

/// When the clock asks next: after its interval, and before that where a trial is wanted.
fn plan(services: &Services, id: store::BreakerId, every: TimeDelta) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Call, |conn| {
        let held = store::lock(conn, id)?;
        store::set_due(conn, id, next(&held, every, now))
    })
}

fn next(held: &Held, every: TimeDelta, now: DateTime<Utc>) -> DateTime<Utc> {
    let breaker = &held.breaker;
    let regular = now + every;
    let wanted = match breaker.state {
        State::Open => breaker.retry_at.unwrap_or(regular).min(regular),
        State::HalfOpen => (now + NEXT_TRIAL).min(regular),
        State::Closed | State::Disabled | State::ForcedOpen => regular,
    };
    breaker.wait_until.map_or(wanted, |until| wanted.max(until))
}

/// Shows how the breakers stand to whoever scrapes us.
pub fn show(services: &Services) -> db::Result<()> {
    let all = services.db.read_on(PoolKind::Jobs, |conn| {
        let slugs = views::slugs(conn)?;
        Ok::<_, db::Error>((store::all(conn)?, slugs))
    })?;
    let (all, slugs) = all;
    let gauge = |(dependency, operation): &Label, state: f64| {
        let labels = [
            ("dependency", dependency.clone()),
            ("operation", operation.clone()),
        ];
        metrics::gauge!("breaker_state", &labels).set(state);
    };
    let mut shown: BTreeSet<Label> = BTreeSet::new();
    for held in all {
        let label = (views::label(&held, &slugs), held.operation.clone());
        gauge(&label, f64::from(held.breaker.state.number()));
        shown.insert(label);
    }
    let mut before = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for gone in before.difference(&shown) {
        gauge(gone, f64::NAN);
    }
    *before = shown;
    Ok(())
}

type Label = (String, String);

/// What this process last showed. A gauge stays as it was last set, so that of a connector that is gone says "not a
/// number", which is above and below nothing.
static SHOWN: Mutex<BTreeSet<Label>> = Mutex::new(BTreeSet::new());

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> db::Result<T> + Send + 'static,
) -> db::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(db::Error::Unavailable(error.to_string())))
}
