//! Reviews: items that a person decides, with a second person where the risk is high.
//!
//! Invariants:
//! - whoever proposed cannot approve; an approval binds to a hash of exactly what was proposed, and
//!   any change of the case, its hits or the assessment voids it. The database says so as well;
//! - a case is claimed by one person at a time, for a lease; claiming the next is one statement;
//! - a case cannot be approved while a screening hit is undecided;
//! - every step stands in the case's timeline and in the audit log, in the same transaction;
//! - notes are sealed under the subject's key.

pub mod case;
pub mod risk;
