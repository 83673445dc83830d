//! Review cases for programs: that there is one, how it stands and why it was opened, in codes.
//!
//! Nothing personal: no name, no note, no screening hit. Whom a case is about is said by the id that the platform
//! itself has for them, which is what it needs to go on.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::case::{Case, CaseId};
use super::risk::{Band, Contribution};
use super::store::cases;
use super::store::queue::{self, Place, Wanted};
use super::verdict::Status;
use crate::features::intake;
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::api::{Always, Asked, Listed, Nothing, Problem, next_address};
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Problems, block};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `open`, `proposed`, `needs_information`, `parked`, `approved` or `rejected`; every case that is not closed where
    /// nothing is said.
    status: Option<String>,
    /// `low`, `medium`, `high` or `prohibited`.
    band: Option<String>,
    /// One platform only, by its short name.
    platform: Option<String>,
    /// Where the page begins; follow `next` rather than making one.
    cursor: Option<String>,
}

/// A case that a person decides.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseView {
    id: Uuid,
    number: i64,
    /// The platform's short name.
    platform: String,
    /// The subject, as we name it.
    subject: Uuid,
    /// The subject, as the platform names it.
    external_id: String,
    /// `person` or `company`.
    kind: String,
    status: String,
    /// The band of the risk.
    band: String,
    score: u16,
    /// Why it was opened: `assessment`, `review_due` or `document_expired`.
    opened_for: String,
    opened_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    /// Whether somebody is working on it.
    claimed: bool,
}

/// A case, and what its risk is made of.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseDetail {
    #[serde(flatten)]
    case: CaseView,
    contributions: Vec<ContributionView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ContributionView {
    /// What adds to the risk: `geography`, `screening`, …
    factor: String,
    /// What about it, as a code.
    reason: String,
    points: u16,
}

/// Short names of platforms.
struct Slugs {
    slugs: HashMap<PlatformId, String>,
    now: DateTime<Utc>,
}

impl Slugs {
    fn load(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Self> {
        let platforms = intake::store::platforms(conn)?.into_iter();
        let slugs = platforms.map(|it| (it.id, it.slug)).collect();
        Ok(Self { slugs, now })
    }

    fn view(&self, case: Case) -> CaseView {
        CaseView {
            id: case.id.uuid(),
            number: case.number,
            platform: self.slugs.get(&case.platform).cloned().unwrap_or_default(),
            subject: case.subject.uuid(),
            external_id: case.external_id,
            kind: if case.company { "company" } else { "person" }.to_owned(),
            status: case.status.as_str().to_owned(),
            band: case.band.as_str().to_owned(),
            score: case.score,
            opened_for: case.opened_for.as_str().to_owned(),
            opened_at: case.opened_at,
            due_at: case.due_at,
            closed_at: case.closed_at,
            claimed: case.claim.is_some_and(|claim| self.now < claim.until),
        }
    }
}

/// Cases, what is due first comes first.
#[utoipa::path(
    get, path = "/api/v1/cases", tag = "Cases", operation_id = "listCases", params(Which),
    responses((status = 200, description = "A page of cases", body = Listed<CaseView>), Always),
    security(("key" = ["cases:read"])),
)]
pub async fn list(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    asked: Asked<Which>,
) -> web::Result {
    let Asked(which) = asked;
    let (items, next) = block(move || {
        let cursor: Option<Cursor<Place>> =
            which.cursor.as_deref().map(Cursor::decode).transpose()?;
        let now = services.clock.now();
        services.db.read(|conn| {
            let slugs = Slugs::load(conn, now)?;
            let wanted = wanted(&which, &keyed, &slugs)?;
            let page = queue::page(conn, &wanted, cursor.as_ref())?;
            let views = page.items.into_iter().map(|case| slugs.view(case));
            Ok::<_, web::Error>((views.collect::<Vec<_>>(), page.next))
        })
    })
    .await?;
    let next = next.map(|cursor| next_address(&request, "cursor", &cursor));
    Listed { items, next }.answer()
}

fn wanted(which: &Which, keyed: &Keyed, slugs: &Slugs) -> Result<Wanted, web::Error> {
    let unknown = |what: &str| web::Error::Malformed(format!("there is no such {what}"));
    let platform = match which.platform.as_deref() {
        None => None,
        Some(slug) => {
            let named = slugs.slugs.iter().find(|(_, known)| *known == slug);
            let reached = named.filter(|(id, _)| keyed.reach().allows(**id));
            let (id, _) = reached.ok_or_else(|| Problems::no_platform(slug))?;
            Some(*id)
        }
    };
    let status = which.status.as_deref().map(Status::parse);
    let band = which.band.as_deref().map(Band::parse);
    Ok(Wanted {
        status: status
            .map(|it| it.ok_or_else(|| unknown("status")))
            .transpose()?,
        band: band
            .map(|it| it.ok_or_else(|| unknown("band")))
            .transpose()?,
        platform,
        ..Wanted::open(keyed.reach().clone())
    })
}

/// One case.
#[utoipa::path(
    get, path = "/api/v1/cases/{id}", tag = "Cases", operation_id = "getCase",
    params(("id" = Uuid, Path, description = "The case")),
    responses(
        (status = 200, description = "The case", body = CaseDetail),
        (status = 404, description = "There is none, or its platform is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["cases:read"])),
)]
pub async fn one(
    keyed: Keyed,
    services: Data<Services>,
    id: Path<CaseId>,
    _: Asked<Nothing>,
) -> web::Result {
    let detail = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let case = cases::find(conn, *id)?;
            if !keyed.reach().allows(case.platform) {
                return Err(web::Error::NotFound);
            }
            let contributions = cases::contributions(conn, *id)?;
            Ok(CaseDetail {
                case: Slugs::load(conn, now)?.view(case),
                contributions: contributions
                    .into_iter()
                    .map(ContributionView::from)
                    .collect(),
            })
        })
    })
    .await?;
    Ok(HttpResponse::Ok().json(detail))
}

impl From<Contribution> for ContributionView {
    fn from(contribution: Contribution) -> Self {
        let factor = serde_json::to_value(contribution.factor).unwrap_or_default();
        Self {
            factor: factor.as_str().unwrap_or_default().to_owned(),
            reason: contribution.reason,
            points: contribution.points,
        }
    }
}
