//! What the page shows.

use askama::Template;
use chrono::{DateTime, Utc};

use super::finding::{Finding, Verdict};
use super::proven::{PROVEN, Proof};
use crate::foundation::audit::package::EventRow;
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp};

/// Findings that belong together.
pub struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

impl Section {
    pub fn new(title: &'static str, findings: Vec<Finding>) -> Self {
        Self {
            title,
            lines: findings.into_iter().map(Line::from).collect(),
        }
    }
}

struct Line {
    verdict: Verdict,
    subject: String,
    found: String,
    mend: Vec<Piece>,
    /// The page where it is mended.
    href: Option<&'static str>,
}

/// A part of a sentence: words, or a command.
struct Piece {
    text: String,
    is_command: bool,
}

impl Line {
    fn lamp(&self) -> Lamp {
        match self.verdict {
            Verdict::Ok => Lamp::Clear,
            Verdict::Warn => Lamp::Yellow,
            Verdict::Fail => Lamp::Red,
        }
    }

    fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Ok => "In order",
            Verdict::Warn => "Look at it",
            Verdict::Fail => "Mend it",
        }
    }
}

impl From<Finding> for Line {
    fn from(finding: Finding) -> Self {
        let needs_a_hand = finding.verdict > Verdict::Ok;
        Self {
            verdict: finding.verdict,
            href: page_of(finding.subject).filter(|_| needs_a_hand),
            subject: capitalised(finding.subject),
            found: finding.found,
            mend: pieces(&finding.mend.unwrap_or_default()),
        }
    }
}

fn page_of(subject: &str) -> Option<&'static str> {
    match subject {
        "Passkeys" | "Enrolment" | "Administrators" | "Stale grants" | "Break-glass account" => {
            Some("/people")
        }
        "Access review" => Some("/people/reviews"),
        "API keys" => Some("/keys"),
        _ => None,
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Takes a sentence with commands between backticks apart.
fn pieces(text: &str) -> Vec<Piece> {
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(at, part)| Piece {
            text: part.to_owned(),
            is_command: at % 2 == 1,
        })
        .collect()
}

/// Something that was done on the command line.
struct Act {
    idx: u64,
    at: DateTime<Utc>,
    kind: String,
    who: String,
    subject: String,
    /// Everything that was done to it.
    href: String,
    failed: bool,
}

/// What was done on the command line, as far as the reader may know.
pub struct Acts {
    lines: Vec<Act>,
    /// Why there are none, where there are none.
    none: &'static str,
}

impl Acts {
    /// `None` for whoever may not read the log; `is_whole` for whoever is shown all of it.
    pub fn new(events: Option<&[EventRow]>, is_whole: bool) -> Self {
        Self {
            lines: events.unwrap_or_default().iter().map(act).collect(),
            none: match (events, is_whole) {
                (None, _) => "The audit log is not yours to read.",
                (Some(_), false) => "Not within the dates of the log that you are shown.",
                (Some(_), true) => "The sealed log holds none.",
            },
        }
    }
}

#[derive(Template)]
#[template(path = "posture/page.html")]
pub struct PosturePage {
    chrome: Chrome,
    lamp: Lamp,
    verdict: String,
    detail: String,
    /// What is not in order, the worst first.
    wanting: Vec<Line>,
    sections: Vec<Section>,
    proven: &'static [Proof],
    acts: Acts,
}

impl PosturePage {
    pub fn new(chrome: Chrome, mut sections: Vec<Section>, acts: Acts) -> Self {
        let mut wanting = Vec::new();
        for section in &mut sections {
            let lines = std::mem::take(&mut section.lines);
            let (fine, bad) = lines
                .into_iter()
                .partition(|line| line.verdict == Verdict::Ok);
            section.lines = fine;
            wanting.extend(bad);
        }
        // In the order of the sections where they are equally bad.
        wanting.sort_by_key(|line: &Line| std::cmp::Reverse(line.verdict));
        let fine = sections.iter().map(|section| section.lines.len()).sum();
        let bad = |verdict| {
            wanting
                .iter()
                .filter(|line| line.verdict == verdict)
                .count()
        };
        let (lamp, verdict) = verdict(bad(Verdict::Fail), bad(Verdict::Warn));
        Self {
            chrome,
            lamp,
            verdict,
            detail: detail(bad(Verdict::Fail), bad(Verdict::Warn), fine),
            wanting,
            sections,
            proven: PROVEN,
            acts,
        }
    }
}

fn verdict(to_mend: usize, to_look_at: usize) -> (Lamp, String) {
    let things = |count: usize, what: &str| {
        counted(
            count as u64,
            &format!("thing {what}"),
            &format!("things {what}"),
        )
    };
    match (to_mend, to_look_at) {
        (0, 0) => (Lamp::Clear, "Nothing leaves a door open".to_owned()),
        (0, warned) => (Lamp::Yellow, things(warned, "to look at")),
        (failed, _) => (Lamp::Red, things(failed, "to mend")),
    }
}

fn detail(to_mend: usize, to_look_at: usize, fine: usize) -> String {
    let fine = format!("{fine} in order, looked at now.");
    if to_mend > 0 && to_look_at > 0 {
        format!("{to_look_at} more to look at, {fine}")
    } else {
        fine
    }
}

fn act(event: &EventRow) -> Act {
    let columns = &event.projection;
    Act {
        idx: event.idx,
        at: columns.recorded_at,
        kind: columns.kind.clone(),
        who: columns.actor_id.clone(),
        subject: columns.subject_kind.replace('_', " "),
        href: format!("/audit?subject={}", columns.subject_id),
        failed: columns.outcome != "success",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_gives_the_verdict() {
        assert_eq!(verdict(0, 0).0, Lamp::Clear);
        assert_eq!(
            verdict(0, 1),
            (Lamp::Yellow, "1 thing to look at".to_owned())
        );
        assert_eq!(verdict(2, 5), (Lamp::Red, "2 things to mend".to_owned()));
        assert_eq!(
            detail(2, 5, 9),
            "5 more to look at, 9 in order, looked at now."
        );
        assert_eq!(detail(0, 5, 9), "9 in order, looked at now.");
    }

    #[test]
    fn commands_are_told_from_words() {
        let found = pieces("run `signalbox migrate`, then look again");
        let shown: Vec<(&str, bool)> = found
            .iter()
            .map(|piece| (piece.text.as_str(), piece.is_command))
            .collect();
        let expected = [
            ("run ", false),
            ("signalbox migrate", true),
            (", then look again", false),
        ];
        assert_eq!(shown, expected);
    }
}
