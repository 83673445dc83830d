//! The pages and forms of reviews. Each handler does one thing in one blocking step.

mod decision;
mod handling;
mod hits;
mod queue;

pub use decision::{approve, decide, refuse};
pub use handling::{claim, note, park, release};
pub use hits::{judge_hit, refuse_hit, second_hit};
pub use queue::{approvals, claim_next, queue};

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use uuid::Uuid;

use self::queue::rows;
use super::actions::ReviewError;
use super::case::CaseId;
use super::desk;
use super::store::queue::{self as store, Wanted};
use super::views::{CasePage, Forms, Stale, Viewer, step_lines};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
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
        let mut page = case_page(&services, &signed, id, Forms::default())?;
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
) -> Result<CasePage, web::Error> {
    let file = desk::read(services, signed, id)?;
    let now = services.clock.now();
    let title = format!("Case {}", file.case.number);
    let chrome = Chrome::new(signed, services, title, Nav::Queue);
    let viewer = Viewer {
        person: signed.person,
        may_act: signed.may(Permission::ReviewsAct),
        may_approve: signed.may(Permission::ReviewsApprove),
        may_read_subjects: signed.may(Permission::SubjectsRead),
    };
    let mut page = CasePage::new(chrome, file, &viewer, now, forms);
    page.queue = services.db.read(|conn| {
        let open = store::page(conn, &Wanted::default(), None)?;
        let platforms = store::platforms(conn)?;
        rows(conn, &open.items, &platforms, now)
    })?;
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
        "noted" => (Lamp::Clear, "The note is in the timeline."),
        _ => return None,
    })
}

#[derive(Deserialize)]
pub struct Empty {}

/// One action on one case, then back to it.
async fn act(
    signed: Signed,
    services: Data<Services>,
    id: CaseId,
    key: Uuid,
    then: &'static str,
    action: impl FnOnce(&mut crate::foundation::audit::Tx<'_>) -> Result<(), ReviewError>
    + Send
    + 'static,
) -> web::Result {
    let location = format!("/reviews/{id}{then}");
    let back = location.clone();
    block(move || {
        services.audit.write(&signed.actor(), |tx| {
            tx.once(key, &location)?;
            action(tx)
        })
    })
    .await?;
    see_other(back)
}

/// The page again with what was typed: 422.
async fn again(signed: Signed, services: Data<Services>, id: CaseId, forms: Forms) -> web::Result {
    let page = block(move || case_page(&services, &signed, id, forms)).await?;
    web::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The page as it is now, with what changed since and what was typed: 409.
async fn conflict(
    signed: Signed,
    services: Data<Services>,
    id: CaseId,
    forms: Forms,
    seen: i32,
) -> web::Result {
    let page = block(move || {
        let file = desk::read(&services, &signed, id)?;
        let changes = step_lines(&file, seen);
        let mut page = case_page(&services, &signed, id, forms)?;
        page.stale = Some(Stale { changes });
        Ok::<_, web::Error>(page)
    })
    .await?;
    web::page_with(StatusCode::CONFLICT, &page)
}

fn check_text(problems: &mut Problems, field: &'static str, text: &str, missing: &str) {
    if text.trim().is_empty() {
        problems.add(field, missing);
    } else if text.chars().count() > LONGEST_NOTE {
        problems.add(field, "Shorten this to 4,000 characters.");
    }
}
