//! Alerts that other programs hand in: as Prometheus posts them, and as an Alertmanager passes them on.

use std::collections::HashMap;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::answers::{self, Refused};
use super::flapping::{self, HeldLit};
use super::platform::Platforms;
use super::posted::{Delivered, Delivery, Identity, PostableAlert, Posted, Without};
use super::{BODY_AT_MOST, LIT_AT_MOST, TOGETHER_AT_MOST, store};
use crate::features::alerts::AlertId;
use crate::features::alerts::alert::Change;
use crate::features::alerts::evaluate::{audited, carry_on};
use crate::features::alerts::labels::{ALERTNAME, Labels, PLATFORM, SERVICE, SEVERITY};
use crate::features::alerts::lamp;
use crate::features::alerts::store::{self as alerts, About, Alert};
use crate::features::packs::pack::{ItemId, Service};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Tx, Unaudited};
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{Level, PlatformId};
use crate::foundation::web::api::{Always, Problem, collect, media_type};
use crate::foundation::web::{self, block};

/// The alert that says that an Alertmanager left alerts out.
const TRUNCATED: &str = "alertmanager-left-alerts-out";

/// How many mistakes an answer names.
const NAMED_AT_MOST: usize = 10;

/// Takes alerts as Prometheus sends them; it may be pointed at us as if we were an Alertmanager.
///
/// What is sent again goes on; what is not goes out at its end. Bad ones are named and the others are taken.
#[utoipa::path(
    post, path = "/api/v2/alerts", tag = "Alertmanager", operation_id = "postAlerts",
    request_body(content = Vec<PostableAlert>, content_type = "application/json"),
    responses(
        (status = 200, description = "All of them are taken"),
        (status = 413, description = "More than 2 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        Always,
        Refused,
    ),
    security(("key" = ["alerts:write"])),
)]
pub async fn post(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    payload: Payload,
) -> web::Result {
    let body = json(&request, payload).await?;
    let sent: Vec<Value> = serde_json::from_slice(&body)
        .map_err(|error| web::Error::Malformed(format!("the alerts, as a JSON array: {error}")))?;
    limit(sent.len())?;
    let wrong = block(move || {
        let now = services.clock.now();
        let mut intake = Intake::begin(&services, &keyed, now)?;
        for alert in sent {
            let posted = read(alert, now).and_then(|posted| intake.place(posted));
            intake.take(posted)?;
        }
        intake.finish()
    })
    .await?;
    answer(wrong)
}

/// Takes what an Alertmanager passes on to its webhook, version 4. The last part of the address is the short name of the
/// platform whose alerts they are.
#[utoipa::path(
    post, path = "/hooks/alertmanager/{id}", tag = "Alertmanager", operation_id = "deliverAlerts",
    params(("id" = String, Path, description = "The platform's short name")),
    request_body(content = Delivery, content_type = "application/json"),
    responses(
        (status = 200, description = "All of them are taken"),
        (status = 404, description = "There is no such platform, or it is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "More than 2 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        Always,
        Refused,
    ),
    security(("key" = ["alerts:write"])),
)]
pub async fn hook(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> web::Result {
    let body = json(&request, payload).await?;
    let delivery: Delivery = serde_json::from_slice(&body)
        .map_err(|error| web::Error::Malformed(format!("the delivery: {error}")))?;
    if delivery.version != "4" {
        let version: String = delivery.version.chars().take(20).collect();
        let why = format!("version 4 of Alertmanager's webhook is taken, and this is {version:?}");
        return Err(web::Error::Malformed(why));
    }
    limit(delivery.alerts.len())?;
    let wrong = block(move || {
        let now = services.clock.now();
        let mut intake = Intake::begin(&services, &keyed, now)?;
        let named = intake.platforms.named(&id).map(|it| it.id);
        let platform = named.ok_or(web::Error::NotFound)?;
        let left_out = left_out(&delivery, now);
        for alert in delivery.alerts {
            let posted = read_delivered(alert, now).map(|posted| (platform, posted));
            intake.take(posted)?;
        }
        intake.take(Ok((platform, left_out)))?;
        intake.finish()
    })
    .await?;
    answer(wrong)
}

async fn json(
    request: &HttpRequest,
    payload: Payload,
) -> Result<actix_web::web::Bytes, web::Error> {
    const JSON: &str = "application/json";
    if media_type(request).is_none_or(|kind| kind != JSON) {
        return Err(web::Error::UnsupportedMedia { takes: JSON });
    }
    collect(payload.into_inner(), BODY_AT_MOST).await
}

fn limit(count: usize) -> Result<(), web::Error> {
    if count <= TOGETHER_AT_MOST {
        return Ok(());
    }
    let why = format!("at most {TOGETHER_AT_MOST} alerts come together, and these are {count}");
    Err(web::Error::Malformed(why))
}

fn read(alert: Value, now: DateTime<Utc>) -> Result<Posted, String> {
    let sent = PostableAlert::deserialize(alert).map_err(|error| error.to_string())?;
    Posted::read(sent, now, Without::Timeout)
}

fn read_delivered(alert: Delivered, now: DateTime<Utc>) -> Result<Posted, String> {
    Posted::read(alert.into_postable(now), now, Without::Stays)
}

/// What says that a delivery left alerts out, or, where it left out none, that this is over.
fn left_out(delivery: &Delivery, now: DateTime<Utc>) -> Posted {
    let receiver: String = delivery.receiver.chars().take(100).collect();
    let labels = [
        (ALERTNAME, TRUNCATED),
        ("receiver", receiver.as_str()),
        (SEVERITY, "warning"),
    ];
    let labels: Labels = labels
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let count = delivery.truncated_alerts;
    let summary = format!(
        "Alertmanager left {count} alerts out of a delivery: raise max_alerts of its webhook, or group by more labels"
    );
    Posted {
        fingerprint: crate::features::alerts::labels::identity(&labels),
        labels,
        annotations: [("summary".to_owned(), summary)].into(),
        starts_at: now,
        ends_at: (count == 0).then_some(now),
        generator: String::new(),
    }
}

/// What is wrong, as Alertmanager says it.
fn answer(wrong: Vec<String>) -> web::Result {
    if wrong.is_empty() {
        return Ok(HttpResponse::Ok().finish());
    }
    let mut text = wrong[..wrong.len().min(NAMED_AT_MOST)].join("; ");
    if wrong.len() > NAMED_AT_MOST {
        text += &format!("; and {} more", wrong.len() - NAMED_AT_MOST);
    }
    Ok(answers::refused(&text))
}

/// One request's alerts on their way in.
struct Intake<'i> {
    services: &'i Services,
    keyed: &'i Keyed,
    now: DateTime<Utc>,
    platforms: Platforms,
    held: HeldLit,
    /// What is lit, as far as it was asked for.
    lit: HashMap<PlatformId, HashMap<String, AlertId>>,
    /// Those that are lit already, and go on.
    again: Vec<(AlertId, Posted)>,
    wrong: Vec<String>,
    seen: usize,
}

