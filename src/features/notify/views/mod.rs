//! What the pages of deliveries and webhooks show.

pub(super) mod deliveries;
pub(super) mod webhooks;
