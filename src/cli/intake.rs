//! `signalbox intake subjects FILE`: takes a file of customers in, with its progress in view.
//!
//! It ends with 0 when every row was taken in (or the file had been before), 1 when rows were
//! rejected, 2 when the file or the call cannot be used.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Subcommand;
use sha2::{Digest, Sha256};

use super::Connected;
use super::connect::command_line_actor;
use crate::features::intake::actions::{self, Order, Received};
use crate::features::intake::batch::{Batch, BatchId, State};
use crate::features::intake::desk::{Seen, Shell};
use crate::features::intake::store::{self, Platform};
use crate::features::intake::{Error, care, reading};
use crate::foundation::Services;
use crate::foundation::audit::Actor;
use crate::foundation::db::PoolKind;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take in a file of people and companies (CSV with commas, or NDJSON; UTF-8)
    Subjects(SubjectsArgs),
}

#[derive(clap::Args, Debug)]
struct SubjectsArgs {
    /// The file, or - for standard input
    file: PathBuf,
    /// The platform whose customers these are, by its short name [default: the only one, or the one
    /// that policy names]
    #[arg(long, env = "SIGNALBOX_PLATFORM")]
    platform: Option<String>,
    /// Pass over columns that are not known instead of refusing the file
    #[arg(long)]
    ignore_unknown: bool,
}

const UNUSABLE: u8 = 2;
/// How often the progress is renewed on a terminal; elsewhere a line is printed less often.
const SHOW_EVERY: Duration = Duration::from_millis(200);
const PRINT_EVERY: Duration = Duration::from_secs(2);
/// Rejected rows that are listed after the reading; the batch's page has all of them.
const LISTED: i64 = 20;

