//! What we tell the supervisor that started us, where it wants to know: that pages are served, that nothing stands still,
//! that we end.

use std::time::Duration;

use super::watched;
use crate::features::watched::supervisor::{News, tell};
use crate::foundation::Services;
use crate::foundation::config::SupervisorConfig;
use crate::foundation::db;
use crate::foundation::jobs::Ticker;

/// No more often than this, whatever the supervisor's patience.
const SHORTEST: Duration = Duration::from_millis(100);

pub struct Supervisor {
    config: SupervisorConfig,
    watchdog: Option<Ticker>,
}

impl Supervisor {
    /// Says that we are ready, and from now on that we are well, twice in the time after which we are taken for dead.
    #[must_use]
    pub fn start(services: Services) -> Self {
        let config = services.config.supervisor.clone();
        say(&config, News::Ready);
        let watchdog = config
            .watchdog
            .filter(|_| config.socket.is_some())
            .map(|patience| {
                let every = (patience / 2).max(SHORTEST);
                Ticker::start("the watchdog", every, move || turn(&services).map(drop))
            });
        Self { config, watchdog }
    }

    pub fn stopping(&self) {
        say(&self.config, News::Stopping);
    }

    pub async fn stop(self) {
        if let Some(watchdog) = self.watchdog {
            watchdog.stop().await;
        }
    }
}

/// Looks whether something stands still, and says that we are well if nothing does. Answers whether it was said.
///
/// A database that does not answer is not mended by starting us again, and the page that says so would go: that alone
/// keeps nothing back. One that answers others, while none of our own connections comes free, does.
pub fn turn(services: &Services) -> db::Result<bool> {
    let trouble = match watched::standstill(services) {
        Ok(trouble) => trouble,
        Err(db::Error::Unavailable(_)) => services
            .db
            .lets_in()
            .then_some("no connection to the database comes free"),
        Err(error) => return Err(error),
    };
    if let Some(trouble) = trouble {
        tracing::warn!(trouble, "the supervisor is not told that all is well");
        return Ok(false);
    }
    say(&services.config.supervisor, News::Well);
    Ok(true)
}

fn say(config: &SupervisorConfig, news: News) {
    if let Some(socket) = &config.socket
        && let Err(error) = tell(socket, news)
    {
        tracing::warn!(%error, ?news, "the supervisor could not be told");
    }
}
