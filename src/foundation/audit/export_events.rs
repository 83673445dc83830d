//! The events of an export and their personal details. One thread fetches while another formats, hashes and
//! writes what was fetched before: each of them is about half of the work.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{mem, thread};

use diesel::prelude::*;
use uuid::Uuid;

use super::export::{ExportError, ExportRequest, Progress};
use super::export_folder::{Folder, HashedFile};
use super::package::{DETAILS, DetailLine, Disclosure, EVENTS, EventRow, Manifest};
use super::projection::Body;
use super::store;
use super::tx::detail_place;
use crate::foundation::crypto::{Keyring, subject_keys};
use crate::foundation::db::Conn;
use crate::foundation::db::schema::audit_detail;
use crate::foundation::kernel::SubjectId;

/// Events that one statement asks for.
const RANGE_EVENTS: u64 = 8_192;

/// Events that are handed to the writer together, or fewer that have so many bytes; and how many such batches may
/// wait for it. Memory stays the same however long the log and its events are.
const BATCH_EVENTS: usize = 512;
const BATCH_BYTES: usize = 1 << 20;
const BATCHES_AHEAD: usize = 4;

/// What the writer is handed.
enum Batch {
    Events(Vec<EventRow>),
    Details(Vec<DetailLine>),
}

/// Events that are gathered for the writer.
#[derive(Default)]
struct Gathering {
    events: Vec<EventRow>,
    bytes: usize,
}

impl Gathering {
    /// All that were gathered, once they are enough.
    fn add(&mut self, event: EventRow) -> Option<Vec<EventRow>> {
        if self.events.is_empty() {
            self.events.reserve(BATCH_EVENTS);
        }
        self.bytes += event.body.len();
        self.events.push(event);
        let enough = self.events.len() == BATCH_EVENTS || self.bytes >= BATCH_BYTES;
        enough.then(|| mem::take(self).events)
    }
}

/// The two files that batches go into.
struct Files {
    events: HashedFile,
    details: HashedFile,
}

/// Writes the manifest's range of events into `folder`.
pub(super) fn write(
    conn: &mut Conn,
    keyring: &Keyring,
    request: &ExportRequest,
    manifest: &Manifest,
    folder: &mut Folder,
    progress: Progress<'_>,
) -> Result<(), ExportError> {
    let files = Files {
        events: folder.open(EVENTS)?,
        details: folder.open(DETAILS)?,
    };
    let (sender, receiver) = sync_channel(BATCHES_AHEAD);
    let files = thread::scope(|scope| {
        let writer = scope.spawn(move || files.take_all(&receiver));
        let fetched = fetch(conn, keyring, request, manifest, sender, progress);
        let written = writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A writer that failed ended the fetching too, and it alone knows why.
        written.and_then(|files| fetched.map(|()| files))
    })?;
    folder.close(EVENTS, files.events)?;
    folder.close(DETAILS, files.details)
}

/// Hands the manifest's range to the writer, until it is done or the writer is gone.
fn fetch(
    conn: &mut Conn,
    keyring: &Keyring,
    request: &ExportRequest,
    manifest: &Manifest,
    writer: SyncSender<Batch>,
    progress: Progress<'_>,
) -> Result<(), ExportError> {
    let mut from = manifest.from;
    while from < manifest.to {
        let to = manifest.to.min(from + RANGE_EVENTS);
        let mut details = Vec::new();
        let mut gathered = Gathering::default();
        store::each_event(conn, request.log, from, to, |event| {
            add_details(&event, &mut details);
            match gathered.add(event) {
                Some(full) => writer.send(Batch::Events(full)).is_ok(),
                None => true,
            }
        })?;
        if request.disclose {
            disclose_into(conn, keyring, &mut details)?;
        }
        let rest = [Batch::Events(gathered.events), Batch::Details(details)];
        if rest.into_iter().any(|rest| writer.send(rest).is_err()) {
            break;
        }
        from = to;
        if !progress(from - manifest.from, manifest.count) {
            return Err(ExportError::Cancelled);
        }
    }
    Ok(())
}

