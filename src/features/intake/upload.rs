//! Takes a file in from the browser: streamed into encrypted chunks, never whole in memory.

use actix_multipart::{Field, Multipart};
use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::StreamExt;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::actions::{self, KEEP_UPLOAD, LineCount, Order, UPLOAD_LIMIT_BYTES};
use super::store::{self, Platform};
use super::{Error, pages};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::files::{CHUNK_BYTES, FileWriter, NewFile, Stored};
use crate::foundation::web::{self, Problems, block};

/// Longest text field of the form.
const FIELD_LIMIT_BYTES: usize = 1_000;
/// Longest file name that is kept, in characters.
const NAME_LIMIT_CHARS: usize = 200;

/// The form's fields as they come; the token stands before the file.
#[derive(Default)]
pub(super) struct Sent {
    csrf: String,
    key: Option<Uuid>,
    pub platform: String,
    pub ignore_unknown: bool,
    file: Option<Incoming>,
}

struct Incoming {
    name: String,
    stored: Stored,
    lines: u64,
}

pub async fn post(services: Data<Services>, signed: Signed, parts: Multipart) -> web::Result {
    let sent = receive(&services, &signed, parts).await?;
    check_token(&sent, &signed)?;
    let (lookup, slug) = (services.clone(), sent.platform.clone());
    let platform = block(move || {
        let platform = lookup
            .db
            .read(|conn| store::platform_by_slug(conn, &slug))?;
        Ok::<_, web::Error>(platform)
    })
    .await?;
    match (platform, sent.file) {
        (Some(platform), Some(file)) => {
            let key = sent.key.unwrap_or_else(Uuid::now_v7);
            register(services, signed, platform, file, sent.ignore_unknown, key).await
        }
        (platform, file) => {
            let mut problems = Problems::new();
            if platform.is_none() {
                problems.add("platform", "Choose the platform whose customers these are.");
            }
            if file.is_none() {
                problems.add("file", "Choose a file that is not empty.");
            }
            let form = pages::UploadForm {
                platform: sent.platform,
                ignore_unknown: sent.ignore_unknown,
                problems,
            };
            pages::batches_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                services,
                signed,
                None,
                form,
            )
            .await
        }
    }
}

async fn register(
    services: Data<Services>,
    signed: Signed,
    platform: Platform,
    file: Incoming,
    ignore_unknown: bool,
    key: Uuid,
) -> web::Result {
    let received = block(move || {
        let order = Order {
            platform: &platform,
            name: &file.name,
            ignore_unknown,
            lines_total: Some(file.lines),
        };
        let actor = signed.actor();
        let received = actions::receive_upload(&services, &actor, &order, &file.stored, key)?;
        Ok::<_, web::Error>(received)
    })
    .await?;
    let known = matches!(received, actions::Received::Known(..));
    let again = if known { "?again=1" } else { "" };
    web::see_other(format!("/intake/{}{again}", received.batch()))
}

async fn receive(
    services: &Data<Services>,
    signed: &Signed,
    mut parts: Multipart,
) -> Result<Sent, web::Error> {
    let mut sent = Sent::default();
    while let Some(field) = parts.next().await {
        let field = field.map_err(malformed)?;
        match field.name().unwrap_or_default() {
            "file" => {
                // Nobody fills the store without the session's token.
                check_token(&sent, signed)?;
                sent.file = store_file(services, signed, field).await?;
            }
            "csrf" => sent.csrf = text(field).await?,
            "idempotency" => sent.key = text(field).await?.parse().ok(),
            "platform" => sent.platform = text(field).await?,
            "ignore_unknown" => sent.ignore_unknown = !text(field).await?.is_empty(),
            _ => {
                text(field).await?;
            }
        }
    }
    Ok(sent)
}

fn check_token(sent: &Sent, signed: &Signed) -> Result<(), web::Error> {
    if bool::from(sent.csrf.as_bytes().ct_eq(signed.csrf.as_bytes())) {
        Ok(())
    } else {
        Err(web::Error::ForgedForm)
    }
}

async fn text(mut field: Field) -> Result<String, web::Error> {
    let mut bytes = Vec::new();
    while let Some(part) = field.next().await {
        bytes.extend_from_slice(&part.map_err(malformed)?);
        if bytes.len() > FIELD_LIMIT_BYTES {
            return Err(web::Error::TooLarge {
                limit_bytes: FIELD_LIMIT_BYTES,
            });
        }
    }
    String::from_utf8(bytes).map_err(|_| web::Error::Malformed("a field is not text".to_owned()))
}

fn malformed(error: actix_multipart::MultipartError) -> web::Error {
    web::Error::Malformed(format!("the upload broke off: {error}"))
}

/// `None` for an empty file, which is what a browser sends when none was chosen.
async fn store_file(
    services: &Data<Services>,
    signed: &Signed,
    mut field: Field,
) -> Result<Option<Incoming>, web::Error> {
    let given = field
        .content_disposition()
        .and_then(|disposition| disposition.get_filename())
        .unwrap_or_default();
    let name: String = given
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_LIMIT_CHARS)
        .collect();
    let mut writer = open(services, signed, &name).await?;
    let mut lines = LineCount::default();
    let mut pending = Vec::with_capacity(CHUNK_BYTES);
    while let Some(part) = field.next().await {
        let part = part.map_err(malformed)?;
        lines.see(&part);
        pending.extend_from_slice(&part);
        if pending.len() >= CHUNK_BYTES {
            let bytes = std::mem::replace(&mut pending, Vec::with_capacity(CHUNK_BYTES));
            writer = append(writer, bytes).await?;
        }
    }
    let writer = append(writer, pending).await?;
    let stored = block(move || Ok::<_, web::Error>(writer.finish()?)).await?;
    Ok((stored.bytes > 0).then_some(Incoming {
        name,
        stored,
        lines: lines.total(),
    }))
}

async fn open(
    services: &Data<Services>,
    signed: &Signed,
    name: &str,
) -> Result<FileWriter, web::Error> {
    let (services, actor, name) = (services.clone(), signed.actor(), name.to_owned());
    block(move || {
        let new = NewFile {
            purpose: "intake",
            name: &name,
            created_by: &actor,
            limit_bytes: UPLOAD_LIMIT_BYTES,
            keep: KEEP_UPLOAD,
        };
        let writer = FileWriter::create(&services, &new).map_err(Error::from)?;
        Ok::<_, web::Error>(writer)
    })
    .await
}

async fn append(mut writer: FileWriter, bytes: Vec<u8>) -> Result<FileWriter, web::Error> {
    block(move || {
        writer.write(&bytes)?;
        Ok::<_, web::Error>(writer)
    })
    .await
}
