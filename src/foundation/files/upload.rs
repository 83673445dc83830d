//! Takes a form with files in from the browser: streamed into encrypted chunks, never whole in
//! memory.

use actix_multipart::{Field, Multipart};
use actix_web::web::Data;
use chrono::Duration;
use futures_util::StreamExt;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{CHUNK_BYTES, FileWriter, NewFile, Stored};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, block};

/// Longest text field of such a form.
const FIELD_LIMIT_BYTES: usize = 2_000;
/// Most parts of such a form.
const MOST_PARTS: usize = 30;
/// Longest file name that is kept, in characters.
const NAME_LIMIT_CHARS: usize = 200;

/// What a form takes.
#[derive(Clone, Copy)]
pub struct Accept {
    /// Names of the fields that hold files.
    pub files: &'static [&'static str],
    pub purpose: &'static str,
    /// Of one file.
    pub limit_bytes: u64,
    pub keep: Duration,
}

/// A form whose session token has been checked.
pub struct Upload {
    fields: Vec<(String, String)>,
    files: Vec<Incoming>,
    /// The same for both posts of a double submit.
    pub key: Uuid,
}

/// A file that came with the form. Nothing is registered yet.
pub struct Incoming {
    field: String,
    pub name: String,
    pub stored: Stored,
    pub lines: u64,
}

impl Upload {
    /// A text field; empty where it was not sent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// The file of a field, where one was chosen that is not empty.
    #[must_use]
    pub fn file(&self, field: &str) -> Option<&Incoming> {
        self.files.iter().find(|file| file.field == field)
    }

    /// Drops the files of a form that leads to nothing.
    pub fn discard(&self, services: &Services) -> crate::foundation::db::Result<()> {
        self.files
            .iter()
            .try_for_each(|file| file.stored.discard(services))
    }
}

/// Counts lines as they pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineCount {
    ends: u64,
    open: bool,
}

impl LineCount {
    pub fn see(&mut self, bytes: &[u8]) {
        self.ends += bytes
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        if let Some(last) = bytes.last() {
            self.open = *last != b'\n';
        }
    }

    /// A last line without an end counts too.
    #[must_use]
    pub fn total(self) -> u64 {
        self.ends + u64::from(self.open)
    }
}

/// Reads the form. The token has to stand before the first file: nobody fills the store without it.
pub async fn receive(
    services: &Data<Services>,
    signed: &Signed,
    mut parts: Multipart,
    accept: Accept,
) -> Result<Upload, web::Error> {
    let mut upload = Upload {
        fields: Vec::new(),
        files: Vec::new(),
        key: Uuid::now_v7(),
    };
    let mut seen = 0;
    while let Some(field) = parts.next().await {
        let field = field.map_err(malformed)?;
        let name = field.name().unwrap_or_default().to_owned();
        seen += 1;
        if seen > MOST_PARTS {
            let why = format!("the form has more than {MOST_PARTS} fields");
            return Err(web::Error::Malformed(why));
        }
        if !accept.files.contains(&name.as_str()) {
            let value = text(field).await?;
            upload.fields.push((name, value));
            continue;
        }
        check_token(&upload, signed)?;
        if upload.file(&name).is_some() {
            return Err(web::Error::Malformed(format!(
                "two files came as \"{name}\""
            )));
        }
        upload
            .files
            .extend(store_file(services, signed, name, field, accept).await?);
    }
    check_token(&upload, signed)?;
    if let Ok(key) = upload.text("idempotency").parse() {
        upload.key = key;
    }
    Ok(upload)
}

fn check_token(upload: &Upload, signed: &Signed) -> Result<(), web::Error> {
    let given = upload.text("csrf").as_bytes();
    if bool::from(given.ct_eq(signed.csrf.as_bytes())) {
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
    field_name: String,
    mut field: Field,
    accept: Accept,
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
    // The store is asked for room only once there is a byte to keep.
    let mut writer = None;
    let mut lines = LineCount::default();
    let mut pending = Vec::with_capacity(CHUNK_BYTES);
    while let Some(part) = field.next().await {
        let part = part.map_err(malformed)?;
        lines.see(&part);
        pending.extend_from_slice(&part);
        if pending.len() >= CHUNK_BYTES {
            let bytes = std::mem::replace(&mut pending, Vec::with_capacity(CHUNK_BYTES));
            let opened = opened(writer, services, signed, &name, accept).await?;
            writer = Some(append(opened, bytes).await?);
        }
    }
    if writer.is_none() && pending.is_empty() {
        return Ok(None);
    }
    let opened = opened(writer, services, signed, &name, accept).await?;
    let writer = append(opened, pending).await?;
    let stored = block(move || Ok::<_, web::Error>(writer.finish()?)).await?;
    Ok(Some(Incoming {
        field: field_name,
        name,
        stored,
        lines: lines.total(),
    }))
}

async fn opened(
    writer: Option<FileWriter>,
    services: &Data<Services>,
    signed: &Signed,
    name: &str,
    accept: Accept,
) -> Result<FileWriter, web::Error> {
    if let Some(writer) = writer {
        return Ok(writer);
    }
    let (services, actor, name) = (services.clone(), signed.actor(), name.to_owned());
    block(move || {
        let new = NewFile {
            purpose: accept.purpose,
            name: &name,
            created_by: &actor,
            limit_bytes: accept.limit_bytes,
            keep: accept.keep,
        };
        Ok::<_, web::Error>(FileWriter::create(&services, &new)?)
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
