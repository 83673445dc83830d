//! Just enough of HTTP and of PostgreSQL's protocol to be probed.

use std::io;
use std::sync::PoisonError;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::site::{Counted, Mode};
use super::sites::Answer;

/// Longest request that is read.
const REQUEST_LIMIT: usize = 16 * 1024;

/// Answers one request and closes.
pub async fn http(
    mut stream: TcpStream,
    routes: &[(&str, Answer)],
    mode: Mode,
    counted: &Counted,
) -> io::Result<()> {
    let path = read_path(&mut stream).await?;
    let known = routes
        .iter()
        .find(|(of, _)| *of == path)
        .map(|(_, answer)| answer);
    let metrics = known.and_then(|answer| answer.metrics).map(|named| {
        let mut traffic = counted.lock().unwrap_or_else(PoisonError::into_inner);
        traffic.page(named, mode)
    });
    let (status, kind, body) = match (known, mode) {
        (_, Mode::Failing) => (
            "500 Internal Server Error",
            "text/plain",
            "simulated failure",
        ),
        (_, Mode::Limiting) => (
            "429 Too Many Requests\r\nretry-after: 30",
            "text/plain",
            "asked too often, in simulation",
        ),
        (None, _) => ("404 Not Found", "text/plain", "not simulated"),
        // What is wrong has to be something that the platform's pack asks about.
        (Some(answer), Mode::Wrong) if answer.body_counts => {
            ("200 OK", answer.kind, r#"{"status":"degraded"}"#)
        }
        (Some(_), Mode::Wrong) => ("302 Found", "text/plain", "moved, in simulation"),
        (Some(answer), _) => (
            "200 OK",
            answer.kind,
            metrics.as_deref().unwrap_or(answer.body),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The path of a request, once its head is there.
async fn read_path(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await?;
        if read == 0 || head.len() + read > REQUEST_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&chunk[..read]);
        // Somebody who wants to speak TLS here is hung up on, as a plain server does.
        if !head[0].is_ascii_uppercase() {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.split(' ').nth(1).unwrap_or("/");
    Ok(target.split('?').next().unwrap_or("/").to_owned())
}

const SSL_REQUEST: u32 = 80_877_103;

/// Greets a client and answers its simple queries with the figures that a probe asks for.
pub async fn postgres(mut stream: TcpStream, mode: Mode) -> io::Result<()> {
    loop {
        let length = read_length(&mut stream).await?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        if body.first_chunk() != Some(&SSL_REQUEST.to_be_bytes()) {
            break;
        }
        stream.write_all(b"N").await?;
    }
    match mode {
        Mode::Wrong => {
            return refuse(
                &mut stream,
                "28P01",
                "password authentication failed (simulated)",
            )
            .await;
        }
        Mode::Failing => {
            return refuse(&mut stream, "53300", "too many connections (simulated)").await;
        }
        _ => {}
    }
    let mut greeting = message(b'R', &0_u32.to_be_bytes());
    greeting.extend(message(b'K', &[0; 8]));
    greeting.extend(ready());
    stream.write_all(&greeting).await?;
    serve_queries(&mut stream, mode).await
}

async fn serve_queries(stream: &mut TcpStream, mode: Mode) -> io::Result<()> {
    loop {
        let kind = stream.read_u8().await?;
        let length = read_length(stream).await?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        if kind != b'Q' {
            return Ok(());
        }
        let columns = figures(&body, mode);
        stream.write_all(&rows(&columns)).await?;
    }
}

/// What is asked for, each with its name.
fn figures(query: &[u8], mode: Mode) -> Vec<(&'static str, Option<&'static str>)> {
    const FAILED_JOBS: &[u8] = b"failed_jobs";
    if query.starts_with(b"SELECT 1\0") {
        return vec![("one", Some("1"))];
    }
    if query.windows(FAILED_JOBS.len()).any(|it| it == FAILED_JOBS) {
        return vec![("failed", Some("0"))];
    }
    // Connections used of those allowed, the size in bytes, and no lag: nothing is replicated. Then how long the
    // longest query runs, the share of dead rows, and no replica.
    let connections = if mode == Mode::Crowded {
        "0.93"
    } else {
        "0.07"
    };
    vec![
        ("connections", Some(connections)),
        ("size", Some("52428800")),
        ("lag", None),
        ("query", Some("1.4")),
        ("bloat", Some("0.03")),
        ("replicas", Some("0")),
    ]
}

async fn read_length(stream: &mut TcpStream) -> io::Result<usize> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    match length.checked_sub(4) {
        Some(body) if body <= REQUEST_LIMIT => Ok(body),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn refuse(stream: &mut TcpStream, code: &str, text: &str) -> io::Result<()> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    stream.write_all(&message(b'E', fields.as_bytes())).await?;
    stream.shutdown().await
}

/// One row of text columns, described, and the word that more may be asked.
fn rows(columns: &[(&str, Option<&str>)]) -> Vec<u8> {
    let count = u16::try_from(columns.len()).unwrap_or(0).to_be_bytes();
    let mut description = count.to_vec();
    let mut row = count.to_vec();
    for (name, column) in columns {
        description.extend(name.as_bytes());
        description.push(0);
        // Of no table; type text, of any length, in text format.
        description.extend([
            0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
        ]);
        let length = column.map_or(-1, |text| i32::try_from(text.len()).unwrap_or(0));
        row.extend(length.to_be_bytes());
        row.extend(column.unwrap_or_default().as_bytes());
    }
    let mut all = message(b'T', &description);
    all.extend(message(b'D', &row));
    all.extend(message(b'C', b"SELECT 1\0"));
    all.extend(ready());
    all
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut message = vec![kind];
    message.extend(length.to_be_bytes());
    message.extend(body);
    message
}
