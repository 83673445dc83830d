//! The command line: a file for each command.
//!
//! Commands work while the server runs: they join the private cluster of a live instance, or use
//! `DATABASE_URL`. Each ends with 0, 1 (it failed, and says what to do) or 2 (it was called wrongly).

mod audit;
mod connect;
mod decide;
mod demo;
mod doctor;
mod event;
mod healthcheck;
mod indicator;
mod instance;
mod intake;
mod job;
mod key;
mod keys;
mod lists;
mod migrate;
mod pack;
mod sar;
mod sealer;
mod serve;
mod simulate;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use connect::{Connected, os_user};

/// The control room of a regulated financial platform.
#[derive(Debug, Parser)]
#[command(name = "signalbox", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Export and verify the audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Start everything with demo people and demo data, on http://localhost:8080
    Demo(demo::Args),
    Doctor(doctor::Args),
    Event(event::Args),
    Healthcheck(healthcheck::Args),
    Indicator(indicator::Args),
    /// Take in files of records
    Intake(intake::Args),
    Job(job::Args),
    Key(key::Args),
    #[command(subcommand)]
    Keys(keys::Command),
    /// Load sanctions lists
    Lists(lists::Args),
    Migrate(migrate::Args),
    Pack(pack::Args),
    #[command(subcommand)]
    Sar(sar::Command),
    /// Seal the audit log: a process of its own, with the only copy of the signing key
    Sealer(sealer::Args),
    /// Start in production, on DATABASE_URL or a private PostgreSQL in the data folder
    Serve,
    Simulate(simulate::Args),
    /// Add, list and disable the people who sign in
    User(user::Args),
}

/// Runs what the arguments ask for. Call it from the main thread, before any runtime: the private
/// cluster lives as long as the thread that started it.
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Audit(command) => audit::run(command),
        Command::Demo(args) => demo::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Event(args) => event::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Indicator(args) => indicator::run(&args),
        Command::Intake(args) => intake::run(&args),
        Command::Job(args) => job::run(args),
        Command::Key(args) => key::run(args),
        Command::Keys(command) => keys::run(command),
        Command::Lists(args) => lists::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Pack(args) => pack::run(args),
        Command::Sar(command) => sar::run(&command),
        Command::Sealer(args) => sealer::run(args),
        Command::Serve => serve::run(),
        Command::Simulate(args) => simulate::run(&args),
        Command::User(args) => user::run(args),
    }
}

/// Ends a command with what went wrong, on standard error.
fn failed(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("signalbox: {error}");
    ExitCode::FAILURE
}
