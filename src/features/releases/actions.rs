//! The steps of releases.

use chrono::{DateTime, Utc};

use super::release::{By, Gate, List, Refused, Release, ReleaseId, State};
use super::store::{self, gates};
use crate::features::checklists::actions::{self as checklists, ChecklistError, Hand};
use crate::features::checklists::run::{RunId, State as ListState};
use crate::features::checklists::store::{self as lists, answers};
use crate::features::packs::pack::{Checklist, Occasion, ReleaseGate, Stage};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Outcome, Subject, Tx};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, Scope};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Refusal};

pub const VERSION_AT_MOST: usize = 100;
pub const TEXT_AT_MOST: usize = 2_000;

#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What was typed makes no sense; in words, and the field of the form that it is about.
    #[error("{1}")]
    Wrong(&'static str, &'static str),
    #[error("another release is changing this platform")]
    Busy,
    #[error(transparent)]
    List(#[from] ChecklistError),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<ReleaseError> for web::Error {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Database(error) => error.into(),
            ReleaseError::List(error) => error.into(),
            ReleaseError::Wrong(_, why) => Self::Malformed(why.to_owned()),
            ReleaseError::Busy => Self::Refused(Refusal::new(
                "release_busy",
                sentence(&error),
                "Nothing was changed. Finish the other one first, or go back from it.",
            )),
            ReleaseError::Refused(refused) => {
                let next = match refused {
                    Refused::OwnWork | Refused::OwnGate | Refused::OwnOverride => {
                        "Somebody else has to do it."
                    }
                    Refused::GatesOld => "Nothing was changed. Ask the gates again.",
                    Refused::Unsigned | Refused::Unreviewed | Refused::ListOver => {
                        "Nothing was changed. Its page leads to the checklist."
                    }
                    _ => "Nothing was changed. Look at it again.",
                };
                Self::Refused(Refusal::new("release", sentence(&refused), next))
            }
        }
    }
}

pub type Result<T> = std::result::Result<T, ReleaseError>;

/// A release that somebody wants to make.
#[derive(Clone, Debug)]
pub struct NewRelease {
    pub platform: PlatformId,
    pub from: String,
    pub to: String,
    pub what: String,
    pub planned_at: DateTime<Utc>,
}

fn by(tx: &Tx<'_>, hand: &Hand) -> By {
    By {
        at: tx.now(),
        person: hand.person,
        name: hand.name.clone(),
    }
}

pub(super) fn event(kind: &'static str, release: &Release) -> Event {
    Event::new(kind, Subject::new("release", release.id))
        .platform(release.platform)
        .detail("from", release.from.as_str())
        .detail("to", release.to.as_str())
}

/// Drafts a release, and starts the checklist that its pack has for deployments.
pub fn propose(
    services: &Services,
    hand: &Hand,
    new: &NewRelease,
    key: FormKey,
) -> Result<ReleaseId> {
    let id = ReleaseId::new();
    check(new)?;
    services.audit.write(&hand.actor, |tx| {
        tx.once(key, &format!("/releases/{id}"))?;
        tx.reach(new.platform)?;
        let mut release = Release {
            id,
            platform: new.platform,
            from: new.from.trim().to_owned(),
            to: new.to.trim().to_owned(),
            what: new.what.trim().to_owned(),
            planned_at: new.planned_at,
            checklist: None,
            proposed: by(tx, hand),
            state: State::Draft,
            round: 0,
            passed_at: None,
            approved: None,
            started: None,
            back_to: None,
            reason: None,
            ended_at: None,
        };
        release.checklist = start_list(tx, hand, &release)?;
        store::insert(tx, &release)?;
        store::note(tx, id, &hand.name, "drafted", &release.what)?;
        tx.record(event("release.drafted", &release))?;
        Ok(id)
    })
}

fn check(new: &NewRelease) -> Result<()> {
    let too_long = |text: &str, most| text.trim().chars().count() > most;
    for (field, version) in [("from", &new.from), ("to", &new.to)] {
        if version.trim().is_empty() {
            return Err(ReleaseError::Wrong(field, "give the version"));
        }
        if too_long(version, VERSION_AT_MOST) {
            return Err(ReleaseError::Wrong(field, "at most 100 characters"));
        }
    }
    if new.from.trim() == new.to.trim() {
        return Err(ReleaseError::Wrong("to", "this is the version before"));
    }
    if new.what.trim().is_empty() {
        return Err(ReleaseError::Wrong("what", "say what changes"));
    }
    if too_long(&new.what, TEXT_AT_MOST) {
        return Err(ReleaseError::Wrong("what", "at most 2000 characters"));
    }
    Ok(())
}

