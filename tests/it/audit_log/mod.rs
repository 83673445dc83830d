//! The sealed log: its sealer, its exports, both verifiers, and attacks on it.

mod attacks;
mod bodies;
mod decisions;
mod export;
mod fixture;
mod mutations;
mod pages;
mod sealer;
mod standing;
