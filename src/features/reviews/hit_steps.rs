//! What was said about a subject's hits, as lines in the timeline of the case in which it was said. The hits keep it;
//! nothing of it is written a second time.

use chrono::{DateTime, Utc};

use super::case::Case;
use super::desk::HitFile;
use crate::features::screening::dispositions::Said;
use crate::features::screening::hit::{Outcome, reason_label};
use crate::foundation::kernel::PersonId;

/// A line about a hit.
#[derive(Clone, Debug)]
pub struct HitStep {
    pub at: DateTime<Utc>,
    /// Nobody where it is not on record with the hit who did it.
    pub by: Option<PersonId>,
    /// After a person's name: "proposed to dismiss the hit on …".
    pub what: String,
    pub note: Option<String>,
}

/// What was said while the case was open, and reports, which may come after its end.
pub fn hit_steps(case: &Case, hits: &[HitFile], history: &[Said]) -> Vec<HitStep> {
    let in_case = |said: &&Said| {
        let at = said.disposition.proposed_at;
        at >= case.opened_at && case.closed_at.is_none_or(|closed| at <= closed)
    };
    let said = history.iter().filter(in_case);
    let said = said.flat_map(|said| steps_of(said, &name_of(hits, said)));
    said.chain(hits.iter().filter_map(|hit| reported(case, hit)))
        .collect()
}

fn name_of(hits: &[HitFile], said: &Said) -> String {
    let hit = hits.iter().find(|file| file.hit.id == said.disposition.hit);
    hit.map(|file| file.entry_name().to_owned())
        .unwrap_or_default()
}

fn steps_of(said: &Said, name: &str) -> Vec<HitStep> {
    let one = &said.disposition;
    let reason = reason_label(&one.reason).unwrap_or("Other").to_lowercase();
    let (to_do, done) = match one.outcome {
        Outcome::Confirmed => ("confirm", "confirmed"),
        Outcome::Dismissed => ("dismiss", "dismissed"),
        Outcome::NeedsInformation => ("wait for facts on", "asked for facts on"),
    };
    let first = if one.two_people {
        format!("proposed to {to_do}")
    } else {
        done.to_owned()
    };
    let mut steps = vec![HitStep {
        at: one.proposed_at,
        by: Some(one.proposer),
        what: format!("{first} the hit on {name} ({reason})"),
        note: said.note.clone(),
    }];
    if let (Some(at), Some(by)) = (said.answered_at, one.approver) {
        let answer = if said.refused {
            "did not agree"
        } else {
            "agreed"
        };
        steps.push(HitStep {
            at,
            by: Some(by),
            what: format!("{answer} to {to_do} the hit on {name}"),
            note: None,
        });
    }
    steps
}

fn reported(case: &Case, file: &HitFile) -> Option<HitStep> {
    let at = file.hit.reported_at.filter(|at| *at >= case.opened_at)?;
    let reference = file.report_reference.as_deref();
    Some(HitStep {
        at,
        by: None,
        what: format!("The hit on {} was reported", file.entry_name()),
        note: reference.map(|reference| format!("As {reference}.")),
    })
}
