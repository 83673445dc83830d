//! Runbooks that somebody opened in an incident, beside those of its alerts.

use diesel::prelude::*;
use uuid::Uuid;

use crate::features::incidents::incident::IncidentId;
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::incident_runbook;
use crate::foundation::db::{Conn, Result};

/// How many are opened in one incident: more at hand is no help.
pub const AT_MOST: usize = 20;

/// In the order in which they were opened.
pub fn opened(conn: &mut Conn, id: IncidentId) -> Result<Vec<ItemId>> {
    let ids: Vec<Uuid> = incident_runbook::table
        .filter(incident_runbook::incident_id.eq(id.uuid()))
        .order((incident_runbook::at, incident_runbook::runbook_id))
        .select(incident_runbook::runbook_id)
        .load(conn)?;
    Ok(ids.into_iter().map(ItemId::from).collect())
}

pub fn insert(tx: &mut Tx<'_>, id: IncidentId, runbook: ItemId, by: &str) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(incident_runbook::table)
        .values((
            incident_runbook::incident_id.eq(id.uuid()),
            incident_runbook::runbook_id.eq(runbook.uuid()),
            incident_runbook::at.eq(now),
            incident_runbook::by_name.eq(by),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
