//! Files that show something: how large they may be, how long they are kept, and how they are handed out.

use actix_web::web::Data;
use chrono::Duration;

use super::upload::Accept;
use super::{FileId, FileReader, download};
use crate::foundation::Services;
use crate::foundation::audit::Tx;
use crate::foundation::auth::Signed;
use crate::foundation::db::PoolKind;
use crate::foundation::web::{self, block};

/// The field of a form that takes one.
pub const FIELD: &str = "file";

/// What such a form takes. Beside the file stand texts of up to `text_limit_bytes`.
#[must_use]
pub const fn accept(purpose: &'static str, text_limit_bytes: usize) -> Accept {
    Accept {
        files: &[FIELD],
        texts: &[],
        purpose,
        limit_bytes: 16_000_000,
        text_limit_bytes,
        // Seven years: as long as daily figures are kept.
        keep: Duration::days(2_557),
    }
}

/// Hands one out. `find` says which one it is, where whoever asks may have it, and records that they took it.
pub async fn hand_out(
    services: Data<Services>,
    signed: Signed,
    find: impl FnOnce(&mut Tx<'_>) -> Result<FileId, web::Error> + Send + 'static,
) -> web::Result {
    let reader = block(move || {
        let file = services.audit.write(&signed.actor(), find)?;
        let reader = FileReader::open(&services, PoolKind::Web, file)?;
        Ok::<_, web::Error>(reader)
    })
    .await?;
    Ok(download(reader))
}
