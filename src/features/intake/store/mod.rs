//! The tables of intake: subjects, their sealed documents and tokens, batches and their rows.

mod batches;
mod chunks;
mod readings;
mod rejections;
mod search;
mod subjects;

pub use batches::{
    NewBatch, SubjectBatch, advance, attach, batch, batch_of_file, batches, batches_of, claim,
    close, header, insert as insert_batch, keep_header, lock, refuse, silent, waiting_since,
};
pub use chunks::{Known, Plan, PlannedSubject, known, lock_platform, recorded, write};
pub use readings::{note as note_reading, purge as purge_readings, recent as recently_read};
pub use rejections::{
    RejectedRow, Rejection, rejected_raw, rejections, rejections_expired, remove_rejections,
    with_old_rejections,
};
pub use search::{Filter, SubjectLine, has_external_id, search};
pub use subjects::{
    Platform, Standing, SubjectRecord, default_platform, ids_after, kept_days, lock_standings,
    mark_assessed, personal, platform_by_slug, platform_of, platforms, records, set_standing,
    unassessed,
};

/// Where a subject's sealed document belongs.
fn document_place(subject: crate::foundation::kernel::SubjectId) -> String {
    format!("subject_personal:ciphertext:{subject}")
}
