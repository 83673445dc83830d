//! Intake: how records from outside come in, and the subjects that they describe.

pub mod column;
pub mod country;
pub mod currency;
pub mod records;
pub mod row;
pub mod subject;

pub use country::Country;
pub use subject::{Personal, SubjectKind};
