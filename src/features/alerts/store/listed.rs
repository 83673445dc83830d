//! Alerts as programs list them: the newest first, page by page.

use diesel::prelude::*;

use super::{Alert, AlertRow, read_all, rows_at_most};
use crate::features::alerts::AlertId;
use crate::foundation::db::schema::alert;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::{PersonId, Scope};

/// Every alert that is lit, the oldest first. One that cannot be read keeps nobody from being told of the others.
pub fn firing(conn: &mut Conn) -> Result<Vec<Alert>> {
    let rows: Vec<AlertRow> = alert::table
        .filter(alert::status.eq("firing"))
        .order(alert::id)
        .select(AlertRow::as_select())
        .load(conn)?;
    let read = |row: AlertRow| {
        Alert::try_from(row)
            .inspect_err(|error| tracing::error!(%error, "a lit alert cannot be read"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Open alerts of these platforms that somebody is to see to, the oldest first.
pub fn assigned(
    conn: &mut Conn,
    scope: &Scope,
    to: PersonId,
    at_most: usize,
) -> Result<Vec<Alert>> {
    let unseen = alert::was_red.and(alert::acknowledged_at.is_null());
    let mut query = alert::table
        .filter(alert::assigned_to.eq(to.uuid()))
        .filter(alert::status.eq("firing").or(unseen))
        .order(alert::id)
        .limit(rows_at_most(at_most))
        .select(AlertRow::as_select())
        .into_boxed();
    if let Some(platforms) = scope.ids() {
        query = query.filter(alert::platform_id.eq_any(platforms));
    }
    read_all(query.load(conn)?)
}

/// Open or closed alerts of these platforms that were lit before `before`.
pub fn listed(
    conn: &mut Conn,
    scope: &Scope,
    open: bool,
    before: Option<AlertId>,
    at_most: usize,
) -> Result<Vec<Alert>> {
    let unseen = alert::was_red.and(alert::acknowledged_at.is_null());
    let is_open = alert::status.eq("firing").or(unseen);
    // Ids are in the order of making.
    let mut query = alert::table
        .order(alert::id.desc())
        .limit(rows_at_most(at_most))
        .select(AlertRow::as_select())
        .into_boxed();
    query = if open {
        query.filter(is_open)
    } else {
        query.filter(diesel::dsl::not(is_open))
    };
    if let Some(platforms) = scope.ids() {
        query = query.filter(alert::platform_id.eq_any(platforms));
    }
    if let Some(before) = before {
        query = query.filter(alert::id.lt(before.uuid()));
    }
    read_all(query.load(conn)?)
}
