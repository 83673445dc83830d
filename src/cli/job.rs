//! `signalbox job …`: the queue of background work, where no page can be opened.

use std::process::ExitCode;

use chrono::Duration;
use clap::ValueEnum;

use super::{Connected, failed};
use crate::app;
use crate::features::packs::quantity::Lasting;
use crate::features::upkeep::actions::{self, PurgeError};
use crate::foundation::db;
use crate::foundation::jobs::ended::{Ended, Group, open_groups};
use crate::foundation::jobs::{JobId, JobState, Stop};
use crate::foundation::web;

/// Look at the queue of background jobs, and tidy it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Count the jobs by state and kind
    Status,
    /// Ask a job to stop
    Cancel { id: JobId },
    /// Put a job that was given up back into the queue
    Retry { id: JobId },
    /// Count the jobs that ended some time ago, and with --yes remove them
    Purge(Purge),
}

#[derive(Debug, clap::Args)]
struct Purge {
    /// How they ended; may be repeated
    #[arg(long = "state", value_name = "STATE", required = true)]
    states: Vec<State>,
    /// Jobs of this kind only
    #[arg(long)]
    kind: Option<String>,
    /// How long ago they ended at least, such as 7d
    #[arg(long, value_name = "AGE")]
    older_than: Lasting,
    /// Remove what was counted; without it nothing is
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Done,
    Cancelled,
    GivenUp,
}

impl State {
    fn meant(self) -> JobState {
        match self {
            Self::Done => JobState::Done,
            Self::Cancelled => JobState::Cancelled,
            Self::GivenUp => JobState::Discarded,
        }
    }
}

fn word(state: JobState) -> &'static str {
    match state {
        JobState::Discarded => "given up",
        other => other.as_str(),
    }
}

pub(super) fn run(args: Args) -> ExitCode {
    let connected = match Connected::open() {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    match args.command {
        Command::Status => status(&connected),
        Command::Cancel { id } => {
            let asked = actions::cancel(&connected.services, &connected.actor(), id, None);
            said(id, asked, |stop| match stop {
                Stop::AtOnce => "is cancelled: it was waiting, and will not run",
                Stop::Asked => "was asked to stop",
            })
        }
        Command::Retry { id } => {
            let (work, actor) = (app::registry(), connected.actor());
            let put = actions::run_again(&connected.services, &work, &actor, id, None);
            said(id, put, |()| "is in the queue again")
        }
        Command::Purge(asked) => purge(&connected, &asked),
    }
}

fn said<T>(
    id: JobId,
    outcome: Result<T, web::Error>,
    words: impl FnOnce(T) -> &'static str,
) -> ExitCode {
    match outcome {
        Ok(done) => {
            println!("{id} {}", words(done));
            ExitCode::SUCCESS
        }
        Err(web::Error::NotFound) => failed(format!("there is no job {id}")),
        Err(error) => failed(error),
    }
}

fn status(connected: &Connected) -> ExitCode {
    let services = &connected.services;
    let ended = Ended {
        states: vec![JobState::Discarded, JobState::Cancelled, JobState::Done],
        kind: None,
        before: services.clock.now(),
    };
    let found = services
        .db
        .read(|conn| Ok::<_, db::Error>((open_groups(conn)?, ended.count(conn)?)));
    let (open, ended) = match found {
        Ok(found) => found,
        Err(error) => return failed(error),
    };
    if open.is_empty() && ended.is_empty() {
        eprintln!("There are no jobs.");
    }
    for (state, kind, jobs) in &open {
        println!("{:<10} {jobs:>8}  {kind}", word(*state));
    }
    for group in &ended {
        println!("{}", line(group));
    }
    ExitCode::SUCCESS
}

fn line(group: &Group) -> String {
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    format!(
        "{:<10} {:>8}  {}  {} to {} UTC",
        word(group.state),
        group.jobs,
        group.kind,
        at(group.first),
        at(group.last)
    )
}

fn purge(connected: &Connected, asked: &Purge) -> ExitCode {
    let services = &connected.services;
    let age: Duration = asked.older_than.delta();
    let ended = Ended {
        states: asked.states.iter().map(|state| state.meant()).collect(),
        kind: asked.kind.clone(),
        before: services.clock.now() - age,
    };
    if age < actions::LEAST_AGE {
        return failed(PurgeError::TooYoung);
    }
    let groups = match services.db.read(|conn| ended.count(conn)) {
        Ok(groups) => groups,
        Err(error) => return failed(error),
    };
    for group in &groups {
        println!("{}", line(group));
    }
    let seen: i64 = groups.iter().map(|group| group.jobs).sum();
    if seen == 0 {
        println!("Nothing would go.");
        return ExitCode::SUCCESS;
    }
    if !asked.yes {
        let how = if seen > actions::AT_MOST {
            PurgeError::TooMany.to_string()
        } else {
            "--yes removes them.".to_owned()
        };
        println!("{seen} would go. Nothing was removed. {how}");
        return ExitCode::SUCCESS;
    }
    match actions::purge(services, &connected.actor(), &ended, seen, None) {
        Ok(removed) => {
            println!("{removed} removed.");
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}
