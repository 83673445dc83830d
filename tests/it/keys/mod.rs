//! API keys: what they open, how they end, and who manages them.

mod admission;
mod command_line;
mod limits;
mod pages;
mod rules;
mod screens;
