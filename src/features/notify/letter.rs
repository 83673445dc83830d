//! A notice as each kind of receiver reads it. Pure.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::notice::{About, NoticeId, cut};
use crate::foundation::kernel::Level;

/// One thing that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub about: About,
    pub title: String,
    pub text: String,
    /// A whole address, of this installation.
    pub link: String,
    pub level: Option<Level>,
}

impl Part {
    /// "Red: Balances are not synchronised".
    fn line(&self) -> String {
        format!("{}{}", prefix(self.level), self.title)
    }
}

const fn prefix(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => "Red: ",
        Some(Level::Yellow) => "Yellow: ",
        Some(Level::Blue) => "Blue: ",
        None => "",
    }
}

/// What is sent, whoever reads it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: NoticeId,
    pub key: String,
    /// The platform's slug and name.
    pub platform: Option<(String, String)>,
    pub part: Part,
    /// What is told together with it, to people only.
    pub also: Vec<Part>,
    pub queued_at: DateTime<Utc>,
}

impl Letter {
    /// The same with what else is told, the worst first.
    #[must_use]
    pub fn together(mut self, others: Vec<Part>) -> Self {
        let mut parts = others;
        parts.insert(0, self.part.clone());
        parts.sort_by_key(|part| std::cmp::Reverse(part.level));
        self.part = parts.remove(0);
        self.also = parts;
        self
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.part).chain(&self.also)
    }

    /// With links that begin with the address of this installation.
    #[must_use]
    pub fn at(mut self, base: &str) -> Self {
        let base = base.trim_end_matches('/');
        for part in std::iter::once(&mut self.part).chain(&mut self.also) {
            part.link = format!("{base}{}", part.link);
        }
        self
    }

    /// "Red: Balances are not synchronised, and 2 more (LAIT)".
    #[must_use]
    pub fn subject(&self) -> String {
        let more = match self.also.len() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let platform = self.platform.as_ref();
        let platform = platform.map_or_else(String::new, |(_, name)| format!(" ({name})"));
        format!("{}{more}{platform}", self.part.line())
    }

    /// The text of a mail.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = String::new();
        for part in self.parts() {
            if !self.also.is_empty() {
                body.push_str(&part.line());
                body.push('\n');
            }
            if !part.text.is_empty() {
                body.push_str(&part.text);
                body.push_str(if self.also.is_empty() { "\n\n" } else { "\n" });
            }
            body.push_str(&part.link);
            body.push_str("\n\n");
        }
        body.push_str("-- \nSent by Signalbox. It expects no answer to this mail.\n");
        body
    }

    /// The same for every attempt, so that a mailbox which has the mail can know it.
    #[must_use]
    pub fn message_id(&self, domain: &str) -> String {
        format!("<{}@{domain}>", digest(&["notice", &self.key]))
    }

    /// The same for all that is about one thing, so that it stands together.
    #[must_use]
    pub fn thread_id(&self, domain: &str) -> String {
        let About { kind, id } = &self.part.about;
        let about = digest(&["about", kind, id]);
        format!("<{about}@{domain}>")
    }

    /// The payload of a Standard Webhook. Programs are told one thing at a time.
    #[must_use]
    pub fn standard(&self) -> Value {
        let part = &self.part;
        json!({
            "type": format!("{}.notice", part.about.kind),
            "timestamp": self.queued_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "data": {
                "id": self.id.to_string(),
                "title": part.title,
                "text": part.text,
                "level": part.level.map(Level::as_str),
                "platform": self.platform.as_ref().map(|(slug, _)| slug),
                "about": { "kind": part.about.kind, "id": part.about.id },
                "link": part.link,
            },
        })
    }

    /// What Slack takes: blocks, and the same as text for those that know no blocks. Nothing in it is markup, and so
    /// nobody is called by a name in an alert.
    #[must_use]
    pub fn slack(&self) -> Value {
        const LONGEST_HEADER: usize = 150;
        /// Slack takes fifty blocks, and a chat shows fewer.
        const SHOWN: usize = 15;
        let subject = self.subject();
        let mut blocks = vec![json!({
            "type": "header",
            "text": { "type": "plain_text", "text": escaped(&cut(&subject, LONGEST_HEADER)), "emoji": false },
        })];
        let mut plain = escaped(&subject);
        for part in self.parts().take(SHOWN) {
            let text = self.told_of(part);
            if !text.is_empty() {
                blocks.push(plain_block(&text));
                plain.push('\n');
                plain.push_str(&escaped(&text));
            }
            blocks.push(json!({
                "type": "section",
                "text": { "type": "mrkdwn", "text": format!("<{}|Open in Signalbox>", escaped(&part.link)) },
            }));
            plain.push('\n');
            plain.push_str(&escaped(&part.link));
        }
        if self.also.len() >= SHOWN {
            let rest = format!("And {} more.", self.also.len() + 1 - SHOWN);
            blocks.push(plain_block(&rest));
            plain.push('\n');
            plain.push_str(&rest);
        }
        json!({ "text": plain, "blocks": blocks })
    }

    /// What a chat is told of a part: the header names the only one.
    fn told_of(&self, part: &Part) -> String {
        if self.also.is_empty() {
            part.text.clone()
        } else {
            format!("{}\n{}", part.line(), part.text)
        }
    }
}

