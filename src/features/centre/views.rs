use askama::Template;
use chrono::{DateTime, Utc};

use super::waiting::Waiting;
use crate::features::notify::store::seen::Told;
use crate::foundation::kernel::Level;
use crate::foundation::web::{Chrome, Lamp};

/// Something that the reader was told.
pub struct Line {
    pub at: DateTime<Utc>,
    pub title: String,
    pub text: String,
    pub link: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub is_new: bool,
}

impl Line {
    #[must_use]
    pub fn of(told: Told, seen_until: Option<DateTime<Utc>>) -> Self {
        let level = told.level.and_then(|level| level.parse::<Level>().ok());
        let lamp = level.map_or(Lamp::Unknown, Lamp::from);
        Self {
            is_new: seen_until.is_none_or(|until| told.at > until),
            at: told.at,
            title: told.title,
            text: told.text,
            link: told.link,
            word: if level.is_some() {
                lamp.word()
            } else {
                "Notice"
            },
            lamp,
        }
    }
}

/// An event that a pack marks.
pub struct Happened {
    pub at: DateTime<Utc>,
    pub name: String,
    pub about: String,
    pub platform: String,
}

/// `GET /account/notices`
#[derive(Template)]
#[template(path = "centre/centre.html")]
pub struct Centre {
    pub chrome: Chrome,
    pub waiting: Vec<Waiting>,
    pub lines: Vec<Line>,
    pub happened: Vec<Happened>,
    pub unseen: u64,
    pub shown_at: String,
}

impl Centre {
    fn sentence(&self) -> String {
        match (self.waiting.len(), self.unseen) {
            (0, 0) => "Nothing waits for you, and nothing is new.".to_owned(),
            (0, new) => format!("{new} new, and nothing waits for you."),
            (waiting, new) => format!("{waiting} for you to decide, {new} new."),
        }
    }
}
