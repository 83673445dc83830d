use std::process::ExitCode;

use super::connect::Connected;
use super::failed;
use crate::features::account;
use crate::foundation::auth::Role;
use crate::foundation::auth::factors::LINK_LIVES;
use crate::foundation::auth::people::NewPerson;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, clap::Subcommand)]
enum UserCommand {
    /// Add a person, and print the one-time link by which they set a password and an authenticator
    Add(Add),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Where they sign in with; also their name, unless one is given
    #[arg(long)]
    email: String,
    /// operator, reviewer, compliance, auditor or administrator; may be repeated
    #[arg(long = "role", required = true)]
    roles: Vec<Role>,
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn run(args: Args) -> ExitCode {
    match args.command {
        UserCommand::Add(person) => add(person),
    }
}

fn add(person: Add) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let new = NewPerson {
        name: person.name.unwrap_or_else(|| person.email.clone()),
        email: person.email,
        roles: person.roles,
        demo: false,
    };
    match account::invite(&connected.services, &connected.actor(), &new) {
        Ok(link) => {
            println!("{link}");
            eprintln!(
                "Give {} this link. It works once, within {} hours.",
                new.email,
                LINK_LIVES.num_hours()
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}
