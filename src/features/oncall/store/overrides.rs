//! Who was put in for a time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::oncall::rota::OverrideId;
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::rota_override;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PersonId;

/// Somebody who stands in for whoever's turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutIn {
    pub id: OverrideId,
    pub rota: ItemId,
    pub contact: ItemId,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub reason: String,
    pub by: PersonId,
    pub by_name: String,
    pub cancelled: Option<(DateTime<Utc>, String)>,
}

impl PutIn {
    /// Until when it holds, or held: a cancelled one no longer than that.
    #[must_use]
    pub fn holds_until(&self) -> DateTime<Utc> {
        match &self.cancelled {
            Some((at, _)) => self.until.min(*at),
            None => self.until,
        }
    }

    /// Whether it still says who is on call, now or later.
    #[must_use]
    pub fn is_ahead(&self, now: DateTime<Utc>) -> bool {
        self.cancelled.is_none() && self.until > now
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = rota_override)]
struct Row {
    id: Uuid,
    rota_id: Uuid,
    contact_id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    reason: String,
    made_by: Uuid,
    made_name: String,
    cancelled_at: Option<DateTime<Utc>>,
    cancelled_name: Option<String>,
}

impl From<Row> for PutIn {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            rota: row.rota_id.into(),
            contact: row.contact_id.into(),
            from: row.starts_at,
            until: row.ends_at,
            reason: row.reason,
            by: row.made_by.into(),
            by_name: row.made_name,
            cancelled: row.cancelled_at.zip(row.cancelled_name),
        }
    }
}

/// Those of these rotas that end after `since`, in the order of making.
pub fn since(conn: &mut Conn, rotas: &[ItemId], since: DateTime<Utc>) -> Result<Vec<PutIn>> {
    const AT_MOST: i64 = 1_000;
    let ids: Vec<Uuid> = rotas.iter().map(|id| id.uuid()).collect();
    let rows: Vec<Row> = rota_override::table
        .filter(rota_override::rota_id.eq_any(ids))
        .filter(rota_override::ends_at.gt(since))
        .order(rota_override::id.desc())
        .limit(AT_MOST)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().rev().map(PutIn::from).collect())
}

pub fn lock(tx: &mut Tx<'_>, id: OverrideId) -> Result<PutIn> {
    let row: Row = rota_override::table
        .find(id.uuid())
        .select(Row::as_select())
        .for_update()
        .first(&mut **tx)?;
    Ok(row.into())
}

pub fn insert(tx: &mut Tx<'_>, new: &PutIn) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(rota_override::table)
        .values((
            rota_override::id.eq(new.id.uuid()),
            rota_override::rota_id.eq(new.rota.uuid()),
            rota_override::contact_id.eq(new.contact.uuid()),
            rota_override::starts_at.eq(new.from),
            rota_override::ends_at.eq(new.until),
            rota_override::reason.eq(&new.reason),
            rota_override::made_at.eq(now),
            rota_override::made_by.eq(new.by.uuid()),
            rota_override::made_name.eq(&new.by_name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn cancel(tx: &mut Tx<'_>, id: OverrideId, by: PersonId, name: &str) -> Result<()> {
    let now = tx.now();
    diesel::update(rota_override::table.find(id.uuid()))
        .set((
            rota_override::cancelled_at.eq(now),
            rota_override::cancelled_by.eq(by.uuid()),
            rota_override::cancelled_name.eq(name),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
