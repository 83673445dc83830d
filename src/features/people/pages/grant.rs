//! Roles for somebody who is here, and for somebody new.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};

use super::enrolment_link;
use crate::features::people::actions::{self, Invitation};
use crate::features::people::form::{GrantForm, sentence};
use crate::features::people::refusal::Refusal;
use crate::features::people::store;
use crate::features::people::views::GrantPage;
use crate::foundation::Services;
use crate::foundation::auth::{Signed, people, spelling};
use crate::foundation::kernel::PersonId;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

pub async fn invitation(services: Data<Services>, signed: Signed) -> web::Result {
    let view = block(move || {
        show(
            &services,
            &signed,
            None,
            GrantForm::fresh(),
            Problems::new(),
        )
    })
    .await?;
    page(&view)
}

pub async fn grant(services: Data<Services>, signed: Signed, id: Path<PersonId>) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        show(
            &services,
            &signed,
            Some(id),
            GrantForm::fresh(),
            Problems::new(),
        )
    })
    .await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    person: Option<PersonId>,
    form: GrantForm,
    problems: Problems,
) -> Result<GrantPage, web::Error> {
    let (platforms, person) = services.db.read(|conn| {
        let person = person.map(|id| people::find(conn, id)).transpose()?;
        Ok::<_, web::Error>((store::platforms(conn)?, person))
    })?;
    let title = if person.is_some() {
        "Grant roles"
    } else {
        "Invite somebody"
    };
    let chrome = Chrome::new(signed, services, title, Nav::People);
    let person = person.map(|person| (person.id, person.who()));
    Ok(GrantPage::new(chrome, person, form, &platforms, problems))
}

/// What is to be corrected on the form; other refusals are answered by a page of their own.
fn to_correct(refusal: Refusal) -> Result<Problems, web::Error> {
    match refusal {
        Refusal::Form(problems) => Ok(problems),
        Refusal::Conflict(conflict) => Ok(Problems::one(
            "role",
            format!(
                "{} Together with what they hold, or are about to, this is refused.",
                sentence(&conflict.to_string())
            ),
        )),
        Refusal::HeldNow => Ok(Problems::one(
            "starts",
            "They hold this role now, and a new grant takes its place at once. Leave the first day empty.",
        )),
        other => Err(other.into()),
    }
}

pub async fn invite(
    services: Data<Services>,
    signed: Signed,
    form: Form<GrantForm>,
) -> web::Result {
    let outcome = block(move || {
        let typed = form.data.clone();
        let tried = try_invite(&services, &signed, form);
        match tried.or_else(|refusal| to_correct(refusal).map(Err))? {
            Ok(page) => Ok(Ok(page)),
            Err(problems) => show(&services, &signed, None, typed, problems).map(Err),
        }
    })
    .await?;
    match outcome {
        Ok(handed) => page(&handed),
        Err(form) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &form),
    }
}

type Handed = crate::features::people::views::HandedPage;

fn try_invite(
    services: &Services,
    signed: &Signed,
    form: Form<GrantForm>,
) -> Result<Result<Handed, Problems>, Refusal> {
    let now = services.clock.now();
    let platforms = services.db.read(store::platforms)?;
    let ask = form.data.read(&platforms, signed.preferences.zone, now);
    let mut problems = ask.as_ref().err().cloned().unwrap_or_default();
    check_person(&form.data, &mut problems);
    let Ok(ask) = ask.and_then(|ask| problems.clone().or(ask)) else {
        return Ok(Err(problems));
    };
    let new = Invitation {
        email: form.data.email,
        name: form.data.name,
        ask,
        reason: form.data.reason,
    };
    let handed = actions::invite(services, signed, &new, form.key)?;
    let next = format!("/people/{}", handed.person);
    let who = services
        .db
        .read(|conn| people::find(conn, handed.person))?
        .who();
    let link = handed.secret.expose().clone();
    Ok(Ok(enrolment_link(signed, services, who, link, next)))
}

fn check_person(form: &GrantForm, problems: &mut Problems) {
    let missing = [
        (
            "email",
            &form.email,
            "Give the address that they sign in with.",
        ),
        ("name", &form.name, "Say what they are called."),
    ];
    for (field, typed, message) in missing {
        if typed.trim().is_empty() {
            problems.add(field, message);
        }
    }
    let faults = [
        spelling::email(&form.email).err(),
        spelling::name(&form.name).err(),
    ];
    for fault in faults.into_iter().flatten() {
        if problems.of(fault.field()).is_none() {
            problems.add(fault.field(), sentence(&fault.to_string()));
        }
    }
}

pub async fn propose_grant(
    services: Data<Services>,
    signed: Signed,
    id: Path<PersonId>,
    form: Form<GrantForm>,
) -> web::Result {
    let id = id.into_inner();
    let outcome = block(move || {
        let typed = form.data.clone();
        let tried = try_propose(&services, &signed, id, form);
        match tried.or_else(|refusal| to_correct(refusal).map(Err))? {
            Ok(()) => Ok(None),
            Err(problems) => show(&services, &signed, Some(id), typed, problems).map(Some),
        }
    })
    .await?;
    match outcome {
        None => see_other(format!("/people/{id}")),
        Some(form) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &form),
    }
}

fn try_propose(
    services: &Services,
    signed: &Signed,
    id: PersonId,
    form: Form<GrantForm>,
) -> Result<Result<(), Problems>, Refusal> {
    let now = services.clock.now();
    let platforms = services.db.read(|conn| {
        people::find(conn, id)?;
        store::platforms(conn)
    })?;
    let ask = match form.data.read(&platforms, signed.preferences.zone, now) {
        Ok(ask) => ask,
        Err(problems) => return Ok(Err(problems)),
    };
    actions::propose_grant(services, signed, id, &ask, &form.data.reason, form.key)?;
    Ok(Ok(()))
}
