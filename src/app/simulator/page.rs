//! The small page to break and mend with. Loopback only, and nothing on it is real.

use std::io;
use std::net::SocketAddr;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, Path};
use actix_web::{App, HttpRequest, HttpServer};
use askama::Template;
use chrono::{DateTime, Utc};

use super::crons::Cron;
use super::inbox::{self, Inbox, Message};
use super::outages::{self, Outage};
use super::site::{Mode, Site};
use super::{Crons, Habit, lock};
use crate::foundation::kernel::Level;
use crate::foundation::web::format::wait;
use crate::foundation::web::{self as pages, Error, Lamp, assets};

#[derive(Template)]
#[template(path = "simulator/index.html")]
struct Page {
    icon: String,
    styles: String,
    rows: Vec<Row>,
    jobs: Vec<JobRow>,
    messages: Vec<Message>,
    /// Nothing where nothing goes wrong by itself.
    schedule: Option<Schedule>,
}

/// What goes wrong by itself, and how far the round has come.
struct Schedule {
    round: String,
    outages: Vec<OutageRow>,
}

struct OutageRow {
    begins: String,
    ends: String,
    what: &'static str,
    shows: &'static str,
    lights: Vec<(Lamp, String)>,
    is_on: bool,
    /// What is to be said of it at this moment.
    now: String,
}

impl OutageRow {
    fn of(outage: &Outage, second: u64) -> Self {
        let into = second % outages::ROUND;
        let until = (outage.begins + outages::ROUND - into) % outages::ROUND;
        let ends = outage.begins + outage.lasts;
        // Between two swings it goes on all the same.
        let is_on = outage.age(second).is_some_and(|age| age < outage.lasts);
        let now = if is_on {
            format!("on now, until {}", clock(ends))
        } else if outage.may_be_seen(second) && !outage.lights.is_empty() {
            "over; its lamp may still be lit".to_owned()
        } else {
            format!("in {}", wait(until))
        };
        let light = |(platform, rule, level): &(&str, &str, Level)| {
            (Lamp::from(*level), format!("{level}: {platform}, {rule}"))
        };
        Self {
            begins: clock(outage.begins),
            ends: clock(ends),
            what: outage.what,
            shows: outage.shows,
            lights: outage.lights.iter().map(light).collect(),
            is_on,
            now,
        }
    }
}

impl Schedule {
    fn at(second: u64) -> Self {
        let rows = outages::OUTAGES.iter();
        Self {
            round: clock(second % outages::ROUND),
            outages: rows.map(|outage| OutageRow::of(outage, second)).collect(),
        }
    }
}

/// "12:30", in minutes and seconds of the round.
fn clock(second: u64) -> String {
    format!("{}:{:02}", second / 60, second % 60)
}

struct JobRow {
    index: usize,
    platform: String,
    name: String,
    lamp: Lamp,
    habit: Habit,
    is_by_hand: bool,
    others: Vec<Habit>,
}

impl JobRow {
    fn of((index, cron): (usize, &Cron)) -> Self {
        let habit = cron.habit();
        Self {
            index,
            platform: cron.job.platform.clone(),
            name: cron.job.name.clone(),
            lamp: if habit == Habit::Running {
                Lamp::Clear
            } else {
                Lamp::Red
            },
            habit,
            is_by_hand: cron.is_by_hand(),
            others: Habit::ALL.into_iter().filter(|it| *it != habit).collect(),
        }
    }
}

impl Habit {
    const fn is(self) -> &'static str {
        match self {
            Self::Running => "Runs",
            Self::Failing => "Fails",
            Self::Stopped => "Does not run",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Running => "Let it run",
            Self::Failing => "Fail",
            Self::Stopped => "Stop",
        }
    }
}

struct Row {
    index: usize,
    platform: &'static str,
    name: &'static str,
    address: SocketAddr,
    lamp: Lamp,
    mode: Mode,
    is_by_hand: bool,
    others: Vec<Mode>,
}

