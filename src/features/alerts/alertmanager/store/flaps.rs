//! What comes and goes of what other programs say: a row for each identity that has lately, none for the others.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::features::alerts::AlertId;
use crate::features::alerts::alertmanager::posted::Identity;
use crate::features::alerts::flap::{Flap, Held, WINDOW};
use crate::foundation::db::schema::{alert, outside_flap};
use crate::foundation::db::{Conn, Result};

type Row = (
    Vec<Option<DateTime<Utc>>>,
    Option<DateTime<Utc>>,
    Option<bool>,
);

fn read((turns, since, on): Row) -> Flap {
    let held = since.zip(on);
    Flap {
        turns: turns.into_iter().flatten().collect(),
        held: held.map(|(since, on)| Held { since, on }),
    }
}

/// What is known of one, locked to the end of the transaction, also where nothing is. One statement, so that nobody forgets
/// it between its being found and its being locked.
pub fn lock(conn: &mut Conn, whose: &Identity) -> Result<Flap> {
    let key = (
        outside_flap::platform_id.eq(whose.platform.uuid()),
        outside_flap::fingerprint.eq(&whose.fingerprint),
    );
    let row: Row = diesel::insert_into(outside_flap::table)
        .values(key)
        .on_conflict((outside_flap::platform_id, outside_flap::fingerprint))
        .do_update()
        .set(outside_flap::fingerprint.eq(excluded(outside_flap::fingerprint)))
        .returning((
            outside_flap::turns,
            outside_flap::held_since,
            outside_flap::is_on,
        ))
        .get_result(conn)?;
    Ok(read(row))
}

pub fn save(conn: &mut Conn, whose: &Identity, flap: &Flap) -> Result<()> {
    diesel::update(outside_flap::table.find((whose.platform.uuid(), &whose.fingerprint)))
        .set((
            outside_flap::turns.eq(&flap.turns),
            outside_flap::held_since.eq(flap.held.map(|held| held.since)),
            outside_flap::is_on.eq(flap.held.map(|held| held.on)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Those that are held lit, and whether each would be lit at present.
pub fn held(conn: &mut Conn) -> Result<BTreeMap<Identity, Flap>> {
    let rows: Vec<(Uuid, String, Row)> = outside_flap::table
        .filter(outside_flap::held_since.is_not_null())
        .select((
            outside_flap::platform_id,
            outside_flap::fingerprint,
            (
                outside_flap::turns,
                outside_flap::held_since,
                outside_flap::is_on,
            ),
        ))
        .load(conn)?;
    let each = rows.into_iter().map(|(platform, fingerprint, row)| {
        let platform = platform.into();
        let whose = Identity {
            platform,
            fingerprint,
        };
        (whose, read(row))
    });
    Ok(each.collect())
}

/// What is lit of this identity.
pub fn lit(conn: &mut Conn, whose: &Identity) -> Result<Option<AlertId>> {
    let id: Option<Uuid> = alert::table
        .filter(alert::platform_id.eq(whose.platform.uuid()))
        .filter(alert::fingerprint.eq(&whose.fingerprint))
        .filter(alert::status.eq("firing"))
        .filter(alert::about.eq(super::OUTSIDE))
        .select(alert::id)
        .first(conn)
        .optional()?;
    Ok(id.map(AlertId::from))
}

/// For so long nobody saw whether what is held came or went: that was no quiet.
pub fn shift(conn: &mut Conn, pause: TimeDelta) -> Result<()> {
    sql_query(
        "UPDATE outside_flap SET \
             turns = ARRAY(SELECT turn + pause FROM unnest(turns) AS turn ORDER BY turn) \
         FROM (SELECT $1 * interval '1 microsecond' AS pause) AS standstill \
         WHERE held_since IS NOT NULL",
    )
    .bind::<BigInt, _>(pause.num_microseconds().unwrap_or(i64::MAX))
    .execute(conn)?;
    Ok(())
}

/// Forgets up to `limit` that have come and gone no more for as long as it counts. Returns how many.
pub fn purge(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> Result<usize> {
    Ok(sql_query(
        "DELETE FROM outside_flap WHERE (platform_id, fingerprint) IN ( \
             SELECT platform_id, fingerprint FROM outside_flap WHERE held_since IS NULL \
             AND NOT EXISTS (SELECT FROM unnest(turns) AS turn WHERE turn > $1) \
             ORDER BY platform_id, fingerprint LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(now - WINDOW)
    .bind::<BigInt, _>(limit)
    .execute(conn)?)
}
