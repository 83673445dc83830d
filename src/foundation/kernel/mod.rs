//! Values that every floor may know: time, ids, money, levels, networks, secrets, and what few may know.
//!
//! Deliberately absent: input and output. Nothing here reads a file, a socket or the environment;
//! only [`Clock`] reads anything at all, and a test replaces it.

mod clock;
mod confidential;
mod day;
mod ids;
mod level;
mod money;
mod networks;
mod scope;
mod secret;
mod timetable;

pub use clock::Clock;
pub use confidential::is_about_sar;
pub use day::{day_begins, local_moment};
pub use ids::{PersonId, PlatformId, SubjectId};
pub use level::Level;
pub use money::{Currency, Money, MoneyError};
pub use networks::Networks;
pub use scope::Scope;
pub use secret::Secret;
pub use timetable::{Timetable, TimetableError};
