//! Reads a file chunk by chunk. Each chunk commits with its event and the batch's new position, so
//! a reading that is killed goes on after the last chunk, and nobody counts a row twice.

use std::collections::HashMap;
use std::io::BufRead;

use sha2::{Digest, Sha256};

use super::batch::{Accepted, Batch, BatchId, Chunk, Counts, Rejected, State};
use super::column::{Column, HeaderError};
use super::desk::{Desk, Seen};
use super::document::{Document, Entry, OpenError};
use super::events::{self, ChunkRecord};
use super::row::{self, Problem, Row};
use super::store::{self, Known, Plan, PlannedSubject};
use super::{Error, names};
use crate::foundation::audit::Tx;
use crate::foundation::crypto::{Keyring, subject_keys};
use crate::foundation::kernel::SubjectId;

/// Reads `from` into the batch, from where an earlier reader stopped. `sha256` gives the digest of
/// the bytes once they have all been read: it becomes the batch's where none was known before, and
/// has to be the batch's where one was. `None` for bytes that cannot have changed in between.
pub fn read(
    desk: &impl Desk,
    id: BatchId,
    from: impl BufRead,
    sha256: impl FnOnce() -> Option<[u8; 32]>,
) -> Result<Batch, Error> {
    let mut batch = open(desk, id)?;
    match Document::open(from, batch.ignore_unknown) {
        Ok(mut document) => {
            read_rows(desk, &mut batch, &mut document)?;
            close(desk, &batch, sha256())?;
        }
        Err(OpenError::Header(why)) => refuse(desk, &batch, &why)?,
        Err(OpenError::Io(error)) => return Err(error.into()),
    }
    let services = desk.services();
    services.db.read(|conn| {
        let batch = store::batch(conn, &services.keyring, id)?;
        Ok(batch.ok_or(crate::foundation::db::Error::NotFound)?)
    })
}

fn open(desk: &impl Desk, id: BatchId) -> Result<Batch, Error> {
    desk.write(|tx| {
        let now = tx.now();
        let keyring = tx.keyring();
        let batch = store::claim(tx, keyring, id, now)?;
        tx.record(events::opened(&batch))?;
        Ok(batch)
    })
}

fn refuse(desk: &impl Desk, batch: &Batch, why: &HeaderError) -> Result<(), Error> {
    desk.write(|tx| {
        let now = tx.now();
        store::refuse(tx, batch, &why.to_string(), now)?;
        tx.record(events::refused(batch))?;
        Ok(())
    })
}

fn close(desk: &impl Desk, batch: &Batch, sha256: Option<[u8; 32]>) -> Result<(), Error> {
    if let (Some(read), Some(promised)) = (&sha256, &batch.sha256)
        && promised != read
    {
        return changed(desk, batch, read);
    }
    desk.write(|tx| {
        let now = tx.now();
        let known = batch.sha256.as_deref();
        // The digest of a piped file is known only now; another batch may hold it already.
        let sha256 = match (&sha256, known) {
            (Some(digest), None) => store::batch_of_file(tx, batch.platform, digest)?
                .is_none()
                .then_some(digest.as_slice()),
            _ => known,
        };
        store::close(tx, batch, State::Done, sha256, now)?;
        tx.record(events::closed(batch, sha256))?;
        Ok(())
    })
}

/// The bytes that were read are not those that were handed in. The batch does not count as the
/// reading of either file, so both may come again; what was taken in stays.
fn changed(desk: &impl Desk, batch: &Batch, read: &[u8; 32]) -> Result<(), Error> {
    desk.write(|tx| {
        let now = tx.now();
        store::close(tx, batch, State::Cancelled, None, now)?;
        tx.record(events::file_changed(batch, read))?;
        Ok(())
    })?;
    Err(Error::Changed)
}

fn read_rows<R: BufRead>(
    desk: &impl Desk,
    batch: &mut Batch,
    document: &mut Document<R>,
) -> Result<(), Error> {
    let services = desk.services();
    let keyring = &services.keyring;
    let today = services.clock.now().date_naive();
    let mut chunk = Chunk::default();
    while let Some(entry) = document.read()? {
        if entry.row <= batch.rows_read {
            continue;
        }
        match sort(entry, today, keyring)? {
            Ok(accepted) => chunk.accept(accepted),
            Err(rejected) => chunk.reject(rejected),
        }
        if chunk.is_full() {
            let full = std::mem::take(&mut chunk);
            finish(desk, batch, full, document.header(), document.lines_read())?;
        }
    }
    if !chunk.is_empty() {
        finish(desk, batch, chunk, document.header(), document.lines_read())?;
    }
    Ok(())
}

