//! The first time: a password by one-time link, an authenticator, recovery codes.

use actix_session::Session;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::{carrying, status_of};
use crate::features::account::actions::Visitor;
use crate::features::account::actions::enrol::{self, Opened, Refusal};
use crate::features::account::views;
use crate::foundation::Services;
use crate::foundation::auth::guard::{ENROLMENT_PATH, SECOND_FACTOR_PATH};
use crate::foundation::auth::sessions::Stage;
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{HalfSigned, csrf};
use crate::foundation::kernel::Secret;
use crate::foundation::web::{self, Door, Form, Problems, block_sign_in};

#[derive(Deserialize)]
pub struct Chosen {
    password: String,
    again: String,
    #[serde(default)]
    confirmation: String,
}

#[derive(Deserialize)]
pub struct Typed {
    code: String,
}

pub async fn link(
    services: Data<Services>,
    request: HttpRequest,
    token: Path<String>,
) -> web::Result {
    let visitor = Visitor::of(&request, &services);
    match open(&services, visitor, &token).await? {
        Some(opened) => first_password_page(&services, &token, opened, Problems::new()),
        None => dead_link_page(&services),
    }
}

pub async fn submit_link(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    token: Path<String>,
    form: Form<Chosen>,
) -> web::Result {
    let visitor = Visitor::of(&request, &services);
    let Some(opened) = open(&services, visitor.clone(), &token).await? else {
        return dead_link_page(&services);
    };
    let Chosen {
        password,
        again,
        confirmation,
    } = form.data;
    if password != again {
        let problems = Problems::one("again", "The two passwords differ.");
        return first_password_page(&services, &token, opened, problems);
    }
    let link = Token::from_text(&token);
    let chosen = Secret::new(password);
    let set = enrol::set_first_password(
        &services,
        visitor,
        &link,
        opened.clone(),
        confirmation,
        chosen,
    );
    match set.await? {
        Ok((stage, begun)) => {
            let to = match stage {
                Stage::Enrolment => ENROLMENT_PATH,
                Stage::SecondFactor | Stage::Full => SECOND_FACTOR_PATH,
            };
            carrying(web::see_other(to)?, &services, &session, &begun)
        }
        Err(Refusal::Link) => dead_link_page(&services),
        Err(Refusal::Weak(weak)) => {
            let problems = Problems::one("password", weak.to_string());
            first_password_page(&services, &token, opened, problems)
        }
        Err(Refusal::Confirmation) => {
            let problems = Problems::one(
                "confirmation",
                "This is not the code. The administrator who asked for the recovery has it; the link \
                 came from the other one.",
            );
            first_password_page(&services, &token, opened, problems)
        }
    }
}

pub async fn authenticator(services: Data<Services>, half: HalfSigned) -> web::Result {
    if half.stage != Stage::Enrolment {
        return web::see_other(SECOND_FACTOR_PATH);
    }
    authenticator_page(&services, &half, Problems::new()).await
}

pub async fn submit_authenticator(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    half: HalfSigned,
    form: Form<Typed>,
) -> web::Result {
    if half.stage != Stage::Enrolment {
        return web::see_other(SECOND_FACTOR_PATH);
    }
    let visitor = Visitor::of(&request, &services);
    let confirmed = {
        let (services, half) = (services.clone(), half.clone());
        block_sign_in(move || enrol::confirm(&services, &visitor, &half, &form.data.code)).await?
    };
    let Some((begun, codes)) = confirmed else {
        let problems = Problems::one(
            "code",
            "This code is wrong or too old. Check the time of your device and type the code that \
             the app shows now.",
        );
        return authenticator_page(&services, &half, problems).await;
    };
    let page = recovery_codes_page(&services, &csrf::token(begun.session.expose()), &codes, "/")?;
    carrying(page, &services, &session, &begun)
}

/// The one time that recovery codes are shown. `csrf` is the token of the session that the reader
/// has from this answer on.
pub(super) fn recovery_codes_page(
    services: &Services,
    csrf: &str,
    codes: &[Secret<String>],
    next: &'static str,
) -> web::Result {
    web::page(&views::RecoveryCodes {
        door: Door::new(services, "Your recovery codes").csrf(csrf),
        codes: codes.iter().map(|code| code.expose().clone()).collect(),
        next,
    })
}

async fn open(
    services: &Services,
    visitor: Visitor,
    token: &str,
) -> Result<Option<Opened>, web::Error> {
    let (services, link) = (services.clone(), Token::from_text(token));
    block_sign_in(move || enrol::open(&services, &visitor, &link)).await
}

fn first_password_page(
    services: &Services,
    token: &str,
    opened: Opened,
    problems: Problems,
) -> web::Result {
    let status = status_of(&problems);
    let page = views::FirstPassword {
        door: Door::new(services, "Choose a password"),
        token: token.to_owned(),
        asks_code: opened.confirmation.is_some(),
        name: opened.person.name,
        email: opened.person.email,
        problems,
    };
    web::page_with(status, &page)
}

fn dead_link_page(services: &Services) -> web::Result {
    let page = views::DeadLink {
        door: Door::new(services, "This link does not work"),
    };
    web::page_with(StatusCode::NOT_FOUND, &page)
}

pub(super) async fn authenticator_page(
    services: &Services,
    half: &HalfSigned,
    problems: Problems,
) -> web::Result {
    let seed = {
        let (services, half) = (services.clone(), half.clone());
        block_sign_in(move || enrol::waiting_seed(&services, &half)).await?
    };
    let status = status_of(&problems);
    let page = views::Authenticator {
        door: Door::new(services, "Set up your second step").csrf(&half.csrf),
        spelled: seed.spelled(),
        address: seed.address(),
        qr: seed.qr(),
        problems,
    };
    web::page_with(status, &page)
}
