//! The wall screen: health and alerts for everybody in the room, visitors too. It knows no person, names none, and
//! offers nothing to do.

use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::overview::TICK_LATE;
use super::pages::directory;
use super::store::{self, Alert, rules};
use super::verdict::Verdict;
use super::views::{AlertRow, Directory};
use crate::features::health::board::{self, ServiceStatus};
use crate::features::health::views::ServiceRow;
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::kernel::Scope;
use crate::foundation::web::format::When;
use crate::foundation::web::{self, Door, block};

/// How often the screen asks again.
const EVERY_SECS: u32 = 30;

/// What fits a wall: nobody stands there to scroll.
const ALERTS_AT_MOST: usize = 4;
const SERVICES_BESIDE_ALERTS: usize = 12;
const SERVICES_ALONE: usize = 24;

#[derive(Template)]
#[template(path = "alerts/display.html")]
struct Display {
    door: Door,
    zone: Tz,
    every_secs: u32,
    verdict: Verdict,
    /// When the rules were evaluated last.
    evaluated: Option<DateTime<Utc>>,
    /// What nobody has in hand comes first.
    alerts: Vec<Line>,
    more_alerts: usize,
    services: Vec<ServiceRow>,
    more_services: usize,
}

/// An alert without the name of whoever has it in hand: that is for those who work here, and not for a wall.
struct Line {
    row: AlertRow,
    in_hand: bool,
}

impl Display {
    fn clock(&self, at: &DateTime<Utc>) -> When {
        When::clock(*at, self.door.now, self.zone)
    }

    /// Whether alerts may be missing, because nobody looks for them.
    fn is_late(&self) -> bool {
        let now = self.door.now;
        self.evaluated.is_none_or(|at| now - at > TICK_LATE)
    }

    fn made(&self) -> When {
        When::made(self.door.now, self.zone)
    }
}

/// `GET /display`
pub async fn show(keyed: Keyed, services: Data<Services>) -> web::Result {
    let (app, now) = (services.clone(), services.clock.now());
    let display = block(move || {
        let (board, open, evaluated, directory) = app.db.read(|conn| {
            let board = board::services(conn, keyed.reach(), now)?;
            let open = store::open(conn, keyed.reach())?;
            let evaluated = rules::last_tick(conn)?;
            let directory = directory(conn, Scope::nothing(), now)?;
            Ok::<_, web::Error>((board, open, evaluated, directory))
        })?;
        let zone = zone_of(&directory, keyed.reach());
        let door = Door::new(&app, "Display");
        Ok::<_, web::Error>(Display {
            evaluated,
            ..Display::new(door, zone, &board, &open, &directory)
        })
    })
    .await?;
    web::page(&display)
}

impl Display {
    fn new(
        door: Door,
        zone: Tz,
        board: &[ServiceStatus],
        open: &[Alert],
        directory: &Directory,
    ) -> Self {
        let now = door.now;
        let lines = in_order(open, now).map(|alert| Line {
            row: directory.row(alert, now),
            in_hand: alert.is_acknowledged(now),
        });
        let services_at_most = if open.is_empty() {
            SERVICES_ALONE
        } else {
            SERVICES_BESIDE_ALERTS
        };
        Self {
            door,
            zone,
            every_secs: EVERY_SECS,
            evaluated: None,
            verdict: Verdict::of(board, open),
            alerts: lines.take(ALERTS_AT_MOST).collect(),
            more_alerts: open.len().saturating_sub(ALERTS_AT_MOST),
            services: board
                .iter()
                .take(services_at_most)
                .map(ServiceRow::from)
                .collect(),
            more_services: board.len().saturating_sub(services_at_most),
        }
    }
}

/// What nobody has in hand, then what somebody has; each in the order of the list.
fn in_order(open: &[Alert], now: DateTime<Utc>) -> impl Iterator<Item = &Alert> {
    let (held, free): (Vec<&Alert>, Vec<&Alert>) =
        open.iter().partition(|alert| alert.is_acknowledged(now));
    free.into_iter().chain(held)
}

/// Nobody is known whose zone it could be: the platforms' own, where they have one in common, else UTC.
fn zone_of(directory: &Directory, reach: &Scope) -> Tz {
    let mut zones = directory
        .platforms
        .values()
        .filter(|platform| reach.allows(platform.id))
        .map(|platform| platform.zone);
    let first = zones.next().unwrap_or(Tz::UTC);
    if zones.all(|zone| zone == first) {
        first
    } else {
        Tz::UTC
    }
}
