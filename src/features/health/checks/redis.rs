use chrono::{DateTime, Utc};
use native_tls::TlsConnector;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::tls::TlsConnect;

use super::connect::connect_to;
use super::{outcome_of, password};
use crate::features::health::cache::{Info, Tally};
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::health::resp::{self, Malformed, Reply};
use crate::features::packs::pack::{Redis, host_and_port};

/// What an answer to `INFO` fits into.
const READ_AT_ONCE: usize = 16 * 1024;

/// Says who we are, asks whether it is there, and reads what it says of itself. The tally is that of the last
/// run, and becomes that of the next.
pub async fn check(redis: &Redis, at: DateTime<Utc>, tally: &mut Option<Tally>) -> Outcome {
    let info = match info(redis).await {
        Ok(info) => info,
        Err(outcome) => return outcome,
    };
    let info = String::from_utf8_lossy(&info);
    Outcome::Good(Info::read(&info).measures(at, tally))
}

async fn info(redis: &Redis) -> Result<Vec<u8>, Outcome> {
    let mut talk = talk_to(redis).await?;
    match good(talk.say(&["INFO"]).await?)? {
        Reply::Bulk(info) => Ok(info),
        _ => Err(wrong("INFO was not answered with a text")),
    }
}

/// A server that has let us in and is there.
pub async fn talk_to(redis: &Redis) -> Result<Talk, Outcome> {
    let password = password(&redis.password_file).await?;
    let mut talk = Talk {
        stream: connect(redis).await?,
        received: Vec::new(),
    };
    if let Some(password) = password {
        let with_user = ["AUTH", &redis.user, &password];
        let parts: &[&str] = if redis.user.is_empty() {
            &["AUTH", &password]
        } else {
            &with_user
        };
        if let Reply::Error(message) = talk.say(parts).await? {
            return Err(turned_away(&message));
        }
    }
    if redis.database != 0 {
        let database = redis.database.to_string();
        good(talk.say(&["SELECT", &database]).await?)?;
    }
    match good(talk.say(&["PING"]).await?)? {
        Reply::Simple(pong) if pong == "PONG" => Ok(talk),
        _ => Err(wrong("PING was not answered with PONG")),
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn connect(redis: &Redis) -> Result<Box<dyn Stream>, Outcome> {
    let stream = connect_to(&redis.address).await?;
    if !redis.tls {
        return Ok(Box::new(stream));
    }
    let host = host_and_port(&redis.address).map_or("", |(host, _)| host);
    let refused = |error: native_tls::Error| outcome_of(&error, ErrorKind::Tls);
    let connector = TlsConnector::new().map_err(refused)?;
    // The database driver's, which knows how to wait and cares for no protocol of its own.
    let connector = postgres_native_tls::TlsConnector::new(connector, host);
    let stream = TlsConnect::<TcpStream>::connect(connector, stream);
    Ok(Box::new(stream.await.map_err(refused)?))
}

pub struct Talk {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

impl Talk {
    /// Sends a command and waits for what it is answered with.
    pub async fn say(&mut self, parts: &[&str]) -> Result<Reply, Outcome> {
        let broken = |error| outcome_of(&error, ErrorKind::WrongAnswer);
        let command = resp::command(parts);
        self.stream.write_all(&command).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)?;
        loop {
            let malformed = |error: Malformed| wrong(&error.to_string());
            if let Some((reply, taken)) = resp::parse(&self.received).map_err(malformed)? {
                self.received.drain(..taken);
                return Ok(reply);
            }
            self.received.reserve(READ_AT_ONCE);
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(broken)? == 0 {
                return Err(wrong("it hung up"));
            }
        }
    }
}

/// What is no error. Whom it does not let in, and who may not ask this, both have the wrong credentials.
pub fn good(reply: Reply) -> Result<Reply, Outcome> {
    let Reply::Error(message) = reply else {
        return Ok(reply);
    };
    let kind = match message.split(' ').next() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => ErrorKind::Authentication,
        _ => ErrorKind::WrongAnswer,
    };
    Err(Outcome::failed(kind, told(&message)))
}

/// Whether our role may do other things, and not this.
pub fn is_not_allowed(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(message) if message.split(' ').next() == Some("NOPERM"))
}

/// Why it does not take our credentials. Of its words only the first is told: a server that does not know the command
/// repeats what it was sent, which is the password.
fn turned_away(message: &str) -> Outcome {
    let code = message.split(' ').next().unwrap_or_default();
    match code {
        "LOADING" | "BUSY" | "MASTERDOWN" => wrong(&told(message)),
        _ if message == "ERR max number of clients reached" => wrong(message),
        _ => {
            let why = format!("it does not take the credentials ({})", told(code));
            Outcome::failed(ErrorKind::Authentication, why)
        }
    }
}

pub fn wrong(message: &str) -> Outcome {
    Outcome::failed(ErrorKind::WrongAnswer, message)
}

/// What a server says is shown to people: so much of it, and no control characters.
fn told(message: &str) -> String {
    let letters = message.chars().filter(|letter| !letter.is_control());
    letters.take(200).collect()
}
