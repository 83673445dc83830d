//! What is lit, as Alertmanager lists it: what our rules have lit and what others have handed in.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{RECEIVER, ReceiverView, Refused, filters, is_on, moment, refused};
use super::platform::Platforms;
use super::store::{self, Outside};
use crate::features::alerts::labels::{ALERTNAME, Labels};
use crate::features::alerts::silences::matcher::{Matcher, all_match};
use crate::features::alerts::store::{Alert, known};
use crate::features::alerts::suppression::{Kind, Suppression};
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn};
use crate::foundation::web::api::Always;
use crate::foundation::web::{self, block};

/// What our rules have lit, and what is held lit, is said to end so far from now: it is asked for again before.
const LIT_FOR: TimeDelta = TimeDelta::minutes(5);

/// An alert that is lit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    #[schema(value_type = BTreeMap<String, String>)]
    labels: Labels,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    updated_at: String,
    fingerprint: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    receivers: Vec<ReceiverView>,
    status: StatusView,
}

/// Whether anybody is told of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// `active` or `suppressed`.
    state: &'static str,
    silenced_by: Vec<String>,
    /// Alerts that are its cause.
    inhibited_by: Vec<String>,
    /// Maintenance windows.
    muted_by: Vec<String>,
}

/// Alerts of one name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlertGroupView {
    #[schema(value_type = BTreeMap<String, String>)]
    labels: Labels,
    receiver: ReceiverView,
    alerts: Vec<GettableAlert>,
}

/// What is asked for.
struct Wanted {
    filters: Vec<Matcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    receiver: bool,
}

impl Wanted {
    fn read(request: &HttpRequest) -> Result<Self, String> {
        let query = request.query_string();
        Ok(Self {
            filters: filters(query)?,
            active: is_on(query, "active")?,
            silenced: is_on(query, "silenced")?,
            inhibited: is_on(query, "inhibited")?,
            muted: is_on(query, "muted")?,
            receiver: asks_for_us(query)?,
        })
    }

    fn wants(&self, alert: &GettableAlert) -> bool {
        let status = &alert.status;
        let shown = match status.state {
            "active" => self.active,
            _ => {
                (self.silenced || status.silenced_by.is_empty())
                    && (self.inhibited || status.inhibited_by.is_empty())
                    && (self.muted || status.muted_by.is_empty())
            }
        };
        shown && self.receiver && all_match(&self.filters, &alert.labels)
    }
}

/// Whether the expression for receivers, if there is one, means the one that there is.
fn asks_for_us(query: &str) -> Result<bool, String> {
    use crate::features::alerts::silences::matcher::Op;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let asked = pairs.find(|(name, value)| name == "receiver" && !value.is_empty());
    let Some((_, expression)) = asked else {
        return Ok(true);
    };
    let matcher = Matcher::new("receiver".to_owned(), Op::Matches, expression.into_owned())?;
    Ok(matcher.matches(&Labels::from([(
        "receiver".to_owned(),
        RECEIVER.to_owned(),
    )])))
}

/// Alerts that are lit, on the key's platforms.
#[utoipa::path(
    get, path = "/api/v2/alerts", tag = "Alertmanager", operation_id = "getAlerts",
    params(
        ("filter" = Option<Vec<String>>, Query, description = "Matchers, such as `alertname=\"api-down\"`"),
        ("active" = Option<bool>, Query, description = "Those of which somebody is told"),
        ("silenced" = Option<bool>, Query, description = "Those that are silenced"),
        ("inhibited" = Option<bool>, Query, description = "Those that have another for their cause"),
        ("muted" = Option<bool>, Query, description = "Those in maintenance"),
        ("receiver" = Option<String>, Query, description = "An expression for the name of the receiver"),
    ),
    responses((status = 200, description = "What is lit", body = Vec<GettableAlert>), Always, Refused),
    security(("key" = ["alerts:read"])),
)]
pub async fn list(keyed: Keyed, services: Data<Services>, request: HttpRequest) -> web::Result {
    let wanted = match Wanted::read(&request) {
        Ok(wanted) => wanted,
        Err(why) => return Ok(refused(&why)),
    };
    let alerts = block(move || lit(&services, &keyed, &wanted).map_err(web::Error::from)).await?;
    Ok(HttpResponse::Ok().json(alerts))
}

