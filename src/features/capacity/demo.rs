//! Days of use for the demo, so that its trends are not empty. Every row of it is marked, and the page says that it is
//! invented.

use chrono::{Days, TimeDelta};

use super::store::{self, Reading};
use crate::features::packs::pack::{Capacity, ItemId};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db;

const DAYS: u64 = 45;

/// Gives every limit of which nothing is known a past that grows towards two thirds of it. A second start finds it
/// there and changes nothing.
pub fn fill(services: &Services) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Sample, |conn| {
        let capacities = packs::live::<Capacity>(conn)?;
        let ids: Vec<ItemId> = capacities.iter().map(|it| it.id).collect();
        let known = store::since(conn, &ids, now - TimeDelta::days(90))?;
        for (place, capacity) in capacities.iter().enumerate() {
            if known.contains_key(&capacity.id) {
                continue;
            }
            for back in (1..=DAYS).rev() {
                let at = now - Days::new(back);
                let value = capacity.spec.limit.value() * invented(place, back);
                let reading = Reading {
                    day: at.date_naive(),
                    at,
                    value,
                    demo: true,
                };
                store::add(conn, capacity.id, &reading)?;
            }
        }
        Ok(())
    })
}

/// The share in use so many days ago: every other one grows, and weekends are quiet.
#[allow(clippy::cast_precision_loss, reason = "days are few")]
fn invented(place: usize, back: u64) -> f64 {
    let growth = if place.is_multiple_of(2) { 0.006 } else { 0.0 };
    let wave = [0.0, 0.01, 0.015, 0.01, 0.0, -0.02, -0.02];
    let ripple = wave[usize::try_from(back % 7).unwrap_or(0)];
    0.62 - growth * back as f64 + ripple
}
