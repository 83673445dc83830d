//! Just enough of Redis to be probed.

use std::io;
use std::sync::OnceLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use chrono::{DateTime, Utc};

use super::site::Mode;
use crate::features::health::resp::{self, Reply};
use crate::foundation::kernel::Clock;

/// Lookups of a second, of which so many find what they look for.
const HITS: i64 = 91;
const MISSES: i64 = 9;

/// The queue in which work piles up, how much of it, and for how long the first has waited by then.
const PILED: (&[u8], i64, i64) = (b"transfers", 1_240, 400_000);

/// How long a message waits where nothing piles up.
const WAITS_MS: i64 = 4_000;

/// Answers commands until the client goes.
pub async fn serve(mut stream: TcpStream, mode: Mode, clock: &Clock) -> io::Result<()> {
    let mut received = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let asked = resp::parse(&received).map_err(io::Error::other)?;
        if let Some((command, taken)) = asked {
            received.drain(..taken);
            let answer = answer(&command, mode, clock.now());
            stream.write_all(answer.as_bytes()).await?;
            continue;
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            read => received.extend_from_slice(&chunk[..read]),
        }
    }
}

fn answer(command: &Reply, mode: Mode, now: DateTime<Utc>) -> String {
    let (name, key) = match command {
        Reply::Array(parts) => (parts.first(), parts.get(1)),
        _ => (None, None),
    };
    let is_piled =
        mode == Mode::Piling && matches!(key, Some(Reply::Bulk(key)) if key.ends_with(PILED.0));
    let (waiting, waits_ms) = if is_piled {
        (PILED.1, PILED.2)
    } else {
        (waiting(now), WAITS_MS)
    };
    match (mode, name) {
        (Mode::Failing, _) => {
            "-LOADING Redis is loading the dataset in memory (simulated)\r\n".to_owned()
        }
        (Mode::Wrong, _) => "-NOAUTH Authentication required (simulated).\r\n".to_owned(),
        (_, Some(Reply::Bulk(name))) => match name.as_slice() {
            b"PING" => "+PONG\r\n".to_owned(),
            b"AUTH" | b"SELECT" => "+OK\r\n".to_owned(),
            b"INFO" => bulk(&info(now)),
            b"LLEN" => format!(":{waiting}\r\n"),
            b"ZCARD" => format!(":{}\r\n", waiting / 2),
            b"LINDEX" => bulk(&next_message(now, waits_ms)),
            b"HMGET" => moment_of_next(now),
            b"ZRANGE" => first_that_ended(now),
            _ => "-ERR unknown command (simulated)\r\n".to_owned(),
        },
        _ => "-ERR Protocol error (simulated)\r\n".to_owned(),
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Messages that wait: a few, more and fewer of them.
fn waiting(now: DateTime<Utc>) -> i64 {
    let minute = now.timestamp() / 10 % 12;
    3 + (minute - 6).abs()
}

/// A job of Laravel's that was pushed so long ago.
fn next_message(now: DateTime<Utc>, waits_ms: i64) -> String {
    let pushed = now.timestamp_millis() - waits_ms;
    format!(
        r#"{{"displayName":"Simulated","pushedAt":"{}.{:03}"}}"#,
        pushed / 1_000,
        pushed % 1_000
    )
}

/// Since when the next message of BullMQ waits, which came without a delay.
fn moment_of_next(now: DateTime<Utc>) -> String {
    let pushed = now.timestamp_millis() - WAITS_MS;
    format!("*2\r\n{}{}", bulk(&pushed.to_string()), bulk("0"))
}

/// The job of BullMQ that ended first, two days ago.
fn first_that_ended(now: DateTime<Utc>) -> String {
    const TWO_DAYS_MS: i64 = 2 * 86_400_000;
    let ended = now.timestamp_millis() - TWO_DAYS_MS;
    format!("*2\r\n{}{}", bulk("1"), bulk(&ended.to_string()))
}

/// Figures of a healthy cache, whose counters grow with the time.
fn info(now: DateTime<Utc>) -> String {
    static STARTED: OnceLock<DateTime<Utc>> = OnceLock::new();
    let lived = now - *STARTED.get_or_init(|| now);
    let counted = |each: i64| lived.num_milliseconds() * each / 1_000;
    format!(
        "# Server\r\nrun_id:simulated-{}\r\n# Clients\r\nconnected_clients:12\r\nmaxclients:10000\r\n\
         # Memory\r\nused_memory:128000000\r\nmaxmemory:512000000\r\n\
         # Persistence\r\nrdb_last_save_time:{}\r\n\
         # Stats\r\nkeyspace_hits:{}\r\nkeyspace_misses:{}\r\n# Replication\r\nrole:master\r\n",
        std::process::id(),
        saved_at(now),
        counted(HITS),
        counted(MISSES),
    )
}

/// It saves on the quarter of an hour.
fn saved_at(now: DateTime<Utc>) -> i64 {
    let now = now.timestamp();
    now - now % 900
}
