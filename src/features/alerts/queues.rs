//! The message queues of the platforms and our own: how much waits in each, how long, and the lamps over it.

use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, Utc};

use super::overview::LitSources;
use super::{own_queues, store};
use crate::features::health::board::{self, ProbeStatus, ServiceStatus};
use crate::features::health::views::{self as health_views, figure};
use crate::features::packs::pack::{Check, Measure, ProbeState};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::counted;
use crate::foundation::web::{self, Chrome, Lamp, Nav, block, page};

#[derive(Template)]
#[template(path = "alerts/queues.html")]
pub struct Queues {
    pub chrome: Chrome,
    pub lamp: Lamp,
    pub sentence: String,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    /// Where there is more of it; nowhere for who may not look there.
    pub href: Option<String>,
    pub service_name: String,
    pub platform: String,
    pub lamp: Lamp,
    pub word: String,
    /// Waiting, delayed, reserved, failed, longest wait; nothing where nobody tells.
    pub figures: Vec<Figure>,
    pub looked_at: Option<DateTime<Utc>>,
}

pub struct Figure {
    pub label: &'static str,
    pub value: Option<String>,
    pub lamp: Option<Lamp>,
}

pub(super) const FIGURES: [(&str, Measure); 5] = [
    ("Waiting", Measure::Waiting),
    ("Longest wait", Measure::Oldest),
    ("Delayed", Measure::Delayed),
    ("In hand", Measure::Reserved),
    ("Failed", Measure::Failed),
];

/// `GET /queues`: every queue that a probe looks at, and our own, worst first.
pub async fn list(signed: Signed, services: Data<Services>) -> web::Result {
    let (app, view) = (services.clone(), signed.view());
    let leads = own_queues::Leads::of(&signed);
    let mut rows = block(move || {
        let now = app.clock.now();
        app.db
            .read(|conn| {
                let open = store::open(conn, &view)?;
                let lit = LitSources::read(conn, &open)?;
                let board = board::services(conn, &view, now)?;
                let mut rows = rows(&board, &lit);
                // Our own are of all platforms together.
                if view == Scope::All {
                    rows.extend(own_queues::rows(conn, &lit, &leads, now)?);
                }
                Ok::<_, db::Error>(rows)
            })
            .map_err(web::Error::from)
    })
    .await?;
    rows.sort_by(|a, b| {
        let key = |row: &Row| (order(row.lamp), row.platform.clone(), row.name.clone());
        key(a).cmp(&key(b))
    });
    let (lamp, sentence) = verdict(&rows);
    page(&Queues {
        chrome: Chrome::new(&signed, &services, "Queues", Nav::Queues),
        lamp,
        sentence,
        rows,
    })
}

/// Worst first: what nobody knows comes before what is well.
fn order(lamp: Lamp) -> (bool, Lamp) {
    (lamp == Lamp::Clear, lamp)
}

fn verdict(rows: &[Row]) -> (Lamp, String) {
    let total = counted(rows.len() as u64, "queue", "queues");
    let worst = rows
        .iter()
        .map(|row| row.lamp)
        .min_by_key(|lamp| order(*lamp));
    let want = rows.iter().filter(|row| row.lamp < Lamp::Clear).count();
    let unknown = rows.iter().filter(|row| row.lamp == Lamp::Unknown).count();
    let sentence = match (want, unknown) {
        (1, _) => format!("1 of {total} needs attention"),
        (2.., _) => format!("{want} of {total} need attention"),
        (_, 1) => format!("1 of {total} is unknown"),
        (_, 2..) => format!("{unknown} of {total} are unknown"),
        _ if rows.len() == 1 => "The one queue is as it should be".to_owned(),
        _ => format!("All {total} are as they should be"),
    };
    (worst.unwrap_or(Lamp::Unknown), sentence)
}

fn rows(board: &[ServiceStatus], lit: &LitSources) -> Vec<Row> {
    let probes = board
        .iter()
        .flat_map(|service| service.probes.iter().map(move |probe| (service, probe)));
    let queues = probes.filter(|(_, probe)| matches!(probe.item.spec.check, Check::Queue(_)));
    queues
        .map(|(service, probe)| Row::of(service, probe, lit))
        .collect()
}

impl Row {
    fn of(service: &ServiceStatus, probe: &ProbeStatus, lit: &LitSources) -> Self {
        let name = match &probe.item.spec.check {
            Check::Queue(queue) if !queue.name.is_empty() => queue.name.clone(),
            _ => probe.item.slug.clone(),
        };
        let figures: Vec<Figure> = FIGURES
            .into_iter()
            .map(|(label, measure)| {
                let value = probe.measures.iter().find(|(of, _)| *of == measure);
                Figure {
                    label,
                    value: value.map(|(_, value)| figure(*value, measure)),
                    lamp: lit.over(&probe.item, measure),
                }
            })
            .collect();
        let over = figures.iter().filter_map(|figure| figure.lamp).min();
        let (lamp, word) = match (probe.state, over) {
            (ProbeState::Up, Some(lamp)) => (lamp, "Needs attention".to_owned()),
            (ProbeState::Up, None) => (Lamp::Clear, "As it should be".to_owned()),
            (state, _) => (health_views::lamp(state), health_views::why(probe)),
        };
        Self {
            name,
            href: Some(format!("/services/{}", service.id)),
            service_name: service.name.clone(),
            platform: service.platform.name.clone(),
            lamp,
            word,
            figures,
            looked_at: probe.checked_at,
        }
    }
}
