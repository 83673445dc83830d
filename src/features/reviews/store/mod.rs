//! The tables of reviews: the only place that names them.

pub mod assessments;
pub mod cases;
pub mod decisions;
pub mod queue;
pub mod steps;
