//! What people do about maintenance windows.

use chrono::{DateTime, Utc};

use super::store;
use super::window::{LONGEST, NOTICE, State, Window, WindowId};
use crate::features::packs::pack::{ItemId, Target};
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Event, FormKey, Subject, Tx};
use crate::foundation::auth::Signed;
use crate::foundation::db;
use crate::foundation::kernel::{PersonId, PlatformId};
use crate::foundation::web::format::sentence;
use crate::foundation::web::{self, Refusal};

/// Longest name, in characters.
pub const NAME_AT_MOST: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// What was asked makes no sense; in words, and the field of the form that it is about.
    #[error("{1}")]
    Wrong(&'static str, &'static str),
    #[error("whoever announced a window does not answer for it as well")]
    OwnWork,
    #[error("this window {0}")]
    NotNow(&'static str),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<WindowError> for web::Error {
    fn from(error: WindowError) -> Self {
        match error {
            WindowError::Database(error) => error.into(),
            WindowError::Wrong(_, why) => Self::Malformed(why.to_owned()),
            WindowError::OwnWork => Self::Refused(Refusal::new(
                "own_window",
                "You announced this window yourself.",
                "At such short notice somebody else has to agree to it.",
            )),
            WindowError::NotNow(_) => Self::Refused(Refusal::new(
                "window_answered",
                sentence(&error),
                "Nothing was changed. Look at it again.",
            )),
        }
    }
}

type Result<T> = std::result::Result<T, WindowError>;

/// A window that somebody wants to make.
#[derive(Clone, Debug)]
pub struct NewWindow {
    pub platform: PlatformId,
    pub services: Vec<ItemId>,
    pub name: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Who is told two days ahead, or at once.
    pub tell: Vec<Target>,
}

/// Announces a window; at short notice it takes a second person.
pub fn create(
    services: &Services,
    signed: &Signed,
    new: &NewWindow,
    key: FormKey,
) -> Result<WindowId> {
    create_as(
        services,
        &signed.actor(),
        signed.person,
        &signed.name,
        new,
        key,
    )
}

/// The same by a person who is not at the page, such as the demo's.
pub fn create_as(
    services: &Services,
    actor: &Actor,
    person: PersonId,
    name: &str,
    new: &NewWindow,
    key: FormKey,
) -> Result<WindowId> {
    let id = WindowId::new();
    services.audit.write(actor, |tx| {
        tx.once(key, &format!("/maintenance/{id}"))?;
        tx.reach(new.platform)?;
        let now = tx.now();
        check(new, now)?;
        let window = Window {
            id,
            platform: new.platform,
            item: None,
            name: new.name.trim().to_owned(),
            services: new.services.clone(),
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            announced_at: now,
            announced_by: Some(person),
            announced_name: name.to_owned(),
            needs_second: new.starts_at - now < NOTICE,
            approved: None,
            ended: None,
            tell: new.tell.clone(),
            told_at: None,
            told_off_at: None,
        };
        store::insert(tx, &window)?;
        let kind = if window.needs_second {
            "maintenance.proposed"
        } else {
            "maintenance.announced"
        };
        tx.record(described(kind, &window))?;
        Ok(id)
    })
}

fn check(new: &NewWindow, now: DateTime<Utc>) -> Result<()> {
    let name = new.name.trim();
    if name.is_empty() {
        return Err(WindowError::Wrong("name", "say what is worked on"));
    }
    if name.chars().count() > NAME_AT_MOST {
        return Err(WindowError::Wrong("name", "at most 200 characters"));
    }
    if new.ends_at <= new.starts_at {
        return Err(WindowError::Wrong("ends", "a window ends after it begins"));
    }
    if new.ends_at <= now {
        return Err(WindowError::Wrong(
            "ends",
            "this window would be over already",
        ));
    }
    if new.ends_at - new.starts_at > LONGEST {
        return Err(WindowError::Wrong(
            "ends",
            "a window lasts 24 hours at most",
        ));
    }
    Ok(())
}

/// A second person agrees to exactly what was asked for.
pub fn approve(services: &Services, signed: &Signed, id: WindowId, key: FormKey) -> Result<()> {
    answer(services, signed, id, key, |tx, mut window| {
        let now = tx.now();
        if window.state(now) != State::Proposed {
            return Err(WindowError::NotNow("waits for nobody's approval"));
        }
        if window.announced_by == Some(signed.person) {
            return Err(WindowError::OwnWork);
        }
        window.approved = Some((now, signed.person, signed.name.clone()));
        store::save(tx, &window)?;
        tx.record(described("maintenance.approved", &window))?;
        Ok(())
    })
}

/// Ends a window before its time, or calls it off: the safe direction, for which one is enough.
pub fn end(services: &Services, signed: &Signed, id: WindowId, key: FormKey) -> Result<()> {
    answer(services, signed, id, key, |tx, mut window| {
        let now = tx.now();
        let kind = match window.state(now) {
            State::Active => "maintenance.ended",
            State::Coming | State::Proposed => "maintenance.called_off",
            State::Lapsed | State::Over | State::CalledOff => {
                return Err(WindowError::NotNow("is over already"));
            }
        };
        window.ended = Some((now, signed.name.clone()));
        store::save(tx, &window)?;
        tx.record(described(kind, &window))?;
        Ok(())
    })
}

/// Something that is decided on the locked row.
fn answer(
    services: &Services,
    signed: &Signed,
    id: WindowId,
    key: FormKey,
    decide: impl FnOnce(&mut Tx<'_>, Window) -> Result<()>,
) -> Result<()> {
    services.audit.write(&signed.actor(), |tx| {
        tx.once(key, &format!("/maintenance/{id}"))?;
        let window = store::lock(tx, id)?;
        tx.reach(window.platform)?;
        decide(tx, window)
    })
}

pub(super) fn described(kind: &'static str, window: &Window) -> Event {
    let services: Vec<String> = window.services.iter().map(ToString::to_string).collect();
    let tell: Vec<String> = window.tell.iter().map(ToString::to_string).collect();
    Event::new(kind, Subject::new("maintenance_window", window.id))
        .platform(window.platform)
        .detail("services", services)
        .detail("tell", tell)
        .detail("starts_at", window.starts_at.to_rfc3339())
        .detail("ends_at", window.ends_at.to_rfc3339())
        .detail("planned", window.is_planned())
}
