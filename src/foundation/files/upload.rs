//! Takes a form with files in from the browser: streamed into encrypted chunks, never whole in
//! memory.

use std::future::Future;
use std::pin::Pin;

use actix_multipart::{Field, Multipart};
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::Duration;
use futures_util::StreamExt;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{CHUNK_BYTES, FileError, FileWriter, NewFile, Stored};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::Signed;
use crate::foundation::web::parts::{MOST_PARTS, file_name};
use crate::foundation::web::{self, Form, Posted, block};

/// Longest text field of a form whose texts are names and choices.
pub const SHORT_TEXT_BYTES: usize = 2_000;

/// What a form takes.
#[derive(Clone, Copy)]
pub struct Accept {
    /// Names of the fields that hold files.
    pub files: &'static [&'static str],
    /// Names of the fields that hold files of which only the text is wanted. They are read, and never stored.
    pub texts: &'static [&'static str],
    pub purpose: &'static str,
    /// Of one file.
    pub limit_bytes: u64,
    /// Of one field that holds text.
    pub text_limit_bytes: usize,
    pub keep: Duration,
}

/// A form that may come with files, as it is sent. One that was kept for its author comes back without them, as text.
pub enum Parts {
    Streamed(Multipart, HttpRequest),
    Typed {
        fields: Vec<(String, String)>,
        key: FormKey,
    },
}

/// The fields are read as they were typed.
#[derive(Deserialize)]
struct Nothing {}

impl FromRequest for Parts {
    type Error = web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request.content_type() == "multipart/form-data" {
            let parts = Multipart::new(request.headers(), payload.take());
            let request = request.clone();
            return Box::pin(async { Ok(Self::Streamed(parts, request)) });
        }
        let typed = Form::<Nothing>::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let form = typed.await?;
            let posted = Posted::of(&request);
            Ok(Self::Typed {
                fields: posted.iter().flat_map(Posted::typed).collect(),
                key: form.key,
            })
        })
    }
}

/// A form whose session token has been checked.
pub struct Upload {
    fields: Vec<(String, String)>,
    files: Vec<(String, Result<Incoming, NoFile>)>,
    texts: Vec<(String, Result<String, NoText>)>,
    /// What the files that came are called, whatever became of them.
    names: Vec<String>,
    /// The same for both posts of a double submit.
    pub key: FormKey,
}

/// Why a file is no text that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoText {
    TooLong,
    NotUtf8,
}

/// Why there is no file. Shown beside its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFile {
    #[error("Choose a file that is not empty.")]
    NotChosen,
    #[error("This file has more than {}, which is the most that is taken here.", web::format::bytes(*.limit_bytes))]
    TooLarge { limit_bytes: u64 },
    #[error(
        "The space for files is full. Ask an administrator to make room, then choose the file again."
    )]
    NoRoom,
}

/// A file that came with the form. Nothing is registered yet.
pub struct Incoming {
    pub name: String,
    pub stored: Stored,
    pub lines: u64,
}