fn plain_block(text: &str) -> Value {
    const LONGEST_SECTION: usize = 2_900;
    // An escaped character is five at most.
    let text = escaped(&cut(text, LONGEST_SECTION / 5));
    json!({ "type": "section", "text": { "type": "plain_text", "text": text, "emoji": false } })
}

/// The three characters that Slack's markup begins with. A mention or a link needs them.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// 128 bits in hexadecimals; lengths stand before the parts, so that no two run together.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hex::encode(&hash[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            id: NoticeId::new(),
            key: "alert:7:red:ada".to_owned(),
            platform: Some(("lait".to_owned(), "LAIT".to_owned())),
            part: Part {
                about: About::new("alert", 7),
                title: "Latency <!channel> & more".to_owned(),
                text: "Since 10:03. <https://elsewhere.example|Click>".to_owned(),
                link: "https://signalbox.bank.example/alerts/7".to_owned(),
                level: Some(Level::Red),
            },
            also: Vec::new(),
            queued_at: "2026-11-20T10:03:22Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_mail_is_known_again_by_its_key_and_stands_with_its_like() {
        let (one, again) = (letter(), letter());
        assert_eq!(one.message_id("b.example"), again.message_id("b.example"));
        let other = Letter {
            key: "alert:7:resolved:ada".to_owned(),
            ..letter()
        };
        assert_ne!(one.message_id("b.example"), other.message_id("b.example"));
        assert_eq!(one.thread_id("b.example"), other.thread_id("b.example"));
        assert!(one.message_id("b.example").ends_with("@b.example>"));
    }

    #[test]
    fn the_subject_says_how_bad_and_where() {
        assert_eq!(letter().subject(), "Red: Latency <!channel> & more (LAIT)");
        let bare = Letter {
            platform: None,
            part: Part {
                level: None,
                ..letter().part
            },
            ..letter()
        };
        assert_eq!(bare.subject(), bare.part.title);
        assert!(bare.body().contains(&bare.part.link));
    }

    #[test]
    fn what_is_told_together_stands_together_the_worst_first() {
        let other = |title: &str, level| Part {
            title: title.to_owned(),
            link: format!("/alerts/{title}"),
            level,
            ..letter().part
        };
        let mut first = letter();
        first.part = other("slow", Some(Level::Yellow));
        let together = first
            .together(vec![
                other("Over: full", None),
                other("down", Some(Level::Red)),
            ])
            .at("https://signalbox.bank.example/");
        assert_eq!(together.subject(), "Red: down, and 2 more (LAIT)");
        let body = together.body();
        let places = ["Red: down", "Yellow: slow", "Over: full"].map(|it| body.find(it));
        assert!(places.is_sorted() && places[0].is_some(), "{body}");
        assert!(body.contains("\nhttps://signalbox.bank.example/alerts/slow\n"));
        let said = together.slack().to_string();
        assert!(said.contains("Yellow: slow") && said.contains("Over: full"));
        let many = letter().together((0..40).map(|_| other("x", None)).collect());
        let said = many.slack();
        assert!(said["blocks"].as_array().is_some_and(|it| it.len() < 50));
        assert!(
            said["text"]
                .as_str()
                .is_some_and(|it| it.contains("And 26 more."))
        );
    }

    #[test]
    fn a_chat_is_told_text_and_no_markup() {
        let said = letter().slack().to_string();
        assert!(!said.contains("<!channel>"), "{said}");
        assert!(!said.contains("<https://elsewhere"), "{said}");
        assert!(said.contains("Latency &lt;!channel&gt; &amp; more"));
        assert!(said.contains("<https://signalbox.bank.example/alerts/7|Open in Signalbox>"));
        let longest = Letter {
            part: Part {
                text: "&".repeat(4_000),
                ..letter().part
            },
            ..letter()
        };
        let blocks = longest.slack();
        let section = blocks["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(section.len() <= 3_000, "{}", section.len());
    }

    #[test]
    fn a_program_is_told_what_where_and_about_what() {
        let payload = letter().standard();
        assert_eq!(payload["type"], "alert.notice");
        assert_eq!(payload["timestamp"], "2026-11-20T10:03:22.000Z");
        assert_eq!(payload["data"]["platform"], "lait");
        assert_eq!(payload["data"]["about"]["id"], "7");
    }
}
