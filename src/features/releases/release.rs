//! A platform going from one version to another: which steps there are, and who may take them. Pure.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::features::packs::pack::{ReleaseGate, Stage};
use crate::foundation::kernel::{PersonId, PlatformId};

crate::typed_id!(
    /// A platform going from one version to another.
    ReleaseId,
);

/// Gates that passed longer ago say nothing about now.
pub const GATES_LAST: TimeDelta = TimeDelta::minutes(30);

/// How long is waited for something to read after a gate was asked, or for a probe to make up its mind.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Draft,
    GatesPassed,
    Deploying,
    Verifying,
    Done,
    /// The version before is being put back.
    GoingBack,
    RolledBack,
    Abandoned,
}

impl State {
    pub const ALL: [Self; 8] = [
        Self::Draft,
        Self::GatesPassed,
        Self::Deploying,
        Self::Verifying,
        Self::Done,
        Self::GoingBack,
        Self::RolledBack,
        Self::Abandoned,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::GatesPassed => "gates_passed",
            Self::Deploying => "deploying",
            Self::Verifying => "verifying",
            Self::Done => "done",
            Self::GoingBack => "going_back",
            Self::RolledBack => "rolled_back",
            Self::Abandoned => "abandoned",
        }
    }

    /// The gates that are asked in this state.
    #[must_use]
    pub const fn stage(self) -> Option<Stage> {
        match self {
            Self::Draft | Self::GatesPassed => Some(Stage::Before),
            Self::Verifying => Some(Stage::After),
            Self::GoingBack => Some(Stage::Rollback),
            Self::Deploying | Self::Done | Self::RolledBack | Self::Abandoned => None,
        }
    }

    /// Whether the platform is being changed.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Deploying | Self::Verifying | Self::GoingBack)
    }

    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack | Self::Abandoned)
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a state of a release"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pending,
    Pass,
    Fail,
    /// Nothing came to be read after it was asked, or nobody knows what it means.
    Unknown,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Pass, Self::Fail, Self::Unknown];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not an answer of a gate"))
    }
}

/// How far the checklist of a release lets it begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// There is none, everything in it passed and somebody has signed that, or somebody else has looked it over.
    Ready,
    Unsigned,
    /// It is signed, and not everything in it passed.
    Unreviewed,
    /// It was objected to or called off: it says nothing any more.
    Over,
}

/// A person, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub at: DateTime<Utc>,
    pub person: PersonId,
    pub name: String,
}

/// A gate that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub round: i32,
    pub spec: ReleaseGate,
    pub position: i32,
    pub asked_at: DateTime<Utc>,
    pub asked_by: PersonId,
    pub not_before: DateTime<Utc>,
    pub outcome: Outcome,
    pub value: String,
    pub source: String,
    pub seen_at: Option<DateTime<Utc>>,
    pub settled_at: Option<DateTime<Utc>>,
    pub overridden: Option<(By, String)>,
}

/// What is seen when a gate is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub value: String,
    pub source: String,
    pub at: Option<DateTime<Utc>>,
    pub holds: Option<bool>,
    /// Whether the next look would say the same.
    pub settled: bool,
}

impl Gate {
    /// Takes what is seen, where it counts: it was seen after the gate was asked and had waited. True where that settles it.
    pub fn look(&mut self, seen: &Seen, now: DateTime<Utc>) -> bool {
        if self.outcome != Outcome::Pending || now < self.not_before {
            return false;
        }
        let fresh = seen.at.filter(|at| *at >= self.not_before);
        let over = now >= self.not_before + PATIENCE;
        let outcome = match (fresh, seen.holds) {
            (Some(_), Some(holds)) if seen.settled || over => {
                if holds {
                    Outcome::Pass
                } else {
                    Outcome::Fail
                }
            }
            _ if over => Outcome::Unknown,
            _ => return false,
        };
        self.outcome = outcome;
        self.value = if fresh.is_none() {
            "nothing was read after it was asked".to_owned()
        } else {
            seen.value.clone()
        };
        self.source.clone_from(&seen.source);
        self.seen_at = seen.at;
        self.settled_at = Some(now);
        true
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.outcome == Outcome::Pass || self.overridden.is_some()
    }

