//! When we last gave a sign of life.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Timestamptz;

use crate::foundation::db::schema::sign_of_life;
use crate::foundation::db::{Conn, Result};

/// A little under a minute, so that a tick that comes early does not lose its turn.
const APART: TimeDelta = TimeDelta::seconds(55);

/// Takes this minute's turn. False where somebody else has it.
pub fn take_turn(conn: &mut Conn, now: DateTime<Utc>) -> Result<bool> {
    let taken = sql_query(
        "INSERT INTO sign_of_life (looked_at) VALUES ($1) \
         ON CONFLICT (one) DO UPDATE SET looked_at = $1 WHERE sign_of_life.looked_at <= $2",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - APART)
    .execute(conn)?;
    Ok(taken == 1)
}

/// Notes that it was given, or why it was not.
pub fn note(conn: &mut Conn, trouble: Option<&str>, now: DateTime<Utc>) -> Result<()> {
    let trouble: Option<String> = trouble.map(|text| text.chars().take(300).collect());
    let said = trouble.is_none().then_some(sign_of_life::said_at.eq(now));
    diesel::update(sign_of_life::table)
        .set((sign_of_life::trouble.eq(trouble), said))
        .execute(conn)?;
    Ok(())
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Standing {
    pub looked_at: DateTime<Utc>,
    pub said_at: Option<DateTime<Utc>>,
    pub trouble: Option<String>,
}

pub fn standing(conn: &mut Conn) -> Result<Option<Standing>> {
    Ok(sign_of_life::table
        .select((
            sign_of_life::looked_at,
            sign_of_life::said_at,
            sign_of_life::trouble,
        ))
        .first(conn)
        .optional()?)
}
