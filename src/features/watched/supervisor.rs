//! Telling the supervisor that started us: one datagram to the socket that it named, as `sd_notify` writes it.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What a supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Pages are served.
    Ready,
    /// Nothing stands still.
    Well,
    /// We were asked to end, and are about it.
    Stopping,
}

impl News {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY=1",
            Self::Well => "WATCHDOG=1",
            Self::Stopping => "STOPPING=1",
        }
    }
}

/// Tells it. Nobody is waited for: a socket that is full has heard enough.
///
/// # Errors
/// Where there is no such socket, or it takes nothing.
pub fn tell(socket: &str, news: News) -> io::Result<()> {
    let address = address(socket)?;
    let ours = UnixDatagram::unbound()?;
    ours.set_nonblocking(true)?;
    ours.send_to_addr(news.as_str().as_bytes(), &address)?;
    Ok(())
}

/// A path, or an abstract name behind an `@`.
fn address(socket: &str) -> io::Result<SocketAddr> {
    match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None if socket.starts_with('/') => SocketAddr::from_pathname(socket),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "NOTIFY_SOCKET is neither a path nor an abstract name",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut text = [0; 64];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[test]
    fn a_socket_in_a_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        for (news, text) in [
            (News::Ready, "READY=1"),
            (News::Well, "WATCHDOG=1"),
            (News::Stopping, "STOPPING=1"),
        ] {
            tell(path.to_str().unwrap(), news).unwrap();
            assert_eq!(heard(&socket), text);
        }
        drop(socket);
        assert!(tell(path.to_str().unwrap(), News::Well).is_err());
    }

    #[test]
    fn so_is_one_with_an_abstract_name() {
        let name = format!("signalbox-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        tell(&format!("@{name}"), News::Ready).unwrap();
        assert_eq!(heard(&socket), "READY=1");
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert!(tell("vsock:2:1234", News::Ready).is_err());
        assert!(tell("notify", News::Ready).is_err());
    }
}
