use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, Path, Query};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::batch::BatchId;
use super::rejected::Layout;
use super::store::{self, Platform};
use super::subject::{Risk, Status, SubjectKind};
use super::{Error, actions, views};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db::PoolKind;
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Chrome, Lamp, Nav, Problems, block, page, page_with};

/// Rejected rows that are opened at once for a download.
const DOWNLOAD_ROWS: i64 = 500;

/// The upload form as it was sent, or empty.
#[derive(Default)]
pub(super) struct UploadForm {
    pub platform: String,
    pub ignore_unknown: bool,
    pub problems: Problems,
}

#[derive(Deserialize)]
pub struct At {
    cursor: Option<String>,
    again: Option<String>,
}

fn cursor<K: serde::Serialize + serde::de::DeserializeOwned>(
    text: Option<&str>,
) -> Result<Option<Cursor<K>>, web::Error> {
    text.filter(|text| !text.is_empty())
        .map(Cursor::decode)
        .transpose()
}

pub async fn batches(services: Data<Services>, signed: Signed, at: Query<At>) -> web::Result {
    let cursor = at.into_inner().cursor;
    batches_with(
        StatusCode::OK,
        services,
        signed,
        cursor,
        UploadForm::default(),
    )
    .await
}

pub(super) async fn batches_with(
    status: StatusCode,
    services: Data<Services>,
    signed: Signed,
    at: Option<String>,
    mut form: UploadForm,
) -> web::Result {
    let view = block(move || {
        let cursor = cursor(at.as_deref())?;
        let now = services.clock.now();
        let (platforms, default, page) = services.db.read(|conn| {
            let platforms = store::platforms(conn)?;
            let default = store::default_platform(conn, now)?;
            let page = store::batches(conn, &services.keyring, cursor.as_ref())?;
            Ok::<_, Error>((platforms, default, page))
        })?;
        if let (true, Some(default)) = (form.platform.is_empty(), default) {
            form.platform = default.slug;
        }
        let chrome = Chrome::new(&signed, &services, "Intake", Nav::Intake);
        Ok::<_, web::Error>(views::Batches::new(chrome, &signed, form, platforms, page))
    })
    .await?;
    page_with(status, &view)
}

pub async fn batch(
    services: Data<Services>,
    signed: Signed,
    id: Path<BatchId>,
    at: Query<At>,
) -> web::Result {
    let view = block(move || {
        let cursor = cursor(at.cursor.as_deref())?;
        let (batch, rejections, platforms) = services.db.read(|conn| {
            let batch = store::batch(conn, &services.keyring, *id)?;
            let rejections = store::rejections(conn, *id, cursor.as_ref())?;
            Ok::<_, web::Error>((batch, rejections, store::platforms(conn)?))
        })?;
        let batch = batch.ok_or(web::Error::NotFound)?;
        let mut chrome = Chrome::new(&signed, &services, "Intake batch", Nav::Intake);
        if at.again.is_some() {
            let known = "This file was handed in before; nothing has changed. This is its batch.";
            chrome = chrome.notice(Lamp::Blue, known);
        }
        let platform = name_of(&platforms, batch.platform);
        Ok::<_, web::Error>(views::BatchPage::new(chrome, batch, platform, rejections))
    })
    .await?;
    page(&view)
}

/// Streams the rejected rows; the reading is recorded before the first byte.
pub async fn rejected(services: Data<Services>, signed: Signed, id: Path<BatchId>) -> web::Result {
    let id = id.into_inner();
    let opening = services.clone();
    let opened = block(move || {
        let opened = actions::open_rejected(&opening, &signed, id)?;
        opened.ok_or(web::Error::NotFound)
    })
    .await?;
    let layout = Layout::of(opened.1.as_deref());
    let name = format!(
        "attachment; filename=\"rejected-{id}.{}\"",
        layout.extension()
    );
    let mut response = HttpResponse::Ok();
    response
        .content_type(layout.content_type())
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox"));
    let head = Bytes::from(layout.head());
    let rows = stream::try_unfold((services, layout, 0), move |state| async move {
        block(move || next_rejected(state, id)).await
    });
    let head = stream::once(async { Ok::<_, web::Error>(head) });
    Ok(response.streaming(Box::pin(head.chain(rows))))
}

type RejectedState = (Data<Services>, Layout, i64);

fn next_rejected(
    (services, layout, after): RejectedState,
    id: BatchId,
) -> Result<Option<(Bytes, RejectedState)>, web::Error> {
    let rows = services.db.read_on(PoolKind::Exports, |conn| {
        store::rejected_raw(conn, &services.keyring, id, after, DOWNLOAD_ROWS)
    })?;
    let Some(last) = rows.last().map(|row| row.row) else {
        return Ok(None);
    };
    let lines: Vec<u8> = rows.iter().flat_map(|row| layout.line(row)).collect();
    Ok(Some((Bytes::from(lines), (services, layout, last))))
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub q: String,
    pub platform: String,
    pub status: String,
    pub risk: String,
    pub kind: String,
    pub cursor: String,
}

pub async fn subjects(
    services: Data<Services>,
    signed: Signed,
    asked: Query<Asked>,
) -> web::Result {
    let asked = asked.into_inner();
    let view = block(move || {
        let cursor = cursor(Some(&asked.cursor))?;
        let platforms = services.db.read(store::platforms)?;
        let search = actions::Search {
            text: asked.q.clone(),
            filter: store::Filter {
                platform: platforms
                    .iter()
                    .find(|platform| platform.slug == asked.platform)
                    .map(|platform| platform.id),
                status: Status::parse(&asked.status),
                risk: Risk::parse(&asked.risk),
                kind: SubjectKind::parse(&asked.kind),
                ..store::Filter::default()
            },
        };
        let found = actions::search(&services, &signed, search, cursor.as_ref())?;
        let chrome = Chrome::new(&signed, &services, "Subjects", Nav::Subjects);
        Ok::<_, web::Error>(views::Subjects::new(chrome, asked, platforms, found))
    })
    .await?;
    page(&view)
}

fn name_of(platforms: &[Platform], id: PlatformId) -> String {
    let names: BTreeMap<_, _> = platforms.iter().map(|p| (p.id, &p.name)).collect();
    names
        .get(&id)
        .map_or_else(String::new, |name| (*name).clone())
}
