use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{Days, NaiveDate};
use serde::Deserialize;

use super::super::actions::{By, IncidentError, follow_ups, reviews};
use super::super::incident::{Incident, IncidentId, State};
use super::super::review::{FollowUpId, Progress, Refusal, Review, Written};
use super::super::store;
use super::super::views::{ActionRow, ReviewPage, lamp};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// What is typed into the forms of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    pub summary: String,
    pub cause: String,
    pub went_well: String,
    pub went_badly: String,
    /// What stood there when somebody began to type.
    pub base: String,
    /// What a signer and an approver have read.
    pub digest: String,
    pub reason: String,
    pub action: String,
    pub owner: String,
    pub due: String,
    /// An action that ends, how, and what became of it.
    pub ended: String,
    pub how: String,
    pub outcome: String,
}

/// `GET /incidents/{id}/review`
pub async fn show(signed: Signed, services: Data<Services>, id: Path<IncidentId>) -> web::Result {
    let view = block(move || read(&services, &signed, *id, None, Problems::new())).await?;
    page(&view)
}

fn read(
    services: &Services,
    signed: &Signed,
    id: IncidentId,
    typed: Option<(Typed, bool)>,
    problems: Problems,
) -> Result<ReviewPage, web::Error> {
    let now = services.clock.now();
    services.db.read(|conn| {
        let incident = super::reached(conn, signed, id)?;
        let platform = super::platform(conn, incident.platform)?;
        let review = store::reviews::of(conn, id)?;
        let actions = store::follow_ups::of(conn, id)?;
        let acts = signed.may_at(Permission::IncidentsAct, incident.platform);
        let approves = signed.may_at(Permission::IncidentsApprove, incident.platform);
        let people = if acts {
            super::people(conn, incident.platform, now)?
        } else {
            Vec::new()
        };
        let is_final = incident.state.is_final();
        let is_signed = review.as_ref().is_some_and(|it| it.signed.is_some());
        let is_own = review.as_ref().is_some_and(|it| it.is_own(signed.person));
        let is_whole = review.as_ref().is_some_and(|it| it.written.is_whole());
        let waits = is_signed && !is_final;
        let base = review.as_ref().map(|it| it.written.digest(id));
        let base = base.unwrap_or_default();
        // What somebody else has saved meanwhile is shown beside what was typed.
        let is_stale = |(typed, is_review): &(Typed, bool)| *is_review && typed.base != base;
        let has_moved = typed.as_ref().is_some_and(is_stale);
        let form = filled(typed, review.as_ref(), || {
            let today = now.with_timezone(&platform.zone).date_naive();
            (today + Days::new(14)).to_string()
        });
        Ok(ReviewPage {
            chrome: Chrome::new(
                signed,
                services,
                format!("Review: {}", incident.title),
                Nav::Incidents,
            ),
            id: id.to_string(),
            title: incident.title.clone(),
            platform: platform.name,
            lamp: if incident.is_review_overdue(now) {
                crate::foundation::web::Lamp::Red
            } else {
                lamp(&incident)
            },
            verdict: verdict(&incident, review.as_ref(), now),
            due: incident.review_due_at.filter(|_| incident.owes_review()),
            base,
            has_moved,
            digest: review
                .as_ref()
                .map(|it| it.digest(&actions))
                .unwrap_or_default(),
            actions: actions
                .iter()
                .map(|it| ActionRow::of(it, &incident.title, now))
                .collect(),
            may_write: acts && !is_final,
            may_sign: acts && is_whole && !is_signed && incident.state == State::Resolved,
            may_answer: approves && waits && !is_own && incident.state == State::Resolved,
            is_own: is_own && waits,
            may_add: acts && !is_final,
            may_end: acts,
            review,
            people,
            form,
            problems,
        })
    })
}

/// What stands in the fields: what was typed, and in the fields of the other forms what is kept.
fn filled(
    typed: Option<(Typed, bool)>,
    review: Option<&Review>,
    due: impl FnOnce() -> String,
) -> Typed {
    let written = review.map(|it| it.written.clone()).unwrap_or_default();
    let keep = |typed: Typed| Typed {
        summary: written.summary.clone(),
        cause: written.cause.clone(),
        went_well: written.went_well.clone(),
        went_badly: written.went_badly.clone(),
        ..typed
    };
    let mut form = match typed {
        // It was the review itself.
        Some((typed, true)) => typed,
        Some((typed, false)) => keep(typed),
        None => keep(Typed::default()),
    };
    if form.due.is_empty() {
        form.due = due();
    }
    form
}

fn verdict(
    incident: &Incident,
    review: Option<&Review>,
    now: chrono::DateTime<chrono::Utc>,
) -> String {
    let said = match review {
        _ if incident.state.is_live() => {
            "The incident is not resolved yet. The review can be begun."
        }
        Some(it) if it.approved.is_some() => {
            "The review is approved, and the incident is closed for good"
        }
        _ if incident.state == State::Closed => "The incident was closed without a review",
        Some(it) if it.signed.is_some() => "The review waits for somebody else's approval",
        Some(_) if incident.is_review_overdue(now) => "The review is overdue: nobody has signed it",
        Some(_) => "The review is begun, and nobody has signed it",
        None if incident.is_review_overdue(now) => "The review is overdue: nobody has begun it",
        None if incident.was_red => "The review is not written yet",
        None => "No review is owed, and one can be written",
    };
    said.to_owned()
}

