//! Which people of the product are on call now: those whose address is that of a contact.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::roster::Roster;
use crate::features::packs::store as packs;
use crate::foundation::db::{Conn, Result};
use crate::foundation::kernel::Scope;
use crate::foundation::web::Duty;

/// By address, in small letters.
pub fn now(conn: &mut Conn, now: DateTime<Utc>) -> Result<BTreeMap<String, Vec<Duty>>> {
    let platforms: HashMap<_, _> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let roster = Roster::read(conn, &Scope::All, now)?;
    let mut duties: BTreeMap<String, Vec<Duty>> = BTreeMap::new();
    for rota in &roster.rotas {
        let Some(platform) = platforms.get(&rota.platform) else {
            continue;
        };
        let (shift, _) = roster.standing(rota, platform.zone, now);
        let contact = shift
            .who
            .as_deref()
            .and_then(|slug| roster.contact(rota.platform, slug));
        if let Some(email) = contact.and_then(|it| it.spec.email()) {
            let duty = Duty {
                rota: rota.name.clone(),
                platform: platform.name.clone(),
                until: shift.until,
            };
            duties.entry(email.to_lowercase()).or_default().push(duty);
        }
    }
    Ok(duties)
}
