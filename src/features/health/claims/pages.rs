use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::actions::{self, New, Refusal};
use super::claim::{self, ClaimId, EVIDENCE_AT_MOST, OLDEST};
use super::views::{List, One, Row};
use crate::features::health::store::{claims, reports};
use crate::features::packs::pack::{Indicator, ItemId};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::{Event, FormKey, Subject};
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::files::FileId;
use crate::foundation::files::evidence::{self, FIELD};
use crate::foundation::files::upload::{self, Accept, NoFile, Parts, Upload};
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// How many reports the page of an indicator shows.
const SHOWN: i64 = 50;

/// `GET /indicators`
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let rows = block(move || {
        let now = app.clock.now();
        app.db.read(|conn| {
            let live = packs::live_within::<Indicator>(conn, &view)?;
            let ids: Vec<ItemId> = live.iter().map(|item| item.id).collect();
            let last = reports::last_reports(conn, &ids)?;
            let platforms = packs::platforms(conn)?;
            let rows = live.iter();
            let rows = rows.map(|item| Row::of(item, last.get(&item.id), &platforms, now));
            Ok::<_, web::Error>(rows.collect::<Vec<_>>())
        })
    })
    .await?;
    page(&List {
        chrome: Chrome::new(&signed, &services, "Indicators", Nav::Services),
        rows,
    })
}

/// Room for the longest evidence, and for somebody who is told that theirs is too long.
const TEXT_BYTES: usize = 64 * 1024;

const ACCEPT: Accept = evidence::accept("indicator_evidence", TEXT_BYTES);

/// What is typed into the form.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub value: String,
    pub as_of: String,
    pub evidence: String,
    pub sha256: String,
    pub corrects: String,
}

impl Typed {
    fn of(sent: &Upload) -> Self {
        let text = |name| sent.text(name).to_owned();
        Self {
            value: text("value"),
            as_of: text("as_of"),
            evidence: text("evidence"),
            sha256: text("sha256"),
            corrects: text("corrects"),
        }
    }
}

/// `GET /indicators/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<ItemId>) -> web::Result {
    let id = id.into_inner();
    let view =
        block(move || show(&services, &signed, id, Typed::default(), Problems::new())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    typed: Typed,
    problems: Problems,
) -> Result<One, web::Error> {
    let now = services.clock.now();
    services.db.read(|conn| {
        let item = packs::item::<Indicator>(conn, id)?;
        if !signed.reach().allows(item.platform) || item.retired_at.is_some() {
            return Err(web::Error::NotFound);
        }
        let platforms = packs::platforms(conn)?;
        let last = reports::last_reports(conn, &[id])?;
        Ok(One {
            chrome: Chrome::new(signed, services, &item.name, Nav::Services),
            row: Row::of(&item, last.get(&id), &platforms, now),
            waiting: claims::waiting(conn, id)?,
            said: claims::reports(conn, id, SHOWN)?,
            may_report: signed.may_at(Permission::IndicatorsReport, item.platform),
            me: signed.person,
            spec: item.spec,
            typed,
            problems,
        })
    })
}

/// `POST /indicators/{id}/reports`
pub async fn report(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    parts: Parts,
) -> web::Result {
    let id = id.into_inner();
    let (app, who) = (services.clone(), signed.clone());
    // Whoever may not see it leaves no file, and is not told what was wrong with the form.
    block(move || visible(&app, &who, id)).await?;
    let sent = upload::receive(&services, &signed, parts, ACCEPT).await?;
    let again = block(move || take(&services, &signed, id, &sent)).await?;
    match again {
        None => see_other(format!("/indicators/{id}")),
        Some((status, view)) => page_with(status, &view),
    }
}

