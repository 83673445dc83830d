//! Everything that rules read, at one moment.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::AlertId;
use super::burning::{self, Burns, Defined};
use super::rule::{Beat, Reading};
use super::scraped::{self, Asked, Scraped};
use super::step::RuleState;
use super::store::rules;
use super::store::{self, About, Lit};
use crate::features::connectors::store as connectors;
use crate::features::health::store as health;
use crate::features::health::store::reports;
use crate::features::heartbeats::expect;
use crate::features::heartbeats::heartbeat::{Standing, State};
use crate::features::heartbeats::store as heartbeats;
use crate::features::logs::{actions as log_actions, store as logs};
use crate::features::packs::pack::{
    Connector, EventType, Heartbeat, Indicator, Is, ItemId, LinesOf, LogSource, Probe, ProbeState,
    Rule, Service, Slo, Source,
};
use crate::features::packs::store::{self as packs, Item, Watched};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;

type ByName<T> = HashMap<(PlatformId, String), T>;

pub struct Snapshot {
    pub now: DateTime<Utc>,
    pub rules: Vec<Item<Value>>,
    pub known: HashMap<ItemId, RuleState>,
    pub lit: HashMap<(ItemId, About), Lit>,
    /// Lit alerts whose acknowledgement has run out.
    pub run_out: Vec<AlertId>,
    platforms: HashMap<PlatformId, Watched>,
    services: ByName<ItemId>,
    probes: ByName<Item<Probe>>,
    indicators: ByName<Item<Indicator>>,
    event_types: ByName<ItemId>,
    heartbeats: ByName<Item<Heartbeat>>,
    beats: HashMap<ItemId, heartbeats::Held>,
    connectors: ByName<Item<Connector>>,
    breakers: HashMap<ItemId, connectors::Worst>,
    states: HashMap<ItemId, health::State>,
    reports: HashMap<ItemId, reports::Report>,
    tallies: HashMap<ItemId, i64>,
    logs: ByName<Item<LogSource>>,
    /// What the rules on logs count; nothing where a log is not known to be whole.
    lines: HashMap<(PlatformId, LinesOf), Option<i64>>,
    scraped: Scraped,
    slos: ByName<Item<Slo>>,
    burns: Burns,
}

