//! What the pages of API keys show.

use askama::Template;
use chrono::{DateTime, Duration, Utc};

use super::actions;
use super::pages::NewForm;
use crate::foundation::auth::keys::displays::Screen;
use crate::foundation::auth::keys::{Key, KeyScope, Made, State};
use crate::foundation::auth::people;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId};
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems};

/// A key that ends this soon wants to be rotated.
const SOON: Duration = Duration::days(14);

/// How long a key may live, in days.
pub(super) const TERMS: [(i64, &str); 5] = [
    (7, "7 days"),
    (30, "30 days"),
    (90, "90 days"),
    (180, "180 days"),
    (365, "A year"),
];

/// How long the old secret goes on after a rotation, in hours.
pub(super) const OVERLAPS: [(i64, &str); 4] = [
    (24, "24 hours more"),
    (1, "One hour more"),
    (168, "7 days more"),
    (0, "Not at all: it ends at once"),
];

type Platforms = [(PlatformId, String)];

fn lamp(key: &Key, now: DateTime<Utc>) -> (Lamp, &'static str) {
    match key.state(now) {
        State::Revoked => (Lamp::Unknown, "Revoked"),
        State::Expired => (Lamp::Unknown, "Expired"),
        State::Live if ends_soon(key, now) => (Lamp::Yellow, "Ends soon"),
        State::Live => (Lamp::Clear, "Live"),
    }
}

fn ends_soon(key: &Key, now: DateTime<Utc>) -> bool {
    key.state(now) == State::Live && key.expires_at - now <= SOON
}

fn reach(key: &Key, platforms: &Platforms) -> String {
    if key.reach.ids().is_none() {
        return "All platforms".to_owned();
    }
    let reached = platforms.iter().filter(|(id, _)| key.reach.allows(*id));
    let names: Vec<&str> = reached.map(|(_, name)| name.as_str()).collect();
    names.join(", ")
}

fn scopes(key: &Key) -> String {
    let names: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(", ")
}

#[derive(Template)]
#[template(path = "keys/list.html")]
pub(super) struct List {
    chrome: Chrome,
    verdict: (Lamp, String, String),
    rows: Vec<Line>,
    may_manage: bool,
}

struct Line {
    lamp: Lamp,
    word: &'static str,
    scopes: String,
    reach: String,
    key: Key,
}

impl List {
    pub(super) fn new(
        chrome: Chrome,
        keys: Vec<Key>,
        platforms: &Platforms,
        may_manage: bool,
    ) -> Self {
        let verdict = verdict(&keys, chrome.now);
        let line = |key: Key| {
            let (lamp, word) = lamp(&key, chrome.now);
            Line {
                lamp,
                word,
                scopes: scopes(&key),
                reach: reach(&key, platforms),
                key,
            }
        };
        Self {
            rows: keys.into_iter().map(line).collect(),
            verdict,
            chrome,
            may_manage,
        }
    }
}

/// All keys in one sentence, and in a second what else wants a hand.
fn verdict(keys: &[Key], now: DateTime<Utc>) -> (Lamp, String, String) {
    let live: Vec<&Key> = keys
        .iter()
        .filter(|key| key.state(now) == State::Live)
        .collect();
    let soon = live.iter().filter(|key| ends_soon(key, now)).count() as u64;
    let settled = |key: &&&Key| now - key.created_at > SOON;
    let idle = live
        .iter()
        .filter(settled)
        .filter(|key| {
            let used = key.last_used.as_ref();
            used.is_none_or(|(at, _)| now - *at > Duration::days(90))
        })
        .count() as u64;
    let detail = match idle {
        0 => String::new(),
        1 => "One has not been used for long: revoke it if nobody needs it.".to_owned(),
        _ => format!("{idle} have not been used for long: revoke those that nobody needs."),
    };
    if soon > 0 {
        let sentence = format!("{} within 14 days", counted(soon, "key ends", "keys end"));
        let detail = format!("Rotate in time those that are in use. {detail}");
        return (Lamp::Yellow, sentence, detail.trim_end().to_owned());
    }
    if live.is_empty() {
        let detail = "Programs have no way in.".to_owned();
        return (Lamp::Clear, "No key is live".to_owned(), detail);
    }
    let sentence = counted(live.len() as u64, "key is live", "keys are live");
    (Lamp::Clear, format!("{sentence}, none ends soon"), detail)
}

#[derive(Template)]
#[template(path = "keys/new.html")]
pub(super) struct NewPage {
    chrome: Chrome,
    form: NewForm,
    problems: Problems,
    scopes: Vec<Choice>,
    platforms: Vec<Choice>,
    platform_hint: String,
}

struct Choice {
    value: String,
    label: String,
    hint: &'static str,
    chosen: bool,
}

impl NewPage {
    pub(super) fn new(
        chrome: Chrome,
        form: NewForm,
        problems: Problems,
        platforms: Vec<(PlatformId, String)>,
        everywhere: bool,
    ) -> Self {
        let scopes = KeyScope::ALL.map(|scope| Choice {
            value: scope.to_string(),
            label: scope.to_string(),
            hint: scope.sentence(),
            chosen: form.scope.iter().any(|chosen| chosen == scope.as_str()),
        });
        let platforms = platforms.into_iter().map(|(id, label)| Choice {
            chosen: form.platform.contains(&id.to_string()),
            value: id.to_string(),
            label,
            hint: "",
        });
        Self {
            scopes: scopes.into(),
            platforms: platforms.collect(),
            chrome,
            form,
            problems,
            platform_hint: if everywhere {
                "Tick none for all of them, with those that are still to come."
            } else {
                "Tick none for all those that your role reaches."
            }
            .to_owned(),
        }
    }