impl Upload {
    /// A text field; empty where it was not sent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.as_typed(name).trim()
    }

    /// A text field to the last space.
    #[must_use]
    pub fn as_typed(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// What stands in the file of a field, where one was chosen that is not empty.
    #[must_use]
    pub fn text_of_file(&self, field: &str) -> Option<Result<&str, NoText>> {
        let found = self.texts.iter().find(|(name, _)| name == field);
        found.map(|(_, text)| text.as_deref().map_err(|why| *why))
    }

    /// The file of a field, where one was chosen that is not empty and could be taken.
    pub fn file(&self, field: &str) -> Result<&Incoming, NoFile> {
        let found = self.files.iter().find(|(name, _)| name == field);
        let (_, file) = found.ok_or(NoFile::NotChosen)?;
        file.as_ref().map_err(|why| *why)
    }

    fn taken(&self) -> impl Iterator<Item = (&String, &Incoming)> {
        let files = self.files.iter();
        files.filter_map(|(field, file)| Some((field, file.as_ref().ok()?)))
    }

    fn has_file(&self, field: &str) -> bool {
        let stored = self.files.iter().any(|(name, _)| name == field);
        stored || self.texts.iter().any(|(name, _)| name == field)
    }

    /// What was typed and chosen, as one number.
    fn digest(&self) -> [u8; 32] {
        let texts = self.fields.iter();
        let texts = texts.map(|(name, value)| (name.clone(), value.clone()));
        let files = self.taken();
        let files = files.map(|(field, file)| (field.clone(), hex::encode(file.stored.sha256)));
        let read = self.texts.iter();
        let read = read.filter_map(|(field, text)| Some((field.clone(), text.clone().ok()?)));
        web::form_digest(texts.chain(files).chain(read))
    }

    /// Drops the files of a form that leads to nothing.
    pub fn discard(&self, services: &Services) -> crate::foundation::db::Result<()> {
        self.taken()
            .try_for_each(|(_, file)| file.stored.discard(services))
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
    parts: Parts,
    accept: Accept,
) -> Result<Upload, web::Error> {
    match parts {
        Parts::Streamed(parts, request) => {
            stream(services, signed, (parts, &request), accept).await
        }
        Parts::Typed { fields, key } => Ok(Upload {
            fields,
            files: Vec::new(),
            texts: Vec::new(),
            names: Vec::new(),
            key,
        }),
    }
}

async fn stream(
    services: &Data<Services>,
    signed: &Signed,
    (mut parts, request): (Multipart, &HttpRequest),
    accept: Accept,
) -> Result<Upload, web::Error> {
    let mut upload = Upload {
        fields: Vec::new(),
        files: Vec::new(),
        texts: Vec::new(),
        names: Vec::new(),
        key: Uuid::now_v7().into(),
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
        let is_text = accept.texts.contains(&name.as_str());
        if !is_text && !accept.files.contains(&name.as_str()) {
            let value = text(field, accept.text_limit_bytes).await?;
            upload.fields.push((name, value));
            continue;
        }
        let chosen = file_name(&field).filter(|file| !file.is_empty());
        upload.names.extend(chosen);
        check_token(&upload, signed, request)?;
        if upload.has_file(&name) {
            return Err(web::Error::Malformed(format!(
                "two files came as \"{name}\""
            )));
        }
        if is_text {
            let text = text_file(field, accept.limit_bytes).await?;
            upload.texts.extend(text.map(|text| (name, text)));
        } else {
            let file = store_file(services, signed, field, accept).await?;
            upload.files.extend(file.map(|file| (name, file)));
        }
    }
    check_token(&upload, signed, request)?;
    if let Ok(id) = upload.text("idempotency").parse::<Uuid>() {
        upload.key = FormKey {
            id,
            digest: Some(upload.digest()),
        };
    }
    Ok(upload)
}

/// What was typed is left with the request, so that whoever answers instead can give it back.
fn check_token(upload: &Upload, signed: &Signed, request: &HttpRequest) -> Result<(), web::Error> {
    request
        .extensions_mut()
        .insert(Posted::without_files(&upload.fields, &upload.names));
    let given = upload.text("csrf").as_bytes();
    if bool::from(given.ct_eq(signed.csrf.as_bytes())) {
        Ok(())
    } else {
        Err(web::Error::ForgedForm)
    }
}

async fn text(mut field: Field, limit_bytes: usize) -> Result<String, web::Error> {
    let mut bytes = Vec::new();
    while let Some(part) = field.next().await {
        bytes.extend_from_slice(&part.map_err(malformed)?);
        if bytes.len() > limit_bytes {
            return Err(web::Error::TooLarge { limit_bytes });
        }
    }
    String::from_utf8(bytes).map_err(|_| web::Error::Malformed("a field is not text".to_owned()))
}

/// How much more than is taken of a file is read to its end, only to be told that it is too long.
const READ_IN_VAIN: u64 = 16_000_000;

/// `None` for an empty file, as in [`store_file`].
async fn text_file(
    mut field: Field,
    limit_bytes: u64,
) -> Result<Option<Result<String, NoText>>, web::Error> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(part) = field.next().await {
        let part = part.map_err(malformed)?;
        length += part.len() as u64;
        if length > limit_bytes + READ_IN_VAIN {
            let limit_bytes = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
            return Err(web::Error::TooLarge { limit_bytes });
        }
        if length <= limit_bytes {
            bytes.extend_from_slice(&part);
        }
    }
    Ok(match length {
        0 => None,
        length if length > limit_bytes => Some(Err(NoText::TooLong)),
        _ => Some(String::from_utf8(bytes).map_err(|_| NoText::NotUtf8)),
    })
}

fn malformed(error: actix_multipart::MultipartError) -> web::Error {
    web::Error::Malformed(format!("the upload broke off: {error}"))
}

/// `None` for an empty file, which is what a browser sends when none was chosen.
async fn store_file(
    services: &Data<Services>,
    signed: &Signed,
    mut field: Field,
    accept: Accept,
) -> Result<Option<Result<Incoming, NoFile>>, web::Error> {
    let name = file_name(&field).unwrap_or_default();
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
            match append(writer, bytes, services, signed, &name, accept).await? {
                Ok(open) => writer = Some(open),
                Err(why) => return read_in_vain(field, accept).await.map(|()| Some(Err(why))),
            }
        }
    }
    if writer.is_none() && pending.is_empty() {
        return Ok(None);
    }
    let writer = match append(writer, pending, services, signed, &name, accept).await? {
        Ok(writer) => writer,
        Err(why) => return Ok(Some(Err(why))),
    };
    let stored = block(move || told(writer.finish())).await?;
    Ok(Some(stored.map(|stored| Incoming {
        name,
        stored,
        lines: lines.total(),
    })))
}

/// To its end, so that the fields behind it are read as well.
async fn read_in_vain(mut field: Field, accept: Accept) -> Result<(), web::Error> {
    let mut length = 0;
    while let Some(part) = field.next().await {
        length += part.map_err(malformed)?.len() as u64;
        if length > READ_IN_VAIN {
            let limit_bytes = usize::try_from(accept.limit_bytes).unwrap_or(usize::MAX);
            return Err(web::Error::TooLarge { limit_bytes });
        }
    }
    Ok(())
}

async fn append(
    writer: Option<FileWriter>,
    bytes: Vec<u8>,
    services: &Services,
    signed: &Signed,
    name: &str,
    accept: Accept,
) -> Result<Result<FileWriter, NoFile>, web::Error> {
    let (services, actor, name) = (services.clone(), signed.actor(), name.to_owned());
    block(move || {
        let new = NewFile {
            purpose: accept.purpose,
            name: &name,
            created_by: &actor,
            limit_bytes: accept.limit_bytes,
            keep: accept.keep,
        };
        let opened = writer.map_or_else(|| FileWriter::create(&services, &new), Ok);
        told(opened.and_then(|mut writer| {
            writer.write(&bytes)?;
            Ok(writer)
        }))
    })
    .await
}

/// What whoever sends it can do something about is told beside the field, and what they typed stays.
fn told<T>(result: Result<T, FileError>) -> Result<Result<T, NoFile>, web::Error> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(FileError::TooLarge { limit_bytes }) => Ok(Err(NoFile::TooLarge { limit_bytes })),
        Err(FileError::QuotaFull) => Ok(Err(NoFile::NoRoom)),
        Err(error) => Err(error.into()),
    }
}
