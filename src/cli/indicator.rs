//! `signalbox indicator report`: takes down a value that somebody outside has measured.

use std::process::ExitCode;

use super::{Connected, failed};
use crate::features::alerts::evaluate;
use crate::features::health::actions;

/// Report values of indicators
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Report a value, as in `signalbox indicator report ncc_qos 97.4`
    Report {
        /// The indicator's name, as its pack declares it
        name: String,
        /// What was measured: a number such as 97.4, in the unit that the pack declares
        #[arg(allow_negative_numbers = true)]
        value: f64,
        /// The platform's id, where several have an indicator of this name
        #[arg(long)]
        platform: Option<String>,
    },
}

pub(super) fn run(args: &Args) -> ExitCode {
    let Command::Report {
        name,
        value,
        platform,
    } = &args.command;
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let reported = actions::report_indicator(
        &connected.services,
        &connected.actor(),
        name,
        *value,
        platform.as_deref(),
    );
    match reported {
        Ok(indicator) => {
            println!("{} is {value} {}", indicator.name, indicator.spec.unit);
            evaluate::after_report(&connected.services);
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}
