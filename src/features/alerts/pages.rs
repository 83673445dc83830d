use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::alert::{ACKNOWLEDGED_AT_MOST, Holder};
use super::silences;
use super::store::{self, Alert, rules, timeline};
use super::suppression::Suppression;
use super::telling::{self, Telling};
use super::views::{self, AlertGroup, Directory, RunbookCard};
use super::{AlertId, actions, hand};
use crate::features::packs::pack::{ItemId, Rule, Runbook, Service};
use crate::features::packs::store::{self as packs};
use crate::foundation::Services;
use crate::foundation::audit::FormKey;
use crate::foundation::auth::{Permission, Signed};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PersonId, PlatformId, Scope};
use crate::foundation::web::format::counted;
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS};
use crate::foundation::web::{self, Chrome, Form, Lamp, Nav, Problems, block};

/// Which alerts a list shows, and from where on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    state: Option<State>,
    after: Option<String>,
    acknowledged: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Open,
    /// Open, and the reader's: given to them, or in their hand.
    Mine,
    Closed,
}

/// A page, and one row that tells whether there is another.
const CLOSED_AT_MOST: usize = PAGE_ROWS + 1;

type Place = (DateTime<Utc>, Uuid);

/// What somebody has typed below the list, and what was wrong with it.
#[derive(Default)]
pub(super) struct Typed {
    pub problems: Problems,
    pub note: String,
    pub chosen: Vec<AlertId>,
    /// For how long it was to be taken in hand.
    pub holds: String,
    /// What was typed to put it aside.
    pub lasts: String,
    pub reason: String,
}

/// `GET /alerts`: what is lit, worst first; or what has been closed, newest first.
pub async fn list(signed: Signed, services: Data<Services>, query: Query<Listing>) -> web::Result {
    let query = query.into_inner();
    let acknowledged = query.acknowledged.is_some();
    let mut page = listed(signed, services, query, Typed::default()).await?;
    if acknowledged {
        page.chrome = page.chrome.notice(Lamp::Clear, "Acknowledged");
    }
    web::page(&page)
}

async fn listed(
    signed: Signed,
    services: Data<Services>,
    query: Listing,
    typed: Typed,
) -> Result<views::List, web::Error> {
    let state = query.state.unwrap_or_default();
    let open = state != State::Closed;
    let after: Option<Cursor<Place>> = query.after.as_deref().map(Cursor::decode).transpose()?;
    let (app, now) = (services.clone(), services.clock.now());
    let (view, acts) = (signed.view(), signed.reach_for(Permission::AlertsAct));
    let mine = (state == State::Mine).then_some(signed.person);
    let (mut alerts, directory, pending, overdue) = block(move || {
        app.db.read(|conn| {
            let alerts = if open {
                store::open_of(conn, &view, mine)?
            } else {
                let after = after.map(|cursor| cursor.key);
                store::closed(conn, &view, after, CLOSED_AT_MOST)?
            };
            let pending = if state == State::Open {
                pending(conn, &view)?
            } else {
                Vec::new()
            };
            let owed = silences::store::owed(conn, &view)?;
            let overdue = owed.iter().filter(|it| it.is_overdue(now)).count();
            Ok::<_, web::Error>((alerts, directory(conn, acts, now)?, pending, overdue))
        })
    })
    .await?;
    let next = (!open && alerts.len() > PAGE_ROWS).then(|| {
        alerts.truncate(PAGE_ROWS);
        alerts.last().and_then(next_place)
    });
    let pending = pending
        .into_iter()
        .map(|(name, platform, since)| views::PendingRow {
            name,
            platform: directory.platform(platform),
            since,
        });
    // Of those that somebody has in hand, some were for a while that is over.
    if let Some(person) = mine {
        alerts.retain(|alert| is_of(alert, person, now));
    }
    let chosen = |alert: &Alert| typed.chosen.contains(&alert.id);
    let rows = alerts.iter().map(|alert| views::AlertRow {
        chosen: chosen(alert),
        ..directory.row(alert, now)
    });
    let rows: Vec<views::AlertRow> = rows.collect();
    Ok(views::List {
        chrome: Chrome::new(&signed, &services, "Alerts", Nav::Alerts),
        open,
        mine: state == State::Mine,
        overdue: counted(overdue as u64, "silence", "silences"),
        is_overdue: overdue > 0,
        storm: open && alerts.len() >= store::OPEN_AT_MOST,
        may_act: rows.iter().any(|row| row.may_act),
        groups: if open {
            AlertGroup::by_platform(rows)
        } else {
            vec![AlertGroup {
                platform: None,
                rows,
            }]
        },
        pending: pending.collect(),
        next: next.flatten(),
        problems: typed.problems,
        note: typed.note,
    })
}

