//! Alerts for programs.
//!
//! What is said of whoever has one in hand is whether it is a person or a key, and its id: names and notes are for
//! people.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::store::listed::listed;
use super::store::{self, Alert, Holder};
use super::{AlertId, actions};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::api::{
    Act, Always, Asked, Listed, Nothing, Problem, Sent, next_address,
};
use crate::foundation::web::paging::PAGE_ROWS;
use crate::foundation::web::{self, Problems, block};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `open` (lit, or red and gone out before anybody saw it) or `closed`; `open` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    state: State,
    /// One platform only, by its short name.
    platform: Option<String>,
    /// The `id` of the last alert of the page before; follow `next` rather than making one.
    after: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Open,
    Closed,
}

/// An alert: a lamp that was lit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    id: Uuid,
    /// The platform's short name.
    platform: String,
    #[schema(example = "API is down")]
    name: String,
    /// `red`, `yellow` or `blue`.
    level: String,
    firing: bool,
    /// Whether it still wants somebody: it is lit, or was red and nobody has seen it.
    open: bool,
    /// What it said when it came to its level.
    summary: String,
    /// What is read while it is lit; empty where there is no figure.
    reading: String,
    fired_at: DateTime<Utc>,
    /// When it last rose to its level: from here the time to acknowledge runs.
    level_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    /// Who has it in hand, or had it last.
    acknowledged: Option<AcknowledgedView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgedView {
    /// `person` or `key`.
    by: String,
    /// The id of the person, or of the key.
    id: String,
    at: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// Short names of platforms.
struct Slugs(HashMap<PlatformId, String>);

impl Slugs {
    fn load(conn: &mut Conn) -> db::Result<Self> {
        let platforms = packs::platforms(conn)?.into_iter();
        Ok(Self(platforms.map(|it| (it.id, it.slug)).collect()))
    }

    /// What of `reach` somebody wants to see. A platform out of reach is none.
    fn narrow(&self, reach: &Scope, wanted: Option<&str>) -> Result<Scope, web::Error> {
        let Some(wanted) = wanted else {
            return Ok(reach.clone());
        };
        let named = self.0.iter().find(|(_, slug)| *slug == wanted);
        named
            .filter(|(id, _)| reach.allows(**id))
            .map(|(id, _)| Scope::one(*id))
            .ok_or_else(|| Problems::no_platform(wanted))
    }

    fn view(&self, alert: Alert) -> AlertView {
        AlertView {
            id: alert.id.uuid(),
            platform: self.0.get(&alert.platform).cloned().unwrap_or_default(),
            level: alert.level.as_str().to_owned(),
            firing: alert.firing,
            open: alert.is_open(),
            acknowledged: alert.acknowledged.map(|held| AcknowledgedView {
                by: match held.by {
                    Holder::Person(_) => "person".to_owned(),
                    Holder::Key(_) => "key".to_owned(),
                },
                id: held.by.to_string(),
                at: held.at,
                until: held.until,
            }),
            name: alert.name,
            summary: alert.summary,
            reading: alert.reading,
            fired_at: alert.fired_at,
            level_at: alert.level_at,
            resolved_at: alert.resolved_at,
        }
    }
}

/// Alerts, the newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "Alerts", operation_id = "listAlerts", params(Which),
    responses((status = 200, description = "A page of alerts", body = Listed<AlertView>), Always),
    security(("key" = ["alerts:read"])),
)]
pub async fn list(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    asked: Asked<Which>,
) -> web::Result {
    let Asked(which) = asked;
    let mut items = block(move || {
        services.db.read(|conn| {
            let slugs = Slugs::load(conn)?;
            let scope = slugs.narrow(keyed.reach(), which.platform.as_deref())?;
            let open = which.state == State::Open;
            let after = which.after.map(AlertId::from);
            let alerts = listed(conn, &scope, open, after, PAGE_ROWS + 1)?;
            let views = alerts.into_iter().map(|alert| slugs.view(alert));
            Ok::<_, web::Error>(views.collect::<Vec<_>>())
        })
    })
    .await?;
    let more = items.len() > PAGE_ROWS;
    items.truncate(PAGE_ROWS);
    let last = items.last().filter(|_| more);
    let next = last.map(|last| next_address(&request, "after", &last.id.to_string()));
    Listed { items, next }.answer()
}

/// One alert.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "Alerts", operation_id = "getAlert",
    params(("id" = Uuid, Path, description = "The alert")),
    responses(
        (status = 200, description = "The alert", body = AlertView),
        (status = 404, description = "There is none, or its platform is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["alerts:read"])),
)]
pub async fn one(
    keyed: Keyed,
    services: Data<Services>,
    id: Path<AlertId>,
    _: Asked<Nothing>,
) -> web::Result {
    let view = block(move || read(&services, &keyed, *id)).await?;
    Ok(HttpResponse::Ok().json(view))
}

fn read(services: &Services, keyed: &Keyed, id: AlertId) -> Result<AlertView, web::Error> {
    services.db.read(|conn| {
        let alert = store::alert(conn, id)?;
        if !keyed.reach().allows(alert.platform) {
            return Err(web::Error::NotFound);
        }
        Ok(Slugs::load(conn)?.view(alert))
    })
}

/// Why it is taken in hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// For the people who look at the alert.
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
}

/// Takes an alert in hand, for at most eight hours.
///
/// A key takes what nobody has in hand, and what it has itself; from a person it takes nothing.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledgement", tag = "Alerts", operation_id = "acknowledgeAlert",
    params(
        ("id" = Uuid, Path, description = "The alert"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same for every attempt at one acknowledgement"),
    ),
    request_body(content = Option<Acknowledgement>, content_type = "application/json"),
    responses(
        (status = 200, description = "The alert, in the key's hand", body = AlertView),
        (status = 404, description = "There is none, or its platform is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It is closed (`alert_closed`), somebody has it in hand (`alert_held`), or the \
         Idempotency-Key came before with something else (`idempotency_key_reused`)", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "More than 64 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["alerts:acknowledge"])),
)]
pub async fn acknowledge(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    id: Path<AlertId>,
    _: Asked<Nothing>,
    sent: Sent<Acknowledgement>,
) -> web::Result {
    let mut problems = Problems::new();
    problems.check_plain("note", &sent.data.note);
    if sent.data.note.chars().count() > actions::NOTE_AT_MOST {
        problems.add("note", "A note has at most 1000 characters.");
    }
    if let Some(message) = problems.of("note") {
        let why = message.trim_end_matches('.');
        return Err(web::Error::Malformed(format!("the note: {why}")));
    }
    let act = Act::of(&request, &services.keyring, &keyed.actor(), &sent.body)?;
    let view = block(move || {
        let done = actions::acknowledge_by_key(&services, &keyed, *id, &sent.data.note, act.key);
        act.settle(done.map_err(web::Error::from))?;
        read(&services, &keyed, *id)
    })
    .await?;
    Ok(HttpResponse::Ok().json(view))
}
