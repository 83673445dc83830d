//! Passkeys at the door and before sensitive acts: the question as JSON for the page's module, the answer as a form.

use actix_session::Session;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use super::enrol::recovery_codes_page;
use super::sign_in::{Confirmed, code_page, first_page, sign_in_page};
use super::{carrying, step_up};
use crate::features::account::actions::passkeys::{self, Bound, Given};
use crate::features::account::actions::{Begun, Visitor};
use crate::foundation::Services;
use crate::foundation::auth::ceremony::Question;
use crate::foundation::auth::guard::{ENROLMENT_PATH, SECOND_FACTOR_PATH, local_path};
use crate::foundation::auth::sessions::{Method, Stage};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{HalfSigned, Signed, csrf, device, session_store};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{self, Error, Form, Problems, block, block_sign_in};

const WRONG: &str =
    "This passkey was not accepted: it is not yours here, or the answer came too late. Try again.";

/// A device's answer, as a page sends it.
#[derive(Deserialize)]
pub struct Answered {
    ceremony: String,
    credential: String,
    next: Option<String>,
}

impl Answered {
    pub(super) fn given(&self) -> Given {
        Given {
            token: Token::from_text(&self.ceremony),
            answer: self.credential.clone(),
        }
    }
}

/// The question, for the module of the page.
pub(super) fn question(question: &Question) -> web::Result {
    let told = json!({ "ceremony": question.token.expose(), "options": question.options });
    Ok(HttpResponse::Ok().json(told))
}

pub async fn ask_at_the_door(services: Data<Services>, _form: Form<Confirmed>) -> web::Result {
    let asked = block_sign_in(move || passkeys::ask_for_proof(&services, Bound::Nobody)).await?;
    question(&asked)
}

/// Signs in with a passkey alone.
pub async fn sign_in(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    signed: Option<Signed>,
    half: Option<HalfSigned>,
    form: Form<Answered>,
) -> web::Result {
    let next = local_path(form.data.next.as_deref()).to_owned();
    let visitor = Visitor::of(&request, &services);
    let replaced = signed
        .map(|signed| signed.session)
        .or(half.map(|half| half.session));
    let begun = {
        let (services, given) = (services.clone(), form.data.given());
        block_sign_in(move || passkeys::sign_in(&services, &visitor, &given, replaced)).await?
    };
    match begun {
        Some((person, begun)) => let_in(&services, &session, person, &begun, &next).await,
        None => sign_in_page(&services, "", &next, Problems::one("", WRONG)).await,
    }
}

pub async fn ask_half_way(
    services: Data<Services>,
    half: HalfSigned,
    _form: Form<Confirmed>,
) -> web::Result {
    let asked =
        block_sign_in(move || passkeys::ask_for_proof(&services, Bound::Half(&half))).await?;
    question(&asked)
}

/// The second step with a passkey.
pub async fn second_step(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    half: HalfSigned,
    form: Form<Answered>,
) -> web::Result {
    if half.stage == Stage::Enrolment {
        return web::see_other(ENROLMENT_PATH);
    }
    let next = local_path(form.data.next.as_deref()).to_owned();
    let visitor = Visitor::of(&request, &services);
    let begun = {
        let (services, half, given) = (services.clone(), half.clone(), form.data.given());
        block_sign_in(move || passkeys::second_step(&services, &visitor, &half, &given)).await?
    };
    match begun {
        Some(begun) => let_in(&services, &session, half.person, &begun, &next).await,
        None => code_page(&services, &half, &next, Problems::one("", WRONG)).await,
    }
}

async fn let_in(
    services: &Services,
    session: &Session,
    person: PersonId,
    begun: &Begun,
    next: &str,
) -> web::Result {
    let to = first_page(services, person, Method::Passkey, next).await?;
    carrying(web::see_other(to)?, services, session, begun)
}

pub async fn ask_at_enrolment(
    services: Data<Services>,
    half: HalfSigned,
    _form: Form<Confirmed>,
) -> web::Result {
    let asked = block_sign_in(move || passkeys::ask_for_new(&services, Bound::Half(&half))).await?;
    question(&asked)
}

/// The first second factor is a passkey.
pub async fn enrol(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    half: HalfSigned,
    form: Form<Answered>,
) -> web::Result {
    if half.stage != Stage::Enrolment {
        return Err(Error::SeeOther(SECOND_FACTOR_PATH.to_owned()));
    }
    let visitor = Visitor::of(&request, &services);
    let name = device::name(&visitor.user_agent);
    let enrolled = {
        let (services, half, given) = (services.clone(), half.clone(), form.data.given());
        block_sign_in(move || passkeys::enrol(&services, &visitor, &half, &given, &name)).await?
    };
    let Some((begun, codes)) = enrolled else {
        let problems = Problems::one("", WRONG);
        return super::enrol::authenticator_page(&services, &half, problems).await;
    };
    let page = recovery_codes_page(&services, &csrf::token(begun.session.expose()), &codes, "/")?;
    carrying(page, &services, &session, &begun)
}

pub async fn ask_for_proof(
    services: Data<Services>,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    let asked = block(move || passkeys::ask_for_proof(&services, Bound::Whole(&signed))).await?;
    question(&asked)
}

/// Proves again with a passkey.
pub async fn prove(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    signed: Signed,
    form: Form<Answered>,
) -> web::Result {
    let next = local_path(form.data.next.as_deref()).to_owned();
    let visitor = Visitor::of(&request, &services);
    let proved = {
        let (services, signed, given) = (services.clone(), signed.clone(), form.data.given());
        block(move || passkeys::prove(&services, &visitor, &signed, &given)).await?
    };
    match proved {
        Some(token) => {
            session_store::carry(&session, &token)?;
            web::see_other(next)
        }
        None => step_up::wrong(&services, &signed, &next, Problems::one("", WRONG)).await,
    }
}