    #[must_use]
    pub const fn may_be_overridden(&self) -> bool {
        matches!(self.outcome, Outcome::Fail | Outcome::Unknown) && self.overridden.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub id: ReleaseId,
    pub platform: PlatformId,
    pub from: String,
    pub to: String,
    pub what: String,
    pub planned_at: DateTime<Utc>,
    pub checklist: Option<Uuid>,
    pub proposed: By,
    pub state: State,
    pub round: i32,
    /// When all gates before it had passed.
    pub passed_at: Option<DateTime<Utc>>,
    pub approved: Option<By>,
    pub started: Option<By>,
    pub back_to: Option<String>,
    pub reason: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("this release is not at that step")]
    Step,
    #[error("whoever proposed or deploys a release does not approve it as well")]
    OwnWork,
    #[error("somebody has to approve it first")]
    NotApproved,
    #[error("its checklist has to be signed first")]
    Unsigned,
    #[error(
        "not everything in its checklist passed, so that somebody else has to look it over first"
    )]
    Unreviewed,
    #[error("its checklist was objected to or called off, and has to be started again")]
    ListOver,
    #[error("its checklist still counts")]
    ListCounts,
    #[error("its gates passed too long ago, and have to be asked again")]
    GatesOld,
    #[error("a gate has not passed")]
    GateClosed,
    #[error("gates are being asked already")]
    Asking,
    #[error("whoever asked a gate does not override it as well")]
    OwnGate,
    #[error("whoever went on over a gate does not deploy the release as well")]
    OwnOverride,
    #[error("this gate needs no override")]
    NoOverride,
}

