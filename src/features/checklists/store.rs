//! Checklists that were opened, as rows.

pub mod answers;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::run::{Review, Run, RunId, Signature, State, Waiting};
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::checklist_run as row;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PersonId, PlatformId, Scope};
use crate::foundation::web::paging::Place;

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    item_id: Uuid,
    name: String,
    spec: Value,
    schedule: String,
    slot: DateTime<Utc>,
    due_at: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    opened_by: Option<Uuid>,
    opened_name: String,
    subject: String,
    window_id: Option<Uuid>,
    state: String,
    signed_at: Option<DateTime<Utc>>,
    signed_by: Option<Uuid>,
    signed_name: Option<String>,
    performers: Option<Vec<Option<Uuid>>>,
    contents: Option<String>,
    digest: Option<Vec<u8>>,
    failed: Option<i32>,
    reviewed_at: Option<DateTime<Utc>>,
    reviewed_by: Option<Uuid>,
    reviewed_name: Option<String>,
    review_note: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    end_note: Option<String>,
}

const DAMAGED: Error = Error::Damaged("a checklist's row");

impl TryFrom<Row> for Run {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let performers = row.performers.unwrap_or_default();
        let signature = row.signed_at.zip(row.signed_by).map(|(at, by)| Signature {
            at,
            by: by.into(),
            name: row.signed_name.unwrap_or_default(),
            performers: performers
                .into_iter()
                .flatten()
                .map(PersonId::from)
                .collect(),
            contents: row.contents.unwrap_or_default(),
            digest: row.digest.unwrap_or_default(),
            failed: row.failed.unwrap_or_default(),
        });
        let review = row.reviewed_at.zip(row.reviewed_by).map(|(at, by)| Review {
            at,
            by: by.into(),
            name: row.reviewed_name.unwrap_or_default(),
            note: row.review_note.unwrap_or_default(),
        });
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            item: row.item_id.into(),
            name: row.name,
            spec: serde_json::from_value(row.spec).map_err(|_| DAMAGED)?,
            schedule: row.schedule,
            slot: row.slot,
            due_at: row.due_at,
            opened_at: row.opened_at,
            opened_by: row.opened_by.map(PersonId::from),
            opened_name: row.opened_name,
            subject: row.subject,
            window: row.window_id,
            state: row.state.parse::<State>().map_err(|_| DAMAGED)?,
            signature,
            review,
            ended: row
                .ended_at
                .map(|at| (at, row.end_note.unwrap_or_default())),
        })
    }
}

/// One that cannot be read is left out and logged, so that it does not take the others with it.
fn read_all(rows: Vec<Row>) -> Vec<Run> {
    let read = |row: Row| {
        let id = row.id;
        let run = Run::try_from(row);
        run.inspect_err(|error| tracing::error!(%error, %id, "a checklist cannot be read"))
            .ok()
    };
    rows.into_iter().filter_map(read).collect()
}

/// Those that wait for somebody, without what was asked and answered.
pub fn times(conn: &mut Conn, scope: &Scope) -> Result<Vec<Waiting>> {
    type Brief = (Uuid, Uuid, Uuid, String, DateTime<Utc>, DateTime<Utc>);
    let mut query = row::table
        .filter(row::state.eq_any([State::Open.as_str(), State::Signed.as_str()]))
        .select((
            row::id,
            row::platform_id,
            row::item_id,
            row::state,
            row::slot,
            row::due_at,
        ))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    let rows: Vec<Brief> = query.load(conn)?;
    let read = |(id, platform, item, state, slot, due_at): Brief| {
        Ok(Waiting {
            id: id.into(),
            platform: platform.into(),
            item: item.into(),
            state: state.parse().map_err(|_| DAMAGED)?,
            slot,
            due_at,
        })
    };
    rows.into_iter().map(read).collect()
}

/// The first so many of those that wait for somebody, what is due first on top.
pub fn waiting(conn: &mut Conn, scope: &Scope, at_most: i64) -> Result<Vec<Run>> {
    let mut query = row::table
        .filter(row::state.eq_any([State::Open.as_str(), State::Signed.as_str()]))
        .order((row::due_at, row::id))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    Ok(read_all(query.load(conn)?))
}

/// A signed list that waits for somebody else to look it over.
#[derive(Clone, Debug)]
pub struct Signed {
    pub id: RunId,
    pub name: String,
    pub at: DateTime<Utc>,
    pub by: String,
    /// Whose own work it is.
    pub performers: Vec<PersonId>,
}

