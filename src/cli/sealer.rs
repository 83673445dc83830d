use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

use super::decide::anchor_folders;
use super::failed;
use crate::foundation::audit::sealer::{self, Sealer};
use crate::foundation::config::{Config, Mode};
use crate::foundation::kernel::Clock;
use crate::foundation::telemetry::logs;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Make the signing key where the key file does not exist
    #[arg(long)]
    create_key: bool,
    /// The installation's name in a new key, for ever; a random one if not given
    #[arg(long, requires = "create_key")]
    instance: Option<String>,
    /// The folders for anchors, with `:` between them, best on other machines [default: `anchors` in the
    /// data folder]
    #[arg(long, env = "SIGNALBOX_ANCHOR_DIR", value_delimiter = ':')]
    anchors: Vec<PathBuf>,
    /// Seconds between two anchors
    #[arg(long, env = "SIGNALBOX_ANCHOR_EVERY_SECS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    anchor_every_secs: u64,
}

pub(super) fn run(args: Args) -> ExitCode {
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

fn start(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    // The sealer of an instance ends with it, however that ended.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let config = Config::from_env(Mode::Serve)?;
    logs::start(&config.log_level);
    let database = config.database.sealer_url.ok_or(
        "SIGNALBOX_SEALER_DATABASE_URL is missing: the sealer has a database role of its own",
    )?;
    let key_file = &config.keys.sealer_file;
    if args.create_key {
        sealer::create_key(key_file, args.instance.as_deref())?;
    }
    let sealer = Sealer {
        database,
        signer: sealer::read_key(key_file)?,
        anchors: anchor_folders(&args.anchors, &config.data_dir),
        anchor_every: Duration::from_secs(args.anchor_every_secs),
        clock: Clock::system(),
    };
    sealer.run(&stop_signal()?)?;
    Ok(())
}

/// Ends with Ctrl-C or SIGTERM: the sender goes away.
fn stop_signal() -> std::io::Result<Receiver<()>> {
    let (sender, receiver) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        drop(sender);
    });
    Ok(receiver)
}
