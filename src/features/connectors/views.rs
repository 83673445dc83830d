//! What the pages of connectors show.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use chrono::{DateTime, Utc};

use super::breaker::{IN_A_ROW, State, WINDOW};
use super::pages::Typed;
use super::store::proposals::Proposal;
use super::store::{BreakerId, Held, calls, turns};
use crate::features::packs::accepted::Accepted;
use crate::features::packs::pack::{Connector, ItemId};
use crate::features::packs::store::{self as packs, Watched};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::format::{counted, duration, number};
use crate::foundation::web::{Chrome, Lamp, Problems, Tile};

/// For how long two people may let every call through: in the form, for people, and in hours.
pub const LENGTHS: [(&str, &str, i64); 5] = [
    ("1h", "One hour", 1),
    ("4h", "Four hours", 4),
    ("8h", "Eight hours", 8),
    ("24h", "One day", 24),
    ("72h", "Three days", 72),
];

/// A breaker in a list.
pub struct Row {
    pub id: BreakerId,
    pub name: String,
    pub operation: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: String,
    pub state: State,
    pub since: DateTime<Utc>,
    pub called_at: Option<DateTime<Utc>>,
    pub next: Option<DateTime<Utc>>,
    pub limited: i64,
    pub short_circuited: String,
}

impl Row {
    #[must_use]
    pub fn of(
        held: &Held,
        platforms: &[Watched],
        limited: &HashMap<BreakerId, i64>,
        now: DateTime<Utc>,
    ) -> Self {
        let breaker = &held.breaker;
        let waits = breaker.wait_until.is_some_and(|until| now < until);
        let (lamp, word) = match breaker.state {
            State::Open | State::HalfOpen => (Lamp::Red, breaker.state.word().to_owned()),
            State::ForcedOpen | State::Disabled => (Lamp::Yellow, breaker.state.word().to_owned()),
            State::Closed if waits => (Lamp::Yellow, "Asked us to wait".to_owned()),
            State::Closed if held.failing_since.is_some() => {
                let failures = counted(breaker.failures() as u64, "failure", "failures");
                (Lamp::Yellow, format!("Closed, {failures}"))
            }
            State::Closed if held.called_at.is_none() => (Lamp::Unknown, "Never called".to_owned()),
            State::Closed => (Lamp::Clear, "Closed".to_owned()),
        };
        let platform = platforms.iter().find(|it| Some(it.id) == held.platform);
        let next = match breaker.state {
            State::Open => breaker.retry_at,
            State::ForcedOpen => None,
            _ => held.due_at,
        };
        Self {
            id: held.id,
            name: held.name.clone(),
            operation: held.operation.clone(),
            platform: platform.map_or_else(|| "Signalbox itself".to_owned(), |it| it.name.clone()),
            lamp,
            word,
            state: breaker.state,
            since: breaker.since,
            called_at: held.called_at,
            next: next.max(breaker.wait_until.filter(|_| waits && next.is_some())),
            limited: limited.get(&held.id).copied().unwrap_or(0),
            short_circuited: number(held.tally.short_circuited),
        }
    }

    #[must_use]
    pub fn title(&self) -> String {
        format!("{}: {}", self.name, self.operation)
    }
}

/// All connectors in one sentence.
pub struct Verdict {
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
}

impl Verdict {
    /// What is cut off comes first, then what people did, fails or asked us to wait, then what nobody knows.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let count = |lamp: Lamp| rows.iter().filter(|row| row.lamp == lamp).count() as u64;
        let total = counted(rows.len() as u64, "connector", "connectors");
        let (red, yellow, unknown) = (count(Lamp::Red), count(Lamp::Yellow), count(Lamp::Unknown));
        let of = |some: u64, one: &str, many: &str| {
            format!("{some} of {total} {}", if some == 1 { one } else { many })
        };
        let more = counted(yellow, "more needs a look.", "more need a look.");
        let (lamp, sentence, detail) = match (red, yellow, unknown) {
            (1.., _, _) => (
                Lamp::Red,
                of(red, "is cut off", "are cut off"),
                if yellow > 0 { more } else { String::new() },
            ),
            (0, 1.., _) => (
                Lamp::Yellow,
                of(yellow, "needs a look", "need a look"),
                String::new(),
            ),
            (0, 0, 1..) => (
                Lamp::Unknown,
                of(unknown, "was never called", "were never called"),
                String::new(),
            ),
            (0, 0, 0) if rows.len() == 1 => {
                let sentence = "The one connector answers".to_owned();
                (Lamp::Clear, sentence, String::new())
            }
            (0, 0, 0) => (Lamp::Clear, format!("All {total} answer"), String::new()),
        };
        Self {
            lamp,
            sentence,
            detail,
        }
    }
}

