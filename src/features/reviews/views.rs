//! The pages of reviews as plain data.

use askama::Template;
use chrono::{DateTime, Utc};

use super::case::{Case, REASONS, Status, Verdict, reason_label};
use super::desk::{CaseFile, HitFile};
use super::risk::{Band, Contribution, Factor};
use crate::features::intake::Personal;
use crate::features::screening::hit::reason_label as hit_reason_label;
use crate::features::screening::hit::{Explanation, HitStatus, Outcome, REASONS as HIT_REASONS};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// A row of the queue.
pub struct Row {
    pub href: String,
    pub number: i64,
    pub subject: String,
    pub kind: &'static str,
    pub platform: String,
    pub status: &'static str,
    pub band: &'static str,
    pub lamp: Lamp,
    pub score: u16,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub overdue: bool,
    pub claimed_by: Option<String>,
    pub current: bool,
}

/// An option of a filter.
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

#[derive(Template)]
#[template(path = "reviews/queue.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a page shows or does not show"
)]
pub struct Queue {
    pub chrome: Chrome,
    pub rows: Vec<Row>,
    pub next: Option<String>,
    pub previous: Option<String>,
    pub statuses: Vec<Choice>,
    pub bands: Vec<Choice>,
    pub platforms: Vec<Choice>,
    pub mine: bool,
    pub overdue: bool,
    pub filtered: bool,
    pub may_act: bool,
}

#[derive(Template)]
#[template(path = "reviews/approvals.html")]
pub struct Approvals {
    pub chrome: Chrome,
    pub rows: Vec<Awaiting>,
}

/// Something that somebody else proposed.
pub struct Awaiting {
    pub href: String,
    pub what: String,
    pub subject: String,
    pub by: String,
    pub at: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "reviews/case.html")]
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
    pub review_at: Option<DateTime<Utc>>,
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
}

/// Who holds the case, and what this person may do about it.
pub struct ClaimBanner {
    pub lamp: Lamp,
    pub title: String,
    pub until: Option<DateTime<Utc>>,
    pub may_claim: bool,
    pub held: bool,
}

/// One contribution to the score, in words.
pub struct Flag {
    pub title: &'static str,
    pub what: String,
    pub points: u16,
}

pub struct HitCard {
    pub id: String,
    pub version: i32,
    pub lamp: Lamp,
    pub status: &'static str,
    pub score: u16,
    pub list: String,
    pub reference: String,
    pub subject_name: String,
    pub entry_name: String,
    pub entry_facts: Vec<(&'static str, String)>,
    pub agreements: Vec<String>,
    pub differences: Vec<String>,
    pub report_due: Option<String>,
    pub said: Option<Said>,
    pub may_judge: bool,
    pub may_second: bool,
    /// Why the person before the page cannot give the second answer.
    pub why_not: Option<&'static str>,
    pub form: HitForm,
    pub outcomes: Vec<Choice>,
    pub codes: Vec<Choice>,
}

/// What was said about a hit.
pub struct Said {
    pub outcome: &'static str,
    pub reason: &'static str,
    pub note: String,
    pub by: String,
    pub second: Option<String>,
    pub at: DateTime<Utc>,
}

pub struct StepLine {
    pub who: String,
    pub what: &'static str,
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
    pub verdicts: Vec<Choice>,
    pub codes: Vec<Choice>,
}

#[derive(Clone, Default)]
pub struct HitForm {
    pub outcome: String,
    pub reason: String,
    pub note: String,
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
}

impl Row {
    pub fn new(
        case: &Case,
        now: DateTime<Utc>,
        platform: String,
        claimed_by: Option<String>,
    ) -> Self {
        Self {
            href: format!("/reviews/{}", case.id),
            number: case.number,
            subject: case.external_id.clone(),
            kind: kind_word(case.company),
            platform,
            status: case.status.label(),
            band: band_word(case.band),
            lamp: band_lamp(case.band),
            score: case.score,
            opened_at: case.opened_at,
            due_at: case.due_at,
            overdue: case.is_overdue(now),
            claimed_by,
            current: false,
        }
    }
}

pub fn statuses(chosen: Option<Status>) -> Vec<Choice> {
    Status::ALL
        .into_iter()
        .map(|status| Choice {
            value: status.as_str().to_owned(),
            label: status.label().to_owned(),
            chosen: chosen == Some(status),
        })
        .collect()
}

pub fn bands(chosen: Option<Band>) -> Vec<Choice> {
    Band::ALL
        .into_iter()
        .map(|band| Choice {
            value: band.as_str().to_owned(),
            label: band_word(band).to_owned(),
            chosen: chosen == Some(band),
        })
        .collect()
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
        let hits = file
            .hits
            .iter()
            .map(|hit| hit_card(hit, &file, viewer, claim.held, &forms))
            .collect();
        let (proposed, decided): (Vec<_>, Vec<_>) = file
            .decisions
            .iter()
            .partition(|(decision, _)| decision.proposed);
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
            review_at: file.review_at,
            overdue: case.is_overdue(now),
            erased: personal.is_none(),
            reasons: file
                .contributions
                .iter()
                .map(|c| flag(c, personal))
                .collect(),
            facts: personal.map(facts).unwrap_or_default(),
            hits,
            steps: step_lines(&file, i32::MIN),
            proposal: proposed.first().map(|(decision, note)| ProposalCard {
                id: decision.id.to_string(),
                verdict: decision.verdict.label(),
                reasons: labels(&decision.reasons),
                note: note.clone(),
                by: name(&file, decision.proposer),
                at: decision.proposed_at,
                hash: hex::encode(&decision.payload_hash[..6]),
                own: decision.proposer == viewer.person,
                may_approve: viewer.may_approve,
            }),
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
        }
    }
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
            what: step.what.sentence(),
            at: step.at,
            note: step.note.clone(),
        })
        .collect()
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