/// How far the checklist of a release lets it begin.
pub(super) fn list(conn: &mut Conn, release: &Release) -> db::Result<List> {
    let Some(run) = release.checklist else {
        return Ok(List::Ready);
    };
    let run = lists::one(conn, run.into())?;
    let given = answers::of_run(conn, run.id)?;
    Ok(match run.state {
        ListState::Accepted => List::Ready,
        ListState::Signed if run.is_all_well(&given) => List::Ready,
        ListState::Signed => List::Unreviewed,
        ListState::Open => List::Unsigned,
        ListState::Objected | ListState::Missed | ListState::CalledOff => List::Over,
    })
}

/// Starts the checklist again, as the one that it had was objected to or called off.
pub fn list_again(services: &Services, hand: &Hand, id: ReleaseId, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, held| {
        let mut release = held.release;
        let stands = list(tx, &release)?;
        let before = release.checklist;
        release.may_list_again(stands)?;
        let run = start_list(tx, hand, &release)?;
        release.checklist = run;
        store::save(tx, &release)?;
        store::note(tx, id, &hand.name, "checklist started again", "")?;
        let told = |run: Option<uuid::Uuid>| run.map(|id| id.to_string()).unwrap_or_default();
        tx.record(
            event("release.checklist_started_again", &release)
                .detail("before", told(before))
                .detail("run", told(run)),
        )?;
        Ok(())
    })
}

fn start_list(tx: &mut Tx<'_>, hand: &Hand, release: &Release) -> Result<Option<uuid::Uuid>> {
    let lists = packs::live_within::<Checklist>(tx, &Scope::one(release.platform))?;
    let mut lists = lists.into_iter();
    let Some(list) = lists.find(|it| it.spec.on_demand == Some(Occasion::Deployment)) else {
        return Ok(None);
    };
    let run = RunId::new();
    let subject = format!("Release {} to {}", release.from, release.to);
    checklists::start_in(tx, hand, run, &list, &subject)?;
    Ok(Some(run.uuid()))
}

/// The gates that the platform's pack names now.
pub fn named(conn: &mut Conn, platform: PlatformId) -> db::Result<Vec<ReleaseGate>> {
    let gates = packs::live_within::<ReleaseGate>(conn, &Scope::one(platform))?;
    Ok(gates.into_iter().map(|gate| gate.spec).collect())
}

pub(super) fn of_stage(named: &[ReleaseGate], stage: Option<Stage>) -> usize {
    named
        .iter()
        .filter(|gate| Some(gate.stage) == stage)
        .count()
}

/// A release under its lock, with what its gates say.
struct Held {
    release: Release,
    gates: Vec<Gate>,
    named: Vec<ReleaseGate>,
}

impl Held {
    /// How many gates the present step has.
    fn count(&self) -> usize {
        of_stage(&self.named, self.release.state.stage())
    }
}

/// A step on the locked row, where the actor reaches its platform.
fn on(
    services: &Services,
    hand: &Hand,
    id: ReleaseId,
    key: FormKey,
    step: impl FnOnce(&mut Tx<'_>, Held) -> Result<()>,
) -> Result<()> {
    let done = services.audit.write(&hand.actor, |tx| {
        tx.once(key, &format!("/releases/{id}"))?;
        let release = store::lock(tx, id)?;
        tx.reach(release.platform)?;
        let held = Held {
            gates: gates::of(tx, id)?,
            named: named(tx, release.platform)?,
            release,
        };
        step(tx, held)
    });
    match done {
        Err(ReleaseError::Database(db::Error::Unique { constraint }))
            if constraint == "release_under_way" =>
        {
            Err(ReleaseError::Busy)
        }
        done => done,
    }
}

/// Keeps a step, with its line in the timeline and its event.
fn keep(
    tx: &mut Tx<'_>,
    hand: &Hand,
    release: &Release,
    (kind, what): (&'static str, &str),
    note: &str,
) -> Result<()> {
    store::save(tx, release)?;
    store::note(tx, release.id, &hand.name, what, note)?;
    tx.record(event(kind, release))?;
    Ok(())
}

pub fn approve(services: &Services, hand: &Hand, id: ReleaseId, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, held| {
        let mut release = held.release;
        release.approve(by(tx, hand))?;
        keep(tx, hand, &release, ("release.approved", "approved"), "")
    })
}

/// Asks the gates of the present step.
pub fn ask(services: &Services, hand: &Hand, id: ReleaseId, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, mut held| {
        ask_in(tx, hand, &mut held)?;
        keep(
            tx,
            hand,
            &held.release,
            ("release.gates_asked", "gates asked"),
            "",
        )
    })
}

fn ask_in(tx: &mut Tx<'_>, hand: &Hand, held: &mut Held) -> Result<()> {
    let now = tx.now();
    let release = &mut held.release;
    let asked = release.ask(&held.named, hand.person, &held.gates, now)?;
    for gate in &asked {
        gates::insert(tx, release.id, gate)?;
    }
    held.gates.extend(asked);
    let count = held.count();
    held.release.advance(&held.gates, count, now);
    Ok(())
}