/// The form once more, where something is wrong with it. The bytes of what is not kept are dropped.
fn take(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    sent: &Upload,
) -> Result<Option<(StatusCode, One)>, web::Error> {
    let typed = Typed::of(sent);
    let (status, mut problems) = match read(signed, &typed, sent, services.clock.now()) {
        Ok(new) => match actions::report(services, signed, id, &new, sent.key) {
            Ok(()) => return Ok(None),
            // It was answered, or corrected, while this was typed: what was typed stays.
            Err(refusal @ Refusal::NothingToCorrect) => {
                let problems = Problems::one("corrects", refusal.to_string());
                (StatusCode::CONFLICT, problems)
            }
            Err(refusal) => {
                sent.discard(services)?;
                return Err(refusal.into());
            }
        },
        Err(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
    };
    sent.discard(services)?;
    if sent.file(FIELD).is_ok() {
        problems.add(FIELD, "Choose the file again: no page can do that for you.");
    }
    show(services, signed, id, typed, problems).map(|view| Some((status, view)))
}

fn visible(
    services: &Services,
    signed: &Signed,
    id: ItemId,
) -> Result<Item<Indicator>, web::Error> {
    let read = |conn: &mut _| packs::item::<Indicator>(conn, id);
    let item = services.db.read(read)?;
    if signed.reach().allows(item.platform) {
        Ok(item)
    } else {
        Err(web::Error::NotFound)
    }
}

/// What was typed, as it is meant.
fn read(
    signed: &Signed,
    typed: &Typed,
    sent: &Upload,
    now: DateTime<Utc>,
) -> Result<New, Problems> {
    let mut problems = Problems::new();
    let value = claim::number(&typed.value);
    if value.is_none() {
        problems.add("value", "Write a number, such as 97.4, without its unit.");
    }
    let as_of = as_of(signed, &typed.as_of, now).unwrap_or_else(|why| {
        problems.add("as_of", why);
        now
    });
    problems.check_plain("evidence", &typed.evidence);
    if typed.evidence.trim().is_empty() {
        problems.add(
            "evidence",
            "Say how it is known: the report, its page, the ticket.",
        );
    } else if typed.evidence.chars().count() > EVIDENCE_AT_MOST {
        problems.add("evidence", "Evidence has at most 2000 characters.");
    }
    let sha256 = claim::sha256(&typed.sha256).unwrap_or_else(|why| {
        problems.add("sha256", why);
        None
    });
    let file = match sent.file(FIELD) {
        Ok(file) => Some(file.stored.clone()),
        Err(NoFile::NotChosen) => None,
        Err(why) => {
            problems.add(FIELD, why.to_string());
            None
        }
    };
    if let (Some(file), Some(said)) = (&file, &sha256)
        && hex::encode(file.sha256) != *said
    {
        let found = hex::encode(file.sha256);
        problems.add(
            "sha256",
            format!("The file that came is another one: its SHA-256 is {found}."),
        );
    }
    let corrects = match typed.corrects.trim() {
        "" => None,
        text => {
            let id: Option<ClaimId> = text.parse().ok();
            if id.is_none() {
                problems.add("corrects", "Choose which value it corrects, or none.");
            }
            id
        }
    };
    problems.or(New {
        value: value.unwrap_or_default(),
        as_of,
        evidence: typed.evidence.clone(),
        sha256,
        file,
        corrects,
    })
}

/// A moment as the reader's clock says it; nothing means now.
fn as_of(signed: &Signed, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(now);
    }
    let at = web::moment(text, signed.preferences.zone);
    let at =
        at.ok_or("Write the day and the time for which it holds, or leave it empty for now.")?;
    if at > now {
        return Err("Nobody knows yet what it will be: leave it empty for now.");
    }
    if at < now - OLDEST {
        return Err("A value counts for 31 days at most: what is older belongs into a report.");
    }
    Ok(at)
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

type Answer = fn(&Services, &Signed, (ItemId, ClaimId), FormKey) -> Result<(), actions::Refusal>;

async fn answer(
    signed: Signed,
    services: Data<Services>,
    path: Path<(ItemId, ClaimId)>,
    form: Form<Nothing>,
    act: Answer,
) -> web::Result {
    let of = path.into_inner();
    block(move || act(&services, &signed, of, form.key).map_err(web::Error::from)).await?;
    see_other(format!("/indicators/{}", of.0))
}

/// `POST /indicators/{id}/reports/{claim}/approval`
pub async fn approve(
    signed: Signed,
    services: Data<Services>,
    path: Path<(ItemId, ClaimId)>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, path, form, actions::approve).await
}

/// `POST /indicators/{id}/reports/{claim}/refusal`
pub async fn refuse(
    signed: Signed,
    services: Data<Services>,
    path: Path<(ItemId, ClaimId)>,
    form: Form<Nothing>,
) -> web::Result {
    answer(signed, services, path, form, actions::refuse).await
}

/// `GET /indicators/{id}/reports/{claim}/file`. Who took it is an event.
pub async fn file(
    signed: Signed,
    services: Data<Services>,
    path: Path<(ItemId, ClaimId)>,
) -> web::Result {
    let (id, claim) = path.into_inner();
    let reach = signed.reach().clone();
    evidence::hand_out(services, signed, move |tx| {
        let item = packs::item::<Indicator>(tx, id)?;
        if !reach.allows(item.platform) {
            return Err(web::Error::NotFound);
        }
        let claim = claims::one(tx, id, claim)?;
        let file = claim.file.ok_or(web::Error::NotFound)?;
        tx.record(
            Event::new("indicator.evidence_read", Subject::new("indicator", id))
                .platform(item.platform)
                .detail("claim", claim.id.to_string())
                .detail("sha256", claim.sha256),
        )?;
        Ok(FileId::from(file.id))
    })
    .await
}
