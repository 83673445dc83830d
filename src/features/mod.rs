//! What the product does, a folder for each part of it.

pub mod account;
pub mod alerts;
pub mod audit_log;
pub mod capacity;
pub mod checklists;
pub mod digests;
pub mod health;
pub mod heartbeats;
pub mod incidents;
pub mod intake;
pub mod keys;
pub mod logs;
pub mod notify;
pub mod oncall;
pub mod packs;
pub mod people;
pub mod policies;
pub mod posture;
pub mod releases;
pub mod reviews;
pub mod sar;
pub mod screening;
pub mod slo;
pub mod upkeep;
