use askama::Template;

use crate::features::notify::endpoint::{Kind, Standing};
use crate::features::notify::notice::EndpointId;
use crate::features::notify::pages::webhooks::NewForm;
use crate::features::notify::store::endpoints::Endpoint;
use crate::foundation::auth::people;
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, Secret};
use crate::foundation::web::format::counted;
use crate::foundation::web::{Chrome, Lamp, Problems};

fn standing(endpoint: &Endpoint) -> (Lamp, &'static str) {
    match endpoint.standing {
        Standing::Active if endpoint.failures.count > 0 => (Lamp::Yellow, "Failing"),
        Standing::Active if endpoint.succeeded_at.is_none() => (Lamp::Unknown, "Never tried"),
        Standing::Active => (Lamp::Clear, "Works"),
        Standing::Paused => (Lamp::Yellow, "Paused"),
        Standing::Disabled => (Lamp::Red, "Switched off"),
        Standing::Retired => (Lamp::Unknown, "Removed"),
    }
}

#[derive(Template)]
#[template(path = "notify/webhooks.html")]
pub struct List {
    chrome: Chrome,
    verdict: (Lamp, String, String),
    rows: Vec<Line>,
    form: NewForm,
    problems: Problems,
    may_manage: bool,
}

struct Line {
    endpoint: Endpoint,
    lamp: Lamp,
    word: &'static str,
}

impl List {
    #[must_use]
    pub fn new(
        chrome: Chrome,
        all: Vec<Endpoint>,
        form: NewForm,
        problems: Problems,
        may_manage: bool,
    ) -> Self {
        let line = |endpoint: Endpoint| {
            let (lamp, word) = standing(&endpoint);
            Line {
                endpoint,
                lamp,
                word,
            }
        };
        let rows: Vec<Line> = all.into_iter().map(line).collect();
        Self {
            verdict: verdict(&rows),
            chrome,
            rows,
            form,
            problems,
            may_manage,
        }
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, bool)> {
        Kind::ALL.into_iter().map(|kind| {
            let hint = match kind {
                Kind::Standard => {
                    "For programs. Each message is signed, and the receiver checks that it is ours."
                }
                Kind::Slack => {
                    "For a channel of Slack, Mattermost and others. The address is the secret."
                }
            };
            let chosen = self.form.kind == kind.as_str();
            (kind.as_str(), kind.label(), hint, chosen)
        })
    }
}

fn verdict(rows: &[Line]) -> (Lamp, String, String) {
    let live: Vec<&Line> = rows
        .iter()
        .filter(|row| row.endpoint.standing != Standing::Retired)
        .collect();
    let off = live.iter().filter(|row| row.lamp == Lamp::Red).count() as u64;
    let failing = live
        .iter()
        .filter(|row| row.lamp == Lamp::Yellow && row.endpoint.standing == Standing::Active)
        .count() as u64;
    let total = counted(live.len() as u64, "endpoint", "endpoints");
    match (live.len(), off, failing) {
        (0, _, _) => (
            Lamp::Unknown,
            "No webhooks leave this installation".to_owned(),
            "Add an endpoint to tell programs and chats what happens.".to_owned(),
        ),
        (_, 1.., _) => (
            Lamp::Red,
            format!(
                "{off} of {total} {}",
                if off == 1 {
                    "was switched off"
                } else {
                    "were switched off"
                }
            ),
            "Mend the receiver, test it, then resume it.".to_owned(),
        ),
        (_, 0, 1..) => (
            Lamp::Yellow,
            format!(
                "{failing} of {total} {}",
                if failing == 1 { "fails" } else { "fail" }
            ),
            "What fails is tried again for three days.".to_owned(),
        ),
        (_, 0, 0) => (Lamp::Clear, format!("{total}, none fails"), String::new()),
    }
}

#[derive(Template)]
#[template(path = "notify/secret.html")]
pub struct MadePage {
    chrome: Chrome,
    endpoint: Endpoint,
    secret: Option<Secret<String>>,
}

impl MadePage {
    #[must_use]
    pub fn new(chrome: Chrome, endpoint: Endpoint, secret: Option<Secret<String>>) -> Self {
        Self {
            chrome,
            endpoint,
            secret,
        }
    }

    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    #[must_use]
    pub fn id(&self) -> EndpointId {
        self.endpoint.id
    }

    fn text(&self) -> &str {
        self.secret.as_ref().map_or("", |secret| secret.expose())
    }
}

#[derive(Template)]
#[template(path = "notify/webhook.html")]
pub struct One {
    chrome: Chrome,
    endpoint: Endpoint,
    lamp: Lamp,
    word: &'static str,
    by: String,
    may_manage: bool,
}

impl One {
    #[must_use]
    pub fn new(chrome: Chrome, endpoint: Endpoint, by: String, may_manage: bool) -> Self {
        let (lamp, word) = standing(&endpoint);
        Self {
            may_manage: may_manage && endpoint.standing != Standing::Retired,
            chrome,
            endpoint,
            lamp,
            word,
            by,
        }
    }

    /// The name of whoever set it up.
    pub fn hand(conn: &mut Conn, actor: &str) -> db::Result<String> {
        let Some(id) = actor.strip_prefix("person:") else {
            return Ok(actor.to_owned());
        };
        let Ok(id) = id.parse::<PersonId>() else {
            return Ok(actor.to_owned());
        };
        let names = people::names(conn, &[id])?;
        Ok(names.get(&id).cloned().unwrap_or_else(|| actor.to_owned()))
    }

    fn is_active(&self) -> bool {
        self.endpoint.standing == Standing::Active
    }

    fn is_standard(&self) -> bool {
        self.endpoint.kind == Kind::Standard
    }

    fn overlaps(&self) -> bool {
        self.endpoint
            .previous_until
            .is_some_and(|until| until > self.chrome.now)
    }
}
