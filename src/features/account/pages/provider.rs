//! The organisation's own place to sign in. Whoever goes there starts with a GET: a form whose answer leads to another
//! site is stopped by the policy of our pages.

use actix_session::Session;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use url::Url;

use super::carrying;
use super::sign_in::{Confirmed, first_page};
use crate::features::account::actions::provider::{self as actions, Arrived, Returned, Why};
use crate::features::account::actions::{Visitor, journey_cookie};
use crate::features::account::views;
use crate::foundation::Services;
use crate::foundation::auth::guard::{
    ENROLMENT_PATH, SECOND_FACTOR_PATH, SIGN_IN_PATH, local_path, with_next,
};
use crate::foundation::auth::provider::Provider;
use crate::foundation::auth::provider::journeys::{LIVES, Tokens};
use crate::foundation::auth::sessions::{Method, Stage};
use crate::foundation::auth::token::Token;
use crate::foundation::auth::{HalfSigned, Signed};
use crate::foundation::web::{self, Chrome, Error, Form, Lamp, Nav, block};

const OWN_PATH: &str = "/account/provider";
/// Longer than any code that a provider gives.
const LONGEST_CODE: usize = 4_096;

#[derive(Deserialize)]
pub struct Wanted {
    next: Option<String>,
}

/// What the provider has the browser bring. Whatever else there is, is not looked at.
#[derive(Deserialize)]
pub struct Brought {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Which answer of the provider's somebody says is about them.
#[derive(Deserialize)]
pub struct Recognised {
    /// A page from before has none, and is told that it is too old.
    #[serde(default)]
    waiting: String,
}

#[derive(Deserialize)]
pub struct Done {
    failed: Option<String>,
}

pub async fn start(
    services: Data<Services>,
    request: HttpRequest,
    signed: Option<Signed>,
    wanted: Query<Wanted>,
) -> web::Result {
    let provider = configured(&services)?;
    let next = local_path(wanted.next.as_deref());
    if signed.is_some() {
        return web::see_other(next);
    }
    if is_sent_by_another_site(&request) {
        return web::see_other(with_next(SIGN_IN_PATH, next));
    }
    match actions::send(&services, provider, None, next).await? {
        Ok((address, browser)) => away(&services, &address, &browser),
        Err(why) => web::see_other(at_the_door(why, next)),
    }
}

pub async fn back(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    signed: Option<Signed>,
    half: Option<HalfSigned>,
    brought: Query<Brought>,
) -> web::Result {
    let provider = configured(&services)?;
    if is_no_page(&request) {
        return Err(Error::ForgedForm);
    }
    let replaced = signed
        .as_ref()
        .map(|signed| signed.session)
        .or(half.map(|half| half.session));
    let returned = brought.into_inner().read(&request, &services);
    let visitor = Visitor::of(&request, &services);
    let arrived = actions::receive(
        &services,
        provider,
        visitor,
        returned,
        signed.as_ref(),
        replaced,
    )
    .await?;
    let mut answer = match arrived {
        Arrived::In {
            person,
            stage,
            begun,
            next,
        } => {
            let to = match stage {
                Stage::Enrolment => ENROLMENT_PATH.to_owned(),
                Stage::SecondFactor => with_next(SECOND_FACTOR_PATH, &next),
                Stage::Full => first_page(&services, person, Method::Provider, &next).await?,
            };
            carrying(web::see_other(to)?, &services, &session, &begun)?
        }
        Arrived::ToConfirm => web::see_other(OWN_PATH)?,
        Arrived::Failed { why, .. } if signed.is_some() => web::see_other(at_own(why))?,
        Arrived::Failed { why, next } => web::see_other(at_the_door(why, &next))?,
    };
    let over = journey(&services, "", Duration::ZERO);
    answer.add_cookie(&over).map_err(Error::internal)?;
    Ok(answer)
}

/// One's own connection. Behind a fresh proof, so that what leads from here to the provider and back is a chain of
/// links: a proof in between would be a form that ends at another site.
pub async fn show(services: Data<Services>, signed: Signed, done: Query<Done>) -> web::Result {
    let provider = configured(&services)?.clone();
    let mut chrome = Chrome::new(&signed, &services, provider.name(), Nav::Account);
    if let Some(why) = done.failed.as_deref().and_then(Why::parse) {
        chrome = chrome.notice(Lamp::Yellow, why.told(provider.name()));
    }
    let (connection, waiting) = {
        let provider = provider.clone();
        block(move || actions::standing(&services, &provider, &signed)).await?
    };
    web::page(&views::OwnProvider {
        chrome,
        provider: provider.name().to_owned(),
        vouches: provider.trusts_amr(),
        connection,
        waiting,
    })
}

pub async fn go(services: Data<Services>, request: HttpRequest, signed: Signed) -> web::Result {
    let provider = configured(&services)?;
    if !signed.is_proved(services.clock.now()) || is_sent_by_another_site(&request) {
        return web::see_other(OWN_PATH);
    }
    match actions::send(&services, provider, Some(signed.session), OWN_PATH).await? {
        Ok((address, browser)) => away(&services, &address, &browser),
        Err(why) => web::see_other(at_own(why)),
    }
}

pub async fn connect(
    services: Data<Services>,
    signed: Signed,
    form: Form<Recognised>,
) -> web::Result {
    let provider = configured(&services)?.clone();
    let mark = form.data.waiting;
    let connected = block(move || actions::connect(&services, &provider, &signed, &mark)).await?;
    match connected {
        Ok(()) => web::see_other("/account?done=connected"),
        Err(why) => web::see_other(at_own(why)),
    }
}

pub async fn refuse(
    services: Data<Services>,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    let provider = configured(&services)?.clone();
    block(move || actions::refuse(&services, &provider, &signed)).await?;
    web::see_other("/account")
}

pub async fn disconnect(
    services: Data<Services>,
    signed: Signed,
    _form: Form<Confirmed>,
) -> web::Result {
    let provider = configured(&services)?.clone();
    block(move || actions::disconnect(&services, &provider, &signed)).await?;
    web::see_other("/account?done=removed")
}

impl Brought {
    fn read(self, request: &HttpRequest, services: &Services) -> Returned {
        let browser = request.cookie(journey_cookie(services));
        let browser = browser.map(|cookie| cookie.value().to_owned());
        let code = self.code.filter(|code| code.len() <= LONGEST_CODE);
        Returned {
            tokens: Tokens {
                state: Token::from_text(&self.state.unwrap_or_default()),
                browser: Token::from_text(&browser.unwrap_or_default()),
            },
            issuer: self.iss,
            outcome: match self.error {
                Some(word) => Err(word),
                None => code.ok_or_else(String::new),
            },
        }
    }
}

/// A journey is begun by a person, on a page of ours: another site could have somebody come back as its own visitor.
/// Browsers that do not say where a request comes from are taken at their word.
fn is_sent_by_another_site(request: &HttpRequest) -> bool {
    let from = request.headers().get("sec-fetch-site");
    from.is_some_and(|from| from == "cross-site" || from == "same-site")
}

/// The provider sends a whole window back. A picture or a frame of some page is nobody's return, and must not be
/// counted as a try of whoever looks at it.
fn is_no_page(request: &HttpRequest) -> bool {
    let wanted = request.headers().get("sec-fetch-dest");
    wanted.is_some_and(|wanted| wanted != "document")
}

/// Where no provider is set up there is nothing at these addresses.
fn configured(services: &Services) -> Result<&Provider, Error> {
    services.provider.as_ref().ok_or(Error::NotFound)
}

fn away(services: &Services, address: &Url, browser: &Token) -> web::Result {
    let mut answer = HttpResponse::SeeOther()
        .insert_header(("Location", address.as_str()))
        .finish();
    let lives = Duration::seconds(LIVES.num_seconds());
    let cookie = journey(services, browser.expose(), lives);
    answer.add_cookie(&cookie).map_err(Error::internal)?;
    Ok(answer)
}

/// Lax, not Strict: who comes back comes from the provider's site.
fn journey<'a>(services: &Services, token: &'a str, lives: Duration) -> Cookie<'a> {
    Cookie::build(journey_cookie(services), token)
        .path("/")
        .secure(services.config.web.is_https())
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(lives)
        .finish()
}

fn at_the_door(why: Why, next: &str) -> String {
    let page = with_next(SIGN_IN_PATH, next);
    let joint = if page.contains('?') { '&' } else { '?' };
    format!("{page}{joint}failed={}", why.as_str())
}

fn at_own(why: Why) -> String {
    format!("{OWN_PATH}?failed={}", why.as_str())
}
