//! The pages of incidents.

pub mod list;
pub mod new;
pub mod one;
mod reading;
pub mod review;

use super::incident::{Incident, IncidentId};
use super::store;
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::auth::{Permission, Signed, roster};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;
use crate::foundation::web;

/// An incident, where it exists for whoever asks.
fn reached(conn: &mut Conn, signed: &Signed, id: IncidentId) -> Result<Incident, web::Error> {
    let incident = store::one(conn, id)?;
    if signed.reach().allows(incident.platform) {
        Ok(incident)
    } else {
        Err(web::Error::NotFound)
    }
}

fn platform(conn: &mut Conn, id: PlatformId) -> db::Result<Watched> {
    let platforms = packs::platforms(conn)?;
    let found = platforms.into_iter().find(|it| it.id == id);
    found.ok_or(db::Error::NotFound)
}

/// Who works on a platform's incidents: id and name.
fn people(
    conn: &mut Conn,
    platform: PlatformId,
    now: chrono::DateTime<chrono::Utc>,
) -> db::Result<Vec<(String, String)>> {
    let able = roster::holders(conn, Permission::IncidentsAct, platform, now)?;
    let named = |person: &crate::foundation::auth::people::Person| {
        (
            person.id.to_string(),
            format!("{} ({})", person.name, person.email),
        )
    };
    Ok(able.iter().map(named).collect())
}
