//! What the pages of heartbeats show.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::board::Status;
use super::expect;
use super::heartbeat::{Signal, Standing};
use super::ping::{self, BODY_LIMIT};
use super::store::pings::{Kept, Turned};
use crate::features::packs::accepted::Accepted;
use crate::features::packs::pack::ItemId;
use crate::foundation::web::format::{counted, duration, number};
use crate::foundation::web::{Chrome, Lamp, Tile};

impl Standing {
    #[must_use]
    pub const fn lamp(self) -> Lamp {
        match self {
            Self::Down | Self::Failed => Lamp::Red,
            Self::Late => Lamp::Yellow,
            Self::New => Lamp::Unknown,
            Self::Started | Self::Up => Lamp::Clear,
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "Overdue",
            Self::Failed => "Failed",
            Self::Late => "Late",
            Self::New => "Never heard of",
            Self::Started => "Running",
            Self::Up => "On time",
        }
    }
}

/// All heartbeats in one sentence.
pub struct Verdict {
    pub lamp: Lamp,
    pub sentence: String,
    pub detail: String,
}

impl Verdict {
    /// What is overdue or has failed comes first, then what is late, then what nobody knows.
    #[must_use]
    pub fn of(standings: &[Standing]) -> Self {
        let count = |wanted: Standing| standings.iter().filter(|it| **it == wanted).count() as u64;
        let total = counted(standings.len() as u64, "heartbeat", "heartbeats");
        let (down, failed) = (count(Standing::Down), count(Standing::Failed));
        let (late, new) = (count(Standing::Late), count(Standing::New));
        let said = |lamp, some: u64, one: &str, many: &str| {
            let what = if some == 1 { one } else { many };
            (lamp, format!("{some} of {total} {what}"))
        };
        let (lamp, sentence) = match (down, failed, late, new) {
            (1.., 0, _, _) => said(Lamp::Red, down, "is overdue", "are overdue"),
            (0, 1.., _, _) => said(Lamp::Red, failed, "has failed", "have failed"),
            (1.., 1.., _, _) => said(
                Lamp::Red,
                down + failed,
                "is overdue or has failed",
                "are overdue or have failed",
            ),
            (0, 0, 1.., _) => said(Lamp::Yellow, late, "is late", "are late"),
            (0, 0, 0, 1..) => said(
                Lamp::Unknown,
                new,
                "was never heard of",
                "were never heard of",
            ),
            (0, 0, 0, 0) if standings.len() == 1 => {
                (Lamp::Clear, "The one heartbeat is on time".to_owned())
            }
            (0, 0, 0, 0) => (Lamp::Clear, format!("All {total} are on time")),
        };
        let beside = match (down + failed, late, new) {
            (1.., 1.., _) => counted(late, "more is late.", "more are late."),
            (0, 1.., 1..) | (1.., 0, 1..) => {
                counted(new, "was never heard of.", "were never heard of.")
            }
            _ => String::new(),
        };
        Self {
            lamp,
            sentence,
            detail: beside,
        }
    }
}

/// For the Overview: how many are as they should be.
#[must_use]
pub fn tile(all: &[Status]) -> Option<Tile> {
    if all.is_empty() {
        return None;
    }
    let standings: Vec<Standing> = all.iter().map(|status| status.standing).collect();
    let verdict = Verdict::of(&standings);
    let tile = match all.iter().filter_map(|status| status.pinged_at).max() {
        None => Tile::unknown("Heartbeats", "pings", None),
        Some(seen) => {
            let well = standings.iter().filter(|it| it.lamp() == Lamp::Clear);
            let reading = format!("{} of {}", well.count(), all.len());
            Tile::new(
                "Heartbeats on time",
                verdict.lamp,
                reading,
                "",
                "last ping",
                seen,
            )
        }
    };
    Some(tile.note(verdict.sentence).href("/heartbeats"))
}

/// `GET /heartbeats`
#[derive(Template)]
#[template(path = "heartbeats/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub verdict: Verdict,
    pub rows: Vec<Row>,
}

