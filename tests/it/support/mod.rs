//! What every integration test stands on.

#![allow(dead_code, reason = "not every test binary uses every helper")]

pub mod app;
pub mod db;
pub mod page;
pub mod personas;
