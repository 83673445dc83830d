//! The tables of intake: subjects, their sealed documents and tokens, batches and their rows.

mod batches;
mod chunks;
mod readings;
mod search;
mod subjects;

pub use batches::{
    NewBatch, RejectedRow, Rejection, SubjectBatch, advance, batch, batch_of_file, batches,
    batches_of, claim, close, header, insert as insert_batch, keep_header, refuse, rejected_raw,
    rejections,
};
pub use chunks::{Known, Plan, PlannedSubject, known, lock_platform, recorded, write};
pub use readings::{note as note_reading, recent as recently_read};
pub use search::{Filter, SubjectLine, has_external_id, search};
pub use subjects::{
    Platform, Standing, SubjectRecord, default_platform, ids_after, lock_standings, personal,
    platform_by_slug, platform_of, platforms, records, set_standing,
};

use diesel::prelude::*;

use crate::foundation::db::{self, Conn};

/// Names the context in which sealed documents are read or written in this transaction; without
/// it, row-level security shows none.
fn enter(conn: &mut Conn) -> db::Result<()> {
    diesel::sql_query("SELECT set_config('app.actor', 'intake', true)").execute(conn)?;
    Ok(())
}

/// Where a subject's sealed document belongs.
fn document_place(subject: crate::foundation::kernel::SubjectId) -> String {
    format!("subject_personal:ciphertext:{subject}")
}
