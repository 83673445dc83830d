use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::actions::{self, ChecklistError, Hand};
use super::run::{self, Answer, Run, RunId, Shown, State};
use super::store::{self, answers};
use super::views::{Facts, History, Line, List, ListRow, One, Platforms, Row, Verdict, asked};
use crate::features::packs::pack::{Checklist, ItemId};
use crate::features::packs::store::{self as packs};
use crate::foundation::Services;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::web::format::sentence;
use crate::foundation::web::paging::{FETCHED, Older};
use crate::foundation::web::{
    self, Chrome, Form, Nav, Problems, block, page, page_with, see_other,
};

/// More that wait are counted.
const WAITING_SHOWN: i64 = 200;

pub(super) fn platforms(conn: &mut Conn) -> db::Result<Platforms> {
    let all = packs::platforms(conn)?;
    Ok(all.into_iter().map(|it| (it.id, it)).collect())
}

/// `GET /checklists`: what waits, what there is, what became of it.
pub async fn list(signed: Signed, services: Data<Services>, older: Query<Older>) -> web::Result {
    let view = block(move || {
        let (now, scope) = (services.clock.now(), signed.view());
        let before = older.before()?;
        services.db.read(|conn| {
            let platforms = platforms(conn)?;
            let rows = |runs: Vec<Run>| -> Vec<Row> {
                let row = |run: &Run| Row::of(run, &platforms, &signed, now);
                runs.iter().map(row).collect()
            };
            let waiting = rows(store::waiting(conn, &scope, WAITING_SHOWN)?);
            let all = store::times(conn, &scope)?.len();
            let mut over = store::over(conn, &scope, before, FETCHED)?;
            let next = Older::cut(&mut over, "/checklists", |run| (run.slot, run.id.uuid()));
            let over = rows(over);
            let lists = packs::live_within::<Checklist>(conn, &scope)?;
            Ok::<_, web::Error>(List {
                chrome: Chrome::new(&signed, &services, "Checklists", Nav::Checklists),
                verdict: Verdict::of(&waiting, lists.len()),
                more: all.saturating_sub(waiting.len()),
                lists: lists.iter().map(|it| ListRow::of(it, &platforms)).collect(),
                waiting,
                over,
                next,
                is_first: before.is_none(),
            })
        })
    })
    .await?;
    page(&view)
}

/// `GET /checklists/{id}`: a list, and each time that it was gone through.
pub async fn history(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    older: Query<Older>,
) -> web::Result {
    let id = id.into_inner();
    let view = block(move || {
        let typed = (String::new(), Problems::new());
        history_of(&services, &signed, id, &older, typed)
    })
    .await?;
    page(&view)
}

fn history_of(
    services: &Services,
    signed: &Signed,
    id: ItemId,
    older: &Older,
    (subject, problems): (String, Problems),
) -> Result<History, web::Error> {
    let before = older.before()?;
    let now = services.clock.now();
    services.db.read(|conn| {
        let list = packs::item::<Checklist>(conn, id)?;
        if !signed.reach().allows(list.platform) {
            return Err(web::Error::NotFound);
        }
        let platforms = platforms(conn)?;
        let mut runs = store::of_item(conn, id, before, FETCHED)?;
        let at = format!("/checklists/{id}");
        let next = Older::cut(&mut runs, &at, |run| (run.slot, run.id.uuid()));
        let by_itself = list.spec.on_demand.is_none();
        let lines = list.spec.items.iter();
        Ok(History {
            chrome: Chrome::new(signed, services, &list.name, Nav::Checklists),
            row: ListRow::of(&list, &platforms),
            about: list.spec.about.clone(),
            lines: lines.map(|it| (it.text.clone(), asked(it))).collect(),
            runs: runs
                .iter()
                .map(|run| Row::of(run, &platforms, signed, now))
                .collect(),
            may_start: !by_itself
                && list.retired_at.is_none()
                && signed.may_at(Permission::ChecklistsAct, list.platform),
            by_itself,
            next,
            subject,
            problems,
        })
    })
}

#[derive(Deserialize)]
pub struct StartForm {
    #[serde(default)]
    subject: String,
}

