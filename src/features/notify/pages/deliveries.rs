//! What left, what waits, and what was given up.

use actix_web::web::{Data, Path, Query};
use chrono::TimeDelta;
use serde::Deserialize;
use uuid::Uuid;

use super::refused;
use crate::features::notify::notice::{Channel, Destination, EndpointId, NoticeId};
use crate::features::notify::views::deliveries::{Line, List, One, Shown};
use crate::features::notify::{delivery, setup, store};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db;
use crate::foundation::kernel::Scope;
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};
use crate::foundation::web::{self, Chrome, Form, Nav, block, page, see_other};

/// What was given up before that stands in the list and is no news.
const COUNTED: TimeDelta = TimeDelta::days(7);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    show: String,
    channel: String,
    endpoint: String,
    cursor: String,
}

/// `GET /deliveries`
pub async fn list(signed: Signed, services: Data<Services>, asked: Query<Asked>) -> web::Result {
    let view = block(move || {
        let shown = Shown::of(&asked.show);
        let channel: Option<Channel> = asked.channel.parse().ok();
        let endpoint: Option<EndpointId> = asked.endpoint.parse().ok();
        let cursor: Option<Cursor<Uuid>> = Some(asked.cursor.as_str())
            .filter(|text| !text.is_empty())
            .map(Cursor::decode)
            .transpose()?;
        let key = |direction| {
            let cursor = cursor.as_ref().filter(|it| it.direction == direction);
            cursor.map(|cursor| cursor.key)
        };
        let wanted = store::Wanted {
            states: shown.states(),
            channel,
            endpoint,
            scope: signed.view(),
            before: key(Direction::Next),
            after: key(Direction::Previous),
        };
        let now = services.clock.now();
        let (rows, counts, health) = services.db.read(|conn| {
            Ok::<_, db::Error>((
                store::list(conn, &wanted, PAGE_ROWS + 1)?,
                store::counts(conn, &wanted.scope, now - COUNTED)?,
                store::outbox::health(conn, now)?,
            ))
        })?;
        let page = Page::from_rows(rows, cursor.as_ref(), |told| told.id.uuid());
        let chrome = Chrome::new(&signed, &services, "Deliveries", Nav::Deliveries);
        Ok::<_, web::Error>(List::new(
            chrome,
            (shown, channel, endpoint),
            page,
            counts,
            List::ways(&services.config.notices, health.endpoints),
            may_test(&signed) && services.config.notices.mail.is_some(),
        ))
    })
    .await?;
    page(&view)
}

fn may_test(signed: &Signed) -> bool {
    signed.reach_for(Permission::NoticesAct) == Scope::All
}

/// `GET /deliveries/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<NoticeId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let told = services.db.read(|conn| store::find(conn, id))?;
        if !store::is_within(signed.reach(), told.platform) {
            return Err(web::Error::NotFound);
        }
        let acts = signed.reach_for(Permission::NoticesAct);
        let may_retry = store::is_within(&acts, told.platform);
        let chrome = Chrome::new(&signed, &services, &told.title, Nav::Deliveries);
        let sees_endpoints = signed.may(Permission::WebhooksRead);
        Ok(One::new(chrome, Line::of(told), may_retry, sees_endpoints))
    })
    .await?;
    page(&view)
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /deliveries/{id}/retry`
pub async fn retry(
    signed: Signed,
    services: Data<Services>,
    id: Path<NoticeId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    let app = services.clone();
    block(move || setup::hasten(&app, &signed, id, form.key).map_err(refused)).await?;
    delivery::deliver_one(&services, id).await?;
    see_other(format!("/deliveries/{id}"))
}

/// `POST /deliveries/test`: a mail to whoever asks.
pub async fn test_mail(
    signed: Signed,
    services: Data<Services>,
    form: Form<Nothing>,
) -> web::Result {
    let app = services.clone();
    let id = block(move || {
        let to = Destination::Email(signed.email.clone());
        setup::test(&app, &signed, to, form.key).map_err(refused)
    })
    .await?;
    delivery::deliver_one(&services, id).await?;
    see_other(format!("/deliveries/{id}"))
}
