use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;

use super::connect::{Connected, ENCRYPTION_KEY_FILE, is_demo_folder};
use super::failed;
use super::instance::Instance;
use super::simulate;
use crate::app::{Application, simulator};
use crate::features::intake::actions::{Order, Received};
use crate::features::intake::desk::Shell;
use crate::features::{
    account, alerts, checklists, digests, incidents, intake, notify, releases, screening,
};
use crate::foundation::Services;
use crate::foundation::audit::Actor;
use crate::foundation::config::{Config, Mode};
use crate::foundation::db::PoolKind;

/// Shipped with the demo; every name in it says that it is invented.
const CUSTOMERS: &[u8] = include_bytes!("../features/intake/demo.ndjson");

/// Marks a data folder whose people have passwords that a page shows.
pub(super) const MARK: &str = "this-is-a-demo";

/// What a production start leaves in its data folder: with a key of its own that is no `encryption.key`.
const TRACES: [&str; 5] = [
    ENCRYPTION_KEY_FILE,
    "postgres",
    "postgres.passwords",
    "postgres.location",
    "sealer.key",
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<DemoCommand>,
    /// Let nothing go wrong by itself
    #[arg(long)]
    calm: bool,
}

#[derive(Debug, clap::Subcommand)]
enum DemoCommand {
    /// Print the code that a demo person's authenticator shows now
    Code {
        /// As the sign-in page lists them, for example operator@demo.signalbox
        email: String,
    },
}

pub(super) fn run(args: &Args) -> ExitCode {
    match &args.command {
        Some(DemoCommand::Code { email }) => code(email),
        None => start(args.calm),
    }
}

fn start(is_calm: bool) -> ExitCode {
    let mut config = match Config::from_env(Mode::Demo) {
        Ok(config) => config,
        Err(error) => return failed(error),
    };
    if let Err(error) = mark(&config) {
        return failed(error);
    }
    config.simulator = Some(simulator::free_port());
    let instance = match Instance::start(config) {
        Ok(instance) => instance,
        Err(error) => return failed(error),
    };
    if let Err(error) = account::demo::seed(&instance.services) {
        return failed(error);
    }
    if let Some(port) = instance.services.config.simulator
        && let Err(error) = notify::demo::seed(&instance.services, port)
    {
        return failed(error);
    }
    let simulated = match simulate::stand_in(&instance.services, is_calm) {
        Ok(simulated) => simulated,
        Err(error) => return failed(error),
    };
    if let Err(error) = take_in_customers(&instance.services) {
        return failed(error);
    }
    if let Err(error) = alerts::demo::fill(&instance.services) {
        return failed(error);
    }
    if let Err(error) = checklists::demo::fill(&instance.services) {
        return failed(error);
    }
    if let Err(error) = releases::demo::fill(&instance.services) {
        return failed(error);
    }
    if let Err(error) = digests::sweep::make_last(&instance.services) {
        return failed(error);
    }
    if let Err(error) = incidents::demo::fill(&instance.services) {
        return failed(error);
    }
    let ended = instance.run(|services, running| {
        // Whoever reads this may stop reading (`| head`): the demo goes on.
        let _ = announce(&mut std::io::stdout().lock(), services, running);
    });
    drop(simulated);
    ended
}

fn announce(
    out: &mut impl Write,
    services: &Services,
    running: &Application,
) -> std::io::Result<()> {
    if let Some(metrics) = running.metrics() {
        writeln!(out, "Its metrics are at http://{metrics}/metrics")?;
    }
    writeln!(
        out,
        "Signalbox's demo is at {}  (Ctrl-C ends it)",
        services.config.web.base_url.as_str().trim_end_matches('/')
    )?;
    if let Some(simulator) = services.config.simulator_url() {
        writeln!(out, "Break and mend what it watches at {simulator}")?;
    }
    Ok(())
}

/// Invented customers, and an invented list that names some of them. The same again changes nothing.
fn take_in_customers(services: &Services) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let actor = Actor::job("demo");
    screening::lists::load_demo(services, &actor)?;
    let now = services.clock.now();
    let platform = services.db.read_on(PoolKind::Jobs, |conn| {
        intake::store::default_platform(conn, now)
    })?;
    let platform = platform.ok_or("no platform takes the demo's customers")?;
    let (sha256, lines) = intake::actions::survey(CUSTOMERS)?;
    let order = Order {
        platform: &platform,
        name: "demo.ndjson",
        ignore_unknown: false,
        lines_total: Some(lines),
    };
    let shell = Shell {
        services,
        actor,
        view: &|_| {},
    };
    if let Received::New(batch) = intake::actions::receive(&shell, &order, Some(sha256))? {
        intake::reading::read(&shell, batch, CUSTOMERS, || None)?;
    }
    Ok(())
}

/// Codes are told of a demo's people only; its folder says that it is one.
fn code(email: &str) -> ExitCode {
    let connected = match Connected::open_as(Mode::Demo) {
        Ok(connected) => connected,
        Err(error) => return failed(error),
    };
    let services = &connected.services;
    if !is_demo_folder(&services.config.data_dir) {
        return failed("this is not a demo: its codes are told to nobody");
    }
    match account::demo::code(services, email) {
        Ok(Some(code)) => {
            println!("{}", code.digits);
            ExitCode::SUCCESS
        }
        Ok(None) => failed(format!(
            "{email} is nobody of the demo, or has no authenticator now"
        )),
        Err(error) => failed(error),
    }
}

/// Refuses a folder that production data lies in: the demo's people must not appear there.
fn mark(config: &Config) -> Result<(), String> {
    let mark = config.data_dir.join(MARK);
    let is_in_use = TRACES
        .iter()
        .any(|trace| config.data_dir.join(trace).exists());
    if is_in_use && !mark.exists() {
        return Err(format!(
            "{} was not made by the demo. Set SIGNALBOX_DATA_DIR to another folder",
            config.data_dir.display()
        ));
    }
    // Others may pass through, as PostgreSQL's own user has to, but not look around.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(&config.data_dir)
        .and_then(|()| std::fs::write(&mark, "The passwords of its people are public.\n"))
        .map_err(|error| format!("{} cannot be written: {error}", mark.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &std::path::Path) -> Config {
        let folder = folder.to_str().unwrap().to_owned();
        let lookup = |name: &str| (name == "SIGNALBOX_DATA_DIR").then(|| folder.clone());
        Config::read(Mode::Demo, &lookup).unwrap()
    }

    #[test]
    fn a_folder_with_any_trace_of_production_is_refused() {
        for trace in TRACES {
            let folder = tempfile::tempdir().unwrap();
            let config = config(folder.path());
            std::fs::write(folder.path().join(trace), "").unwrap();
            assert!(mark(&config).is_err(), "{trace}");
            assert!(!is_demo_folder(folder.path()), "{trace}");
        }
    }

    #[test]
    fn a_folder_of_the_demos_own_is_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        mark(&config).unwrap();
        for trace in TRACES {
            std::fs::write(folder.path().join(trace), "").unwrap();
        }
        mark(&config).unwrap();
    }
}
