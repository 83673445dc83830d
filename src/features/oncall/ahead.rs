//! Whoever is to know is told two days before a platform is worked on: of what a calendar brings, whom its pack names; of
//! what a person announces, whom they chose. If it is called off after all, whoever was told is told so.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::engine::ourselves;
use super::roster::{Found, Roster};
use super::tell::{endpoint, is_there, places};
use crate::features::alerts::windows::store as windows;
use crate::features::alerts::windows::window::{News, Window};
use crate::features::notify::actions as notices;
use crate::features::notify::notice::{About, Destination, Notice, State};
use crate::features::notify::store as outbox;
use crate::features::packs::pack::{Maintenance, Target};
use crate::features::packs::store as packs;
use crate::foundation::Services;
use crate::foundation::audit::{Event, Outcome, Subject, Tx};
use crate::foundation::db::{self, PoolKind};
use crate::foundation::web::format::moment;

/// Tells of every window of which it is time to. Any number of processes may do it at once. Returns of how many.
pub fn tick(services: &Services) -> db::Result<usize> {
    let now = services.clock.now();
    let mut due = services
        .db
        .read_on(PoolKind::Jobs, |conn| windows::to_tell(conn, now))?;
    due.retain(|window| window.news(now).is_some());
    let mut told = 0;
    for window in due {
        let done = services
            .audit
            .write_on(PoolKind::Jobs, &ourselves(), |tx| tell(tx, &window));
        match done {
            Ok(()) => told += 1,
            Err(db::Error::NoEvent) => {}
            Err(error @ db::Error::Unavailable(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, window = %window.id, "nobody could be told of maintenance");
            }
        }
    }
    Ok(told)
}

fn tell(tx: &mut Tx<'_>, window: &Window) -> db::Result<()> {
    let now = tx.now();
    let mut window = windows::lock(tx, window.id)?;
    let Some(news) = window.news(now) else {
        return Ok(());
    };
    let (tell, about) = match window.item {
        Some(item) => {
            let spec = packs::item::<Maintenance>(tx, item)?.spec;
            (spec.tell, spec.about)
        }
        None => (window.tell.clone(), String::new()),
    };
    let platforms = packs::platforms(tx)?;
    let platform = platforms.into_iter().find(|it| it.id == window.platform);
    let platform = platform.ok_or(db::Error::NotFound)?;
    let letter = Letter {
        window: &window,
        news,
        platform: &platform.name,
        zone: platform.zone,
        about: &about,
    };
    let event = match news {
        News::Coming => letter.announce(tx, &tell, now)?,
        News::CalledOff => letter.call_off(tx)?,
    };
    tx.record(event)?;
    match news {
        News::Coming => window.told_at = Some(now),
        News::CalledOff => window.told_off_at = Some(now),
    }
    windows::note_told(tx, &window)
}

/// It failed where there was somebody to tell, and nobody was told.
const fn outcome(told: usize, missed: usize) -> Outcome {
    if told == 0 && missed > 0 {
        Outcome::Failure
    } else {
        Outcome::Success
    }
}

/// What everybody is told of a window.
struct Letter<'l> {
    window: &'l Window,
    news: News,
    platform: &'l str,
    zone: Tz,
    about: &'l str,
}

impl Letter<'_> {
    /// Tells these people that it is coming, wherever they are reached.
    fn announce(&self, tx: &mut Tx<'_>, tell: &[Target], now: DateTime<Utc>) -> db::Result<Event> {
        let platform = self.window.platform;
        let roster = Roster::of(tx, platform, now)?;
        let (mut told, mut missed) = (BTreeSet::new(), BTreeSet::new());
        for target in tell {
            match roster.find(platform, target, self.zone, now) {
                Found::Nobody { who, .. } => drop(missed.insert(who)),
                Found::Endpoint(name) => match endpoint(tx, name)? {
                    Ok(id) => {
                        self.queue(tx, Destination::Endpoint(id))?;
                        told.insert(name.to_owned());
                    }
                    Err(_) => drop(missed.insert(name.to_owned())),
                },
                Found::People(people) => {
                    for (contact, _) in people {
                        let (to, _) = places(tx, &contact.spec)?;
                        if to.is_empty() {
                            missed.insert(contact.slug.clone());
                        } else {
                            told.insert(contact.slug.clone());
                        }
                        for place in to {
                            self.queue(tx, place)?;
                        }
                    }
                }
            }
        }
        let outcome = outcome(told.len(), missed.len());
        Ok(self
            .event("maintenance.told", outcome)
            .detail("told", told.into_iter().collect::<Vec<_>>())
            .detail("not_told", missed.into_iter().collect::<Vec<_>>()))
    }

    /// Tells whoever was told that it is coming, where they were told, whoever is on call by now. Those whose notice had not
    /// left know of nothing, and would hear of it after that it is called off.
    fn call_off(&self, tx: &mut Tx<'_>) -> db::Result<Event> {
        let about = self.about();
        notices::cancel_queued(tx, &about, "it was called off before this was sent")?;
        let (mut told, mut missed) = (0, 0);
        for coming in outbox::about(tx, &about)? {
            if coming.state == State::Cancelled {
                continue;
            }
            if is_there(tx, &coming.to)? {
                self.queue(tx, coming.to)?;
                told += 1;
            } else {
                missed += 1;
            }
        }
        let event = self.event("maintenance.told_off", outcome(told, missed));
        Ok(event.detail("told", told).detail("not_told", missed))
    }

    fn event(&self, kind: &'static str, outcome: Outcome) -> Event {
        Event::new(kind, Subject::new("maintenance", self.window.id))
            .platform(self.window.platform)
            .outcome(outcome)
    }

    fn about(&self) -> About {
        About::new("maintenance", self.window.id)
    }

    /// The same place is told once.
    fn queue(&self, tx: &mut Tx<'_>, to: Destination) -> db::Result<()> {
        let Window { id, name, .. } = self.window;
        let (word, title) = match self.news {
            News::Coming => ("coming", format!("Maintenance: {name}")),
            News::CalledOff => ("called_off", format!("Called off: {name}")),
        };
        let place = match &to {
            Destination::Email(address) => address.clone(),
            Destination::Endpoint(id) => id.to_string(),
        };
        let notice = Notice {
            platform: Some(self.window.platform),
            to,
            about: self.about(),
            title,
            text: self.text(),
            link: format!("/maintenance/{id}"),
            level: None,
            key: format!("maintenance:{id}:{word}:{place}"),
            gather: None,
        };
        notices::enqueue(tx, &notice).map(drop)
    }

    fn text(&self) -> String {
        let span = format!(
            "{} is worked on from {} to {}.",
            self.platform,
            moment(self.window.starts_at, self.zone),
            moment(self.window.ends_at, self.zone)
        );
        match self.news {
            News::Coming if self.about.is_empty() => span,
            News::Coming => format!("{span}\n{}", self.about),
            News::CalledOff => format!("It does not take place. It was: {span}"),
        }
    }
}
