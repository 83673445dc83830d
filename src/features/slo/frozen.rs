//! A frozen month as a page, on paper and as a file.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, Path};
use sha2::{Digest, Sha256};

use super::MonthId;
use super::file;
use super::pages::platforms;
use super::store::months::{self, Figure, Month};
use super::views::{self, MonthFacts, MonthPage, MonthSheet, Row, Sentence};
use crate::features::packs::store::Watched;
use crate::foundation::Services;
use crate::foundation::audit::{Event, Subject};
use crate::foundation::auth::Signed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;
use crate::foundation::web::{self, Chrome, Nav, block, csv, page};

struct Frozen {
    month: Month,
    platform: Watched,
    figures: Vec<Figure>,
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
        }
    }

    /// The file, byte for byte the same for as long as the month stays frozen.
    fn csv(&self) -> Result<Vec<u8>, web::Error> {
        let mut bytes = csv::line(file::COLUMNS).map_err(web::Error::internal)?;
        for figure in &self.figures {
            let cells = file::cells(&self.platform.slug, &self.month, figure);
            let line = csv::line(cells.iter().map(String::as_str));
            bytes.extend(line.map_err(web::Error::internal)?);
        }
        Ok(bytes)
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
) -> Result<(Frozen, Vec<u8>, String), web::Error> {
    services.audit.write(&signed.actor(), |tx| {
        let frozen = Frozen::read(tx, signed.reach(), id)?;
        let csv = frozen.csv()?;
        let digest = hex::encode(Sha256::digest(&csv));
        let subject = Subject::new("service_level_month", id);
        tx.record(
            Event::new("service_level.month_exported", subject)
                .platform(frozen.month.platform)
                .detail("lines", frozen.figures.len())
                .detail("format", format)
                .detail("sha256", digest.as_str()),
        )?;
        Ok((frozen, csv, digest))
    })
}

/// `GET /service-levels/months/{id}/print`: the same to be signed. It names the file that it was made of.
pub async fn print(signed: Signed, services: Data<Services>, id: Path<MonthId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let (frozen, _, digest) = taken(&services, &signed, id, "print")?;
        Ok::<_, web::Error>(MonthSheet {
            chrome: Chrome::new(&signed, &services, frozen.title(), Nav::ServiceLevels),
            facts: frozen.facts(),
            digest,
        })
    })
    .await?;
    page(&view)
}

/// `GET /service-levels/months/{id}/file`: the same for a spreadsheet.
pub async fn download(signed: Signed, services: Data<Services>, id: Path<MonthId>) -> web::Result {
    let id = id.into_inner();
    let (name, bytes) = block(move || {
        let (frozen, csv, _) = taken(&services, &signed, id, "csv")?;
        let month = frozen.month.month.format("%Y-%m");
        let name = format!(
            "signalbox-service-levels-{}-{month}.csv",
            frozen.platform.slug
        );
        Ok::<_, web::Error>((name, csv))
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
