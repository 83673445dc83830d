//! What every integration test stands on.

pub mod db;
