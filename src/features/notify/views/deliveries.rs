use askama::Template;

use crate::features::notify::notice::{Channel, Destination, EndpointId, State};
use crate::features::notify::store::Told;
use crate::foundation::config::NoticesConfig;
use crate::foundation::kernel::Level;
use crate::foundation::web::format::counted;
use crate::foundation::web::paging::Page;
use crate::foundation::web::{Chrome, Lamp};

/// What the list shows, by the word in its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Not delivered yet, or never: what somebody may want to know.
    Open,
    GivenUp,
    Ended,
}

impl Shown {
    const ALL: [Self; 3] = [Self::Open, Self::GivenUp, Self::Ended];

    #[must_use]
    pub fn of(word: &str) -> Self {
        let found = Self::ALL.into_iter().find(|shown| shown.as_str() == word);
        found.unwrap_or(Self::Open)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::GivenUp => "given_up",
            Self::Ended => "ended",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Open => "Waiting and given up",
            Self::GivenUp => "Given up",
            Self::Ended => "Delivered and taken back",
        }
    }

    #[must_use]
    pub const fn states(self) -> &'static [State] {
        match self {
            Self::Open => &[State::Queued, State::GivenUp],
            Self::GivenUp => &[State::GivenUp],
            Self::Ended => &[State::Delivered, State::Cancelled],
        }
    }
}

/// The address of the list with these filters.
fn address(
    shown: Shown,
    channel: Option<Channel>,
    endpoint: Option<EndpointId>,
    cursor: Option<&str>,
) -> String {
    let endpoint = endpoint.map(|id| id.to_string());
    let pairs = [
        ("show", Some(shown.as_str())),
        ("channel", channel.map(Channel::as_str)),
        ("endpoint", endpoint.as_deref()),
        ("cursor", cursor),
    ];
    let query: Vec<String> = pairs
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.filter(|v| !v.is_empty())?)))
        .collect();
    if query.is_empty() {
        "/deliveries".to_owned()
    } else {
        format!("/deliveries?{}", query.join("&"))
    }
}

#[derive(Template)]
#[template(path = "notify/deliveries.html")]
pub struct List {
    chrome: Chrome,
    verdict: (Lamp, String, String),
    tabs: Vec<Tab>,
    shown: Shown,
    channel: Option<Channel>,
    endpoint: Option<EndpointId>,
    rows: Vec<Line>,
    next: Option<String>,
    previous: Option<String>,
    may_test: bool,
}

struct Tab {
    label: &'static str,
    href: String,
    current: bool,
}

/// A notice in the list.
pub struct Line {
    pub told: Told,
    pub lamp: Lamp,
    pub word: &'static str,
}

impl Line {
    #[must_use]
    pub fn of(told: Told) -> Self {
        let (lamp, word) = standing(&told);
        Self { told, lamp, word }
    }

    fn channel(&self) -> &'static str {
        match self.told.to {
            Destination::Email(_) => "Mail",
            Destination::Endpoint(_) => "Webhook",
        }
    }

    fn level(&self) -> Option<(Lamp, &'static str)> {
        self.told.level.map(|level| match level {
            Level::Red => (Lamp::Red, "Red"),
            Level::Yellow => (Lamp::Yellow, "Yellow"),
            Level::Blue => (Lamp::Blue, "Blue"),
        })
    }

    fn last_answer(&self) -> Option<&str> {
        let last = self.told.attempts.last()?;
        Some(last.answer.as_str())
    }

    fn waits(&self) -> bool {
        self.told.state == State::Queued && !self.told.is_held && !self.told.is_being_sent
    }
}

fn standing(told: &Told) -> (Lamp, &'static str) {
    match told.state {
        State::Queued if told.why.is_some() => (Lamp::Yellow, "Being taken back"),
        State::Queued if told.is_being_sent => (Lamp::Blue, "Being sent"),
        State::Queued if told.is_held => (Lamp::Yellow, "Held, endpoint off"),
        State::Queued if !told.attempts.is_empty() => (Lamp::Yellow, "Waiting to retry"),
        State::Queued => (Lamp::Unknown, "Waiting"),
        State::Delivered => (Lamp::Clear, "Delivered"),
        State::GivenUp => (Lamp::Red, "Given up"),
        State::Cancelled => (Lamp::Unknown, "Taken back"),
    }
}

