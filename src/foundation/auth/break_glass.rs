//! The break-glass account: sealed in an envelope, for when nobody else can act. Using it is told at once, lasts a few
//! hours, and is reviewed by somebody else.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::db::schema::{break_glass_use, person};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;

/// The longest session of such an account.
pub const SESSION: Duration = Duration::hours(4);
/// How long the link in the envelope works.
pub const LINK_LIVES: Duration = Duration::days(365);
/// The event of a use, which others listen for.
pub const USED: &str = "break_glass.used";

/// One sign-in.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = break_glass_use)]
pub struct Use {
    pub id: Uuid,
    pub person_id: Uuid,
    pub network: String,
    pub used_at: DateTime<Utc>,
    pub reviewed_by: Option<Uuid>,
    pub reviewed_at: Option<DateTime<Utc>>,
    pub note: Option<String>,
}

/// Makes somebody's account one of these.
pub fn seal(tx: &mut Tx<'_>, id: PersonId) -> db::Result<()> {
    diesel::update(person::table.find(id.uuid()))
        .set(person::break_glass.eq(true))
        .execute(&mut **tx)?;
    tx.record(Event::new("break_glass.sealed", Subject::new("person", id)))?;
    Ok(())
}

/// Whether somebody's account is one of these.
pub fn is(conn: &mut Conn, id: PersonId) -> db::Result<bool> {
    Ok(person::table
        .find(id.uuid())
        .select(person::break_glass)
        .first(conn)?)
}

/// Every account of this kind.
pub fn accounts(conn: &mut Conn) -> db::Result<Vec<PersonId>> {
    let ids: Vec<Uuid> = person::table
        .filter(person::break_glass.eq(true))
        .select(person::id)
        .load(conn)?;
    Ok(ids.into_iter().map(PersonId::from).collect())
}

/// Takes down that such an account has signed in; nothing for any other.
pub fn note_use(tx: &mut Tx<'_>, id: PersonId, session: Uuid, network: &str) -> db::Result<()> {
    if !is(tx, id)? {
        return Ok(());
    }
    let now = tx.now();
    diesel::insert_into(break_glass_use::table)
        .values((
            break_glass_use::id.eq(Uuid::now_v7()),
            break_glass_use::person_id.eq(id.uuid()),
            break_glass_use::session_id.eq(session),
            break_glass_use::network.eq(network),
            break_glass_use::used_at.eq(now),
        ))
        .execute(&mut **tx)?;
    tx.record(
        Event::new(USED, Subject::new("person", id))
            .detail("session", session.to_string())
            .detail("network", network),
    )?;
    Ok(())
}

/// Uses that nobody has reviewed, the oldest first.
pub fn unreviewed(conn: &mut Conn) -> db::Result<Vec<Use>> {
    Ok(break_glass_use::table
        .filter(break_glass_use::reviewed_by.is_null())
        .order(break_glass_use::used_at)
        .limit(100)
        .select(Use::as_select())
        .load(conn)?)
}

/// The newest uses of an account.
pub fn uses_of(conn: &mut Conn, id: PersonId) -> db::Result<Vec<Use>> {
    Ok(break_glass_use::table
        .filter(break_glass_use::person_id.eq(id.uuid()))
        .order(break_glass_use::used_at.desc())
        .limit(100)
        .select(Use::as_select())
        .load(conn)?)
}

/// Takes down that somebody has looked at every use of an account so far. Returns how many that were.
pub fn review(tx: &mut Tx<'_>, id: PersonId, by: PersonId, note: &str) -> db::Result<usize> {
    let now = tx.now();
    let reviewed = diesel::update(
        break_glass_use::table
            .filter(break_glass_use::person_id.eq(id.uuid()))
            .filter(break_glass_use::reviewed_by.is_null()),
    )
    .set((
        break_glass_use::reviewed_by.eq(by.uuid()),
        break_glass_use::reviewed_at.eq(now),
        break_glass_use::note.eq(note),
    ))
    .execute(&mut **tx)?;
    if reviewed > 0 {
        tx.record(
            Event::new("break_glass.reviewed", Subject::new("person", id)).detail("uses", reviewed),
        )?;
    }
    Ok(reviewed)
}
