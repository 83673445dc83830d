//! What administrators do with endpoints.

use super::address::{self, Unfit};
use super::endpoint::{Kind, Standing};
use super::notice::{self, About, Destination, EndpointId, Notice, NoticeId};
use super::signing::{self, SECRET_BYTES};
use super::store::{self, endpoints};
use super::{actions, store::outbox, ways};
use crate::features::connectors::gate;
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::crypto::random;
use crate::foundation::db;
use crate::foundation::kernel::{Scope, Secret};

pub const LONGEST_NAME: usize = 80;

/// What keys of tests begin with: they are tried once, and whether they arrive is nobody's alarm.
pub const TEST: &str = "test:";

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("give it a name of at most 80 characters, by which people and packs call it")]
    Name,
    #[error("another endpoint has this name")]
    Taken,
    #[error("{0}")]
    Address(#[from] Unfit),
    #[error("an endpoint of this kind has no secret: its address is one")]
    NoSecret,
    #[error("this endpoint was removed")]
    Retired,
    #[error("it is so already")]
    Already,
    #[error("this notice is being sent, or has been")]
    NothingToTry,
    #[error("only somebody who acts for all platforms can send a test")]
    Limited,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// What was made: the secret is known here and nowhere else again.
pub struct Made {
    pub id: EndpointId,
    pub secret: Option<Secret<String>>,
}

pub fn add(
    services: &Services,
    signed: &Signed,
    (name, kind, url): (&str, Kind, &str),
    key: FormKey,
) -> Result<Made, Refusal> {
    let name = notice::line(name, LONGEST_NAME + 1);
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Refusal::Name);
    }
    let url = address::parse(url, &services.config.notices.webhook_networks)?;
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let id = EndpointId::new();
    let secret: Option<[u8; SECRET_BYTES]> = (kind == Kind::Standard).then(random);
    services.audit.write::<_, Refusal>(&signed.actor(), |tx| {
        tx.once(key, "/webhooks")?;
        if endpoints::by_name(tx, &name)?.is_some() {
            return Err(Refusal::Taken);
        }
        let new = endpoints::New {
            name: &name,
            kind,
            host: &host,
            url: url.as_str(),
            secret: secret.as_ref().map(<[u8; SECRET_BYTES]>::as_slice),
        };
        match endpoints::insert(tx, id, &new) {
            // Somebody else was quicker.
            Err(db::Error::Unique { .. }) => return Err(Refusal::Taken),
            done => done?,
        }
        tx.record(
            event("endpoint.added", id)
                .detail("name", name.as_str())
                .detail("kind", kind.as_str())
                .detail("host", host.as_str()),
        )?;
        Ok(())
    })?;
    let secret = secret.map(|secret| Secret::new(signing::secret_text(&secret)));
    Ok(Made { id, secret })
}

fn event(kind: &'static str, id: EndpointId) -> Event {
    Event::new(kind, Subject::new("endpoint", id))
}

fn place(id: EndpointId) -> String {
    format!("/webhooks/{id}")
}

/// Gives it another secret. The one before signs too for a day, so that the receiver can be given the new one.
pub fn rotate(
    services: &Services,
    signed: &Signed,
    id: EndpointId,
    key: FormKey,
) -> Result<Made, Refusal> {
    let secret: [u8; SECRET_BYTES] = random();
    services.audit.write::<_, Refusal>(&signed.actor(), |tx| {
        tx.once(key, &place(id))?;
        let endpoint = live(tx, id)?;
        if endpoint.kind != Kind::Standard {
            return Err(Refusal::NoSecret);
        }
        endpoints::rotate(tx, id, &secret)?;
        tx.record(event("endpoint.secret_rotated", id))?;
        Ok(())
    })?;
    let secret = Some(Secret::new(signing::secret_text(&secret)));
    Ok(Made { id, secret })
}

