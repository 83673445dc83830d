//! What the pages about maintenance show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::pages::{Names, Typed};
use super::window::{State, Window};
use crate::features::packs::pack::{ItemId, Maintenance};
use crate::features::packs::store::Item;
use crate::foundation::kernel::PlatformId;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// `GET /maintenance`
#[derive(Template)]
#[template(path = "alerts/maintenance.html")]
pub struct ListPage {
    pub chrome: Chrome,
    pub running: Vec<Row>,
    pub over: Vec<Row>,
    pub recurring: Vec<Recurring>,
    pub may_act: bool,
}

/// A window in a list.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub active: bool,
    pub name: String,
    pub platform: String,
    /// "API, Web"; "everything".
    pub services: String,
    pub service_ids: Vec<ItemId>,
    pub platform_id: PlatformId,
    pub starts: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    pub planned: bool,
    pub by: String,
}

impl Row {
    #[must_use]
    pub fn of(window: &Window, names: &Names, now: DateTime<Utc>) -> Self {
        let state = window.state(now);
        let service = |id: &ItemId| {
            let found = names.services.iter().find(|it| it.id == *id);
            found.map_or("a service that is gone", |it| it.name.as_str())
        };
        let services: Vec<&str> = window.services.iter().map(service).collect();
        Self {
            id: window.id.to_string(),
            lamp: match state {
                State::Active | State::Coming => Lamp::Blue,
                State::Proposed => Lamp::Yellow,
                State::Lapsed | State::Over | State::CalledOff => Lamp::Unknown,
            },
            word: state.as_str(),
            active: state == State::Active,
            name: window.name.clone(),
            platform: platform(names, window.platform),
            services: if services.is_empty() {
                "everything".to_owned()
            } else {
                services.join(", ")
            },
            service_ids: window.services.clone(),
            platform_id: window.platform,
            starts: window.starts_at,
            ends: window.end(),
            planned: window.is_planned(),
            by: window.announced_name.clone(),
        }
    }

    /// Whether it is about this service.
    #[must_use]
    pub fn is_about(&self, service: ItemId) -> bool {
        self.service_ids.is_empty() || self.service_ids.contains(&service)
    }
}

fn platform(names: &Names, id: PlatformId) -> String {
    let found = names.platforms.iter().find(|it| it.id == id);
    found.map(|it| it.name.clone()).unwrap_or_default()
}

/// A window that comes back, as a pack defines it.
pub struct Recurring {
    pub name: String,
    pub when: String,
    pub about: String,
    pub platform: String,
}

impl Recurring {
    #[must_use]
    pub fn of(item: Item<Maintenance>, names: &Names) -> Self {
        Self {
            platform: platform(names, item.platform),
            name: item.name,
            when: item.spec.when,
            about: item.spec.about,
        }
    }
}

/// `GET /maintenance/{id}`
#[derive(Template)]
#[template(path = "alerts/maintenance_window.html")]
pub struct OnePage {
    pub chrome: Chrome,
    pub row: Row,
    pub window: Window,
    /// Whether the reader announced it.
    pub own: bool,
    pub may_approve: bool,
    pub may_end: bool,
    /// Whom a person tells of it: "whoever is on call on Operations, Ada"; empty where nobody is.
    pub tells: String,
}

/// `GET /maintenance/new`
#[derive(Template)]
#[template(path = "alerts/maintenance_new.html")]
pub struct NewPage {
    pub chrome: Chrome,
    /// The one that is worked on, its address and its name, once it is chosen.
    pub platform: Option<(String, String)>,
    pub platforms: Vec<(String, String)>,
    pub choices: Vec<Choice>,
    /// Who may be told.
    pub people: Vec<Choice>,
    pub typed: Typed,
    pub problems: Problems,
}

/// A service to tick, or somebody to tell.
pub struct Choice {
    pub id: String,
    pub name: String,
    pub chosen: bool,
}

impl Choice {
    #[must_use]
    pub fn of<T>(item: &Item<T>, before: &str, chosen: bool) -> Self {
        Self {
            id: item.id.to_string(),
            name: format!("{before}{}", item.name),
            chosen,
        }
    }
}