/// A heartbeat in a list.
pub struct Row {
    pub id: ItemId,
    pub name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: &'static str,
    pub since: Option<DateTime<Utc>>,
    pub schedule: String,
    pub grace: String,
    pub pinged_at: Option<DateTime<Utc>>,
    pub due: Option<DateTime<Utc>>,
}

impl From<&Status> for Row {
    fn from(status: &Status) -> Self {
        Self {
            id: status.item.id,
            name: status.item.name.clone(),
            platform: status.platform.name.clone(),
            lamp: status.standing.lamp(),
            word: status.standing.word(),
            since: (status.standing != Standing::New).then_some(status.since),
            schedule: expect::words(&status.item.spec, status.platform.zone),
            grace: status.item.spec.grace.to_string(),
            pinged_at: status.pinged_at,
            due: status.due,
        }
    }
}

/// `GET /heartbeats/{id}`
#[derive(Template)]
#[template(path = "heartbeats/one.html")]
pub struct One {
    pub chrome: Chrome,
    pub row: Row,
    pub about: String,
    /// How soon its runs have to come to serve what they are for.
    pub within: Option<String>,
    pub not_met: Option<(String, String)>,
    pub accepted: Vec<Accepted>,
    pub deadline: Option<DateTime<Utc>>,
    pub service: Option<(ItemId, String)>,
    pub runbook: Option<(ItemId, String)>,
    pub address: Address,
    pub downtimes: Vec<Downtime>,
    pub pings: Vec<PingRow>,
}

impl One {
    fn limit() -> String {
        number(BODY_LIMIT as i64)
    }
}

/// What the reader may know of where its job pings.
pub enum Address {
    /// It is for those who set up jobs.
    Kept,
    /// A pack has just named it.
    Coming,
    Shown {
        lines: Lines,
        made_at: DateTime<Utc>,
    },
}

/// Commands to copy.
pub struct Lines {
    pub address: String,
    pub plain: String,
    pub crontab: String,
    pub script: String,
}

impl Lines {
    /// `cron` is the pattern of the job's line in the crontab, where it has one.
    #[must_use]
    pub fn of(address: String, cron: Option<&str>) -> Self {
        const CURL: &str = "curl -fsS -m 10 --retry 5 -o /dev/null";
        let cron = cron.map(|cron| format!("{cron} ")).unwrap_or_default();
        Self {
            plain: format!("{CURL} {address}"),
            crontab: format!("{cron}your-job; {CURL} {address}/$?"),
            script: format!(
                "RUN=$(uuidgen)\n\
                 {CURL} \"{address}/start?rid=$RUN\"\n\
                 SAID=$(your-job 2>&1); CODE=$?\n\
                 printf '%s' \"$SAID\" | {CURL} --data-binary @- \"{address}/$CODE?rid=$RUN\""
            ),
            address,
        }
    }
}

/// A time in which it was overdue or had failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Downtime {
    pub from: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    pub lasted: String,
    pub why: &'static str,
}

impl Downtime {
    /// The downtimes that reach into the time since `from`, newest first. `turns` are in order, and begin with the
    /// last before it.
    #[must_use]
    pub fn all(turns: &[Turned], from: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for turn in turns {
            // One that its pack took away while it was down, and brought back, begins anew: that ended the downtime.
            if let Some(open) = found.last_mut().filter(|it| it.until.is_none()) {
                open.until = Some(turn.at);
            }
            if turn.now != "up" {
                found.push(Self {
                    from: turn.at,
                    until: None,
                    lasted: String::new(),
                    why: why(&turn.why),
                });
            }
        }
        found.retain(|it| it.until.is_none_or(|until| until > from));
        for downtime in &mut found {
            downtime.lasted = length(downtime.until.unwrap_or(now) - downtime.from);
        }
        found.reverse();
        found
    }
}

fn why(stored: &str) -> &'static str {
    match stored {
        "missed" => "Nothing came by its deadline",
        "unfinished" => "A run began and did not end in time",
        _ => "It said that it failed",
    }
}

fn length(span: TimeDelta) -> String {
    duration(span.to_std().unwrap_or_default())
}

/// As much of an id as tells the runs of one page apart.
fn short(run: Uuid) -> String {
    run.to_string().chars().take(8).collect()
}