fn hit_card(hit: &HitFile, file: &CaseFile, viewer: &Viewer, held: bool, forms: &Forms) -> HitCard {
    let own = hit
        .disposition
        .as_ref()
        .is_some_and(|(said, _)| said.proposer == viewer.person);
    let proposed = hit.hit.status == HitStatus::Proposed;
    let id = hit.hit.id.to_string();
    let typed = forms.hit.as_ref().filter(|(of, _)| *of == id);
    let form = typed.map(|(_, form)| form.clone()).unwrap_or_default();
    HitCard {
        version: hit.hit.version,
        lamp: hit_lamp(hit.hit.status),
        status: hit.hit.status.label(),
        score: hit.hit.score,
        list: format!("{} version {}", hit.hit.source, hit.hit.list_version),
        reference: hit.hit.reference.clone(),
        subject_name: hit
            .explanation
            .as_ref()
            .map_or_else(String::new, |e| e.subject_name.clone()),
        entry_name: hit.explanation.as_ref().map_or_else(
            || {
                hit.entry
                    .as_ref()
                    .map_or("", |entry| entry.primary_name())
                    .to_owned()
            },
            |e| e.entry_name.clone(),
        ),
        entry_facts: entry_facts(hit),
        agreements: hit
            .explanation
            .as_ref()
            .map(Explanation::agreements)
            .unwrap_or_default(),
        differences: hit
            .explanation
            .as_ref()
            .map(Explanation::differences)
            .unwrap_or_default(),
        report_due: hit
            .hit
            .report_due
            .map(|date| date.format("%-d %b %Y").to_string()),
        said: hit.disposition.as_ref().map(|(said, note)| Said {
            outcome: said.outcome.label(),
            reason: hit_reason_label(&said.reason).unwrap_or("Other"),
            note: note.clone(),
            by: name(file, said.proposer),
            second: said.approver.map(|by| name(file, by)),
            at: said.proposed_at,
        }),
        may_judge: held && hit.hit.status.is_undecided() && !proposed,
        may_second: proposed && viewer.may_approve && !own,
        why_not: match (proposed, own, viewer.may_approve) {
            (true, true, _) => Some("You proposed this, so somebody else has to agree."),
            (true, false, false) => Some("Your role does not approve what others propose."),
            _ => None,
        },
        outcomes: Outcome::ALL
            .into_iter()
            .map(|outcome| Choice {
                value: outcome.as_str().to_owned(),
                label: outcome.label().to_owned(),
                chosen: form.outcome == outcome.as_str(),
            })
            .collect(),
        codes: HIT_REASONS
            .iter()
            .map(|(code, label)| Choice {
                value: (*code).to_owned(),
                label: (*label).to_owned(),
                chosen: form.reason == *code,
            })
            .collect(),
        form,
        id,
    }
}

