//! Who watches us: a sign of life that somebody else waits for, and the supervisor that started us.
//!
//! Invariants:
//! - it is given while all is well, and never otherwise: the database answers, jobs, probes and rules run, notices are
//!   sent. Silence is the alarm, so whatever cannot be known is trouble;
//! - of any number of processes one gives it in a minute.
//!
//! Deliberately absent: what is done about silence. That is for whoever waits, and must not depend on us.

pub mod life;
pub mod send;
pub mod store;
pub mod supervisor;
