//! Releases, their gates and their timelines, as rows.

pub mod gates;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::release::{By, Release, ReleaseId, State};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{release as row, release_event};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::paging::Place;

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    version_from: String,
    version_to: String,
    what: String,
    planned_at: DateTime<Utc>,
    checklist_run_id: Option<Uuid>,
    proposed_at: DateTime<Utc>,
    proposed_by: Uuid,
    proposed_name: String,
    state: String,
    round: i32,
    approved_at: Option<DateTime<Utc>>,
    approved_by: Option<Uuid>,
    approved_name: Option<String>,
    started_at: Option<DateTime<Utc>>,
    started_by: Option<Uuid>,
    started_name: Option<String>,
    back_to: Option<String>,
    reason: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    passed_at: Option<DateTime<Utc>>,
}

fn by(at: Option<DateTime<Utc>>, person: Option<Uuid>, name: Option<String>) -> Option<By> {
    at.zip(person).map(|(at, person)| By {
        at,
        person: person.into(),
        name: name.unwrap_or_default(),
    })
}

impl TryFrom<Row> for Release {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = |_| Error::Damaged("a release's row");
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            from: row.version_from,
            to: row.version_to,
            what: row.what,
            planned_at: row.planned_at,
            checklist: row.checklist_run_id,
            proposed: By {
                at: row.proposed_at,
                person: row.proposed_by.into(),
                name: row.proposed_name,
            },
            state: row.state.parse::<State>().map_err(damaged)?,
            round: row.round,
            passed_at: row.passed_at,
            approved: by(row.approved_at, row.approved_by, row.approved_name),
            started: by(row.started_at, row.started_by, row.started_name),
            back_to: row.back_to,
            reason: row.reason,
            ended_at: row.ended_at,
        })
    }
}

/// Those that are not over, or that are, the last first, from before a place on.
pub fn all(
    conn: &mut Conn,
    scope: &Scope,
    (over, before): (bool, Option<Place>),
    at_most: i64,
) -> Result<Vec<Release>> {
    let mut query = row::table
        .order((row::proposed_at.desc(), row::id.desc()))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    query = if over {
        query.filter(row::ended_at.is_not_null())
    } else {
        query.filter(row::ended_at.is_null())
    };
    if let Some((at, id)) = before {
        let older = row::proposed_at
            .lt(at)
            .or(row::proposed_at.eq(at).and(row::id.lt(id)));
        query = query.filter(older);
    }
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    let rows: Vec<Row> = query.load(conn)?;
    rows.into_iter().map(Release::try_from).collect()
}

pub fn one(conn: &mut Conn, id: ReleaseId) -> Result<Release> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    found.try_into()
}

pub fn lock(tx: &mut Tx<'_>, id: ReleaseId) -> Result<Release> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?;
    found.try_into()
}

pub fn insert(tx: &mut Tx<'_>, new: &Release) -> Result<()> {
    diesel::insert_into(row::table)
        .values((
            row::id.eq(new.id.uuid()),
            row::platform_id.eq(new.platform.uuid()),
            row::version_from.eq(&new.from),
            row::version_to.eq(&new.to),
            row::what.eq(&new.what),
            row::planned_at.eq(new.planned_at),
            row::checklist_run_id.eq(new.checklist),
            row::proposed_at.eq(new.proposed.at),
            row::proposed_by.eq(new.proposed.person.uuid()),
            row::proposed_name.eq(&new.proposed.name),
            row::state.eq(new.state.as_str()),
            row::round.eq(new.round),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn save(tx: &mut Tx<'_>, changed: &Release) -> Result<()> {
    let approved = changed.approved.as_ref();
    let started = changed.started.as_ref();
    diesel::update(row::table.find(changed.id.uuid()))
        .set((
            row::state.eq(changed.state.as_str()),
            row::round.eq(changed.round),
            row::checklist_run_id.eq(changed.checklist),
            row::passed_at.eq(changed.passed_at),
            row::approved_at.eq(approved.map(|by| by.at)),
            row::approved_by.eq(approved.map(|by| by.person.uuid())),
            row::approved_name.eq(approved.map(|by| &by.name)),
            row::started_at.eq(started.map(|by| by.at)),
            row::started_by.eq(started.map(|by| by.person.uuid())),
            row::started_name.eq(started.map(|by| &by.name)),
            row::back_to.eq(&changed.back_to),
            row::reason.eq(&changed.reason),
            row::ended_at.eq(changed.ended_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Something that happened to a release.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = release_event)]
pub struct Happened {
    pub at: DateTime<Utc>,
    pub by_name: String,
    pub what: String,
    pub note: String,
}

pub fn note(tx: &mut Tx<'_>, id: ReleaseId, by: &str, what: &str, note: &str) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(release_event::table)
        .values((
            release_event::id.eq(Uuid::now_v7()),
            release_event::release_id.eq(id.uuid()),
            release_event::at.eq(now),
            release_event::by_name.eq(by),
            release_event::what.eq(what),
            release_event::note.eq(note),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn timeline(conn: &mut Conn, id: ReleaseId) -> Result<Vec<Happened>> {
    Ok(release_event::table
        .filter(release_event::release_id.eq(id.uuid()))
        .order((release_event::at, release_event::id))
        .select(Happened::as_select())
        .load(conn)?)
}

/// How many releases of a platform ended in a time that is over: where they should be, and back where they were.
pub fn ended_between(
    conn: &mut Conn,
    platform: PlatformId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<[i64; 2]> {
    let ended = |conn: &mut Conn, state: State| {
        row::table
            .filter(row::platform_id.eq(platform.uuid()))
            .filter(row::state.eq(state.as_str()))
            .filter(row::ended_at.ge(from))
            .filter(row::ended_at.lt(to))
            .count()
            .get_result(conn)
    };
    Ok([ended(conn, State::Done)?, ended(conn, State::RolledBack)?])
}
