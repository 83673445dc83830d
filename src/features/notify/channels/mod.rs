//! The ways out. Nothing here knows the database: what is sent comes in, what became of it goes out.

mod mail;
mod webhook;

pub use mail::greet;
pub use webhook::LONGEST_TRY;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::letter::Letter;
use super::store::endpoints::Line;
use crate::features::connectors::breaker::Verdict;
use crate::foundation::config::NoticesConfig;

/// A mail is given up as not sent after so long; its server is our own and rarely slower.
const MAIL_PATIENCE: Duration = Duration::from_mins(1);

/// What became of one attempt. The text is what the receiver said, or what kept us from hearing it; it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered(String),
    /// Worth another try, and nothing is wrong with the way there.
    Failed(String),
    /// Worth another try: the way there is broken, or its end is.
    Broken(String),
    /// It asked us to wait, for as long as it said.
    Limited(String, Option<TimeDelta>),
    /// It was not asked, for reasons of our own.
    NotAsked(String),
    /// No other try will end otherwise.
    Hopeless(String),
    /// The receiver wants no more of it.
    Gone(String),
}

impl Outcome {
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Delivered(text)
            | Self::Failed(text)
            | Self::Broken(text)
            | Self::Limited(text, _)
            | Self::NotAsked(text)
            | Self::Hopeless(text)
            | Self::Gone(text) => text,
        }
    }

    /// What it says of the way there.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Delivered(_) | Self::Failed(_) | Self::Hopeless(_) | Self::Gone(_) => {
                Verdict::Answered
            }
            Self::Broken(_) => Verdict::Failed,
            Self::Limited(_, wait) => Verdict::Limited(*wait),
            Self::NotAsked(_) => Verdict::Nothing,
        }
    }

    #[must_use]
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered(_))
    }
}

/// Where a letter goes.
#[derive(Clone, Debug)]
pub enum To {
    Mailbox(String),
    Endpoint(Line),
}

/// Sends a letter, and waits for the answer for a bounded time.
pub async fn send(config: &NoticesConfig, to: To, letter: Letter, now: DateTime<Utc>) -> Outcome {
    match to {
        To::Endpoint(line) => webhook::send(&config.webhook_networks, &line, &letter, now).await,
        To::Mailbox(address) => {
            let Some(mail) = config.mail.clone() else {
                return Outcome::NotAsked(
                    "No mail server is set up: SIGNALBOX_SMTP_URL names one.".to_owned(),
                );
            };
            let sending =
                tokio::task::spawn_blocking(move || mail::send(&mail, &address, &letter, now));
            match tokio::time::timeout(MAIL_PATIENCE, sending).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Outcome::NotAsked("The sender broke off.".to_owned()),
                Err(_) => Outcome::Broken(format!(
                    "The mail server was not done within {} s.",
                    MAIL_PATIENCE.as_secs()
                )),
            }
        }
    }
}
