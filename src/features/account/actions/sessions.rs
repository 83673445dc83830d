//! Where somebody is signed in, and what knows them.

use uuid::Uuid;

use crate::foundation::Services;
use crate::foundation::audit::{Event, Subject};
use crate::foundation::auth::{Signed, devices, sessions};
use crate::foundation::db;
use crate::foundation::web::Error;

/// Ends one of one's own sessions. One that has ended meanwhile is what was wanted.
pub fn end(services: &Services, signed: &Signed, id: Uuid) -> Result<(), Error> {
    let ended = services.audit.write(&signed.actor(), |tx| {
        if !sessions::end_own(tx, signed.person, id)? {
            return Err(db::Error::NotFound);
        }
        tx.record(Event::new("session.revoked", Subject::new("session", id)))?;
        Ok(())
    });
    already_gone(ended)
}

/// Ends all of one's own sessions but this one. Devices are strangers again.
pub fn end_others(services: &Services, signed: &Signed) -> Result<(), Error> {
    services.audit.write(&signed.actor(), |tx| {
        sessions::hold_still(tx, signed.person)?;
        let ended = sessions::end_others(tx, signed.person, Some(signed.session))?;
        tx.record(
            Event::new(
                "session.others_revoked",
                Subject::new("person", signed.person),
            )
            .detail("ended", i64::try_from(ended).unwrap_or(i64::MAX)),
        )?;
        Ok(())
    })
}

/// Takes one of one's own devices off the list of those that are known.
pub fn forget_device(services: &Services, signed: &Signed, id: Uuid) -> Result<(), Error> {
    let forgotten = services.audit.write(&signed.actor(), |tx| {
        if !devices::forget(tx, signed.person, id)? {
            return Err(db::Error::NotFound);
        }
        let subject = Subject::new("person", signed.person);
        tx.record(Event::new("known_device.forgotten", subject).detail("device", id.to_string()))?;
        Ok(())
    });
    already_gone(forgotten)
}

fn already_gone(done: db::Result<()>) -> Result<(), Error> {
    match done {
        Err(db::Error::NotFound) => Ok(()),
        done => Ok(done?),
    }
}
