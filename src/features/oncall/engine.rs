//! Looks at every lit alert every few seconds, and takes the steps that are due.
//!
//! Each step is one audited transaction under the lock of its alert: what is told is queued with it, and of two processes
//! that see the same thing the second finds it done. What an alert has been through is read from the alert itself, so a
//! standstill loses nothing.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::escalation::{Act, Ahead, Escalation, Policies, Sight, Why};
use super::roster::Roster;
use super::store;
use super::suppression::Suppression;
use super::tell::Telling;
use crate::features::alerts::AlertId;
use crate::features::alerts::alert::LEVELS;
use crate::features::alerts::store::decisions::{self, Decision, Kind, News, Next};
use crate::features::alerts::store::{self as alerts, Alert, listed};
use crate::features::incidents::actions::opening;
use crate::features::notify::actions::{self as notices, Which};
use crate::features::notify::notice::About;
use crate::features::packs::pack::{self, Rule};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Tx};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PlatformId, Scope};

/// No alert has more to do at one time: twenty steps, begun at most seven times.
const STEPS_AT_ONCE: usize = 150;

/// Who takes the steps: no person does.
pub(super) fn ourselves() -> Actor {
    Actor::job("oncall.escalate")
}

/// Takes every step that is due. Any number of processes may do it at once. Returns how many were taken.
pub fn tick(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let wanting = services
        .db
        .read_on(PoolKind::Jobs, |conn| wanting(conn, now))?;
    let mut taken = 0;
    for id in wanting {
        match follow(services, id) {
            Ok(steps) => taken += steps,
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            // One that cannot be told does not keep the others from being told.
            Err(error) => tracing::error!(%error, alert = %id, "a step could not be taken"),
        }
    }
    Ok(taken)
}

