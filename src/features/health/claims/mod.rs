//! Indicators by hand: what somebody says a value was at a moment, and how they know.
//!
//! What was said is never edited: a correction is said in its place, and both stay. Where the pack asks for four eyes, a
//! value counts from the moment at which somebody else agrees. The file that shows it is kept with it, is never exchanged, and
//! whoever takes it leaves an event.

pub mod actions;
pub mod claim;
pub mod pages;
pub mod views;