impl List {
    #[must_use]
    pub fn new(
        chrome: Chrome,
        (shown, channel, endpoint): (Shown, Option<Channel>, Option<EndpointId>),
        page: Page<Told>,
        counts: (i64, i64),
        ways: bool,
        may_test: bool,
    ) -> Self {
        let link = |cursor: Option<String>| {
            cursor.map(|cursor| address(shown, channel, endpoint, Some(&cursor)))
        };
        let tab = |tab: Shown| Tab {
            label: tab.label(),
            href: address(tab, channel, endpoint, None),
            current: tab == shown,
        };
        Self {
            chrome,
            verdict: verdict(counts, ways),
            tabs: Shown::ALL.map(tab).into(),
            shown,
            channel,
            endpoint,
            next: link(page.next),
            previous: link(page.previous),
            rows: page.items.into_iter().map(Line::of).collect(),
            may_test,
        }
    }

    /// Whether anything can leave at all.
    #[must_use]
    pub fn ways(config: &NoticesConfig, endpoints: i64) -> bool {
        config.mail.is_some() || endpoints > 0
    }
}

/// All notices in one sentence, and in a second what to do.
fn verdict((queued, given_up): (i64, i64), ways: bool) -> (Lamp, String, String) {
    let (waiting, lost) = (queued.unsigned_abs(), given_up.unsigned_abs());
    if !ways {
        let detail =
            "Set SIGNALBOX_SMTP_URL and SIGNALBOX_MAIL_FROM, or add an endpoint under Webhooks.";
        return (
            Lamp::Red,
            "Nothing can be delivered: there is no mail server and no endpoint".to_owned(),
            detail.to_owned(),
        );
    }
    let waits = counted(waiting, "notice waits", "notices wait");
    match (waiting, lost) {
        (0, 0) => (
            Lamp::Clear,
            "Every notice has been delivered".to_owned(),
            String::new(),
        ),
        (_, 0) => (
            Lamp::Clear,
            format!("{waits}, none was given up"),
            String::new(),
        ),
        (_, _) => {
            let sentence = counted(
                lost,
                "notice was given up within a week",
                "notices were given up within a week",
            );
            let also = if waiting > 0 {
                format!(" {waits}.")
            } else {
                String::new()
            };
            let detail =
                format!("Open one to see what its receiver said, and to try it again.{also}");
            (Lamp::Red, sentence, detail)
        }
    }
}

#[derive(Template)]
#[template(path = "notify/delivery.html")]
pub struct One {
    chrome: Chrome,
    line: Line,
    may_retry: bool,
    sees_endpoints: bool,
}

impl One {
    #[must_use]
    pub fn new(chrome: Chrome, line: Line, may_retry: bool, sees_endpoints: bool) -> Self {
        let told = &line.told;
        let can_be_tried = match told.state {
            State::Queued => told.why.is_none() && !told.is_being_sent,
            State::GivenUp => true,
            State::Delivered | State::Cancelled => false,
        };
        Self {
            may_retry: may_retry && can_be_tried,
            chrome,
            line,
            sees_endpoints,
        }
    }

    fn endpoint(&self) -> Option<EndpointId> {
        match self.line.told.to {
            Destination::Endpoint(id) if self.sees_endpoints => Some(id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_first_what_nobody_got() {
        let check = |counts, ways, lamp, sentence: &str| {
            let said = verdict(counts, ways);
            assert_eq!((said.0, said.1.as_str()), (lamp, sentence));
        };
        check((0, 0), true, Lamp::Clear, "Every notice has been delivered");
        check(
            (2, 0),
            true,
            Lamp::Clear,
            "2 notices wait, none was given up",
        );
        check(
            (1, 1),
            true,
            Lamp::Red,
            "1 notice was given up within a week",
        );
        let none = verdict((3, 0), false);
        assert_eq!(none.0, Lamp::Red);
        assert!(none.2.contains("SIGNALBOX_SMTP_URL"));
    }

    #[test]
    fn an_address_holds_what_is_chosen_and_no_more() {
        assert_eq!(address(Shown::Open, None, None, None), "/deliveries");
        assert_eq!(
            address(Shown::GivenUp, Some(Channel::Email), None, Some("x")),
            "/deliveries?show=given_up&channel=email&cursor=x"
        );
        assert_eq!(Shown::of("nonsense"), Shown::Open);
    }
}
