//! What administrators do with sources.

use super::message::Standing;
use super::store::{self, Source, SourceId};
use crate::features::notify::signing::{self, SECRET_BYTES};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::crypto::random;
use crate::foundation::db;
use crate::foundation::kernel::{PlatformId, Secret};

pub const LONGEST_NAME: usize = 80;

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("give it a name of at most 80 characters, by which people call it")]
    Name,
    #[error("another source has this name")]
    Taken,
    #[error("this source was removed")]
    Retired,
    #[error("it is so already")]
    Already,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// What was made: the secret is known here and nowhere else again.
pub struct Made {
    pub id: SourceId,
    pub secret: Secret<String>,
}

pub fn add(
    services: &Services,
    signed: &Signed,
    (name, platform): (&str, PlatformId),
    key: FormKey,
) -> Result<Made, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Refusal::Name);
    }
    let (id, secret) = (SourceId::new(), random::<SECRET_BYTES>());
    services.audit.write::<_, Refusal>(&signed.actor(), |tx| {
        tx.once(key, "/event-sources")?;
        tx.reach(platform)?;
        match store::insert(tx, id, platform, name, &secret) {
            Err(db::Error::Unique { .. }) => return Err(Refusal::Taken),
            done => done?,
        }
        tx.record(
            event("event_source.added", id)
                .platform(platform)
                .detail("name", name),
        )?;
        Ok(())
    })?;
    let secret = Secret::new(signing::secret_text(&secret));
    Ok(Made { id, secret })
}

fn event(kind: &'static str, id: SourceId) -> Event {
    Event::new(kind, Subject::new("event_source", id))
}

/// Gives it another secret. The one before opens too for a day, so that the sender can be given the new one.
pub fn rotate(
    services: &Services,
    signed: &Signed,
    id: SourceId,
    key: FormKey,
) -> Result<Made, Refusal> {
    let secret = random::<SECRET_BYTES>();
    change(services, signed, id, key, |tx, _| {
        store::rotate(tx, id, &secret)?;
        Ok("event_source.secret_rotated")
    })?;
    let secret = Secret::new(signing::secret_text(&secret));
    Ok(Made { id, secret })
}

/// Nothing is taken from it until it is resumed: its senders are told that there is nothing here, and try again.
pub fn pause(
    services: &Services,
    signed: &Signed,
    id: SourceId,
    key: FormKey,
) -> Result<(), Refusal> {
    turn(
        services,
        signed,
        id,
        key,
        (Standing::Paused, "event_source.paused"),
    )
}

pub fn resume(
    services: &Services,
    signed: &Signed,
    id: SourceId,
    key: FormKey,
) -> Result<(), Refusal> {
    turn(
        services,
        signed,
        id,
        key,
        (Standing::Active, "event_source.resumed"),
    )
}

/// Removes it: it stays on record, and its address leads nowhere.
pub fn retire(
    services: &Services,
    signed: &Signed,
    id: SourceId,
    key: FormKey,
) -> Result<(), Refusal> {
    turn(
        services,
        signed,
        id,
        key,
        (Standing::Retired, "event_source.retired"),
    )
}

fn turn(
    services: &Services,
    signed: &Signed,
    id: SourceId,
    key: FormKey,
    (standing, kind): (Standing, &'static str),
) -> Result<(), Refusal> {
    change(services, signed, id, key, |tx, source| {
        if source.standing == standing {
            return Err(Refusal::Already);
        }
        let now = tx.now();
        store::set_standing(tx, id, standing, now)?;
        Ok(kind)
    })
}

fn change(
    services: &Services,
    signed: &Signed,
    id: SourceId,
    key: FormKey,
    act: impl FnOnce(&mut Tx<'_>, &Source) -> Result<&'static str, Refusal>,
) -> Result<(), Refusal> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/event-sources/{id}"))?;
        let source = store::lock(tx, id)?;
        tx.reach(source.platform)?;
        if source.standing == Standing::Retired {
            return Err(Refusal::Retired);
        }
        let kind = act(tx, &source)?;
        tx.record(event(kind, id).platform(source.platform))?;
        Ok(())
    })
}
