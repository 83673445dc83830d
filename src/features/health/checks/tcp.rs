use super::connect::connect_to;
use crate::features::health::probe::Outcome;
use crate::features::packs::pack::Tcp;

/// Whether something accepts connections there.
pub async fn check(tcp: &Tcp) -> Outcome {
    match connect_to(&tcp.address).await {
        Ok(_) => Outcome::Good(Vec::new()),
        Err(outcome) => outcome,
    }
}
