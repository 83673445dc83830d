//! Gates that were asked.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::features::releases::release::{By, Gate, Outcome, ReleaseId};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::release_gate as row;
use crate::foundation::db::{Conn, Error, Result};

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    round: i32,
    position: i32,
    spec: Value,
    asked_at: DateTime<Utc>,
    asked_by: Uuid,
    not_before: DateTime<Utc>,
    outcome: String,
    value: String,
    source: String,
    seen_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
    overridden_at: Option<DateTime<Utc>>,
    overridden_by: Option<Uuid>,
    overridden_name: Option<String>,
    override_reason: Option<String>,
}

const DAMAGED: Error = Error::Damaged("a gate's row");

impl TryFrom<Row> for Gate {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let overridden = row.overridden_at.zip(row.overridden_by);
        Ok(Self {
            round: row.round,
            position: row.position,
            spec: serde_json::from_value(row.spec).map_err(|_| DAMAGED)?,
            asked_at: row.asked_at,
            asked_by: row.asked_by.into(),
            not_before: row.not_before,
            outcome: row.outcome.parse::<Outcome>().map_err(|_| DAMAGED)?,
            value: row.value,
            source: row.source,
            seen_at: row.seen_at,
            settled_at: row.settled_at,
            overridden: overridden.map(|(at, person)| {
                let by = By {
                    at,
                    person: person.into(),
                    name: row.overridden_name.unwrap_or_default(),
                };
                (by, row.override_reason.unwrap_or_default())
            }),
        })
    }
}

/// All that were ever asked of a release, in order.
pub fn of(conn: &mut Conn, id: ReleaseId) -> Result<Vec<Gate>> {
    let rows: Vec<Row> = row::table
        .filter(row::release_id.eq(id.uuid()))
        .order((row::round, row::position))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Gate::try_from).collect()
}

/// Those of these releases that did not pass, and on over which nobody has gone.
pub fn closed(conn: &mut Conn, ids: &[ReleaseId], at_most: i64) -> Result<Vec<(ReleaseId, Gate)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let closed = [Outcome::Fail.as_str(), Outcome::Unknown.as_str()];
    let rows: Vec<(Uuid, Row)> = row::table
        .filter(row::release_id.eq_any(ids))
        .filter(row::outcome.eq_any(closed))
        .filter(row::overridden_at.is_null())
        .order((row::settled_at.desc(), row::position))
        .limit(at_most)
        .select((row::release_id, Row::as_select()))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, row)| Ok((id.into(), row.try_into()?)))
        .collect()
}

/// Releases whose gates wait for something to read.
pub fn pending(conn: &mut Conn) -> Result<Vec<ReleaseId>> {
    let ids: Vec<Uuid> = row::table
        .filter(row::outcome.eq(Outcome::Pending.as_str()))
        .select(row::release_id)
        .distinct()
        .load(conn)?;
    Ok(ids.into_iter().map(ReleaseId::from).collect())
}

pub fn insert(tx: &mut Tx<'_>, id: ReleaseId, gate: &Gate) -> Result<()> {
    let spec =
        serde_json::to_value(&gate.spec).map_err(|error| Error::Event(format!("{error}")))?;
    diesel::insert_into(row::table)
        .values((
            row::release_id.eq(id.uuid()),
            row::round.eq(gate.round),
            row::gate.eq(&gate.spec.id),
            row::name.eq(&gate.spec.name),
            row::stage.eq(gate.spec.stage.as_str()),
            row::position.eq(gate.position),
            row::spec.eq(spec),
            row::asked_at.eq(gate.asked_at),
            row::asked_by.eq(gate.asked_by.uuid()),
            row::not_before.eq(gate.not_before),
            row::outcome.eq(gate.outcome.as_str()),
            row::value.eq(&gate.value),
            row::source.eq(&gate.source),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn save(tx: &mut Tx<'_>, id: ReleaseId, gate: &Gate) -> Result<()> {
    let overridden = gate.overridden.as_ref();
    diesel::update(row::table.find((id.uuid(), gate.round, &gate.spec.id)))
        .set((
            row::outcome.eq(gate.outcome.as_str()),
            row::value.eq(&gate.value),
            row::source.eq(&gate.source),
            row::seen_at.eq(gate.seen_at),
            row::settled_at.eq(gate.settled_at),
            row::overridden_at.eq(overridden.map(|(by, _)| by.at)),
            row::overridden_by.eq(overridden.map(|(by, _)| by.person.uuid())),
            row::overridden_name.eq(overridden.map(|(by, _)| &by.name)),
            row::override_reason.eq(overridden.map(|(_, reason)| reason)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
