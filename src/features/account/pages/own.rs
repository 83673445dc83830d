//! One's own account: what is known of me, and what I can change.

use std::str::FromStr;

use actix_session::Session;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use uuid::Uuid;

use super::enrol::recovery_codes_page;
use super::sign_in::Confirmed;
use super::status_of;
use crate::features::account::actions::Visitor;
use crate::features::account::actions::own::{self, Refusal};
use crate::features::account::views;
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::auth::factors::{self, Methods};
use crate::foundation::auth::guard::{came_from, local_path};
use crate::foundation::auth::identities::{self, Connection};
use crate::foundation::auth::parked::Waiting;
use crate::foundation::auth::passkeys::{self, Listed};
use crate::foundation::auth::{
    Grant, Signed, parked as parked_forms, recovery, session_store, sessions,
};
use crate::foundation::kernel::{PlatformId, Scope, Secret};
use crate::foundation::web::{
    self, Chrome, Error, Form, Lamp, Nav, Pages, Problems, Refusal as Refused, block,
};

#[derive(Deserialize)]
pub struct Done {
    done: Option<String>,
    /// Where somebody wanted to go before they were told something here.
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Chosen {
    #[serde(default)]
    platform: String,
}

#[derive(Deserialize)]
pub struct Passwords {
    current: String,
    password: String,
    again: String,
}

#[derive(Deserialize)]
pub struct Codes {
    codes: String,
}

/// "Stay signed in": a deliberate act, so the guard has prolonged the session already.
pub async fn stay(_signed: Signed, _form: Form<Confirmed>) -> web::Result {
    Ok(HttpResponse::NoContent().finish())
}

pub async fn show(services: Data<Services>, signed: Signed, done: Query<Done>) -> web::Result {
    let Known {
        methods,
        passkeys,
        connection,
        waiting,
    } = known_of(&services, &signed).await?;
    let mut chrome = Chrome::new(&signed, &services, "Your account", Nav::Account);
    if let Some((lamp, text)) = notice(done.done.as_deref(), &methods, waiting.len()) {
        chrome = chrome.notice(lamp, text);
    }
    let roles: Vec<_> = signed
        .grants
        .iter()
        .map(|grant| held(grant, &services))
        .collect();
    let next = local_path(done.next.as_deref());
    web::page(&views::Own {
        chrome,
        roles: roles.join(", "),
        methods,
        passkeys,
        provider: services
            .provider
            .as_ref()
            .map(|provider| (provider.name().to_owned(), connection)),
        waiting,
        next: (next != "/").then(|| next.to_owned()),
        since: signed.since,
        ends_at: signed.session_ends_at,
    })
}

/// What somebody is told here first, after what they have just done.
fn notice(done: Option<&str>, methods: &Methods, waiting: usize) -> Option<(Lamp, String)> {
    match done? {
        "password" => Some((
            Lamp::Clear,
            "Your password is changed, and your other sessions have ended".to_owned(),
        )),
        "recovery" => Some((
            Lamp::Yellow,
            format!(
                "You signed in with a recovery code: {} of {} left. Make new ones, and look after your authenticator",
                methods.recovery_codes_left,
                recovery::HOW_MANY
            ),
        )),
        "passkey" => Some((
            Lamp::Clear,
            "Your new passkey signs you in from now on".to_owned(),
        )),
        "authenticator" => Some((
            Lamp::Clear,
            "Your authenticator is set up; codes of another one no longer count".to_owned(),
        )),
        "connected" => Some((
            Lamp::Clear,
            "It is connected: you can sign in there from now on, in place of your password"
                .to_owned(),
        )),
        "removed" => Some((Lamp::Clear, "It no longer signs you in".to_owned())),
        "waiting" if waiting > 0 => Some((
            Lamp::Yellow,
            "What you typed before your session ended is still here".to_owned(),
        )),
        _ => None,
    }
}

/// What the page shows of somebody.
struct Known {
    methods: Methods,
    passkeys: Vec<Listed>,
    connection: Option<Connection>,
    waiting: Vec<Waiting>,
}

async fn known_of(services: &Services, signed: &Signed) -> Result<Known, Error> {
    let (services, person) = (services.clone(), signed.person);
    block(move || {
        let now = services.clock.now();
        let provider = services.provider.as_ref();
        services.db.read(|conn| {
            let connection = provider
                .map(|provider| identities::of(conn, person, provider.issuer()))
                .transpose()?;
            Ok::<_, Error>(Known {
                methods: factors::methods(conn, person)?,
                passkeys: passkeys::list(conn, person)?,
                connection: connection.flatten(),
                waiting: parked_forms::waiting(conn, person, now)?,
            })
        })
    })
    .await
}

/// "Operator", or "Operator for LAIT and FinChat" where the grant is limited.
fn held(grant: &Grant, services: &Services) -> String {
    let role = grant.role.label();
    if grant.scope == Scope::All {
        return role.to_owned();
    }
    let names: Vec<_> = services
        .board
        .platforms(&grant.scope)
        .into_iter()
        .map(|place| place.name)
        .collect();
    format!("{role} for {}", names.join(", "))
}

/// Sets the switch of the top bar, and goes back to the page that it stood on.
pub async fn choose_platform(
    services: Data<Services>,
    request: HttpRequest,
    signed: Signed,
    form: Form<Chosen>,
) -> web::Result {
    let platform = match form.data.platform.as_str() {
        "" => None,
        id => Some(PlatformId::from_str(id).map_err(|_| Error::NotFound)?),
    };
    if platform.is_some_and(|id| !signed.reach_anywhere().allows(id)) {
        return Err(Error::NotFound);
    }
    let session = signed.session;
    block(move || {
        services
            .audit
            .write_unaudited(Unaudited::SessionTouch, |conn| {
                sessions::choose_platform(conn, session, platform).map_err(Error::from)
            })
    })
    .await?;
    // After a form that had to be corrected, the page stands at an address that takes forms only.
    let page = came_from(&request);
    let back = if Pages::has(&request, &page) {
        &page
    } else {
        "/"
    };
    web::see_other(local_path(Some(back)))
}

pub async fn password(services: Data<Services>, signed: Signed) -> web::Result {
    password_page(&services, &signed, Problems::new())
}

pub async fn submit_password(
    services: Data<Services>,
    request: HttpRequest,
    session: Session,
    signed: Signed,
    form: Form<Passwords>,
) -> web::Result {
    let typed = form.data;
    if typed.password != typed.again {
        let problems = Problems::one("again", "The two new passwords differ.");
        return password_page(&services, &signed, problems);
    }
    let visitor = Visitor::of(&request, &services);
    let (current, chosen) = (Secret::new(typed.current), Secret::new(typed.password));
    match own::change_password(&services, visitor, signed.clone(), current, chosen).await? {
        Ok(token) => {
            session_store::carry(&session, &token)?;
            web::see_other("/account?done=password")
        }
        Err(Refusal::Current) => {
            let problems = Problems::one("current", "This is not your current password.");
            password_page(&services, &signed, problems)
        }
        Err(Refusal::Weak(weak)) => {
            let problems = Problems::one("password", weak.to_string());
            password_page(&services, &signed, problems)
        }
    }
}

pub async fn recovery_codes(services: Data<Services>, signed: Signed) -> web::Result {
    let left = methods(&services, &signed).await?.recovery_codes_left;
    web::page(&views::NewRecoveryCodes {
        chrome: Chrome::new(&signed, &services, "New recovery codes", Nav::Account),
        left,
    })
}

pub async fn submit_recovery_codes(
    services: Data<Services>,
    signed: Signed,
    form: Form<Confirmed>,
) -> web::Result {
    let codes = {
        let (services, signed) = (services.clone(), signed.clone());
        block(move || own::new_recovery_codes(&services, &signed, form.key)).await?
    };
    recovery_codes_page(&services, &signed.csrf, &codes, "/account")
}

/// The codes that a page has just shown, as a file. They come from that page: the database cannot
/// show them again, only tell that they are this person's.
pub async fn recovery_file(
    services: Data<Services>,
    signed: Signed,
    form: Form<Codes>,
) -> web::Result {
    let codes: Vec<String> = form
        .data
        .codes
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut file = format!("Signalbox recovery codes of {}\n\n", signed.email);
    for code in &codes {
        file.push_str(code);
        file.push('\n');
    }
    file.push_str("\nEach code works once, in place of the authenticator.\n");
    let theirs = block(move || {
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        own::are_own_codes(&services, &signed, &codes)
    })
    .await?;
    if !theirs {
        return Err(Error::Refused(Refused::new(
            "not_your_codes",
            "These are not your recovery codes.",
            "Make new ones on your account page.",
        )));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((
            CONTENT_DISPOSITION,
            "attachment; filename=\"signalbox-recovery-codes.txt\"",
        ))
        .body(file))
}

/// A form that was posted when its session had run out or been replaced, to be sent again.
pub async fn parked(services: Data<Services>, signed: Signed, id: Path<Uuid>) -> web::Result {
    let form = {
        let (services, person) = (services.clone(), signed.person);
        block(move || {
            let now = services.clock.now();
            services
                .db
                .read(|conn| parked_forms::find(conn, &services.keyring, person, *id, now))
                .map_err(Error::from)
        })
        .await?
    };
    web::page(&views::Parked {
        chrome: Chrome::nowhere(&signed, &services, "What you typed is still here"),
        path: form.path,
        page: form.page,
        fields: form.fields,
        files: form.files,
        key: form.key,
        expires_at: form.expires_at,
    })
}

async fn methods(services: &Services, signed: &Signed) -> Result<Methods, Error> {
    let (services, person) = (services.clone(), signed.person);
    block(move || {
        services
            .db
            .read(|conn| factors::methods(conn, person))
            .map_err(Error::from)
    })
    .await
}

fn password_page(services: &Services, signed: &Signed, problems: Problems) -> web::Result {
    let status = status_of(&problems);
    let page = views::ChangePassword {
        chrome: Chrome::new(signed, services, "Change your password", Nav::Account),
        problems,
    };
    web::page_with(status, &page)
}
