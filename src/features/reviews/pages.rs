//! The pages and forms of reviews. Each handler does one thing in one blocking step.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use uuid::Uuid;

use super::actions::{self, Decide, ReviewError};
use super::case::{CaseId, CaseRefusal, Effect, Status, Verdict, reason_label};
use super::desk;
use super::risk::Band;
use super::store::decisions;
use super::store::queue::{self, Place, Wanted};
use super::views::{
    Approvals, Awaiting, CasePage, Choice, Forms, HitForm, Queue, Row, Stale, Viewer, bands,
    statuses, step_lines,
};
use crate::features::screening::actions::Judgement;
use crate::features::screening::hit::{HitId, Outcome, reason_label as hit_reason_label};
use crate::features::screening::hits;
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::paging::Cursor;
use crate::foundation::web::{self, Chrome, Form, Lamp, Nav, Problems, block, see_other};

/// Notes are texts, not documents.
const LONGEST_NOTE: usize = 4_000;
const MOST_APPROVALS: i64 = 200;

#[derive(Clone, Default, Deserialize)]
pub struct QueueFilter {
    status: Option<String>,
    band: Option<String>,
    platform: Option<String>,
    mine: Option<String>,
    overdue: Option<String>,
    after: Option<String>,
    notice: Option<String>,
}

impl QueueFilter {
    fn wanted(&self, services: &Services, person: PersonId) -> Wanted {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        Wanted {
            status: text(&self.status).and_then(|status| Status::parse(&status)),
            band: text(&self.band).and_then(|band| Band::parse(&band)),
            platform: text(&self.platform)
                .and_then(|id| id.parse::<Uuid>().ok())
                .map(Into::into),
            claimed_by: text(&self.mine).map(|_| person),
            due_before: text(&self.overdue).map(|_| services.clock.now()),
        }
    }