fn next_place(last: &Alert) -> Option<String> {
    let key = (last.resolved_at?, last.id.uuid());
    let cursor = Cursor {
        direction: Direction::Next,
        key,
    };
    Some(format!("/alerts?state=closed&after={}", cursor.encode()))
}

/// Whether it was given to somebody, or they have it in hand.
fn is_of(alert: &Alert, person: PersonId, now: DateTime<Utc>) -> bool {
    let given = alert.assigned.as_ref().is_some_and(|it| it.to == person);
    let held = alert
        .acknowledged
        .as_ref()
        .filter(|_| alert.is_acknowledged(now));
    given || held.is_some_and(|held| held.by == Holder::Person(person))
}

/// Rules whose condition holds and has not lasted long enough.
fn pending(conn: &mut Conn, scope: &Scope) -> db::Result<Vec<(String, PlatformId, DateTime<Utc>)>> {
    let states = rules::rule_states(conn)?;
    let live = packs::live_rules(conn)?;
    let since = |rule: &ItemId| {
        states
            .get(rule)
            .and_then(|state| state.track.pending_since())
    };
    let pending = live
        .into_iter()
        .filter(|rule| scope.allows(rule.platform))
        .filter_map(|rule| Some((rule.name.clone(), rule.platform, since(&rule.id)?)));
    Ok(pending.collect())
}

/// Names of platforms, who is expected to act on a rule's alerts, and where the reader may.
pub(super) fn directory(conn: &mut Conn, acts: Scope, now: DateTime<Utc>) -> db::Result<Directory> {
    let platforms = packs::platforms(conn)?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let owner = |spec: &serde_json::Value| spec.get("owner")?.as_str().map(str::to_owned);
    let owners: HashMap<ItemId, String> = packs::live_rules(conn)?
        .into_iter()
        .filter_map(|rule| Some((rule.id, owner(&rule.spec)?)))
        .collect();
    Ok(Directory {
        platforms,
        owners,
        acts,
        suppression: Some(Suppression::read(conn, now)?),
    })
}

/// `GET /alerts/{id}`: one alert, what happened to it, and what to do.
pub async fn alert(signed: Signed, services: Data<Services>, id: Path<AlertId>) -> web::Result {
    web::page(&one(signed, services, id.into_inner(), Typed::default()).await?)
}

pub(super) async fn one(
    signed: Signed,
    services: Data<Services>,
    id: AlertId,
    typed: Typed,
) -> Result<views::AlertPage, web::Error> {
    let (app, now) = (services.clone(), services.clock.now());
    let (reach, acts) = (
        signed.reach().clone(),
        signed.reach_for(Permission::AlertsAct),
    );
    let (alert, directory, changes, runbook, service, known, candidates, belongs) =
        block(move || {
            app.db.read(|conn| {
                let alert = store::alert(conn, id)?;
                if !reach.allows(alert.platform) {
                    return Err(web::Error::NotFound);
                }
                let runbook = runbook_of(conn, &alert)?;
                let service = alert
                    .service
                    .map(|id| packs::item::<Service>(conn, id))
                    .transpose()?;
                let changes = timeline::changes(conn, id)?;
                let known = telling::read(conn, id)?;
                let candidates = if acts.allows(alert.platform) && alert.is_open() {
                    hand::candidates(conn, &alert, now)?
                } else {
                    Vec::new()
                };
                let directory = directory(conn, acts, now)?;
                let belongs = store::incidents::of_alert(conn, id)?;
                let found = (
                    alert, directory, changes, runbook, service, known, candidates, belongs,
                );
                Ok::<_, web::Error>(found)
            })
        })
        .await?;
    let row = directory.row(&alert, now);
    let may_silence = signed.may_at(Permission::AlertsAct, alert.platform);
    let may_read = signed.may_at(Permission::IncidentsRead, alert.platform);
    let belongs = belongs.filter(|_| may_read);
    let is_free = !belongs.as_ref().is_some_and(|held| held.live);
    let held = alert.is_acknowledged(now);
    let no_form = match (alert.is_open(), row.may_act, held) {
        (false, ..) => "It is closed: nothing is left to do.",
        (true, false, true) => "Somebody has it in hand.",
        (true, false, false) => "Acknowledging takes the operator's role.",
        (true, true, _) => "",
    };
    Ok(views::AlertPage {
        chrome: Chrome::new(&signed, &services, &alert.name, Nav::Alerts),
        row,
        active_at: alert.active_at,
        fingerprint: alert.fingerprint.clone(),
        rule: alert
            .rule
            .filter(|_| signed.may_at(Permission::PacksRead, alert.platform)),
        labels: alert.labels(),
        service: service.map(|item| (item.id.to_string(), item.name)),
        note: alert
            .acknowledged
            .as_ref()
            .map(|held| held.note.clone())
            .filter(|note| !note.is_empty()),
        held_by: alert
            .acknowledged
            .as_ref()
            .filter(|_| held)
            .map(|held| held.name.clone()),
        telling: Telling::of(&known, &alert, now, signed.preferences.zone),
        timeline: changes.iter().rev().map(views::TimelineRow::from).collect(),
        runbook: runbook.map(|item| RunbookCard::of(&item, now)),
        form: no_form.is_empty(),
        problems: typed.problems,
        typed: typed.note,
        holds: typed.holds,
        lasts: typed.lasts,
        reason: typed.reason,
        no_form,
        may_let_go: held && alert.firing && may_silence,
        assigned: alert.assigned.clone(),
        is_mine: alert
            .assigned
            .as_ref()
            .is_some_and(|it| it.to == signed.person),
        me: signed.person,
        candidates,
        may_silence: alert.firing && may_silence,
        may_declare: is_free && signed.may_at(Permission::IncidentsAct, alert.platform),
        incident: belongs.map(|held| (held.incident.to_string(), held.title, held.live)),
    })
}

