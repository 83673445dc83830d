//! Digests as rows. They are only ever added.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::digest::{Digest, DigestId, Kind, Period};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::digest as row;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::paging::Place;

#[derive(Queryable, Selectable)]
#[diesel(table_name = row)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    kind: String,
    from_at: DateTime<Utc>,
    to_at: DateTime<Utc>,
    made_at: DateTime<Utc>,
    figures: Value,
}

const DAMAGED: Error = Error::Damaged("a digest's row");

impl TryFrom<Row> for Digest {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            platform: row.platform_id.into(),
            kind: row.kind.parse::<Kind>().map_err(|_| DAMAGED)?,
            period: Period {
                from: row.from_at,
                to: row.to_at,
            },
            made_at: row.made_at,
            contents: serde_json::from_value(row.figures).map_err(|_| DAMAGED)?,
        })
    }
}

/// The last first, from before a place on.
pub fn all(
    conn: &mut Conn,
    scope: &Scope,
    before: Option<Place>,
    at_most: i64,
) -> Result<Vec<Digest>> {
    let mut query = row::table
        .order((row::to_at.desc(), row::id.desc()))
        .limit(at_most)
        .select(Row::as_select())
        .into_boxed();
    if let Some((at, id)) = before {
        let older = row::to_at.lt(at).or(row::to_at.eq(at).and(row::id.lt(id)));
        query = query.filter(older);
    }
    if let Some(platforms) = scope.ids() {
        query = query.filter(row::platform_id.eq_any(platforms));
    }
    let rows: Vec<Row> = query.load(conn)?;
    rows.into_iter().map(Digest::try_from).collect()
}

pub fn one(conn: &mut Conn, id: DigestId) -> Result<Digest> {
    let found: Row = row::table
        .find(id.uuid())
        .select(Row::as_select())
        .first(conn)?;
    found.try_into()
}

/// The last digest of a kind whose period ended by `until`.
pub fn last(
    conn: &mut Conn,
    platform: PlatformId,
    kind: Kind,
    until: DateTime<Utc>,
) -> Result<Option<Digest>> {
    let found: Option<Row> = row::table
        .filter(row::platform_id.eq(platform.uuid()))
        .filter(row::kind.eq(kind.as_str()))
        .filter(row::to_at.le(until))
        .order(row::to_at.desc())
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    found.map(Digest::try_from).transpose()
}

/// False where somebody else has made the same one.
pub fn insert(tx: &mut Tx<'_>, new: &Digest) -> Result<bool> {
    let figures = serde_json::to_value(&new.contents)
        .map_err(|error| Error::Event(format!("a digest: {error}")))?;
    let inserted = diesel::insert_into(row::table)
        .values((
            row::id.eq(new.id.uuid()),
            row::platform_id.eq(new.platform.uuid()),
            row::kind.eq(new.kind.as_str()),
            row::from_at.eq(new.period.from),
            row::to_at.eq(new.period.to),
            row::made_at.eq(new.made_at),
            row::figures.eq(figures),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)?;
    Ok(inserted == 1)
}
