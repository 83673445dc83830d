//! The page of a case.

use std::cmp::Reverse;

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};

use super::facts::{Flag, facts, flag};
use super::hit::{HitCard, HitForm, hit_card};
use super::queue::{Choice, Row};
use super::{band_lamp, band_word, kind_word};
use crate::features::intake;
use crate::features::reviews::desk::CaseFile;
use crate::features::reviews::verdict::{REASONS, Status, Verdict, named, reason_label};
use crate::features::screening::hit::{Outcome, reason_label as hit_reason_label};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Chrome, Lamp, Problems};

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

/// What somebody typed into a form that is not on the page any more.
pub struct Kept {
    /// Why the form is not there, and what can be done about it.
    pub why: &'static str,
    /// Labels, and what was chosen.
    pub choices: Vec<(&'static str, String)>,
    /// Labels and texts, to be read.
    pub texts: Vec<(&'static str, String)>,
    /// Names and values, for the form that claims the case.
    pub fields: Vec<(&'static str, String)>,
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

/// What somebody typed, kept when the page comes back.
#[derive(Default)]
pub struct Forms {
    pub problems: Problems,
    pub verdict: String,
    pub chosen: Vec<String>,
    pub note: String,
    pub remark: String,
    pub refusal: String,
    pub parking_days: String,
    pub parking_reason: String,
    pub hit: Option<(String, HitForm)>,
    pub report: Option<(String, String)>,
    pub verdicts: Vec<Choice>,
    pub codes: Vec<Group>,
}

/// Reasons that speak for the same.
pub struct Group {
    /// "To reject or ask for information".
    pub title: String,
    pub choices: Vec<Choice>,
}

impl Group {
    /// Puts a choice into the group with its title, which it is next to.
    pub(super) fn add(groups: &mut Vec<Self>, title: String, choice: Choice) {
        match groups.last_mut() {
            Some(group) if group.title == title => group.choices.push(choice),
            _ => groups.push(Self {
                title,
                choices: vec![choice],
            }),
        }
    }
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

impl Forms {
    pub fn is_blank(&self) -> bool {
        self.fields().is_empty()
    }

    /// Everything that was typed, under the names of the forms.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("decision", self.verdict.clone()),
            ("note", self.note.clone()),
            ("remark", self.remark.clone()),
            ("refusal", self.refusal.clone()),
            ("parking_days", self.parking_days.clone()),
            ("parking_reason", self.parking_reason.clone()),
        ];
        fields.extend(self.chosen.iter().map(|code| ("reason", code.clone())));
        if let Some((hit, form)) = &self.hit {
            fields.push(("hit", hit.clone()));
            fields.push(("outcome", form.outcome.clone()));
            fields.push(("hit_reason", form.reason.clone()));
            fields.push(("hit_note", form.note.clone()));
        }
        fields.retain(|(_, value)| !value.is_empty());
        fields
    }

    /// What of it stands in none of the forms that are `shown`.
    fn kept(&self, shown: &[&str], why: &'static str) -> Option<Kept> {
        const LABELS: [(&str, &str); 5] = [
            ("note", "Note"),
            ("remark", "Remark"),
            ("refusal", "Why not"),
            ("parking_reason", "What it waits for"),
            ("hit_note", "What you compared"),
        ];
        let mut fields = self.fields();
        fields.retain(|(name, _)| !shown.contains(name));
        let text = |(name, label): (&str, &'static str)| {
            let (_, value) = fields.iter().find(|(field, _)| *field == name)?;
            Some((label, value.clone()))
        };
        let texts: Vec<_> = LABELS.into_iter().filter_map(text).collect();
        let choices = self.choices(shown);
        (!texts.is_empty() || !choices.is_empty()).then_some(Kept {
            why,
            choices,
            texts,
            fields,
        })
    }

    /// What was chosen, in the words of the forms; a code that no form has is not worth keeping.
    fn choices(&self, shown: &[&str]) -> Vec<(&'static str, String)> {
        let verdict = Verdict::parse(&self.verdict).map(Verdict::label);
        let reasons = labels(&self.chosen).join(", ");
        let hit = self.hit.as_ref().map(|(_, form)| form);
        let outcome = hit.and_then(|form| Outcome::parse(&form.outcome));
        let why = hit.and_then(|form| hit_reason_label(&form.reason));
        let chosen = [
            (
                "decision",
                "Decision",
                verdict.unwrap_or_default().to_owned(),
            ),
            ("reason", "Reasons", reasons),
            ("parking_days", "Days", self.parking_days.clone()),
            (
                "outcome",
                "Are the two the same?",
                outcome.map_or_else(String::new, |one| one.label().to_owned()),
            ),
            ("hit_reason", "Reason", why.unwrap_or_default().to_owned()),
        ];
        let kept = chosen
            .into_iter()
            .filter(|(name, _, value)| !shown.contains(name) && !value.is_empty());
        kept.map(|(_, label, value)| (label, value)).collect()
    }
}

/// Why a form that was sent is not on the page as it is now.
fn why_no_form(status: Status, claim: &ClaimBanner, forms: &Forms) -> &'static str {
    match status {
        status if status.is_closed() => {
            "It was not sent, and it cannot be: the case is closed. Here it is to read and to copy."
        }
        Status::Proposed => {
            "It was not sent. The case awaits the answer of a second person; until then it can only be read here."
        }
        Status::Parked => {
            "It was not sent. The case is parked; until it comes back it can only be read here."
        }
        _ if !forms.refusal.is_empty() => {
            "It was not sent: nothing is proposed on this case any more. Here it is to read and to copy."
        }
        _ if claim.may_claim => "It was not sent. Claim the case, and it is in its form again.",
        _ if claim.held => {
            "It was not sent, and its form is no longer on the page. Here it is to read and to copy."
        }
        _ => {
            "It was not sent, because somebody else holds the case. Here it is to read and to copy."
        }
    }
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

fn verdicts(chosen: &str) -> Vec<Choice> {
    Verdict::ALL
        .into_iter()
        .map(|verdict| Choice {
            value: verdict.as_str().to_owned(),
            label: verdict.label().to_owned(),
            chosen: verdict.as_str() == chosen,
        })
        .collect()
}

fn codes(chosen: &[String]) -> Vec<Group> {
    let mut groups = Vec::new();
    for reason in &REASONS {
        let choice = Choice {
            value: reason.code.to_owned(),
            label: reason.label.to_owned(),
            chosen: chosen.iter().any(|one| one == reason.code),
        };
        let title = format!("To {}", named(reason.fits).to_lowercase());
        Group::add(&mut groups, title, choice);
    }
    groups
}

fn labels(codes: &[String]) -> Vec<&'static str> {
    codes.iter().filter_map(|code| reason_label(code)).collect()
}

pub(super) fn name(file: &CaseFile, person: PersonId) -> String {
    file.people
        .get(&person)
        .cloned()
        .unwrap_or_else(|| "Somebody".to_owned())
}
