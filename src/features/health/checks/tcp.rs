use super::connect::connect;
use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::Tcp;

/// Whether something accepts connections there.
pub async fn check(tcp: &Tcp) -> Outcome {
    let parts = tcp.address.rsplit_once(':');
    let Some((host, Ok(port))) = parts.map(|(host, port)| (host, port.parse())) else {
        return Outcome::failed(
            ErrorKind::Dns,
            format!("\"{}\" is not host:port", tcp.address),
        );
    };
    match connect(host.trim_matches(['[', ']']), port).await {
        Ok(_) => Outcome::Good(Vec::new()),
        Err(outcome) => outcome,
    }
}