    fn terms(&self) -> impl Iterator<Item = (String, &'static str, bool)> {
        let terms = TERMS.iter().map(|(days, label)| (days.to_string(), *label));
        terms.map(|(days, label)| {
            let chosen = days == self.form.days;
            (days, label, chosen)
        })
    }
}

#[derive(Template)]
#[template(path = "keys/made.html")]
pub(super) struct MadePage {
    chrome: Chrome,
    key: Key,
    text: String,
    example: String,
}

impl MadePage {
    pub(super) fn new(chrome: Chrome, made: Made, base_url: &str) -> Self {
        let asks = match made.key.scopes.first() {
            Some(KeyScope::CasesRead) => "cases",
            Some(KeyScope::AuditRead) => "audit/events",
            _ => "alerts",
        };
        Self {
            example: format!(
                "curl -H \"Authorization: Bearer $SIGNALBOX_API_KEY\" {base_url}/api/v1/{asks}"
            ),
            text: made.text.expose().clone(),
            key: made.key,
            chrome,
        }
    }

    /// Where a key for wall screens is looked after: nobody needs its text.
    pub(super) fn place_of_screens(&self) -> Option<String> {
        let is_for_screens = self.key.is_for_screens();
        is_for_screens.then(|| actions::place(&self.key.id))
    }
}

#[derive(Template)]
#[template(path = "keys/offered.html")]
pub(super) struct OfferedPage {
    pub(super) chrome: Chrome,
    pub(super) key: Key,
    pub(super) link: String,
    pub(super) until: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "keys/one.html")]
pub(super) struct One {
    chrome: Chrome,
    key: Key,
    lamp: Lamp,
    word: &'static str,
    reach: String,
    created_by: String,
    revoked_by: String,
    /// Browsers that are wall screens by this key.
    screens: Vec<Screen>,
    may_manage: bool,
}

impl One {
    pub(super) fn new(
        chrome: Chrome,
        key: Key,
        platforms: &Platforms,
        (created_by, revoked_by): (String, String),
        screens: Vec<Screen>,
        may_manage: bool,
    ) -> Self {
        let (lamp, word) = lamp(&key, chrome.now);
        Self {
            reach: reach(&key, platforms),
            lamp,
            word,
            created_by,
            revoked_by,
            screens,
            may_manage,
            key,
            chrome,
        }
    }

    /// Who made the key, and who revoked it.
    pub(super) fn hands(conn: &mut Conn, key: &Key) -> db::Result<(String, String)> {
        let revoked_by = key.revoked.as_ref().map(|(_, by)| by.as_str());
        let actors = [key.created_by.as_str(), revoked_by.unwrap_or_default()];
        let person =
            |actor: &str| -> Option<PersonId> { actor.strip_prefix("person:")?.parse().ok() };
        let ids: Vec<PersonId> = actors.into_iter().filter_map(person).collect();
        let names = people::names(conn, &ids)?;
        let [created, revoked] = actors.map(|actor| {
            let name = person(actor).and_then(|id| names.get(&id).cloned());
            name.unwrap_or_else(|| actor.replace("command_line:", "the command line, as "))
        });
        Ok((created, revoked))
    }

    fn lede(&self) -> &'static str {
        if self.key.is_for_screens() {
            "A key for wall screens. It is shown to nobody: links make browsers into screens."
        } else {
            "An API key. The key itself was shown once; here is what it opens."
        }
    }

    fn overlaps() -> [(i64, &'static str); 4] {
        OVERLAPS
    }

    fn is_live(&self) -> bool {
        self.key.state(self.chrome.now) == State::Live
    }

    fn overlap(&self) -> Option<DateTime<Utc>> {
        self.key.overlap(self.chrome.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::kernel::{Networks, Scope};

    fn key(lives_days: i64, used_days_ago: Option<i64>) -> Key {
        let now = DateTime::UNIX_EPOCH + Duration::days(365);
        let made = now - Duration::days(30);
        Key {
            id: "abcdefghijkl".parse().unwrap(),
            name: "test".to_owned(),
            scopes: [KeyScope::AlertsRead].into(),
            networks: Networks::default(),
            reach: Scope::All,
            created_by: String::new(),
            created_at: made,
            secret_made_at: made,
            expires_at: now + Duration::days(lives_days),
            previous_ends_at: None,
            revoked: None,
            last_used: used_days_ago.map(|days| (now - Duration::days(days), String::new())),
        }
    }

    #[test]
    fn the_verdict_says_what_wants_a_hand() {
        let now = DateTime::UNIX_EPOCH + Duration::days(365);
        let said = |keys: &[Key]| verdict(keys, now);
        assert_eq!(said(&[]).1, "No key is live");
        let fine = key(60, Some(1));
        let (lamp, sentence, detail) = said(std::slice::from_ref(&fine));
        assert_eq!(
            (lamp, sentence.as_str(), detail.as_str()),
            (Lamp::Clear, "1 key is live, none ends soon", "")
        );
        let (lamp, sentence, _) = said(&[
            fine.clone(),
            key(14, Some(1)),
            key(1, Some(1)),
            key(0, None),
        ]);
        assert_eq!(
            (lamp, sentence.as_str()),
            (Lamp::Yellow, "2 keys end within 14 days")
        );
        assert!(said(&[fine, key(60, None)]).2.contains("has not been used"));
    }
}