fn live(tx: &mut Tx<'_>, id: EndpointId) -> Result<endpoints::Endpoint, Refusal> {
    let endpoint = endpoints::lock(tx, id)?;
    if endpoint.standing == Standing::Retired {
        return Err(Refusal::Retired);
    }
    Ok(endpoint)
}

/// Nothing is sent to it until it is resumed; what is queued for it waits, for a day at most.
pub fn pause(
    services: &Services,
    signed: &Signed,
    id: EndpointId,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &place(id))?;
        if live(tx, id)?.standing != Standing::Active {
            return Err(Refusal::Already);
        }
        let why = format!("Paused by {}.", signed.name);
        let now = tx.now();
        let why = notice::cut(&why, notice::LONGEST_ANSWER);
        endpoints::set_standing(tx, id, Standing::Paused, Some(&why), now)?;
        tx.record(event("endpoint.paused", id))?;
        Ok(())
    })
}

/// Switches it on again, with no failure behind it.
pub fn resume(
    services: &Services,
    signed: &Signed,
    id: EndpointId,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &place(id))?;
        if live(tx, id)?.standing == Standing::Active {
            return Err(Refusal::Already);
        }
        let now = tx.now();
        endpoints::set_standing(tx, id, Standing::Active, None, now)?;
        endpoints::set_failures(tx, id, super::endpoint::Failures::default())?;
        tx.record(event("endpoint.resumed", id))?;
        Ok(())
    })
}

/// Removes it: it stays on record, and what is queued for it is taken back.
pub fn retire(
    services: &Services,
    signed: &Signed,
    id: EndpointId,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &place(id))?;
        let (now, why) = (tx.now(), "Its endpoint was removed.");
        // Notices before their endpoint, as whoever sends them locks the rows.
        let taken_back = outbox::cancel_for(tx, id, why, now)?;
        live(tx, id)?;
        let why = notice::cut(
            &format!("Removed by {}.", signed.name),
            notice::LONGEST_ANSWER,
        );
        endpoints::set_standing(tx, id, Standing::Retired, Some(&why), now)?;
        gate::forget(tx, &ways::dependency(id))?;
        tx.record(event("endpoint.retired", id).detail("taken_back", taken_back))?;
        Ok(())
    })
}

/// Queues a real notice that says it is a test; the caller sends it at once.
pub fn test(
    services: &Services,
    signed: &Signed,
    to: Destination,
    key: FormKey,
) -> Result<NoticeId, Refusal> {
    if *signed.reach() != Scope::All {
        return Err(Refusal::Limited);
    }
    services.audit.write(&signed.actor(), |tx| {
        let (about, link) = match &to {
            Destination::Endpoint(id) => {
                live(tx, *id)?;
                (About::new("endpoint", id), place(*id))
            }
            Destination::Email(_) => (
                About::new("person", signed.person),
                "/deliveries".to_owned(),
            ),
        };
        let notice = Notice {
            platform: None,
            to,
            about,
            title: "Test of notices".to_owned(),
            text: format!(
                "{} asked Signalbox to send this. If you can read it, notices arrive here.",
                signed.name
            ),
            link,
            level: None,
            gather: None,
            key: format!("{TEST}{}", key.id),
        };
        match actions::enqueue(tx, &notice)? {
            Some(id) => Ok(id),
            None => Err(db::Error::Replayed {
                location: "/deliveries".to_owned(),
            }
            .into()),
        }
    })
}

/// Lets a notice be tried now, also one that was given up.
pub fn hasten(
    services: &Services,
    signed: &Signed,
    id: NoticeId,
    key: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/deliveries/{id}"))?;
        let told = store::find(tx, id)?;
        if !store::is_within(signed.reach(), told.platform) {
            return Err(db::Error::NotFound.into());
        }
        let now = tx.now();
        if !outbox::hasten(tx, id, now)? {
            return Err(Refusal::NothingToTry);
        }
        let mut event = Event::new("notice.retried", Subject::new("notice", id));
        if let Some(platform) = told.platform {
            event = event.platform(platform);
        }
        tx.record(event)?;
        Ok(())
    })
}
