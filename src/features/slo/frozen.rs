//! A frozen month as a page, on paper and as a file.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, Path};

use super::MonthId;
use super::file;
use super::pages::platforms;
use super::store::months::{self, Figure, Kept, Month};
use super::views::{self, MonthFacts, MonthPage, MonthSheet, Row, Sentence};
use crate::features::packs::store::Watched;
use crate::foundation::Services;
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;
use crate::foundation::web::{self, Chrome, Nav, block, page};

struct Frozen {
    month: Month,
    platform: Watched,
    figures: Vec<Figure>,
    file: Option<Kept>,
}

impl Frozen {
    fn read(conn: &mut Conn, reach: &Scope, id: MonthId) -> db::Result<Self> {
        let month = months::one(conn, id)?;
        if !reach.allows(month.platform) {
            return Err(db::Error::NotFound);
        }
        let platform = platforms(conn)?
            .remove(&month.platform)
            .ok_or(db::Error::NotFound)?;
        Ok(Self {
            figures: months::figures(conn, id)?,
            file: months::kept(conn, id)?,
            platform,
            month,
        })
    }

    fn title(&self) -> String {
        format!("Service levels of {}", views::month_name(self.month.month))
    }

    fn facts(self) -> MonthFacts {
        let of = |figure| Row::of_month(&self.month, figure);
        let rows: Vec<Row> = self.figures.iter().map(of).collect();
        MonthFacts {
            platform: self.platform.name,
            verdict: Sentence::of_month(&rows),
            month: self.month,
            rows,
            file: self.file,
        }
    }

    /// Its file, which is written now if none was when it was frozen.
    fn keep(&mut self, tx: &mut Tx<'_>) -> Result<Kept, web::Error> {
        if self.file.is_none() {
            let text = file::text(&self.platform.slug, &self.month, &self.figures);
            let (text, now) = (text.map_err(web::Error::internal)?, tx.now());
            months::keep(tx, self.month.id, &text, now)?;
            self.file = months::kept(tx, self.month.id)?;
        }
        let kept = self.file.clone().ok_or(db::Error::NotFound)?;
        Ok(kept)
    }
}

/// `GET /service-levels/months/{id}`: a month as it was frozen.
pub async fn month(signed: Signed, services: Data<Services>, id: Path<MonthId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let reach = signed.reach().clone();
        let frozen = services.db.read(|conn| Frozen::read(conn, &reach, id))?;
        Ok::<_, web::Error>(MonthPage {
            chrome: Chrome::new(&signed, &services, frozen.title(), Nav::ServiceLevels),
            facts: frozen.facts(),
        })
    })
    .await?;
    page(&view)
}

/// What leaves the house, with the file that it is or was made of: who took it is an event.
fn taken(
    services: &Services,
    signed: &Signed,
    id: MonthId,
    format: &'static str,
) -> Result<(Frozen, Kept), web::Error> {
    services.audit.write(&signed.actor(), |tx| {
        let mut frozen = Frozen::read(tx, signed.reach(), id)?;
        let kept = frozen.keep(tx)?;
        let subject = Subject::new("service_level_month", id);
        tx.record(
            Event::new("service_level.month_exported", subject)
                .platform(frozen.month.platform)
                .detail("lines", frozen.figures.len())
                .detail("format", format)
                .detail("sha256", kept.sha256.as_str()),
        )?;
        Ok((frozen, kept))
    })
}

/// `GET /service-levels/months/{id}/print`: the same to be signed. It names the file that it was made of.
pub async fn print(signed: Signed, services: Data<Services>, id: Path<MonthId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (frozen, _) = taken(&services, &signed, id, "print")?;
        Ok::<_, web::Error>(MonthSheet {
            chrome: Chrome::new(&signed, &services, frozen.title(), Nav::ServiceLevels),
            facts: frozen.facts(),
        })
    })
    .await?;
    page(&view)
}

/// `GET /service-levels/months/{id}/file`: the same for a spreadsheet.
pub async fn download(signed: Signed, services: Data<Services>, id: Path<MonthId>) -> web::Result {
    let id = id.into_inner();
    let (name, bytes) = block(move || {
        let (frozen, kept) = taken(&services, &signed, id, "csv")?;
        let month = frozen.month.month.format("%Y-%m");
        let name = format!(
            "signalbox-service-levels-{}-{month}.csv",
            frozen.platform.slug
        );
        Ok::<_, web::Error>((name, kept.text))
    })
    .await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox"))
        .body(bytes))
}