/// For the Overview: how many are not cut off.
#[must_use]
pub fn tile(rows: &[Row]) -> Option<Tile> {
    if rows.is_empty() {
        return None;
    }
    let verdict = Verdict::of(rows);
    let tile = match rows.iter().filter_map(|row| row.called_at).max() {
        None => Tile::unknown("Connectors", "calls", None),
        Some(seen) => {
            let well = rows.iter().filter(|row| !row.state.cuts_off()).count();
            let reading = format!("{well} of {}", rows.len());
            let name = "Connectors not cut off";
            Tile::new(name, verdict.lamp, reading, "", "last call", seen)
        }
    };
    Some(tile.note(verdict.sentence).href("/connectors"))
}

/// `GET /connectors`
#[derive(Template)]
#[template(path = "connectors/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub verdict: Verdict,
    pub rows: Vec<Row>,
}

/// What its pack says of a connector.
pub struct Card {
    pub spec: Connector,
    pub address: String,
    pub service: Option<(ItemId, String)>,
    pub runbook: Option<(ItemId, String)>,
    /// What the linter says of it, and why its pack lives with that.
    pub accepted: Vec<Accepted>,
}

/// `GET /connectors/{id}`
#[derive(Template)]
#[template(path = "connectors/one.html")]
pub struct One {
    pub chrome: Chrome,
    pub held: Held,
    pub row: Row,
    pub card: Option<Card>,
    pub turns: Vec<turns::Kept>,
    pub calls: Vec<calls::Kept>,
    pub proposal: Option<Proposal>,
    pub me: PersonId,
    pub may_act: bool,
    pub typed: Typed,
    pub problems: Problems,
    pub now: DateTime<Utc>,
}

impl One {
    /// What the state means, in a sentence.
    fn meaning(&self) -> String {
        let seen = self.held.breaker.recent.len();
        match self.held.breaker.state {
            State::Closed => format!(
                "Calls go out. {IN_A_ROW} failures in a row open it, or half of the last {WINDOW}; {} of the last {} failed.",
                self.held.breaker.recent.iter().filter(|good| !**good).count(),
                counted(seen as u64, "call", "calls"),
            ),
            State::Open => "Calls are kept back until its time is over; then one goes out to see.".to_owned(),
            State::HalfOpen => "One call at a time goes out to see. Two answers in a row close it, a failure opens it again for longer.".to_owned(),
            State::Disabled => "Every call goes out, whatever became of the last, until the end that two people agreed to.".to_owned(),
            State::ForcedOpen => "No call goes out until somebody asks for a trial.".to_owned(),
        }
    }

    fn waits(&self) -> Option<DateTime<Utc>> {
        self.held
            .breaker
            .wait_until
            .filter(|until| self.now < *until)
    }

    fn is_own(&self, proposal: &Proposal) -> bool {
        proposal.asked_by == self.me
    }

    fn is_over(&self, proposal: &Proposal) -> bool {
        self.now >= proposal.ends_at
    }

    fn may_reset(&self) -> bool {
        self.held.breaker.may_reset(self.now)
    }

    fn reset_means(&self) -> &'static str {
        if self.row.state == State::Closed {
            "Calls go out at once, though it asked us to wait."
        } else {
            "Half-open, at once. Two answers in a row close it."
        }
    }

    fn lengths(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        LENGTHS
            .iter()
            .map(|(value, label, _)| (*value, *label, self.typed.lasts == *value))
    }

    /// How a call ended, for people.
    fn said(call: &calls::Kept) -> (Lamp, &'static str) {
        match call.verdict.as_str() {
            "answered" => (Lamp::Clear, "Answered"),
            "limited" => (Lamp::Yellow, "Asked us to wait"),
            "nothing" => (Lamp::Unknown, "Not asked"),
            _ => (Lamp::Red, "Failed"),
        }
    }

    fn took(call: &calls::Kept) -> String {
        duration(Duration::from_millis(call.took_ms.unsigned_abs()))
    }
}

/// What packs call their connectors.
pub fn slugs(conn: &mut Conn) -> db::Result<HashMap<ItemId, String>> {
    let platforms: HashMap<_, _> = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it.slug))
        .collect();
    let live = packs::live::<Connector>(conn)?;
    let named = live.into_iter().map(|item| {
        let platform = platforms.get(&item.platform).map_or("", String::as_str);
        (item.id, format!("{platform}/{}", item.slug))
    });
    Ok(named.collect())
}

/// What metrics call it.
#[must_use]
pub fn label(held: &Held, slugs: &HashMap<ItemId, String>) -> String {
    let slug = held.connector.and_then(|id| slugs.get(&id));
    slug.cloned().unwrap_or_else(|| held.dependency.clone())
}
