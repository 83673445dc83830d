//! `signalbox sar`: the first grants for suspicious activity reports.

use std::process::ExitCode;

use chrono::{Days, NaiveDate};

use super::connect::Connected;
use super::failed;
use crate::features::sar::actions::{self, Error, Wanted};
use crate::features::sar::grant::begin_of;
use crate::foundation::auth::sar::SarGrant;

/// Days that a grant is for, unless it is said.
const USUAL_DAYS: u32 = 90;

/// Give the first grants for suspicious activity reports, and take them back
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Give a grant to one of the first two who hold it; they give it to others, on /sar/grants
    Grant(Grant),
    /// Take a grant back at once
    Revoke {
        /// The address they sign in with
        #[arg(long)]
        email: String,
        /// sar.read, sar.draft, sar.approve or sar.file; may be repeated
        #[arg(long = "grant", value_name = "GRANT", required = true)]
        grants: Vec<SarGrant>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    /// The address they sign in with
    #[arg(long)]
    email: String,
    /// sar.read, sar.draft, sar.approve or sar.file; may be repeated
    #[arg(long = "grant", value_name = "GRANT", required = true)]
    grants: Vec<SarGrant>,
    /// What they need it for; kept in the log of the reports
    #[arg(long)]
    purpose: String,
    /// The first day, UTC [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<NaiveDate>,
    /// How many days it is for; a year at most
    #[arg(long, default_value_t = USUAL_DAYS)]
    days: u32,
}

pub(super) fn run(command: &Command) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let done = match command {
        Command::Grant(grant) => give(&connected, grant),
        Command::Revoke { email, grants } => take_back(&connected, email, grants),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

fn give(connected: &Connected, grant: &Grant) -> Result<(), Error> {
    let services = &connected.services;
    let from = grant
        .from
        .unwrap_or_else(|| services.clock.now().date_naive());
    let ends = from.checked_add_days(Days::new(u64::from(grant.days)));
    for wanted in &grant.grants {
        let wanted = Wanted {
            email: grant.email.clone(),
            grant: *wanted,
            purpose: grant.purpose.clone(),
            starts_at: begin_of(from),
            ends_at: begin_of(ends.unwrap_or(from)),
        };
        actions::give(services, &connected.actor(), &wanted)?;
        let last_day = wanted.ends_at.date_naive() - Days::new(1);
        println!(
            "{} holds {} to the end of {last_day}.",
            grant.email, wanted.grant
        );
    }
    Ok(())
}

fn take_back(connected: &Connected, email: &str, grants: &[SarGrant]) -> Result<(), Error> {
    for grant in grants {
        actions::take_back(&connected.services, &connected.actor(), email, *grant)?;
        println!("{email} holds {grant} no more.");
    }
    Ok(())
}
