use std::process::ExitCode;

use super::connect::Connected;
use super::failed;
use crate::features::{account, packs};
use crate::foundation::Services;
use crate::foundation::auth::break_glass;
use crate::foundation::auth::factors::LINK_LIVES;
use crate::foundation::auth::people::{self, NewPerson};
use crate::foundation::auth::{Role, grants, roster};
use crate::foundation::db;
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
    /// Make the sealed account for when nobody else can act, and print the one-time link for its envelope
    BreakGlass(BreakGlass),
    /// Shut a person out at once; letting them in again takes two administrators
    Disable(Disable),
    /// List the people, their roles and how they stand
    List,
}

#[derive(Debug, clap::Args)]
struct BreakGlass {
    /// The address the account signs in with
    #[arg(long)]
    email: String,
    /// What it is called, as pages and the audit log's readers see it
    #[arg(long)]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Disable {
    /// The address of the person
    email: String,
    /// Why, for whoever looks at the account later
    #[arg(long)]
    reason: String,
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
        UserCommand::BreakGlass(account) => break_glass(account),
        UserCommand::Disable(person) => disable(&person),
        UserCommand::List => list(),
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

fn break_glass(account: BreakGlass) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let new = NewPerson {
        email: account.email,
        name: account.name,
        roles: vec![Role::Administrator, Role::Operator],
        scope: Scope::All,
        demo: false,
    };
    match account::seal_break_glass(&connected.services, &connected.actor(), &new) {
        Ok(link) => {
            println!("{link}");
            eprintln!(
                "Print this link and seal it in an envelope. It works once, within {} days: whoever opens it chooses a \
                 password and sets up an authenticator. Each sign-in is told at once and lasts at most {} hours.",
                break_glass::LINK_LIVES.num_days(),
                break_glass::SESSION.num_hours(),
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

fn disable(person: &Disable) -> ExitCode {
    if person.reason.trim().is_empty() {
        return failed("say why, with --reason");
    }
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let services = &connected.services;
    let found = match services
        .db
        .read(|conn| people::find_by_email(conn, &person.email))
    {
        Ok(Some(found)) => found,
        Ok(None) => return failed(format!("nobody has the address {}", person.email)),
        Err(error) => return failed(error),
    };
    let disabled = services.audit.write(&connected.actor(), |tx| {
        people::disable(tx, found.id, person.reason.trim())
    });
    match disabled {
        Ok(true) => {
            println!("{} is disabled", found.email);
            ExitCode::SUCCESS
        }
        // A write that changes nothing has no event, and is undone.
        Ok(false) | Err(db::Error::NoEvent) => {
            failed(format!("{} is disabled already", found.email))
        }
        Err(error) => failed(error),
    }
}

/// A line for each person, by address, with tabs between the fields.
fn list() -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let now = connected.services.clock.now();
    let listed = connected.services.db.read(|conn| {
        let everybody = roster::everybody(conn)?;
        let ids: Vec<_> = everybody.iter().map(|person| person.id).collect();
        let mut held = grants::of_all(conn, &ids)?;
        let lines = everybody.into_iter().map(|person| {
            let roles: Vec<String> = held
                .remove(&person.id)
                .unwrap_or_default()
                .into_iter()
                .filter(|held| held.period.counts(now))
                .map(|held| held.role.to_string())
                .collect();
            let state = if person.disabled_at.is_some() {
                "disabled"
            } else {
                "enabled"
            };
            let roles = if roles.is_empty() {
                "no role".to_owned()
            } else {
                roles.join(",")
            };
            format!("{}\t{}\t{roles}\t{state}", person.email, person.name)
        });
        Ok::<_, db::Error>(lines.collect::<Vec<_>>())
    });
    match listed {
        Ok(lines) => {
            for line in lines {
                println!("{line}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}
