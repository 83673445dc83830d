//! Who was told of an alert, who was not, and who is told next: the verdict first, then every decision with what became
//! of its notice.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::AlertId;
use super::store::Alert;
use super::store::decisions::{self, Decision, Kind, News, Next};
use crate::features::notify::notice::{About, State};
use crate::features::notify::store::{self as outbox, Told};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Level;
use crate::foundation::web::Lamp;
use crate::foundation::web::format::{moment, relative};

/// What is told at once waits no longer than this for its like.
const GATHERED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// What is known of it.
pub struct Known {
    decisions: Vec<Decision>,
    next: Option<Next>,
    /// What became of each notice.
    sent: HashMap<Uuid, Told>,
}

pub fn read(conn: &mut Conn, alert: AlertId) -> db::Result<Known> {
    let sent = outbox::about(conn, &About::new("alert", alert))?;
    Ok(Known {
        decisions: decisions::of_alert(conn, alert)?,
        next: decisions::next(conn, alert)?,
        sent: sent.into_iter().map(|it| (it.id.uuid(), it)).collect(),
    })
}

/// The section of an alert's page.
pub struct Telling {
    pub verdict: String,
    /// Newest first.
    pub rows: Vec<Row>,
}

pub struct Row {
    pub at: DateTime<Utc>,
    pub what: String,
    pub why: String,
    /// How the notice stands; nothing where none was queued.
    pub delivery: Option<(Lamp, String)>,
}

impl Telling {
    #[must_use]
    pub fn of(known: &Known, alert: &Alert, now: DateTime<Utc>, zone: Tz) -> Self {
        let rows = known.decisions.iter().rev();
        Self {
            verdict: verdict(known, alert, now, zone),
            rows: rows
                .map(|decision| row(decision, &known.sent, zone))
                .collect(),
        }
    }
}

impl Known {
    /// How the notice of a decision stands; none of one that was not told, or whose notice was taken back.
    fn stands(&self, decision: &Decision) -> Option<State> {
        if decision.kind != Kind::Told {
            return None;
        }
        let notice = decision
            .way
            .as_ref()
            .and_then(|way| self.sent.get(&way.notice));
        let state = notice.map_or(State::Delivered, |notice| notice.state);
        (state != State::Cancelled).then_some(state)
    }

    /// The last who were told one of these.
    fn last(&self, news: &[News]) -> Option<(&Decision, State)> {
        let mut decisions = self.decisions.iter().rev();
        decisions.find_map(|it| {
            let state = news.contains(&it.news).then(|| self.stands(it)).flatten()?;
            Some((it, state))
        })
    }

    /// When the next notice leaves by which somebody hears of information on another day.
    fn waits_until(&self) -> Option<DateTime<Utc>> {
        let queued = self.sent.values();
        queued.filter(|it| waits(it)).map(|it| it.next_at).min()
    }

    /// When that of a decision does, where it is such a one.
    fn leaves(&self, decision: &Decision) -> Option<DateTime<Utc>> {
        let notice = self.sent.get(&decision.way.as_ref()?.notice)?;
        waits(notice).then_some(notice.next_at)
    }

    /// Of an alert that has gone out: whether those who were told of it know so.
    fn over(&self, alert: &Alert) -> &'static str {
        let ended = alert.resolved_at.unwrap_or(alert.fired_at);
        let told = self.decisions.iter();
        let told = told.filter(|it| it.news == News::Over && it.at >= ended);
        let states: Vec<State> = told.filter_map(|it| self.stands(it)).collect();
        let all = |wanted: State| !states.is_empty() && states.iter().all(|it| *it == wanted);
        if all(State::Delivered) {
            "It is over, and everybody who was told of it was told so."
        } else if states.contains(&State::GivenUp) {
            "It is over. Not everybody who was told of it could be told so."
        } else if self
            .last(&[News::Fires, News::Again, News::Still])
            .is_some()
        {
            "It is over. Whoever was told of it is being told so."
        } else {
            "It is over, and nobody was told of it."
        }
    }
}

