//! Changes of packs that wait for a second person, and what became of them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::revisions::words;
use crate::features::packs::change::{Answer, Change, ChangeId, Kind};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::pack_change;
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PersonId, PlatformId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = pack_change)]
struct Row {
    id: Uuid,
    platform_id: Uuid,
    base: i64,
    source: String,
    digest: Vec<u8>,
    reason: String,
    lowers: Value,
    asked_at: DateTime<Utc>,
    asked_by: Uuid,
    asked_name: String,
    answer: Option<String>,
    answered_at: Option<DateTime<Utc>>,
    answered_name: Option<String>,
    answer_reason: Option<String>,
    revision: Option<i64>,
}

impl Row {
    fn into_change(self) -> Result<Change> {
        let answered = self.answer.zip(self.answered_at);
        let answer = answered.map(|(answer, at)| {
            Ok::<_, Error>(Answer {
                kind: read_kind(&answer)?,
                at,
                name: self.answered_name.unwrap_or_default(),
                reason: self.answer_reason,
                revision: self.revision,
            })
        });
        Ok(Change {
            id: self.id.into(),
            platform: self.platform_id.into(),
            base: self.base,
            source: self.source,
            digest: self.digest,
            reason: self.reason,
            lowers: words(&self.lowers),
            asked_at: self.asked_at,
            asked_by: self.asked_by.into(),
            asked_name: self.asked_name,
            answer: answer.transpose()?,
        })
    }
}

fn read_kind(text: &str) -> Result<Kind> {
    let kinds = [Kind::Applied, Kind::Rejected, Kind::Withdrawn];
    let found = kinds.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| {
        let what = format!("\"{text}\" is no answer to a change");
        Error::Query(diesel::result::Error::DeserializationError(what.into()))
    })
}

pub fn insert(tx: &mut Tx<'_>, change: &Change) -> Result<()> {
    diesel::insert_into(pack_change::table)
        .values((
            pack_change::id.eq(change.id.uuid()),
            pack_change::platform_id.eq(change.platform.uuid()),
            pack_change::base.eq(change.base),
            pack_change::source.eq(&change.source),
            pack_change::digest.eq(&change.digest),
            pack_change::reason.eq(&change.reason),
            pack_change::lowers.eq(json!(change.lowers)),
            pack_change::asked_at.eq(change.asked_at),
            pack_change::asked_by.eq(change.asked_by.uuid()),
            pack_change::asked_name.eq(&change.asked_name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// One of this platform's.
pub fn one(conn: &mut Conn, platform: PlatformId, id: ChangeId) -> Result<Change> {
    pack_change::table
        .find(id.uuid())
        .filter(pack_change::platform_id.eq(platform.uuid()))
        .select(Row::as_select())
        .first(conn)?
        .into_change()
}

/// The same, locked.
pub fn lock(tx: &mut Tx<'_>, platform: PlatformId, id: ChangeId) -> Result<Change> {
    pack_change::table
        .find(id.uuid())
        .filter(pack_change::platform_id.eq(platform.uuid()))
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?
        .into_change()
}

pub fn answer(
    tx: &mut Tx<'_>,
    id: ChangeId,
    (person, name): (PersonId, &str),
    answer: &Answer,
) -> Result<()> {
    diesel::update(pack_change::table.find(id.uuid()))
        .set((
            pack_change::answer.eq(answer.kind.as_str()),
            pack_change::answered_at.eq(answer.at),
            pack_change::answered_by.eq(person.uuid()),
            pack_change::answered_name.eq(name),
            pack_change::answer_reason.eq(&answer.reason),
            pack_change::revision.eq(answer.revision),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Those of a platform: what waits, and then the last that were answered, newest first.
pub fn last(conn: &mut Conn, platform: PlatformId, at_most: i64) -> Result<Vec<Change>> {
    let rows: Vec<Row> = pack_change::table
        .filter(pack_change::platform_id.eq(platform.uuid()))
        .order((
            pack_change::answer.is_not_null(),
            pack_change::asked_at.desc(),
            pack_change::id.desc(),
        ))
        .limit(at_most)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::into_change).collect()
}

/// How many wait on a platform at a time: a queue that nobody answers is no place for more.
pub const OPEN_AT_MOST: i64 = 20;

/// All that have no answer, the oldest first.
pub fn open(conn: &mut Conn) -> Result<Vec<Change>> {
    let rows: Vec<Row> = pack_change::table
        .filter(pack_change::answer.is_null())
        .order((pack_change::asked_at, pack_change::id))
        .limit(200)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::into_change).collect()
}

/// How many of a platform have no answer.
pub fn open_on(conn: &mut Conn, platform: PlatformId) -> Result<i64> {
    Ok(pack_change::table
        .filter(pack_change::platform_id.eq(platform.uuid()))
        .filter(pack_change::answer.is_null())
        .count()
        .get_result(conn)?)
}
