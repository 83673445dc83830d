//! The page of a case.

use std::cmp::Reverse;

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

use super::facts::{Flag, facts, flag};
use super::forms::{Forms, Kept, codes, labels, verdicts, why_no_form};
use super::hit::{HitCard, hit_card};
use super::queue::Row;
use super::{band_lamp, band_word, kind_word};
use crate::features::intake;
use crate::features::reviews::desk::CaseFile;
use crate::features::reviews::verdict::{Status, Verdict};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Chrome, Lamp};

#[derive(Template)]
#[template(path = "reviews/case.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a page shows or does not show"
)]
pub struct CasePage {
    pub chrome: Chrome,
    pub id: String,
    pub number: i64,
    pub version: i32,
    pub subject: String,
    pub external_id: String,
    pub subject_href: Option<String>,
    pub kind: &'static str,
    pub platform: String,
    pub status: &'static str,
    pub band: &'static str,
    pub lamp: Lamp,
    pub score: u16,
    pub policy_version: i32,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub parked_until: Option<DateTime<Utc>>,
    pub opened_for: &'static str,
    /// What an approval rests on runs out then.
    pub review_at: Option<DateTime<Utc>>,
    pub screened: Option<ScreenedWith>,
    pub overdue: bool,
    pub erased: bool,
    pub claim: ClaimBanner,
    pub reasons: Vec<Flag>,
    pub facts: Vec<(&'static str, String)>,
    pub hits: Vec<HitCard>,
    pub steps: Vec<StepLine>,
    pub proposal: Option<ProposalCard>,
    pub decided: Vec<DecidedCard>,
    pub undecided_hits: usize,
    pub two_people: bool,
    pub forms: Forms,
    pub queue: Vec<Row>,
    pub stale: Option<Stale>,
    pub kept: Option<Kept>,
    pub may_note: bool,
}

/// What the subject was last compared with.
pub struct ScreenedWith {
    pub at: DateTime<Utc>,
    pub lists: String,
}

/// Who holds the case, and what this person may do about it.
pub struct ClaimBanner {
    pub lamp: Lamp,
    pub title: String,
    pub until: Option<DateTime<Utc>>,
    pub may_claim: bool,
    pub held: bool,
}

pub struct StepLine {
    pub who: String,
    pub what: String,
    pub at: DateTime<Utc>,
    pub note: Option<String>,
}

pub struct ProposalCard {
    pub id: String,
    pub verdict: &'static str,
    pub reasons: Vec<&'static str>,
    pub note: String,
    pub by: String,
    pub at: DateTime<Utc>,
    pub hash: String,
    pub own: bool,
    pub may_approve: bool,
}

pub struct DecidedCard {
    pub verdict: &'static str,
    pub reasons: Vec<&'static str>,
    pub note: String,
    pub by: String,
    pub second: Option<String>,
    pub at: DateTime<Utc>,
}

/// What happened since the page was made that somebody decided on.
pub struct Stale {
    pub changes: Vec<StepLine>,
}

/// Who looks at the page.
pub struct Viewer {
    pub person: PersonId,
    pub may_act: bool,
    pub may_approve: bool,
    pub may_read_subjects: bool,
    /// The authority's date, for the clock of reports.
    pub today: NaiveDate,
}

impl CasePage {
    pub fn new(
        chrome: Chrome,
        file: CaseFile,
        viewer: &Viewer,
        now: DateTime<Utc>,
        mut forms: Forms,
    ) -> Self {
        let case = &file.case;
        let claim = claim_banner(&file, viewer, now);
        let personal = file.record.personal.as_ref();
        forms.verdicts = verdicts(&forms.verdict);
        forms.codes = codes(&forms.chosen);
        let hits: Vec<HitCard> = file
            .hits
            .iter()
            .map(|hit| hit_card(hit, &file, viewer, claim.held, &forms))
            .collect();
        let (proposed, decided): (Vec<_>, Vec<_>) = file
            .decisions
            .iter()
            .partition(|(decision, _)| decision.proposed);
        let proposal = proposed.first().map(|(decision, note)| ProposalCard {
            id: decision.id.to_string(),
            verdict: decision.verdict.label(),
            reasons: labels(&decision.reasons),
            note: note.clone(),
            by: name(&file, decision.proposer),
            at: decision.proposed_at,
            hash: hex::encode(&decision.payload_hash[..6]),
            own: decision.proposer == viewer.person,
            may_approve: viewer.may_approve,
        });
        let shown = shown(&forms, &claim, &hits, proposal.as_ref(), viewer);
        let kept = forms.kept(&shown, why_no_form(case.status, &claim, &forms));
        let undecided = file.hits.iter().filter(|hit| hit.hit.status.is_undecided());
        Self {
            chrome,
            id: case.id.to_string(),
            number: case.number,
            version: case.version,
            subject: personal.map_or_else(|| "Erased".to_owned(), |p| p.name.clone()),
            external_id: case.external_id.clone(),
            subject_href: viewer
                .may_read_subjects
                .then(|| format!("/subjects/{}", case.subject)),
            kind: kind_word(case.company),
            platform: file.platform.clone(),
            status: case.status.label(),
            band: band_word(case.band),
            lamp: band_lamp(case.band),
            score: case.score,
            policy_version: case.policy_version,
            opened_at: case.opened_at,
            due_at: case.due_at,
            closed_at: case.closed_at,
            parked_until: case.parked_until,
            opened_for: case.opened_for.sentence(),
            review_at: file
                .standing
                .as_ref()
                .filter(|_| file.record.status == intake::Status::Approved)
                .and_then(|standing| standing.review_at),
            screened: file.standing.as_ref().and_then(|standing| {
                Some(ScreenedWith {
                    at: standing.screened_at?,
                    lists: standing.screened_lists.join(", ").replace(':', " version "),
                })
            }),
            overdue: case.is_overdue(now),
            erased: personal.is_none(),
            reasons: file
                .contributions
                .iter()
                .map(|c| flag(c, personal))
                .collect(),
            facts: personal.map(facts).unwrap_or_default(),
            hits,
            steps: timeline(&file),
            proposal,
            decided: decided
                .iter()
                .filter(|(decision, _)| decision.effective)
                .map(|(decision, note)| DecidedCard {
                    verdict: decision.verdict.label(),
                    reasons: labels(&decision.reasons),
                    note: note.clone(),
                    by: name(&file, decision.proposer),
                    second: decision.approver.map(|by| name(&file, by)),
                    at: decision.approved_at.unwrap_or(decision.proposed_at),
                })
                .collect(),
            undecided_hits: undecided.count(),
            two_people: case.needs_two(Verdict::Approve),
            claim,
            forms,
            queue: Vec::new(),
            stale: None,
            kept,
            may_note: viewer.may_act,
        }
    }
}

/// The names of the fields whose forms are on the page.
fn shown(
    forms: &Forms,
    claim: &ClaimBanner,
    hits: &[HitCard],
    proposal: Option<&ProposalCard>,
    viewer: &Viewer,
) -> Vec<&'static str> {
    let mut shown = Vec::new();
    if viewer.may_act {
        shown.push("remark");
    }
    match proposal {
        Some(proposal) if proposal.own || proposal.may_approve => shown.push("refusal"),
        None if claim.held => {
            shown.extend([
                "decision",
                "reason",
                "note",
                "parking_days",
                "parking_reason",
            ]);
        }
        _ => {}
    }
    let judged = forms.hit.as_ref().map(|(id, _)| id);
    if hits
        .iter()
        .any(|hit| hit.may_judge && Some(&hit.id) == judged)
    {
        shown.extend(["hit", "outcome", "hit_reason", "hit_note"]);
    }
    shown
}

