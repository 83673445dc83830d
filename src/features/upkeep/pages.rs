use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::actions;
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::jobs::{self, JobId, JobState, JobView, Registry};
use crate::foundation::web::format::number;
use crate::foundation::web::{self, Chrome, Form, Lamp, Nav, block, filters, page, see_other};

#[derive(Template)]
#[template(path = "upkeep/job.html")]
struct JobPage {
    chrome: Chrome,
    job: JobView,
    lamp: Lamp,
    word: &'static str,
    rate: String,
    may_cancel: bool,
    may_run_again: bool,
    /// What to do where it cannot run again.
    instead: Option<&'static str>,
    /// It waits for another version.
    is_stranded: bool,
}

pub async fn job(
    services: Data<Services>,
    signed: Signed,
    work: Data<Registry>,
    id: Path<JobId>,
) -> web::Result {
    let view = block(move || {
        let job = services.db.read(|conn| jobs::find(conn, *id))?;
        let job = job.ok_or(web::Error::NotFound)?;
        let chrome = Chrome::new(&signed, &services, "Job", Nav::Jobs);
        let (lamp, word) = standing(&job, &work);
        let acts = signed.may(Permission::JobsAct);
        let is_given_up = job.state == JobState::Discarded;
        let instead = work.again(&job.kind).err().filter(|_| is_given_up);
        Ok::<_, web::Error>(JobPage {
            rate: rate(&job, chrome.now),
            may_cancel: acts && job.state.is_open() && !job.cancel_requested,
            may_run_again: acts && is_given_up && instead.is_none(),
            instead,
            is_stranded: is_stranded(&job, &work),
            chrome,
            job,
            lamp,
            word,
        })
    })
    .await?;
    page(&view)
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

pub async fn cancel(
    services: Data<Services>,
    signed: Signed,
    id: Path<JobId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || actions::cancel(&services, &signed.actor(), id, Some(form.key))).await?;
    see_other(format!("/jobs/{id}"))
}

/// `POST /jobs/{id}/retry`
pub async fn run_again(
    services: Data<Services>,
    signed: Signed,
    work: Data<Registry>,
    id: Path<JobId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || {
        let (actor, key) = (signed.actor(), Some(form.key));
        actions::run_again(&services, &work, &actor, id, key)
    })
    .await?;
    see_other(format!("/jobs/{id}"))
}

pub(super) fn standing(job: &JobView, work: &Registry) -> (Lamp, &'static str) {
    match job.state {
        _ if job.state.is_open() && job.cancel_requested => (Lamp::Yellow, "Being cancelled"),
        _ if is_stranded(job, work) => (Lamp::Yellow, "Waiting for another version"),
        JobState::Waiting if job.attempt > 0 => (Lamp::Yellow, "Waiting to be tried again"),
        JobState::Waiting => (Lamp::Unknown, "Waiting"),
        JobState::Running => (Lamp::Blue, "Running"),
        ended => how_it_ended(ended),
    }
}

/// Whether it waits and nobody of this version takes it up: a newer one left it, or an older one.
fn is_stranded(job: &JobView, work: &Registry) -> bool {
    job.state.is_waiting() && !work.knows(&job.kind)
}

pub(super) fn how_it_ended(state: JobState) -> (Lamp, &'static str) {
    match state {
        JobState::Done => (Lamp::Clear, "Done"),
        JobState::Discarded => (Lamp::Red, "Given up"),
        JobState::Cancelled => (Lamp::Yellow, "Cancelled"),
        JobState::Waiting | JobState::Running => (Lamp::Unknown, "Not ended"),
    }
}

/// From the whole run so far: "1,240 a second, about 2 min left".
fn rate(job: &JobView, now: DateTime<Utc>) -> String {
    let Some(started) = job.started_at else {
        return String::new();
    };
    let took = (job.finished_at.unwrap_or(now) - started).num_milliseconds();
    if took < 500 || job.done == 0 {
        return String::new();
    }
    let speed = format!("{} a second", number(job.done.saturating_mul(1_000) / took));
    let left = job
        .total
        .filter(|_| job.state.is_open())
        .map(|total| (total - job.done).max(0).saturating_mul(took) / job.done / 1_000);
    match left {
        Some(seconds) if seconds >= 60 => format!("{speed}, about {} min left", seconds / 60 + 1),
        Some(seconds) => format!("{speed}, about {} s left", seconds + 1),
        None => speed,
    }
}
