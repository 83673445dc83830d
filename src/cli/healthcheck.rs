//! `signalbox healthcheck`: what a container asks itself.
//!
//! The image holds no HTTP client, and none is needed for one request on loopback.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use native_tls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(3);

/// More than the answer can be; the rest of a longer one is not ours.
const ANSWER_LIMIT_BYTES: u64 = 4096;

/// Ask the running server whether it is alive (GET /health on SIGNALBOX_BIND)
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where the server listens
    #[arg(long, env = "SIGNALBOX_BIND", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// The server's certificate, where it serves HTTPS itself
    #[arg(long, env = "SSL_CERT_PATH")]
    certificate: Option<PathBuf>,
}

/// Exit code 0 when it answers `{"status":"ok"}`, 1 otherwise.
pub(super) fn run(args: &Args) -> ExitCode {
    let certificate = args.certificate.as_deref();
    let is_tls = certificate.is_some_and(|path| !path.as_os_str().is_empty());
    match ask(reachable(args.bind), is_tls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", args.bind);
            ExitCode::FAILURE
        }
    }
}

/// Whether a server of ours answers at this address.
pub(super) fn answers(bind: SocketAddr, is_tls: bool) -> bool {
    ask(reachable(bind), is_tls).is_ok()
}

/// Nobody can connect to "any address"; its loopback stands in.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

fn ask(address: SocketAddr, is_tls: bool) -> Result<(), String> {
    let answer = fetch(address, is_tls)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status_line = head.lines().next().unwrap_or_default();
    if status_line.split(' ').nth(1) != Some("200") {
        return Err(format!("answered \"{status_line}\""));
    }
    let said: Option<serde_json::Value> = serde_json::from_str(body.trim()).ok();
    if said.is_some_and(|said| said["status"] == "ok") {
        Ok(())
    } else {
        Err("what answers there is not Signalbox".to_owned())
    }
}

fn fetch(address: SocketAddr, is_tls: bool) -> Result<String, String> {
    let connect = || {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    let stream = connect().map_err(|error: std::io::Error| error.to_string())?;
    let answer = if is_tls {
        // We ask our own machine whether the server is alive, by a name that no certificate is for; whether visitors
        // can trust it is theirs to check.
        let connector = TlsConnector::builder()
            .danger_accept_invalid_certs(true)
            .danger_accept_invalid_hostnames(true)
            .build()
            .map_err(|error| error.to_string())?;
        let stream = connector.connect("localhost", stream);
        read(stream.map_err(|error| error.to_string())?)
    } else {
        read(stream)
    };
    answer.map_err(|error| error.to_string())
}

/// HTTP/1.0, so that the answer is neither chunked nor kept open.
fn read(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream
        .take(ANSWER_LIMIT_BYTES)
        .read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /health "));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_healthy_server_passes() {
        let address = serve("HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\",\"version\":\"1\"}");
        assert_eq!(ask(address, false), Ok(()));
    }

    #[test]
    fn an_error_and_a_stranger_do_not() {
        let address = serve("HTTP/1.1 503 Service Unavailable\r\n\r\n{}");
        assert!(ask(address, false).unwrap_err().contains("503"));
        let address = serve("HTTP/1.1 200 OK\r\n\r\n<html>");
        assert!(ask(address, false).unwrap_err().contains("not Signalbox"));
    }

    #[test]
    fn nobody_there_is_a_failure() {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(ask(address, false).is_err());
    }

    #[test]
    fn any_address_is_asked_on_loopback() {
        let bind: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        assert_eq!(reachable(bind).to_string(), "127.0.0.1:8080");
        let bind: SocketAddr = "[::]:8080".parse().unwrap();
        assert_eq!(reachable(bind).to_string(), "[::1]:8080");
    }
}
