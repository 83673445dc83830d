//! Actions of reviews as rows.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::incidents::incident::IncidentId;
use crate::features::incidents::review::{FollowUp, FollowUpId, Progress};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{incident, incident_action as row};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PersonId, Scope};

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    id: Uuid,
    incident_id: Uuid,
    text: String,
    owner_id: Uuid,
    owner_name: String,
    due: NaiveDate,
    overdue_at: DateTime<Utc>,
    state: String,
    outcome: String,
    made_at: DateTime<Utc>,
    made_name: String,
    ended_at: Option<DateTime<Utc>>,
    ended_name: Option<String>,
    made_by: Option<Uuid>,
    ended_by: Option<Uuid>,
}

impl TryFrom<Row> for FollowUp {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state = row.state.parse::<Progress>();
        Ok(Self {
            id: row.id.into(),
            incident: row.incident_id.into(),
            text: row.text,
            owner: row.owner_id.into(),
            owner_name: row.owner_name,
            due: row.due,
            overdue_at: row.overdue_at,
            state: state.map_err(|_| Error::Damaged("an action of a review"))?,
            outcome: row.outcome,
            made_by: row.made_by.map(PersonId::from),
            made_name: row.made_name,
            made_at: row.made_at,
            ended: row.ended_at.zip(row.ended_name),
            ended_by: row.ended_by.map(PersonId::from),
        })
    }
}

fn read_all(rows: Vec<Row>) -> Result<Vec<FollowUp>> {
    rows.into_iter().map(FollowUp::try_from).collect()
}

/// Those of an incident, what is due first at the top.
pub fn of(conn: &mut Conn, id: IncidentId) -> Result<Vec<FollowUp>> {
    read_all(
        row::table
            .filter(row::incident_id.eq(id.uuid()))
            .order((row::due, row::id))
            .select(Row::as_select())
            .load(conn)?,
    )
}

pub fn lock(tx: &mut Tx<'_>, id: FollowUpId) -> Result<FollowUp> {
    row::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?
        .try_into()
}

/// Open ones, what is due first at the top, with the title of their incident.
pub fn open(conn: &mut Conn, scope: &Scope) -> Result<Vec<(FollowUp, String)>> {
    const AT_MOST: i64 = 200;
    let mut query = row::table
        .inner_join(incident::table)
        .filter(row::state.eq(Progress::Open.as_str()))
        .order((row::overdue_at, row::id))
        .limit(AT_MOST)
        .select((Row::as_select(), incident::title))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(incident::platform_id.eq_any(platforms));
    }
    let rows: Vec<(Row, String)> = query.load(conn)?;
    let each = rows
        .into_iter()
        .map(|(row, title)| Ok((row.try_into()?, title)));
    each.collect()
}

/// How many are late, of every platform.
pub fn overdue(conn: &mut Conn, now: DateTime<Utc>) -> Result<i64> {
    Ok(row::table
        .filter(row::state.eq(Progress::Open.as_str()))
        .filter(row::overdue_at.lt(now))
        .count()
        .get_result(conn)?)
}

pub fn insert(tx: &mut Tx<'_>, new: &FollowUp) -> Result<()> {
    diesel::insert_into(row::table)
        .values((
            row::id.eq(new.id.uuid()),
            row::incident_id.eq(new.incident.uuid()),
            row::text.eq(&new.text),
            row::owner_id.eq(new.owner.uuid()),
            row::owner_name.eq(&new.owner_name),
            row::due.eq(new.due),
            row::overdue_at.eq(new.overdue_at),
            row::state.eq(new.state.as_str()),
            row::outcome.eq(&new.outcome),
            row::made_at.eq(new.made_at),
            row::made_by.eq(new.made_by.map(PersonId::uuid)),
            row::made_name.eq(&new.made_name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn save(tx: &mut Tx<'_>, changed: &FollowUp) -> Result<()> {
    let ended = changed.ended.as_ref();
    diesel::update(row::table.find(changed.id.uuid()))
        .set((
            row::state.eq(changed.state.as_str()),
            row::outcome.eq(&changed.outcome),
            row::ended_at.eq(ended.map(|(at, _)| *at)),
            row::ended_name.eq(ended.map(|(_, name)| name)),
            row::ended_by.eq(changed.ended_by.map(PersonId::uuid)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
