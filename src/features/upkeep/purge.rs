//! Removing jobs that have ended: what would go is counted first, and no more than that goes.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;

use super::actions::{self, AT_MOST, PurgeError};
use super::choice::{AGES, Choice, WAYS};
use super::pages::how_it_ended;
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::jobs::ended::{Ended, Group, ended_kinds};
use crate::foundation::web::format::{counted, number};
use crate::foundation::web::{
    self, Chrome, Form, Lamp, Nav, Problems, block, filters, page, page_with, see_other,
};

#[derive(Template)]
#[template(path = "upkeep/purge.html")]
struct Purge {
    chrome: Chrome,
    choice: Choice,
    kinds: Vec<String>,
    rows: Vec<Row>,
    total: i64,
    before: DateTime<Utc>,
    removed: Option<i64>,
    problems: Problems,
}

struct Row {
    group: Group,
    lamp: Lamp,
    word: &'static str,
}

impl Purge {
    fn ways() -> impl Iterator<Item = (&'static str, &'static str)> {
        WAYS.iter().map(|(way, label, _)| (*way, *label))
    }

    fn ages() -> impl Iterator<Item = (String, &'static str)> {
        AGES.iter()
            .map(|(hours, label)| (hours.to_string(), *label))
    }

    fn is_of(&self, kind: &str) -> bool {
        self.choice.kind.as_deref() == Some(kind)
    }

    /// To the last digit that the database keeps.
    fn moment(&self) -> String {
        self.before.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    fn is_too_much(&self) -> bool {
        self.total > AT_MOST
    }

    fn at_most() -> String {
        number(AT_MOST)
    }

    fn jobs(count: &i64) -> String {
        counted(count.unsigned_abs(), "job", "jobs")
    }
}

/// What is chosen, and what the page had shown of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    way: String,
    kind: String,
    hours: String,
    before: String,
    seen: String,
    /// How many have just gone.
    removed: Option<i64>,
}

impl Typed {
    fn choice(&self) -> Choice {
        Choice::of(&self.way, &self.kind, &self.hours)
    }

    /// The jobs that were shown, and how many.
    fn shown(&self, now: DateTime<Utc>) -> Option<(Ended, i64)> {
        let before: DateTime<Utc> = self.before.parse().ok()?;
        let seen: i64 = self.seen.parse().ok()?;
        (before <= now).then(|| (self.choice().until(before), seen))
    }
}

/// `GET /jobs/purge`: what would go. Nothing does.
pub async fn look(services: Data<Services>, signed: Signed, asked: Query<Typed>) -> web::Result {
    let view = block(move || {
        let mut view = show(&services, &signed, asked.choice(), Problems::new())?;
        view.removed = asked.removed;
        Ok::<_, web::Error>(view)
    })
    .await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    choice: Choice,
    problems: Problems,
) -> Result<Purge, web::Error> {
    let ended = choice.as_of(services.clock.now());
    let (groups, kinds) = services
        .db
        .read(|conn| Ok::<_, web::Error>((ended.count(conn)?, ended_kinds(conn)?)))?;
    Ok(Purge {
        chrome: Chrome::new(signed, services, "Remove ended jobs", Nav::Jobs),
        total: groups.iter().map(|group| group.jobs).sum(),
        rows: groups.into_iter().map(Row::of).collect(),
        before: ended.before,
        removed: None,
        choice,
        kinds,
        problems,
    })
}

impl Row {
    fn of(group: Group) -> Self {
        let (lamp, word) = how_it_ended(group.state);
        Self { group, lamp, word }
    }
}

/// `POST /jobs/purge`
pub async fn purge(services: Data<Services>, signed: Signed, form: Form<Typed>) -> web::Result {
    let choice = form.data.choice();
    let outcome = block(move || -> Result<Outcome, web::Error> {
        let now = services.clock.now();
        let refusal = match form.data.shown(now) {
            Some((ended, seen)) => {
                let (actor, back) = (signed.actor(), choice.address());
                match actions::purge(&services, &actor, &ended, seen, Some((form.key, &back))) {
                    Ok(removed) => return Ok(Outcome::Gone(format!("{back}&removed={removed}"))),
                    Err(PurgeError::Database(error)) => return Err(error.into()),
                    Err(refusal) => refusal.to_string(),
                }
            }
            None => "Look at what would go first: it was not said what was shown.".to_owned(),
        };
        let view = show(&services, &signed, choice, Problems::one("", refusal))?;
        Ok(Outcome::Refused(Box::new(view)))
    })
    .await?;
    match outcome {
        Outcome::Gone(to) => see_other(to),
        Outcome::Refused(view) => page_with(StatusCode::CONFLICT, &*view),
    }
}

/// What came of it.
enum Outcome {
    /// Where that is said.
    Gone(String),
    Refused(Box<Purge>),
}
