//! Heartbeats as people see them: what the packs say, and how each stands now.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::expect;
use super::heartbeat::Standing;
use super::store::{self, Held};
use crate::features::packs::pack::{Heartbeat, ItemId};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::db::{Conn, Error, Result};
use crate::foundation::kernel::{PlatformId, Scope};

/// A heartbeat as it stands now.
#[derive(Clone, Debug)]
pub struct Status {
    pub item: Item<Heartbeat>,
    pub platform: Watched,
    pub standing: Standing,
    pub since: DateTime<Utc>,
    /// When anything last came.
    pub pinged_at: Option<DateTime<Utc>>,
    /// When the next sign of life is due; none where nobody can know.
    pub due: Option<DateTime<Utc>>,
    /// The moment at which it is down unless something comes first.
    pub deadline: Option<DateTime<Utc>>,
    /// None while the packs' newest heartbeats wait for their addresses.
    pub address_made_at: Option<DateTime<Utc>>,
}

impl Status {
    fn of(
        item: Item<Heartbeat>,
        platform: Watched,
        held: Option<&Held>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let Some(held) = held else {
            return Ok(Self {
                since: item.declared_at,
                item,
                platform,
                standing: Standing::New,
                pinged_at: None,
                due: None,
                deadline: None,
                address_made_at: None,
            });
        };
        let mut held = held.clone();
        expect::adopt(&mut held, &item, platform.zone, now);
        let expected = expect::expected(&item.spec, platform.zone)?;
        let (standing, since) = held.beat.standing(&expected, now);
        Ok(Self {
            item,
            platform,
            standing,
            since,
            pinged_at: held.pinged_at,
            due: held.beat.due(&expected),
            deadline: held.beat.deadline(&expected).map(|(at, _)| at),
            address_made_at: Some(held.secret_made_at),
        })
    }
}

/// All heartbeats of these platforms, worst first.
pub fn all(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> Result<Vec<Status>> {
    let platforms: HashMap<PlatformId, Watched> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let held = store::all(conn)?;
    let mut all = Vec::new();
    for item in packs::live_within::<Heartbeat>(conn, scope)? {
        let Some(platform) = platforms.get(&item.platform) else {
            continue;
        };
        let held = held.get(&item.id);
        match Status::of(item, platform.clone(), held, now) {
            Ok(status) => all.push(status),
            Err(error) => tracing::error!(%error, "a heartbeat cannot be read"),
        }
    }
    all.sort_by(|a, b| {
        let key = |status: &Status| (status.standing, status.platform.name.clone());
        key(a).cmp(&key(b))
    });
    Ok(all)
}

/// One heartbeat of these platforms.
pub fn one(conn: &mut Conn, scope: &Scope, id: ItemId, now: DateTime<Utc>) -> Result<Status> {
    let item = packs::item::<Heartbeat>(conn, id)?;
    if !scope.allows(item.platform) || item.retired_at.is_some() {
        return Err(Error::NotFound);
    }
    let platform = packs::platforms(conn)?
        .into_iter()
        .find(|it| it.id == item.platform)
        .ok_or(Error::NotFound)?;
    let held = store::find(conn, id)?;
    Status::of(item, platform, held.as_ref(), now)
}
