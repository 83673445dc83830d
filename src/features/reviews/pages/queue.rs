//! The queue, what awaits an approval, and claiming the next case.

use std::collections::HashMap;

use actix_web::web::{Data, Query};
use serde::Deserialize;
use uuid::Uuid;

use super::{Empty, notice};
use crate::features::reviews::actions::{self, ReviewError};
use crate::features::reviews::case::{Case, KIND};
use crate::features::reviews::desk;
use crate::features::reviews::risk::Band;
use crate::features::reviews::store::queue::{self, Place, Wanted};
use crate::features::reviews::verdict::Status;
use crate::features::reviews::views::{Approvals, Choice, Lagging, Queue, Row, bands, statuses};
use crate::features::screening::calendar::{self, Calendar};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PersonId, PlatformId, Scope};
use crate::foundation::policy;
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Chrome, Form, Nav, block, see_other};

#[derive(Clone, Default, Deserialize)]
pub struct QueueFilter {
    status: Option<String>,
    band: Option<String>,
    platform: Option<String>,
    mine: Option<String>,
    overdue: Option<String>,
    after: Option<String>,
    notice: Option<String>,
}

impl QueueFilter {
    fn wanted(&self, services: &Services, signed: &Signed) -> Wanted {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        Wanted {
            scope: signed.view(),
            status: text(&self.status).and_then(|status| Status::parse(&status)),
            band: text(&self.band).and_then(|band| Band::parse(&band)),
            platform: text(&self.platform)
                .and_then(|id| id.parse::<Uuid>().ok())
                .map(Into::into),
            claimed_by: text(&self.mine).map(|_| signed.person),
            due_before: text(&self.overdue).map(|_| services.clock.now()),
            kinds: signed.watch().queues.clone(),
        }
    }

    /// The address of another page of the same list.
    fn href(&self, cursor: &str) -> String {
        let pairs = [
            ("status", self.status.as_deref()),
            ("band", self.band.as_deref()),
            ("platform", self.platform.as_deref()),
            ("mine", self.mine.as_deref()),
            ("overdue", self.overdue.as_deref()),
            ("after", Some(cursor)),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(
                pairs
                    .iter()
                    .filter_map(|(name, value)| Some((name, (*value)?))),
            )
            .finish();
        format!("/reviews?{query}")
    }
}

pub async fn queue(
    signed: Signed,
    services: Data<Services>,
    filter: Query<QueueFilter>,
) -> web::Result {
    let filter = filter.into_inner();
    let cursor = match filter.after.as_deref().filter(|after| !after.is_empty()) {
        Some(after) => Some(Cursor::<Place>::decode(after)?),
        None => None,
    };
    let mut chrome = Chrome::new(&signed, &services, "Review queue", Nav::Queue);
    if let Some((lamp, text)) = filter.notice.as_deref().and_then(notice) {
        chrome = chrome.notice(lamp, text);
    }
    let may_act = signed.may(Permission::ReviewsAct);
    let page = block(move || {
        let wanted = filter.wanted(&services, &signed);
        let told = if signed.watch().sees_queue(KIND) {
            wanted.scope.clone()
        } else {
            Scope::nothing()
        };
        let now = services.clock.now();
        let db = &services.db;
        db.read_for(PoolKind::Web, &signed.actor(), |conn| {
            let page = queue::page(conn, &wanted, cursor.as_ref())?;
            let platforms = queue::platforms(conn)?;
            let rows = rows(conn, &page.items, &platforms, now)?;
            let calendar = policy::at::<Calendar>(conn, calendar::POLICY, now);
            let today = calendar.map_err(ReviewError::from)?.value.date(now);
            Ok::<_, web::Error>(Queue {
                chrome,
                rows,
                to_report: desk::to_report(conn, &told, today)?,
                lagging: desk::lagging(conn, &told, now)?.map(|count| Lagging {
                    count,
                    or_more: count == desk::MOST_LAGGING,
                }),
                next: page.next.map(|next| filter.href(&next)),
                previous: page.previous.map(|previous| filter.href(&previous)),
                statuses: statuses(wanted.status),
                bands: bands(wanted.band),
                platforms: platforms
                    .into_iter()
                    .filter(|(id, _)| wanted.scope.allows(*id))
                    .map(|(id, name)| Choice {
                        chosen: wanted.platform == Some(id),
                        value: id.to_string(),
                        label: name,
                    })
                    .collect(),
                mine: wanted.claimed_by.is_some(),
                overdue: wanted.due_before.is_some(),
                filtered: wanted.status.is_some()
                    || wanted.band.is_some()
                    || wanted.platform.is_some()
                    || wanted.claimed_by.is_some()
                    || wanted.due_before.is_some(),
                may_act,
            })
        })
    })
    .await?;
    web::page(&page)
}

pub(super) fn rows(
    conn: &mut Conn,
    cases: &[Case],
    platforms: &[(PlatformId, String)],
    now: chrono::DateTime<chrono::Utc>,
) -> db::Result<Vec<Row>> {
    let claimants: std::collections::HashSet<PersonId> = cases
        .iter()
        .filter_map(|case| case.live_claim(now).map(|claim| claim.by))
        .collect();
    let names: HashMap<PersonId, String> = desk::names_of(conn, claimants)?;
    let row = |case: &Case| {
        let platform = platforms.iter().find(|(id, _)| *id == case.platform);
        let platform = platform.map(|(_, name)| name.clone()).unwrap_or_default();
        let claimed_by = case
            .live_claim(now)
            .and_then(|claim| names.get(&claim.by).cloned());
        Row::new(case, now, platform, claimed_by)
    };
    Ok(cases.iter().map(row).collect())
}

pub async fn approvals(signed: Signed, services: Data<Services>) -> web::Result {
    let chrome = Chrome::new(&signed, &services, "Awaiting my approval", Nav::Approvals);
    let page = block(move || {
        services.db.read(|conn| {
            let rows = desk::awaiting(conn, signed.person, &signed.view())?;
            Ok::<_, web::Error>(Approvals { chrome, rows })
        })
    })
    .await?;
    web::page(&page)
}

pub async fn claim_next(
    signed: Signed,
    services: Data<Services>,
    form: Form<Empty>,
) -> web::Result {
    let claimed = block(move || {
        services.audit.write(&signed.actor(), |tx| {
            if let Some(id) = actions::claim_next(tx, signed.person, &signed.view())? {
                tx.once(form.key, &format!("/reviews/{id}"))?;
                return Ok(id);
            }
            // The second click of a double one finds nothing left, and gets what the first got.
            tx.once(form.key, "/reviews?notice=none")?;
            Err(ReviewError::Database(db::Error::NotFound))
        })
    })
    .await;
    match claimed {
        Ok(id) => see_other(format!("/reviews/{id}")),
        Err(ReviewError::Database(db::Error::NotFound)) => see_other("/reviews?notice=none"),
        Err(error) => Err(error.into()),
    }
}
