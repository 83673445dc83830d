use diesel::{Connection, ConnectionResult};

use super::Conn;
use crate::foundation::kernel::Secret;

/// A connection outside the pools: for commands, migrations, the sealer. Like theirs, it gives up on a peer
/// that has gone silent.
pub fn connect(url: &Secret<String>) -> ConnectionResult<Conn> {
    Conn::establish(&with_deadlines(url.expose()))
}

/// Adds time limits to a connection URL, where it does not state its own: a peer that drops
/// packets must not hold a thread for the kernel's quarter of an hour.
pub(super) fn with_deadlines(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [
        ("connect_timeout", "2"),
        ("tcp_user_timeout", "8000"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "3"),
        ("keepalives_count", "3"),
    ] {
        let stated = ['?', '&'].map(|before| format!("{before}{name}="));
        if !stated.iter().any(|stated| url.contains(stated.as_str())) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{name}={value}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_stated_deadline_is_kept() {
        let url = with_deadlines("postgres://h/db?connect_timeout=9");
        assert!(url.contains("connect_timeout=9&tcp_user_timeout=8000"));
        assert!(!url.contains("connect_timeout=2"));
    }

    #[test]
    fn a_server_that_says_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let began = Instant::now();
        let url = Secret::new(format!("postgres://u:p@127.0.0.1:{port}/db"));
        assert!(connect(&url).is_err());
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{:?}",
            began.elapsed()
        );
    }
}
