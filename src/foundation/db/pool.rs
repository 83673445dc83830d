use std::fmt::Display;
use std::time::Duration;

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::r2d2::{self, ConnectionManager, ManageConnection, R2D2Connection};
use diesel::result::Error as Diesel;
use metrics::gauge;

use super::connect::with_deadlines;
use super::error::is_broken_link;
use super::{Conn, Error, Result};
use crate::foundation::config::PoolSizes;
use crate::foundation::kernel::Secret;

/// How long a caller waits for a connection before it is told to come back.
const PATIENCE: Duration = Duration::from_millis(800);

const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const WRITE: &str = "BEGIN READ WRITE";

/// Fails in a transaction that PostgreSQL has given up on, where COMMIT alone would undo it and report success.
const NO_LAST_WORDS: &str = "SELECT";

/// Which pool does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    Web,
    SignIn,
    Jobs,
    Exports,
}

impl PoolKind {
    pub const ALL: [Self; 4] = [Self::Web, Self::SignIn, Self::Jobs, Self::Exports];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::SignIn => "sign_in",
            Self::Jobs => "jobs",
            Self::Exports => "exports",
        }
    }

    /// A page that takes longer is stopped by the server; jobs and exports may take their time.
    const fn statement_timeout_ms(self) -> u32 {
        match self {
            Self::Web | Self::SignIn => 10_000,
            Self::Jobs => 300_000,
            Self::Exports => 0,
        }
    }
}

/// How a pool stands, for `/metrics`.
#[derive(Clone, Copy, Debug)]
pub struct PoolState {
    pub kind: PoolKind,
    pub connections: u32,
    pub idle: u32,
    pub limit: u32,
}

type Pool = r2d2::Pool<Manager>;
type Pooled = r2d2::PooledConnection<Manager>;

#[derive(Clone)]
pub struct Db {
    address: Secret<String>,
    web: Pool,
    sign_in: Pool,
    jobs: Pool,
    exports: Pool,
}

impl Db {
    /// Pools over `url`. Connecting waits for the first use, so that the process starts, and
    /// answers its health route, while the database is away.
    #[must_use]
    pub fn new(url: &Secret<String>, sizes: PoolSizes) -> Self {
        let pool = |kind: PoolKind, size: u32| {
            r2d2::Pool::builder()
                .max_size(size)
                // Connections are made by whoever needs one: a short command must not end while a thread
                // of the pool is still inside the TLS library.
                .min_idle(Some(0))
                .connection_timeout(PATIENCE)
                .test_on_check_out(false)
                .error_handler(Box::new(LogErrors))
                .build_unchecked(Manager::new(url, kind))
        };
        Self {
            address: url.clone(),
            web: pool(PoolKind::Web, sizes.web),
            sign_in: pool(PoolKind::SignIn, sizes.sign_in),
            jobs: pool(PoolKind::Jobs, sizes.jobs),
            exports: pool(PoolKind::Exports, sizes.exports),
        }
    }

    /// Where the database is, with the application's own password.
    #[must_use]
    pub fn address(&self) -> &Secret<String> {
        &self.address
    }

    /// Whether the database lets us in at all, apart from the pools.
    #[must_use]
    pub fn lets_in(&self) -> bool {
        super::connect(&self.address).is_ok()
    }

