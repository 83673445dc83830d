//! From a name to a connection, and, where there is none, to the reason that says most.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use super::{Cause, io_kind, outcome_of};
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::host_and_port;

/// How much of a start each address gets before the next one is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection to `host:port`.
///
/// # Errors
/// Those of [`connect`], and that it is no address.
pub async fn connect_to(address: &str) -> Result<TcpStream, Outcome> {
    let Some((host, port)) = host_and_port(address) else {
        let message = format!("\"{address}\" is not host:port");
        return Err(Outcome::failed(ErrorKind::Dns, message));
    };
    connect(host, port).await
}

/// A connection to whichever address of `host` accepts one first. The name is resolved once.
///
/// # Errors
/// What came from the target where anything did: an address of a family that this machine does not
/// speak says nothing about it, and only where all addresses are such is our own network away.
pub async fn connect(host: &str, port: u16) -> Result<TcpStream, Outcome> {
    let addresses: Vec<SocketAddr> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Err(unresolved(&error)),
    };
    let mut waiting = addresses.into_iter();
    let mut attempts: FuturesUnordered<_> =
        waiting.next().map(TcpStream::connect).into_iter().collect();
    let mut worst = None;
    while !attempts.is_empty() {
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    worst = Some(more_telling(worst, error));
                    attempts.extend(waiting.next().map(TcpStream::connect));
                }
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {
                attempts.extend(waiting.next().map(TcpStream::connect));
            }
        }
    }
    Err(worst.map_or_else(
        || Outcome::failed(ErrorKind::Dns, "the name has no address"),
        |error| outcome_of(&error, ErrorKind::Refused),
    ))
}

/// A name that does not resolve is the target's; a resolver that does not answer is ours.
pub fn unresolved(error: &io::Error) -> Outcome {
    if is_temporary(&error.to_string()) {
        Outcome::Unknown(format!("our resolver does not answer: {error}"))
    } else {
        Outcome::failed(ErrorKind::Dns, "the name does not resolve")
    }
}

/// The standard library passes on the resolver's words and not its code (`EAI_AGAIN`); these are glibc's
/// and musl's.
pub fn is_temporary(message: &str) -> bool {
    ["Temporary failure in name resolution", "Try again"]
        .iter()
        .any(|words| message.contains(words))
}

/// Of two errors, the one that came from the target; of two such, the first.
fn more_telling(known: Option<io::Error>, new: io::Error) -> io::Error {
    let from_target = |error: &io::Error| !matches!(io_kind(error), Some(Cause::OurNetwork));
    match known {
        Some(known) if from_target(&known) || !from_target(&new) => known,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_target_outweighs_one_of_our_own_network() {
        use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, NetworkUnreachable};
        let check = |kinds: &[io::ErrorKind], expected: io::ErrorKind| {
            let told = kinds.iter().fold(None, |known, kind| {
                Some(more_telling(known, io::Error::from(*kind)))
            });
            assert_eq!(told.unwrap().kind(), expected, "{kinds:?}");
        };
        check(&[ConnectionRefused, AddrNotAvailable], ConnectionRefused);
        check(&[AddrNotAvailable, ConnectionRefused], ConnectionRefused);
        check(&[NetworkUnreachable, AddrNotAvailable], NetworkUnreachable);
    }

    #[test]
    fn a_resolver_that_does_not_answer_says_nothing_of_the_target() {
        let says = |words: &str| {
            unresolved(&io::Error::other(format!(
                "failed to lookup address information: {words}"
            )))
        };
        assert!(matches!(
            says("Temporary failure in name resolution"),
            Outcome::Unknown(_)
        ));
        assert!(matches!(
            says("Name or service not known"),
            Outcome::Failed(_)
        ));
    }
}
