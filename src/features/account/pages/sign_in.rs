//! Sign in: e-mail and password, then a code, and out again.

use actix_session::Session;
use actix_web::HttpRequest;
use actix_web::web::{Data, Query};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{carrying, status_of};
use crate::features::account::actions::provider::Why;
use crate::features::account::actions::{Visitor, second_factor, sign_in};
use crate::features::account::{demo, views};
use crate::foundation::Services;
use crate::foundation::auth::factors::{self, Methods};
use crate::foundation::auth::guard::{
    ENROLMENT_PATH, PARKED_PATH, SECOND_FACTOR_PATH, SIGN_IN_PATH, local_path, with_next,
};
use crate::foundation::auth::provider::Provider;
use crate::foundation::auth::sessions::{Method, Stage};
use crate::foundation::auth::{HalfSigned, Signed, parked};
use crate::foundation::db::PoolKind;
use crate::foundation::kernel::{PersonId, Secret};
use crate::foundation::web::{self, Door, Error, Form, Problems, block, block_sign_in};

#[derive(Deserialize)]
pub struct Asked {
    next: Option<String>,
    email: Option<String>,
    /// Why the provider has signed nobody in: one of our own words.
    failed: Option<String>,
}

#[derive(Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Typed {
    code: String,
    next: Option<String>,
}

/// A form of nothing but its button.
#[derive(Deserialize)]
pub struct Confirmed {}

pub async fn show(
    services: Data<Services>,
    signed: Option<Signed>,
    asked: Query<Asked>,
) -> web::Result {
    let next = local_path(asked.next.as_deref());
    if signed.is_some() {
        return web::see_other(next);
    }
    let email = asked.email.as_deref().unwrap_or_default();
    let failed = asked.failed.as_deref().and_then(Why::parse);
    door(&services, email, next, Problems::new(), failed).await
}

/// The sign-in page: what `/` is to everybody who is not signed in.
pub async fn sign_in_page(
    services: &Services,
    email: &str,
    next: &str,
    problems: Problems,
) -> web::Result {
    door(services, email, next, problems, None).await
}

async fn door(
    services: &Services,
    email: &str,
    next: &str,
    problems: Problems,
    failed: Option<Why>,
) -> web::Result {
    let provider = services.provider.as_ref().map(Provider::name);
    let demo = {
        let services = services.clone();
        block_sign_in(move || demo::cards(&services).map_err(Error::from)).await?
    };
    let status = status_of(&problems);
    let page = views::SignIn {
        door: Door::new(services, "Sign in"),
        email: email.to_owned(),
        next: next.to_owned(),
        problems,
        form_waits: next.starts_with(PARKED_PATH),
        failed: failed.zip(provider).map(|(why, name)| why.told(name)),
        provider: provider.map(str::to_owned),
        demo,
        simulator: services.config.simulator_url(),
    };
    web::page_with(status, &page)
}

pub async fn submit(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    signed: Option<Signed>,
    half: Option<HalfSigned>,
    form: Form<Credentials>,
) -> web::Result {
    let typed = form.data;
    let next = local_path(typed.next.as_deref());
    let visitor = Visitor::of(&request, &services);
    let replaced = signed
        .map(|signed| signed.session)
        .or(half.map(|half| half.session));
    let password = Secret::new(typed.password);
    let accepted =
        sign_in::with_password(&services, visitor, &typed.email, password, replaced).await?;
    let Some((stage, begun)) = accepted else {
        let problems = Problems::one(
            "password",
            "Email and password do not belong together. Check both and try again.",
        );
        return sign_in_page(&services, &typed.email, next, problems).await;
    };
    let way_on = match stage {
        Stage::Enrolment => ENROLMENT_PATH.to_owned(),
        Stage::SecondFactor | Stage::Full => with_next(SECOND_FACTOR_PATH, next),
    };
    carrying(web::see_other(way_on)?, &services, &session, &begun)
}

pub async fn code(services: Data<Services>, half: HalfSigned, asked: Query<Asked>) -> web::Result {
    if half.stage == Stage::Enrolment {
        return web::see_other(ENROLMENT_PATH);
    }
    let next = local_path(asked.next.as_deref());
    code_page(&services, &half, next, Problems::new()).await
}

