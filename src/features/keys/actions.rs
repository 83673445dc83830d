//! What people and the command line do with keys.

use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::foundation::Services;
use crate::foundation::audit::{Actor, FormKey};
use crate::foundation::auth::keys::displays::{self, Dead};
use crate::foundation::auth::keys::{self, Key, KeyId, Made, NewKey, Refusal};
use crate::foundation::auth::token::Token;

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

/// Makes the link by which one browser becomes a wall screen.
pub fn offer_screen(
    services: &Services,
    actor: &Actor,
    id: &KeyId,
    form: FormKey,
) -> Result<(Key, Token), Refusal> {
    services.audit.write(actor, |tx| {
        tx.once(form, &place(id))?;
        let token = displays::offer(tx, id)?;
        Ok((keys::find(tx, id)?, token))
    })
}

/// Makes the browser that opens a link a wall screen: its token, and until when it is good.
pub fn open_screen(
    services: &Services,
    actor: &Actor,
    link: &Token,
    from: IpAddr,
) -> Result<(Token, DateTime<Utc>), Dead> {
    services
        .audit
        .write(actor, |tx| displays::open(tx, link, from))
}

pub fn end_screen(
    services: &Services,
    actor: &Actor,
    id: &KeyId,
    screen: Uuid,
    form: FormKey,
) -> Result<(), Refusal> {
    services.audit.write(actor, |tx| {
        tx.once(form, &place(id))?;
        displays::end(tx, id, screen)
    })
}
