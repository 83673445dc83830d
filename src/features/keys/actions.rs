//! What people and the command line do with keys.

use chrono::Duration;

use crate::foundation::Services;
use crate::foundation::audit::{Actor, FormKey};
use crate::foundation::auth::keys::{self, KeyId, Made, NewKey, Refusal};

/// Where a key's page is.
pub fn place(id: &KeyId) -> String {
    format!("/keys/{id}")
}

/// Makes a key. A form that is sent twice makes one, and its second answer is the page of it: the key has been shown.
pub fn add(
    services: &Services,
    actor: &Actor,
    new: NewKey,
    form: Option<FormKey>,
) -> Result<Made, Refusal> {
    services.audit.write(actor, |tx| {
        let made = keys::add(tx, new)?;
        if let Some(form) = form {
            tx.once(form, &place(&made.key.id))?;
        }
        Ok(made)
    })
}

pub fn rotate(
    services: &Services,
    actor: &Actor,
    id: &KeyId,
    overlap: Duration,
    form: Option<FormKey>,
) -> Result<Made, Refusal> {
    services.audit.write(actor, |tx| {
        if let Some(form) = form {
            tx.once(form, &place(id))?;
        }
        keys::rotate(tx, id, overlap)
    })
}

pub fn revoke(
    services: &Services,
    actor: &Actor,
    id: &KeyId,
    form: Option<FormKey>,
) -> Result<(), Refusal> {
    services.audit.write(actor, |tx| {
        if let Some(form) = form {
            tx.once(form, &place(id))?;
        }
        keys::revoke(tx, id).map(drop)
    })
}
