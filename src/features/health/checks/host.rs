use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, System};

use crate::features::health::probe::{ErrorKind, Outcome};
use crate::features::packs::pack::{Host, Measure};

/// Processor, memory and disk of the machine that we run on, each as a share in use.
pub async fn check(host: &Host) -> Outcome {
    let disk = host.disk.clone();
    let read = tokio::task::spawn_blocking(move || read(&disk)).await;
    match read {
        Ok(Ok(measures)) => Outcome::Good(measures),
        Ok(Err(message)) => Outcome::failed(ErrorKind::WrongAnswer, message),
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}

fn read(disk: &str) -> Result<Vec<(Measure, f64)>, String> {
    let mut system = System::new().map_err(|error| error.to_string())?;
    system.refresh_cpu_usage();
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
    system.refresh_cpu_usage();
    system.refresh_memory();
    let memory = system
        .total_memory()
        .saturating_sub(system.available_memory());
    Ok(vec![
        (Measure::Cpu, f64::from(system.global_cpu_usage()) / 100.0),
        (Measure::Memory, share(memory, system.total_memory())),
        (Measure::Disk, disk_share(disk)?),
    ])
}

/// The share in use of the file system that holds `path`, as `df` counts it: of what anybody may use, so that the
/// blocks kept for root do not count.
fn disk_share(path: &str) -> Result<f64, String> {
    let blocks = rustix::fs::statvfs(path).map_err(|error| format!("{path}: {error}"))?;
    let used = blocks.f_blocks.saturating_sub(blocks.f_bfree);
    Ok(share(used, used + blocks.f_bavail))
}

#[allow(
    clippy::cast_precision_loss,
    reason = "bytes of a machine are below 2^53"
)]
fn share(used: u64, total: u64) -> f64 {
    if total == 0 {
        0.0
    } else {
        used as f64 / total as f64
    }
}
