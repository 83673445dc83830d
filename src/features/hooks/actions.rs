//! Taking a message in.

use actix_web::web::Bytes;

use super::message::{SourceId, Unfit, names_a_report, type_of};
use super::store::{self, Came, receipts};
use crate::features::health::reporting;
use crate::features::notify::signing::Signed;
use crate::features::packs::pack::EventType;
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, Outcome, Subject, Tx, Unaudited};
use crate::foundation::db;
use crate::foundation::kernel::is_about_sar;
use crate::foundation::web;
use crate::foundation::web::format::sentence;

/// What was sent.
pub struct Message {
    pub id: String,
    pub timestamp: String,
    pub signatures: String,
    pub body: Bytes,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Event {
        repeated: bool,
        known: bool,
    },
    Unfit(Unfit),
    /// No source, or no secret of it: the sender is told the same, and as quickly. What is to be noted is noted afterwards.
    NotHere(Option<(SourceId, String)>),
}

/// Held against a signature where there is no source, so that both take as long.
const NOBODYS: &[u8] = b"no source has this secret, 32 B.";

/// What holds where a message comes a second time.
const TWICE: &str = "event_receipt_source_id_message_id_key";

/// Of what is closed not even the reason is kept.
const CLOSED: &str = "It was signed, and is not taken.";

/// Why a message was not noted.
#[derive(Debug, thiserror::Error)]
enum NotNoted {
    #[error("events of this type are not taken")]
    Closed,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Who takes events in: no person does.
fn ourselves() -> Actor {
    Actor::job("hooks")
}

/// Takes a message in, where one of its source's secrets has signed it lately.
pub fn take(
    services: &Services,
    source: Option<SourceId>,
    message: &Message,
) -> Result<Taken, web::Error> {
    let now = services.clock.now();
    // Whatever is no id is looked for all the same.
    let wanted = source.unwrap_or_else(SourceId::new);
    let found = services
        .db
        .read(|conn| store::open(conn, &services.keyring, wanted, now))?;
    let secrets: Vec<&[u8]> = match &found {
        Some(open) => open
            .secrets
            .iter()
            .map(|it| it.expose().as_slice())
            .collect(),
        None => vec![NOBODYS],
    };
    let signed = Signed {
        id: &message.id,
        timestamp: &message.timestamp,
        signatures: &message.signatures,
    };
    let checked = signed.check(&secrets, &message.body, now);
    let Some(open) = found else {
        return Ok(Taken::NotHere(None));
    };
    if let Err(rejected) = checked {
        return Ok(Taken::NotHere(Some((open.id, sentence(&rejected)))));
    }
    let kind = match type_of(&message.body) {
        Ok(kind) => kind,
        Err(unfit) => {
            let why = match unfit {
                Unfit::Closed => CLOSED.to_owned(),
                unfit => format!("It was signed, and {unfit}."),
            };
            refuse(services, open.id, why)?;
            return Ok(Taken::Unfit(unfit));
        }
    };
    let taken = services
        .audit
        .write(&ourselves(), |tx| note(tx, &open, message, &kind));
    match taken {
        Ok(known) => Ok(Taken::Event {
            repeated: false,
            known,
        }),
        Err(NotNoted::Closed) => {
            refuse(services, open.id, CLOSED.to_owned())?;
            Ok(Taken::Unfit(Unfit::Closed))
        }
        // It came before, or comes a second time at this moment.
        Err(NotNoted::Database(db::Error::Unique { constraint })) if constraint == TWICE => {
            services.audit.write_unaudited(Unaudited::Ping, |conn| {
                store::count(conn, open.id, Came::Repeated, now)
            })?;
            let known = services
                .db
                .read(|conn| receipts::was_known(conn, open.id, &message.id))?;
            Ok(Taken::Event {
                repeated: true,
                known,
            })
        }
        Err(NotNoted::Database(error)) => Err(error.into()),
    }
}

/// Counts a message that was not taken, with the reason.
pub fn refuse(services: &Services, id: SourceId, why: String) -> db::Result<()> {
    let now = services.clock.now();
    services.audit.write_unaudited(Unaudited::Ping, |conn| {
        store::count_refused(conn, id, &why, now)
    })
}

/// Notes a message that was signed, and the event in it. Answers whether a pack names its type.
fn note(
    tx: &mut Tx<'_>,
    open: &store::Open,
    message: &Message,
    kind: &str,
) -> Result<bool, NotNoted> {
    let now = tx.now();
    let event_type = match packs::by_slug::<EventType>(tx, open.platform, kind) {
        Ok(item) => Some(item),
        Err(db::Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    // What a pack names is not kept as it was written; what none does is, and by whoever may read it.
    if event_type.is_none() && (names_a_report(&message.body) || is_about_sar(&message.id)) {
        return Err(NotNoted::Closed);
    }
    let known = event_type.as_ref().map(|item| item.id);
    receipts::insert(tx, open.id, message, kind, known)?;
    let came = if known.is_some() {
        Came::Known
    } else {
        Came::Unknown
    };
    store::count(tx, open.id, came, now)?;
    let event = match event_type {
        Some(item) => {
            let said = serde_json::from_slice(&message.body).unwrap_or_default();
            reporting::take_event(tx, &item, &said)?
        }
        None => Event::new("event.unknown", Subject::new("event_source", open.id))
            .outcome(Outcome::Failure)
            .platform(open.platform)
            .detail("type", kind),
    };
    tx.record(
        event
            .detail("source", open.id.to_string())
            .detail("message", message.id.as_str()),
    )?;
    Ok(known.is_some())
}
