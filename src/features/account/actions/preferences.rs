//! How somebody wants the pages. It changes nothing for anybody else, so it asks for no proof.

use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::Signed;
use crate::foundation::auth::preferences::{self, Preferences};
use crate::foundation::db;
use crate::foundation::web::Error;

/// Where somebody is who has chosen.
pub const SAVED: &str = "/account/preferences?done=saved";

/// Keeps what somebody has chosen. What is so already is what was wanted.
pub fn choose(
    services: &Services,
    signed: &Signed,
    wanted: Preferences,
    form: FormKey,
) -> Result<(), Error> {
    let chosen = services.audit.write(&signed.actor(), |tx| {
        tx.once(form, SAVED)?;
        if preferences::change(tx, signed.person, wanted)? {
            Ok(())
        } else {
            Err(db::Error::NotFound)
        }
    });
    match chosen {
        Err(db::Error::NotFound) => Ok(()),
        chosen => Ok(chosen?),
    }
}
