//! What every integration test stands on.

#![allow(dead_code, reason = "not every test binary uses every helper")]

pub mod app;
pub mod authenticator;
pub mod browser;
pub mod db;
pub mod events;
pub mod keys;
pub mod page;
pub mod personas;
pub mod programs;
pub mod provider;
pub mod reference;
pub mod scraped;
pub mod subjects;
pub mod waiting;