impl Mode {
    const fn is(self) -> &'static str {
        match self {
            Self::Well => "Well",
            Self::Failing => "Answers with errors",
            Self::Slow => "Does not answer in time",
            Self::Refusing => "Refuses connections",
            Self::Wrong => "Answers wrongly",
            Self::Erring => "Counts many errors",
            Self::Lagging => "Counts slow answers",
            Self::Silent => "Leaves out a metric",
            Self::Limiting => "Asks to wait",
            Self::Late => "Answers late",
            Self::Crowded => "Is short of connections",
            Self::Piling => "Lets transfers pile up",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Well => "Mend",
            Self::Failing => "Fail",
            Self::Slow => "Slow down",
            Self::Refusing => "Refuse",
            Self::Wrong => "Answer wrongly",
            Self::Erring => "Count errors",
            Self::Lagging => "Count slow answers",
            Self::Silent => "Leave out a metric",
            Self::Limiting => "Ask to wait",
            Self::Late => "Answer late",
            Self::Crowded => "Use up connections",
            Self::Piling => "Pile up transfers",
        }
    }
}

/// Serves the page; with port 0 on a free one.
pub(super) fn serve(
    port: u16,
    sites: Vec<Site>,
    crons: Crons,
    begun: Option<DateTime<Utc>>,
) -> io::Result<(SocketAddr, ServerHandle)> {
    let (sites, crons, begun) = (Data::new(sites), Data::new(crons), Data::new(begun));
    let inbox = Data::new(Inbox::default());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(sites.clone())
            .app_data(crons.clone())
            .app_data(begun.clone())
            .app_data(inbox.clone())
            .route("/receivers/taken", web::post().to(inbox::take))
            .route("/receivers/away", web::post().to(inbox::be_away))
            .route("/", web::get().to(index))
            .route("/sites/{index}/{mode}", web::post().to(set))
            .route("/jobs/{index}/{habit}", web::post().to(set_job))
            .route("/assets/{digest}/{path:.*}", web::get().to(assets::serve))
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", port))?;
    let address = server.addrs()[0];
    let running = server.run();
    let handle = running.handle();
    tokio::spawn(running);
    Ok((address, handle))
}

async fn index(
    sites: Data<Vec<Site>>,
    crons: Data<Crons>,
    inbox: Data<Inbox>,
    begun: Data<Option<DateTime<Utc>>>,
) -> pages::Result {
    let row = |(index, site): (usize, &Site)| Row {
        index,
        platform: site.described.platform,
        name: site.described.name,
        address: site.address,
        lamp: if site.mode() == Mode::Well {
            Lamp::Clear
        } else {
            Lamp::Red
        },
        mode: site.mode(),
        is_by_hand: site.is_by_hand(),
        others: Mode::ALL
            .into_iter()
            .chain(site.described.told().iter().copied())
            .filter(|mode| *mode != site.mode())
            .collect(),
    };
    pages::page(&Page {
        icon: assets::asset("icons/favicon.svg"),
        styles: assets::asset("css/main.css"),
        rows: sites.iter().enumerate().map(row).collect(),
        jobs: jobs(&crons).iter().enumerate().map(JobRow::of).collect(),
        messages: inbox.messages(),
        schedule: begun.map(|begun| Schedule::at(outages::second(begun, Utc::now()))),
    })
}

fn jobs(crons: &Crons) -> Vec<Cron> {
    lock(crons).clone()
}

async fn set_job(
    request: HttpRequest,
    crons: Data<Crons>,
    path: Path<(usize, String)>,
) -> pages::Result {
    refuse_foreign_origins(&request)?;
    let (index, habit) = path.into_inner();
    let habit: Habit = habit.parse().map_err(|_| Error::NotFound)?;
    let jobs = jobs(&crons);
    if !jobs.get(index).ok_or(Error::NotFound)?.set(habit) {
        return Err(Error::NotFound);
    }
    pages::see_other("/")
}

async fn set(
    request: HttpRequest,
    sites: Data<Vec<Site>>,
    path: Path<(usize, String)>,
) -> pages::Result {
    refuse_foreign_origins(&request)?;
    let (index, mode) = path.into_inner();
    let site = sites.get(index).ok_or(Error::NotFound)?;
    let mode: Mode = mode.parse().map_err(|_| Error::NotFound)?;
    if !site.set(mode) {
        return Err(Error::NotFound);
    }
    pages::see_other("/")
}

/// Another site's page must not break the demo.
fn refuse_foreign_origins(request: &HttpRequest) -> Result<(), Error> {
    match request.headers().get("sec-fetch-site") {
        Some(from) if from != "same-origin" => Err(Error::Forbidden),
        _ => Ok(()),
    }
}
