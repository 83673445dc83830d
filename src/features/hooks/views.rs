use askama::Template;
use chrono::{DateTime, Utc};

use super::message::Standing;
use super::pages::NewForm;
use super::store::Source;
use super::store::receipts::Kept;
use crate::features::packs::store::Watched;
use crate::foundation::auth::people;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Secret};
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems};

fn standing(source: &Source) -> (Lamp, &'static str) {
    match source.standing {
        Standing::Active if source.refused_at > source.came_at => {
            (Lamp::Yellow, "The last message was not taken")
        }
        Standing::Active if source.came_at.is_none() => (Lamp::Unknown, "Nothing has come"),
        Standing::Active => (Lamp::Clear, "Takes events"),
        Standing::Paused => (Lamp::Yellow, "Paused"),
        Standing::Retired => (Lamp::Unknown, "Removed"),
    }
}

struct Line {
    source: Source,
    platform: String,
    lamp: Lamp,
    word: &'static str,
}

#[derive(Template)]
#[template(path = "hooks/list.html")]
pub struct List {
    chrome: Chrome,
    verdict: (Lamp, String, String),
    rows: Vec<Line>,
    platforms: Vec<Watched>,
    form: NewForm,
    pub problems: Problems,
    may_manage: bool,
}

impl List {
    #[must_use]
    pub fn new(
        chrome: Chrome,
        all: Vec<Source>,
        platforms: Vec<Watched>,
        form: NewForm,
        problems: Problems,
        may_manage: bool,
    ) -> Self {
        let line = |source: Source| {
            let (lamp, word) = standing(&source);
            let platform = platforms.iter().find(|it| it.id == source.platform);
            Line {
                platform: platform.map(|it| it.name.clone()).unwrap_or_default(),
                source,
                lamp,
                word,
            }
        };
        let rows: Vec<Line> = all.into_iter().map(line).collect();
        Self {
            verdict: verdict(&rows),
            chrome,
            rows,
            platforms,
            form,
            problems,
            may_manage,
        }
    }
}

fn verdict(rows: &[Line]) -> (Lamp, String, String) {
    let live: Vec<&Line> = rows
        .iter()
        .filter(|row| row.source.standing != Standing::Retired)
        .collect();
    let waiting = live.iter().filter(|row| row.lamp == Lamp::Yellow).count() as u64;
    let silent = live.iter().filter(|row| row.lamp == Lamp::Unknown).count() as u64;
    let total = counted(live.len() as u64, "source", "sources");
    let verb = |count: u64, one: &str, many: &str| {
        format!("{count} of {total} {}", if count == 1 { one } else { many })
    };
    match (live.len(), waiting, silent) {
        (0, _, _) => (
            Lamp::Unknown,
            "No webhooks come in".to_owned(),
            "Add a source, and programs of a platform can report what happens.".to_owned(),
        ),
        (_, 1.., _) => (
            Lamp::Yellow,
            verb(waiting, "needs a look", "need a look"),
            String::new(),
        ),
        (_, 0, 1..) => (
            Lamp::Unknown,
            verb(silent, "has sent nothing yet", "have sent nothing yet"),
            String::new(),
        ),
        (1, 0, 0) => (
            Lamp::Clear,
            "The one source sends events".to_owned(),
            String::new(),
        ),
        _ => (
            Lamp::Clear,
            format!("All {total} send events"),
            String::new(),
        ),
    }
}

/// The name of whoever set it up.
pub fn hand(conn: &mut Conn, actor: &str) -> db::Result<String> {
    let person = actor.strip_prefix("person:");
    let Some(id) = person.and_then(|id| id.parse::<PersonId>().ok()) else {
        return Ok(actor.to_owned());
    };
    let names = people::names(conn, &[id])?;
    Ok(names.get(&id).cloned().unwrap_or_else(|| actor.to_owned()))
}

#[derive(Template)]
#[template(path = "hooks/one.html")]
pub struct One {
    pub chrome: Chrome,
    pub source: Source,
    pub address: String,
    pub platform: String,
    pub by: String,
    pub last: Vec<Kept>,
    pub may_manage: bool,
    pub now: DateTime<Utc>,
}

impl One {
    fn standing(&self) -> (Lamp, &'static str) {
        standing(&self.source)
    }

    fn overlaps(&self) -> Option<DateTime<Utc>> {
        self.source.previous_until.filter(|until| *until > self.now)
    }
}

#[derive(Template)]
#[template(path = "hooks/secret.html")]
pub struct MadePage {
    pub chrome: Chrome,
    pub source: Source,
    pub address: String,
    pub secret: Secret<String>,
}

impl MadePage {
    fn text(&self) -> &str {
        self.secret.expose()
    }
}

#[derive(Template)]
#[template(path = "hooks/unknown.html")]
pub struct UnknownPage {
    pub chrome: Chrome,
    pub source: Source,
    pub kept: Kept,
    pub body: String,
}
