//! Just enough of Redis to be probed.

use std::io;
use std::sync::OnceLock;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::Mode;
use crate::features::health::resp::{self, Reply};

/// Lookups of a second, of which so many find what they look for.
const HITS: u128 = 91;
const MISSES: u128 = 9;

/// Answers commands until the client goes.
pub async fn serve(mut stream: TcpStream, mode: Mode) -> io::Result<()> {
    let mut received = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let asked = resp::parse(&received).map_err(io::Error::other)?;
        if let Some((command, taken)) = asked {
            received.drain(..taken);
            stream.write_all(answer(&command, mode).as_bytes()).await?;
            continue;
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            read => received.extend_from_slice(&chunk[..read]),
        }
    }
}

fn answer(command: &Reply, mode: Mode) -> String {
    let name = match command {
        Reply::Array(parts) => parts.first(),
        _ => None,
    };
    match (mode, name) {
        (Mode::Failing, _) => {
            "-LOADING Redis is loading the dataset in memory (simulated)\r\n".to_owned()
        }
        (Mode::Wrong, _) => "-NOAUTH Authentication required (simulated).\r\n".to_owned(),
        (_, Some(Reply::Bulk(name))) => match name.as_slice() {
            b"PING" => "+PONG\r\n".to_owned(),
            b"AUTH" | b"SELECT" => "+OK\r\n".to_owned(),
            b"INFO" => bulk(&info()),
            b"LLEN" => format!(":{}\r\n", waiting()),
            b"ZCARD" => format!(":{}\r\n", waiting() / 2),
            b"LINDEX" => bulk(&next_message()),
            b"HMGET" => moment_of_next(),
            b"ZRANGE" => first_that_ended(),
            _ => "-ERR unknown command (simulated)\r\n".to_owned(),
        },
        _ => "-ERR Protocol error (simulated)\r\n".to_owned(),
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Messages that wait: a few, more and fewer of them.
fn waiting() -> i64 {
    let minute = chrono::Utc::now().timestamp() / 10 % 12;
    3 + (minute - 6).abs()
}

/// A job of Laravel's that was pushed a moment ago.
fn next_message() -> String {
    let pushed = chrono::Utc::now().timestamp_millis() - 4_000;
    format!(
        r#"{{"displayName":"Simulated","pushedAt":"{}.{:03}"}}"#,
        pushed / 1_000,
        pushed % 1_000
    )
}

/// Since when the next message of BullMQ waits, which came without a delay.
fn moment_of_next() -> String {
    let pushed = chrono::Utc::now().timestamp_millis() - 4_000;
    format!("*2\r\n{}{}", bulk(&pushed.to_string()), bulk("0"))
}

/// The job of BullMQ that ended first, two days ago.
fn first_that_ended() -> String {
    const TWO_DAYS_MS: i64 = 2 * 86_400_000;
    let ended = chrono::Utc::now().timestamp_millis() - TWO_DAYS_MS;
    format!("*2\r\n{}{}", bulk("1"), bulk(&ended.to_string()))
}

/// Figures of a healthy cache, whose counters grow with the time.
fn info() -> String {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    let lived = STARTED.get_or_init(Instant::now).elapsed();
    let counted = |each: u128| lived.as_millis() * each / 1_000;
    format!(
        "# Server\r\nrun_id:simulated-{}\r\n# Clients\r\nconnected_clients:12\r\nmaxclients:10000\r\n\
         # Memory\r\nused_memory:128000000\r\nmaxmemory:512000000\r\n\
         # Persistence\r\nrdb_last_save_time:{}\r\n\
         # Stats\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n# Replication\r\nrole:master\r\n",
        std::process::id(),
        saved_at(),
        counted(HITS),
        counted(MISSES),
    )
}

/// It saves on the quarter of an hour.
fn saved_at() -> i64 {
    let now = chrono::Utc::now().timestamp();
    now - now % 900
}
