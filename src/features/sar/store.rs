//! The tables of the compartment. Every function is for transactions that have been let in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::grant::{Given, Hand, OPEN_FOR, SarGrantId};
use crate::foundation::auth::sar::SarGrant;
use crate::foundation::db::schema::{sar_grant, sar_viewing};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// Ended grants that the page shows.
const MOST_ENDED: i64 = 50;
/// Those who hold one, or wait for one. Each is one person's.
const MOST_OPEN: i64 = 500;

#[derive(Queryable)]
struct Row {
    id: Uuid,
    person: Uuid,
    name: String,
    purpose: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    ended_by: Option<String>,
    ended_at: Option<DateTime<Utc>>,
}

fn given(row: Row) -> db::Result<Given<SarGrant>> {
    let hand = |actor: Option<String>, at: Option<DateTime<Utc>>| {
        Some(Hand {
            actor: actor?,
            at: at?,
        })
    };
    let grant = row.name.parse();
    Ok(Given {
        id: row.id.into(),
        person: row.person.into(),
        grant: grant.map_err(|_| db::Error::Damaged("a grant of another name"))?,
        purpose: row.purpose,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        proposed: Hand {
            actor: row.proposed_by,
            at: row.proposed_at,
        },
        approved: hand(row.approved_by, row.approved_at),
        ended: hand(row.ended_by, row.ended_at),
    })
}

/// What is held or waits, and what has ended, the newest first.
pub(super) fn all(conn: &mut Conn) -> db::Result<Vec<Given<SarGrant>>> {
    let open: Vec<Row> = sar_grant::table
        .filter(sar_grant::ended_at.is_null())
        .order((sar_grant::proposed_at.desc(), sar_grant::id.desc()))
        .limit(MOST_OPEN)
        .load(conn)?;
    let ended: Vec<Row> = sar_grant::table
        .filter(sar_grant::ended_at.is_not_null())
        .order((sar_grant::ended_at.desc(), sar_grant::id.desc()))
        .limit(MOST_ENDED)
        .load(conn)?;
    open.into_iter().chain(ended).map(given).collect()
}

/// One, which nobody else changes until the transaction ends.
pub(super) fn lock(conn: &mut Conn, id: SarGrantId) -> db::Result<Given<SarGrant>> {
    let row: Row = sar_grant::table.find(id.uuid()).for_update().first(conn)?;
    given(row)
}

/// The one that this person holds or waits for.
pub(super) fn open_one(
    conn: &mut Conn,
    person: PersonId,
    grant: SarGrant,
) -> db::Result<Option<Given<SarGrant>>> {
    let row: Option<Row> = sar_grant::table
        .filter(sar_grant::person_id.eq(person.uuid()))
        .filter(sar_grant::name.eq(grant.as_str()))
        .filter(sar_grant::ended_at.is_null())
        .for_update()
        .first(conn)
        .optional()?;
    row.map(given).transpose()
}

/// How many people hold a grant now. Whoever counts here waits for others who do.
pub(super) fn holders(conn: &mut Conn, grant: SarGrant, now: DateTime<Utc>) -> db::Result<i64> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('sar_grant.holders'))")
        .execute(conn)?;
    Ok(sar_grant::table
        .filter(sar_grant::name.eq(grant.as_str()))
        .filter(sar_grant::approved_at.is_not_null())
        .filter(sar_grant::ended_at.is_null())
        .filter(sar_grant::ends_at.gt(now))
        .count()
        .get_result(conn)?)
}

pub(super) fn insert(conn: &mut Conn, new: &Given<SarGrant>) -> db::Result<()> {
    diesel::insert_into(sar_grant::table)
        .values((
            sar_grant::id.eq(new.id.uuid()),
            sar_grant::person_id.eq(new.person.uuid()),
            sar_grant::name.eq(new.grant.as_str()),
            sar_grant::purpose.eq(&new.purpose),
            sar_grant::starts_at.eq(new.starts_at),
            sar_grant::ends_at.eq(new.ends_at),
            sar_grant::proposed_by.eq(&new.proposed.actor),
            sar_grant::proposed_at.eq(new.proposed.at),
            sar_grant::approved_by.eq(new.approved.as_ref().map(|hand| &hand.actor)),
            sar_grant::approved_at.eq(new.approved.as_ref().map(|hand| hand.at)),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) fn approve(conn: &mut Conn, id: SarGrantId, by: &Hand) -> db::Result<()> {
    diesel::update(sar_grant::table.find(id.uuid()))
        .set((
            sar_grant::approved_by.eq(&by.actor),
            sar_grant::approved_at.eq(by.at),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) fn end(conn: &mut Conn, id: SarGrantId, by: &Hand) -> db::Result<()> {
    diesel::update(sar_grant::table.find(id.uuid()))
        .set((
            sar_grant::ended_by.eq(&by.actor),
            sar_grant::ended_at.eq(by.at),
        ))
        .execute(conn)?;
    Ok(())
}

/// Whether somebody's roles let them act: an auditor's do not.
pub(super) fn acts(conn: &mut Conn, person: PersonId) -> db::Result<bool> {
    #[derive(QueryableByName)]
    struct Acts {
        #[diesel(sql_type = Bool)]
        acts: bool,
    }
    let row: Acts = diesel::sql_query("SELECT acts FROM person WHERE id = $1")
        .bind::<diesel::sql_types::Uuid, _>(person.uuid())
        .get_result(conn)?;
    Ok(row.acts)
}

/// What this person has opened the compartment for, while that lasts.
pub(super) fn purpose(
    conn: &mut Conn,
    person: PersonId,
    now: DateTime<Utc>,
) -> db::Result<Option<String>> {
    Ok(sar_viewing::table
        .find(person.uuid())
        .filter(sar_viewing::opened_at.gt(now - OPEN_FOR))
        .select(sar_viewing::purpose)
        .first(conn)
        .optional()?)
}

pub(super) fn note_opening(
    conn: &mut Conn,
    person: PersonId,
    purpose: &str,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::insert_into(sar_viewing::table)
        .values((
            sar_viewing::person_id.eq(person.uuid()),
            sar_viewing::purpose.eq(purpose),
            sar_viewing::opened_at.eq(now),
        ))
        .on_conflict(sar_viewing::person_id)
        .do_update()
        .set((
            sar_viewing::purpose.eq(purpose),
            sar_viewing::opened_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}
