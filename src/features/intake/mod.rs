//! Intake: how records from outside come in, and the subjects that they describe.

pub mod country;
pub mod subject;

pub use country::Country;
pub use subject::{Personal, SubjectKind};