/// `POST /checklists/{id}/runs`
pub async fn start(
    signed: Signed,
    services: Data<Services>,
    id: Path<ItemId>,
    form: Form<StartForm>,
) -> web::Result {
    let id = id.into_inner();
    let done = block(move || {
        let mut problems = Problems::new();
        problems.check_plain("subject", &form.data.subject);
        if problems.is_empty() {
            let hand = Hand::of(&signed);
            match actions::start(&services, &hand, id, &form.data.subject, form.key) {
                Ok(run) => return Ok(Ok(run)),
                Err(ChecklistError::Wrong(field, why)) => {
                    problems.add(field, format!("{}.", sentence_of(why)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let typed = (form.data.subject, problems);
        history_of(&services, &signed, id, &Older::default(), typed).map(Err)
    })
    .await?;
    match done {
        Ok(run) => see_other(format!("/checklists/runs/{run}")),
        Err(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

/// "Say why", of "say why".
pub(super) fn sentence_of(why: &str) -> String {
    sentence(&why).trim_end_matches('.').to_owned()
}

/// A run as it stands, with what was answered.
pub(super) struct Found {
    pub run: Run,
    pub answers: Vec<Answer>,
    pub shown: Vec<Shown>,
    pub platforms: Platforms,
}

impl Found {
    /// Where its platform is within reach.
    pub(super) fn read(conn: &mut Conn, signed: &Signed, id: RunId) -> Result<Self, web::Error> {
        let run = store::one(conn, id)?;
        if !signed.reach().allows(run.platform) {
            return Err(web::Error::NotFound);
        }
        Ok(Self {
            answers: answers::of_run(conn, id)?,
            shown: answers::shown(conn, id)?,
            platforms: platforms(conn)?,
            run,
        })
    }

    pub(super) fn facts(&self, now: DateTime<Utc>) -> Facts {
        Facts::of(&self.run, &self.answers, &self.platforms, now)
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        Line::all(&self.run, &self.answers, &self.shown)
    }
}

/// What was typed into the forms of a run's page.
#[derive(Default)]
struct Typed {
    note: String,
    why: String,
}

/// `GET /checklists/runs/{id}`
pub async fn one(signed: Signed, services: Data<Services>, id: Path<RunId>) -> web::Result {
    let id = id.into_inner();
    let view =
        block(move || show(&services, &signed, id, Typed::default(), Problems::new())).await?;
    page(&view)
}

fn show(
    services: &Services,
    signed: &Signed,
    id: RunId,
    typed: Typed,
    problems: Problems,
) -> Result<One, web::Error> {
    let found = services.db.read(|conn| Found::read(conn, signed, id))?;
    let now = services.clock.now();
    let run = &found.run;
    let may = |permission| signed.may_at(permission, run.platform);
    let is_open = run.state == State::Open;
    let may_act = is_open && may(Permission::ChecklistsAct);
    let gaps = run.gaps(&found.answers, &found.shown).len();
    let performed = |it: &run::Signature| it.performers.contains(&signed.person);
    Ok(One {
        chrome: Chrome::new(signed, services, &run.name, Nav::Checklists),
        facts: found.facts(now),
        lines: found.lines(),
        stands: actions::stands(run, &found.answers, &found.shown),
        gaps: if is_open { gaps } else { 0 },
        may_act,
        may_sign: may_act && gaps == 0,
        may_review: run.state == State::Signed && may(Permission::ChecklistsReview),
        own: run.signature.as_ref().is_some_and(performed),
        may_call_off: may_act && run.opened_by.is_some(),
        reads: run.spec.items.iter().any(|item| item.read.is_some()),
        note: typed.note,
        why: typed.why,
        problems,
    })
}

/// The form has no fields of its own.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /checklists/runs/{id}/readings`
pub async fn read_again(
    signed: Signed,
    services: Data<Services>,
    id: Path<RunId>,
    form: Form<Nothing>,
) -> web::Result {
    let id = id.into_inner();
    block(move || {
        actions::read_again(&services, &Hand::of(&signed), id, form.key).map_err(web::Error::from)
    })
    .await?;
    see_other(format!("/checklists/runs/{id}"))
}

/// What somebody has read who signs it.
#[derive(Deserialize)]
pub struct SignForm {
    #[serde(default)]
    read: String,
}

/// `POST /checklists/runs/{id}/signature`
pub async fn sign(
    signed: Signed,
    services: Data<Services>,
    id: Path<RunId>,
    form: Form<SignForm>,
) -> web::Result {
    let id = id.into_inner();
    block(move || {
        let done = actions::sign(&services, &Hand::of(&signed), id, &form.data.read, form.key);
        done.map_err(web::Error::from)
    })
    .await?;
    see_other(format!("/checklists/runs/{id}"))
}

#[derive(Deserialize)]
pub struct ReviewForm {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    note: String,
}

/// `POST /checklists/runs/{id}/review`
pub async fn review(
    signed: Signed,
    services: Data<Services>,
    id: Path<RunId>,
    form: Form<ReviewForm>,
) -> web::Result {
    let id = id.into_inner();
    let refused = block(move || {
        let ReviewForm { verdict, note } = form.data;
        let mut problems = Problems::new();
        problems.check_plain("note", &note);
        let accepts = match verdict.as_str() {
            "accept" => true,
            "object" => false,
            _ => {
                problems.add("verdict", "Choose one of the two.");
                false
            }
        };
        if !accepts && problems.is_empty() && note.trim().is_empty() {
            problems.add("note", "Say what is wrong.");
        }
        if problems.is_empty() {
            let hand = Hand::of(&signed);
            match actions::review(&services, &hand, id, accepts, &note, form.key) {
                Ok(()) => return Ok(None),
                Err(ChecklistError::Wrong(field, why)) => {
                    problems.add(field, format!("{}.", sentence_of(why)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let typed = Typed {
            note,
            ..Typed::default()
        };
        show(&services, &signed, id, typed, problems).map(Some)
    })
    .await?;
    answer(id, refused)
}

fn answer(id: RunId, refused: Option<One>) -> web::Result {
    match refused {
        None => see_other(format!("/checklists/runs/{id}")),
        Some(view) => page_with(StatusCode::UNPROCESSABLE_ENTITY, &view),
    }
}

#[derive(Deserialize)]
pub struct EndForm {
    #[serde(default)]
    why: String,
}

/// `POST /checklists/runs/{id}/end`
pub async fn call_off(
    signed: Signed,
    services: Data<Services>,
    id: Path<RunId>,
    form: Form<EndForm>,
) -> web::Result {
    let id = id.into_inner();
    let refused = block(move || {
        let why = form.data.why;
        let mut problems = Problems::new();
        problems.check_plain("why", &why);
        if problems.is_empty() {
            match actions::call_off(&services, &Hand::of(&signed), id, &why, form.key) {
                Ok(()) => return Ok(None),
                Err(ChecklistError::Wrong(field, why)) => {
                    problems.add(field, format!("{}.", sentence_of(why)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let typed = Typed {
            why,
            ..Typed::default()
        };
        show(&services, &signed, id, typed, problems).map(Some)
    })
    .await?;
    answer(id, refused)
}
