//! The web's mechanisms: the route table, errors, forms, paging, headers, live updates.
//!
//! Invariants:
//! - a route cannot be registered without saying who may use it ([`Access`]; public is a word);
//! - GET changes nothing, but where a job pings its heartbeat ([`Access::Ping`]);
//! - every form carries the session's token and an idempotency key;
//! - a handler does one thing in one [`block`]: nothing blocks the event loop;
//! - an internal cause is logged under the request's id and never shown.

pub mod api;
pub mod assets;
mod block;
mod board;
pub mod chart;
pub mod chrome;
pub mod csv;
mod error;
mod error_page;
mod form;
pub mod format;
#[cfg(test)]
mod gallery_tests;
pub mod headers;
mod lamp;
pub mod live;
pub mod outgoing;
mod page;
pub mod paging;
pub mod parts;
mod plot;
mod problems;
mod request_log;
mod routes;
pub mod spark;
mod tile;
pub mod tls;
mod who;

pub use block::{Lanes, block, block_sign_in};
pub use board::{Board, Count, Counts, Duty, Place};
pub use chrome::{Chrome, Door, Nav};
pub use error::{Error, Refusal};
pub use form::{
    CSRF_FIELD, Form, KEY_FIELD, LIMIT_BYTES as FORM_LIMIT_BYTES, Posted, digest as form_digest,
    moment,
};
pub use format::filters;
pub use lamp::Lamp;
pub use page::{page, page_with, see_other};
pub use problems::{Problem, Problems};
pub use request_log::{RequestId, log_requests};
pub use routes::{Access, Pages, Route, Routes};
pub use tile::Tile;
pub use who::Who;

/// What a handler gives back.
pub type Result = std::result::Result<actix_web::HttpResponse, Error>;
