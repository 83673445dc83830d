//! `signalbox key …`: what programs come with.

use std::process::ExitCode;

use chrono::Duration;

use super::connect::Connected;
use super::{failed, user};
use crate::features::keys::actions;
use crate::features::packs::quantity::Lasting;
use crate::foundation::auth::keys::{self, Key, KeyId, KeyScope, Made, NewKey, State};
use crate::foundation::kernel::Networks;

/// Make, list, rotate and revoke the API keys of programs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key, and print it: the only time that it is shown
    Add(Add),
    /// List the keys, those that are live first
    List,
    /// Give a key another secret, and print the new key
    Rotate {
        id: KeyId,
        /// How long the old key goes on opening; 0 ends it at once
        #[arg(long, default_value = "24h", value_parser = length)]
        overlap: Duration,
    },
    /// End a key: the next request with it is refused
    Revoke { id: KeyId },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The program that is to use it
    #[arg(long)]
    name: String,
    /// What it may do: subjects:write, cases:read, alerts:read, alerts:acknowledge, alerts:write, alerts:silence,
    /// audit:read; or display, alone
    #[arg(long = "scope", value_name = "SCOPE", required = true, num_args = 1..)]
    scopes: Vec<KeyScope>,
    /// How long it lives, at most a year
    #[arg(long, default_value = "90d", value_parser = length)]
    expires: Duration,
    /// Limit it to this platform, by the name that its pack gives it; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
    /// Limit it to this network or address, such as 10.0.0.0/8; may be repeated
    #[arg(long = "from", value_name = "NETWORK")]
    networks: Vec<String>,
}

fn length(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::zero());
    }
    let length: Lasting = text.parse()?;
    Ok(length.delta())
}

pub(super) fn run(args: Args) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    match args.command {
        Command::Add(new) => add(&connected, new),
        Command::List => list(&connected),
        Command::Rotate { id, overlap } => {
            let made = actions::rotate(&connected.services, &connected.actor(), &id, overlap, None);
            match made {
                Ok(made) => print(&made),
                Err(error) => failed(about(&id, error)),
            }
        }
        Command::Revoke { id } => {
            match actions::revoke(&connected.services, &connected.actor(), &id, None) {
                Ok(()) => {
                    eprintln!("{id} is revoked: the next request with it is refused.");
                    ExitCode::SUCCESS
                }
                Err(error) => failed(about(&id, error)),
            }
        }
    }
}

fn about(id: &KeyId, refusal: keys::Refusal) -> String {
    match refusal {
        keys::Refusal::Database(crate::foundation::db::Error::NotFound) => {
            format!("there is no key {id} (signalbox key list)")
        }
        refusal => refusal.to_string(),
    }
}

fn add(connected: &Connected, new: Add) -> ExitCode {
    let networks: Networks = match new.networks.join(",").parse() {
        Ok(networks) => networks,
        Err(error) => {
            return failed(format!(
                "--from takes a network such as 10.0.0.0/8: {error}"
            ));
        }
    };
    let reach = match user::scope(&connected.services, &new.platforms) {
        Ok(reach) => reach,
        Err(error) => return failed(error),
    };
    let new = NewKey {
        name: new.name,
        scopes: new.scopes.into_iter().collect(),
        networks,
        reach,
        lives: new.expires,
    };
    match actions::add(&connected.services, &connected.actor(), new, None) {
        Ok(made) if made.key.is_for_screens() => {
            print_place(connected, &made.key);
            ExitCode::SUCCESS
        }
        Ok(made) => print(&made),
        Err(error) => failed(error),
    }
}

/// The key on standard output, and nothing else there: scripts take it.
fn print(made: &Made) -> ExitCode {
    println!("{}", made.text.expose());
    let ends = made.key.expires_at.format("%Y-%m-%d %H:%M UTC");
    eprintln!(
        "Keep it: it is not shown again. Its id is {}, and it ends {ends}.",
        made.key.id
    );
    if let Some(ends) = made.key.previous_ends_at {
        eprintln!(
            "The old key opens until {}.",
            ends.format("%Y-%m-%d %H:%M UTC")
        );
    }
    ExitCode::SUCCESS
}

/// A key for wall screens is sent by nobody: what is wanted is the page on which links for screens are made.
fn print_place(connected: &Connected, key: &Key) {
    let base_url = connected.services.config.web.base_url.as_str();
    let place = actions::place(&key.id);
    println!("{}{place}", base_url.trim_end_matches('/'));
    eprintln!(
        "Make a link for each wall screen on that page. The key ends {}.",
        key.expires_at.format("%Y-%m-%d %H:%M UTC")
    );
}

fn list(connected: &Connected) -> ExitCode {
    let services = &connected.services;
    let now = services.clock.now();
    let keys = match services.db.read(|conn| keys::list(conn, now)) {
        Ok(keys) => keys,
        Err(error) => return failed(error),
    };
    if keys.is_empty() {
        eprintln!("There are no keys.");
    }
    for key in &keys {
        println!("{}", line(key, now));
    }
    ExitCode::SUCCESS
}

fn line(key: &Key, now: chrono::DateTime<chrono::Utc>) -> String {
    let state = match key.state(now) {
        State::Live => "live",
        State::Expired => "expired",
        State::Revoked => "revoked",
    };
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let used = key.last_used.as_ref().map_or_else(
        || "never used".to_owned(),
        |(at, from)| format!("used {} from {from}", at.format("%Y-%m-%d %H:%M")),
    );
    format!(
        "{}  {state:<7}  ends {}  {}  {}  {used}",
        key.id,
        key.expires_at.format("%Y-%m-%d"),
        scopes.join(","),
        key.name,
    )
}