pub(super) fn run(args: &Args) -> ExitCode {
    let What::Subjects(args) = &args.what;
    let outcome = Connected::open()
        .map_err(|error| error.to_string())
        .and_then(|connected| take_in(&connected.services, &connected.actor(), args));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("signalbox: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn take_in(services: &Services, actor: &Actor, args: &SubjectsArgs) -> Result<ExitCode, String> {
    let platform = platform(services, args.platform.as_deref())?;
    let piped = args.file == Path::new("-");
    let survey = if piped {
        None
    } else {
        Some(survey(&args.file)?)
    };
    let name = if piped {
        "standard input".to_owned()
    } else {
        let name = args.file.file_name().unwrap_or(args.file.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let order = Order {
        platform: &platform,
        name: &name,
        ignore_unknown: args.ignore_unknown,
        lines_total: survey.map(|(_, lines)| lines),
    };
    eprintln!("Taking in {name} for {}.", platform.name);
    let meter = Meter::new();
    let shell = Shell {
        services,
        actor: actor.clone(),
        view: &|seen| meter.show(seen),
    };
    let received =
        actions::receive(&shell, &order, survey.map(|(sha256, _)| sha256)).map_err(text)?;
    let id = match received {
        Received::Known(id, State::Done) => {
            println!("This file was taken in before, as batch {id}. Nothing has changed.");
            return Ok(ExitCode::SUCCESS);
        }
        Received::Known(id, _) | Received::Resumed(id) => {
            println!("This file is being taken in as batch {id}; going on from where it stands.");
            id
        }
        Received::New(id) => id,
    };
    let begun = Instant::now();
    let batch = read(&shell, id, args, piped).map_err(text)?;
    meter.end();
    report(services, &batch, begun.elapsed()).map_err(text)
}

fn read(shell: &Shell<'_>, id: BatchId, args: &SubjectsArgs, piped: bool) -> Result<Batch, Error> {
    if !piped {
        return read_hashed(shell, id, File::open(&args.file)?);
    }
    let outcome = read_hashed(shell, id, io::stdin().lock());
    if let Err(error) = &outcome
        && !matches!(error, Error::TakenOver | Error::Closed)
    {
        // A pipe cannot be read a second time, so its batch ends here.
        let given_up = care::abandon(shell, id);
        given_up.unwrap_or_else(|error| tracing::warn!(%error, "the batch stays open"));
    }
    outcome
}

/// Hashes while it reads: what counts are the bytes that the rows were read from.
fn read_hashed(shell: &Shell<'_>, id: BatchId, from: impl Read) -> Result<Batch, Error> {
    let digest = Rc::new(RefCell::new(Sha256::new()));
    let from = Hashed {
        from,
        digest: Rc::clone(&digest),
    };
    reading::read(
        shell,
        id,
        BufReader::with_capacity(256 * 1024, from),
        || Some(digest.borrow().clone().finalize().into()),
    )
}

fn survey(path: &Path) -> Result<([u8; 32], u64), String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    actions::survey(file).map_err(|error| unreadable(&error))
}

/// The platform that was named, or else the one that is meant when none is.
fn platform(services: &Services, slug: Option<&str>) -> Result<Platform, String> {
    let now = services.clock.now();
    let (platforms, default) = services
        .db
        .read_on(PoolKind::Jobs, |conn| {
            let platforms = store::platforms(conn)?;
            Ok::<_, Error>((platforms, store::default_platform(conn, now)?))
        })
        .map_err(text)?;
    if platforms.is_empty() {
        return Err(
            "there is no platform yet: apply a pack first (signalbox pack apply FILE)".to_owned(),
        );
    }
    let slugs: Vec<&str> = platforms.iter().map(|p| p.slug.as_str()).collect();
    let slugs = slugs.join(", ");
    let Some(slug) = slug else {
        return default
            .ok_or_else(|| format!("say whose customers these are with --platform: {slugs}"));
    };
    let named = platforms.iter().find(|platform| platform.slug == slug);
    named
        .cloned()
        .ok_or_else(|| format!("no platform is called \"{slug}\": there are {slugs}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn report(services: &Services, batch: &Batch, took: Duration) -> Result<ExitCode, Error> {
    if let Some(why) = &batch.refusal {
        eprintln!("signalbox: the file was refused and nothing taken in: {why}");
        return Ok(ExitCode::from(UNUSABLE));
    }
    let counts = batch.counts;
    println!(
        "{} rows in {:.1} s: {} new, {} changed, {} unchanged, {} rejected (batch {})",
        counts.rows(),
        took.as_secs_f64(),
        counts.added,
        counts.changed,
        counts.unchanged,
        counts.rejected,
        batch.id,
    );
    if counts.rejected == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    list_rejected(services, batch)?;
    let base = services.config.web.base_url.as_str().trim_end_matches('/');
    println!(
        "Rejected rows, to be mended and sent again: {base}/intake/{}",
        batch.id
    );
    Ok(ExitCode::FAILURE)
}

fn list_rejected(services: &Services, batch: &Batch) -> Result<(), Error> {
    let page = services
        .db
        .read_for(PoolKind::Jobs, &command_line_actor(), |conn| {
            store::rejections(conn, batch.id, None)
        })?;
    for rejection in page
        .items
        .iter()
        .take(usize::try_from(LISTED).unwrap_or(20))
    {
        for (column, message) in &rejection.problems {
            let column = column.as_deref().unwrap_or("the row");
            println!("  row {}: {column} {message}", rejection.row);
        }
    }
    let shown = u64::try_from(LISTED).unwrap_or(20);
    if batch.counts.rejected > shown {
        println!("  and {} more", batch.counts.rejected - shown);
    }
    Ok(())
}

/// Hashes what passes.
struct Hashed<R> {
    from: R,
    digest: Rc<RefCell<Sha256>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.digest.borrow_mut().update(&buffer[..read]);
        Ok(read)
    }
}

/// Progress on standard error: one line that is renewed on a terminal, now and then a line in a log.
struct Meter {
    begun: Instant,
    terminal: bool,
    shown: std::cell::Cell<Option<Instant>>,
}

impl Meter {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            terminal: io::stderr().is_terminal(),
            shown: std::cell::Cell::new(None),
        }
    }

    fn show(&self, seen: Seen) {
        let pause = if self.terminal {
            SHOW_EVERY
        } else {
            PRINT_EVERY
        };
        if self.shown.get().is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        self.shown.set(Some(Instant::now()));
        let millis = self.begun.elapsed().as_millis().max(1);
        let speed = u128::from(seen.rows) * 1_000 / millis;
        let share = seen
            .lines_total
            .filter(|total| *total > 0)
            .map(|total| format!("{:3} %  ", seen.lines.min(total) * 100 / total))
            .unwrap_or_default();
        let line = format!(
            "{share}{} rows, {speed} rows/s, {} rejected",
            seen.rows, seen.rejected
        );
        let mut to = io::stderr().lock();
        let written = if self.terminal {
            write!(to, "\r\x1b[K{line}").and_then(|()| to.flush())
        } else {
            writeln!(to, "{line}")
        };
        // A closed terminal is no reason to stop the reading.
        drop(written);
    }

    fn end(&self) {
        if self.terminal && self.shown.get().is_some() {
            eprintln!();
        }
    }
}
