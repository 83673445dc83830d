//! What happened, in order: the incident's own lines, and what became of its alerts while they belonged to it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::incident::EntryId;
use super::store::attached::Attached;
use super::store::entries::{self, Entry, Kind};
use crate::features::alerts::AlertId;
use crate::features::alerts::store as lit;
use crate::features::alerts::store::timeline as changes;
use crate::features::alerts::telling;
use crate::features::alerts::views::TimelineRow;
use crate::foundation::db::{Conn, Result};
use crate::foundation::web::Lamp;

/// A line of it.
pub struct Line {
    pub at: DateTime<Utc>,
    pub what: String,
    pub note: String,
    /// Who did it; empty where nobody did.
    pub who: String,
    /// Where it comes from, for people.
    pub source: String,
    pub lamp: Option<Lamp>,
    /// Of an update that nothing has corrected: what a correction names.
    pub update: Option<EntryId>,
    /// Another update has corrected it.
    pub is_corrected: bool,
}

/// An alert as an incident shows it.
pub struct OfIncident {
    pub alert: lit::Alert,
    pub attached: Attached,
}

/// Everything, the newest first.
pub fn read(conn: &mut Conn, entries: &[Entry], alerts: &[OfIncident]) -> Result<Vec<Line>> {
    let mut lines = own(entries);
    for of in alerts {
        of_alert(conn, of, &mut lines)?;
    }
    // What happened at one moment stays in the order in which it was written.
    lines.sort_by_key(|line| line.at);
    lines.reverse();
    Ok(lines)
}

fn own(entries: &[Entry]) -> Vec<Line> {
    let corrections: HashMap<EntryId, &Entry> = entries
        .iter()
        .filter_map(|entry| Some((entry.corrects?, entry)))
        .collect();
    let line = |entry: &Entry| {
        let is_corrected = corrections.contains_key(&entry.id);
        let (what, note) = match entry.audience {
            Some(audience) if entry.corrects.is_some() => (
                format!("Update, {}, in place of an earlier one", audience.words()),
                entry.text.clone(),
            ),
            Some(audience) => (format!("Update, {}", audience.words()), entry.text.clone()),
            None => {
                let (what, note) = entry.text.split_once('\n').unwrap_or((&entry.text, ""));
                (what.to_owned(), note.to_owned())
            }
        };
        Line {
            at: entry.at,
            what,
            note,
            who: entry.who.clone(),
            source: entry.source.words().to_owned(),
            lamp: None,
            update: (entry.kind == Kind::Update && !is_corrected).then_some(entry.id),
            is_corrected,
        }
    };
    entries.iter().map(line).collect()
}

fn of_alert(conn: &mut Conn, of: &OfIncident, lines: &mut Vec<Line>) -> Result<()> {
    let alert = &of.alert;
    let until = of.attached.detached_at;
    let counts = |at: DateTime<Utc>| until.is_none_or(|until| at <= until);
    let source = format!("the alert {}", alert.name);
    for change in changes::changes(conn, alert.id)? {
        if !counts(change.at) {
            continue;
        }
        let row = TimelineRow::from(&change);
        lines.push(Line {
            at: row.at,
            what: row.what,
            note: row.note,
            who: String::new(),
            source: source.clone(),
            lamp: row.lamp,
            update: None,
            is_corrected: false,
        });
    }
    let source = format!("the escalation of {}", alert.name);
    for row in telling::read(conn, alert.id)?.rows() {
        if !counts(row.at) {
            continue;
        }
        let delivery = row.delivery.map(|(_, word)| word);
        let what = match delivery {
            Some(word) => format!("{}: {word}", row.what),
            None => row.what,
        };
        lines.push(Line {
            at: row.at,
            what,
            note: row.why,
            who: String::new(),
            source: source.clone(),
            lamp: None,
            update: None,
            is_corrected: false,
        });
    }
    Ok(())
}

/// The alerts of an incident. One that was attached twice is shown as it was attached last.
pub fn alerts(conn: &mut Conn, attached: Vec<Attached>) -> Result<Vec<OfIncident>> {
    let mut last: Vec<Attached> = Vec::new();
    for it in attached {
        last.retain(|known| known.alert != it.alert);
        last.push(it);
    }
    let ids: Vec<AlertId> = last.iter().map(|it| it.alert).collect();
    let mut found = Vec::new();
    for (id, attached) in ids.into_iter().zip(last) {
        found.push(OfIncident {
            alert: lit::alert(conn, id)?,
            attached,
        });
    }
    Ok(found)
}

/// The update that is to be corrected, where it may be.
#[must_use]
pub fn correctable(entries: &[Entry], wanted: EntryId) -> Option<&Entry> {
    let is_corrected = entries.iter().any(|it| it.corrects == Some(wanted));
    let found = entries.iter().find(|it| it.id == wanted)?;
    (found.kind == entries::Kind::Update && !is_corrected).then_some(found)
}