impl Release {
    /// The gates that were asked last, where they are those of the present step.
    #[must_use]
    pub fn current<'g>(&self, gates: &'g [Gate]) -> Vec<&'g Gate> {
        let stage = self.state.stage();
        let of_step = |gate: &&Gate| gate.round == self.round && Some(gate.spec.stage) == stage;
        gates.iter().filter(of_step).collect()
    }

    /// Whether the gates of the present step are open, and as many were asked as its pack names; a step without gates is.
    #[must_use]
    pub fn is_clear(&self, gates: &[Gate], named: usize) -> bool {
        let current = self.current(gates);
        current.iter().all(|gate| gate.is_open()) && current.len() >= named
    }

    /// Somebody agrees to it.
    ///
    /// # Errors
    /// It has begun, was agreed to, or is their own.
    pub fn approve(&mut self, by: By) -> Result<(), Refused> {
        self.may_approve(by.person)?;
        self.approved = Some(by);
        Ok(())
    }

    /// Whether it waits for this person's approval.
    ///
    /// # Errors
    /// It has begun, was agreed to, or is their own.
    pub fn may_approve(&self, person: PersonId) -> Result<(), Refused> {
        if !matches!(self.state, State::Draft | State::GatesPassed) || self.approved.is_some() {
            return Err(Refused::Step);
        }
        if self.proposed.person == person {
            return Err(Refused::OwnWork);
        }
        Ok(())
    }

    /// Asks the gates of the present step, once more or for the first time.
    ///
    /// # Errors
    /// There is no such step, or they are being asked.
    pub fn ask(
        &mut self,
        named: &[ReleaseGate],
        by: PersonId,
        gates: &[Gate],
        now: DateTime<Utc>,
    ) -> Result<Vec<Gate>, Refused> {
        let stage = self.state.stage().ok_or(Refused::Step)?;
        let mut current = self.current(gates).into_iter();
        if current.any(|gate| gate.outcome == Outcome::Pending) {
            return Err(Refused::Asking);
        }
        self.round += 1;
        if self.state == State::GatesPassed {
            self.state = State::Draft;
            self.passed_at = None;
        }
        let of_stage = named.iter().filter(|gate| gate.stage == stage);
        let asked = of_stage.zip(0..).map(|(spec, position)| Gate {
            round: self.round,
            spec: spec.clone(),
            position,
            asked_at: now,
            asked_by: by,
            not_before: now + spec.wait.delta(),
            outcome: Outcome::Pending,
            value: String::new(),
            source: spec.read.to_string(),
            seen_at: None,
            settled_at: None,
            overridden: None,
        });
        Ok(asked.collect())
    }

    /// What follows from the gates as they stand now. True where something does. Where no gate says that the version before
    /// is back, a person says so: see [`Release::finish`].
    pub fn advance(&mut self, gates: &[Gate], named: usize, now: DateTime<Utc>) -> bool {
        if !self.is_clear(gates, named) {
            return false;
        }
        match self.state {
            State::Draft => {
                self.state = State::GatesPassed;
                self.passed_at = Some(now);
            }
            State::GoingBack if !self.current(gates).is_empty() => {
                self.state = State::RolledBack;
                self.ended_at = Some(now);
            }
            _ => return false,
        }
        true
    }

    /// The platform is changed from now on.
    ///
    /// # Errors
    /// Something is missing that has to be there first.
    pub fn start(
        &mut self,
        by: By,
        gates: &[Gate],
        named: usize,
        list: List,
    ) -> Result<(), Refused> {
        match self.state {
            State::GatesPassed => {}
            State::Draft => return Err(Refused::GateClosed),
            _ => return Err(Refused::Step),
        }
        let approved = self.approved.as_ref().ok_or(Refused::NotApproved)?;
        if approved.person == by.person {
            return Err(Refused::OwnWork);
        }
        let current = self.current(gates);
        let mut waved = current.iter().filter_map(|gate| gate.overridden.as_ref());
        if waved.any(|(over, _)| over.person == by.person) {
            return Err(Refused::OwnOverride);
        }
        match list {
            List::Ready => {}
            List::Unsigned => return Err(Refused::Unsigned),
            List::Unreviewed => return Err(Refused::Unreviewed),
            List::Over => return Err(Refused::ListOver),
        }
        // Its pack may name more of them by now.
        if !self.is_clear(gates, named) {
            return Err(Refused::GateClosed);
        }
        let settled = current.iter().filter_map(|gate| gate.settled_at);
        let oldest = settled.chain(self.passed_at).min();
        if oldest.is_none_or(|passed| by.at - passed > GATES_LAST) {
            return Err(Refused::GatesOld);
        }
        self.state = State::Deploying;
        self.started = Some(by);
        Ok(())
    }

    /// Its steps are taken, and what they left behind is looked at.
    ///
    /// # Errors
    /// It is not being deployed.
    pub fn verify(&mut self) -> Result<(), Refused> {
        if self.state != State::Deploying {
            return Err(Refused::Step);
        }
        self.state = State::Verifying;
        Ok(())
    }

    /// It is where it should be: the new version, or the one before where it went back and no gate says so by itself.
    ///
    /// # Errors
    /// It is neither being verified nor going back, or a gate has not passed.
    pub fn finish(
        &mut self,
        gates: &[Gate],
        named: usize,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        let end = match self.state {
            State::Verifying => State::Done,
            State::GoingBack => State::RolledBack,
            _ => return Err(Refused::Step),
        };
        if !self.is_clear(gates, named) {
            return Err(Refused::GateClosed);
        }
        self.state = end;
        self.ended_at = Some(now);
        Ok(())
    }

    /// An earlier version is put back: the safe direction, for which one is enough. Where the one that was named does not
    /// work, another is.
    ///
    /// # Errors
    /// The platform is not being changed, or goes back to that version already.
    pub fn roll_back(&mut self, to: String, reason: String) -> Result<(), Refused> {
        let is_other = self.back_to.as_ref() != Some(&to);
        if !(self.state.is_under_way() && is_other) {
            return Err(Refused::Step);
        }
        self.state = State::GoingBack;
        self.back_to = Some(to);
        self.reason = Some(reason);
        Ok(())
    }

    /// Whether it may be given another checklist, as the one that it had says nothing any more.
    ///
    /// # Errors
    /// It has begun, or its checklist still counts.
    pub fn may_list_again(&self, list: List) -> Result<(), Refused> {
        if !matches!(self.state, State::Draft | State::GatesPassed) {
            return Err(Refused::Step);
        }
        if list != List::Over {
            return Err(Refused::ListCounts);
        }
        Ok(())
    }

    /// It is not done after all.
    ///
    /// # Errors
    /// It has begun.
    pub fn abandon(&mut self, reason: String, now: DateTime<Utc>) -> Result<(), Refused> {
        if !matches!(self.state, State::Draft | State::GatesPassed) {
            return Err(Refused::Step);
        }
        self.state = State::Abandoned;
        self.reason = Some(reason);
        self.ended_at = Some(now);
        Ok(())
    }

    /// Whether somebody may go on over a gate that has not passed.
    ///
    /// # Errors
    /// It needs none, or it is their own work.
    pub fn may_override(&self, gate: &Gate, by: PersonId) -> Result<(), Refused> {
        if gate.round != self.round || Some(gate.spec.stage) != self.state.stage() {
            return Err(Refused::Step);
        }
        if !gate.may_be_overridden() {
            return Err(Refused::NoOverride);
        }
        let deploys = self.started.as_ref().map(|by| by.person);
        if gate.asked_by == by || self.proposed.person == by || deploys == Some(by) {
            return Err(Refused::OwnGate);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