/// "Ada was told 2 minutes ago; next: the team lead in 13 minutes."
fn verdict(known: &Known, alert: &Alert, now: DateTime<Utc>, zone: Tz) -> String {
    if !alert.firing {
        return match known.waits_until() {
            Some(at) => format!(
                "It is over, and was information: it is told all the same, {}.",
                relative(at, now, zone)
            ),
            None => known.over(alert).to_owned(),
        };
    }
    if let Some(held) = alert
        .acknowledged
        .as_ref()
        .filter(|_| alert.is_acknowledged(now))
    {
        return format!("{} has it in hand: nobody else is told.", held.name);
    }
    let newest = known.decisions.last();
    if let Some(held) = newest.filter(|it| it.kind == Kind::HeldBack) {
        let who = if held.who.is_empty() {
            "Nobody"
        } else {
            &held.who
        };
        return format!(
            "{} is not told: {}. When that ends and it still fires, they are told at once.",
            capital(who),
            held.why
        );
    }
    let before = match known.last(&[News::Fires, News::Again, News::Still]) {
        Some((last, State::GivenUp)) => format!(
            "{} could not be reached {}",
            last.who,
            relative(last.at, now, zone)
        ),
        Some((last, State::Queued)) => match known.leaves(last) {
            Some(at) => format!("{} is told {}", last.who, relative(at, now, zone)),
            None => format!("{} is being told", last.who),
        },
        Some((last, _)) => format!("{} was told {}", last.who, relative(last.at, now, zone)),
        None if known.decisions.iter().any(|it| it.kind == Kind::NotTold) => {
            "Nobody could be told".to_owned()
        }
        None => "Nobody was told yet".to_owned(),
    };
    match (&known.next, newest.map(|it| it.kind)) {
        (Some(next), Some(Kind::Finished)) if next.at > now => format!(
            "{before}. No step is left, and nobody has it in hand; {} {}.",
            next.who,
            relative(next.at, now, zone)
        ),
        (Some(next), _) if next.at > now => {
            format!(
                "{before}; next: {} {}.",
                next.who,
                relative(next.at, now, zone)
            )
        }
        (Some(next), _) => format!("{before}; next: {} now.", next.who),
        (None, Some(Kind::Finished)) => {
            format!("{before}. No step is left, and nobody has it in hand.")
        }
        (None, Some(_)) => format!("{before}. Nobody is told next."),
        (None, None) => format!(
            "Nobody is told: no escalation of its pack is for a {} alert.",
            alert.level
        ),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}", letters.as_str())
}

impl Known {
    /// Each decision in words, oldest first; moments in UTC.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let each = self.decisions.iter();
        each.map(|decision| row(decision, &self.sent, Tz::UTC))
            .collect()
    }
}

/// Whether it is information that is told on another day, and nobody has tried to yet.
fn waits(notice: &Told) -> bool {
    notice.state == State::Queued
        && notice.level == Some(Level::Blue)
        && notice.attempts.is_empty()
        && notice.next_at - notice.queued_at > GATHERED_WITHIN
}

fn row(decision: &Decision, sent: &HashMap<Uuid, Told>, zone: Tz) -> Row {
    let way = decision.way.as_ref();
    let notice = way.and_then(|way| sent.get(&way.notice));
    let what = match (decision.kind, way) {
        (Kind::Told, Some(way)) => {
            let of = match decision.news {
                News::Fires => "told",
                News::Again => "told that it fires again",
                News::Flaps => "told that it comes and goes",
                News::Still => "told that it fires still",
                News::Over => "told that it is over",
            };
            let name = notice.map_or(way.address.as_str(), |it| it.to_name.as_str());
            let by = if way.channel == "email" {
                format!("by e-mail to {name}")
            } else {
                format!("through {name}")
            };
            match notice.filter(|it| waits(it)) {
                Some(_) => format!("{} is to be {of} {by}", decision.who),
                None => format!("{} was {of} {by}", decision.who),
            }
        }
        (Kind::Told, None) => format!("{} was told", decision.who),
        (Kind::NotTold, _) => format!("{} was not told", decision.who),
        (Kind::HeldBack, _) => format!("{} was not told for now", capital(&decision.who)),
        (Kind::Stopped, _) => "Nobody else is told".to_owned(),
        (Kind::Restarted, _) => "It begins again at the first step".to_owned(),
        (Kind::Finished, _) => "No step is left".to_owned(),
    };
    Row {
        at: decision.at,
        what,
        why: decision.why.clone(),
        delivery: notice.map(|it| delivery(it, zone)),
    }
}

