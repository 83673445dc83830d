//! The life of an incident: open, mitigated, resolved, and closed for good. Pure.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;

use crate::foundation::kernel::{Level, PersonId, PlatformId, local_moment};

crate::typed_id!(
    /// Something that went wrong.
    IncidentId,
    /// A line of its timeline.
    EntryId,
);

/// Longest title, in characters.
pub const TITLE_AT_MOST: usize = 200;
/// Longest update, note or reason.
pub const TEXT_AT_MOST: usize = 4_000;

/// By when the review of an incident is due, after it was resolved.
pub const REVIEW_BUSINESS_DAYS: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It hurts, and somebody is to mend it.
    Open,
    /// It hurts no more, and its cause is still there.
    Mitigated,
    /// It is mended; what is to be learned of it is not written yet.
    Resolved,
    /// Closed for good by its review.
    Reviewed,
    /// Closed for good without one.
    Closed,
}

impl State {
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Mitigated,
        Self::Resolved,
        Self::Reviewed,
        Self::Closed,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Reviewed => "reviewed",
            Self::Closed => "closed",
        }
    }

    /// Whether somebody still has to mend something.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Open | Self::Mitigated)
    }

    /// Whether nothing about it is changed any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Reviewed | Self::Closed)
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a state of an incident"))
    }
}

/// What opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    Person,
    /// A step of an alert's escalation.
    Escalation,
    /// The audit log was not what it has to be.
    AuditVerification,
    /// Too many failed sign-ins.
    SignInStorm,
}

impl Cause {
    pub const ALL: [Self; 4] = [
        Self::Person,
        Self::Escalation,
        Self::AuditVerification,
        Self::SignInStorm,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Escalation => "escalation",
            Self::AuditVerification => "audit_verification",
            Self::SignInStorm => "sign_in_storm",
        }
    }

    /// Whether Signalbox found it about itself. Of these one is open for each cause.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(self, Self::AuditVerification | Self::SignInStorm)
    }
}

impl std::str::FromStr for Cause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not what opens an incident"))
    }
}

/// Where a line of the timeline comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Person,
    Escalation,
    AuditLog,
    SignIn,
}

impl Source {
    pub const ALL: [Self; 4] = [Self::Person, Self::Escalation, Self::AuditLog, Self::SignIn];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Escalation => "escalation",
            Self::AuditLog => "audit_log",
            Self::SignIn => "sign_in",
        }
    }

    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Person => "entered here",
            Self::Escalation => "a step of an escalation",
            Self::AuditLog => "the check of the audit log",
            Self::SignIn => "the counters at the sign-in page",
        }
    }
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is no source of a timeline"))
    }
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commander {
    pub id: PersonId,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: IncidentId,
    pub platform: PlatformId,
    pub title: String,
    pub level: Level,
    /// Whether it was ever red: then its review is not left out.
    pub was_red: bool,
    pub state: State,
    pub cause: Cause,
    /// When the first of its alerts fired, or it was opened: its times are measured from here.
    pub began_at: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub opened_name: String,
    /// When somebody first led it, or resolved it.
    pub taken_at: Option<DateTime<Utc>>,
    /// When somebody first had it in hand: took it, or acknowledged one of its alerts.
    pub acknowledged_at: Option<DateTime<Utc>>,
    pub mitigated_at: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    pub commander: Option<Commander>,
    /// When what it opened for was last found again.
    pub evidence_at: Option<DateTime<Utc>>,
    pub review_due_at: Option<DateTime<Utc>>,
}

/// Why an incident does not change so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    #[error("it is {} already", .0.as_str())]
    Already(State),
    #[error("it is {}, and does not become {} from there", .0.as_str(), .1.as_str())]
    From(State, State),
    #[error("it was red, so it is closed by its review and in no other way")]
    NeedsReview,
    #[error("it is closed for good")]
    Final,
}

