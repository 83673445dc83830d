//! A notice, the states it goes through, and when it is tried again. Pure.

use std::str::FromStr;

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use crate::foundation::kernel::{Level, PlatformId};

crate::typed_id!(
    /// One message to one place.
    NoticeId,
    /// A place that an administrator has set up: an address that takes webhooks.
    EndpointId,
);

/// The longest title, text and link, in characters; more is cut.
pub const LONGEST_TITLE: usize = 200;
pub const LONGEST_TEXT: usize = 4_000;
pub const LONGEST_LINK: usize = 500;
pub const LONGEST_ADDRESS: usize = 320;
/// The longest answer of a receiver that is kept.
pub const LONGEST_ANSWER: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A mailbox.
    Email(String),
    Endpoint(EndpointId),
}

impl Destination {
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Endpoint(_) => Channel::Endpoint,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    Email,
    Endpoint,
}

impl Channel {
    pub const ALL: [Self; 2] = [Self::Email, Self::Endpoint];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Endpoint => "endpoint",
        }
    }

    /// The waits before each attempt, in seconds. The first is at once.
    ///
    /// Webhooks: those of Standard Webhooks. Mail: a relay that is away comes back within hours or somebody
    /// has to look, and a mail about an alert of yesterday helps nobody.
    #[must_use]
    pub const fn waits(self) -> &'static [i64] {
        match self {
            Self::Endpoint => &[
                0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
            ],
            Self::Email => &[0, 30, 120, 600, 1_800, 3_600, 7_200, 14_400],
        }
    }

    /// How long to wait after so many failed attempts; nothing when it is given up.
    #[must_use]
    pub fn wait_after(self, attempts: i16) -> Option<TimeDelta> {
        let position = usize::try_from(attempts).ok()?;
        self.waits().get(position).copied().map(TimeDelta::seconds)
    }
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a channel"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits for its next attempt, or is being sent.
    Queued,
    /// The receiver has taken it.
    Delivered,
    /// Every attempt has failed, or trying again is of no use.
    GivenUp,
    /// What it would have told was dealt with before it left.
    Cancelled,
}

impl State {
    pub const ALL: [Self; 4] = [
        Self::Queued,
        Self::Delivered,
        Self::GivenUp,
        Self::Cancelled,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is not a state of a notice"))
    }
}

/// What a notice is about, as the audit log names it: `alert` and its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct About {
    pub kind: String,
    pub id: String,
}

impl About {
    #[must_use]
    pub fn new(kind: &str, id: impl ToString) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.to_string(),
        }
    }
}

/// What is to be told, to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose it is; nothing for what concerns the installation.
    pub platform: Option<PlatformId>,
    pub to: Destination,
    pub about: About,
    /// One line. Nothing personal about customers, in it or in the text: it leaves the house.
    pub title: String,
    pub text: String,
    /// Where more stands: a path within the product.
    pub link: String,
    pub level: Option<Level>,
    /// The same key is queued once, ever.
    pub key: String,
    /// What it may be told together with, in one letter to the same place; nothing where it goes alone and at once.
    pub gather: Option<String>,
}

impl Notice {
    /// With every part as a row can hold it. What somebody wants told must not fail, nor make fail what it is about,
    /// because a name is too long or an address is none: the second is seen when it is sent.
    #[must_use]
    pub fn fitting(self) -> Self {
        let or = |text: String, other: &str| {
            if text.is_empty() {
                other.to_owned()
            } else {
                text
            }
        };
        let is_local = self.link.starts_with('/') && !self.link.starts_with("//");
        let is_short = self.link.chars().count() <= LONGEST_LINK;
        Self {
            to: match self.to {
                Destination::Email(address) => {
                    Destination::Email(or(line(&address, LONGEST_ADDRESS), "(no address)"))
                }
                endpoint @ Destination::Endpoint(_) => endpoint,
            },
            key: fitting_key(self.key),
            title: or(line(&self.title, LONGEST_TITLE), "Notice"),
            text: lines(&self.text, LONGEST_TEXT),
            link: if is_local && is_short {
                line(&self.link, LONGEST_LINK)
            } else {
                "/".to_owned()
            },
            ..self
        }
    }
}

/// A key as it is, or what stands for one that is too long: other keys have other ones.
fn fitting_key(key: String) -> String {
    const LONGEST: usize = 300;
    let fits = (1..=LONGEST).contains(&key.chars().count()) && !key.contains('\0');
    if fits {
        return key;
    }
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// One line without control characters, of `most` characters.
#[must_use]
pub fn line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    cut(&line, most)
}

/// Text without control characters besides the ends of its lines, of `most` characters.
#[must_use]
pub fn lines(text: &str, most: usize) -> String {
    let kept: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    cut(kept.trim_end(), most)
}

/// The beginning of it, with an ellipsis where something is missing.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_wait_as_the_standard_says_and_mail_for_hours() {
        let waits = |channel: Channel| -> Vec<i64> {
            (0..)
                .map_while(|attempts| channel.wait_after(attempts))
                .map(|wait| wait.num_seconds())
                .collect()
        };
        let (minute, hour) = (60, 3_600);
        assert_eq!(
            waits(Channel::Endpoint),
            [
                0,
                5,
                5 * minute,
                30 * minute,
                2 * hour,
                5 * hour,
                10 * hour,
                14 * hour,
                20 * hour,
                24 * hour
            ]
        );
        let mail = waits(Channel::Email);
        assert_eq!(mail.len(), 8);
        assert!(mail.iter().sum::<i64>() < 12 * hour);
        assert_eq!(Channel::Email.wait_after(-1), None);
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line(" a\r\nBcc: b\u{0}\tc ", 80), "a Bcc: b c");
        assert_eq!(line("äöü", 2), "ä…");
        assert_eq!(lines("one\r\ntwo\u{1b}[31m\n\n", 80), "one\ntwo[31m");
    }

    #[test]
    fn whatever_is_to_be_told_fits_into_its_row() {
        let notice = Notice {
            platform: None,
            to: Destination::Email("\r\n".to_owned()),
            about: About::new("alert", 1),
            title: "\u{7}".to_owned(),
            text: "x".repeat(5_000),
            link: "//elsewhere.example".to_owned(),
            level: None,
            key: "k".to_owned(),
            gather: None,
        }
        .fitting();
        assert_eq!(notice.to, Destination::Email("(no address)".to_owned()));
        assert_eq!(
            (notice.title.as_str(), notice.link.as_str()),
            ("Notice", "/")
        );
        assert_eq!(notice.text.chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn states_and_channels_are_what_they_are_called() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for channel in Channel::ALL {
            assert_eq!(channel.as_str().parse(), Ok(channel));
        }
        assert!("sent".parse::<State>().is_err());
    }
}
