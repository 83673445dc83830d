//! What rules on burn rates read: the results of a target over the windows of its ladder.

use std::collections::HashMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::burn::{self, Burn, Counted};
use super::rule::Reading;
use super::windows::store as windows;
use super::windows::window::Window;
use crate::features::health::slice::{Planned, Slice, Tally};
use crate::features::health::store::slices::{self, Read};
use crate::features::packs::pack::{Indicator, ItemId, Probe, Service, Sli, Slo};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};

/// Up to here results are read as fine as they are kept, and before it by the hour.
const FINE: TimeDelta = TimeDelta::hours(6);

/// No window of any ladder reaches further back.
const FURTHEST: TimeDelta = TimeDelta::days(4);

/// Up to here what is scraped is read from each value, and before it in steps of five minutes.
const EACH_VALUE: TimeDelta = TimeDelta::hours(1);

/// The targets of some platforms, with what they read and when their services were planned to be away.
pub struct Targets {
    pub slos: Vec<Item<Slo>>,
    reads: HashMap<ItemId, Read>,
    services: HashMap<ItemId, ItemId>,
    windows: Vec<Window>,
}

/// Definitions by platform and name.
type ByName<T> = HashMap<(PlatformId, String), T>;

/// What targets may read and be about, as packs define it.
pub struct Defined<'d> {
    pub probes: &'d ByName<Item<Probe>>,
    pub indicators: &'d ByName<Item<Indicator>>,
    pub services: &'d ByName<ItemId>,
}

fn keyed<T>(items: Vec<Item<T>>) -> ByName<Item<T>> {
    let key = |item: Item<T>| ((item.platform, item.slug.clone()), item);
    items.into_iter().map(key).collect()
}

impl Targets {
    /// All of these platforms, with the windows since `from`.
    pub fn read(conn: &mut Conn, scope: &Scope, from: DateTime<Utc>) -> db::Result<Self> {
        let slos = packs::live_within::<Slo>(conn, scope)?;
        if slos.is_empty() {
            return Ok(Self::none());
        }
        let probes = keyed(packs::live_within::<Probe>(conn, scope)?);
        let indicators = keyed(packs::live_within::<Indicator>(conn, scope)?);
        let services = keyed(packs::live_within::<Service>(conn, scope)?);
        let services = services.into_iter().map(|(key, it)| (key, it.id));
        let defined = Defined {
            probes: &probes,
            indicators: &indicators,
            services: &services.collect(),
        };
        Self::of(conn, slos, &defined, from)
    }

    fn of(
        conn: &mut Conn,
        slos: Vec<Item<Slo>>,
        defined: &Defined<'_>,
        from: DateTime<Utc>,
    ) -> db::Result<Self> {
        let reads = slos
            .iter()
            .filter_map(|slo| Some((slo.id, read_of(slo, defined)?)));
        let services = slos.iter().filter_map(|slo| {
            let key = (slo.platform, slo.spec.service.clone());
            Some((slo.id, *defined.services.get(&key)?))
        });
        Ok(Self {
            reads: reads.collect(),
            services: services.collect(),
            windows: windows::held_since(conn, from)?,
            slos,
        })
    }

    fn none() -> Self {
        Self {
            slos: Vec::new(),
            reads: HashMap::new(),
            services: HashMap::new(),
            windows: Vec::new(),
        }
    }

    /// What a target reads; nothing where its pack no longer has it.
    #[must_use]
    pub fn source(&self, slo: &Item<Slo>) -> Option<&Read> {
        self.reads.get(&slo.id)
    }

    /// When its service was planned to be away.
    #[must_use]
    pub fn planned(&self, slo: &Item<Slo>) -> Vec<Planned> {
        let service = self.services.get(&slo.id).copied();
        self.windows
            .iter()
            .filter(|it| it.is_planned() && it.covers(slo.platform, service))
            .map(|it| Planned {
                from: it.starts_at,
                until: it.end(),
            })
            .collect()
    }
}

