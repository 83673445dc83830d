//! How one wants the pages.

use actix_web::web::{Data, Query};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

use super::status_of;
use crate::features::account::actions::preferences::{self as actions, SAVED};
use crate::features::account::{views, zones};
use crate::foundation::Services;
use crate::foundation::auth::Signed;
use crate::foundation::auth::preferences::{Preferences, Theme};
use crate::foundation::web::format::absolute;
use crate::foundation::web::{self, Chrome, Form, Lamp, Nav, Problems, block};

#[derive(Deserialize)]
pub struct Done {
    done: Option<String>,
}

/// The form as it was filled in. A box that is not ticked is not sent.
#[derive(Clone, Debug, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub theme: String,
    shortcuts: Option<String>,
    live: Option<String>,
}

impl Chosen {
    fn of(preferences: &Preferences) -> Self {
        let ticked = |is_so: bool| is_so.then(|| "on".to_owned());
        Self {
            zone: preferences.zone.name().to_owned(),
            theme: preferences.theme.as_str().to_owned(),
            shortcuts: ticked(preferences.shortcuts),
            live: ticked(preferences.live),
        }
    }

    pub fn uses_shortcuts(&self) -> bool {
        self.shortcuts.is_some()
    }

    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    fn read(&self) -> Result<Preferences, Problems> {
        let mut problems = Problems::new();
        let zone = self.zone.parse().ok();
        if zone.is_none() {
            problems.add(
                "zone",
                "This is no time zone of the list. Choose one, such as Africa/Lagos.",
            );
        }
        let theme = Theme::parse(&self.theme);
        if theme.is_none() {
            problems.add("theme", "Choose one of the three themes.");
        }
        match (zone, theme) {
            (Some(zone), Some(theme)) => Ok(Preferences {
                zone,
                theme,
                shortcuts: self.uses_shortcuts(),
                live: self.is_live(),
            }),
            _ => Err(problems),
        }
    }
}

pub async fn show(services: Data<Services>, signed: Signed, done: Query<Done>) -> web::Result {
    let saved = done.done.as_deref() == Some("saved");
    let chosen = Chosen::of(&signed.preferences);
    form_page(&services, &signed, chosen, Problems::new(), saved)
}

pub async fn submit(services: Data<Services>, signed: Signed, form: Form<Chosen>) -> web::Result {
    let wanted = match form.data.read() {
        Ok(wanted) => wanted,
        Err(problems) => return form_page(&services, &signed, form.data, problems, false),
    };
    block(move || actions::choose(&services, &signed, wanted, form.key)).await?;
    web::see_other(SAVED)
}

fn form_page(
    services: &Services,
    signed: &Signed,
    chosen: Chosen,
    problems: Problems,
    saved: bool,
) -> web::Result {
    let mut chrome = Chrome::new(signed, services, "Preferences", Nav::Account);
    if saved {
        chrome = chrome.notice(Lamp::Clear, "Your preferences are saved");
    }
    let page = views::PreferencesPage {
        zone_hint: zone_hint(&chosen.zone, chrome.now),
        areas: zones::areas(chrome.now),
        other: (!zones::is_offered(&chosen.zone)).then(|| chosen.zone.clone()),
        chrome,
        chosen,
        problems,
    };
    web::page_with(status_of(&page.problems), &page)
}

/// How a moment looks in the zone that stands in the form.
fn zone_hint(zone: &str, now: DateTime<Utc>) -> String {
    let told = "Dates and times on every page are told in it.";
    match zone.parse::<Tz>() {
        Ok(zone) => format!("{told} It is now {} there.", absolute(now, zone)),
        Err(_) => told.to_owned(),
    }
}