/// The same, by name.
#[utoipa::path(
    get, path = "/api/v2/alerts/groups", tag = "Alertmanager", operation_id = "getAlertGroups",
    params(("filter" = Option<Vec<String>>, Query, description = "Matchers, as for the alerts")),
    responses((status = 200, description = "What is lit, by name", body = Vec<AlertGroupView>), Always, Refused),
    security(("key" = ["alerts:read"])),
)]
pub async fn groups(keyed: Keyed, services: Data<Services>, request: HttpRequest) -> web::Result {
    let wanted = match Wanted::read(&request) {
        Ok(wanted) => wanted,
        Err(why) => return Ok(refused(&why)),
    };
    let alerts = block(move || lit(&services, &keyed, &wanted).map_err(web::Error::from)).await?;
    let mut by_name: BTreeMap<String, Vec<GettableAlert>> = BTreeMap::new();
    for alert in alerts {
        let name = alert.labels.get(ALERTNAME).cloned().unwrap_or_default();
        by_name.entry(name).or_default().push(alert);
    }
    let groups: Vec<AlertGroupView> = by_name
        .into_iter()
        .map(|(name, alerts)| AlertGroupView {
            labels: [(ALERTNAME.to_owned(), name)].into(),
            receiver: ReceiverView { name: RECEIVER },
            alerts,
        })
        .collect();
    Ok(HttpResponse::Ok().json(groups))
}

fn lit(services: &Services, keyed: &Keyed, wanted: &Wanted) -> db::Result<Vec<GettableAlert>> {
    let now = services.clock.now();
    services.db.read(|conn| {
        let listing = Listing {
            platforms: Platforms::read(conn, keyed.reach())?,
            suppression: Suppression::read(conn, now)?,
            now,
        };
        let outside = store::of_lit(conn)?;
        let alerts = all(conn, keyed)?.into_iter().map(|alert| {
            let came_with = outside.get(&alert.id).cloned().unwrap_or_default();
            listing.view(&alert, came_with)
        });
        Ok(alerts.filter(|alert| wanted.wants(alert)).collect())
    })
}

fn all(conn: &mut Conn, keyed: &Keyed) -> db::Result<Vec<Alert>> {
    let mut alerts = known::firing(conn)?;
    alerts.retain(|alert| keyed.reach().allows(alert.platform));
    Ok(alerts)
}

/// What is known about all of them together.
struct Listing {
    platforms: Platforms,
    suppression: Suppression,
    now: DateTime<Utc>,
}

impl Listing {
    fn view(&self, alert: &Alert, came_with: Outside) -> GettableAlert {
        let reasons = self.suppression.of(alert);
        let by = |kinds: &[Kind]| -> Vec<String> {
            let those = reasons.iter().filter(|it| kinds.contains(&it.kind));
            those.map(|reason| reason.id.clone()).collect()
        };
        let (said, soon) = (
            came_with.ends_at.max(came_with.grace_until),
            self.now + LIT_FOR,
        );
        let ends_at = match said {
            // It is held lit, whatever its sender says of its end.
            Some(said) if alert.flapping_since.is_some() => said.max(soon),
            said => said.unwrap_or(soon),
        };
        let mut annotations = came_with.annotations;
        annotations
            .entry("summary".to_owned())
            .or_insert_with(|| alert.summary.clone());
        GettableAlert {
            labels: self.platforms.told(alert.labels(), alert.platform),
            annotations,
            starts_at: moment(alert.active_at),
            ends_at: moment(ends_at),
            updated_at: moment(came_with.seen_at.unwrap_or(alert.level_at)),
            fingerprint: alert.fingerprint.clone(),
            generator_url: came_with.generator,
            receivers: vec![ReceiverView { name: RECEIVER }],
            status: StatusView {
                state: if reasons.is_empty() {
                    "active"
                } else {
                    "suppressed"
                },
                silenced_by: by(&[Kind::Silence]),
                inhibited_by: by(&[Kind::Inhibition, Kind::Dependency]),
                muted_by: by(&[Kind::Maintenance]),
            },
        }
    }
}
