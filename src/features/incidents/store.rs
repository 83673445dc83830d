//! Incidents as rows.

pub mod attached;
pub mod entries;
pub mod follow_ups;
pub mod reviews;
pub mod runbooks;
pub mod steps;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::incident::{Cause, Commander, Incident, IncidentId, Means, State};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::incident;
use crate::foundation::db::{Conn, Error, Result, first_rows};
use crate::foundation::kernel::{PlatformId, Scope};

const LIVE: [&str; 2] = [State::Open.as_str(), State::Mitigated.as_str()];

#[derive(Queryable, Selectable)]
#[diesel(table_name = incident)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    title: String,
    level: String,
    was_red: bool,
    state: String,
    cause: String,
    began_at: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    opened_name: String,
    acknowledged_at: Option<DateTime<Utc>>,
    mitigated_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    commander_id: Option<Uuid>,
    commander_name: Option<String>,
    evidence_at: Option<DateTime<Utc>>,
    review_due_at: Option<DateTime<Utc>>,
    taken_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Incident {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = |_| Error::Damaged("an incident");
        let commander = row.commander_id.zip(row.commander_name);
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            title: row.title,
            level: row.level.parse().map_err(damaged)?,
            was_red: row.was_red,
            state: row.state.parse().map_err(damaged)?,
            cause: row.cause.parse().map_err(damaged)?,
            began_at: row.began_at,
            opened_at: row.opened_at,
            opened_name: row.opened_name,
            taken_at: row.taken_at,
            acknowledged_at: row.acknowledged_at,
            mitigated_at: row.mitigated_at,
            resolved_at: row.resolved_at,
            closed_at: row.closed_at,
            commander: commander.map(|(id, name)| Commander {
                id: id.into(),
                name,
            }),
            evidence_at: row.evidence_at,
            review_due_at: row.review_due_at,
        })
    }
}

fn read_all(rows: Vec<Row>) -> Result<Vec<Incident>> {
    rows.into_iter().map(Incident::try_from).collect()
}

pub fn one(conn: &mut Conn, id: IncidentId) -> Result<Incident> {
    incident::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?
        .try_into()
}

pub fn lock(tx: &mut Tx<'_>, id: IncidentId) -> Result<Incident> {
    incident::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?
        .try_into()
}

/// The one that is not resolved of what opens by itself, locked.
pub fn lock_of_cause(tx: &mut Tx<'_>, cause: Cause) -> Result<Option<Incident>> {
    incident::table
        .filter(incident::cause.eq(cause.as_str()))
        .filter(incident::state.eq_any(LIVE))
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)
        .optional()?
        .map(Incident::try_from)
        .transpose()
}

/// When the last one of a cause was resolved.
pub fn last_resolved(conn: &mut Conn, cause: Cause) -> Result<Option<DateTime<Utc>>> {
    let at: Option<DateTime<Utc>> = incident::table
        .filter(incident::cause.eq(cause.as_str()))
        .select(diesel::dsl::max(incident::resolved_at))
        .first(conn)?;
    Ok(at)
}

