//! What the pages of batches show.

use askama::Template;
use chrono::{DateTime, Utc};

use super::batch::{Batch, State};
use super::pages::UploadForm;
use super::store::{Platform, Rejection};
use super::views::{Choice, Standing, platform_choices};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::jobs::JobView;
use crate::foundation::web::format::number;
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp, filters};

fn standing(batch: &Batch, now: DateTime<Utc>) -> Standing {
    let (lamp, word) = match batch.state {
        State::Reading if batch.is_silent(now) => (Lamp::Yellow, "Not being read any more"),
        State::Waiting => (Lamp::Unknown, "Waiting to be read"),
        State::Reading => (Lamp::Blue, "Being read"),
        State::Done if batch.counts.rejected > 0 => (Lamp::Yellow, "Done, some rows rejected"),
        State::Done => (Lamp::Clear, "Done"),
        State::Refused => (Lamp::Red, "Refused"),
        State::Cancelled => (Lamp::Yellow, "Cancelled"),
    };
    Standing { lamp, word }
}

/// Who handed it in, as far as that needs no name: people stand in the audit log by their id.
fn source(batch: &Batch) -> String {
    match batch.created_by.split_once(':') {
        Some(("command_line", user)) => format!("{user} at the command line"),
        Some(("key", id)) => format!("A program, with the key {id}"),
        _ => "Upload".to_owned(),
    }
}

#[derive(Template)]
#[template(path = "intake/batches.html")]
pub(super) struct Batches {
    chrome: Chrome,
    may_upload: bool,
    form: UploadForm,
    platforms: Vec<Choice>,
    rows: Vec<BatchLine>,
    next: Option<String>,
    previous: Option<String>,
}

struct BatchLine {
    batch: Batch,
    standing: Standing,
    platform: String,
    source: String,
}

impl Batches {
    pub fn new(
        chrome: Chrome,
        form: UploadForm,
        platforms: &[Platform],
        uploads: &[Platform],
        page: Page<Batch>,
    ) -> Self {
        let link = |cursor: Option<String>| cursor.map(|c| format!("/intake?cursor={c}"));
        let name = |id| {
            let found = platforms.iter().find(|platform| platform.id == id);
            found.map_or_else(String::new, |platform| platform.name.clone())
        };
        Self {
            may_upload: !uploads.is_empty(),
            platforms: platform_choices(uploads, &form.platform),
            form,
            next: link(page.next),
            previous: link(page.previous),
            rows: page
                .items
                .into_iter()
                .map(|batch| BatchLine {
                    standing: standing(&batch, chrome.now),
                    platform: name(batch.platform),
                    source: source(&batch),
                    batch,
                })
                .collect(),
            chrome,
        }
    }
}

#[derive(Template)]
#[template(path = "intake/batch.html")]
pub(super) struct BatchPage {
    chrome: Chrome,
    batch: Batch,
    platform: String,
    source: String,
    standing: Standing,
    sha256: Option<String>,
    /// "3,100 rows a second".
    rate: String,
    rejections: Vec<Rejection>,
    next: Option<String>,
    previous: Option<String>,
    /// The address of the job that reads it, for whoever may look at jobs.
    job: Option<String>,
    may_cancel: bool,
    stopping: bool,
    silent: bool,
}

impl BatchPage {
    pub fn new(
        chrome: Chrome,
        signed: &Signed,
        batch: Batch,
        platform: String,
        rejections: Page<Rejection>,
        job: Option<&JobView>,
    ) -> Self {
        let stopping = job.is_some_and(|job| job.state.is_open() && job.cancel_requested);
        let open = batch.state.is_open();
        let link = |cursor: Option<String>| {
            cursor.map(|cursor| format!("/intake/{}?cursor={cursor}", batch.id))
        };
        Self {
            rate: rate(&batch, chrome.now),
            source: source(&batch),
            standing: standing(&batch, chrome.now),
            job: job
                .filter(|_| signed.may(Permission::JobsRead))
                .map(|job| format!("/jobs/{}", job.id)),
            may_cancel: open && !stopping && signed.may_at(Permission::IntakeWrite, batch.platform),
            stopping,
            silent: batch.is_silent(chrome.now),
            sha256: batch.sha256.as_ref().map(hex::encode),
            next: link(rejections.next),
            previous: link(rejections.previous),
            rejections: rejections.items,
            chrome,
            platform,
            batch,
        }
    }
}

/// How fast it went, and how long it still takes, from what has been read so far.
fn rate(batch: &Batch, now: DateTime<Utc>) -> String {
    let Some(started) = batch.started_at else {
        return String::new();
    };
    let took = (batch.finished_at.unwrap_or(now) - started).num_milliseconds();
    let rows = i64::try_from(batch.counts.rows()).unwrap_or(i64::MAX);
    if took < 100 || rows == 0 {
        return String::new();
    }
    let per_second = rows.saturating_mul(1_000) / took;
    let speed = format!("{} rows a second", number(per_second));
    let left = batch
        .lines_total
        .filter(|_| batch.state.is_open() && batch.lines_read > 0)
        .map(|total| {
            let lines = i64::try_from(batch.lines_read).unwrap_or(i64::MAX).max(1);
            let left = i64::try_from(total.saturating_sub(batch.lines_read)).unwrap_or(i64::MAX);
            left.saturating_mul(took) / lines / 1_000
        });
    match left {
        Some(seconds) if seconds >= 60 => format!("{speed}, about {} min left", seconds / 60 + 1),
        Some(seconds) => format!("{speed}, about {} s left", seconds + 1),
        None => speed,
    }
}
