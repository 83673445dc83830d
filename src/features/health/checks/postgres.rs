use std::error::Error as StdError;
use std::time::Duration;

use native_tls::TlsConnector;
use postgres_native_tls::MakeTlsConnector;
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};

use super::connect::connect;
use super::{Cause, error_kind, innermost, outcome_of, password};
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::{Measure, Postgres, Tls};

/// Whichever comes first, the attempt's own timeout ends it.
const CONNECT_LIMIT: Duration = Duration::from_mins(1);

/// Connects, asks `SELECT 1`, and reads how full the server is.
pub async fn check(pg: &Postgres) -> Outcome {
    run(pg, &Asking::Server).await
}

/// Connects, and reads the figures that a query of the pack's tells by the names of its columns. It changes no
/// table: the transaction only reads.
pub async fn figures(pg: &Postgres, query: &str, measures: &[Measure]) -> Outcome {
    run(pg, &Asking::Query { query, measures }).await
}

/// What is asked of a server.
enum Asking<'q> {
    Server,
    Query {
        query: &'q str,
        measures: &'q [Measure],
    },
}

async fn run(pg: &Postgres, asking: &Asking<'_>) -> Outcome {
    let config = match config(pg).await {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    let tls = match TlsConnector::new() {
        Ok(tls) => MakeTlsConnector::new(tls),
        Err(error) => return Outcome::failed(ErrorKind::Tls, error.to_string()),
    };
    // A folder is where a server on this machine has its socket.
    if pg.host.starts_with('/') {
        return match config.connect(tls).await {
            Ok((client, connection)) => converse(&client, connection, asking).await,
            Err(error) => sort(&error),
        };
    }
    let stream = match connect(&pg.host, pg.port).await {
        Ok(stream) => stream,
        Err(outcome) => return outcome,
    };
    let mut tls = tls;
    let tls = match MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, &pg.host) {
        Ok(tls) => tls,
        Err(error) => return Outcome::failed(ErrorKind::Tls, error.to_string()),
    };
    match config.connect_raw(stream, tls).await {
        Ok((client, connection)) => converse(&client, connection, asking).await,
        Err(error) => sort(&error),
    }
}

/// The connection is driven beside the questions and ends with them.
async fn converse(
    client: &Client,
    connection: impl Future<Output = Result<(), Error>>,
    asking: &Asking<'_>,
) -> Outcome {
    let answers = async {
        match asking {
            Asking::Server => ask(client).await,
            Asking::Query { query, measures } => ask_for(client, query, measures).await,
        }
    };
    tokio::pin!(answers);
    tokio::select! {
        answered = &mut answers => answered.map_or_else(|error| sort(&error), Outcome::Good),
        closed = connection => match closed {
            Err(error) => sort(&error),
            Ok(()) => Outcome::failed(ErrorKind::WrongAnswer, "the server closed the connection"),
        },
    }
}

async fn config(pg: &Postgres) -> Result<Config, Outcome> {
    let mut config = Config::new();
    config
        .host(&pg.host)
        .port(pg.port)
        .dbname(&pg.database)
        .user(&pg.user)
        .application_name("signalbox probe")
        .connect_timeout(CONNECT_LIMIT)
        .ssl_mode(match pg.tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require => SslMode::Require,
        });
    if let Some(password) = password(&pg.password_file).await? {
        config.password(password);
    }
    Ok(config)
}