/// The alerts of which there is something to do now.
fn wanting(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Vec<AlertId>> {
    let firing = listed::firing(conn)?;
    let ids: Vec<AlertId> = firing.iter().map(|alert| alert.id).collect();
    let mut known = store::open_and_of(conn, &ids)?;
    let suppression = Suppression::read(conn, now)?;
    let mut policies: HashMap<PlatformId, bool> = HashMap::new();
    let mut wanting = Vec::new();
    for alert in &firing {
        let wants = match known.remove(&alert.id) {
            Some(mut escalation) => {
                let sight = sight(alert, &suppression, now);
                escalation.look(now, sight).is_some()
            }
            None => any_policy(conn, &mut policies, alert.platform)?,
        };
        if wants {
            wanting.push(alert.id);
        }
    }
    // What is left fires no more.
    wanting.extend(known.into_keys());
    Ok(wanting)
}

/// Whether a platform names any escalation, looked up once.
fn any_policy(
    conn: &mut Conn,
    known: &mut HashMap<PlatformId, bool>,
    platform: PlatformId,
) -> db::Result<bool> {
    if let Some(any) = known.get(&platform) {
        return Ok(*any);
    }
    let any = !escalations(conn, platform)?.is_empty();
    known.insert(platform, any);
    Ok(any)
}

fn escalations(conn: &mut Conn, platform: PlatformId) -> db::Result<Vec<Item<pack::Escalation>>> {
    packs::live_within(conn, &Scope::one(platform))
}

fn sight(alert: &Alert, suppression: &Suppression, now: DateTime<Utc>) -> Sight {
    Sight {
        firing: alert.firing,
        level: alert.level,
        acknowledged: alert.is_acknowledged(now),
        suppressed: alert.firing && !suppression.of(alert).is_empty(),
        flapping_since: alert.flapping_since,
    }
}

/// Takes the steps of one alert that are due, one transaction each. Returns how many.
fn follow(services: &Services, id: AlertId) -> db::Result<usize> {
    for taken in 0..STEPS_AT_ONCE {
        let step = services
            .audit
            .write_on(PoolKind::Jobs, &ourselves(), |tx| step(tx, id));
        match step {
            Ok(()) => {}
            // There is nothing more to do, or somebody else was quicker.
            Err(db::Error::NoEvent | db::Error::Unique { .. }) => return Ok(taken),
            Err(error) => return Err(error),
        }
    }
    Ok(STEPS_AT_ONCE)
}

fn step(tx: &mut Tx<'_>, id: AlertId) -> db::Result<()> {
    let now = tx.now();
    let alert = alerts::lock_alert(tx, id)?;
    let Some(mut escalation) = store::lock(tx, id)? else {
        return open(tx, &alert);
    };
    let suppression = Suppression::read(tx, now)?;
    let sight = sight(&alert, &suppression, now);
    let Some(act) = escalation.look(now, sight) else {
        return Ok(());
    };
    let roster = Roster::of(tx, alert.platform, now)?;
    Step {
        alert: &alert,
        roster: &roster,
        suppression: &suppression,
        now,
    }
    .take(tx, &mut escalation, act)?;
    store::save(tx, id, &escalation)?;
    save_next(tx, &alert, &escalation, &roster)
}

/// Copies the policies of an alert that has none yet. One for which there is none is left alone.
fn open(tx: &mut Tx<'_>, alert: &Alert) -> db::Result<()> {
    if !alert.firing {
        return Ok(());
    }
    let policies = policies(tx, alert)?;
    if policies.is_empty() {
        return Ok(());
    }
    let named: BTreeSet<&str> = policies.values().map(|it| it.id.as_str()).collect();
    let event =
        event("escalation.opened", alert).detail("policies", named.into_iter().collect::<Vec<_>>());
    let escalation = Escalation::open(policies, alert.level, tx.now());
    store::insert(tx, alert.id, &escalation)?;
    tx.record(event)?;
    let now = tx.now();
    let roster = Roster::of(tx, alert.platform, now)?;
    save_next(tx, alert, &escalation, &roster)
}

/// The policy that the alert's rule names, for every level; else those of its pack, each for its own.
fn policies(conn: &mut Conn, alert: &Alert) -> db::Result<Policies> {
    let known = escalations(conn, alert.platform)?;
    let named = rule_of(conn, alert)?.and_then(|rule| rule.escalation);
    let named = named.and_then(|slug| known.iter().find(|it| it.slug == slug));
    let for_level =
        |level| named.or_else(|| known.iter().find(|it| it.spec.levels.contains(&level)));
    let each = LEVELS
        .into_iter()
        .filter_map(|level| Some((level, for_level(level)?.spec.clone())));
    Ok(each.collect())
}

/// The rule that lit it. Another program's alert has none, and one that cannot be read has lit this very lamp.
pub(super) fn rule_of(conn: &mut Conn, alert: &Alert) -> db::Result<Option<Rule>> {
    let Some(id) = alert.rule else {
        return Ok(None);
    };
    match packs::item::<Rule>(conn, id) {
        Ok(rule) => Ok(Some(rule.spec)),
        Err(db::Error::Query(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps beside the alert who is told next.
fn save_next(
    tx: &mut Tx<'_>,
    alert: &Alert,
    escalation: &Escalation,
    roster: &Roster,
) -> db::Result<()> {
    let next = match (escalation.ahead(), escalation.reminds_at()) {
        (Some((at, does)), _) => Some(Next {
            at,
            who: match does {
                Ahead::Tells(target) => roster.name(alert.platform, target),
                Ahead::Declares => "an incident is opened".to_owned(),
            },
        }),
        (None, Some(at)) => Some(Next {
            at,
            who: "everybody who was told, once more".to_owned(),
        }),
        (None, None) => None,
    };
    decisions::save_next(tx, alert.id, next.as_ref())
}

fn event(kind: &'static str, alert: &Alert) -> Event {
    Event::new(kind, Subject::new("alert", alert.id))
        .platform(alert.platform)
        .detail("level", alert.level.as_str())
        .detail("fingerprint", alert.fingerprint.as_str())
}

/// One step of one alert.
struct Step<'s> {
    alert: &'s Alert,
    roster: &'s Roster,
    suppression: &'s Suppression,
    now: DateTime<Utc>,
}

impl Step<'_> {
    fn take(&self, tx: &mut Tx<'_>, escalation: &mut Escalation, act: Act) -> db::Result<()> {
        match act {
            Act::Tell(target) => self.tell(tx, escalation, &target),
            Act::Declare => self.declare(tx, escalation),
            Act::HoldBack => self.hold_back(tx, escalation),
            Act::Stop => self.stop(tx),
            Act::Restart(why) => self.restart(tx, why),
            Act::GiveUp => self.give_up(tx),
            Act::Remind => self.tell_all(tx, News::Still, "escalation.reminded"),
            Act::Flap => self.tell_all(tx, News::Flaps, "escalation.flapping"),
            Act::End => self.tell_all(tx, News::Over, "escalation.ended"),
            Act::Resume => self.tell_all(tx, News::Again, "escalation.resumed"),
        }
    }

    fn telling(&self, tx: &mut Tx<'_>) -> db::Result<Telling<'_>> {
        Telling::of(tx, self.alert, self.roster, self.now)
    }

    fn tell(
        &self,
        tx: &mut Tx<'_>,
        escalation: &mut Escalation,
        target: &pack::Target,
    ) -> db::Result<()> {
        let Escalation {
            begun, round, step, ..
        } = *escalation;
        let place = format!("{begun}.{round}.{step}");
        let told = self.telling(tx)?.tell(tx, target, &place)?;
        escalation.told(self.now, !told.is_empty());
        let event = if told.is_empty() {
            event("escalation.reached_nobody", self.alert).outcome(Outcome::Failure)
        } else {
            event("escalation.told", self.alert)
        };
        tx.record(
            event
                .detail("target", target.to_string())
                .detail("told", told)
                .detail("step", place),
        )?;
        Ok(())
    }

    /// An incident of the alert is open from now on, if none was.
    fn declare(&self, tx: &mut Tx<'_>, escalation: &mut Escalation) -> db::Result<()> {
        let policy = escalation.policy().map_or("", |policy| &policy.name);
        let declared = opening::declare(tx, self.alert, policy)?;
        escalation.declared(self.now);
        tx.record(
            event("escalation.declared", self.alert)
                .detail("incident", declared.incident.to_string())
                .detail("opened", declared.opened),
        )?;
        Ok(())
    }

    fn hold_back(&self, tx: &mut Tx<'_>, escalation: &Escalation) -> db::Result<()> {
        let why = self.suppression.of(self.alert);
        let who = match escalation.ahead() {
            Some((_, Ahead::Tells(target))) => self.roster.name(self.alert.platform, target),
            Some((_, Ahead::Declares)) => "whoever comes next".to_owned(),
            // It fires again.
            None => "everybody who was told before".to_owned(),
        };
        self.note(tx, Kind::HeldBack, News::Fires, &who, &why.join("; "))?;
        tx.record(event("escalation.held_back", self.alert).detail("why", why))?;
        Ok(())
    }

    fn stop(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        let name = self
            .alert
            .acknowledged
            .as_ref()
            .map_or("Somebody", |held| held.name.as_str());
        let why = format!("{name} acknowledged it");
        let cancelled = notices::cancel_queued(tx, &self.about(), &why)?;
        self.note(tx, Kind::Stopped, News::Fires, "", &why)?;
        tx.record(event("escalation.stopped", self.alert).detail("taken_back", cancelled))?;
        Ok(())
    }

    fn restart(&self, tx: &mut Tx<'_>, why: Why) -> db::Result<()> {
        let (word, text) = match why {
            Why::Worse => ("worse", "it has become worse"),
            Why::LetGo => ("let_go", "the acknowledgement ended, and it still fires"),
        };
        if why == Why::Worse {
            // Whoever is told by no step of the worse level hears on the day of information how it stands by then.
            self.telling(tx)?.keep_waiting(tx)?;
        }
        self.note(tx, Kind::Restarted, News::Fires, "", text)?;
        tx.record(event("escalation.restarted", self.alert).detail("why", word))?;
        Ok(())
    }

    fn give_up(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        let why = "every step was taken, and nobody has it in hand";
        self.note(tx, Kind::Finished, News::Fires, "", why)?;
        tx.record(event("escalation.finished", self.alert))?;
        Ok(())
    }

    /// Whatever was not yet sent says something that is no longer so, unless it fires still. Information stays information:
    /// whoever is to hear of it on the next business day hears of it then, and how it stands by then, and of nothing before.
    fn tell_all(&self, tx: &mut Tx<'_>, news: News, kind: &'static str) -> db::Result<()> {
        let why = match news {
            News::Over => Some("it was over before this was sent"),
            News::Again => Some("it fires again"),
            News::Fires | News::Flaps | News::Still => None,
        };
        let telling = self.telling(tx)?;
        let (waiting, reworded) = telling.keep_waiting(tx)?;
        let cancelled = match why {
            Some(why) => notices::cancel(tx, &self.about(), Which::But(&waiting), why)?,
            None => 0,
        };
        let told = telling.tell_again(tx, news, &reworded)?;
        let outcome = match news {
            // Nobody knows of it, and it fires.
            News::Still if told == 0 => Outcome::Failure,
            _ => Outcome::Success,
        };
        tx.record(
            event(kind, self.alert)
                .outcome(outcome)
                .detail("told", told)
                .detail("kept", waiting.len())
                .detail("taken_back", cancelled),
        )?;
        Ok(())
    }

    fn about(&self) -> About {
        About::new("alert", self.alert.id)
    }

    fn note(
        &self,
        tx: &mut Tx<'_>,
        kind: Kind,
        news: News,
        who: &str,
        why: &str,
    ) -> db::Result<()> {
        let decision = Decision {
            at: self.now,
            kind,
            news,
            who: who.to_owned(),
            why: why.to_owned(),
            way: None,
        };
        decisions::insert(tx, self.alert.id, &decision)
    }
}
