//! Lists that somebody uploaded.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::features::screening::lists::{Loaded, Outcome};
use crate::features::screening::loads::{Format, Load, LoadFile, LoadId, NewLoad, State};
use crate::foundation::db::schema::screening_load;
use crate::foundation::db::{self, Conn};

/// Loads that the page lists.
const MOST: i64 = 20;

pub fn insert(
    conn: &mut Conn,
    id: LoadId,
    new: &NewLoad<'_>,
    files: &[LoadFile],
    by: &str,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::insert_into(screening_load::table)
        .values((
            screening_load::id.eq(id.uuid()),
            screening_load::format.eq(new.format.as_str()),
            screening_load::source.eq(new.source),
            screening_load::published.eq(new.published),
            screening_load::accept_drop.eq(new.accept_drop),
            screening_load::files.eq(json!(files)),
            screening_load::asked_by.eq(by),
            screening_load::asked_at.eq(now),
            screening_load::state.eq("waiting"),
        ))
        .execute(conn)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = screening_load)]
struct Row {
    id: Uuid,
    format: String,
    source: String,
    published: NaiveDate,
    accept_drop: Option<String>,
    files: Value,
    asked_by: String,
    asked_at: DateTime<Utc>,
    state: String,
    refusal: Option<String>,
    result: Option<Value>,
}

impl From<Row> for Load {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            format: Format::parse(&row.format).unwrap_or(Format::Plain),
            source: row.source,
            published: row.published,
            accept_drop: row.accept_drop,
            files: serde_json::from_value(row.files).unwrap_or_default(),
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            state: match row.state.as_str() {
                "loaded" => State::Ended(Outcome::Loaded),
                "confirmed" => State::Ended(Outcome::Confirmed),
                "unchanged" => State::Ended(Outcome::Unchanged),
                "refused" => State::Refused,
                _ => State::Waiting,
            },
            refusal: row.refusal,
            result: row
                .result
                .and_then(|value| serde_json::from_value(value).ok()),
        }
    }
}

pub fn find(conn: &mut Conn, id: LoadId) -> db::Result<Option<Load>> {
    let row = screening_load::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(Load::from))
}

/// The newest first.
pub fn latest(conn: &mut Conn) -> db::Result<Vec<Load>> {
    let rows: Vec<Row> = screening_load::table
        .order(screening_load::id.desc())
        .select(Row::as_select())
        .limit(MOST)
        .load(conn)?;
    Ok(rows.into_iter().map(Load::from).collect())
}

pub fn finish(
    conn: &mut Conn,
    id: LoadId,
    outcome: &Result<Loaded, String>,
    now: DateTime<Utc>,
) -> db::Result<()> {
    let state = match outcome {
        Err(_) => "refused",
        Ok(loaded) => match loaded.outcome {
            Outcome::Loaded => "loaded",
            Outcome::Confirmed => "confirmed",
            Outcome::Unchanged => "unchanged",
        },
    };
    let waiting = screening_load::table
        .find(id.uuid())
        .filter(screening_load::state.eq("waiting"));
    let changed = diesel::update(waiting)
        .set((
            screening_load::state.eq(state),
            screening_load::refusal.eq(outcome.as_ref().err()),
            screening_load::result.eq(outcome.as_ref().ok().map(|loaded| json!(loaded))),
            screening_load::finished_at.eq(now),
        ))
        .execute(conn)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(db::Error::NotFound)
    }
}