fn read_of(slo: &Item<Slo>, defined: &Defined<'_>) -> Option<Read> {
    let (item, every) = match &slo.spec.on {
        Sli::Reports(of) => {
            let key = (slo.platform, of.indicator.clone());
            let indicator = defined.indicators.get(&key)?;
            (indicator.id, indicator.spec.expect_every?)
        }
        on => {
            let key = (slo.platform, on.probe()?.to_owned());
            let probe = defined.probes.get(&key)?;
            (probe.id, probe.spec.interval)
        }
    };
    Some(Read {
        sli: slo.spec.on.clone(),
        item,
        every: every.delta(),
    })
}

/// What rules on burn rates read now, by the target that they name.
pub type Burns = ByName<Reading>;

/// Reads those of the targets that `wanted` names.
pub fn read(
    conn: &mut Conn,
    wanted: &[(PlatformId, String)],
    slos: &ByName<Item<Slo>>,
    defined: &Defined<'_>,
    now: DateTime<Utc>,
) -> db::Result<Burns> {
    let mut burns = Burns::new();
    let named = wanted.iter().filter_map(|key| slos.get(key).cloned());
    let named: Vec<Item<Slo>> = named.collect();
    if named.is_empty() {
        return Ok(burns);
    }
    let targets = Targets::of(conn, named, defined, now - FURTHEST)?;
    for slo in &targets.slos {
        let key = (slo.platform, slo.slug.clone());
        if burns.contains_key(&key) {
            continue;
        }
        let reading = match targets.source(slo) {
            Some(source) => of(conn, slo, source, &targets.planned(slo), now)?
                .map_or(Reading::Scarce, Reading::Burn),
            None => Reading::Nothing,
        };
        burns.insert(key, reading);
    }
    Ok(burns)
}

/// How fast the budget of one target is used up now.
pub fn of(
    conn: &mut Conn,
    slo: &Item<Slo>,
    source: &Read,
    planned: &[Planned],
    now: DateTime<Utc>,
) -> db::Result<Option<Burn>> {
    let ladder = burn::ladder(slo.spec.window.delta());
    let furthest = ladder.iter().map(|it| it.long).max().unwrap_or_default();
    let whole_hour = |at: DateTime<Utc>| at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at);
    let seam = whole_hour(now - FINE);
    let mut slices = slices::coarse(conn, source, now - furthest, seam)?;
    slices.extend(slices::fine(
        conn,
        source,
        seam,
        now + TimeDelta::minutes(1),
    )?);
    let mut count = |window: TimeDelta| window_of(conn, source, &slices, planned, now, window);
    let mut steps = Vec::with_capacity(ladder.len());
    for step in ladder {
        let (long, short) = (count(step.long)?, count(step.short)?);
        steps.push((step, Counted { long, short }));
    }
    let allowed = slo.spec.allowed();
    Ok(burn::judge(&steps, allowed, i64::from(slo.spec.least)))
}

fn window_of(
    conn: &mut Conn,
    source: &Read,
    slices: &[Slice],
    planned: &[Planned],
    now: DateTime<Utc>,
    window: TimeDelta,
) -> db::Result<Tally> {
    let from = now - window;
    let is_scraped = matches!(source.sli, Sli::Counted(_) | Sli::Histogram(_));
    if is_scraped && window <= EACH_VALUE {
        let grown = slices::grown(conn, source, now, window)?;
        let slices: Vec<Slice> = grown.into_iter().collect();
        return Ok(Tally::of(&slices, planned, from, now, TimeDelta::zero()));
    }
    // The minute that is not over is in it, and so is the one in which the window begins.
    let from = if is_scraped {
        from
    } else {
        from.duration_trunc(TimeDelta::minutes(1)).unwrap_or(from)
    };
    let until = now + TimeDelta::minutes(1);
    Ok(Tally::of(slices, planned, from, until, source.slack()))
}