/// Goes on over a gate that has not passed.
pub fn override_gate(
    services: &Services,
    hand: &Hand,
    id: ReleaseId,
    gate: &str,
    reason: &str,
    key: FormKey,
) -> Result<()> {
    let reason = said(reason, "override")?;
    on(services, hand, id, key, |tx, mut held| {
        let round = held.release.round;
        let mut all = held.gates.iter_mut();
        let found = all.find(|it| it.round == round && it.spec.id == gate);
        let found = found.ok_or(db::Error::NotFound)?;
        held.release.may_override(found, hand.person)?;
        found.overridden = Some((by(tx, hand), reason.clone()));
        gates::save(tx, id, found)?;
        let what = format!("gate overridden: {}", found.spec.name);
        let count = held.count();
        held.release.advance(&held.gates, count, tx.now());
        store::save(tx, &held.release)?;
        store::note(tx, id, &hand.name, &what, &reason)?;
        tx.record(event("release.gate_overridden", &held.release).detail("gate", gate))?;
        Ok(())
    })
}

fn said(text: &str, field: &'static str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ReleaseError::Wrong(
            field,
            "say why, for whoever looks at it later",
        ));
    }
    if text.chars().count() > TEXT_AT_MOST {
        return Err(ReleaseError::Wrong(field, "at most 2000 characters"));
    }
    Ok(text.to_owned())
}

/// The platform is changed from now on.
pub fn start(services: &Services, hand: &Hand, id: ReleaseId, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, held| {
        let count = held.count();
        let mut release = held.release;
        let list = list(tx, &release)?;
        release.start(by(tx, hand), &held.gates, count, list)?;
        keep(
            tx,
            hand,
            &release,
            ("release.started", "deployment begun"),
            "",
        )
    })
}

/// Its steps are taken; the gates after them are asked.
pub fn verify(services: &Services, hand: &Hand, id: ReleaseId, key: FormKey) -> Result<()> {
    on(services, hand, id, key, |tx, mut held| {
        held.release.verify()?;
        ask_in(tx, hand, &mut held)?;
        let words = ("release.deployed", "deployed, gates asked");
        keep(tx, hand, &held.release, words, "")
    })
}

pub fn finish(
    services: &Services,
    hand: &Hand,
    id: ReleaseId,
    note: &str,
    key: FormKey,
) -> Result<()> {
    if note.chars().count() > TEXT_AT_MOST {
        return Err(ReleaseError::Wrong("note", "at most 2000 characters"));
    }
    on(services, hand, id, key, |tx, held| {
        let count = held.count();
        let mut release = held.release;
        release.finish(&held.gates, count, tx.now())?;
        let words = match release.state {
            State::RolledBack => ("release.put_back", "the earlier version is back"),
            _ => ("release.finished", "finished"),
        };
        keep(tx, hand, &release, words, note.trim())
    })
}

/// Puts an earlier version back; the gates after that are asked.
pub fn roll_back(
    services: &Services,
    hand: &Hand,
    id: ReleaseId,
    to: &str,
    reason: &str,
    key: FormKey,
) -> Result<()> {
    let to = to.trim();
    if to.is_empty() || to.chars().count() > VERSION_AT_MOST {
        return Err(ReleaseError::Wrong(
            "to",
            "give the version, in at most 100 characters",
        ));
    }
    let reason = said(reason, "reason")?;
    on(services, hand, id, key, |tx, mut held| {
        if to == held.release.to {
            return Err(ReleaseError::Wrong(
                "to",
                "this is the version that is being deployed",
            ));
        }
        if held.release.back_to.as_deref() == Some(to) {
            return Err(ReleaseError::Wrong(
                "to",
                "it goes back to that one already",
            ));
        }
        held.release.roll_back(to.to_owned(), reason.clone())?;
        // What was asked of the version that did not work is asked no more.
        held.gates.clear();
        ask_in(tx, hand, &mut held)?;
        let what = format!("going back to {to}");
        store::save(tx, &held.release)?;
        store::note(tx, id, &hand.name, &what, &reason)?;
        tx.record(
            event("release.rolled_back", &held.release)
                .outcome(Outcome::Failure)
                .detail("back_to", to),
        )?;
        Ok(())
    })
}

pub fn abandon(
    services: &Services,
    hand: &Hand,
    id: ReleaseId,
    reason: &str,
    key: FormKey,
) -> Result<()> {
    let reason = said(reason, "why")?;
    on(services, hand, id, key, |tx, held| {
        let mut release = held.release;
        release.abandon(reason.clone(), tx.now())?;
        keep(
            tx,
            hand,
            &release,
            ("release.abandoned", "abandoned"),
            &reason,
        )
    })
}
