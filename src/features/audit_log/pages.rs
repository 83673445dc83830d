use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::actions::{self, Format, Reading};
use super::filter::Asked;
use super::{ExportId, store, views};
use crate::foundation::Services;
use crate::foundation::audit::{Log, store as log};
use crate::foundation::auth::Signed;
use crate::foundation::files;
use crate::foundation::jobs;
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Chrome, Form, Nav, block, page, see_other};

#[derive(Default, Deserialize)]
pub struct At {
    #[serde(default)]
    cursor: String,
}

pub async fn list(
    services: Data<Services>,
    signed: Signed,
    asked: Query<Asked>,
    at: Query<At>,
) -> web::Result {
    let asked = asked.into_inner();
    let view = block(move || {
        let cursor = super::filter::stated(&at.cursor)
            .map(Cursor::decode)
            .transpose()?;
        let filter = services
            .db
            .read(|conn| actions::resolve(conn, &signed, &asked))?;
        let found = actions::read(
            &services,
            &signed,
            &Reading::Search(filter.clone()),
            |conn| {
                let events = store::page(conn, &filter, cursor.as_ref())?;
                let names = views::Names::load(conn, &events.items)?;
                Ok(views::Found {
                    events,
                    names,
                    kinds: store::kinds(conn)?,
                    platforms: store::platforms(conn)?,
                    seal: actions::seal(conn)?,
                })
            },
        )?;
        let chrome = Chrome::new(&signed, &services, "Audit log", Nav::AuditLog);
        Ok::<_, web::Error>(views::List::new(chrome, &signed, asked, found))
    })
    .await?;
    page(&view)
}

pub async fn event(services: Data<Services>, signed: Signed, idx: Path<u64>) -> web::Result {
    let idx = idx.into_inner();
    let view = block(move || {
        let found = actions::read(&services, &signed, &Reading::Event(idx), |conn| {
            let event = log::event(conn, Log::Main, idx)?;
            let names = views::Names::load(conn, std::slice::from_ref(&event))?;
            let proof = views::Proof::build(conn, &event)?;
            Ok((event, names, store::platforms(conn)?, proof))
        })?;
        let chrome = Chrome::new(&signed, &services, format!("Event #{idx}"), Nav::AuditLog);
        Ok::<_, web::Error>(views::EventPage::new(chrome, found))
    })
    .await?;
    page(&view)
}

pub async fn exports(services: Data<Services>, signed: Signed, asked: Query<Asked>) -> web::Result {
    let asked = asked.into_inner();
    let view = block(move || {
        let (exports, jobs) = services.db.read(|conn| {
            let exports = store::exports(conn)?;
            let jobs = exports
                .iter()
                .map(|export| jobs::find(conn, export.job))
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, web::Error>((exports, jobs))
        })?;
        let chrome = Chrome::new(&signed, &services, "Exports", Nav::Exports);
        Ok::<_, web::Error>(views::Exports::new(chrome, asked, exports, jobs))
    })
    .await?;
    page(&view)
}

#[derive(Deserialize)]
pub struct AskForExport {
    format: String,
    #[serde(flatten)]
    asked: Asked,
}

pub async fn ask_for_export(
    services: Data<Services>,
    signed: Signed,
    form: Form<AskForExport>,
) -> web::Result {
    let id = block(move || {
        let AskForExport { format, asked } = form.data;
        let format = Format::parse(&format)
            .ok_or_else(|| web::Error::Malformed("there is no such format".to_owned()))?;
        actions::ask_for_export(&services, &signed, format, &asked, form.key)
    })
    .await?;
    see_other(format!("/audit/exports/{id}"))
}

pub async fn export(services: Data<Services>, signed: Signed, id: Path<ExportId>) -> web::Result {
    let view = block(move || {
        let (export, job) = services.db.read(|conn| {
            let export = store::export(conn, *id)?;
            let job = jobs::find(conn, export.job)?;
            Ok::<_, web::Error>((export, job))
        })?;
        let chrome = Chrome::new(&signed, &services, "Export", Nav::Exports);
        Ok::<_, web::Error>(views::ExportPage::new(chrome, export, job))
    })
    .await?;
    page(&view)
}

pub async fn download(services: Data<Services>, signed: Signed, id: Path<ExportId>) -> web::Result {
    let reader = block(move || actions::open_file(&services, &signed, *id)).await?;
    Ok(files::download(reader))
}

pub async fn verify(services: Data<Services>, signed: Signed) -> web::Result {
    let view = block(move || {
        let standing = services.db.read(|conn| {
            Ok::<_, web::Error>(views::Standing {
                seal: actions::seal(conn)?,
                origin: log::origin(conn, Log::Main)?,
                checkpoint: log::newest_checkpoint(conn, Log::Main)?,
                anchor: log::anchors(conn, Log::Main)?.pop(),
            })
        })?;
        let one_user = services.config.database.app_url.is_none();
        let chrome = Chrome::new(&signed, &services, "Verify", Nav::Verify);
        Ok::<_, web::Error>(views::Verify {
            chrome,
            standing,
            one_user,
            data_dir: services.config.data_dir.display().to_string(),
        })
    })
    .await?;
    page(&view)
}
