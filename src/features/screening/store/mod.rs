//! The tables of screening: the only place that names them.

pub mod dispositions;
pub mod hits;
pub mod lists;
pub mod loads;
