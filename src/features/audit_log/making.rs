//! The job that makes an export.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;

use super::ExportId;
use super::actions::Format;
use super::archive::archive;
use super::filter::Filter;
use super::rows;
use super::store::{self, Export};
use crate::foundation::audit::export::{ExportError, ExportRequest};
use crate::foundation::audit::{Actor, Event, Log, Subject, Tx, store as log};
use crate::foundation::db::PoolKind;
use crate::foundation::files::{FileWriter, NewFile, Stored};
use crate::foundation::jobs::{JobContext, JobError};
use crate::foundation::kernel::PersonId;

/// How long a finished export can be fetched.
const KEEP: TimeDelta = TimeDelta::days(7);

const LIMIT_BYTES: u64 = 16 << 30;

/// Longer than making an export takes.
const SWEEP_AFTER: Duration = Duration::from_hours(24);

/// Events read in one go for CSV and NDJSON; between two of them the job is asked whether it should go on.
const CHUNK_EVENTS: i64 = 2_000;

/// The job: makes the file and registers it. Run again, it starts again; finished, it does nothing.
pub fn make_export(context: &JobContext, id: ExportId) -> Result<(), JobError> {
    let export = context.read(|conn| Ok(store::export(conn, id)?))?;
    if export.result.is_some() {
        return Ok(());
    }
    let format = Format::parse(&export.format).ok_or_else(|| hopeless("an unknown format"))?;
    let actor = Actor::person(export.person);
    let services = &context.services;
    let new = NewFile {
        purpose: "export",
        name: &format!("signalbox-audit-{id}.{}", format.extension()),
        created_by: &actor,
        limit_bytes: LIMIT_BYTES,
        keep: KEEP,
    };
    let mut writer = FileWriter::create(services, &new).map_err(failed)?;
    let events = match format {
        Format::Verifiable => write_verifiable(context, export.person, id, &mut writer)?,
        Format::Csv | Format::Ndjson => write_rows(context, &export, format, &mut writer)?,
    };
    let stored = writer.finish().map_err(failed)?;
    context.write_as(&actor, |tx| register(tx, id, &stored, events))
}

fn register(tx: &mut Tx<'_>, id: ExportId, stored: &Stored, events: u64) -> Result<(), JobError> {
    let now = tx.now();
    stored.keep(tx)?;
    store::finish_export(tx, id, stored, events, now)?;
    let event = Event::new("audit_log.export_made", Subject::new("export", id))
        .detail("events", events)
        .detail("sha256", hex::encode(stored.sha256));
    tx.record(event)?;
    Ok(())
}

fn write_rows(
    context: &JobContext,
    export: &Export,
    format: Format,
    writer: &mut FileWriter,
) -> Result<u64, JobError> {
    let filter: Filter =
        serde_json::from_value(export.filter.clone()).map_err(|e| hopeless(&e.to_string()))?;
    let head = context.read(|conn| Ok(log::head(conn, Log::Main)?))?;
    if format == Format::Csv {
        writer.write(rows::CSV_HEADER.as_bytes()).map_err(failed)?;
    }
    let mut after = -1;
    let mut written = 0;
    loop {
        let before = written;
        context.services.db.read_on(PoolKind::Exports, |conn| {
            let range = (after, head.size.cast_signed());
            store::each_next_event(conn, &filter, range, CHUNK_EVENTS, |event| {
                let line = match format {
                    Format::Csv => rows::csv_line(&event).map_err(failed)?,
                    Format::Ndjson | Format::Verifiable => rows::ndjson_line(&event),
                };
                after = event.idx.cast_signed();
                written += 1;
                writer.write(&line).map_err(failed)
            })
        })?;
        if written == before {
            return Ok(written);
        }
        context.progress(written, None)?;
    }
}

/// Makes the verifiable export in a folder of its own and packs it. The folder goes, however that ends;
/// what a killed process left goes with the next export.
fn write_verifiable(
    context: &JobContext,
    person: PersonId,
    id: ExportId,
    writer: &mut FileWriter,
) -> Result<u64, JobError> {
    let services = &context.services;
    let exports = services.config.data_dir.join("exports");
    sweep(&exports, SWEEP_AFTER).map_err(failed)?;
    let scratch = Scratch(exports.join(id.to_string()));
    remove_folder(&scratch.0).map_err(failed)?;
    let request = ExportRequest {
        log: Log::Main,
        from: None,
        to: None,
        disclose: false,
    };
    let made = services.audit.export(
        &Actor::person(person),
        &request,
        &scratch.0,
        &mut |done, total| context.progress(done, Some(total)).is_ok(),
    );
    match made {
        Ok(exported) => {
            let packed = archive(&scratch.0, "signalbox-audit", &mut |piece| {
                writer.write(piece).map_err(std::io::Error::other)
            });
            packed.map(|()| exported.manifest.count).map_err(failed)
        }
        Err(ExportError::Cancelled) => context
            .check()
            .map_err(JobError::from)
            .and(Err(failed("interrupted"))),
        Err(ExportError::NothingSealed) => Err(hopeless(
            "nothing has been sealed yet: the sealer is not running",
        )),
        Err(error) => Err(failed(error)),
    }
}

/// A folder that is gone when this is.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.0) {
            tracing::error!(folder = %self.0.display(), cause = %error, "an export's folder stays behind");
        }
    }
}

/// Removes folders that nobody has touched for so long: their process is gone.
fn sweep(exports: &Path, older_than: Duration) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(exports) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age >= older_than && entry.file_type()?.is_dir() {
            remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(error: impl std::fmt::Display) -> JobError {
    JobError::Failed(error.to_string())
}

fn hopeless(why: &str) -> JobError {
    JobError::Hopeless(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_away() {
        let exports = tempfile::tempdir().unwrap();
        let left = exports.path().join("left");
        std::fs::create_dir_all(left.join("tiles")).unwrap();
        sweep(exports.path(), Duration::from_hours(1)).unwrap();
        assert!(left.exists(), "another process may be at it");
        sweep(exports.path(), Duration::ZERO).unwrap();
        assert!(!left.exists());
        sweep(&exports.path().join("none"), Duration::ZERO).unwrap();
    }
}