impl Files {
    fn take_all(mut self, batches: &Receiver<Batch>) -> Result<Self, ExportError> {
        let mut text = String::new();
        for batch in batches {
            match batch {
                Batch::Events(events) => {
                    text.clear();
                    for event in &events {
                        event.write_line(&mut text);
                    }
                    self.events.write_all(text.as_bytes())?;
                }
                Batch::Details(details) => {
                    for detail in &details {
                        self.details.write_all(&detail.to_line()?)?;
                    }
                }
            }
        }
        Ok(self)
    }
}

/// One line for each commitment. Most events have none, which their bytes show without parsing.
fn add_details(event: &EventRow, lines: &mut Vec<DetailLine>) {
    let text = std::str::from_utf8(&event.body);
    if !text.is_ok_and(|text| text.contains("\"commitments\":[")) {
        return;
    }
    // A body that does not read is the verifier's to name.
    let Ok(body) = Body::parse(&event.body) else {
        return;
    };
    for (position, commitment) in (0..).zip(&body.commitments) {
        lines.push(DetailLine {
            idx: event.idx,
            event: body.projection.id,
            position,
            subject: commitment.subject,
            disclosure: Disclosure::Withheld,
        });
    }
}

fn disclose_into(
    conn: &mut Conn,
    keyring: &Keyring,
    lines: &mut [DetailLine],
) -> Result<(), ExportError> {
    let events: Vec<Uuid> = lines.iter().map(|line| line.event).collect();
    let subjects: Vec<SubjectId> = lines
        .iter()
        .map(|line| SubjectId::from(line.subject))
        .collect();
    let stored: Vec<(Uuid, i16, Vec<u8>, Vec<u8>)> = audit_detail::table
        .filter(audit_detail::event_id.eq_any(events))
        .select((
            audit_detail::event_id,
            audit_detail::position,
            audit_detail::salt,
            audit_detail::ciphertext,
        ))
        .load(conn)?;
    let stored: HashMap<(Uuid, u64), _> = stored
        .into_iter()
        .map(|(event, position, salt, sealed)| {
            (
                (event, u64::from(position.unsigned_abs())),
                (position, salt, sealed),
            )
        })
        .collect();
    let keys = subject_keys::load(conn, keyring, &subjects)?;
    for line in lines {
        let Some(key) = keys.get(&SubjectId::from(line.subject)) else {
            line.disclosure = Disclosure::Erased;
            continue;
        };
        let opened =
            stored
                .get(&(line.event, line.position))
                .and_then(|(position, salt, sealed)| {
                    let plain = key
                        .open(&detail_place(line.event, *position), sealed)
                        .ok()?;
                    disclosed(salt, &plain)
                });
        line.disclosure = opened.unwrap_or(Disclosure::Damaged);
    }
    Ok(())
}

fn disclosed(salt: &[u8], plain: &[u8]) -> Option<Disclosure> {
    Some(Disclosure::Disclosed {
        salt: salt.try_into().ok()?,
        value: serde_json::from_slice(plain).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::projection::Projection;
    use super::*;

    fn event(idx: usize, bytes: usize) -> EventRow {
        EventRow {
            idx: idx as u64,
            body: vec![b'x'; bytes],
            leaf_hash: [0; 32],
            projection: Projection {
                id: Uuid::nil(),
                recorded_at: chrono::DateTime::UNIX_EPOCH,
                kind: String::new(),
                actor_kind: String::new(),
                actor_id: String::new(),
                subject_kind: String::new(),
                subject_id: String::new(),
                platform_id: None,
                outcome: String::new(),
            },
        }
    }

    #[test]
    fn a_batch_is_full_by_number_or_by_bytes() {
        for (bytes, expected) in [(300, BATCH_EVENTS), (65_535, 17), (BATCH_BYTES, 1)] {
            let mut gathered = Gathering::default();
            for round in 0..3 {
                let sizes = (1..).map(|at| gathered.add(event(at, bytes)));
                let full = sizes.flatten().next().unwrap();
                assert_eq!(full.len(), expected, "{bytes} bytes, round {round}");
                assert!(gathered.events.is_empty());
            }
        }
    }
}
