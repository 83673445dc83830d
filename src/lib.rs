//! Signalbox: the control room of a regulated financial platform.
//!
//! # The map of the house
//!
//! Three floors, and nobody looks up:
//!
//! - [`foundation`] has mechanisms and no pages: the clock, money and ids ([`foundation::kernel`]),
//!   configuration, keys and encryption, the database, audited writes and the sealed log
//!   ([`foundation::audit`]), the web's machinery, who somebody is ([`foundation::auth`]), the job
//!   queue.
//! - [`features`] has the pages. Whoever opens the folder sees what the product does: sign-in and
//!   people, health, alerts, packs, intake, screening, reviews, the audit log.
//! - [`app`] wires them: the route table, the order of middleware, which event leads to which job.
//!
//! [`cli`] is the command line, a file for each command.
//!
//! # One request, traced
//!
//! The route table (`app/routes.rs`) names a method, a path, who may use it and a handler. The guard
//! ([`foundation::auth::guard`]) loads the session, its person and their roles, and lets the request
//! through or answers in its place. The handler parses the form and calls one action in one
//! [`foundation::web::block`]. The action opens [`foundation::audit::Audit::write`], looks at the
//! locked row, changes it, records an event and enqueues what follows, all in one transaction. The
//! handler answers with a redirect.
//!
//! # What is deliberately absent
//!
//! A second way to change state; OFFSET, totals and exact counts on pages; inline scripts and
//! styles; `unsafe`; floating point in money and in the audit log.

// The macro that lets tables stand in one query unfolds once for each table, and there are more than 128.
#![recursion_limit = "256"]

pub mod app;
pub mod cli;
pub mod features;
pub mod foundation;
