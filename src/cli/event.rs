//! `signalbox event report`: takes down that something happened.

use std::process::ExitCode;

use super::{Connected, failed};
use crate::features::alerts::evaluate;
use crate::features::health::actions;

/// Report events
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Report that something happened, as in `signalbox event report report.submitted`
    Report {
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// The platform's id, where several have an event of this type
        #[arg(long)]
        platform: Option<String>,
    },
}

pub(super) fn run(args: &Args) -> ExitCode {
    let Command::Report {
        event_type,
        platform,
    } = &args.command;
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let reported = actions::report_event(
        &connected.services,
        &connected.actor(),
        event_type,
        platform.as_deref(),
    );
    match reported {
        Ok(event_type) => {
            println!("{} was reported", event_type.name);
            evaluate::after_report(&connected.services);
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}