    /// The address of another page of the same list.
    fn href(&self, cursor: &str) -> String {
        let pairs = [
            ("status", self.status.as_deref()),
            ("band", self.band.as_deref()),
            ("platform", self.platform.as_deref()),
            ("mine", self.mine.as_deref()),
            ("overdue", self.overdue.as_deref()),
            ("after", Some(cursor)),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(
                pairs
                    .iter()
                    .filter_map(|(name, value)| Some((name, (*value)?))),
            )
            .finish();
        format!("/reviews?{query}")
    }
}

pub async fn queue(
    signed: Signed,
    services: Data<Services>,
    filter: Query<QueueFilter>,
) -> web::Result {
    let filter = filter.into_inner();
    let cursor = match filter.after.as_deref().filter(|after| !after.is_empty()) {
        Some(after) => Some(Cursor::<Place>::decode(after)?),
        None => None,
    };
    let mut chrome = Chrome::new(&signed, &services, "Review queue", Nav::Queue);
    if let Some((lamp, text)) = filter.notice.as_deref().and_then(notice) {
        chrome = chrome.notice(lamp, text);
    }
    let may_act = signed.may(Permission::ReviewsAct);
    let page = block(move || {
        let wanted = filter.wanted(&services, signed.person);
        let now = services.clock.now();
        services.db.read(|conn| {
            let page = queue::page(conn, &wanted, cursor.as_ref())?;
            let platforms = queue::platforms(conn)?;
            let rows = rows(conn, &page.items, &platforms, now)?;
            Ok::<_, web::Error>(Queue {
                chrome,
                rows,
                next: page.next.map(|next| filter.href(&next)),
                previous: page.previous.map(|previous| filter.href(&previous)),
                statuses: statuses(wanted.status),
                bands: bands(wanted.band),
                platforms: platforms
                    .into_iter()
                    .map(|(id, name)| Choice {
                        chosen: wanted.platform == Some(id),
                        value: id.to_string(),
                        label: name,
                    })
                    .collect(),
                mine: wanted.claimed_by.is_some(),
                overdue: wanted.due_before.is_some(),
                filtered: wanted.status.is_some()
                    || wanted.band.is_some()
                    || wanted.platform.is_some()
                    || wanted.claimed_by.is_some()
                    || wanted.due_before.is_some(),
                may_act,
            })
        })
    })
    .await?;
    web::page(&page)
}

fn rows(
    conn: &mut Conn,
    cases: &[super::case::Case],
    platforms: &[(crate::foundation::kernel::PlatformId, String)],
    now: chrono::DateTime<chrono::Utc>,
) -> db::Result<Vec<Row>> {
    let claimants: std::collections::HashSet<PersonId> = cases
        .iter()
        .filter_map(|case| case.live_claim(now).map(|claim| claim.by))
        .collect();
    let names: HashMap<PersonId, String> = desk::names_of(conn, claimants)?;
    let row = |case: &super::case::Case| {
        let platform = platforms.iter().find(|(id, _)| *id == case.platform);
        let platform = platform.map(|(_, name)| name.clone()).unwrap_or_default();
        let claimed_by = case
            .live_claim(now)
            .and_then(|claim| names.get(&claim.by).cloned());
        Row::new(case, now, platform, claimed_by)
    };
    Ok(cases.iter().map(row).collect())
}

pub async fn approvals(signed: Signed, services: Data<Services>) -> web::Result {
    let chrome = Chrome::new(&signed, &services, "Awaiting my approval", Nav::Approvals);
    let page = block(move || {
        services.db.read(|conn| {
            let rows = awaiting(conn, signed.person)?;
            Ok::<_, web::Error>(Approvals { chrome, rows })
        })
    })
    .await?;
    web::page(&page)
}

fn awaiting(conn: &mut Conn, person: PersonId) -> db::Result<Vec<Awaiting>> {
    let decisions = decisions::awaiting(conn, person, MOST_APPROVALS)?;
    let hits = hits::awaiting(conn, person, MOST_APPROVALS)?;
    let subjects: Vec<_> = hits.iter().map(|(_, subject)| *subject).collect();
    let cases = queue::open_of_subjects(conn, &subjects)?;
    let proposers = decisions.iter().map(|(decision, ..)| decision.proposer);
    let proposers = proposers.chain(hits.iter().map(|(said, _)| said.proposer));
    let proposers: std::collections::HashSet<_> = proposers.collect();
    let names = desk::names_of(conn, proposers)?;
    let name = |id: &PersonId| names.get(id).cloned().unwrap_or_default();
    let mut rows: Vec<Awaiting> = decisions
        .iter()
        .map(|(decision, number, external_id)| Awaiting {
            href: format!("/reviews/{}", decision.case),
            what: format!("{} case {number}", decision.verdict.label()),
            subject: external_id.clone(),
            by: name(&decision.proposer),
            at: decision.proposed_at,
        })
        .collect();
    for (said, subject) in &hits {
        let Some(case) = cases.iter().find(|case| case.subject == *subject) else {
            continue;
        };
        rows.push(Awaiting {
            href: format!("/reviews/{}#hit-{}", case.id, said.hit),
            what: format!("{} (hit on case {})", said.outcome.label(), case.number),
            subject: case.external_id.clone(),
            by: name(&said.proposer),
            at: said.proposed_at,
        });
    }
    rows.sort_by_key(|row| row.at);
    Ok(rows)
}

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
        let open = queue::page(conn, &Wanted::default(), None)?;
        let platforms = queue::platforms(conn)?;
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

pub async fn claim_next(
    signed: Signed,
    services: Data<Services>,
    form: Form<Empty>,
) -> web::Result {
    let claimed = block(move || {
        services.audit.write(&signed.actor(), |tx| {
            let id = actions::claim_next(tx, signed.person)?;
            tx.once(form.key, &format!("/reviews/{id}"))?;
            Ok::<_, ReviewError>(id)
        })
    })
    .await;
    match claimed {
        Ok(id) => see_other(format!("/reviews/{id}")),
        Err(ReviewError::Database(db::Error::NotFound)) => see_other("/reviews?notice=none"),
        Err(error) => Err(error.into()),
    }
}

/// One action on one case, then back to it.
async fn act(
    signed: Signed,
    services: Data<Services>,
    id: CaseId,
    key: FormKey,
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

pub async fn claim(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<Empty>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    act(signed, services, id, form.key, "", move |tx| {
        actions::claim(tx, id, by)
    })
    .await
}

pub async fn release(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<Empty>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    act(signed, services, id, form.key, "", move |tx| {
        actions::release(tx, id, by)
    })
    .await
}

#[derive(Deserialize)]
pub struct NoteForm {
    remark: String,
}

pub async fn note(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<NoteForm>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let text = form.data.remark;
    let mut problems = Problems::new();
    check_text(&mut problems, "remark", &text, "Write what should be kept.");
    if !problems.is_empty() {
        let forms = Forms {
            problems,
            remark: text,
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    }
    let then = "?notice=noted#timeline";
    act(signed, services, id, form.key, then, move |tx| {
        actions::note(tx, id, by, text.trim())
    })
    .await
}

#[derive(Deserialize)]
pub struct ParkForm {
    parking_days: String,
    parking_reason: String,
}

pub async fn park(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<ParkForm>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let ParkForm {
        parking_days,
        parking_reason,
    } = form.data;
    let mut problems = Problems::new();
    let days = parking_days
        .trim()
        .parse::<i64>()
        .ok()
        .filter(|days| (1..=30).contains(days));
    if days.is_none() {
        problems.add("parking_days", "Give a number of days from 1 to 30.");
    }
    check_text(
        &mut problems,
        "parking_reason",
        &parking_reason,
        "Say what the case waits for.",
    );
    let (Some(days), true) = (days, problems.is_empty()) else {
        let forms = Forms {
            problems,
            parking_days,
            parking_reason,
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    };
    act(
        signed,
        services,
        id,
        form.key,
        "?notice=parked",
        move |tx| {
            let until = tx.now() + chrono::Duration::days(days);
            actions::park(tx, id, by, until, parking_reason.trim())
        },
    )
    .await
}

#[derive(Deserialize)]
pub struct DecisionForm {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    reason: Vec<String>,
    #[serde(default)]
    note: String,
    version: i32,
}

impl DecisionForm {
    fn check(&self) -> Result<Verdict, Problems> {
        let mut problems = Problems::new();
        let verdict = Verdict::parse(&self.decision);
        if verdict.is_none() {
            problems.add("decision", "Choose what you decide.");
        }
        let known = self.reason.iter().all(|code| reason_label(code).is_some());
        if self.reason.is_empty() || !known || self.reason.len() > 10 {
            problems.add("reason", "Choose at least one reason.");
        }
        check_text(&mut problems, "note", &self.note, "Write down why.");
        match (verdict, problems.is_empty()) {
            (Some(verdict), true) => Ok(verdict),
            _ => Err(problems),
        }
    }

    fn typed(self, problems: Problems) -> Forms {
        Forms {
            problems,
            verdict: self.decision,
            chosen: self.reason,
            note: self.note,
            ..Forms::default()
        }
    }
}

/// A decision. Where a second person is needed it becomes a proposal; the form is the same.
pub async fn decide(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<DecisionForm>,
) -> web::Result {
    let id = id.into_inner();
    let (key, form) = (form.key, form.data);
    let verdict = match form.check() {
        Ok(verdict) => verdict,
        Err(problems) => return again(signed, services, id, form.typed(problems)).await,
    };
    let (who, inner) = (signed.clone(), services.clone());
    let seen = form.version;
    let (reasons, note) = (form.reason.clone(), form.note.clone());
    let decided = block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(key, "/reviews")?;
            let decide = Decide {
                by: who.person,
                verdict,
                reasons: &reasons,
                note: note.trim(),
                seen,
            };
            actions::decide(tx, id, &decide)
        })
    })
    .await;
    match decided {
        Ok(effect) => {
            let said = match effect {
                Effect::Proposed => "proposed",
                Effect::Decided => "decided",
            };
            next_case(signed, services, said).await
        }
        Err(ReviewError::Case(
            refusal @ (CaseRefusal::Stale
            | CaseRefusal::UndecidedHit
            | CaseRefusal::NotClaimed
            | CaseRefusal::ClaimedByOther
            | CaseRefusal::AwaitingApproval),
        )) => {
            let problems =
                Problems::one("", web::Error::from(ReviewError::Case(refusal)).to_string());
            conflict(signed, services, id, form.typed(problems), seen).await
        }
        Err(error) => Err(error.into()),
    }
}