/// Parses a row; what is wrong with it is no error of ours but its outcome.
fn sort(
    entry: Entry,
    today: chrono::NaiveDate,
    keyring: &Keyring,
) -> Result<Result<Accepted, Rejected>, Error> {
    let parsed = entry.values.and_then(|values| row::parse(&values, today));
    Ok(match parsed {
        Ok(row) => Ok(Accepted {
            content: content_hash(keyring, &row)?,
            row_number: entry.row,
            line_number: entry.line,
            raw: entry.raw,
            row,
        }),
        Err(problems) => Err(Rejected {
            row_number: entry.row,
            line_number: entry.line,
            raw: entry.raw,
            problems,
        }),
    })
}

fn content_hash(keyring: &Keyring, row: &Row) -> Result<[u8; 32], Error> {
    let document = serde_json::to_string(&row.personal)?;
    Ok(keyring.token("subject:content", &format!("{}\n{document}", row.kind)))
}

/// Writes a chunk and tells how far the reading is.
fn finish(
    desk: &impl Desk,
    batch: &mut Batch,
    chunk: Chunk,
    header: &[u8],
    lines_read: u64,
) -> Result<(), Error> {
    let (to_row, digest) = (chunk.up_to_row, digest(&chunk));
    let counts = desk.write(|tx| {
        let (counts, subjects) = write(tx, batch, chunk)?;
        if batch.chunks == 0 && !header.is_empty() {
            let keyring = tx.keyring();
            store::keep_header(tx, keyring, batch, header)?;
        }
        let now = tx.now();
        store::advance(tx, batch, counts, to_row, lines_read, now)?;
        tx.record(events::chunk_recorded(&ChunkRecord {
            batch,
            number: batch.chunks + 1,
            from_row: batch.rows_read + 1,
            to_row,
            counts,
            digest,
            subjects: &subjects,
        }))?;
        Ok(counts)
    })?;
    batch.counts += counts;
    batch.chunks += 1;
    batch.rows_read = to_row;
    batch.lines_read = lines_read;
    desk.tell(Seen {
        rows: batch.counts.rows(),
        rejected: batch.counts.rejected,
        lines: lines_read,
        lines_total: batch.lines_total,
    })
}

/// Over the keyed hashes of the rows taken in and the numbers of the rows that were not, in order.
fn digest(chunk: &Chunk) -> [u8; 32] {
    let mut digest = Sha256::new();
    for accepted in &chunk.accepted {
        digest.update(accepted.row_number.to_be_bytes());
        digest.update(accepted.content);
    }
    for rejected in &chunk.rejected {
        digest.update(rejected.row_number.to_be_bytes());
    }
    digest.finalize().into()
}

/// Returns the counts, and the subjects that are new or changed.
fn write(
    tx: &mut Tx<'_>,
    batch: &Batch,
    mut chunk: Chunk,
) -> Result<(Counts, Vec<SubjectId>), Error> {
    store::lock_platform(tx, batch.platform)?;
    set_doubles_aside(tx, batch, &mut chunk)?;
    set_erased_aside(tx, batch, &mut chunk)?;
    let known = known_of(tx, batch, &chunk)?;
    let keyring = tx.keyring();
    let plan = plan(keyring, &chunk.accepted, &known, chunk.rejected)?;
    let now = tx.now();
    store::write(tx, keyring, batch, &plan, now)?;
    let counts = Counts {
        added: plan.added.len() as u64,
        changed: plan.changed.len() as u64,
        unchanged: (plan.records.len() - plan.added.len() - plan.changed.len()) as u64,
        rejected: plan.rejected.len() as u64,
    };
    let subjects = plan.added.iter().chain(&plan.changed);
    Ok((counts, subjects.map(|planned| planned.id).collect()))
}