impl<'i> Intake<'i> {
    fn begin(services: &'i Services, keyed: &'i Keyed, now: DateTime<Utc>) -> db::Result<Self> {
        let (platforms, held) = services.db.read(|conn| {
            let platforms = Platforms::read(conn, keyed.reach())?;
            Ok::<_, db::Error>((platforms, HeldLit::read(conn)?))
        })?;
        Ok(Self {
            services,
            keyed,
            now,
            platforms,
            held,
            lit: HashMap::new(),
            again: Vec::new(),
            wrong: Vec::new(),
            seen: 0,
        })
    }

    fn place(&self, posted: Posted) -> Result<(PlatformId, Posted), String> {
        let named = posted.labels.get(PLATFORM).map(String::as_str);
        let platform = self.platforms.choose(named)?.id;
        Ok((platform, posted))
    }

    fn take(&mut self, posted: Result<(PlatformId, Posted), String>) -> db::Result<()> {
        self.seen += 1;
        let done = match posted {
            Ok((platform, posted)) => self.take_one(platform, posted)?,
            Err(why) => Err(why),
        };
        if let Err(why) = done {
            self.wrong.push(format!("alert {}: {why}", self.seen));
        }
        Ok(())
    }

    fn take_one(&mut self, platform: PlatformId, posted: Posted) -> db::Result<Result<(), String>> {
        let lit = match self.lit.entry(platform) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(unknown) => {
                unknown.insert(self.services.db.read(|conn| store::lit(conn, platform))?)
            }
        };
        let ended = posted.has_ended(self.now);
        let whose = posted.whose(platform);
        let held = self.held.on(&whose);
        match lit.get(&posted.fingerprint) {
            Some(id) if ended => {
                let is_held = held.is_some()
                    && flapping::noted(self.services, &whose, Change::Resolved, self.now)?;
                if !is_held && put_out(self.services, self.keyed, &whose, *id)? {
                    lit.remove(&posted.fingerprint);
                }
            }
            Some(id) => {
                if held == Some(false) {
                    let (actor, comes) = (self.keyed.actor(), posted.comes());
                    flapping::comes_back(self.services, &actor, &whose, *id, comes)?;
                }
                self.again.push((*id, posted));
            }
            None if ended => {}
            None if lit.len() as i64 >= LIT_AT_MOST => {
                return Ok(Err(format!(
                    "{LIT_AT_MOST} alerts of other programs are lit on this platform already"
                )));
            }
            None => {
                let (actor, sent_by) = (self.keyed.actor(), self.keyed.id.as_str());
                let lit_now = light(self.services, &actor, sent_by, platform, &posted)?;
                if let Some(id) = lit_now {
                    lit.insert(posted.fingerprint, id);
                }
            }
        }
        Ok(Ok(()))
    }

    /// Notes which of them go on. Returns what was wrong with the others.
    fn finish(mut self) -> Result<Vec<String>, web::Error> {
        if !self.again.is_empty() {
            let sent_by = self.keyed.id.as_str();
            // Two requests with the same alerts lock them in the same order.
            self.again.sort_by_key(|(id, _)| *id);
            self.services
                .audit
                .write_unaudited(Unaudited::Sample, |conn| {
                    for (id, posted) in &self.again {
                        store::save(conn, *id, posted, sent_by, self.now)?;
                    }
                    Ok::<_, db::Error>(())
                })?;
        }
        Ok(self.wrong)
    }
}

