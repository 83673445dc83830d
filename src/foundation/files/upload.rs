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

use super::{CHUNK_BYTES, FileWriter, NewFile, Stored};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::Signed;
use crate::foundation::web::{self, Form, Posted, block};

/// Longest text field of a form whose texts are names and choices.
pub const SHORT_TEXT_BYTES: usize = 2_000;
/// Most parts of such a form.
const MOST_PARTS: usize = 30;
/// Longest file name that is kept, in characters.
const NAME_LIMIT_CHARS: usize = 200;

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
    files: Vec<Incoming>,
    texts: Vec<(String, Result<String, NoText>)>,
    /// The same for both posts of a double submit.
    pub key: FormKey,
}

/// Why a file is no text that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoText {
    TooLong,
    NotUtf8,
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

    /// The file of a field, where one was chosen that is not empty.
    #[must_use]
    pub fn file(&self, field: &str) -> Option<&Incoming> {
        self.files.iter().find(|file| file.field == field)
    }

    /// What was typed and chosen, as one number.
    fn digest(&self) -> [u8; 32] {
        let texts = self.fields.iter();
        let texts = texts.map(|(name, value)| (name.clone(), value.clone()));
        let files = self.files.iter();
        let files = files.map(|file| (file.field.clone(), hex::encode(file.stored.sha256)));
        web::form_digest(texts.chain(files))
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
        if accept.texts.contains(&name.as_str()) {
            check_token(&upload, signed, request)?;
            let text = text_file(field, accept.limit_bytes).await?;
            upload.texts.extend(text.map(|text| (name, text)));
            continue;
        }
        if !accept.files.contains(&name.as_str()) {
            let value = text(field, accept.text_limit_bytes).await?;
            upload.fields.push((name, value));
            continue;
        }
        check_token(&upload, signed, request)?;
        if upload.file(&name).is_some() {
            return Err(web::Error::Malformed(format!(
                "two files came as \"{name}\""
            )));
        }
        upload
            .files
            .extend(store_file(services, signed, name, field, accept).await?);
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
        .insert(Posted::from_fields(&upload.fields));
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

/// Longest file that is read to its end, only to be told that it is too long.
const LONGEST_READ: u64 = 16 << 20;

/// `None` for an empty file, as in [`store_file`].
async fn text_file(
    mut field: Field,
    limit_bytes: u64,
) -> Result<Option<Result<String, NoText>>, web::Error> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(part) = field.next().await {
        let part = part.map_err(malformed)?;
        length += part.len() as u64;
        if length > LONGEST_READ {
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