fn known_of(
    tx: &mut Tx<'_>,
    batch: &Batch,
    chunk: &Chunk,
) -> Result<HashMap<String, Known>, Error> {
    Ok(store::known(tx, batch.platform, &external_ids(chunk))?)
}

fn external_ids(chunk: &Chunk) -> Vec<&str> {
    chunk
        .accepted
        .iter()
        .map(|accepted| accepted.row.external_id.as_str())
        .collect()
}

/// A subject stands once in a file: which of two rows would be right, nobody could say.
fn set_doubles_aside(tx: &mut Tx<'_>, batch: &Batch, chunk: &mut Chunk) -> Result<(), Error> {
    let recorded = store::recorded(tx, batch, &external_ids(chunk))?;
    let mut first: HashMap<String, u64> = recorded
        .into_iter()
        .map(|(id, row)| (id, u64::try_from(row).unwrap_or(0)))
        .collect();
    set_aside(chunk, |accepted| {
        let id = &accepted.row.external_id;
        if let Some(row) = first.get(id) {
            let message =
                format!("stands in row {row} already, which was taken in; take one of the two out");
            return Some(Problem::of(Column::ExternalId, message));
        }
        first.insert(id.clone(), accepted.row_number);
        None
    });
    Ok(())
}

/// Somebody who has been erased does not come back by way of a file that still names them.
fn set_erased_aside(tx: &mut Tx<'_>, batch: &Batch, chunk: &mut Chunk) -> Result<(), Error> {
    let known = known_of(tx, batch, chunk)?;
    if known.is_empty() {
        return Ok(());
    }
    let ids: Vec<SubjectId> = known.values().map(|known| known.id).collect();
    let keyring = tx.keyring();
    let keys = subject_keys::load(tx, keyring, &ids)?;
    set_aside(chunk, |accepted| {
        let known = known.get(&accepted.row.external_id)?;
        let message = "has been erased on request; remove the row";
        (!keys.contains_key(&known.id)).then(|| Problem::of(Column::ExternalId, message))
    });
    Ok(())
}

/// Moves the rows for which `problem` finds one to the rejected ones.
fn set_aside(chunk: &mut Chunk, mut problem: impl FnMut(&Accepted) -> Option<Problem>) {
    for accepted in std::mem::take(&mut chunk.accepted) {
        match problem(&accepted) {
            None => chunk.accepted.push(accepted),
            Some(problem) => chunk.rejected.push(Rejected {
                row_number: accepted.row_number,
                line_number: accepted.line_number,
                raw: accepted.raw,
                problems: vec![problem],
            }),
        }
    }
}

fn plan<'a>(
    keyring: &Keyring,
    accepted: &'a [Accepted],
    known: &HashMap<String, Known>,
    rejected: Vec<Rejected>,
) -> Result<Plan<'a>, Error> {
    let mut plan = Plan {
        rejected,
        ..Plan::default()
    };
    for accepted in accepted {
        let external_id = accepted.row.external_id.as_str();
        let (id, outcome) = match known.get(external_id) {
            None => (SubjectId::new(), "added"),
            Some(known) if known.content == accepted.content => (known.id, "unchanged"),
            Some(known) => (known.id, "changed"),
        };
        plan.records
            .push((external_id, accepted.row_number, id, outcome));
        match outcome {
            "added" => plan.added.push(planned(keyring, id, accepted)?),
            "changed" => plan.changed.push(planned(keyring, id, accepted)?),
            _ => {}
        }
    }
    Ok(plan)
}

fn planned<'a>(
    keyring: &Keyring,
    id: SubjectId,
    accepted: &'a Accepted,
) -> Result<PlannedSubject<'a>, Error> {
    let personal = &accepted.row.personal;
    Ok(PlannedSubject {
        id,
        external_id: &accepted.row.external_id,
        kind: accepted.row.kind.as_str(),
        content: &accepted.content,
        document: serde_json::to_vec(personal)?,
        tokens: names::terms(personal)
            .iter()
            .map(|term| search_token(keyring, term))
            .collect(),
    })
}

/// Half of a keyed hash: collisions stay out of reach and the index stays small.
pub fn search_token(keyring: &Keyring, term: &names::Term) -> [u8; 16] {
    let token = keyring.token(term.domain, &term.value);
    let mut short = [0; 16];
    short.copy_from_slice(&token[..16]);
    short
}