fn delivery(notice: &Told, zone: Tz) -> (Lamp, String) {
    let why = notice.why.as_deref().unwrap_or("no reason was kept");
    let tries = notice.attempts.len();
    match notice.state {
        State::Delivered => (Lamp::Clear, "Delivered".to_owned()),
        State::Queued if tries > 0 => {
            let last = notice.attempts.last().map_or("", |it| it.answer.as_str());
            (Lamp::Yellow, format!("Not delivered yet: {last}"))
        }
        State::Queued if waits(notice) => {
            let leaves = moment(notice.next_at, zone);
            (Lamp::Unknown, format!("Information: leaves {leaves}"))
        }
        State::Queued => (Lamp::Unknown, "On its way".to_owned()),
        State::GivenUp => (Lamp::Red, format!("Not delivered: {why}")),
        State::Cancelled => (Lamp::Unknown, format!("Taken back: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::alerts::labels::Labels;
    use crate::features::alerts::store::Acknowledged;
    use crate::features::alerts::store::Holder;
    use crate::features::alerts::store::decisions::Way;
    use crate::features::notify::notice::{Destination, NoticeId};
    use crate::features::packs::pack::ItemId;
    use crate::foundation::kernel::{PersonId, PlatformId};

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn alert() -> Alert {
        Alert {
            id: AlertId::new(),
            platform: PlatformId::new(),
            rule: Some(ItemId::new()),
            service: None,
            fingerprint: String::new(),
            labels: Labels::default(),
            firing: true,
            level: Level::Red,
            name: "API is down".to_owned(),
            summary: String::new(),
            reading: String::new(),
            active_at: now(),
            fired_at: now(),
            level_at: now(),
            was_red: true,
            resolved_at: None,
            acknowledged: None,
            flapping_since: None,
            assigned: None,
        }
    }

    fn decided(kind: Kind, news: News, who: &str, minutes_ago: i64) -> Decision {
        Decision {
            at: now() - TimeDelta::minutes(minutes_ago),
            kind,
            news,
            who: who.to_owned(),
            why: "a reason".to_owned(),
            way: None,
        }
    }

    fn said(alert: &Alert, decisions: Vec<Decision>, next: Option<(&str, i64)>) -> String {
        let known = Known {
            decisions,
            next: next.map(|(who, minutes)| Next {
                at: now() + TimeDelta::minutes(minutes),
                who: who.to_owned(),
            }),
            sent: HashMap::new(),
        };
        Telling::of(&known, alert, now(), Tz::UTC).verdict
    }

    #[test]
    fn the_verdict_says_who_was_told_and_who_is_next() {
        let told = || decided(Kind::Told, News::Fires, "Ada", 2);
        assert_eq!(
            said(&alert(), vec![told()], Some(("the team lead", 13))),
            "Ada was told 2 minutes ago; next: the team lead in 13 minutes."
        );
        let finished = decided(Kind::Finished, News::Fires, "", 1);
        assert_eq!(
            said(&alert(), vec![told(), finished], None),
            "Ada was told 2 minutes ago. No step is left, and nobody has it in hand."
        );
        assert_eq!(
            said(&alert(), vec![], Some(("Ada", 0))),
            "Nobody was told yet; next: Ada now."
        );
        let missed = decided(Kind::NotTold, News::Fires, "Ada", 1);
        assert_eq!(
            said(&alert(), vec![missed], Some(("Grace", 5))),
            "Nobody could be told; next: Grace in 5 minutes."
        );
        let held_back = decided(Kind::HeldBack, News::Fires, "whoever is on call", 1);
        assert!(
            said(&alert(), vec![told(), held_back], Some(("Grace", -1)))
                .starts_with("Whoever is on call is not told: a reason.")
        );
        assert_eq!(
            said(&alert(), vec![], None),
            "Nobody is told: no escalation of its pack is for a red alert."
        );
    }

    /// A notice of this level that was queued now.
    fn queued(level: Level, leaves: TimeDelta) -> Told {
        Told {
            id: NoticeId::new(),
            platform: None,
            to: Destination::Email("ada@bank.example".to_owned()),
            to_name: "ada@bank.example".to_owned(),
            is_held: false,
            is_being_sent: false,
            about: About::new("alert", 7),
            title: String::new(),
            text: String::new(),
            link: "/".to_owned(),
            level: Some(level),
            state: State::Queued,
            why: None,
            queued_at: now(),
            next_at: now() + leaves,
            ended_at: None,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn what_waits_for_somebody_else_does_not_keep_the_last_from_being_told_now() {
        let notices = [
            queued(Level::Blue, TimeDelta::hours(17)),
            queued(Level::Red, TimeDelta::seconds(30)),
        ];
        let told = |who: &str, notice: &Told| Decision {
            way: Some(Way {
                channel: "email".to_owned(),
                address: notice.to_name.clone(),
                notice: notice.id.uuid(),
            }),
            ..decided(Kind::Told, News::Fires, who, 0)
        };
        let decisions = vec![told("Ada", &notices[0]), told("Grace", &notices[1])];
        let known = Known {
            decisions,
            next: None,
            sent: notices.map(|it| (it.id.uuid(), it)).into(),
        };
        assert_eq!(
            Telling::of(&known, &alert(), now(), Tz::UTC).verdict,
            "Grace is being told. Nobody is told next."
        );
    }

    #[test]
    fn in_hand_or_over_nobody_is_next() {
        let told = || decided(Kind::Told, News::Fires, "Ada", 2);
        let held = Alert {
            acknowledged: Some(Acknowledged {
                at: now(),
                until: now() + TimeDelta::hours(8),
                by: Holder::Person(PersonId::new()),
                name: "Grace".to_owned(),
                note: String::new(),
                ended_at: None,
            }),
            ..alert()
        };
        assert_eq!(
            said(&held, vec![told()], None),
            "Grace has it in hand: nobody else is told."
        );
        let over = Alert {
            firing: false,
            resolved_at: Some(now()),
            ..alert()
        };
        let end = decided(Kind::Told, News::Over, "Ada", 0);
        assert_eq!(
            said(&over, vec![told(), end], None),
            "It is over, and everybody who was told of it was told so."
        );
        assert_eq!(
            said(&over, vec![], None),
            "It is over, and nobody was told of it."
        );
    }
}
