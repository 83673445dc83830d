//! The sealed log for programs that keep a copy of it elsewhere.

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::filter::Filter;
use super::store;
use crate::foundation::Services;
use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::{Event, Subject};
use crate::foundation::auth::keys::{self, Keyed};
use crate::foundation::db;
use crate::foundation::web::api::{Always, Asked, Listed, next_address};
use crate::foundation::web::{self, block};

/// Events of a page. Each may have 64 KiB.
const PAGE_EVENTS: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Position {
    /// The `index` of the last event that is known; without it the log is read from its beginning. Indexes are dense
    /// and in the order of the seal, so that whoever goes on after the last one misses nothing.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// An event, as it is sealed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SealedEvent {
    /// Its place in the log.
    index: u64,
    /// SHA-256 of a zero byte and the body, in hexadecimals: the leaf of the Merkle tree.
    leaf_hash: String,
    /// The body, to the byte, as UTF-8: JSON in its canonical form (RFC 8785).
    body: String,
}

/// Events of the audit log, the oldest first.
///
/// A key that is limited to platforms sees their events and no others. Personal details are not part of an event.
#[utoipa::path(
    get, path = "/api/v1/audit/events", tag = "Audit log", operation_id = "listEvents", params(Position),
    responses((status = 200, description = "A page of sealed events", body = Listed<SealedEvent>), Always),
    security(("key" = ["audit:read"])),
)]
pub async fn events(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    asked: Asked<Position>,
) -> web::Result {
    let Asked(Position { after }) = asked;
    if after.is_some_and(|after| after < 0) {
        return Err(web::Error::Malformed("an index is not negative".to_owned()));
    }
    let mut items = block(move || {
        note_reading(&services, &keyed, after)?;
        let filter = Filter {
            reach: keyed.reach().ids(),
            ..Filter::default()
        };
        services.db.read(|conn| {
            let mut items = Vec::new();
            let range = (after.unwrap_or(-1), i64::MAX);
            let most = i64::try_from(PAGE_EVENTS + 1).unwrap_or(i64::MAX);
            store::each_next_event(conn, &filter, range, most, |event| {
                items.push(SealedEvent::from(event));
                Ok::<_, web::Error>(())
            })?;
            Ok::<_, web::Error>(items)
        })
    })
    .await?;
    let more = items.len() > PAGE_EVENTS;
    items.truncate(PAGE_EVENTS);
    let last = items.last().filter(|_| more);
    let next = last.map(|last| next_address(&request, "after", &last.index.to_string()));
    Listed { items, next }.answer()
}

/// Reading the log is an event: for a key, which may read it all day, once in a quarter of an hour.
fn note_reading(services: &Services, keyed: &Keyed, after: Option<i64>) -> Result<(), web::Error> {
    let now = services.clock.now();
    let recent = services
        .db
        .read(|conn| keys::has_read_log(conn, &keyed.id, now))?;
    if recent {
        return Ok(());
    }
    let noted = services.audit.write(&keyed.actor(), |tx| {
        if keys::note_log_read(tx, &keyed.id)? {
            let event = Event::new("audit_log.followed", Subject::new("audit_log", "main"))
                // As text: the log takes no number beyond those that every language has.
                .detail("after", after.map(|after| after.to_string()))
                .detail("reach", serde_json::json!(keyed.reach().ids()));
            tx.record(event)?;
        }
        Ok(())
    });
    match noted {
        // Another request of the same key was faster, and its event stands for both.
        Ok(()) | Err(db::Error::NoEvent) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl From<EventRow> for SealedEvent {
    fn from(event: EventRow) -> Self {
        Self {
            index: event.idx,
            leaf_hash: hex::encode(event.leaf_hash),
            body: String::from_utf8_lossy(&event.body).into_owned(),
        }
    }
}
