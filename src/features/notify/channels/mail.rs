//! Mail over SMTP: one message, one recipient, plain text.

use std::error::Error as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use super::Outcome;
use crate::features::notify::letter::Letter;
use crate::foundation::config::{MailConfig, Protection};

/// How long each step of the exchange may take.
const STEP: Duration = Duration::from_secs(10);

/// The server does not let us in: that is about the set-up, and not about this mail.
const NOT_LET_IN: [u16; 4] = [530, 534, 535, 538];

pub(super) fn send(
    config: &MailConfig,
    address: &str,
    letter: &Letter,
    now: DateTime<Utc>,
) -> Outcome {
    let message = match message(config, address, letter, now) {
        Ok(message) => message,
        Err(problem) => return Outcome::Hopeless(problem),
    };
    let transport = match transport(config) {
        Ok(transport) => transport,
        Err(error) => return Outcome::NotAsked(reason(&error)),
    };
    match transport.send(&message) {
        Ok(response) => {
            let said = response.message().collect::<Vec<_>>().join(" ");
            Outcome::Delivered(format!("{} {said}", response.code()))
        }
        Err(error) if is_final(&error) => Outcome::Hopeless(reason(&error)),
        // It answered, and means this mail or this mailbox.
        Err(error) if answers(&error) => Outcome::Failed(reason(&error)),
        Err(error) => Outcome::Broken(reason(&error)),
    }
}

/// Whether the server said something, and not that it is closing (421) or does not let us in.
fn answers(error: &smtp::Error) -> bool {
    const CLOSING: u16 = 421;
    let code = error.status().map(u16::from);
    code.is_some_and(|code| code != CLOSING && !NOT_LET_IN.contains(&code))
}

/// Whether the server answers, over the way that is set, and lets us in.
pub fn greet(config: &MailConfig) -> Result<(), String> {
    let answered = transport(config).and_then(|transport| transport.test_connection());
    match answered {
        Ok(true) => Ok(()),
        Ok(false) => Err("it does not answer".to_owned()),
        Err(error) => Err(reason(&error)),
    }
}

/// A permanent no of the server's about this mail.
fn is_final(error: &smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    error.is_permanent() && code.is_none_or(|code| !NOT_LET_IN.contains(&code))
}

fn message(
    config: &MailConfig,
    address: &str,
    letter: &Letter,
    now: DateTime<Utc>,
) -> Result<Message, String> {
    let to: Mailbox = address
        .parse()
        .map_err(|_| "This is not a mail address.".to_owned())?;
    let from: Mailbox = config
        .from
        .parse()
        .map_err(|_| "SIGNALBOX_MAIL_FROM is not a mail address.".to_owned())?;
    let domain = config.domain();
    // Mail that answers itself would go round and round.
    let automatic = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    Message::builder()
        .from(from)
        .to(to)
        .subject(letter.subject())
        .date(now.into())
        .message_id(Some(letter.message_id(domain)))
        .references(letter.thread_id(domain))
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN)
        .body(letter.body())
        .map_err(|error| error.to_string())
}

fn transport(config: &MailConfig) -> Result<SmtpTransport, smtp::Error> {
    let host = config.host.as_str();
    let tls = match config.protection {
        Protection::Tls => Tls::Wrapper(TlsParameters::new(host.to_owned())?),
        Protection::StartTls => Tls::Required(TlsParameters::new(host.to_owned())?),
        Protection::Loopback => Tls::None,
    };
    let mut builder = SmtpTransport::builder_dangerous(host)
        .port(config.port)
        .tls(tls)
        .timeout(Some(STEP));
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().clone()));
    }
    Ok(builder.build())
}

/// What the server said, or the innermost cause that kept us from hearing it.
fn reason(error: &smtp::Error) -> String {
    if error.is_response() || error.is_permanent() || error.is_transient() {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        return match error.status() {
            Some(code) => format!("{code} {said}"),
            None => said,
        };
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
