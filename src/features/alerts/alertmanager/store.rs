//! What other programs say of the alerts that they have handed in.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Timestamptz;
use serde_json::{Value, json};
use uuid::Uuid;

use super::posted::{Identity, Posted};
use crate::features::alerts::AlertId;
use crate::foundation::db::schema::{alert, outside_alert};
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PlatformId;

pub mod flaps;

const OUTSIDE: &str = "outside";

/// What came with an alert.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    pub annotations: BTreeMap<String, String>,
    pub generator: String,
    pub ends_at: Option<DateTime<Utc>>,
    /// It stays lit until then though it has ended: nobody was here to take it when it was sent again.
    pub grace_until: Option<DateTime<Utc>>,
    pub seen_at: Option<DateTime<Utc>>,
}

type Row = (
    Uuid,
    Value,
    String,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    DateTime<Utc>,
);

impl Outside {
    /// Whether it was not sent again in time.
    #[must_use]
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        let grace = self.grace_until.is_none_or(|until| until <= now);
        grace && self.ends_at.is_some_and(|ends| ends <= now)
    }
}

fn read(row: Row) -> (AlertId, Outside) {
    let (id, annotations, generator, ends_at, grace_until, seen_at) = row;
    let outside = Outside {
        annotations: serde_json::from_value(annotations).unwrap_or_default(),
        generator,
        ends_at,
        grace_until,
        seen_at: Some(seen_at),
    };
    (id.into(), outside)
}

/// What came with everything that is lit.
pub fn of_lit(conn: &mut Conn) -> Result<HashMap<AlertId, Outside>> {
    let rows: Vec<Row> = outside_alert::table
        .inner_join(alert::table)
        .filter(alert::status.eq("firing"))
        .select((
            outside_alert::alert_id,
            outside_alert::annotations,
            outside_alert::generator,
            outside_alert::ends_at,
            outside_alert::grace_until,
            outside_alert::seen_at,
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(read).collect())
}

/// What came with one alert, locked; nothing where a rule of ours lit it.
pub fn lock(conn: &mut Conn, id: AlertId) -> Result<Option<Outside>> {
    let row: Option<Row> = outside_alert::table
        .find(id.uuid())
        .for_update()
        .select((
            outside_alert::alert_id,
            outside_alert::annotations,
            outside_alert::generator,
            outside_alert::ends_at,
            outside_alert::grace_until,
            outside_alert::seen_at,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|row| read(row).1))
}

/// What another program has lit on a platform, by identity.
pub fn lit(conn: &mut Conn, platform: PlatformId) -> Result<HashMap<String, AlertId>> {
    let rows: Vec<(String, Uuid)> = alert::table
        .filter(alert::platform_id.eq(platform.uuid()))
        .filter(alert::status.eq("firing"))
        .filter(alert::about.eq(OUTSIDE))
        .select((alert::fingerprint, alert::id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(print, id)| (print, id.into()))
        .collect())
}

/// Those that are lit and were not sent again in time.
pub fn overdue(conn: &mut Conn, now: DateTime<Utc>) -> Result<Vec<(AlertId, Identity)>> {
    let grace_is_over = outside_alert::grace_until
        .is_null()
        .or(outside_alert::grace_until.le(now));
    let rows: Vec<(Uuid, Uuid, String)> = outside_alert::table
        .inner_join(alert::table)
        .filter(alert::status.eq("firing"))
        .filter(outside_alert::ends_at.le(now))
        .filter(grace_is_over)
        .select((
            outside_alert::alert_id,
            alert::platform_id,
            alert::fingerprint,
        ))
        .load(conn)?;
    let read = |(id, platform, fingerprint): (Uuid, Uuid, String)| {
        let platform = platform.into();
        let whose = Identity {
            platform,
            fingerprint,
        };
        (id.into(), whose)
    };
    Ok(rows.into_iter().map(read).collect())
}

/// From `from` to `now` nobody was here to take what is sent again. What was lit then has as long as it was given when it
/// was last sent: in that time its sender sends it again, or means that it is over.
pub fn give_grace(conn: &mut Conn, from: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
    sql_query(
        "UPDATE outside_alert SET grace_until = $2 + (ends_at - seen_at) WHERE alert_id IN ( \
             SELECT o.alert_id FROM outside_alert o JOIN alert a ON a.id = o.alert_id \
             WHERE a.status = 'firing' AND greatest(o.ends_at, o.grace_until) > $1 \
             ORDER BY o.alert_id FOR UPDATE OF o)",
    )
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}

/// Notes what came with an alert, in place of what came before; what it says now is what lists show. That leaves no line in
/// its timeline, where the sentence stands with which it came: many programs write a figure into theirs, which is another
/// each time that they send it. The alert is locked before what came with it, as whoever puts it out does.
pub fn save(
    conn: &mut Conn,
    id: AlertId,
    posted: &Posted,
    sent_by: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let summary = posted.summary();
    let another = alert::table
        .find(id.uuid())
        .filter(alert::status.eq("firing"))
        .filter(alert::summary.ne(&summary));
    diesel::update(another)
        .set(alert::summary.eq(&summary))
        .execute(conn)?;
    let news = (
        outside_alert::annotations.eq(json!(posted.annotations)),
        outside_alert::generator.eq(&posted.generator),
        outside_alert::ends_at.eq(posted.ends_at),
        outside_alert::seen_at.eq(now),
        outside_alert::sent_by.eq(sent_by),
        outside_alert::grace_until.eq(None::<DateTime<Utc>>),
    );
    diesel::insert_into(outside_alert::table)
        .values((outside_alert::alert_id.eq(id.uuid()), news.clone()))
        .on_conflict(outside_alert::alert_id)
        .do_update()
        .set(news)
        .execute(conn)?;
    Ok(())
}
