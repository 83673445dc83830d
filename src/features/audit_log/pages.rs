use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use uuid::Uuid;

use super::actions::{self, Format, Reading};
use super::filter::Asked;
use super::proof::Proof;
use super::{ExportId, store, views};
use crate::foundation::Services;
use crate::foundation::audit::{Log, store as log};
use crate::foundation::auth::Signed;
use crate::foundation::auth::guard::local_path;
use crate::foundation::config::Config;
use crate::foundation::files;
use crate::foundation::jobs;
use crate::foundation::kernel::Scope;
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
        let filter = actions::resolve(&services, &signed, &asked, &signed.view())?;
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
                    kinds: if signed.watch().is_whole_log() {
                        store::kinds(conn)?
                    } else {
                        Vec::new()
                    },
                    platforms: store::platforms(conn, filter.reach.as_deref())?,
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
            let event = actions::readable_event(conn, &signed, idx)?;
            let names = views::Names::load(conn, std::slice::from_ref(&event))?;
            let proof = Proof::build(conn, &event)?;
            Ok((event, names, store::platforms(conn, None)?, proof))
        })?;
        let chrome = Chrome::new(&signed, &services, format!("Event #{idx}"), Nav::AuditLog);
        Ok::<_, web::Error>(views::EventPage::new(chrome, found))
    })
    .await?;
    page(&view)
}

#[derive(Default, Deserialize)]
pub struct Then {
    then: Option<String>,
}

pub async fn receipt(
    services: Data<Services>,
    signed: Signed,
    event: Path<Uuid>,
    then: Query<Then>,
) -> web::Result {
    let view = block(move || {
        let receipt = services
            .db
            .read(|conn| actions::receipt(conn, &signed, *event))?;
        let then = then.then.as_deref().map(|path| local_path(Some(path)));
        let chrome = Chrome::new(&signed, &services, "Receipt", Nav::AuditLog);
        Ok::<_, web::Error>(views::ReceiptPage::new(
            chrome, &signed, *event, receipt, then,
        ))
    })
    .await?;
    page(&view)
}

pub async fn exports(services: Data<Services>, signed: Signed, asked: Query<Asked>) -> web::Result {
    let asked = asked.into_inner();
    let view = block(move || {
        let (exports, jobs) = services.db.read(|conn| {
            let mut exports = store::exports(conn)?;
            exports.retain(|export| actions::may_see(&signed, export));
            let jobs = exports
                .iter()
                .map(|export| jobs::find(conn, export.job))
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, web::Error>((exports, jobs))
        })?;
        let chrome = Chrome::new(&signed, &services, "Exports", Nav::Exports);
        let whole = *signed.reach() == Scope::All && signed.watch().is_whole_log();
        Ok::<_, web::Error>(views::Exports::new(chrome, asked, exports, jobs, whole))
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
    let asking = block(move || {
        let AskForExport { format, asked } = form.data;
        let format = Format::parse(&format)
            .ok_or_else(|| web::Error::Malformed("there is no such format".to_owned()))?;
        actions::ask_for_export(&services, &signed, format, &asked, form.key)
    })
    .await?;
    see_other(asking.receipt())
}

pub async fn export(services: Data<Services>, signed: Signed, id: Path<ExportId>) -> web::Result {
    let view = block(move || {
        let (export, job) = services.db.read(|conn| {
            let export = actions::visible_export(conn, &signed, *id)?;
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
                anchors: log::newest_anchors(conn, Log::Main)?,
                check: store::check_standing(conn)?,
            })
        })?;
        let one_user = runs_the_sealer(&services.config);
        let chrome = Chrome::new(&signed, &services, "Verify", Nav::Verify);
        Ok::<_, web::Error>(views::Verify {
            chrome,
            standing,
            one_user,
            anchors: anchor_folders(&services.config),
        })
    })
    .await?;
    page(&view)
}

/// Whether this process starts the sealer, and so under its own system user: over a private cluster, and
/// wherever it was given the sealer's access to the database.
fn runs_the_sealer(config: &Config) -> bool {
    config.database.app_url.is_none() || config.database.sealer_url.is_some()
}

/// Where anchors stand, as far as this process was told.
fn anchor_folders(config: &Config) -> Vec<String> {
    let given = std::env::var("SIGNALBOX_ANCHOR_DIR").unwrap_or_default();
    folders(&given, &config.data_dir)
}

fn folders(given: &str, data_dir: &std::path::Path) -> Vec<String> {
    let named: Vec<String> = given
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    if named.is_empty() {
        vec![data_dir.join("anchors").display().to_string()]
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::config::Mode;
    use crate::foundation::kernel::Secret;

    #[test]
    fn who_starts_the_sealer_says_so() {
        let mut config = Config::read(Mode::Demo, &|_| None).unwrap();
        let url = |text: &str| Some(Secret::new(text.to_owned()));
        assert!(runs_the_sealer(&config), "over a private cluster");
        config.database.app_url = url("postgres://a@localhost/x");
        assert!(!runs_the_sealer(&config));
        config.database.sealer_url = url("postgres://s@localhost/x");
        assert!(runs_the_sealer(&config), "it was given the sealer's access");
    }

    #[test]
    fn anchors_are_where_the_sealer_was_told() {
        let data = std::path::Path::new("/var/lib/signalbox");
        assert_eq!(folders("", data), ["/var/lib/signalbox/anchors"]);
        assert_eq!(folders("/mnt/a:/mnt/b", data), ["/mnt/a", "/mnt/b"]);
    }
}
