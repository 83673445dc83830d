//! The notification centre: what concerns whoever looks, on one page.
//!
//! Invariants:
//! - it shows what there is elsewhere and keeps nothing of its own but how much somebody has seen: what they were told,
//!   what waits for their approval or their hand, and the events that packs mark;
//! - nobody is shown more here than they may see where it comes from;
//! - its number in the top bar is posted with those of the navigation, and costs a page nothing.

pub mod pages;
pub mod views;
pub mod waiting;

use crate::foundation::web::{Access, Routes};

pub fn routes() -> Routes {
    Routes::new()
        .get("/account/notices", Access::Signed, pages::show)
        .post("/account/notices/seen", Access::Signed, pages::see)
}
