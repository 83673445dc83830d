//! The list of jobs: what runs, what waits, and what was given up.

use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;
use uuid::Uuid;

use super::pages::standing;
use super::schedules;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::jobs::{self, JobState, JobView, Registry};
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};
use crate::foundation::web::{self, Chrome, Lamp, Nav, block, filters, page};

/// What the list shows, by the word in its address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Not ended, or given up: what somebody may want to know.
    Open,
    GivenUp,
    Ended,
}

impl Shown {
    const ALL: [Self; 3] = [Self::Open, Self::GivenUp, Self::Ended];

    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::GivenUp => "given_up",
            Self::Ended => "ended",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Open => "Running, waiting and given up",
            Self::GivenUp => "Given up",
            Self::Ended => "Done and cancelled",
        }
    }

    fn states(self) -> &'static [JobState] {
        match self {
            Self::Open => &[JobState::Running, JobState::Waiting, JobState::Discarded],
            Self::GivenUp => &[JobState::Discarded],
            Self::Ended => &[JobState::Done, JobState::Cancelled],
        }
    }

    fn address(self, cursor: Option<&str>) -> String {
        let pairs = [("show", Some(self.as_str())), ("cursor", cursor)];
        let query: Vec<String> = pairs
            .iter()
            .filter_map(|(name, value)| {
                Some(format!("{name}={}", value.filter(|v| !v.is_empty())?))
            })
            .collect();
        if query.is_empty() {
            "/jobs".to_owned()
        } else {
            format!("/jobs?{}", query.join("&"))
        }
    }
}

#[derive(Template)]
#[template(path = "upkeep/jobs.html")]
struct Jobs {
    chrome: Chrome,
    tabs: Vec<Tab>,
    caption: &'static str,
    may_act: bool,
    rows: Vec<Line>,
    next: Option<String>,
    previous: Option<String>,
    schedules: Vec<schedules::Row>,
}

struct Tab {
    label: &'static str,
    href: String,
    current: bool,
}

struct Line {
    job: JobView,
    lamp: Lamp,
    word: &'static str,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    show: String,
    #[serde(default)]
    cursor: String,
}

pub async fn jobs(
    services: Data<Services>,
    work: Data<Registry>,
    signed: Signed,
    asked: Query<Asked>,
) -> web::Result {
    let view = block(move || {
        let shown = Shown::ALL
            .into_iter()
            .find(|shown| shown.as_str() == asked.show)
            .unwrap_or(Shown::Open);
        let cursor: Option<Cursor<Uuid>> = Some(asked.cursor.as_str())
            .filter(|text| !text.is_empty())
            .map(Cursor::decode)
            .transpose()?;
        let back = cursor
            .as_ref()
            .filter(|c| c.direction == Direction::Previous);
        let on = cursor.as_ref().filter(|c| c.direction == Direction::Next);
        let limit = i64::try_from(PAGE_ROWS).unwrap_or(50) + 1;
        let rows = services.db.read(|conn| {
            let (before, after) = (on.map(|c| c.key.into()), back.map(|c| c.key.into()));
            jobs::list(conn, shown.states(), before, after, limit)
        })?;
        let now = services.clock.now();
        let schedules = services.db.read(|conn| schedules::rows(conn, &work, now))?;
        let page = Page::from_rows(rows, cursor.as_ref(), |job| job.id.uuid());
        let link = |cursor: Option<String>| cursor.map(|cursor| shown.address(Some(&cursor)));
        Ok::<_, web::Error>(Jobs {
            chrome: Chrome::new(&signed, &services, "Jobs", Nav::Jobs),
            tabs: Shown::ALL
                .map(|tab| Tab {
                    label: tab.label(),
                    href: tab.address(None),
                    current: tab == shown,
                })
                .into(),
            caption: shown.label(),
            may_act: signed.may(Permission::JobsAct),
            next: link(page.next),
            previous: link(page.previous),
            schedules,
            rows: page
                .items
                .into_iter()
                .map(|job| Line::of(job, &work))
                .collect(),
        })
    })
    .await?;
    page(&view)
}

impl Line {
    fn of(job: JobView, work: &Registry) -> Self {
        let (lamp, word) = standing(&job, work);
        Self { job, lamp, word }
    }
}