/// After a decision: the next case, claimed or not, is what one would look at anyway.
async fn next_case(signed: Signed, services: Data<Services>, said: &'static str) -> web::Result {
    let next = block(move || {
        services.db.read(|conn| {
            let wanted = Wanted {
                status: Some(Status::Open),
                ..Wanted::default()
            };
            let now = services.clock.now();
            let open = queue::page(conn, &wanted, None)?;
            let free = open.items.into_iter().find(|case| {
                case.live_claim(now)
                    .is_none_or(|claim| claim.by == signed.person)
            });
            Ok::<_, web::Error>(free.map(|case| case.id))
        })
    })
    .await?;
    match next {
        Some(id) => see_other(format!("/reviews/{id}?notice={said}")),
        None => see_other("/reviews?notice=last"),
    }
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

#[derive(Deserialize)]
pub struct ApprovalForm {
    proposal: Uuid,
}

pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<ApprovalForm>,
) -> web::Result {
    let id = id.into_inner();
    let (who, inner) = (signed.clone(), services.clone());
    block(move || {
        inner.audit.write(&who.actor(), |tx| {
            tx.once(form.key, &format!("/reviews/{id}"))?;
            actions::approve(tx, id, who.person, form.data.proposal.into())
        })
    })
    .await?;
    next_case(signed, services, "approved").await
}

