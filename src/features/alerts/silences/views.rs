//! What the pages about silences show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::known::Preview;
use super::pages::Typed;
use super::silence::{Governance, Silence, State};
use crate::features::alerts::views::{AlertRow, Directory};
use crate::features::packs::store::Watched;
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// For how long a silence may be asked for.
pub const LENGTHS: [(&str, &str); 10] = [
    ("15m", "15 minutes"),
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("4h", "4 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("3d", "3 days"),
    ("7d", "7 days"),
    ("30d", "30 days"),
];

/// `GET /silences`
#[derive(Template)]
#[template(path = "alerts/silences.html")]
pub struct ListPage {
    pub chrome: Chrome,
    pub groups: Vec<Group>,
    pub may_act: bool,
}

impl ListPage {
    fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.rows.is_empty())
    }
}

/// Silences that stand alike.
pub struct Group {
    pub id: &'static str,
    pub title: &'static str,
    pub rows: Vec<Row>,
}

impl Group {
    pub fn new(id: &'static str, title: &'static str, rows: Vec<Row>) -> Self {
        Self { id, title, rows }
    }
}

/// A silence in a list.
pub struct Row {
    pub id: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub platform: String,
    pub matchers: Vec<String>,
    pub reason: String,
    pub by: String,
    pub starts: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    /// By when it is to be countersigned, where it still is.
    pub owed: Option<DateTime<Utc>>,
    pub overdue: bool,
    /// It ends within minutes.
    pub ending: bool,
}

impl Row {
    #[must_use]
    pub fn of(silence: &Silence, platforms: &[Watched], now: DateTime<Utc>) -> Self {
        let state = silence.state(now);
        let platform = platforms.iter().find(|it| it.id == silence.platform);
        Self {
            id: silence.id.to_string(),
            lamp: match state {
                State::Proposed => Lamp::Yellow,
                State::Active | State::Coming => Lamp::Blue,
                State::Refused | State::Lapsed | State::Ended => Lamp::Unknown,
            },
            word: state.as_str(),
            platform: platform.map(|it| it.name.clone()).unwrap_or_default(),
            matchers: silence.matchers.iter().map(ToString::to_string).collect(),
            reason: silence.reason.clone(),
            by: silence.created.name.clone(),
            starts: silence.starts_at,
            ends: silence.end(),
            owed: silence.countersign_by.filter(|_| silence.is_owed()),
            overdue: silence.is_overdue(now),
            ending: state == State::Active && silence.reminded_at.is_some(),
        }
    }
}

/// `GET /silences/{id}`
#[derive(Template)]
#[template(path = "alerts/silence.html")]
pub struct OnePage {
    pub chrome: Chrome,
    pub row: Row,
    pub silence: Silence,
    /// What is lit that it means.
    pub lit: Vec<AlertRow>,
    /// Whether the reader asked for it.
    pub own: bool,
    pub may_answer: bool,
    pub may_end: bool,
    pub may_countersign: bool,
}

/// `GET /silences/new`
#[derive(Template)]
#[template(path = "alerts/silence_new.html")]
pub struct NewPage {
    pub chrome: Chrome,
    /// Short names and names of where the reader may silence.
    pub platforms: Vec<(String, String)>,
    pub typed: Typed,
    pub problems: Problems,
    pub lengths: &'static [(&'static str, &'static str)],
    pub preview: Option<PreviewCard>,
}

/// What the silence would do, before it is made.
pub struct PreviewCard {
    pub lit: Vec<AlertRow>,
    pub lately: String,
    pub lamp: Lamp,
    pub governance: String,
}

impl PreviewCard {
    pub fn of(preview: &Preview, directory: &Directory, now: DateTime<Utc>) -> Self {
        let rows = preview.lit.iter().map(|alert| directory.row(alert, now));
        let (lamp, governance) = match preview.governance {
            Governance::Alone => (
                Lamp::Clear,
                "It holds as soon as you make it.".to_owned(),
            ),
            Governance::Countersigned => (
                Lamp::Blue,
                "It holds as soon as you make it. Somebody else countersigns it by the end of tomorrow.".to_owned(),
            ),
            Governance::Second(why) => (
                Lamp::Yellow,
                format!("It holds once a second person has agreed: {}.", why.sentence()),
            ),
        };
        Self {
            lit: rows.collect(),
            lately: counted(preview.lately as u64, "alert", "alerts"),
            lamp,
            governance,
        }
    }
}
