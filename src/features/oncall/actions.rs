//! Putting somebody in for a time, and taking that back.

use chrono::{DateTime, Utc};

use super::rota::OverrideId;
use super::store::overrides::{self, PutIn};
use crate::features::packs::pack::{Contact, ItemId, Rota};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::web::{self, Refusal};

/// Who stands in, and when.
pub struct Cover {
    pub contact: ItemId,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub reason: String,
}

/// Why nobody is put in, or taken out.
#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    #[error("this contact is not in force any more")]
    Contact,
    #[error("it has ended")]
    Ended,
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<CoverError> for web::Error {
    fn from(error: CoverError) -> Self {
        match error {
            CoverError::Contact => Self::Refused(Refusal::new(
                "contact_gone",
                "The pack names this contact no more.",
                "Go back and choose somebody else.",
            )),
            CoverError::Ended => Self::Refused(Refusal::new(
                "cover_ended",
                "It has ended, or was cancelled already.",
                "Nothing was changed. Open the rota to see who is on call now.",
            )),
            CoverError::Database(error) => error.into(),
        }
    }
}

/// The rota, where it is in force and whoever acts reaches it.
fn rota(tx: &mut Tx<'_>, id: ItemId) -> db::Result<Item<Rota>> {
    let rota = packs::item::<Rota>(tx, id)?;
    tx.reach(rota.platform)?;
    if rota.retired_at.is_some() {
        return Err(db::Error::NotFound);
    }
    Ok(rota)
}

/// Somebody stands in on a rota. What has begun by now begins now: who was on call stays as it was.
pub fn put_in(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    cover: Cover,
    key: FormKey,
) -> Result<(), CoverError> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/on-call/{id}"))?;
        let rota = rota(tx, id)?;
        let contact = packs::item::<Contact>(tx, cover.contact)?;
        if contact.platform != rota.platform || contact.retired_at.is_some() {
            return Err(CoverError::Contact);
        }
        let new = PutIn {
            id: OverrideId::new(),
            rota: id,
            contact: contact.id,
            from: cover.from.max(tx.now()),
            until: cover.until,
            reason: cover.reason,
            by: signed.person,
            by_name: signed.name.clone(),
            cancelled: None,
        };
        if new.until <= new.from {
            return Err(CoverError::Ended);
        }
        overrides::insert(tx, &new)?;
        tx.record(event("rota.put_in", &rota, &contact.slug, &new))?;
        Ok(())
    })
}

/// From now on it holds no more.
pub fn cancel(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    cover: OverrideId,
    key: FormKey,
) -> Result<(), CoverError> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/on-call/{id}"))?;
        let rota = rota(tx, id)?;
        let held = overrides::lock(tx, cover)?;
        if held.rota != id {
            return Err(db::Error::NotFound.into());
        }
        if !held.is_ahead(tx.now()) {
            return Err(CoverError::Ended);
        }
        overrides::cancel(tx, cover, signed.person, &signed.name)?;
        let (contact, _) = packs::named(tx, held.contact)?;
        tx.record(event("rota.put_in_cancelled", &rota, &contact, &held))?;
        Ok(())
    })
}

fn event(kind: &'static str, rota: &Item<Rota>, contact: &str, cover: &PutIn) -> Event {
    Event::new(kind, Subject::new("rota", rota.id))
        .platform(rota.platform)
        .detail("rota", rota.slug.as_str())
        .detail("contact", contact)
        .detail("from", cover.from.to_rfc3339())
        .detail("until", cover.until.to_rfc3339())
}