/// The steps after a version, the newest first.
pub fn step_lines(file: &CaseFile, after_version: i32) -> Vec<StepLine> {
    file.steps
        .iter()
        .filter(|step| step.case_version > after_version)
        .map(|step| StepLine {
            who: step
                .by
                .map_or_else(|| "Signalbox".to_owned(), |by| name(file, by)),
            what: step.what.sentence().to_owned(),
            at: step.at,
            note: step.note.clone(),
        })
        .collect()
}

/// All that happened in the case, the newest first.
fn timeline(file: &CaseFile) -> Vec<StepLine> {
    let hits = file.hit_steps.iter().map(|step| StepLine {
        who: step.by.map_or_else(String::new, |by| name(file, by)),
        what: step.what.clone(),
        at: step.at,
        note: step.note.clone(),
    });
    let mut lines: Vec<_> = hits.chain(step_lines(file, i32::MIN)).collect();
    lines.sort_by_key(|line| Reverse(line.at));
    lines
}

fn claim_banner(file: &CaseFile, viewer: &Viewer, now: DateTime<Utc>) -> ClaimBanner {
    let case = &file.case;
    let free = matches!(case.status, Status::Open | Status::NeedsInformation);
    let live = case.live_claim(now);
    let (lamp, title) = match (case.status, live) {
        (Status::Approved | Status::Rejected, _) => (
            Lamp::Clear,
            format!(
                "This case is closed: {}.",
                case.status.label().to_lowercase()
            ),
        ),
        (Status::Proposed, _) => (
            Lamp::Yellow,
            "An approval is proposed and awaits a second person.".to_owned(),
        ),
        (Status::Parked, _) => (Lamp::Unknown, "This case is parked.".to_owned()),
        (_, Some(claim)) if claim.by == viewer.person => {
            (Lamp::Blue, "You hold this case".to_owned())
        }
        (_, Some(claim)) => (
            Lamp::Yellow,
            format!("{} holds this case", name(file, claim.by)),
        ),
        (_, None) => (Lamp::Unknown, "Nobody holds this case.".to_owned()),
    };
    ClaimBanner {
        lamp,
        title,
        until: live.filter(|_| free).map(|claim| claim.until),
        may_claim: free && live.is_none() && viewer.may_act,
        held: free && viewer.may_act && live.is_some_and(|claim| claim.by == viewer.person),
    }
}

pub(super) fn name(file: &CaseFile, person: PersonId) -> String {
    file.people
        .get(&person)
        .cloned()
        .unwrap_or_else(|| "Somebody".to_owned())
}