/// How full a server is, and how far replication lags. Each part is open to every role, and what a role
/// may not see of others is not counted as nothing: connections are those of the statistics, not of the
/// list of sessions, and a lag that is hidden is none. A server that has replayed all it received is up to
/// date only while it receives; one that is cut off is as old as the last change it replayed. How long
/// queries run is told to roles alone that see those of others (`pg_read_all_stats`), and of a query
/// nothing but its time is asked for. Dead rows are those of the statistics, which are an estimate:
/// nothing is read of the tables themselves.
const FIGURES: &str = "SELECT (SELECT sum(numbackends) FROM pg_stat_database)::float8 \
            / current_setting('max_connections')::float8, \
        pg_database_size(current_database()), \
        CASE WHEN NOT pg_is_in_recovery() THEN \
                (SELECT extract(epoch FROM max(coalesce(replay_lag, '0'))) FROM pg_stat_replication \
                 WHERE state IS NOT NULL) \
             WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() \
                AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver) THEN 0 \
             ELSE extract(epoch FROM clock_timestamp() \
                - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) END, \
        (SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_read_all_stats' \
                                  AND pg_has_role(oid, 'USAGE')) \
                THEN coalesce(extract(epoch FROM max(clock_timestamp() - query_start)), 0) END \
         FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() \
            AND pid <> pg_backend_pid() AND backend_type = 'client backend'), \
        (SELECT sum(n_dead_tup)::float8 / nullif(sum(n_live_tup + n_dead_tup), 0) FROM pg_stat_user_tables), \
        (SELECT count(*) FROM pg_stat_replication)";

/// Simple queries, so that poolers and old servers understand them.
async fn ask(client: &Client) -> Result<Vec<(Measure, f64)>, Error> {
    client.simple_query("SELECT 1").await?;
    let answer = client.simple_query(FIGURES).await?;
    let figure = |column| {
        answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let text = row.try_get(column).ok().flatten()?;
                text.parse::<f64>().ok()
            }
            _ => None,
        })
    };
    let measures = [
        Measure::Connections,
        Measure::Size,
        Measure::Lag,
        Measure::Query,
        Measure::Bloat,
        Measure::Replicas,
    ];
    let read = measures.into_iter().enumerate();
    Ok(read
        .filter_map(|(column, measure)| Some((measure, figure(column)?)))
        .collect())
}

/// The first row of a query, each figure by the name of its column, and of several of one name the first.
async fn ask_for(
    client: &Client,
    query: &str,
    measures: &[Measure],
) -> Result<Vec<(Measure, f64)>, Error> {
    // No run lasts longer, and the server is to know that nobody waits any more.
    client
        .simple_query("BEGIN READ ONLY; SET LOCAL statement_timeout = '60s'")
        .await?;
    let first = format!("SELECT * FROM ({query}) AS told LIMIT 1");
    let answer = client.simple_query(&first).await?;
    client.simple_query("ROLLBACK").await?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let Some(row) = row else {
        return Ok(Vec::new());
    };
    let figures = measures.iter().filter_map(|measure| {
        let mut columns = row.columns().iter();
        let place = columns.position(|it| it.name() == measure.as_str())?;
        let figure: f64 = row.get(place)?.parse().ok()?;
        figure.is_finite().then_some((*measure, figure))
    });
    Ok(figures.collect())
}

/// RH-4: "connection refused" and wrong credentials are two things, and so are a timeout and TLS.
fn sort(error: &Error) -> Outcome {
    let credentials = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ];
    if error.code().is_some_and(|code| credentials.contains(code)) {
        return Outcome::failed(ErrorKind::Authentication, innermost(error));
    }
    if error_kind(error)
        .is_some_and(|cause| !matches!(cause, Cause::Target(ErrorKind::WrongAnswer)))
    {
        return outcome_of(error, ErrorKind::WrongAnswer);
    }
    // The driver tells these apart in words only.
    let kind = match error.to_string() {
        text if text.contains("TLS handshake") => ErrorKind::Tls,
        text if text.contains("authentication") || text.contains("password") => {
            ErrorKind::Authentication
        }
        _ if error
            .source()
            .is_some_and(|cause| cause.to_string().contains("lookup address")) =>
        {
            ErrorKind::Dns
        }
        _ if error
            .source()
            .is_some_and(|cause| cause.to_string().contains("does not support TLS")) =>
        {
            ErrorKind::Tls
        }
        _ => ErrorKind::WrongAnswer,
    };
    Outcome::failed(kind, innermost(error))
}
