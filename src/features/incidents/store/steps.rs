//! Steps of runbooks that were ticked in an incident, and unticked. The last line of a step says how it stands.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::incidents::incident::IncidentId;
use crate::features::packs::pack::ItemId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::incident_step;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::PersonId;

/// A step of a runbook, as it is worded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    pub runbook: ItemId,
    pub position: i32,
    pub text: String,
}

/// Who ticked it last, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    pub at: DateTime<Utc>,
    pub name: String,
}

/// The steps that stand ticked.
pub fn ticked(conn: &mut Conn, id: IncidentId) -> Result<HashMap<Step, Tick>> {
    type Row = (Uuid, i32, String, bool, DateTime<Utc>, String);
    let rows: Vec<Row> = incident_step::table
        .filter(incident_step::incident_id.eq(id.uuid()))
        .order((incident_step::at, incident_step::id))
        .select((
            incident_step::runbook_id,
            incident_step::position,
            incident_step::text,
            incident_step::ticked,
            incident_step::at,
            incident_step::by_name,
        ))
        .load(conn)?;
    let mut standing = HashMap::new();
    for (runbook, position, text, ticked, at, name) in rows {
        let step = Step {
            runbook: runbook.into(),
            position,
            text,
        };
        if ticked {
            standing.insert(step, Tick { at, name });
        } else {
            standing.remove(&step);
        }
    }
    Ok(standing)
}

pub fn insert(
    tx: &mut Tx<'_>,
    id: IncidentId,
    step: &Step,
    ticked: bool,
    by: (PersonId, &str),
) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(incident_step::table)
        .values((
            incident_step::id.eq(Uuid::now_v7()),
            incident_step::incident_id.eq(id.uuid()),
            incident_step::runbook_id.eq(step.runbook.uuid()),
            incident_step::position.eq(step.position),
            incident_step::text.eq(&step.text),
            incident_step::ticked.eq(ticked),
            incident_step::at.eq(now),
            incident_step::by_id.eq(by.0.uuid()),
            incident_step::by_name.eq(by.1),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