#[derive(Deserialize)]
pub struct RefusalForm {
    refusal: String,
}

pub async fn refuse(
    signed: Signed,
    services: Data<Services>,
    id: Path<CaseId>,
    form: Form<RefusalForm>,
) -> web::Result {
    let (id, by) = (id.into_inner(), signed.person);
    let why = form.data.refusal;
    let mut problems = Problems::new();
    check_text(
        &mut problems,
        "refusal",
        &why,
        "Say why, so that the next person knows.",
    );
    if !problems.is_empty() {
        let forms = Forms {
            problems,
            refusal: why,
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    }
    act(
        signed,
        services,
        id,
        form.key,
        "?notice=refused",
        move |tx| actions::refuse(tx, id, by, why.trim()),
    )
    .await
}

#[derive(Deserialize)]
pub struct HitDisposition {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    hit_reason: String,
    #[serde(default)]
    hit_note: String,
    version: i32,
}

pub async fn judge_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<HitDisposition>,
) -> web::Result {
    let (id, hit) = path.into_inner();
    let (key, form) = (form.key, form.data);
    let mut problems = Problems::new();
    let outcome = Outcome::parse(&form.outcome);
    if outcome.is_none() {
        problems.add("outcome", "Say whether the two are the same.");
    }
    if hit_reason_label(&form.hit_reason).is_none() {
        problems.add("hit_reason", "Choose the reason.");
    }
    check_text(
        &mut problems,
        "hit_note",
        &form.hit_note,
        "Write down what you compared.",
    );
    let (Some(outcome), true) = (outcome, problems.is_empty()) else {
        let typed = HitForm {
            outcome: form.outcome,
            reason: form.hit_reason,
            note: form.hit_note,
        };
        let forms = Forms {
            problems,
            hit: Some((hit.to_string(), typed)),
            ..Forms::default()
        };
        return again(signed, services, id, forms).await;
    };
    let holds = block(move || {
        services.audit.write(&signed.actor(), |tx| {
            tx.once(key, &format!("/reviews/{id}#hit-{hit}"))?;
            let judgement = Judgement {
                by: signed.person,
                outcome,
                reason: &form.hit_reason,
                note: form.hit_note.trim(),
                seen: form.version,
            };
            actions::judge_hit(tx, id, hit, &judgement)
        })
    })
    .await?;
    let said = if holds { "hit" } else { "hit-proposed" };
    see_other(format!("/reviews/{id}?notice={said}#hit-{hit}"))
}

pub async fn second_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<Empty>,
) -> web::Result {
    let ((id, hit), by) = (path.into_inner(), signed.person);
    act(
        signed,
        services,
        id,
        form.key,
        "?notice=hit#hits",
        move |tx| actions::second_hit(tx, id, hit, by),
    )
    .await
}

pub async fn refuse_hit(
    signed: Signed,
    services: Data<Services>,
    path: Path<(CaseId, HitId)>,
    form: Form<Empty>,
) -> web::Result {
    let ((id, hit), by) = (path.into_inner(), signed.person);
    act(signed, services, id, form.key, "#hits", move |tx| {
        actions::refuse_hit(tx, id, hit, by)
    })
    .await
}

fn check_text(problems: &mut Problems, field: &'static str, text: &str, missing: &str) {
    if text.trim().is_empty() {
        problems.add(field, missing);
    } else if text.chars().count() > LONGEST_NOTE {
        problems.add(field, "Shorten this to 4,000 characters.");
    }
}
