use std::error::Error as StdError;
use std::time::Duration;

use native_tls::TlsConnector;
use postgres_native_tls::MakeTlsConnector;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};

use super::{Cause, error_kind, innermost, outcome_of};
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::{Measure, Postgres, Tls};

/// Whichever comes first, the attempt's own timeout ends it.
const CONNECT_LIMIT: Duration = Duration::from_mins(1);

/// Connects, asks `SELECT 1`, and reads how full the server is.
pub async fn check(pg: &Postgres) -> Outcome {
    let config = match config(pg).await {
        Ok(config) => config,
        Err(outcome) => return outcome,
    };
    let tls = match TlsConnector::new() {
        Ok(tls) => MakeTlsConnector::new(tls),
        Err(error) => return Outcome::failed(ErrorKind::Tls, error.to_string()),
    };
    let (client, connection) = match config.connect(tls).await {
        Ok(connected) => connected,
        Err(error) => return sort(&error),
    };
    // The connection is driven beside the questions and ends with them.
    let answers = ask(&client);
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
    if !pg.password_file.is_empty() {
        let password = tokio::fs::read_to_string(&pg.password_file)
            .await
            .map_err(|error| {
                // Our own set-up is wrong; that says nothing about the database.
                Outcome::Unknown(format!("{}: {error}", pg.password_file))
            })?;
        config.password(password.trim_end_matches(['\r', '\n']));
    }
    Ok(config)
}

/// How full a server is. Simple queries, so that poolers and old servers understand them.
async fn ask(client: &Client) -> Result<Vec<(Measure, f64)>, Error> {
    client.simple_query("SELECT 1").await?;
    let answer = client
        .simple_query(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8 \
                    / current_setting('max_connections')::float8, \
                    pg_database_size(current_database())",
        )
        .await?;
    let figure = |column| {
        answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(column)?.parse::<f64>().ok(),
            _ => None,
        })
    };
    let connections = figure(0).map(|share| (Measure::Connections, share));
    let size = figure(1).map(|bytes| (Measure::Size, bytes));
    Ok(connections.into_iter().chain(size).collect())
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
