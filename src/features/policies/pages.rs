use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{Days, NaiveDate};
use serde::Deserialize;

use super::views::{List, One, Open, line, names_of, past, pretty};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db;
use crate::foundation::kernel::Scope;
use crate::foundation::policy::{self, Catalog, Kind, Proposal, Refusal};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

pub async fn list(signed: Signed, services: Data<Services>, catalog: Data<Catalog>) -> web::Result {
    let chrome = Chrome::new(&signed, &services, "Policy", Nav::Policy);
    let view = block(move || {
        let now = services.clock.now();
        services.db.read(|conn| {
            let rows = catalog
                .0
                .iter()
                .map(|kind| line(conn, *kind, now))
                .collect::<db::Result<Vec<_>>>()?;
            Ok::<_, web::Error>(List { chrome, rows })
        })
    })
    .await?;
    page(&view)
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProposalForm {
    pub(super) value: String,
    pub(super) effective: String,
    pub(super) reason: String,
}

pub async fn one(
    signed: Signed,
    services: Data<Services>,
    catalog: Data<Catalog>,
    key: Path<String>,
) -> web::Result {
    let kind = catalog.find(&key).ok_or(web::Error::NotFound)?;
    let view = block(move || show(&services, &signed, kind, None, Problems::new())).await?;
    page(&view)
}

pub(super) fn acts_everywhere(signed: &Signed, permission: Permission) -> bool {
    signed.reach_for(permission) == Scope::All
}

fn show(
    services: &Services,
    signed: &Signed,
    kind: Kind,
    form: Option<ProposalForm>,
    problems: Problems,
) -> Result<One, web::Error> {
    let chrome = Chrome::new(signed, services, kind.title, Nav::Policy);
    let now = chrome.now;
    services.db.read(|conn| {
        let versions = policy::versions(conn, kind.key)?;
        let in_force = policy::in_force(conn, kind.key, now)?;
        let names = names_of(conn, &versions)?;
        let current = in_force
            .as_ref()
            .map_or_else(String::new, |version| pretty(&version.value));
        let proposal = versions
            .iter()
            .find(|version| version.is_open())
            .map(|version| Open::new(version.clone(), in_force.as_ref(), signed, &names, now));
        let holds = signed.may(Permission::PolicyPropose);
        let everywhere = acts_everywhere(signed, Permission::PolicyPropose);
        Ok(One {
            form: form.unwrap_or_else(|| ProposalForm {
                value: current.clone(),
                effective: (now.date_naive() + Days::new(1)).to_string(),
                reason: String::new(),
            }),
            may_propose: everywhere && proposal.is_none(),
            no_proposal: (holds && !everywhere).then_some(LIMITED),
            versions: past(&versions, in_force.as_ref(), &names, now),
            current,
            proposal,
            in_force,
            problems,
            kind,
            chrome,
        })
    })
}

const LIMITED: &str = "A policy holds for every platform, and your role is limited to some of them. \
                       Ask a compliance officer who acts for all.";

pub async fn propose(
    signed: Signed,
    services: Data<Services>,
    catalog: Data<Catalog>,
    key: Path<String>,
    form: Form<ProposalForm>,
) -> web::Result {
    let kind = catalog.find(&key).ok_or(web::Error::NotFound)?;
    check_reach(&signed, Permission::PolicyPropose)?;
    let outcome = block(move || {
        let problems = match try_propose(&services, &signed, kind, &form)? {
            Ok(()) => return Ok(Ok(())),
            Err(problems) => problems,
        };
        show(&services, &signed, kind, Some(form.data), problems).map(Err)
    })
    .await?;
    match outcome {
        Ok(()) => see_other(format!("/policy/{key}")),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

fn check_reach(signed: &Signed, permission: Permission) -> Result<(), web::Error> {
    if acts_everywhere(signed, permission) {
        return Ok(());
    }
    Err(web::Error::Refused(web::Refusal::new(
        "scope_limited",
        "A policy holds for every platform.",
        "Your role is limited to some of them. Ask a compliance officer who acts for all.",
    )))
}

/// The problems of the form, where there are some.
fn try_propose(
    services: &Services,
    signed: &Signed,
    kind: Kind,
    form: &Form<ProposalForm>,
) -> Result<Result<(), Problems>, web::Error> {
    let proposal = match read(&form.data) {
        Ok(proposal) => proposal,
        Err(problems) => return Ok(Err(problems)),
    };
    let outcome = services.audit.write(&signed.actor(), |tx| {
        tx.once(form.key, &format!("/policy/{}", kind.key))?;
        policy::propose(tx, &kind, &proposal)
    });
    let field = match &outcome {
        Ok(_) => return Ok(Ok(())),
        Err(Refusal::Value(_) | Refusal::Same) => "value",
        Err(Refusal::Reason) => "reason",
        Err(Refusal::Past) => "effective",
        Err(_) => return Err(refused(outcome.err())),
    };
    let message = outcome
        .err()
        .map(|refusal| sentence(&refusal))
        .unwrap_or_default();
    Ok(Err(Problems::one(field, message)))
}

fn read(form: &ProposalForm) -> Result<Proposal, Problems> {
    let mut problems = Problems::new();
    let value = serde_json::from_str(&form.value);
    if let Err(error) = &value {
        let place = format!("line {}, character {}", error.line(), error.column());
        problems.add(
            "value",
            format!("This is not well-formed JSON: look at {place}."),
        );
    }
    let day = form.effective.parse::<NaiveDate>();
    if day.is_err() {
        problems.add("effective", "Give the day from which it holds.");
    }
    if form.reason.trim().is_empty() {
        problems.add("reason", "Say why, for whoever has to approve it.");
    }
    match (value, day) {
        (Ok(value), Ok(day)) if problems.is_empty() => Ok(Proposal {
            value,
            effective_from: day.and_time(chrono::NaiveTime::MIN).and_utc(),
            reason: form.reason.clone(),
        }),
        _ => Err(problems),
    }
}

fn refused(refusal: Option<Refusal>) -> web::Error {
    match refusal {
        Some(Refusal::Database(error)) => error.into(),
        Some(refusal) => web::Error::Refused(web::Refusal::new(
            "policy_refused",
            sentence(&refusal),
            "Nothing was changed.",
        )),
        None => web::Error::NotFound,
    }
}

#[derive(Deserialize)]
pub struct Seen {
    /// The hash of the proposal as the page showed it.
    #[serde(default)]
    payload: String,
}

pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    catalog: Data<Catalog>,
    at: Path<(String, i32)>,
    form: Form<Seen>,
) -> web::Result {
    let (key, version) = at.into_inner();
    let kind = catalog.find(&key).ok_or(web::Error::NotFound)?;
    check_reach(&signed, Permission::PolicyApprove)?;
    block(move || {
        let seen = hex::decode(&form.data.payload).unwrap_or_default();
        let outcome = services.audit.write(&signed.actor(), |tx| {
            tx.once(form.key, &format!("/policy/{}", kind.key))?;
            policy::approve(tx, &kind, version, &seen)
        });
        outcome.map_err(|refusal| refused(Some(refusal)))
    })
    .await?;
    see_other(format!("/policy/{key}"))
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

pub async fn withdraw(
    signed: Signed,
    services: Data<Services>,
    catalog: Data<Catalog>,
    at: Path<(String, i32)>,
    form: Form<Nothing>,
) -> web::Result {
    let (key, version) = at.into_inner();
    let kind = catalog.find(&key).ok_or(web::Error::NotFound)?;
    check_reach(&signed, Permission::PolicyPropose)?;
    block(move || {
        let outcome = services.audit.write(&signed.actor(), |tx| {
            tx.once(form.key, &format!("/policy/{}", kind.key))?;
            policy::withdraw(tx, kind.key, version)
        });
        outcome.map_err(|refusal| refused(Some(refusal)))
    })
    .await?;
    see_other(format!("/policy/{key}"))
}
