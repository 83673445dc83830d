//! Signalbox: the control room of a regulated financial platform.

pub mod app;
pub mod cli;
pub mod features;
pub mod foundation;
