//! When incidents began and were first in hand, as their alerts have it now.

use std::collections::HashMap;

use super::incident::{Incident, IncidentId};
use super::store::attached;
use crate::features::alerts::AlertId;
use crate::features::alerts::store::timeline;
use crate::foundation::db::{Conn, Result};

/// Takes the times of all of them from the alerts that belong to them, in as many queries as for one.
pub(super) fn measure(conn: &mut Conn, incidents: &mut [&mut Incident]) -> Result<()> {
    let ids: Vec<IncidentId> = incidents.iter().map(|it| it.id).collect();
    let attached = attached::now_of(conn, &ids)?;
    let mut alerts: Vec<AlertId> = attached.iter().map(|(_, alert)| *alert).collect();
    alerts.sort_unstable();
    alerts.dedup();
    let fired = timeline::fired(conn, &alerts)?;
    let acknowledged = timeline::first_acknowledged(conn, &alerts)?;
    let mut of: HashMap<IncidentId, Vec<AlertId>> = HashMap::new();
    for (incident, alert) in attached {
        of.entry(incident).or_default().push(alert);
    }
    for incident in incidents {
        let mine = of.remove(&incident.id).unwrap_or_default();
        let first =
            |known: &HashMap<AlertId, _>| mine.iter().filter_map(|id| known.get(id).copied()).min();
        incident.measure(first(&fired), first(&acknowledged));
    }
    Ok(())
}
