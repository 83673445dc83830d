//! A notice as each kind of receiver reads it. Pure.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::notice::{About, NoticeId, cut};
use crate::foundation::kernel::Level;

/// What is sent, whoever reads it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub id: NoticeId,
    pub key: String,
    /// The platform's slug and name.
    pub platform: Option<(String, String)>,
    pub about: About,
    pub title: String,
    pub text: String,
    /// A whole address, of this installation.
    pub link: String,
    pub level: Option<Level>,
    pub queued_at: DateTime<Utc>,
}

impl Letter {
    /// "Red: Balances are not synchronised (LAIT)".
    #[must_use]
    pub fn subject(&self) -> String {
        let level = match self.level {
            Some(Level::Red) => "Red: ",
            Some(Level::Yellow) => "Yellow: ",
            Some(Level::Blue) => "Blue: ",
            None => "",
        };
        let platform = self.platform.as_ref();
        let platform = platform.map_or_else(String::new, |(_, name)| format!(" ({name})"));
        format!("{level}{}{platform}", self.title)
    }

    /// The text of a mail.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = String::new();
        if !self.text.is_empty() {
            body.push_str(&self.text);
            body.push_str("\n\n");
        }
        body.push_str(&self.link);
        body.push_str("\n\n-- \nSent by Signalbox. It expects no answer to this mail.\n");
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
        let about = digest(&["about", &self.about.kind, &self.about.id]);
        format!("<{about}@{domain}>")
    }

    /// The payload of a Standard Webhook.
    #[must_use]
    pub fn standard(&self) -> Value {
        json!({
            "type": format!("{}.notice", self.about.kind),
            "timestamp": self.queued_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "data": {
                "id": self.id.to_string(),
                "title": self.title,
                "text": self.text,
                "level": self.level.map(Level::as_str),
                "platform": self.platform.as_ref().map(|(slug, _)| slug),
                "about": { "kind": self.about.kind, "id": self.about.id },
                "link": self.link,
            },
        })
    }

    /// What Slack takes: blocks, and the same as text for those that know no blocks. Nothing in it is markup, and so
    /// nobody is called by a name in an alert.
    #[must_use]
    pub fn slack(&self) -> Value {
        const LONGEST_HEADER: usize = 150;
        const LONGEST_SECTION: usize = 2_900;
        let subject = self.subject();
        let mut blocks = vec![json!({
            "type": "header",
            "text": { "type": "plain_text", "text": escaped(&cut(&subject, LONGEST_HEADER)), "emoji": false },
        })];
        if !self.text.is_empty() {
            let text = escaped(&cut(&self.text, LONGEST_SECTION / 5));
            blocks.push(json!({
                "type": "section",
                "text": { "type": "plain_text", "text": text, "emoji": false },
            }));
        }
        blocks.push(json!({
            "type": "section",
            "text": { "type": "mrkdwn", "text": format!("<{}|Open in Signalbox>", escaped(&self.link)) },
        }));
        let mut plain = escaped(&subject);
        if !self.text.is_empty() {
            plain.push('\n');
            plain.push_str(&escaped(&self.text));
        }
        plain.push('\n');
        plain.push_str(&escaped(&self.link));
        json!({ "text": plain, "blocks": blocks })
    }
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
            about: About::new("alert", 7),
            title: "Latency <!channel> & more".to_owned(),
            text: "Since 10:03. <https://elsewhere.example|Click>".to_owned(),
            link: "https://signalbox.bank.example/alerts/7".to_owned(),
            level: Some(Level::Red),
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
            level: None,
            ..letter()
        };
        assert_eq!(bare.subject(), bare.title);
        assert!(bare.body().contains(&bare.link));
    }

    #[test]
    fn a_chat_is_told_text_and_no_markup() {
        let said = letter().slack().to_string();
        assert!(!said.contains("<!channel>"), "{said}");
        assert!(!said.contains("<https://elsewhere"), "{said}");
        assert!(said.contains("Latency &lt;!channel&gt; &amp; more"));
        assert!(said.contains("<https://signalbox.bank.example/alerts/7|Open in Signalbox>"));
        let longest = Letter {
            text: "&".repeat(4_000),
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
