use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::hand::Behaves;
use super::metrics::Traffic;
use super::sites::{Described, Speaks};
use super::{redis, wire};
use crate::foundation::kernel::Clock;

/// How a site behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Well,
    /// Answers with an error: 500, or too many connections.
    Failing,
    /// Takes longer than any probe waits.
    Slow,
    /// Nothing listens.
    Refusing,
    /// Answers, but not what is expected; a database or a cache refuses the credentials.
    Wrong,
    /// Answers its probes, and its metrics say that one request in eight fails.
    Erring,
    /// Answers its probes, and its metrics say that it takes long and that work waits.
    Lagging,
    /// Answers its probes, and a metric that was there is there no more.
    Silent,
    /// Asks us to wait: 429, and for how long.
    Limiting,
    /// Answers well, and later than is promised.
    Late,
    /// A database that has hardly a connection left.
    Crowded,
    /// A queue in which work piles up.
    Piling,
}

impl Mode {
    /// Those that probes notice.
    pub const ALL: [Self; 5] = [
        Self::Well,
        Self::Failing,
        Self::Slow,
        Self::Refusing,
        Self::Wrong,
    ];

    /// Those of which a service answers its probes all the same.
    pub const TOLD: [Self; 7] = [
        Self::Erring,
        Self::Lagging,
        Self::Silent,
        Self::Limiting,
        Self::Late,
        Self::Crowded,
        Self::Piling,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Failing => "failing",
            Self::Slow => "slow",
            Self::Refusing => "refusing",
            Self::Wrong => "wrong",
            Self::Erring => "erring",
            Self::Lagging => "lagging",
            Self::Silent => "silent",
            Self::Limiting => "limiting",
            Self::Late => "late",
            Self::Crowded => "crowded",
            Self::Piling => "piling",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .into_iter()
            .chain(Self::TOLD)
            .find(|mode| mode.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a way to behave"))
    }
}

/// How long a slow site takes.
const SLOW: Duration = Duration::from_secs(30);

/// How long one takes that is late: longer than the tenth of a second that is promised of LAIT.
const LATE: Duration = Duration::from_millis(150);

/// A site at its address. Clones are the same site.
#[derive(Clone)]
pub struct Site {
    pub described: Described,
    pub address: SocketAddr,
    /// Nothing once it has been stopped.
    mode: Arc<Behaves<Option<Mode>>>,
}

/// What it has counted.
pub type Counted = Arc<Mutex<Traffic>>;

impl Site {
    pub async fn start(described: Described, port: u16, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let (mode, watched) = Behaves::new(Some(Mode::Well));
        tokio::spawn(keep(described, address, listener, watched, clock));
        Ok(Self {
            described,
            address,
            mode: Arc::new(mode),
        })
    }

    pub fn is(&self, platform: &str, name: &str) -> bool {
        self.described.platform == platform && self.described.name == name
    }

    pub fn mode(&self) -> Mode {
        self.mode.now().unwrap_or(Mode::Refusing)
    }

    pub fn is_by_hand(&self) -> bool {
        self.mode.is_by_hand()
    }

    /// A person breaks or mends it, and it stays so.
    pub fn set(&self, mode: Mode) -> bool {
        self.mode.set(Some(mode))
    }

    /// The schedule does. True if that changed anything.
    pub fn follow(&self, mode: Mode) -> bool {
        self.mode.follow(Some(mode))
    }

    pub fn stop(&self) {
        self.mode.set(None);
    }

    pub fn parameters(&self) -> Vec<(String, String)> {
        self.described.parameters(self.address)
    }
}

/// Listens while the site is not refusing, and again when it is told otherwise.
async fn keep(
    described: Described,
    address: SocketAddr,
    first: TcpListener,
    mut mode: watch::Receiver<Option<Mode>>,
    clock: Clock,
) {
    let mut listener = Some(first);
    let counted = Counted::default();
    loop {
        let now = *mode.borrow_and_update();
        let Some(now) = now else { return };
        if now == Mode::Refusing {
            listener = None;
        } else if listener.is_none() {
            match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => tracing::warn!(%error, %address, "a simulated service cannot listen"),
            }
        }
        let changed = match &listener {
            None => mode.changed().await,
            Some(listener) => loop {
                tokio::select! {
                    changed = mode.changed() => break changed,
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        let counted = Arc::clone(&counted);
                        tokio::spawn(answer(described, now, stream, counted, clock.clone()));
                    },
                }
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

async fn answer(
    described: Described,
    mode: Mode,
    stream: TcpStream,
    counted: Counted,
    clock: Clock,
) {
    match mode {
        Mode::Slow => tokio::time::sleep(SLOW).await,
        Mode::Late => tokio::time::sleep(LATE).await,
        _ => {}
    }
    // A probe that hangs up early is its own affair.
    let _ = match described.speaks {
        Speaks::Http(routes) => wire::http(stream, routes, mode, &counted).await,
        Speaks::Postgres => wire::postgres(stream, mode).await,
        Speaks::Redis => redis::serve(stream, mode, &clock).await,
    };
}