/// The first so many of those that wait to be looked over, the oldest on top, without what was asked and answered.
pub fn to_review(conn: &mut Conn, scope: &Scope, at_most: i64) -> Result<Vec<Signed>> {
    type Brief = (
        Uuid,
        String,
        DateTime<Utc>,
        Option<String>,
        Option<Vec<Option<Uuid>>>,
    );
    let mut query = row::table
        .filter(row::state.eq(State::Signed.as_str()))
        .order((row::signed_at, row::id))
        .limit(at_most)
        .select((
            row::id,
            row::name,
            row::signed_at.assume_not_null(),
            row::signed_name,
            row::performers,
        ))
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    let rows: Vec<Brief> = query.load(conn)?;
    let read = |(id, name, at, by, performers): Brief| Signed {
        id: id.into(),
        name,
        at,
        by: by.unwrap_or_default(),
        performers: performers
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .map(PersonId::from)
            .collect(),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Those that wait for nobody any more, the last first, from before a place on.
pub fn over(
    conn: &mut Conn,
    scope: &Scope,
    before: Option<Place>,
    at_most: i64,
) -> Result<Vec<Run>> {
    let mut query = row::table
        .filter(row::state.ne_all([State::Open.as_str(), State::Signed.as_str()]))
        .order((row::slot.desc(), row::id.desc()))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some((at, id)) = before {
        let older = row::slot.lt(at).or(row::slot.eq(at).and(row::id.lt(id)));
        query = query.filter(older);
    }
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    Ok(read_all(query.load(conn)?))
}

/// All of one list, the last first, from before a place on.
pub fn of_item(
    conn: &mut Conn,
    item: ItemId,
    before: Option<Place>,
    at_most: i64,
) -> Result<Vec<Run>> {
    let mut query = row::table
        .filter(row::item_id.eq(item.uuid()))
        .order((row::slot.desc(), row::id.desc()))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some((at, id)) = before {
        let older = row::slot.lt(at).or(row::slot.eq(at).and(row::id.lt(id)));
        query = query.filter(older);
    }
    Ok(read_all(query.load(conn)?))
}

pub fn one(conn: &mut Conn, id: RunId) -> Result<Run> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    found.try_into()
}

pub fn lock(tx: &mut Tx<'_>, id: RunId) -> Result<Run> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?;
    found.try_into()
}

/// Those of a list that opened by themselves and wait to be signed.
pub fn lock_open(tx: &mut Tx<'_>, item: ItemId) -> Result<Vec<Run>> {
    let rows = row::table
        .filter(row::item_id.eq(item.uuid()))
        .filter(row::opened_by.is_null())
        .filter(row::state.eq(State::Open.as_str()))
        .order(row::id)
        .select(Row::as_select())
        .for_update()
        .load(&mut **tx)?;
    Ok(read_all(rows))
}

/// The last slot of a list that opens by itself, and by what it opened.
pub fn last_slot(conn: &mut Conn, item: ItemId) -> Result<Option<(DateTime<Utc>, String)>> {
    Ok(row::table
        .filter(row::item_id.eq(item.uuid()))
        .filter(row::opened_by.is_null())
        .order(row::slot.desc())
        .select((row::slot, row::schedule))
        .first(conn)
        .optional()?)
}

/// False where somebody else has opened the same slot.
pub fn insert(tx: &mut Tx<'_>, new: &Run) -> Result<bool> {
    let spec = serde_json::to_value(&new.spec).map_err(|error| Error::Event(format!("{error}")))?;
    let ended = new.ended.as_ref();
    let inserted = diesel::insert_into(row::table)
        .values((
            row::id.eq(new.id.uuid()),
            row::platform_id.eq(new.platform.uuid()),
            row::item_id.eq(new.item.uuid()),
            row::name.eq(&new.name),
            row::spec.eq(spec),
            row::schedule.eq(&new.schedule),
            row::slot.eq(new.slot),
            row::due_at.eq(new.due_at),
            row::opened_at.eq(new.opened_at),
            row::opened_by.eq(new.opened_by.map(PersonId::uuid)),
            row::opened_name.eq(&new.opened_name),
            row::subject.eq(&new.subject),
            row::window_id.eq(new.window),
            row::state.eq(new.state.as_str()),
            row::ended_at.eq(ended.map(|(at, _)| *at)),
            row::end_note.eq(ended.map(|(_, note)| note)),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    Ok(inserted == 1)
}

/// What became of it.
pub fn save(tx: &mut Tx<'_>, changed: &Run) -> Result<()> {
    let signature = changed.signature.as_ref();
    let performers = signature.map(|it| {
        let ids = it.performers.iter().map(|person| Some(person.uuid()));
        ids.collect::<Vec<_>>()
    });
    let review = changed.review.as_ref();
    let ended = changed.ended.as_ref();
    diesel::update(row::table.find(changed.id.uuid()))
        .set((
            row::state.eq(changed.state.as_str()),
            row::signed_at.eq(signature.map(|it| it.at)),
            row::signed_by.eq(signature.map(|it| it.by.uuid())),
            row::signed_name.eq(signature.map(|it| &it.name)),
            row::performers.eq(performers),
            row::contents.eq(signature.map(|it| &it.contents)),
            row::digest.eq(signature.map(|it| &it.digest)),
            row::failed.eq(signature.map(|it| it.failed)),
            row::reviewed_at.eq(review.map(|it| it.at)),
            row::reviewed_by.eq(review.map(|it| it.by.uuid())),
            row::reviewed_name.eq(review.map(|it| &it.name)),
            row::review_note.eq(review.map(|it| &it.note)),
            row::ended_at.eq(ended.map(|(at, _)| *at)),
            row::end_note.eq(ended.map(|(_, note)| note)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// How many lists of a platform turned out to be missed in a time that is over: that is known when the next one opens.
pub fn missed_between(
    conn: &mut Conn,
    platform: PlatformId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<i64> {
    Ok(row::table
        .filter(row::platform_id.eq(platform.uuid()))
        .filter(row::state.eq(State::Missed.as_str()))
        .filter(row::ended_at.ge(from))
        .filter(row::ended_at.lt(to))
        .count()
        .get_result(conn)?)
}
