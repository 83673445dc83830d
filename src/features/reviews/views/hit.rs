//! A hit on the page of its case: the two records side by side.

use chrono::{DateTime, Utc};

use super::case::{Viewer, name};
use super::forms::{Forms, Group};
use super::queue::{Choice, time_left};
use crate::features::reviews::desk::{CaseFile, HitFile};
use crate::features::screening::explanation::Explanation;
use crate::features::screening::hit::{
    HitStatus, Outcome, REASONS as HIT_REASONS, reason_label as hit_reason_label,
};
use crate::foundation::web::Lamp;

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
    /// The proposal that an answer binds to.
    pub proposal: Option<String>,
    pub report: Option<Report>,
    pub said: Option<Said>,
    pub may_judge: bool,
    pub may_second: bool,
    /// The proposal is the viewer's own, and can be taken back.
    pub own_proposal: bool,
    /// Why the person before the page cannot give the second answer.
    pub why_not: Option<&'static str>,
    pub form: HitForm,
    pub outcomes: Vec<Choice>,
    pub codes: Vec<Group>,
}

/// The duty to report a confirmed hit, and what became of it.
pub struct Report {
    pub confirmed_at: DateTime<Utc>,
    pub due: String,
    pub lamp: Lamp,
    pub left: String,
    pub done: Option<(DateTime<Utc>, String)>,
    pub may_report: bool,
    /// What was typed into the form.
    pub typed: String,
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

#[derive(Clone, Default)]
pub struct HitForm {
    pub outcome: String,
    pub reason: String,
    pub note: String,
}

pub(super) fn hit_card(
    hit: &HitFile,
    file: &CaseFile,
    viewer: &Viewer,
    held: bool,
    forms: &Forms,
) -> HitCard {
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
        entry_name: hit.entry_name().to_owned(),
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
        proposal: hit
            .disposition
            .as_ref()
            .filter(|_| proposed)
            .map(|(said, _)| said.id.to_string()),
        report: report(hit, viewer, forms),
        said: hit.disposition.as_ref().map(|(said, note)| Said {
            outcome: said.outcome.label(),
            reason: hit_reason_label(&said.reason).unwrap_or("Other"),
            note: note.clone(),
            by: name(file, said.proposer),
            second: said.approver.map(|by| name(file, by)),
            at: said.proposed_at,
        }),
        may_judge: held && hit.hit.status.is_undecided() && !proposed,
        own_proposal: proposed && own,
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
        codes: codes(&form.reason),
        form,
        id,
    }
}

fn codes(chosen: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    for reason in &HIT_REASONS {
        let choice = Choice {
            value: reason.code.to_owned(),
            label: reason.label.to_owned(),
            chosen: reason.code == chosen,
        };
        Group::add(&mut groups, format!("To {}", reason.fits.verb()), choice);
    }
    groups
}

fn report(hit: &HitFile, viewer: &Viewer, forms: &Forms) -> Option<Report> {
    let (confirmed_at, due) = (hit.hit.confirmed_at?, hit.hit.report_due?);
    let (lamp, left) = time_left(due, viewer.today);
    let done = hit.hit.reported_at.map(|at| {
        let reference = hit.report_reference.clone();
        (at, reference.unwrap_or_else(|| "erased".to_owned()))
    });
    let id = hit.hit.id.to_string();
    let typed = forms.report.as_ref().filter(|(of, _)| *of == id);
    Some(Report {
        confirmed_at,
        due: due.format("%-d %b %Y").to_string(),
        lamp,
        left,
        may_report: viewer.may_act && done.is_none(),
        done,
        typed: typed.map(|(_, text)| text.clone()).unwrap_or_default(),
    })
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

fn hit_lamp(status: HitStatus) -> Lamp {
    match status {
        HitStatus::Open | HitStatus::NeedsInformation => Lamp::Yellow,
        HitStatus::Proposed => Lamp::Blue,
        HitStatus::Confirmed => Lamp::Red,
        HitStatus::Dismissed => Lamp::Clear,
        HitStatus::Withdrawn => Lamp::Unknown,
    }
}
