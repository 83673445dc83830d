//! The pages of lists.

use std::collections::HashMap;

use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};

use super::lists::Outcome;
use super::loads::{LOAD_LIST, Load, LoadId, State};
use super::policy::{POLICY, ScreeningPolicy};
use super::store::lists::{self, Confirmation, FileDigest, ListRow};
use super::store::loads;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed, people};
use crate::foundation::db::{self, Conn};
use crate::foundation::jobs::{self, JobState, JobView};
use crate::foundation::kernel::{PersonId, Scope};
use crate::foundation::policy::{self, PolicyError};
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Lamp, Nav, block, filters};

#[derive(Template)]
#[template(path = "screening/lists.html")]
struct Lists {
    chrome: Chrome,
    current: Vec<Line>,
    history: Vec<Line>,
    loads: Vec<LoadLine>,
    stale_days: u16,
    may_load: bool,
}

/// A version of a list.
struct Line {
    source: String,
    version: i32,
    published: String,
    /// The day on which the same files were published again, and when that was told.
    confirmed: Option<(String, DateTime<Utc>)>,
    loaded_at: DateTime<Utc>,
    loaded_by: String,
    files: Vec<FileDigest>,
    counts: String,
    names: i32,
    changes: String,
    warnings: i32,
    notes: Vec<String>,
    drop_accepted: Option<String>,
    invented: bool,
    lamp: Lamp,
    age: String,
}

/// A list that was uploaded.
struct LoadLine {
    load: Load,
    by: String,
    lamp: Lamp,
    word: &'static str,
}

/// Lists hold for every platform, so only somebody who acts for all of them puts one in place.
pub(super) fn may_load(signed: &Signed) -> bool {
    signed.reach_for(Permission::ScreeningLoad) == Scope::All
}

pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let chrome = Chrome::new(&signed, &services, "Screening lists", Nav::ScreeningLists);
    let page = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let rules = policy::at::<ScreeningPolicy>(conn, POLICY, now).map_err(|e| match e {
                PolicyError::Database(error) => web::Error::from(error),
                other => web::Error::internal(other),
            })?;
            let stale_days = rules.value.list_stale_days;
            let (current, history) = (lists::current_lists(conn)?, lists::all_lists(conn)?);
            let loads = loads::latest(conn)?;
            let confirmations = lists::confirmations(conn)?;
            let actors = history.iter().map(|row| row.loaded_by.as_str());
            let actors = actors.chain(loads.iter().map(|load| load.asked_by.as_str()));
            let names = names_of(conn, actors)?;
            let line = |row: ListRow| {
                let confirmed = confirmations.get(&(row.source.clone(), row.version));
                Line::new(row, confirmed, &names, now, stale_days)
            };
            Ok::<_, web::Error>(Lists {
                chrome,
                current: current.into_iter().map(line).collect(),
                history: history.into_iter().map(line).collect(),
                loads: loads
                    .into_iter()
                    .map(|load| LoadLine::new(load, &names, &Loader::NotLookedUp))
                    .collect(),
                stale_days,
                may_load: may_load(&signed),
            })
        })
    })
    .await?;
    web::page(&page)
}

/// The names of the people among some actors.
fn names_of<'a>(
    conn: &mut Conn,
    actors: impl Iterator<Item = &'a str>,
) -> db::Result<HashMap<PersonId, String>> {
    let mut ids: Vec<PersonId> = actors.filter_map(person).collect();
    ids.sort_unstable();
    ids.dedup();
    people::names(conn, &ids)
}

fn person(actor: &str) -> Option<PersonId> {
    actor.strip_prefix("person:")?.parse().ok()
}

fn name_of(names: &HashMap<PersonId, String>, actor: &str) -> String {
    if let Some(user) = actor.strip_prefix("command_line:") {
        return format!("{user} at the command line");
    }
    person(actor)
        .and_then(|id| names.get(&id).cloned())
        .unwrap_or_else(|| actor.to_owned())
}

