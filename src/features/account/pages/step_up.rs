//! "Prove that it is you": the page before a sensitive act.

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use crate::features::account::actions::{Visitor, step_up};
use crate::features::account::{demo, views};
use crate::foundation::Services;
use crate::foundation::auth::factors::{self, Methods};
use crate::foundation::auth::guard::{PARKED_PATH, local_path};
use crate::foundation::auth::{Signed, session_store};
use crate::foundation::web::{self, Chrome, Error, Form, Problems, block};

#[derive(Deserialize)]
pub struct Asked {
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Typed {
    code: String,
    next: Option<String>,
}

/// What the guard shows in place of what was asked for.
pub fn ask(
    services: Services,
    signed: Signed,
    next: String,
) -> LocalBoxFuture<'static, web::Result> {
    async move {
        let next = local_path(Some(&next));
        proof_page(
            &services,
            &signed,
            next,
            StatusCode::FORBIDDEN,
            Problems::new(),
        )
        .await
    }
    .boxed_local()
}

pub async fn show(services: Data<Services>, signed: Signed, asked: Query<Asked>) -> web::Result {
    let next = local_path(asked.next.as_deref());
    if signed.is_proved(services.clock.now()) {
        return web::see_other(next);
    }
    proof_page(&services, &signed, next, StatusCode::OK, Problems::new()).await
}

pub async fn submit(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    signed: Signed,
    form: Form<Typed>,
) -> web::Result {
    let Typed { code, next } = form.data;
    let next = local_path(next.as_deref());
    let visitor = Visitor::of(&request, &services);
    let proved = {
        let (services, signed) = (services.clone(), signed.clone());
        block(move || step_up::with_code(&services, &visitor, &signed, &code)).await?
    };
    if let Some(token) = proved {
        session_store::carry(&session, &token)?;
        return web::see_other(next);
    }
    let problems = Problems::one(
        "code",
        "This code is wrong, too old, or has been used. Wait for the next one.",
    );
    wrong(&services, &signed, next, problems).await
}

/// The page once more, after a proof that was none.
pub(super) async fn wrong(
    services: &Services,
    signed: &Signed,
    next: &str,
    problems: Problems,
) -> web::Result {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    proof_page(services, signed, next, status, problems).await
}

async fn proof_page(
    services: &Services,
    signed: &Signed,
    next: &str,
    status: StatusCode,
    problems: Problems,
) -> Result<HttpResponse, Error> {
    let (methods, demo) = {
        let (services, signed) = (services.clone(), signed.clone());
        block(move || known_of(&services, &signed)).await?
    };
    let page = views::StepUp {
        chrome: Chrome::nowhere(signed, services, "Prove that it is you"),
        next: next.to_owned(),
        form_waits: next.starts_with(PARKED_PATH),
        methods,
        demo,
        problems,
    };
    web::page_with(status, &page)
}

fn known_of(services: &Services, signed: &Signed) -> Result<(Methods, Option<demo::Code>), Error> {
    let methods = services
        .db
        .read(|conn| factors::methods(conn, signed.person))?;
    let demo = if services.config.is_demo() && methods.authenticator_since.is_some() {
        demo::code(services, &signed.email)?
    } else {
        None
    };
    Ok((methods, demo))
}
