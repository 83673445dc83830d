//! Where one is signed in, and the devices that are known.

use actix_web::web::{Data, Path};
use uuid::Uuid;

use super::sign_in::Confirmed;
use crate::features::account::actions::sessions as actions;
use crate::features::account::views;
use crate::foundation::Services;
use crate::foundation::auth::{Signed, device, devices, sessions};
use crate::foundation::web::{self, Chrome, Error, Form, Nav, block};

const HERE: &str = "/account/sessions";

pub async fn show(services: Data<Services>, signed: Signed) -> web::Result {
    let (open, known) = {
        let (services, person) = (services.clone(), signed.person);
        block(move || {
            let now = services.clock.now();
            services.db.read(|conn| {
                let open = sessions::open(conn, person, now)?;
                Ok::<_, Error>((open, devices::list(conn, person, now)?))
            })
        })
        .await?
    };
    let known = known
        .into_iter()
        .map(|known| (device::name(&known.user_agent), known))
        .collect();
    web::page(&views::Sessions {
        chrome: Chrome::new(&signed, &services, "Where you are signed in", Nav::Account),
        current: signed.session,
        others: open.iter().filter(|one| one.id != signed.session).count(),
        open,
        known,
    })
}

pub async fn end(
    services: Data<Services>,
    signed: Signed,
    id: Path<Uuid>,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || actions::end(&services, &signed, *id)).await?;
    web::see_other(HERE)
}

pub async fn end_others(
    services: Data<Services>,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || actions::end_others(&services, &signed)).await?;
    web::see_other(HERE)
}

pub async fn forget_device(
    services: Data<Services>,
    signed: Signed,
    id: Path<Uuid>,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || actions::forget_device(&services, &signed, *id)).await?;
    web::see_other(HERE)
}