impl Line {
    fn new(
        row: ListRow,
        confirmed: Option<&Confirmation>,
        names: &HashMap<PersonId, String>,
        now: DateTime<Utc>,
        stale_days: u16,
    ) -> Self {
        let held = confirmed.map_or(row.published, |again| again.published.max(row.published));
        let days = (now.date_naive() - held).num_days();
        let stale = days > i64::from(stale_days);
        Self {
            lamp: if stale { Lamp::Yellow } else { Lamp::Clear },
            age: match days {
                ..=0 => "Published today".to_owned(),
                1 => "One day old".to_owned(),
                days => format!("{days} days old"),
            },
            counts: [
                (row.people, "person", "people"),
                (row.companies, "company", "companies"),
                (row.vessels, "vessel", "vessels"),
                (row.aircraft, "aircraft", "aircraft"),
            ]
            .map(|(count, one, many)| counted(u64::from(count.unsigned_abs()), one, many))
            .join(", "),
            changes: format!(
                "{} added, {} changed, {} removed",
                row.added, row.changed, row.removed
            ),
            published: day(row.published),
            confirmed: confirmed.map(|again| (day(again.published), again.at)),
            files: digests(&row),
            notes: row.notes(),
            loaded_by: name_of(names, &row.loaded_by),
            source: row.source,
            version: row.version,
            loaded_at: row.loaded_at,
            names: row.names,
            warnings: row.warnings,
            drop_accepted: row.drop_accepted,
            invented: row.invented,
        }
    }
}

fn day(date: chrono::NaiveDate) -> String {
    date.format("%-d %b %Y").to_string()
}

/// One for each file; versions from before these were kept have one over all of them.
fn digests(row: &ListRow) -> Vec<FileDigest> {
    let files = row.files();
    if !files.is_empty() {
        return files;
    }
    vec![FileDigest {
        name: "all files together".to_owned(),
        sha256: hex::encode(&row.sha256),
        bytes: 0,
    }]
}

/// The job that is to load a list.
enum Loader<'j> {
    NotLookedUp,
    Gone,
    There(&'j JobView),
}

impl LoadLine {
    /// A load whose job has ended without it, or is there no more, does not come to an end.
    fn new(load: Load, names: &HashMap<PersonId, String>, loader: &Loader<'_>) -> Self {
        let (stopped, running) = match loader {
            Loader::NotLookedUp => (false, false),
            Loader::Gone => (true, false),
            Loader::There(job) => (!job.state.is_open(), job.state == JobState::Running),
        };
        let (lamp, word) = match load.state {
            State::Waiting if stopped => (Lamp::Red, "Given up"),
            State::Waiting if running => (Lamp::Blue, "Being loaded"),
            State::Waiting => (Lamp::Unknown, "Waiting to be loaded"),
            State::Ended(Outcome::Loaded) => (Lamp::Clear, "In place"),
            State::Ended(Outcome::Confirmed) => (Lamp::Clear, "Confirmed as current"),
            State::Ended(Outcome::Unchanged) => (Lamp::Clear, "Nothing changed"),
            State::Refused => (Lamp::Red, "Refused"),
        };
        Self {
            by: name_of(names, &load.asked_by),
            load,
            lamp,
            word,
        }
    }
}

#[derive(Template)]
#[template(path = "screening/load.html")]
struct LoadPage {
    chrome: Chrome,
    line: LoadLine,
    published: String,
    open: bool,
    /// Done and total steps of its job.
    progress: Option<(i64, i64)>,
    job: Option<String>,
    last_error: Option<String>,
    may_load: bool,
}

pub async fn load(signed: Signed, services: Data<Services>, id: Path<LoadId>) -> web::Result {
    let chrome = Chrome::new(&signed, &services, "List upload", Nav::ScreeningLists);
    let page = block(move || {
        services.db.read(|conn| {
            let load = loads::find(conn, *id)?.ok_or(web::Error::NotFound)?;
            let job = jobs::latest_of(conn, LOAD_LIST, &id.to_string())?;
            let names = names_of(conn, std::iter::once(load.asked_by.as_str()))?;
            let open = load.state == State::Waiting;
            let published = day(load.published);
            let loader = job.as_ref().map_or(Loader::Gone, Loader::There);
            let line = LoadLine::new(load, &names, &loader);
            Ok::<_, web::Error>(LoadPage {
                chrome,
                published,
                open,
                progress: job
                    .as_ref()
                    .filter(|_| open)
                    .and_then(|job| Some((job.done, job.total?))),
                last_error: job
                    .as_ref()
                    .filter(|_| open)
                    .and_then(|job| job.last_error.clone()),
                job: job
                    .filter(|_| signed.may(Permission::JobsRead))
                    .map(|job| format!("/jobs/{}", job.id)),
                line,
                may_load: may_load(&signed),
            })
        })
    })
    .await?;
    web::page(&page)
}
