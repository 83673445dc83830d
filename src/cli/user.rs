use std::process::ExitCode;

use super::connect::Connected;
use super::failed;
use crate::features::{account, packs};
use crate::foundation::Services;
use crate::foundation::auth::Role;
use crate::foundation::auth::factors::LINK_LIVES;
use crate::foundation::auth::people::NewPerson;
use crate::foundation::kernel::Scope;

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
    /// The address they sign in with; also their name, unless one is given
    #[arg(long)]
    email: String,
    /// operator, reviewer, compliance, auditor or administrator; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<Role>,
    /// Their name, as pages and the audit log's readers see it
    #[arg(long)]
    name: Option<String>,
    /// Limit the roles to this platform, by the name that its pack gives it; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
}

pub(super) fn run(args: Args) -> ExitCode {
    match args.command {
        UserCommand::Add(person) => add(person),
    }
}

/// The platforms of these names; all of them where none is given.
pub(super) fn scope(services: &Services, names: &[String]) -> Result<Scope, String> {
    if names.is_empty() {
        return Ok(Scope::All);
    }
    let known = services
        .db
        .read(packs::store::platforms)
        .map_err(|error| error.to_string())?;
    names
        .iter()
        .map(|name| {
            let named = known.iter().find(|platform| platform.slug == *name);
            named.map(|platform| platform.id).ok_or_else(|| {
                let slugs: Vec<_> = known
                    .iter()
                    .map(|platform| platform.slug.as_str())
                    .collect();
                let others = if slugs.is_empty() {
                    "no pack has been applied yet (signalbox pack apply FILE)".to_owned()
                } else {
                    format!("there are: {}", slugs.join(", "))
                };
                format!("there is no platform \"{name}\"; {others}")
            })
        })
        .collect()
}

fn add(person: Add) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let scope = match scope(&connected.services, &person.platforms) {
        Ok(scope) => scope,
        Err(error) => return failed(error),
    };
    let new = NewPerson {
        name: person.name.unwrap_or_else(|| person.email.clone()),
        email: person.email,
        roles: person.roles,
        scope,
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