pub fn insert(tx: &mut Tx<'_>, new: &Incident) -> Result<()> {
    diesel::insert_into(incident::table)
        .values((
            incident::id.eq(new.id.uuid()),
            incident::platform_id.eq(new.platform.uuid()),
            incident::title.eq(&new.title),
            incident::level.eq(new.level.as_str()),
            incident::was_red.eq(new.was_red),
            incident::state.eq(new.state.as_str()),
            incident::cause.eq(new.cause.as_str()),
            incident::began_at.eq(new.began_at),
            incident::opened_at.eq(new.opened_at),
            incident::opened_name.eq(&new.opened_name),
            incident::taken_at.eq(new.taken_at),
            incident::acknowledged_at.eq(new.acknowledged_at),
            incident::commander_id.eq(new.commander.as_ref().map(|it| it.id.uuid())),
            incident::commander_name.eq(new.commander.as_ref().map(|it| &it.name)),
            incident::evidence_at.eq(new.evidence_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Everything about it that may change.
pub fn save(tx: &mut Tx<'_>, changed: &Incident) -> Result<()> {
    diesel::update(incident::table.find(changed.id.uuid()))
        .set((
            incident::level.eq(changed.level.as_str()),
            incident::was_red.eq(changed.was_red),
            incident::state.eq(changed.state.as_str()),
            incident::began_at.eq(changed.began_at),
            incident::taken_at.eq(changed.taken_at),
            incident::acknowledged_at.eq(changed.acknowledged_at),
            incident::mitigated_at.eq(changed.mitigated_at),
            incident::resolved_at.eq(changed.resolved_at),
            incident::closed_at.eq(changed.closed_at),
            incident::commander_id.eq(changed.commander.as_ref().map(|it| it.id.uuid())),
            incident::commander_name.eq(changed.commander.as_ref().map(|it| &it.name)),
            incident::evidence_at.eq(changed.evidence_at),
            incident::review_due_at.eq(changed.review_due_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Where a page of the list begins.
pub type Place = (DateTime<Utc>, Uuid);

/// Which of them a list shows.
pub struct Wanted<'w> {
    pub scope: &'w Scope,
    /// Those that are not resolved, or those that are.
    pub live: bool,
    pub state: Option<State>,
    /// From before this one on.
    pub before: Option<Place>,
}

/// The newest first.
pub fn listed(conn: &mut Conn, wanted: &Wanted<'_>, at_most: usize) -> Result<Vec<Incident>> {
    let mut query = incident::table
        .order((incident::opened_at.desc(), incident::id.desc()))
        .select(Row::as_select())
        .into_boxed();
    query = if wanted.live {
        query.filter(incident::state.eq_any(LIVE))
    } else {
        query.filter(incident::state.ne_all(LIVE))
    };
    if let Some(state) = wanted.state {
        query = query.filter(incident::state.eq(state.as_str()));
    }
    if let Some(platforms) = wanted.scope.ids() {
        query = query.filter(incident::platform_id.eq_any(platforms));
    }
    if let Some((at, id)) = wanted.before {
        let older = incident::opened_at
            .lt(at)
            .or(incident::opened_at.eq(at).and(incident::id.lt(id)));
        query = query.filter(older);
    }
    read_all(first_rows(query, at_most).load(conn)?)
}

/// Those that are not resolved; no more than a page shows.
pub fn live(conn: &mut Conn, scope: &Scope) -> Result<Vec<Incident>> {
    const AT_MOST: usize = 500;
    let wanted = Wanted {
        scope,
        live: true,
        state: None,
        before: None,
    };
    listed(conn, &wanted, AT_MOST)
}

/// Resolved ones that were red and wait for a review whose time is over.
pub fn reviews_overdue(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<i64> {
    let mut query = incident::table
        .filter(incident::state.eq(State::Resolved.as_str()))
        .filter(incident::was_red)
        .filter(incident::review_due_at.lt(now))
        .count()
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(incident::platform_id.eq_any(platforms));
    }
    Ok(query.get_result(conn)?)
}

/// How many were opened in this time.
pub fn opened_between(
    conn: &mut Conn,
    platform: PlatformId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<i64> {
    let count = incident::table
        .filter(incident::platform_id.eq(platform.uuid()))
        .filter(incident::opened_at.ge(from).and(incident::opened_at.lt(to)))
        .count()
        .get_result(conn)?;
    Ok(count)
}

/// How long each took that was resolved in this time.
pub fn resolved_between(
    conn: &mut Conn,
    platform: PlatformId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<TimeDelta>> {
    let times: Vec<(DateTime<Utc>, DateTime<Utc>)> = incident::table
        .filter(incident::platform_id.eq(platform.uuid()))
        .filter(
            incident::resolved_at
                .ge(from)
                .and(incident::resolved_at.lt(to)),
        )
        .select((incident::began_at, incident::resolved_at.assume_not_null()))
        .load(conn)?;
    Ok(times
        .into_iter()
        .map(|(began, resolved)| resolved - began)
        .collect())
}

/// How long those took that were resolved since then.
pub fn means(conn: &mut Conn, scope: &Scope, since: DateTime<Utc>) -> Result<Means> {
    type Times = (DateTime<Utc>, DateTime<Utc>, DateTime<Utc>);
    /// More are not looked at: nobody resolves as many in a quarter.
    const AT_MOST: usize = 10_000;
    let mut query = incident::table
        .filter(incident::resolved_at.ge(since))
        .filter(incident::acknowledged_at.is_not_null())
        .order(incident::resolved_at.desc())
        .select((
            incident::began_at,
            incident::acknowledged_at.assume_not_null(),
            incident::resolved_at.assume_not_null(),
        ))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(incident::platform_id.eq_any(platforms));
    }
    let times: Vec<Times> = first_rows(query, AT_MOST).load(conn)?;
    Ok(Means::of(&times))
}
