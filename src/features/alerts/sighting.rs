//! What a source says at this moment, for those who ask once and not at every tick: with where it comes from, when it was
//! seen, and whether it is as it should be. What is stale or unknown is as it should be for nobody.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::rule::{self, Reading};
use super::snapshot::Snapshot;
use super::words;
use crate::features::packs::pack::{Expect, ItemId, ProbeState, Source};
use crate::features::packs::store::Item;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;

/// Something that is asked.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    pub source: &'q Source,
    pub expect: Option<&'q Expect>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// "up", "3.2 %", or why there is nothing.
    pub value: String,
    /// Where it was read.
    pub source: String,
    /// When what was read was seen; nothing where it never was.
    pub seen_at: Option<DateTime<Utc>>,
    /// Whether it is as expected; nothing where nobody knows, and where nothing is expected.
    pub holds: Option<bool>,
    /// Whether the next look would say the same: a probe that has failed once is still called up, and one that has
    /// succeeded once still down.
    pub settled: bool,
}

/// Answers all questions about one platform, from one moment.
pub fn look(
    conn: &mut Conn,
    platform: PlatformId,
    questions: &[Question<'_>],
    now: DateTime<Utc>,
) -> db::Result<Vec<Sighting>> {
    let asked = questions.iter().map(|question| Item {
        id: ItemId::new(),
        platform,
        slug: String::new(),
        name: String::new(),
        changed_at: now,
        retired_at: None,
        declared_at: now,
        spec: json!({ "on": question.source }),
    });
    let snapshot = Snapshot::read_for(conn, asked.collect(), now)?;
    let answer = |question: &Question<'_>| sight(&snapshot, platform, question);
    Ok(questions.iter().map(answer).collect())
}

fn sight(snapshot: &Snapshot, platform: PlatformId, question: &Question<'_>) -> Sighting {
    let Question { source, expect } = *question;
    let seen_at = snapshot.seen_at(platform, source);
    let nothing = |value: String| Sighting {
        value,
        source: source.to_string(),
        seen_at,
        holds: None,
        settled: true,
    };
    let reading = match snapshot.reading(platform, source) {
        Ok(reading) => reading,
        Err(problem) => return nothing(problem),
    };
    let is_unknown = matches!(
        reading,
        Reading::Nothing | Reading::Scarce | Reading::State(ProbeState::Unknown)
    );
    let value = words::figure_in(source, &reading, snapshot.unit(platform, source));
    if is_unknown {
        return nothing(value);
    }
    let failed = snapshot.last_failure(platform, source);
    let (value, settled) = match (&reading, &failed) {
        (Reading::State(ProbeState::Up), Some(why)) => {
            (format!("up, but its last run failed: {why}"), false)
        }
        (Reading::State(ProbeState::Down), None) => {
            ("down, though its last run succeeded".to_owned(), false)
        }
        (Reading::State(ProbeState::Down), Some(why)) => (format!("down: {why}"), true),
        _ => (value, true),
    };
    let holds = expect.and_then(|expect| {
        let held = rule::holds(source, &expect.condition(), &reading)?;
        // A rule asks whether something is absent; what is expected is that it is there.
        let held = held != matches!(reading, Reading::Absent(_));
        Some(held && !(failed.is_some() && matches!(reading, Reading::State(_))))
    });
    Sighting {
        value,
        holds,
        settled,
        ..nothing(String::new())
    }
}