/// A ping in the list.
pub struct PingRow {
    pub at: DateTime<Utc>,
    pub lamp: Lamp,
    pub what: String,
    pub took: Option<String>,
    pub run: Option<String>,
    pub method: String,
    pub source: String,
    pub agent: String,
    pub said: String,
    pub cut: bool,
}

impl From<Kept> for PingRow {
    fn from(ping: Kept) -> Self {
        let (lamp, what) = match ping.signal {
            Signal::Success => (Lamp::Clear, "Success".to_owned()),
            Signal::Exit(0) => (Lamp::Clear, "Success, exit code 0".to_owned()),
            Signal::Exit(code) => (Lamp::Red, format!("Failure, exit code {code}")),
            Signal::Fail => (Lamp::Red, "Failure".to_owned()),
            Signal::Start => (Lamp::Blue, "Start".to_owned()),
            Signal::Log => (Lamp::Blue, "Log".to_owned()),
        };
        Self {
            at: ping.at,
            lamp,
            what,
            took: ping.took.map(length),
            run: ping.run.map(short),
            method: ping.method,
            source: ping.source,
            agent: ping.agent,
            said: ping::shown(&ping.body),
            cut: ping.cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_the_worst_first() {
        use Standing::{Down, Failed, Late, New, Started, Up};
        let check = |standings: &[Standing], lamp, sentence: &str, detail: &str| {
            let verdict = Verdict::of(standings);
            let said = (
                verdict.lamp,
                verdict.sentence.as_str(),
                verdict.detail.as_str(),
            );
            assert_eq!(said, (lamp, sentence, detail));
        };
        check(
            &[Up, Started],
            Lamp::Clear,
            "All 2 heartbeats are on time",
            "",
        );
        check(&[Up], Lamp::Clear, "The one heartbeat is on time", "");
        check(&[Down, Up], Lamp::Red, "1 of 2 heartbeats is overdue", "");
        check(
            &[Down, Down, Late],
            Lamp::Red,
            "2 of 3 heartbeats are overdue",
            "1 more is late.",
        );
        check(&[Failed, Up], Lamp::Red, "1 of 2 heartbeats has failed", "");
        check(
            &[Failed, Down, New],
            Lamp::Red,
            "2 of 3 heartbeats are overdue or have failed",
            "1 was never heard of.",
        );
        check(&[Late, Up], Lamp::Yellow, "1 of 2 heartbeats is late", "");
        check(
            &[New, New, Up],
            Lamp::Unknown,
            "2 of 3 heartbeats were never heard of",
            "",
        );
    }

    #[test]
    fn downtimes_are_pairs_of_turns() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let turn = |when: &str, now: &str, why: &str| Turned {
            heartbeat_id: Uuid::nil(),
            at: at(when),
            was: "up".to_owned(),
            now: now.to_owned(),
            why: why.to_owned(),
        };
        let turns = [
            turn("2026-01-01T00:00:00Z", "down", "missed"),
            turn("2026-03-01T00:00:00Z", "up", "succeeded"),
            turn("2026-03-02T00:00:00Z", "failed", "reported"),
        ];
        let since = |from: &str| Downtime::all(&turns, at(from), at("2026-03-02T01:30:00Z"));
        let all = since("2026-02-01T00:00:00Z");
        assert_eq!(all.len(), 2, "the one that reaches in, too");
        assert_eq!((all[0].until, all[0].why), (None, "It said that it failed"));
        assert!(all[0].lasted.starts_with('1'), "{}", all[0].lasted);
        assert_eq!(all[1].until, Some(at("2026-03-01T00:00:00Z")));
        assert_eq!(since("2026-03-01T12:00:00Z").len(), 1);

        let back = [
            turn("2026-03-01T00:00:00Z", "down", "missed"),
            turn("2026-03-02T00:00:00Z", "failed", "reported"),
        ];
        let all = Downtime::all(
            &back,
            at("2026-02-01T00:00:00Z"),
            at("2026-03-02T01:30:00Z"),
        );
        assert_eq!(all[1].until, Some(at("2026-03-02T00:00:00Z")), "begun anew");
        assert_eq!(all[0].until, None);
    }
}
