use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{Days, NaiveDate};
use serde::Deserialize;

use super::actions::{self, Error, PAGE, Wanted};
use super::grant::{Refusal, SarGrantId, begin_of};
use super::views::{Grants, Opening};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

const TITLE: &str = "Grants for reports";

fn chrome(signed: &Signed, services: &Services) -> Chrome {
    Chrome::new(signed, services, TITLE, Nav::SarGrants)
}

/// Who holds what, once somebody has said what they look for.
pub async fn show(signed: Signed, services: Data<Services>) -> web::Result {
    show_with(signed, services, ProposalForm::default(), Problems::new()).await
}

async fn show_with(
    signed: Signed,
    services: Data<Services>,
    form: ProposalForm,
    problems: Problems,
) -> web::Result {
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let chrome = chrome(&signed, &services);
    let reading = signed.clone();
    let book = block(move || actions::read(&services, &reading).map_err(web::Error::from)).await?;
    match book {
        Some(book) => page_with(status, &Grants::new(chrome, &signed, book, form, problems)),
        None => page(&Opening {
            chrome,
            purpose: String::new(),
            problems: Problems::new(),
        }),
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct PurposeForm {
    purpose: String,
}

/// Opens the page for a quarter of an hour.
pub async fn open(
    signed: Signed,
    services: Data<Services>,
    form: Form<PurposeForm>,
) -> web::Result {
    let chrome = chrome(&signed, &services);
    let typed = form.data.purpose.clone();
    let opened = block(move || {
        settle(actions::open(
            &services,
            &signed,
            &form.data.purpose,
            form.key,
        ))
    });
    match opened.await? {
        Ok(()) => see_other(PAGE),
        Err(refusal) => page_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &Opening {
                chrome,
                purpose: typed,
                problems: Problems::one("purpose", sentence(&refusal)),
            },
        ),
    }
}

/// What is proposed, as it was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProposalForm {
    pub(super) email: String,
    pub(super) grant: String,
    pub(super) purpose: String,
    pub(super) from: String,
    pub(super) until: String,
}

pub async fn propose(
    signed: Signed,
    services: Data<Services>,
    form: Form<ProposalForm>,
) -> web::Result {
    let typed = form.data.clone();
    let wanted = match wanted(&form.data) {
        Ok(wanted) => wanted,
        Err(problems) => return show_with(signed, services, typed, problems).await,
    };
    let (acting, shared) = (signed.clone(), services.clone());
    let proposed =
        block(move || settle(actions::propose(&shared, &acting, &wanted, form.key))).await?;
    match proposed {
        Ok(()) => see_other(PAGE),
        Err(refusal) => match field_of(&refusal) {
            Some(field) => {
                let problems = Problems::one(field, sentence(&refusal));
                show_with(signed, services, typed, problems).await
            }
            None => Err(refused(&refusal)),
        },
    }
}

pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    id: Path<SarGrantId>,
    form: Form<Nothing>,
) -> web::Result {
    let done = block(move || settle(actions::approve(&services, &signed, *id, form.key))).await?;
    done.map_err(|refusal| refused(&refusal))?;
    see_other(PAGE)
}

pub async fn end(
    signed: Signed,
    services: Data<Services>,
    id: Path<SarGrantId>,
    form: Form<Nothing>,
) -> web::Result {
    // Whoever gives up their last one has no page to go back to.
    let holds_others = signed.sar.len() > 1;
    let person = signed.person;
    let done = block(move || settle(actions::end(&services, &signed, *id, form.key))).await?;
    let of = done.map_err(|refusal| refused(&refusal))?;
    see_other(if of != person || holds_others {
        PAGE
    } else {
        "/"
    })
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// Refusals are answered by the page, everything else by the web.
fn settle<T>(outcome: Result<T, Error>) -> Result<Result<T, Refusal>, web::Error> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(Error::Db(error)) => Err(error.into()),
    }
}

fn wanted(form: &ProposalForm) -> Result<Wanted, Problems> {
    let mut problems = Problems::new();
    if form.email.trim().is_empty() {
        problems.add("email", "Give the address that they sign in with.");
    }
    if form.purpose.trim().is_empty() {
        problems.add("purpose", "Say what they need it for.");
    }
    let grant = form.grant.parse();
    if grant.is_err() {
        problems.add("grant", "Choose what they may do.");
    }
    let from = form.from.parse::<NaiveDate>();
    if from.is_err() {
        problems.add("from", "Give the first day.");
    }
    let until = form.until.parse::<NaiveDate>();
    if until.is_err() {
        problems.add("until", "Give the last day.");
    }
    match (grant, from, until) {
        (Ok(grant), Ok(from), Ok(until)) if problems.is_empty() => Ok(Wanted {
            email: form.email.clone(),
            grant,
            purpose: form.purpose.clone(),
            starts_at: begin_of(from),
            ends_at: begin_of(until.checked_add_days(Days::new(1)).unwrap_or(until)),
        }),
        _ => Err(problems),
    }
}

/// The field that a refusal is about.
fn field_of(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::Nobody | Refusal::OnesOwn | Refusal::Exists => Some("email"),
        Refusal::NotHeld | Refusal::AuditorActs => Some("grant"),
        Refusal::Period => Some("until"),
        Refusal::Purpose => Some("purpose"),
        Refusal::Proposer | Refusal::Answered | Refusal::Over | Refusal::TwoHold => None,
    }
}

fn refused(refusal: &Refusal) -> web::Error {
    web::Error::Refused(web::Refusal::new(
        "sar_grant_refused",
        sentence(refusal),
        "Nothing was changed.",
    ))
}