fn entry_facts(hit: &HitFile) -> Vec<(&'static str, String)> {
    let Some(entry) = &hit.entry else {
        return Vec::new();
    };
    let others = entry.names.iter().skip(1).take(12).map(|n| n.name.as_str());
    let births = entry.births.iter().map(ToString::to_string);
    let countries = entry.countries.iter().map(|country| country.name());
    let rows = [
        ("Listed as", entry.primary_name().to_owned()),
        ("Also known as", others.collect::<Vec<_>>().join("; ")),
        ("Born", births.collect::<Vec<_>>().join("; ")),
        ("Place of birth", entry.birth_places.join("; ")),
        ("Countries", countries.collect::<Vec<_>>().join(", ")),
        ("Papers", entry.documents.join("; ")),
        ("Programs", entry.programs.join(", ")),
        ("Title", entry.title.clone().unwrap_or_default()),
    ];
    rows.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn facts(personal: &Personal) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let parts = [
        &personal.street,
        &personal.postal_code,
        &personal.city,
        &personal.state,
    ];
    let address: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    let rows = [
        ("Name", personal.name.clone()),
        ("Other names", personal.other_names.join("; ")),
        (
            "Born",
            personal
                .date_of_birth
                .map_or_else(String::new, |date| date.format("%-d %b %Y").to_string()),
        ),
        (
            "Residence",
            personal.country.map_or("", |c| c.name()).to_owned(),
        ),
        (
            "Nationality",
            personal.nationality.map_or("", |c| c.name()).to_owned(),
        ),
        ("Occupation", text(&personal.occupation)),
        ("Product", text(&personal.product)),
        (
            "Expected each month",
            personal
                .expected_monthly
                .map_or_else(String::new, |money| money.to_string()),
        ),
        (
            "PEP",
            match personal.pep {
                Some(true) => "Yes, says the platform",
                Some(false) => "No, says the platform",
                None => "",
            }
            .to_owned(),
        ),
        ("Address", address.join(", ")),
        (
            "Papers",
            personal
                .id_number
                .as_ref()
                .map_or_else(String::new, |number| masked(personal, number)),
        ),
    ];
    rows.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The end of a number is enough to compare papers; the whole stands on the subject's page.
fn masked(personal: &Personal, number: &str) -> String {
    let end: String = number
        .chars()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let kind = personal.id_type.as_deref().unwrap_or("Number");
    let country = personal.id_country.map_or("", |country| country.code());
    format!("{kind} {country} …{end}")
}

/// Why flagged, in words. The page may say what the event may not: which country it is.
fn flag(contribution: &Contribution, personal: Option<&Personal>) -> Flag {
    let country = |of: fn(&Personal) -> Option<crate::features::intake::Country>| {
        personal.and_then(of).map_or("", |country| country.name())
    };
    let (title, what) = match contribution.factor {
        Factor::Geography => (
            "Geography",
            match contribution.reason.as_str() {
                "residence" => format!("Lives in {}", country(|p| p.country)),
                "nationality" => format!("National of {}", country(|p| p.nationality)),
                "residence_prohibited" => {
                    format!("Lives in {}, which is prohibited", country(|p| p.country))
                }
                _ => format!(
                    "National of {}, which is prohibited",
                    country(|p| p.nationality)
                ),
            },
        ),
        Factor::Product => ("Product", contribution.reason.replace('_', " ")),
        Factor::Occupation => ("Occupation", contribution.reason.replace('_', " ")),
        Factor::Pep => ("PEP", "Politically exposed, says the platform".to_owned()),
        Factor::Screening => (
            "Screening",
            match contribution.reason.as_str() {
                "confirmed_hit" => "A confirmed hit".to_owned(),
                "exact_hit" => "A hit with exact name and date".to_owned(),
                _ => "A possible hit".to_owned(),
            },
        ),
        Factor::ExpectedAmount => (
            "Expected amount",
            match contribution.reason.as_str() {
                "not_comparable" => "In a currency without a threshold".to_owned(),
                _ => "Above a threshold of the policy".to_owned(),
            },
        ),
        Factor::MissingFacts => (
            "Missing facts",
            format!("No {}", contribution.reason.replace('_', " ")),
        ),
    };
    Flag {
        title,
        what,
        points: contribution.points,
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

fn codes(chosen: &[String]) -> Vec<Choice> {
    REASONS
        .iter()
        .map(|(code, label)| Choice {
            value: (*code).to_owned(),
            label: (*label).to_owned(),
            chosen: chosen.iter().any(|one| one == code),
        })
        .collect()
}

fn labels(codes: &[String]) -> Vec<&'static str> {
    codes.iter().filter_map(|code| reason_label(code)).collect()
}

fn name(file: &CaseFile, person: PersonId) -> String {
    file.people
        .get(&person)
        .cloned()
        .unwrap_or_else(|| "Somebody".to_owned())
}

fn kind_word(company: bool) -> &'static str {
    if company { "Company" } else { "Person" }
}

fn band_word(band: Band) -> &'static str {
    match band {
        Band::Low => "Low",
        Band::Medium => "Medium",
        Band::High => "High",
        Band::Prohibited => "Prohibited",
    }
}

fn band_lamp(band: Band) -> Lamp {
    match band {
        Band::Low => Lamp::Clear,
        Band::Medium => Lamp::Blue,
        Band::High => Lamp::Yellow,
        Band::Prohibited => Lamp::Red,
    }
}

fn hit_lamp(status: HitStatus) -> Lamp {
    match status {
        HitStatus::Open | HitStatus::NeedsInformation => Lamp::Yellow,
        HitStatus::Proposed => Lamp::Blue,
        HitStatus::Confirmed => Lamp::Red,
        HitStatus::Dismissed => Lamp::Clear,
        HitStatus::Withdrawn => Lamp::Unknown,
    }
}