/// Does what a form asks for. What does not do is shown where it was typed.
async fn answer(
    signed: Signed,
    services: Data<Services>,
    id: IncidentId,
    form: Form<Typed>,
    is_review: bool,
    act: impl FnOnce(&Services, &By, &Form<Typed>) -> Result<(), IncidentError> + Send + 'static,
) -> web::Result {
    let outcome = block(move || {
        let mut problems = Problems::new();
        let typed = &form.data;
        let texts = [
            ("summary", &typed.summary),
            ("cause", &typed.cause),
            ("went_well", &typed.went_well),
            ("went_badly", &typed.went_badly),
            ("reason", &typed.reason),
            ("action", &typed.action),
            ("outcome", &typed.outcome),
        ];
        for (field, text) in texts {
            problems.check_plain(field, text);
        }
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if problems.is_empty() {
            match act(&services, &By::from(&signed), &form) {
                Ok(()) => return Ok(Ok(())),
                Err(IncidentError::Wrong(field, why)) => problems.add(field, why),
                Err(error) => {
                    problems.add("", web::Error::from(error).refusal()?.to_string());
                    status = StatusCode::CONFLICT;
                }
            }
        }
        let typed = Some((form.data, is_review));
        let view = read(&services, &signed, id, typed, problems)?;
        Ok::<_, web::Error>(Err((status, view)))
    })
    .await?;
    match outcome {
        Ok(()) => see_other(format!("/incidents/{id}/review")),
        Err((status, view)) => page_with(status, &view),
    }
}

const MOVED: &str = "Somebody else has saved the review since you opened it. Nothing of theirs was overwritten: put together \
                     what stands now and what you typed, and save it again.";

/// `POST /incidents/{id}/review`
pub async fn write(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(
        signed,
        services,
        id,
        form,
        true,
        move |services, by, form| {
            let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
            let written = Written {
                summary: plain(&form.data.summary),
                cause: plain(&form.data.cause),
                went_well: plain(&form.data.went_well),
                went_badly: plain(&form.data.went_badly),
            };
            match reviews::write(services, by, id, &written, &form.data.base, form.key) {
                // Saved again as it was.
                Err(IncidentError::AlreadySo) => Ok(()),
                Err(IncidentError::Review(Refusal::Changed)) => {
                    Err(IncidentError::wrong("", MOVED))
                }
                other => other,
            }
        },
    )
    .await
}

/// `POST /incidents/{id}/review/signature`
pub async fn sign(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(
        signed,
        services,
        id,
        form,
        false,
        move |services, by, form| reviews::sign(services, by, id, &form.data.digest, form.key),
    )
    .await
}

/// `POST /incidents/{id}/review/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(
        signed,
        services,
        id,
        form,
        false,
        move |services, by, form| reviews::approve(services, by, id, &form.data.digest, form.key),
    )
    .await
}

/// `POST /incidents/{id}/review/return`
pub async fn give_back(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(
        signed,
        services,
        id,
        form,
        false,
        move |services, by, form| reviews::give_back(services, by, id, &form.data.reason, form.key),
    )
    .await
}

/// `POST /incidents/{id}/actions`
pub async fn add(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(
        signed,
        services,
        id,
        form,
        false,
        move |services, by, form| {
            let typed = &form.data;
            let Ok(owner) = typed.owner.parse::<PersonId>() else {
                return Err(IncidentError::wrong("owner", "Choose who does it."));
            };
            let Ok(due) = typed.due.trim().parse::<NaiveDate>() else {
                return Err(IncidentError::wrong(
                    "due",
                    "Give the day until which it is to be done.",
                ));
            };
            follow_ups::add(services, by, id, (&typed.action, owner, due), form.key)
        },
    )
    .await
}

/// `POST /incidents/{id}/actions/end`
pub async fn end(
    signed: Signed,
    services: Data<Services>,
    id: Path<IncidentId>,
    form: Form<Typed>,
) -> web::Result {
    let id = id.into_inner();
    answer(
        signed,
        services,
        id,
        form,
        false,
        move |services, by, form| {
            let typed = &form.data;
            let Ok(action) = typed.ended.parse::<FollowUpId>() else {
                return Err(IncidentError::wrong("ended", "Choose an action."));
            };
            let to = typed.how.parse::<Progress>().ok();
            let Some(to) = to.filter(|to| *to != Progress::Open) else {
                return Err(IncidentError::wrong(
                    "outcome",
                    "Say with one of the buttons whether it is done.",
                ));
            };
            follow_ups::end(services, by, id, (action, to, &typed.outcome), form.key)
        },
    )
    .await
}