impl Snapshot {
    pub fn read(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Self> {
        Self::of(conn, None, now)
    }

    /// What these would read if they were rules.
    pub fn read_for(
        conn: &mut Conn,
        asked: Vec<Item<Value>>,
        now: DateTime<Utc>,
    ) -> db::Result<Self> {
        Self::of(conn, Some(asked), now)
    }

    fn of(
        conn: &mut Conn,
        asked: Option<Vec<Item<Value>>>,
        now: DateTime<Utc>,
    ) -> db::Result<Self> {
        // What is known about rules before the rules: one that comes meanwhile is not taken for gone.
        let known = rules::rule_states(conn)?;
        let lit = store::lit(conn)?;
        let indicators = packs::live::<Indicator>(conn)?;
        let indicator_ids: Vec<ItemId> = indicators.iter().map(|item| item.id).collect();
        let platforms = packs::platforms(conn)?.into_iter();
        let rules = match asked {
            Some(asked) => asked,
            None => packs::live_rules(conn)?,
        };
        let logs = keyed(packs::live::<LogSource>(conn)?);
        let probes = keyed(packs::live::<Probe>(conn)?);
        let states = health::states(conn)?;
        let scraped = read_scraped(conn, &rules, &probes, &states, now)?;
        let indicators = keyed(indicators);
        let services = ids(packs::live::<Service>(conn)?);
        let slos = keyed(packs::live::<Slo>(conn)?);
        let defined = Defined {
            probes: &probes,
            indicators: &indicators,
            services: &services,
        };
        let burns = burning::read(conn, &burning_rules(&rules), &slos, &defined, now)?;
        Ok(Self {
            now,
            known,
            lit: lit
                .into_iter()
                .map(|(rule, lit)| ((rule, lit.about), lit))
                .collect(),
            run_out: store::run_out(conn, now)?,
            platforms: platforms.map(|it| (it.id, it)).collect(),
            services,
            probes,
            event_types: ids(packs::live::<EventType>(conn)?),
            beats: heartbeats::all(conn)?,
            heartbeats: keyed(packs::live::<Heartbeat>(conn)?),
            connectors: keyed(packs::live::<Connector>(conn)?),
            breakers: connectors::worst(conn)?,
            states,
            scraped,
            burns,
            slos,
            reports: reports::last_reports(conn, &indicator_ids)?,
            tallies: reports::event_tallies(conn)?,
            indicators,
            lines: count_lines(conn, &rules, &logs, now)?,
            logs,
            rules,
        })
    }

    /// What a rule's source says. Of events, how many there ever were.
    ///
    /// # Errors
    /// What the rule reads is not there, or cannot be read: in words.
    pub fn reading(&self, platform: PlatformId, source: &Source) -> Result<Reading, String> {
        Ok(match source {
            Source::State(slug) => Reading::State(
                self.state(platform, slug)?
                    .map_or(ProbeState::Unknown, |it| it.standing.state),
            ),
            Source::Latency(slug) => match self.state(platform, slug)? {
                Some(state) if !state.latencies_us.is_empty() => {
                    Reading::Latencies(state.latencies_us.clone())
                }
                _ => Reading::Nothing,
            },
            Source::Measure(of) => {
                let state = self.state(platform, &of.probe)?;
                let measures = state.map_or(&[][..], health::State::current_measures);
                measures
                    .iter()
                    .find(|(name, _)| *name == of.name)
                    .map_or(Reading::Nothing, |(_, value)| Reading::Number(*value))
            }
            Source::Indicator(slug) => self
                .fresh_report(self.indicator(platform, slug)?)
                .map_or(Reading::Nothing, Reading::Number),
            Source::Age(slug) => {
                let indicator = self.indicator(platform, slug)?;
                let reported = self.reports.get(&indicator.id).map(|report| report.at);
                // What was never reported is as late as if it had been reported when it was declared.
                let since =
                    reported.map_or(indicator.declared_at, |at| at.max(indicator.declared_at));
                Reading::Age(self.now - since)
            }
            Source::Heartbeat(slug) => self
                .beat(platform, slug)?
                .map_or(Reading::Nothing, Reading::Beat),
            Source::Connector(slug) => self
                .connector(platform, slug)?
                .map_or(Reading::Nothing, Reading::Beat),
            Source::Log(of) => {
                if !self.logs.contains_key(&(platform, of.source.clone())) {
                    return Err(format!(
                        "there is no log \"{}\" that can be read",
                        of.source
                    ));
                }
                let counted = self.lines.get(&(platform, of.clone()));
                #[allow(clippy::cast_precision_loss, reason = "lines are far below 2^53")]
                match counted.copied().flatten() {
                    Some(lines) => Reading::Number(lines as f64),
                    None => Reading::Nothing,
                }
            }
            Source::BurnRate(slug) => {
                let read = self.burns.get(&(platform, slug.clone()));
                let missing = || format!("there is no target \"{slug}\" that can be read");
                read.cloned().ok_or_else(missing)?
            }
            Source::Event(slug) => {
                let id = self.event_type(platform, slug)?;
                Reading::Events(self.tallies.get(&id).copied().unwrap_or(0))
            }
            Source::Metric(_)
            | Source::Rate(_)
            | Source::Increase(_)
            | Source::Share(_)
            | Source::Quantile(_)
            | Source::Absence(_) => self.scraped(platform, source)?,
        })
    }

    /// When what a source says was last seen; of what is counted here, now.
    pub fn seen_at(&self, platform: PlatformId, source: &Source) -> Option<DateTime<Utc>> {
        match source {
            Source::Indicator(slug) | Source::Age(slug) => {
                let indicator = self.indicator(platform, slug).ok()?;
                self.reports.get(&indicator.id).map(|report| report.at)
            }
            Source::Heartbeat(slug) => {
                let heartbeat = self.heartbeats.get(&(platform, slug.clone()))?;
                self.beats.get(&heartbeat.id)?.pinged_at
            }
            Source::Connector(slug) => {
                let connector = self.connectors.get(&(platform, slug.clone()))?;
                self.breakers.get(&connector.id)?.called_at
            }
            Source::Log(_) | Source::Event(_) | Source::BurnRate(_) => Some(self.now),
            other => self.state(platform, other.probe()?).ok()??.checked_at,
        }
    }

    /// Why the last run of the probe that a source reads failed, where it did.
    pub fn last_failure(&self, platform: PlatformId, source: &Source) -> Option<String> {
        let state = self.state(platform, source.probe()?).ok()??;
        let kind = state.error.as_ref()?;
        Some(if state.message.is_empty() {
            kind.clone()
        } else {
            state.message.clone()
        })
    }

    pub fn event_type(&self, platform: PlatformId, slug: &str) -> Result<ItemId, String> {
        self.event_types
            .get(&(platform, slug.to_owned()))
            .copied()
            .ok_or_else(|| format!("there is no type of event \"{slug}\" that can be read"))
    }

    fn indicator(&self, platform: PlatformId, slug: &str) -> Result<&Item<Indicator>, String> {
        self.indicators
            .get(&(platform, slug.to_owned()))
            .ok_or_else(|| format!("there is no indicator \"{slug}\" that can be read"))
    }

    fn scraped(&self, platform: PlatformId, source: &Source) -> Result<Reading, String> {
        let slug = source.probe().unwrap_or_default();
        let Some(state) = self.state(platform, slug)? else {
            return Ok(Reading::Nothing);
        };
        let scrape = self.probes.get(&(platform, slug.to_owned()));
        Ok(scrape.map_or(Reading::Nothing, |scrape| {
            let read = scraped::read_at(state);
            let figure = self.scraped.figure(scrape.id, source, self.now, read);
            scraped::reading(figure, state)
        }))
    }

    /// How a probe stands, unless it has not been heard of for so long that nobody knows.
    fn state(&self, platform: PlatformId, slug: &str) -> Result<Option<&health::State>, String> {
        let probe = self
            .probes
            .get(&(platform, slug.to_owned()))
            .ok_or_else(|| format!("there is no probe \"{slug}\" that can be read"))?;
        let state = self.states.get(&probe.id);
        Ok(state.filter(|state| state.is_heard(&probe.spec, self.now)))
    }

    /// How a heartbeat stands; nothing where none of it was ever heard.
    fn beat(&self, platform: PlatformId, slug: &str) -> Result<Option<Beat>, String> {
        let unreadable = || format!("there is no heartbeat \"{slug}\" that can be read");
        let heartbeat = self.heartbeats.get(&(platform, slug.to_owned()));
        let heartbeat = heartbeat.ok_or_else(unreadable)?;
        let Some(held) = self.beats.get(&heartbeat.id) else {
            return Ok(None);
        };
        let zone = self.platforms.get(&platform).map(|it| it.zone);
        let zone = zone.unwrap_or_default();
        let mut held = held.clone();
        expect::adopt(&mut held, heartbeat, zone, self.now);
        let expected = expect::expected(&heartbeat.spec, zone).map_err(|_| unreadable())?;
        let (standing, since) = held.beat.standing(&expected, self.now);
        let is = match standing {
            Standing::Down | Standing::Failed => Is::Down,
            Standing::Late => Is::Late,
            Standing::New | Standing::Started if held.beat.state == State::New => return Ok(None),
            Standing::New | Standing::Started | Standing::Up => Is::Up,
        };
        Ok(Some(Beat { is, since }))
    }

    /// How the worst operation of a connector stands; nothing where none was ever called.
    fn connector(&self, platform: PlatformId, slug: &str) -> Result<Option<Beat>, String> {
        let connector = self.connectors.get(&(platform, slug.to_owned()));
        let connector = connector
            .ok_or_else(|| format!("there is no connector \"{slug}\" that can be read"))?;
        Ok(self.breakers.get(&connector.id).map(|worst| Beat {
            is: worst.is,
            since: worst.since,
        }))
    }

    fn fresh_report(&self, indicator: &Item<Indicator>) -> Option<f64> {
        let report = self.reports.get(&indicator.id)?;
        let every = indicator.spec.expect_every;
        let stale = every.is_some_and(|every| self.now - report.at > every.delta() * 2);
        (!stale).then_some(report.value)
    }

    /// The service that a rule is about: that of the probe or heartbeat which it reads.
    pub fn service(&self, platform: PlatformId, rule: &Rule) -> Option<(ItemId, &str)> {
        let service = match &rule.on {
            Source::Heartbeat(slug) => {
                let heartbeat = self.heartbeats.get(&(platform, slug.clone()))?;
                heartbeat.spec.service.as_ref()?
            }
            Source::Connector(slug) => {
                let connector = self.connectors.get(&(platform, slug.clone()))?;
                connector.spec.service.as_ref()?
            }
            Source::Log(of) => {
                let log = self.logs.get(&(platform, of.source.clone()))?;
                log.spec.service.as_ref()?
            }
            Source::BurnRate(slug) => &self.slos.get(&(platform, slug.clone()))?.spec.service,
            on => {
                let probe = self.probes.get(&(platform, on.probe()?.to_owned()))?;
                &probe.spec.service
            }
        };
        let id = self.services.get(&(platform, service.clone()))?;
        Some((*id, service))
    }

    pub fn platform(&self, id: PlatformId) -> &str {
        self.platforms.get(&id).map_or("", |it| it.slug.as_str())
    }

    /// The unit of what a rule reads.
    pub fn unit(&self, platform: PlatformId, source: &Source) -> &str {
        match source {
            Source::Indicator(slug) => self
                .indicator(platform, slug)
                .map_or("", |indicator| indicator.spec.unit.as_str()),
            _ => "",
        }
    }
}

/// The targets that rules on burn rates name.
fn burning_rules(rules: &[Item<Value>]) -> Vec<(PlatformId, String)> {
    let named = |rule: &Item<Value>| {
        let slug = rule.spec.get("on")?.get("burn_rate")?.as_str()?;
        Some((rule.platform, slug.to_owned()))
    };
    rules.iter().filter_map(named).collect()
}

/// What each rule on a log counts now.
fn count_lines(
    conn: &mut Conn,
    rules: &[Item<Value>],
    logs: &ByName<Item<LogSource>>,
    now: DateTime<Utc>,
) -> db::Result<HashMap<(PlatformId, LinesOf), Option<i64>>> {
    let mut counted = HashMap::new();
    let asked = rules.iter().filter_map(|rule| {
        let of = rule.spec.get("on")?.get("log")?;
        // A rule that cannot be read says so where it is evaluated.
        let of = serde_json::from_value::<LinesOf>(of.clone()).ok()?;
        Some((rule.platform, of))
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return Ok(counted);
    }
    let states = logs::states(conn)?;
    for (platform, of) in asked {
        let Some(log) = logs.get(&(platform, of.source.clone())) else {
            continue;
        };
        let state = states.get(&log.id);
        let is_known = state.is_some_and(|it| log_actions::is_known(&log.spec, it, now));
        let lines = is_known
            .then(|| logs::counted(conn, log.id, &of, now))
            .transpose()?;
        counted.insert((platform, of), lines);
    }
    Ok(counted)
}

/// What the rules need of scraped metrics.
fn read_scraped(
    conn: &mut Conn,
    rules: &[Item<Value>],
    probes: &ByName<Item<Probe>>,
    states: &HashMap<ItemId, health::State>,
    now: DateTime<Utc>,
) -> db::Result<Scraped> {
    let sources = scraped::sources(rules);
    let asked: Vec<Asked<'_>> = sources
        .iter()
        .filter_map(|(rule, source)| {
            let scrape = probes.get(&(rule.platform, source.probe()?.to_owned()))?;
            Some(Asked {
                scrape: scrape.id,
                source,
            })
        })
        .collect();
    let read = |scrape| states.get(&scrape).and_then(scraped::read_at);
    Scraped::read(conn, &asked, now, |scrape| read(scrape).unwrap_or(now))
}

fn keyed<T>(items: Vec<Item<T>>) -> ByName<Item<T>> {
    items
        .into_iter()
        .map(|item| ((item.platform, item.slug.clone()), item))
        .collect()
}

fn ids<T>(items: Vec<Item<T>>) -> ByName<ItemId> {
    items
        .into_iter()
        .map(|item| ((item.platform, item.slug), item.id))
        .collect()
}