pub async fn submit_code(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    half: HalfSigned,
    form: Form<Typed>,
) -> web::Result {
    let Typed { code, next } = form.data;
    let next = local_path(next.as_deref());
    let visitor = Visitor::of(&request, &services);
    let begun = {
        let (services, half) = (services.clone(), half.clone());
        block_sign_in(move || second_factor::with_code(&services, &visitor, &half, &code)).await?
    };
    if let Some(begun) = begun {
        let to = first_page(&services, half.person, Method::Totp, next).await?;
        return carrying(web::see_other(to)?, &services, &session, &begun);
    }
    let problems = Problems::one(
        "code",
        "This code is wrong, too old, or has been used. Wait for the next one.",
    );
    code_page(&services, &half, next, problems).await
}

pub async fn recovery(
    services: Data<Services>,
    half: HalfSigned,
    asked: Query<Asked>,
) -> web::Result {
    if half.stage == Stage::Enrolment {
        return web::see_other(ENROLMENT_PATH);
    }
    let next = local_path(asked.next.as_deref());
    recovery_page(&services, &half, next, Problems::new())
}

pub async fn submit_recovery(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    half: HalfSigned,
    form: Form<Typed>,
) -> web::Result {
    let Typed { code, next } = form.data;
    let next = local_path(next.as_deref());
    let visitor = Visitor::of(&request, &services);
    let begun = {
        let (services, half) = (services.clone(), half.clone());
        block_sign_in(move || second_factor::with_recovery_code(&services, &visitor, &half, &code))
            .await?
    };
    if let Some(begun) = begun {
        let to = first_page(&services, half.person, Method::RecoveryCode, next).await?;
        return carrying(web::see_other(to)?, &services, &session, &begun);
    }
    let problems = Problems::one(
        "code",
        "This is not one of your unused recovery codes. Each works once.",
    );
    recovery_page(&services, &half, next, problems)
}

pub async fn sign_out(
    services: Data<Services>,
    session: Session,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    block(move || sign_in::sign_out(&services, &signed)).await?;
    session.purge();
    web::see_other(SIGN_IN_PATH)
}

/// Where somebody is who has just signed in: where they wanted to go, unless there is something to tell them first.
pub(super) async fn first_page(
    services: &Services,
    person: PersonId,
    method: Method,
    next: &str,
) -> Result<String, Error> {
    if method == Method::RecoveryCode {
        return Ok(told_first("recovery", next));
    }
    if next.starts_with(PARKED_PATH) {
        return Ok(next.to_owned());
    }
    let services = services.clone();
    let forms_wait = block_sign_in(move || {
        let now = services.clock.now();
        services.db.read_on(PoolKind::SignIn, |conn| {
            Ok::<_, Error>(!parked::waiting(conn, person, now)?.is_empty())
        })
    })
    .await?;
    Ok(if forms_wait {
        told_first("waiting", next)
    } else {
        next.to_owned()
    })
}

fn told_first(what: &str, next: &str) -> String {
    let told = format!("/account?done={what}");
    if next == "/" {
        return told;
    }
    format!(
        "{told}&next={}",
        utf8_percent_encode(next, NON_ALPHANUMERIC)
    )
}

pub(super) async fn code_page(
    services: &Services,
    half: &HalfSigned,
    next: &str,
    problems: Problems,
) -> web::Result {
    let (methods, demo) = {
        let (services, half) = (services.clone(), half.clone());
        block_sign_in(move || proofs_of(&services, &half)).await?
    };
    let status = status_of(&problems);
    let page = views::Code {
        door: Door::new(services, "Second step").csrf(&half.csrf),
        email: half.email.clone(),
        next: next.to_owned(),
        problems,
        methods,
        demo,
    };
    web::page_with(status, &page)
}

/// What this person can prove themselves with, and in the demo the code of this moment.
fn proofs_of(
    services: &Services,
    half: &HalfSigned,
) -> Result<(Methods, Option<demo::Code>), Error> {
    let methods = services
        .db
        .read_on(PoolKind::SignIn, |conn| factors::methods(conn, half.person))?;
    let demo = if services.config.is_demo() && methods.authenticator_since.is_some() {
        demo::code(services, &half.email)?
    } else {
        None
    };
    Ok((methods, demo))
}

fn recovery_page(
    services: &Services,
    half: &HalfSigned,
    next: &str,
    problems: Problems,
) -> web::Result {
    let status = status_of(&problems);
    let page = views::Recovery {
        door: Door::new(services, "Use a recovery code").csrf(&half.csrf),
        next: next.to_owned(),
        problems,
    };
    web::page_with(status, &page)
}
