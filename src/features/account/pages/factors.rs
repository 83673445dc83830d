//! One's own second factors: passkeys and the authenticator.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use uuid::Uuid;

use super::passkeys::question;
use super::sign_in::Confirmed;
use super::status_of;
use crate::features::account::actions::passkeys::{self as keys, Added, Bound, Given};
use crate::features::account::actions::{Visitor, factors as actions};
use crate::features::account::views;
use crate::foundation::Services;
use crate::foundation::auth::passkeys::{self, LONGEST_NAME, Listed};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{Signed, device, factors};
use crate::foundation::web::{self, Chrome, Error, Form, Nav, Problems, block};

#[derive(Deserialize)]
pub struct NewPasskey {
    name: String,
    ceremony: String,
    credential: String,
}

#[derive(Deserialize)]
pub struct Named {
    name: String,
}

#[derive(Deserialize)]
pub struct Typed {
    code: String,
}

pub async fn new_passkey(
    services: Data<Services>,
    request: HttpRequest,
    signed: Signed,
) -> web::Result {
    let name = device::name(&Visitor::of(&request, &services).user_agent);
    new_passkey_page(&services, &signed, &name, Problems::new())
}

pub async fn ask(services: Data<Services>, signed: Signed, _form: Form<Confirmed>) -> web::Result {
    let asked = block(move || keys::ask_for_new(&services, Bound::Whole(&signed))).await?;
    question(&asked)
}

pub async fn add_passkey(
    services: Data<Services>,
    signed: Signed,
    form: Form<NewPasskey>,
) -> web::Result {
    let typed = form.data;
    let name = match passkey_name(&typed.name) {
        Ok(name) => name,
        Err(problems) => return new_passkey_page(&services, &signed, &typed.name, problems),
    };
    let added = {
        let (services, signed, name) = (services.clone(), signed.clone(), name.clone());
        let given = Given {
            token: Token::from_text(&typed.ceremony),
            answer: typed.credential,
        };
        block(move || keys::add(&services, &signed, &given, &name)).await?
    };
    let why = match added {
        Added::Kept => return web::see_other("/account?done=passkey"),
        Added::Wrong => {
            "No passkey was made: the answer came too late, or the device has one for somebody here already. \
             Try again."
                .to_owned()
        }
        Added::TooMany => format!(
            "You have {} passkeys, which is as many as there can be. Remove one that you no longer use.",
            passkeys::MOST
        ),
    };
    new_passkey_page(&services, &signed, &name, Problems::one("", why))
}

pub async fn passkey(services: Data<Services>, signed: Signed, id: Path<Uuid>) -> web::Result {
    let listed = own_passkey(&services, &signed, *id).await?;
    let name = listed.name.clone();
    passkey_page(&services, &signed, listed, &name, Problems::new())
}

pub async fn rename_passkey(
    services: Data<Services>,
    signed: Signed,
    id: Path<Uuid>,
    form: Form<Named>,
) -> web::Result {
    let name = match passkey_name(&form.data.name) {
        Ok(name) => name,
        Err(problems) => {
            let listed = own_passkey(&services, &signed, *id).await?;
            return passkey_page(&services, &signed, listed, &form.data.name, problems);
        }
    };
    block(move || actions::rename_passkey(&services, &signed, *id, &name)).await?;
    web::see_other("/account")
}

pub async fn remove_passkey(
    services: Data<Services>,
    signed: Signed,
    id: Path<Uuid>,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || actions::remove_passkey(&services, &signed, *id)).await?;
    web::see_other("/account?done=removed")
}

pub async fn authenticator(services: Data<Services>, signed: Signed) -> web::Result {
    authenticator_page(&services, &signed, Problems::new()).await
}

pub async fn propose_authenticator(
    services: Data<Services>,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || actions::propose_authenticator(&services, &signed)).await?;
    web::see_other("/account/authenticator")
}

pub async fn confirm_authenticator(
    services: Data<Services>,
    request: HttpRequest,
    signed: Signed,
    form: Form<Typed>,
) -> web::Result {
    let visitor = Visitor::of(&request, &services);
    let confirmed = {
        let (services, signed) = (services.clone(), signed.clone());
        block(move || actions::confirm_authenticator(&services, &visitor, &signed, &form.data.code))
            .await?
    };
    if confirmed {
        return web::see_other("/account?done=authenticator");
    }
    let problems = Problems::one(
        "code",
        "This code is wrong or too old. Check the time of your device and type the code that the app shows now.",
    );
    authenticator_page(&services, &signed, problems).await
}

pub async fn remove_authenticator(
    services: Data<Services>,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || actions::remove_authenticator(&services, &signed)).await?;
    web::see_other("/account?done=removed")
}

/// A name of one line, as long as a line of the list.
fn passkey_name(typed: &str) -> Result<String, Problems> {
    let name = typed.trim();
    let mut problems = Problems::new();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        problems.add(
            "name",
            format!(
                "Give it a name of 1 to {LONGEST_NAME} characters, by which you will know it again."
            ),
        );
    }
    problems.or(name.to_owned())
}

async fn own_passkey(services: &Services, signed: &Signed, id: Uuid) -> Result<Listed, Error> {
    let (services, person) = (services.clone(), signed.person);
    let listed = block(move || {
        let read = services.db.read(|conn| passkeys::list(conn, person));
        read.map_err(Error::from)
    })
    .await?;
    let own = listed.into_iter().find(|passkey| passkey.id == id);
    own.ok_or(Error::NotFound)
}

fn new_passkey_page(
    services: &Services,
    signed: &Signed,
    name: &str,
    problems: Problems,
) -> web::Result {
    let status = status_of(&problems);
    let page = views::NewPasskey {
        chrome: Chrome::new(signed, services, "A new passkey", Nav::Account),
        typed: name.to_owned(),
        problems,
    };
    web::page_with(status, &page)
}

fn passkey_page(
    services: &Services,
    signed: &Signed,
    passkey: Listed,
    name: &str,
    problems: Problems,
) -> web::Result {
    let status = status_of(&problems);
    let page = views::OnePasskey {
        chrome: Chrome::new(signed, services, passkey.name.as_str(), Nav::Account),
        passkey,
        typed: name.to_owned(),
        problems,
    };
    web::page_with(status, &page)
}

async fn authenticator_page(
    services: &Services,
    signed: &Signed,
    problems: Problems,
) -> web::Result {
    let (methods, seed) = {
        let (services, signed) = (services.clone(), signed.clone());
        block(move || {
            let methods = services
                .db
                .read(|conn| factors::methods(conn, signed.person))?;
            Ok::<_, Error>((methods, actions::proposed(&services, &signed)?))
        })
        .await?
    };
    let status = status_of(&problems);
    let page = views::OwnAuthenticator {
        chrome: Chrome::new(signed, services, "Authenticator", Nav::Account),
        methods,
        seed: seed.map(|seed| views::ShownSeed {
            spelled: seed.spelled(),
            address: seed.address(),
            qr: seed.qr(),
        }),
        problems,
    };
    web::page_with(status, &page)
}
