pub(super) mod deliveries;
pub(super) mod webhooks;

use super::setup::Refusal;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{Error, Refusal as Refused};

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Database(error) => error.into(),
        refusal => Error::Refused(Refused::new(
            "notice_refused",
            sentence(&refusal),
            "Nothing was changed.",
        )),
    }
}
