//! What rules on burn rates read: the results of a target over the windows of its ladder.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Up to here a window is short: it is read anew each time, and what is scraped from each value and not in steps of five
/// minutes.
const SHORT: TimeDelta = TimeDelta::hours(1);

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
            Some(source) => in_this_minute(conn, slo, source, &targets.planned(slo), now)?
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
    let long = long_windows(conn, slo, source, planned, now)?;
    judged(conn, slo, source, planned, &long, now)
}

/// What was counted over each window.
type Windows = HashMap<TimeDelta, Tally>;

/// What the long windows held in the minute in which they were last read. They change by the minute at most, and rules ask
/// every two seconds; what burns fast is seen in the short ones, which are read anew.
static REMEMBERED: Mutex<BTreeMap<ItemId, Remembered>> = Mutex::new(BTreeMap::new());

struct Remembered {
    minute: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    planned: Vec<Planned>,
    windows: Windows,
}

/// [`of`], with what the long windows held in this minute.
pub fn in_this_minute(
    conn: &mut Conn,
    slo: &Item<Slo>,
    source: &Read,
    planned: &[Planned],
    now: DateTime<Utc>,
) -> db::Result<Option<Burn>> {
    let minute = whole(now, TimeDelta::minutes(1));
    let is_it = |it: &Remembered| {
        it.minute == minute && it.changed_at == slo.changed_at && it.planned == planned
    };
    let known = remembered()
        .get(&slo.id)
        .filter(|it| is_it(it))
        .map(|it| it.windows.clone());
    if let Some(long) = known {
        return judged(conn, slo, source, planned, &long, now);
    }
    let long = long_windows(conn, slo, source, planned, now)?;
    let known = Remembered {
        minute,
        changed_at: slo.changed_at,
        planned: planned.to_vec(),
        windows: long.clone(),
    };
    let mut all = remembered();
    // Of a target that is gone nobody asks again.
    all.retain(|_, it| minute - it.minute < TimeDelta::hours(1));
    all.insert(slo.id, known);
    drop(all);
    judged(conn, slo, source, planned, &long, now)
}

fn remembered() -> MutexGuard<'static, BTreeMap<ItemId, Remembered>> {
    REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn whole(at: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
    at.duration_trunc(span).unwrap_or(at)
}

fn is_scraped(source: &Read) -> bool {
    matches!(source.sli, Sli::Counted(_) | Sli::Histogram(_))
}

/// The windows of the ladder, those that are long or those that are short.
fn windows_of(slo: &Item<Slo>, are_long: bool) -> Vec<TimeDelta> {
    let ladder = burn::ladder(slo.spec.window.delta());
    let mut windows: Vec<TimeDelta> = ladder
        .iter()
        .flat_map(|step| [step.long, step.short])
        .filter(|window| (*window > SHORT) == are_long)
        .collect();
    windows.sort_unstable();
    windows.dedup();
    windows
}

fn long_windows(
    conn: &mut Conn,
    slo: &Item<Slo>,
    source: &Read,
    planned: &[Planned],
    now: DateTime<Utc>,
) -> db::Result<Windows> {
    let windows = windows_of(slo, true);
    let furthest = windows.iter().max().copied().unwrap_or_default();
    let seam = whole(now - FINE, TimeDelta::hours(1));
    let mut slices = slices::coarse(conn, source, now - furthest, seam)?;
    slices.extend(slices::fine(conn, source, seam, after(now))?);
    let tally = |window: TimeDelta| (window, within(source, &slices, planned, now, window));
    Ok(windows.into_iter().map(tally).collect())
}

fn short_windows(
    conn: &mut Conn,
    slo: &Item<Slo>,
    source: &Read,
    planned: &[Planned],
    now: DateTime<Utc>,
) -> db::Result<Windows> {
    let windows = windows_of(slo, false);
    if is_scraped(source) {
        let grown = slices::grown(conn, source, now, &windows)?;
        let tally = |(window, grown): (TimeDelta, Option<Slice>)| {
            let slices: Vec<Slice> = grown.into_iter().collect();
            let zero = TimeDelta::zero();
            (window, Tally::of(&slices, planned, now - window, now, zero))
        };
        return Ok(windows.into_iter().zip(grown).map(tally).collect());
    }
    let from = whole(now - SHORT, TimeDelta::minutes(1));
    let slices = slices::fine(conn, source, from, after(now))?;
    let tally = |window: TimeDelta| (window, within(source, &slices, planned, now, window));
    Ok(windows.into_iter().map(tally).collect())
}

fn judged(
    conn: &mut Conn,
    slo: &Item<Slo>,
    source: &Read,
    planned: &[Planned],
    long: &Windows,
    now: DateTime<Utc>,
) -> db::Result<Option<Burn>> {
    let short = short_windows(conn, slo, source, planned, now)?;
    let count = |window| {
        let found = long.get(&window).or_else(|| short.get(&window));
        found.copied().unwrap_or_default()
    };
    let steps = burn::ladder(slo.spec.window.delta()).map(|step| {
        let (long, short) = (count(step.long), count(step.short));
        (step, Counted { long, short })
    });
    let (allowed, least) = (slo.spec.allowed(), i64::from(slo.spec.least));
    Ok(burn::judge(&steps, allowed, least))
}

/// The minute that is not over is in every window.
fn after(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::minutes(1)
}

fn within(
    source: &Read,
    slices: &[Slice],
    planned: &[Planned],
    now: DateTime<Utc>,
    window: TimeDelta,
) -> Tally {
    // So is the one in which it begins.
    let from = if is_scraped(source) {
        now - window
    } else {
        whole(now - window, TimeDelta::minutes(1))
    };
    Tally::of(slices, planned, from, after(now), source.slack())
}
