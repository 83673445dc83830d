//! The pages and forms of reviews. Each handler does one thing in one blocking step.

mod decision;
mod handling;
mod hits;
mod queue;
mod subject;

pub use decision::{approve, decide, refuse};
pub use handling::{claim, note, park, release};
pub use hits::{judge_hit, refuse_hit, report_hit, second_hit};
pub use queue::{approvals, claim_next, queue};
pub use subject::subject;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use self::queue::rows;
use super::actions::ReviewError;
use super::case::CaseId;
use super::desk;
use super::store::queue::{self as store, Wanted};
use super::views::{CasePage, Forms, Stale, Viewer, step_lines};
use crate::features::screening::calendar::{self, Calendar};
use crate::foundation::Services;
use crate::foundation::audit::{FormKey, Tx};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::policy;
use crate::foundation::web::{self, Chrome, Lamp, Nav, Problems, block, see_other};

/// Notes are texts, not documents.
const LONGEST_NOTE: usize = 4_000;

#[derive(Clone, Default, Deserialize)]
pub struct CaseQuery {
    notice: Option<String>,
}

pub async fn case(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    query: Query<CaseQuery>,
) -> web::Result {
    let id = id.into_inner();
    let said = query.notice.as_deref().and_then(notice);
    let page = block(move || {
        let mut page = case_page(&services, &signed, id, Forms::default(), None)?;
        if let Some((lamp, text)) = said {
            page.chrome = page.chrome.notice(lamp, text);
        }
        Ok::<_, web::Error>(page)
    })
    .await?;
    web::page(&page)
}

/// The page with what somebody has typed, beside the queue that it comes from.
fn case_page(
    services: &Services,
    signed: &Signed,
    id: CaseId,
    forms: Forms,
    seen: Option<i32>,
) -> Result<CasePage, web::Error> {
    let file = desk::read(services, signed, id)?;
    let now = services.clock.now();
    let title = format!("Case {}", file.case.number);
    let chrome = Chrome::new(signed, services, title, Nav::Queue);
    let platform = file.case.platform;
    let (queue, today) = services.db.read(|conn| {
        let wanted = Wanted {
            kinds: signed.watch().queues.clone(),
            ..Wanted::open(signed.view())
        };
        let open = store::page(conn, &wanted, None)?;
        let platforms = store::platforms(conn)?;
        let calendar = policy::at::<Calendar>(conn, calendar::POLICY, now);
        let today = calendar.map_err(ReviewError::from)?.value.date(now);
        Ok::<_, web::Error>((rows(conn, &open.items, &platforms, now)?, today))
    })?;
    let viewer = Viewer {
        person: signed.person,
        may_act: signed.may_at(Permission::ReviewsAct, platform),
        may_approve: signed.may_at(Permission::ReviewsApprove, platform),
        may_read_subjects: signed.may_at(Permission::SubjectsRead, platform),
        today,
    };
    let stale = seen.map(|seen| Stale {
        changes: step_lines(&file, seen),
    });
    let mut page = CasePage::new(chrome, file, &viewer, now, forms);
    page.stale = stale;
    page.queue = queue;
    for row in &mut page.queue {
        row.current = row.number == page.number;
    }
    Ok(page)
}

/// What a redirect says on the page that it leads to: a closed list, so that a link cannot put words
/// into our mouth.
fn notice(code: &str) -> Option<(Lamp, &'static str)> {
    Some(match code {
        "approved" => (Lamp::Clear, "Approved. This is the next case."),
        "decided" => (Lamp::Clear, "Decided. This is the next case."),
        "proposed" => (
            Lamp::Blue,
            "Proposed. A second person has to approve it. This is the next case.",
        ),
        "last" => (Lamp::Clear, "Done. No other case is free."),
        "none" => (Lamp::Clear, "No case is free to claim."),
        "hit" => (Lamp::Clear, "The hit is decided."),
        "hit-proposed" => (
            Lamp::Blue,
            "Proposed. A second person has to agree about the hit.",
        ),
        "refused" => (
            Lamp::Blue,
            "The proposal is not accepted; the case is open again.",
        ),
        "parked" => (Lamp::Blue, "The case is parked."),
        "reported" => (Lamp::Clear, "The report is on record."),
        "noted" => (Lamp::Clear, "The note is in the timeline."),
        _ => return None,
    })
}

#[derive(Deserialize)]
pub struct Empty {}

/// One action on one case, then back to it. Where it is refused, what was typed is not lost.
async fn act(
    signed: Signed,
    services: Data<Services>,
    id: CaseId,
    key: FormKey,
    then: &'static str,
    forms: Forms,
    action: impl FnOnce(&mut Tx<'_>) -> Result<(), ReviewError> + Send + 'static,
) -> web::Result {
    let location = format!("/reviews/{id}{then}");
    let back = location.clone();
    let (who, inner) = (signed.clone(), services.clone());
    let done = block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(key, &location)?;
            action(tx)
        })
    })
    .await;
    match done {
        Ok(()) => see_other(back),
        Err(error) => refused(signed, services, id, forms, None, error).await,
    }
}

/// The page again with what was typed: 422.
async fn again(signed: Signed, services: Data<Services>, id: CaseId, forms: Forms) -> web::Result {
    let page = block(move || case_page(&services, &signed, id, forms, None)).await?;
    web::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// A refusal is the page as it is now, with why, with what was typed, and with what has changed since
/// the version that was seen: 409. Other errors have pages of their own.
async fn refused(
    signed: Signed,
    services: Data<Services>,
    id: CaseId,
    mut forms: Forms,
    seen: Option<i32>,
    error: ReviewError,
) -> web::Result {
    let refusal = match web::Error::from(error) {
        web::Error::Refused(refusal) => refusal,
        other => return Err(other),
    };
    forms.problems = Problems::one("", refusal.to_string());
    let page = block(move || case_page(&services, &signed, id, forms, seen)).await?;
    web::page_with(StatusCode::CONFLICT, &page)
}

fn check_text(problems: &mut Problems, field: &'static str, text: &str, missing: &str) {
    if text.trim().is_empty() {
        problems.add(field, missing);
    } else if text.chars().count() > LONGEST_NOTE {
        problems.add(field, "Shorten this to 4,000 characters.");
    }
    problems.check_plain(field, text);
}
