//! What programs ask for, and how they are answered.

mod alerts;
pub mod audit;
mod cases;
mod intake;
mod openapi;
mod problems;
mod signals;