    /// Runs `work` in a READ ONLY transaction on a connection for web pages.
    pub fn read<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Conn) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.read_on(PoolKind::Web, work)
    }

    /// Runs `work` in a READ ONLY transaction. All its statements see one state of the database.
    pub fn read_on<T, E: From<Error>>(
        &self,
        kind: PoolKind,
        work: impl FnOnce(&mut Conn) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.transaction(kind, READ, |conn| Ok((work(conn)?, String::new())))
    }

    /// [`Db::read_on`], on somebody's behalf: row security asks for whom personal data is read.
    pub fn read_for<T, E: From<Error>>(
        &self,
        kind: PoolKind,
        who: &dyn Display,
        work: impl FnOnce(&mut Conn) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let begin = on_behalf_of(READ, who);
        self.transaction(kind, &begin, |conn| Ok((work(conn)?, String::new())))
    }

    /// Asks one question. A single statement has a transaction of its own, READ ONLY as those of the pools are unless
    /// they say otherwise, and is spared the two round trips of ours.
    pub fn look_up<T>(
        &self,
        kind: PoolKind,
        ask: impl Fn(&mut Conn) -> QueryResult<T>,
    ) -> Result<T> {
        let (_, answer) = self.on_live(kind, ask)?;
        Ok(answer)
    }

    /// Runs `work` in a writing transaction on somebody's behalf. Only `audit` and the job queue's own bookkeeping may
    /// call this: everybody else would write around the log.
    pub(in crate::foundation) fn write_on<T, E: From<Error>>(
        &self,
        kind: PoolKind,
        who: &dyn Display,
        work: impl FnOnce(&mut Conn) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.write_ending(kind, who, |conn| {
            Ok((work(conn)?, NO_LAST_WORDS.to_owned()))
        })
    }

    /// Runs `work` in a writing transaction, whose last statements it leaves behind as SQL text: they go to the
    /// server together with COMMIT, and so cost no round trip of their own.
    pub(in crate::foundation) fn write_ending<T, E: From<Error>>(
        &self,
        kind: PoolKind,
        who: &dyn Display,
        work: impl FnOnce(&mut Conn) -> std::result::Result<(T, String), E>,
    ) -> std::result::Result<T, E> {
        self.transaction(kind, &on_behalf_of(WRITE, who), work)
    }

    /// Whether the database answers.
    pub fn ping(&self, kind: PoolKind) -> Result<()> {
        self.read_on(kind, |conn| Ok(conn.batch_execute("SELECT 1")?))
    }

    /// Sets the pools' gauges.
    pub fn measure(&self) {
        for pool in self.states() {
            let kind = pool.kind.as_str();
            gauge!("db_pool_connections", "pool" => kind).set(pool.connections);
            gauge!("db_pool_idle", "pool" => kind).set(pool.idle);
            gauge!("db_pool_limit", "pool" => kind).set(pool.limit);
        }
    }

    #[must_use]
    pub fn states(&self) -> [PoolState; 4] {
        PoolKind::ALL.map(|kind| {
            let pool = self.pool(kind);
            let state = pool.state();
            PoolState {
                kind,
                connections: state.connections,
                idle: state.idle_connections,
                limit: pool.max_size(),
            }
        })
    }

    /// Begins and ends the transaction itself rather than through diesel, which has no way to say anything together
    /// with COMMIT. Nobody else may therefore open one on a connection of the pools; a test looks for it.
    fn transaction<T, E: From<Error>>(
        &self,
        kind: PoolKind,
        begin: &str,
        work: impl FnOnce(&mut Conn) -> std::result::Result<(T, String), E>,
    ) -> std::result::Result<T, E> {
        let mut link = self.begin(kind, begin)?;
        let (outcome, ended) = match work(&mut link.conn) {
            Ok((value, last_words)) => {
                let commit = format!("{last_words};COMMIT");
                (Ok(value), link.conn.batch_execute(&commit))
            }
            Err(error) => (Err(error), link.conn.batch_execute("ROLLBACK")),
        };
        match ended {
            Ok(()) => outcome,
            Err(error) => {
                link.broken = true;
                let may_have_committed = begin.starts_with(WRITE) && is_broken_link(&error);
                let error = if may_have_committed {
                    Error::OutcomeUnknown(error.to_string())
                } else {
                    Error::from(error)
                };
                outcome.and(Err(error.into()))
            }
        }
    }

    /// A connection with an open transaction.
    fn begin(&self, kind: PoolKind, begin: &str) -> Result<Pooled> {
        let (link, ()) = self.on_live(kind, |conn| conn.batch_execute(begin))?;
        Ok(link)
    }

    /// A connection, and the answer to the first that is said on it. Connections that died while they were idle are
    /// thrown away here, so a restart of the database costs the caller nothing.
    fn on_live<T>(
        &self,
        kind: PoolKind,
        say: impl Fn(&mut Conn) -> QueryResult<T>,
    ) -> Result<(Pooled, T)> {
        let pool = self.pool(kind);
        let mut last = None;
        for _ in 0..=pool.max_size() {
            let mut link = pool
                .get()
                .map_err(|error| Error::Unavailable(error.to_string()))?;
            match say(&mut link.conn) {
                Ok(answer) => return Ok((link, answer)),
                Err(error) => {
                    link.broken = true;
                    if !is_broken_link(&error) {
                        return Err(error.into());
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or(Diesel::NotFound).into())
    }

    fn pool(&self, kind: PoolKind) -> &Pool {
        match kind {
            PoolKind::Web => &self.web,
            PoolKind::SignIn => &self.sign_in,
            PoolKind::Jobs => &self.jobs,
            PoolKind::Exports => &self.exports,
        }
    }
}

/// The beginning of a transaction that says for whom it works. Both go to the server together, so that saying it costs
/// no round trip; and it ends with the transaction, so that nobody inherits it.
fn on_behalf_of(begin: &str, who: &dyn Display) -> String {
    let who = who.to_string().replace('\'', "''");
    format!("{begin};SELECT set_config('app.actor', '{who}', true)")
}

/// A connection that remembers having failed, so that the pool does not keep it.
struct Link {
    conn: Conn,
    broken: bool,
}

struct Manager {
    inner: ConnectionManager<Conn>,
    kind: PoolKind,
}

impl Manager {
    fn new(url: &Secret<String>, kind: PoolKind) -> Self {
        Self {
            inner: ConnectionManager::new(with_deadlines(url.expose())),
            kind,
        }
    }
}

impl ManageConnection for Manager {
    type Connection = Link;
    type Error = r2d2::Error;

    fn connect(&self) -> std::result::Result<Link, r2d2::Error> {
        let mut conn = self.inner.connect()?;
        conn.batch_execute(&format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = '60s'; \
             SET default_transaction_read_only = on; SET timezone = 'UTC'; SET application_name = 'signalbox {}'",
            self.kind.statement_timeout_ms(),
            self.kind.as_str(),
        ))
        .map_err(r2d2::Error::QueryError)?;
        Ok(Link {
            conn,
            broken: false,
        })
    }

    fn is_valid(&self, link: &mut Link) -> std::result::Result<(), r2d2::Error> {
        link.conn.ping().map_err(r2d2::Error::QueryError)
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.broken || std::thread::panicking() || link.conn.is_broken()
    }
}

#[derive(Debug)]
struct LogErrors;

impl<E: std::error::Error> diesel::r2d2::HandleError<E> for LogErrors {
    fn handle_error(&self, error: E) {
        tracing::warn!(%error, "a database connection could not be made");
    }
}
