//! Decisions about the audit log itself, made where the sealer runs and with its key: a new epoch, another
//! key, bodies given up. Each is an event of the log, sealed at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::connect::command_line_actor;
use super::failed;
use crate::foundation::audit::anchors::AnchorFile;
use crate::foundation::audit::epoch::{self, Cause, Finding};
use crate::foundation::audit::note::CheckpointSigner;
use crate::foundation::audit::{Actor, Log, sealer};
use crate::foundation::config::{Config, Mode};
use crate::foundation::db::Conn;
use crate::foundation::db::cluster::{Cluster, ClusterConfig};
use crate::foundation::db::roles::Role;
use crate::foundation::kernel::{Clock, Secret};

type Failure = Box<dyn std::error::Error>;

/// A sealer that stops because the log is in doubt comes back and asks; this is longer than it takes.
const TURN_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Epoch {
    /// Begin the next epoch: its first event says what is kept, what is lost and who decided
    Begin(Begin),
}

#[derive(Debug, clap::Args)]
pub(super) struct Begin {
    /// What happened. It has to be what is found; to see that, give any
    #[arg(long, value_enum)]
    because: Because,
    /// Only this log: main, or sar
    #[arg(long)]
    log: Option<Log>,
    #[command(flatten)]
    seat: SeatArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Because {
    /// The database was put back to a backup, and has fewer events than were anchored
    Restored,
    /// The database has another history than was anchored, and the reason is known
    Rewritten,
    /// The signing key is lost, and another one was made
    KeyLost,
}

impl Because {
    const fn cause(self) -> Cause {
        match self {
            Self::Restored => Cause::Restored,
            Self::Rewritten => Cause::Rewritten,
            Self::KeyLost => Cause::KeyLost,
        }
    }
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum KeyCommand {
    /// Change the sealer's key. Stop the sealer first; keep the former verification key
    Rotate(Rotate),
}

#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    seat: SeatArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Bodies below this index go, as far as whole partitions reach
    #[arg(long, value_name = "INDEX")]
    to: u64,
    /// Which log: main, or sar
    #[arg(long, default_value = "main")]
    log: Log,
    #[command(flatten)]
    seat: SeatArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SeatArgs {
    /// The folders of anchors, with `:` between them [default: `anchors` in the data folder]
    #[arg(long, env = "SIGNALBOX_ANCHOR_DIR", value_delimiter = ':')]
    anchors: Vec<PathBuf>,
}

/// The sealer's place while a command sits in it.
struct Seat {
    conn: Conn,
    key_file: PathBuf,
    anchors: Vec<PathBuf>,
    actor: Actor,
    clock: Clock,
    _cluster: Option<Cluster>,
}

impl Seat {
    fn take(args: &SeatArgs) -> Result<Self, Failure> {
        let config = Config::from_env(Mode::Serve)?;
        let (url, cluster) = database(&config)?;
        let mut conn = sealer::connect(&url)?;
        let asked = Instant::now();
        while !sealer::take_turn(&mut conn)? {
            if asked.elapsed() > TURN_PATIENCE {
                return Err(
                    "the sealer is at work: stop it first, and start it again afterwards".into(),
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self {
            conn,
            anchors: anchor_folders(&args.anchors, &config.data_dir),
            key_file: config.keys.sealer_file,
            actor: command_line_actor(),
            clock: Clock::system(),
            _cluster: cluster,
        })
    }

    fn files(&self, log: Log, signer: &CheckpointSigner) -> Vec<AnchorFile> {
        let file = |folder: &PathBuf| AnchorFile::new(folder, log, signer.verification_key());
        self.anchors.iter().map(file).collect()
    }

    fn anchor(&mut self, log: Log, signer: &CheckpointSigner) {
        for file in self.files(log, signer) {
            if let Err(error) = file.anchor(&mut self.conn, self.clock.now()) {
                eprintln!("signalbox: not anchored yet, the sealer will try again: {error}");
            }
        }
    }
}

/// Where anchors stand.
pub(super) fn anchor_folders(given: &[PathBuf], data_dir: &Path) -> Vec<PathBuf> {
    let named: Vec<PathBuf> = given
        .iter()
        .filter(|folder| !folder.as_os_str().is_empty())
        .cloned()
        .collect();
    if named.is_empty() {
        vec![data_dir.join("anchors")]
    } else {
        named
    }
}

fn database(config: &Config) -> Result<(Secret<String>, Option<Cluster>), Failure> {
    if let Some(url) = &config.database.sealer_url {
        return Ok((url.clone(), None));
    }
    if config.database.app_url.is_some() {
        return Err(
            "SIGNALBOX_SEALER_DATABASE_URL is missing: run this where the sealer runs, with its settings".into(),
        );
    }
    let cluster = Cluster::start_or_join(&ClusterConfig::new(&config.data_dir))?;
    Ok((cluster.url(Role::Sealer), Some(cluster)))
}

fn ended(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

pub(super) fn epoch(command: &Epoch) -> ExitCode {
    let Epoch::Begin(args) = command;
    ended(begin(args))
}

fn begin(args: &Begin) -> Result<(), Failure> {
    let mut seat = Seat::take(&args.seat)?;
    let signer = sealer::read_key(&seat.key_file)?;
    let mut begun = 0;
    for log in Log::ALL
        .into_iter()
        .filter(|log| args.log.is_none_or(|only| only == *log))
    {
        let files = seat.files(log, &signer);
        let finding = epoch::examine(&mut seat.conn, log, &signer, &files)?;
        let Some(cause) = finding.cause else {
            println!(
                "{}: nothing to decide, the log agrees with its key and its anchors",
                log.as_str()
            );
            continue;
        };
        if cause != args.because.cause() {
            return Err(found_otherwise(log, &finding, cause).into());
        }
        let now = seat.clock.now();
        let sealed = epoch::begin(
            &mut seat.conn,
            log,
            &signer,
            &seat.actor,
            (&finding, cause),
            now,
        )?;
        println!("{}", told(log, &finding, sealed.origin()));
        seat.anchor(log, &signer);
        begun += 1;
    }
    if begun == 0 {
        return Err("no epoch was begun".into());
    }
    Ok(())
}

fn told(log: Log, finding: &Finding, origin: &str) -> String {
    let lost = finding.known() - finding.kept;
    format!(
        "{}: {origin} begins at #{}; {lost} events of before are lost",
        log.as_str(),
        finding.size
    )
}

fn found_otherwise(log: Log, finding: &Finding, cause: Cause) -> String {
    format!(
        "{}: what is found is \"{}\" ({} events here, {} known, {} of them agree). If that is what happened, give \
         --because {}",
        log.as_str(),
        cause.as_str().replace('_', " "),
        finding.size,
        finding.known(),
        finding.kept,
        cause.as_str().replace('_', "-"),
    )
}

pub(super) fn key(command: &KeyCommand) -> ExitCode {
    let KeyCommand::Rotate(args) = command;
    ended(rotate(args))
}

/// The new key lies beside the old one until the database has both checkpoints, so that whatever is
/// interrupted can be done again.
fn rotate(args: &Rotate) -> Result<(), Failure> {
    let mut seat = Seat::take(&args.seat)?;
    let old = sealer::read_key(&seat.key_file)?;
    let next_file = seat.key_file.with_extension("next");
    let name = old.verification_key().name().to_owned();
    let instance = name.strip_prefix("signalbox.").unwrap_or(&name);
    if next_file.exists() && !seals_with(&mut seat.conn, &sealer::read_key(&next_file)?)? {
        std::fs::remove_file(&next_file)?;
    }
    if !next_file.exists() {
        sealer::create_key(&next_file, Some(instance))?;
    }
    let new = sealer::read_key(&next_file)?;
    if !seals_with(&mut seat.conn, &new)? {
        let now = seat.clock.now();
        let files: Vec<AnchorFile> = Log::ALL
            .into_iter()
            .flat_map(|log| seat.files(log, &old))
            .collect();
        epoch::change_keys(&mut seat.conn, (&old, &new), &files, &seat.actor, now)
            .map_err(|error| format!("the key is not changed: {error}"))?;
    }
    // The old key goes: what it could still sign, nobody should.
    std::fs::rename(&next_file, &seat.key_file)?;
    for log in Log::ALL {
        seat.anchor(log, &new);
    }
    println!("{}", new.verification_key());
    eprintln!(
        "This is the key from now on. Keep the former one for older anchors, and give it after this one:\n  --vkey {} --vkey {}",
        new.verification_key(),
        old.verification_key()
    );
    Ok(())
}

fn seals_with(conn: &mut Conn, signer: &CheckpointSigner) -> Result<bool, Failure> {
    Ok(epoch::is_signed_with(conn, Log::Main, signer)?)
}

pub(super) fn prune(args: &Prune) -> ExitCode {
    ended(Seat::take(&args.seat).and_then(|mut seat| {
        let signer = sealer::read_key(&seat.key_file)?;
        let now = seat.clock.now();
        let files = seat.files(args.log, &signer);
        let pruned = epoch::prune(
            &mut seat.conn,
            args.log,
            (&signer, &files),
            &seat.actor,
            args.to,
            now,
        );
        let to = pruned.map_err(|error| format!("nothing is pruned: {error}"))?;
        seat.anchor(args.log, &signer);
        println!("bodies pruned to #{to}");
        Ok(())
    }))
}
