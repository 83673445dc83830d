use tokio::net::{TcpStream, lookup_host};

use super::outcome_of;
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::Tcp;

/// Whether something accepts connections there.
pub async fn check(tcp: &Tcp) -> Outcome {
    let addresses: Vec<_> = match lookup_host(&tcp.address).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Outcome::failed(ErrorKind::Dns, error.to_string()),
    };
    match TcpStream::connect(addresses.as_slice()).await {
        Ok(_) => Outcome::Good(Vec::new()),
        Err(error) => outcome_of(&error, ErrorKind::Refused),
    }
}
