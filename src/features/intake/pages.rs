use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, Path, Query};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::batch::BatchId;
use super::batch_views::{BatchPage, Batches};
use super::events::READ_BATCH;
use super::rejected::Layout;
use super::store::{self, Platform};
use super::subject::{Risk, Status, SubjectKind};
use super::{Error, actions, views};
use crate::foundation::Services;
use crate::foundation::audit::Actor;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::PoolKind;
use crate::foundation::jobs;
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{
    self, Chrome, Form, Lamp, Nav, Problems, block, page, page_with, see_other,
};

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
        let view = signed.view();
        let (platforms, default, page) = services.db.read(|conn| {
            let platforms = store::platforms(conn)?;
            let default = store::default_platform(conn, now)?;
            let page = store::batches(conn, &services.keyring, &view, cursor.as_ref())?;
            Ok::<_, Error>((platforms, default, page))
        })?;
        let reach = signed.reach_for(Permission::IntakeWrite);
        let uploads = within(&platforms, &reach);
        if form.platform.is_empty() {
            form.platform = preset(&uploads, &signed, default);
        }
        let chrome = Chrome::new(&signed, &services, "Intake", Nav::Intake);
        Ok::<_, web::Error>(Batches::new(chrome, form, &platforms, &uploads, page))
    })
    .await?;
    page_with(status, &view)
}

fn within(platforms: &[Platform], scope: &Scope) -> Vec<Platform> {
    platforms
        .iter()
        .filter(|platform| scope.allows(platform.id))
        .cloned()
        .collect()
}

/// The platform that a new file is most likely for: what the top bar is set to, or the usual one.
fn preset(uploads: &[Platform], signed: &Signed, default: Option<Platform>) -> String {
    let wanted = signed.platform.or(default.map(|platform| platform.id));
    uploads
        .iter()
        .find(|platform| Some(platform.id) == wanted)
        .map(|platform| platform.slug.clone())
        .unwrap_or_default()
}

pub async fn batch(
    services: Data<Services>,
    signed: Signed,
    id: Path<BatchId>,
    at: Query<At>,
) -> web::Result {
    let view = block(move || {
        let cursor = cursor(at.cursor.as_deref())?;
        let (db, who) = (&services.db, signed.actor());
        let (batch, rejections, platforms, job) = db.read_for(PoolKind::Web, &who, |conn| {
            let batch = store::batch(conn, &services.keyring, *id)?
                .filter(|batch| signed.reach().allows(batch.platform))
                .ok_or(web::Error::NotFound)?;
            let rejections = store::rejections(conn, *id, cursor.as_ref())?;
            let job = jobs::latest_of(conn, READ_BATCH, &id.to_string())?;
            Ok::<_, web::Error>((batch, rejections, store::platforms(conn)?, job))
        })?;
        let mut chrome = Chrome::new(&signed, &services, "Intake batch", Nav::Intake);
        let notice = match at.again.as_deref() {
            None => None,
            Some("resumed") => Some(
                "This file was handed in before and nobody was reading it any more. Its reading \
                 goes on where it stood.",
            ),
            Some(_) => {
                Some("This file was handed in before; nothing has changed. This is its batch.")
            }
        };
        if let Some(notice) = notice {
            chrome = chrome.notice(Lamp::Blue, notice);
        }
        let platform = name_of(&platforms, batch.platform);
        Ok::<_, web::Error>(BatchPage::new(
            chrome,
            &signed,
            batch,
            platform,
            rejections,
            job.as_ref(),
        ))
    })
    .await?;
    page(&view)
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

pub async fn cancel(
    services: Data<Services>,
    signed: Signed,
    id: Path<BatchId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || {
        actions::cancel(&services, &signed.actor(), id, form.key)?;
        Ok::<_, web::Error>(())
    })
    .await?;
    see_other(format!("/intake/{id}"))
}

/// Streams the rejected rows; the reading is recorded before the first byte.
pub async fn rejected(services: Data<Services>, signed: Signed, id: Path<BatchId>) -> web::Result {
    let id = id.into_inner();
    let opening = services.clone();
    let who = signed.actor();
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
    let rows = stream::try_unfold((services, layout, 0), move |state| {
        let who = who.clone();
        async move { block(move || next_rejected(state, id, &who)).await }
    });
    let head = stream::once(async { Ok::<_, web::Error>(head) });
    Ok(response.streaming(Box::pin(head.chain(rows))))
}

type RejectedState = (Data<Services>, Layout, i64);

fn next_rejected(
    (services, layout, after): RejectedState,
    id: BatchId,
    who: &Actor,
) -> Result<Option<(Bytes, RejectedState)>, web::Error> {
    let rows = services.db.read_for(PoolKind::Exports, who, |conn| {
        store::rejected_raw(conn, &services.keyring, id, after, DOWNLOAD_ROWS)
    })?;
    let Some(last) = rows.last().map(|row| row.row) else {
        return Ok(None);
    };
    let lines: Vec<u8> = rows.iter().flat_map(|row| layout.line(row)).collect();
    Ok(Some((Bytes::from(lines), (services, layout, last))))
}

/// What the list of subjects is narrowed to, as its address says it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// What was typed, sealed.
    pub search: String,
    /// An outside id, which names nobody, may stand in the clear, for links.
    pub q: String,
    pub platform: String,
    pub status: String,
    pub risk: String,
    pub kind: String,
    pub cursor: String,
}

/// Seals what was typed and leads to the list: an address is kept in histories and logs.
pub async fn search(services: Data<Services>, signed: Signed, form: Form<Asked>) -> web::Result {
    let mut asked = form.data;
    asked.cursor.clear();
    let typed = std::mem::take(&mut asked.q);
    asked.search = if typed.trim().is_empty() {
        String::new()
    } else {
        actions::seal_search(&services, &signed, &typed)
    };
    see_other(views::address(&asked, ""))
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
        let platforms = within(&platforms, signed.reach());
        let text = typed(&services, &signed, &asked)?;
        let search = actions::Search {
            text: text.clone(),
            filter: store::Filter {
                platform: platforms
                    .iter()
                    .find(|platform| platform.slug == asked.platform)
                    .map(|platform| platform.id),
                status: Status::parse(&asked.status),
                risk: Risk::parse(&asked.risk),
                kind: SubjectKind::parse(&asked.kind),
                external_id: Some(asked.q.clone()).filter(|id| !id.is_empty()),
                ..store::Filter::within(signed.view())
            },
        };
        let found = actions::search(&services, &signed, search, cursor.as_ref())?;
        let chrome = Chrome::new(&signed, &services, "Subjects", Nav::Subjects);
        let shown = if text.is_empty() {
            asked.q.clone()
        } else {
            text
        };
        Ok::<_, web::Error>(views::Subjects::new(chrome, asked, shown, platforms, found))
    })
    .await?;
    page(&view)
}

fn typed(services: &Services, signed: &Signed, asked: &Asked) -> Result<String, web::Error> {
    if asked.search.is_empty() {
        return Ok(String::new());
    }
    actions::open_search(services, signed, &asked.search).ok_or_else(|| {
        web::Error::Malformed("this search was somebody else's; type it again".to_owned())
    })
}

fn name_of(platforms: &[Platform], id: PlatformId) -> String {
    let names: BTreeMap<_, _> = platforms.iter().map(|p| (p.id, &p.name)).collect();
    names
        .get(&id)
        .map_or_else(String::new, |name| (*name).clone())
}