/// Lights what another program says. Nothing where somebody else was quicker with the same.
pub fn light(
    services: &Services,
    actor: &Actor,
    sent_by: &str,
    platform: PlatformId,
    posted: &Posted,
) -> db::Result<Option<AlertId>> {
    let lighting = Lighting {
        platform,
        posted,
        sent_by,
    };
    lighting.write(services, actor)
}

/// An alert of another program that becomes a lamp.
struct Lighting<'l> {
    platform: PlatformId,
    posted: &'l Posted,
    sent_by: &'l str,
}

impl Lighting<'_> {
    fn write(&self, services: &Services, actor: &Actor) -> db::Result<Option<AlertId>> {
        let lit = services.audit.write(actor, |tx| {
            tx.reach(self.platform)?;
            let whose = self.posted.whose(self.platform);
            let turn = flapping::comes(tx, &whose, self.posted.comes())?;
            let alert = self.alert(tx)?;
            let name = alert.name.clone();
            let id = lamp::light(tx, About::Outside, alert, &name)?;
            let now = tx.now();
            store::save(tx, id, self.posted, self.sent_by, now)?;
            if let Some(turn) = turn {
                let alert = alerts::lock_alert(tx, id)?;
                lamp::turn(tx, alert, turn, &name)?;
            }
            Ok(id)
        });
        match lit {
            Ok(id) => Ok(Some(id)),
            Err(db::Error::Unique { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn alert(&self, tx: &mut Tx<'_>) -> db::Result<Alert> {
        let (now, level) = (tx.now(), self.posted.level());
        Ok(Alert {
            id: AlertId::new(),
            platform: self.platform,
            rule: None,
            service: service_of(tx, self.platform, &self.posted.labels)?,
            fingerprint: self.posted.fingerprint.clone(),
            labels: self.posted.labels.clone(),
            firing: true,
            level,
            name: self.posted.name(),
            summary: self.posted.summary(),
            reading: String::new(),
            active_at: self.posted.starts_at,
            fired_at: now,
            level_at: now,
            was_red: level == Level::Red,
            resolved_at: None,
            acknowledged: None,
            flapping_since: None,
            assigned: None,
        })
    }
}

/// The service that the labels name, where the platform has it.
fn service_of(
    conn: &mut Conn,
    platform: PlatformId,
    labels: &Labels,
) -> db::Result<Option<ItemId>> {
    let Some(slug) = labels.get(SERVICE) else {
        return Ok(None);
    };
    match packs::by_slug::<Service>(conn, platform, slug) {
        Ok(service) => Ok(Some(service.id)),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Its sender says that it is over. False where it is held lit.
fn put_out(services: &Services, keyed: &Keyed, whose: &Identity, id: AlertId) -> db::Result<bool> {
    let mut is_out = true;
    let done = services.audit.write(&keyed.actor(), |tx| {
        let flap = store::flaps::lock(tx, whose)?;
        let alert = alerts::lock_alert(tx, id)?;
        tx.reach(alert.platform)?;
        if alert.firing {
            let why = "its sender says that it is over";
            is_out = flapping::goes(tx, whose, flap, alert, why)?;
        }
        Ok(())
    });
    match done {
        Ok(()) | Err(db::Error::NoEvent) => Ok(is_out),
        Err(error) => Err(error),
    }
}

/// What was not sent again before its end goes out, unless nobody was here to take it. Returns how many did.
pub fn put_out_what_has_ended(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let (overdue, held) = services.db.read_on(PoolKind::Jobs, |conn| {
        Ok::<_, db::Error>((store::overdue(conn, now)?, HeldLit::read(conn)?))
    })?;
    let mut out = 0;
    for (id, whose) in overdue {
        let is_held = match held.on(&whose) {
            // It has gone already, and has yet to be quiet.
            Some(false) => continue,
            Some(true) => flapping::lapsed(services, &whose, id, now),
            None => Ok(false),
        };
        let done = is_held.and_then(|is_held| {
            if is_held {
                return Ok(false);
            }
            put_out_overdue(services, &whose, id, now)
        });
        out += usize::from(carry_on("an alert of another program", done)?);
    }
    out += flapping::settle(services)?;
    Ok(out)
}

fn put_out_overdue(
    services: &Services,
    whose: &Identity,
    id: AlertId,
    now: DateTime<Utc>,
) -> db::Result<bool> {
    audited(services, |tx| {
        let flap = store::flaps::lock(tx, whose)?;
        let alert = alerts::lock_alert(tx, id)?;
        // Whoever takes it as sent again at this moment is waited for.
        let came_with = store::lock(tx, id)?;
        if alert.firing && came_with.is_some_and(|it| it.is_overdue(now)) {
            let why = "its sender has not sent it again";
            flapping::goes(tx, whose, flap, alert, why)?;
        }
        Ok(())
    })
}
