//! The queue: open cases, what is due first comes first.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::cases::CaseRow;
use crate::features::reviews::case::Case;
use crate::features::reviews::risk::Band;
use crate::features::reviews::verdict::Status;
use crate::foundation::db::schema::{platform, review_case};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId, Scope, SubjectId};
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};

/// The key of a row of the queue.
pub type Place = (DateTime<Utc>, Uuid);

/// What of the queue is wanted. Nothing but the scope means every open case in it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub scope: Scope,
    pub status: Option<Status>,
    pub band: Option<Band>,
    pub platform: Option<PlatformId>,
    pub claimed_by: Option<PersonId>,
    /// Due before this moment.
    pub due_before: Option<DateTime<Utc>>,
    /// Kinds of case; nothing for all of them.
    pub kinds: Option<Vec<String>>,
}

impl Wanted {
    /// Every open case on these platforms.
    pub fn open(scope: Scope) -> Self {
        Self {
            scope,
            status: None,
            band: None,
            platform: None,
            claimed_by: None,
            due_before: None,
            kinds: None,
        }
    }
}

pub fn page(
    conn: &mut Conn,
    wanted: &Wanted,
    cursor: Option<&Cursor<Place>>,
) -> db::Result<Page<Case>> {
    let mut query = review_case::table.select(CaseRow::as_select()).into_boxed();
    query = match wanted.status {
        Some(status) => query.filter(review_case::status.eq(status.as_str())),
        None => query.filter(review_case::closed_at.is_null()),
    };
    if let Some(platforms) = wanted.scope.ids() {
        query = query.filter(review_case::platform_id.eq_any(platforms));
    }
    if let Some(band) = wanted.band {
        query = query.filter(review_case::band.eq(band.as_str()));
    }
    if let Some(platform) = wanted.platform {
        query = query.filter(review_case::platform_id.eq(platform.uuid()));
    }
    if let Some(person) = wanted.claimed_by {
        query = query.filter(review_case::claimed_by.eq(person.uuid()));
    }
    if let Some(kinds) = &wanted.kinds {
        query = query.filter(review_case::kind.eq_any(kinds));
    }
    if let Some(moment) = wanted.due_before {
        query = query.filter(review_case::due_at.le(moment));
    }
    let place = (review_case::due_at, review_case::id);
    query = match cursor {
        None => query.order(place),
        Some(Cursor { direction, key }) => {
            let (due, id) = *key;
            match direction {
                Direction::Next => query
                    .filter(
                        review_case::due_at
                            .gt(due)
                            .or(review_case::due_at.eq(due).and(review_case::id.gt(id))),
                    )
                    .order(place),
                Direction::Previous => query
                    .filter(
                        review_case::due_at
                            .lt(due)
                            .or(review_case::due_at.eq(due).and(review_case::id.lt(id))),
                    )
                    .order((review_case::due_at.desc(), review_case::id.desc())),
            }
        }
    };
    let limit = i64::try_from(PAGE_ROWS + 1).unwrap_or(i64::MAX);
    let rows: Vec<CaseRow> = query.limit(limit).load(conn)?;
    let cases = rows.into_iter().map(Case::from).collect();
    Ok(Page::from_rows(cases, cursor, |case: &Case| {
        (case.due_at, case.id.uuid())
    }))
}

/// Cases of a subject, the newest first.
pub fn of_subject(conn: &mut Conn, subject: SubjectId) -> db::Result<Vec<Case>> {
    let rows: Vec<CaseRow> = review_case::table
        .filter(review_case::subject_id.eq(subject.uuid()))
        .order(review_case::opened_at.desc())
        .limit(50)
        .select(CaseRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Case::from).collect())
}

/// The newest case of each of these subjects.
pub fn newest_of_subjects(conn: &mut Conn, subjects: &[SubjectId]) -> db::Result<Vec<Case>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<CaseRow> = review_case::table
        .filter(review_case::subject_id.eq_any(ids))
        .distinct_on(review_case::subject_id)
        .order((review_case::subject_id, review_case::number.desc()))
        .select(CaseRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Case::from).collect())
}

/// The open case of each of these subjects.
pub fn open_of_subjects(conn: &mut Conn, subjects: &[SubjectId]) -> db::Result<Vec<Case>> {
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.uuid()).collect();
    let rows: Vec<CaseRow> = review_case::table
        .filter(review_case::subject_id.eq_any(ids))
        .filter(review_case::closed_at.is_null())
        .select(CaseRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Case::from).collect())
}

/// How many open cases a platform has, counted no further than `cap`.
pub fn open_count(conn: &mut Conn, platform: PlatformId, cap: i64) -> db::Result<usize> {
    let ids: Vec<Uuid> = review_case::table
        .filter(review_case::platform_id.eq(platform.uuid()))
        .filter(review_case::closed_at.is_null())
        .select(review_case::id)
        .limit(cap)
        .load(conn)?;
    Ok(ids.len())
}

/// Platforms by name, for the filter and for the rows.
pub fn platforms(conn: &mut Conn) -> db::Result<Vec<(PlatformId, String)>> {
    let rows: Vec<(Uuid, String)> = platform::table
        .order(platform::name)
        .select((platform::id, platform::name))
        .limit(200)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, name)| (id.into(), name))
        .collect())
}
