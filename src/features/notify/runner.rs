//! Sends notices, until told to stop.
//!
//! Any number of processes may do this at once; each notice's own row says who has it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::delivery;
use super::notice::Channel;
use super::store::outbox::Claim;
use crate::foundation::Services;
use crate::foundation::db;

const LOOK_EVERY: Duration = Duration::from_millis(500);
const TIDY_EVERY: Duration = Duration::from_secs(30);
/// How long what is being sent may take when we are told to stop. What is not done by then is sent again.
const GRACE: Duration = Duration::from_secs(3);

/// Most at once by each channel: slow receivers of one keep nobody waiting at the other.
const AT_ONCE: usize = 6;

pub struct Runner {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Runner {
    /// Starts on the current tokio runtime.
    #[must_use]
    pub fn start(services: Services) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            task: tokio::spawn(run(services, stopped)),
        }
    }

    /// Finishes what is being sent, and ends.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn run(services: Services, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tidied = Instant::now();
    let mut sending = JoinSet::new();
    let mut busy = Busy::default();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = ticks.tick() => {}
            // Whoever is done makes room, and so does an endpoint that has answered.
            Some(done) = sending.join_next(), if !sending.is_empty() => busy.end(done.ok()),
        }
        if let Err(error) = look(&services, &mut sending, &mut busy).await {
            tracing::warn!(%error, "due notices could not be looked for");
        }
        if sending.is_empty() {
            busy = Busy::default();
        }
        if tidied.elapsed() >= TIDY_EVERY {
            tidied = Instant::now();
            let app = services.clone();
            match tokio::task::spawn_blocking(move || delivery::tidy(&app)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "old notices could not be ended"),
                Err(error) => tracing::error!(%error, "ending old notices broke off"),
            }
        }
    }
    let grace = tokio::time::sleep(GRACE);
    tokio::select! {
        () = grace => sending.shutdown().await,
        () = async { while sending.join_next().await.is_some() {} } => {}
    }
}

/// How many are being sent by each channel.
#[derive(Default)]
struct Busy {
    mails: usize,
    webhooks: usize,
}

impl Busy {
    fn of(&mut self, channel: Channel) -> &mut usize {
        match channel {
            Channel::Email => &mut self.mails,
            Channel::Endpoint => &mut self.webhooks,
        }
    }

    fn end(&mut self, channel: Option<Channel>) {
        if let Some(channel) = channel {
            let busy = self.of(channel);
            *busy = busy.saturating_sub(1);
        }
    }

    fn free(&mut self) -> Vec<Channel> {
        let mut free = Channel::ALL.to_vec();
        free.retain(|channel| *self.of(*channel) < AT_ONCE);
        free
    }
}

async fn look(
    services: &Services,
    sending: &mut JoinSet<Channel>,
    busy: &mut Busy,
) -> db::Result<()> {
    loop {
        let free = busy.free();
        if free.is_empty() {
            return Ok(());
        }
        let app = services.clone();
        let claimed = tokio::task::spawn_blocking(move || delivery::claim(&app, &free)).await;
        let claimed =
            claimed.unwrap_or_else(|error| Err(db::Error::Unavailable(error.to_string())));
        let Some(claim) = claimed? else {
            return Ok(());
        };
        *busy.of(claim.to.channel()) += 1;
        sending.spawn(send(services.clone(), claim));
    }
}

async fn send(services: Services, claim: Claim) -> Channel {
    let (id, channel) = (claim.letter.id, claim.to.channel());
    if let Err(error) = delivery::deliver(&services, claim).await {
        // The lease ends by itself, and the notice is sent again.
        tracing::warn!(%error, notice = %id, "what became of a notice could not be noted");
    }
    channel
}
