//! The forms of a case's page: their choices, and what somebody typed into them.

use super::case::ClaimBanner;
use super::hit::HitForm;
use super::queue::Choice;
use crate::features::reviews::verdict::{REASONS, Status, Verdict, named, reason_label};
use crate::features::screening::hit::{Outcome, reason_label as hit_reason_label};
use crate::foundation::web::Problems;

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
    pub(super) fn kept(&self, shown: &[&str], why: &'static str) -> Option<Kept> {
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
pub(super) fn why_no_form(status: Status, claim: &ClaimBanner, forms: &Forms) -> &'static str {
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

pub(super) fn verdicts(chosen: &str) -> Vec<Choice> {
    Verdict::ALL
        .into_iter()
        .map(|verdict| Choice {
            value: verdict.as_str().to_owned(),
            label: verdict.label().to_owned(),
            chosen: verdict.as_str() == chosen,
        })
        .collect()
}

pub(super) fn codes(chosen: &[String]) -> Vec<Group> {
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

pub(super) fn labels(codes: &[String]) -> Vec<&'static str> {
    codes.iter().filter_map(|code| reason_label(code)).collect()
}