impl Incident {
    /// One that has just been opened.
    #[must_use]
    pub fn open(
        platform: PlatformId,
        title: &str,
        level: Level,
        cause: Cause,
        opened_name: &str,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: IncidentId::new(),
            platform,
            title: title.to_owned(),
            level,
            was_red: level == Level::Red,
            state: State::Open,
            cause,
            began_at: now,
            opened_at: now,
            opened_name: opened_name.to_owned(),
            taken_at: None,
            acknowledged_at: None,
            mitigated_at: None,
            resolved_at: None,
            closed_at: None,
            commander: None,
            evidence_at: None,
            review_due_at: None,
        }
    }

    /// To where it can go from where it is, by a person's word alone.
    #[must_use]
    pub fn ways(&self) -> Vec<State> {
        match self.state {
            State::Open => vec![State::Mitigated, State::Resolved],
            State::Mitigated => vec![State::Resolved, State::Open],
            State::Resolved if self.was_red => vec![State::Open],
            State::Resolved => vec![State::Closed, State::Open],
            State::Reviewed | State::Closed => Vec::new(),
        }
    }

    /// Brings it into another state. Its review alone makes it [`State::Reviewed`].
    pub fn go(&mut self, to: State, now: DateTime<Utc>, zone: Tz) -> Result<(), NotNow> {
        if self.state == to {
            return Err(NotNow::Already(to));
        }
        if to == State::Closed && self.was_red && self.state == State::Resolved {
            return Err(NotNow::NeedsReview);
        }
        if !self.ways().contains(&to) {
            return Err(NotNow::From(self.state, to));
        }
        self.enter(to, now, zone);
        Ok(())
    }

    /// Its review was approved.
    pub fn reviewed(&mut self, now: DateTime<Utc>) -> Result<(), NotNow> {
        if self.state != State::Resolved {
            return Err(NotNow::From(self.state, State::Reviewed));
        }
        self.state = State::Reviewed;
        self.closed_at = Some(now);
        Ok(())
    }

    fn enter(&mut self, to: State, now: DateTime<Utc>, zone: Tz) {
        self.state = to;
        match to {
            State::Open => {
                self.mitigated_at = None;
                self.resolved_at = None;
                self.review_due_at = None;
            }
            State::Mitigated => self.mitigated_at = Some(now),
            State::Resolved => {
                self.resolved_at = Some(now);
                self.review_due_at = Some(review_due(now, zone));
                // Whoever resolves it has it in hand.
                self.taken_by(now);
            }
            State::Reviewed | State::Closed => self.closed_at = Some(now),
        }
    }

    /// Makes it more or less severe. It never forgets that it was red.
    pub fn rate(&mut self, level: Level) -> Result<(), NotNow> {
        if self.state.is_final() {
            return Err(NotNow::Final);
        }
        if self.level == level {
            return Err(NotNow::Already(self.state));
        }
        self.level = level;
        self.was_red |= level == Level::Red;
        Ok(())
    }

    /// Somebody leads it from now on.
    pub fn take(&mut self, commander: Commander, now: DateTime<Utc>) -> Result<(), NotNow> {
        if self.state.is_final() {
            return Err(NotNow::Final);
        }
        self.commander = Some(commander);
        self.taken_by(now);
        Ok(())
    }

    fn taken_by(&mut self, now: DateTime<Utc>) {
        let taken = *self.taken_at.get_or_insert(now);
        let first = self.acknowledged_at.map_or(taken, |known| known.min(taken));
        self.acknowledged_at = Some(first);
    }

    /// What its alerts say of when it began and when somebody first had it in hand.
    pub fn measure(
        &mut self,
        first_fired: Option<DateTime<Utc>>,
        first_acknowledged: Option<DateTime<Utc>>,
    ) {
        self.began_at = first_fired.map_or(self.opened_at, |at| at.min(self.opened_at));
        let acknowledged = first_acknowledged.map(|at| at.max(self.began_at));
        self.acknowledged_at = [self.taken_at, acknowledged].into_iter().flatten().min();
    }

    #[must_use]
    pub fn time_to_acknowledge(&self) -> Option<TimeDelta> {
        let at = self.acknowledged_at?;
        Some((at - self.began_at).max(TimeDelta::zero()))
    }

    #[must_use]
    pub fn time_to_resolve(&self) -> Option<TimeDelta> {
        Some((self.resolved_at? - self.began_at).max(TimeDelta::zero()))
    }

    /// Whether it waits for its review, which nothing else closes.
    #[must_use]
    pub fn owes_review(&self) -> bool {
        self.state == State::Resolved && self.was_red
    }

    #[must_use]
    pub fn is_review_overdue(&self, now: DateTime<Utc>) -> bool {
        self.owes_review() && self.review_due_at.is_some_and(|due| due < now)
    }
}

/// By when the review of what was resolved at `at` is due: the end of the fifth business day after it, where the
/// platform is.
#[must_use]
pub fn review_due(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let mut day = at.with_timezone(&zone).date_naive();
    let mut left = REVIEW_BUSINESS_DAYS;
    while left > 0 {
        day = day.succ_opt().unwrap_or(day);
        if !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            left -= 1;
        }
    }
    end_of(day, zone)
}

/// The moment at which a day is over.
#[must_use]
pub fn end_of(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let next = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN);
    local_moment(next, zone).unwrap_or_else(|| next.and_utc())
}

/// Times of several incidents together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    pub count: u64,
    pub acknowledge: Option<TimeDelta>,
    pub resolve: Option<TimeDelta>,
}

impl Means {
    /// Of those that were resolved: began, acknowledged, resolved.
    #[must_use]
    pub fn of(times: &[(DateTime<Utc>, DateTime<Utc>, DateTime<Utc>)]) -> Self {
        let count = i64::try_from(times.len()).unwrap_or(i64::MAX);
        let mean = |span: fn(&(DateTime<Utc>, DateTime<Utc>, DateTime<Utc>)) -> TimeDelta| {
            let total: i64 = times
                .iter()
                .map(|time| span(time).num_seconds().max(0))
                .sum();
            (count > 0).then(|| TimeDelta::seconds(total / count))
        };
        Self {
            count: count.unsigned_abs(),
            acknowledge: mean(|(began, acknowledged, _)| *acknowledged - *began),
            resolve: mean(|(began, _, resolved)| *resolved - *began),
        }
    }
}

#[cfg(test)]
#[path = "incident_tests.rs"]
mod tests;