/// The runbook of an alert's rule, while both are in force.
fn runbook_of(conn: &mut Conn, alert: &Alert) -> db::Result<Option<packs::Item<Runbook>>> {
    let Some(rule) = alert.rule else {
        return Ok(None);
    };
    let rule = match packs::item::<Rule>(conn, rule) {
        Ok(rule) => rule,
        // A rule that cannot be read has lit this very lamp.
        Err(db::Error::Query(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(slug) = rule.spec.runbook else {
        return Ok(None);
    };
    match packs::by_slug(conn, alert.platform, &slug) {
        Ok(runbook) => Ok(Some(runbook)),
        Err(db::Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Debug, Deserialize)]
pub struct Note {
    #[serde(default)]
    note: String,
    /// For how long; nothing is for as long as that can be.
    #[serde(default)]
    holds: String,
}

/// `POST /alerts/{id}/acknowledgement`
pub async fn acknowledge(
    signed: Signed,
    services: Data<Services>,
    id: Path<AlertId>,
    form: Form<Note>,
) -> web::Result {
    let id = id.into_inner();
    let mut typed = Typed {
        holds: form.data.holds.clone(),
        ..note_problems(Problems::new(), &form.data.note, vec![id])
    };
    let lasts = match form.data.holds.as_str() {
        "" => Some(ACKNOWLEDGED_AT_MOST),
        chosen => views::length(&views::HOLDS, chosen),
    };
    if lasts.is_none() {
        typed
            .problems
            .add("holds", "Choose for how long: at most eight hours.");
    }
    if !typed.problems.is_empty() {
        let page = one(signed, services, id, typed).await?;
        return web::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let location = format!("/alerts/{id}");
    acknowledge_all(
        signed,
        services,
        vec![id],
        form.data.note,
        lasts.unwrap_or(ACKNOWLEDGED_AT_MOST),
        form.key,
        location,
    )
    .await
}

#[derive(Debug, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    alert: Vec<AlertId>,
    #[serde(default)]
    note: String,
}

/// `POST /alerts/acknowledgement`: several at once.
pub async fn acknowledge_several(
    signed: Signed,
    services: Data<Services>,
    form: Form<Chosen>,
) -> web::Result {
    let mut problems = Problems::new();
    if form.data.alert.is_empty() {
        problems.add("alert", "Tick the alerts that you take in hand.");
    }
    let typed = note_problems(problems, &form.data.note, form.data.alert.clone());
    if !typed.problems.is_empty() {
        let page = listed(signed, services, Listing::default(), typed).await?;
        return web::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let location = "/alerts?acknowledged=yes".to_owned();
    acknowledge_all(
        signed,
        services,
        form.data.alert,
        form.data.note,
        ACKNOWLEDGED_AT_MOST,
        form.key,
        location,
    )
    .await
}

fn note_problems(mut problems: Problems, note: &str, chosen: Vec<AlertId>) -> Typed {
    problems.check_plain("note", note);
    Typed {
        problems,
        note: note.to_owned(),
        chosen,
        ..Typed::default()
    }
}

async fn acknowledge_all(
    signed: Signed,
    services: Data<Services>,
    alerts: Vec<AlertId>,
    note: String,
    lasts: TimeDelta,
    key: FormKey,
    location: String,
) -> web::Result {
    let to = location.clone();
    block(move || {
        actions::acknowledge(&services, &signed, &alerts, &note, lasts, key, &location)
            .map_err(web::Error::from)
    })
    .await?;
    web::see_other(to)
}
