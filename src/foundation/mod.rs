//! The mechanisms: everything below the pages. Nothing here knows a feature.

pub mod audit;
pub mod auth;
pub mod config;
pub mod crypto;
pub mod db;
pub mod jobs;
pub mod kernel;
pub mod telemetry;
pub mod web;
