pub mod alert;
pub mod rule;
