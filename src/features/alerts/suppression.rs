//! Why nobody is told of an alert, for now. It is asked before a notice that something fires is sent; evaluation, history
//! and the word that something has ended do not ask.

use chrono::{DateTime, Utc};

use super::causes::Causes;
use super::silences::silence::{Silence, State};
use super::silences::store as silences;
use super::store::Alert;
use super::windows::store as windows;
use super::windows::window::{self, Window};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::Scope;

/// What keeps a notice back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Silence,
    Maintenance,
    Inhibition,
    Dependency,
}

impl Kind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Maintenance => "maintenance",
            Self::Inhibition => "inhibition",
            Self::Dependency => "dependency",
        }
    }
}

/// One reason for which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub kind: Kind,
    /// Of the silence, the window, or the alert that is the cause.
    pub id: String,
    /// What it is, for people: "Silenced by Ada: deploying".
    pub title: String,
    /// When it ends by itself, where that is known.
    pub until: Option<DateTime<Utc>>,
    /// Its page.
    pub href: String,
}

/// Why nobody is told of this alert now; nothing where they are.
pub fn reasons(conn: &mut Conn, alert: &Alert, now: DateTime<Utc>) -> db::Result<Vec<Reason>> {
    Ok(Suppression::read(conn, now)?.of(alert))
}

/// Everything that keeps notices back at one moment, for asking about many alerts.
pub struct Suppression {
    silences: Vec<Silence>,
    windows: Vec<Window>,
    causes: Causes,
}

impl Suppression {
    pub fn read(conn: &mut Conn, now: DateTime<Utc>) -> db::Result<Self> {
        let mut silences = silences::running(conn, &Scope::All, now)?;
        silences.retain(|silence| silence.state(now) == State::Active);
        let mut windows = windows::running(conn, &Scope::All, now)?;
        windows.retain(|window| window.state(now) == window::State::Active);
        Ok(Self {
            silences,
            windows,
            causes: Causes::read(conn)?,
        })
    }

    /// The reasons for one alert, in the order of [`Kind`]. What has gone out keeps nobody waiting.
    #[must_use]
    pub fn of(&self, alert: &Alert) -> Vec<Reason> {
        if !alert.firing {
            return Vec::new();
        }
        let labels = alert.labels();
        let silenced = self
            .silences
            .iter()
            .filter(|it| it.covers(alert.platform, &alert.fingerprint, &labels, alert.level));
        let in_maintenance = self
            .windows
            .iter()
            .filter(|it| it.covers(alert.platform, alert.service));
        let caused = self.causes.inhibiting(alert, &labels).map(by_cause);
        let beneath = self
            .causes
            .beneath(alert)
            .map(|(cause, service)| by_service(cause, service));
        silenced
            .map(by_silence)
            .chain(in_maintenance.map(by_window))
            .chain(caused)
            .chain(beneath)
            .collect()
    }
}

fn by_silence(silence: &Silence) -> Reason {
    let done = if silence.snooze {
        "Snoozed"
    } else {
        "Silenced"
    };
    Reason {
        kind: Kind::Silence,
        id: silence.id.to_string(),
        title: format!("{done} by {}: {}", silence.created.name, silence.reason),
        until: Some(silence.ends_at),
        href: format!("/silences/{}", silence.id),
    }
}

fn by_window(window: &Window) -> Reason {
    Reason {
        kind: Kind::Maintenance,
        id: window.id.to_string(),
        title: format!("In maintenance: {}", window.name),
        until: Some(window.ends_at),
        href: format!("/maintenance/{}", window.id),
    }
}

fn by_cause(cause: &Alert) -> Reason {
    of_alert(
        Kind::Inhibition,
        cause,
        format!("Follows from {}", cause.name),
    )
}

fn by_service(cause: &Alert, service: &str) -> Reason {
    let title = format!("It leans on {service}: {}", cause.name);
    of_alert(Kind::Dependency, cause, title)
}

fn of_alert(kind: Kind, cause: &Alert, title: String) -> Reason {
    Reason {
        kind,
        id: cause.id.to_string(),
        title,
        until: None,
        href: format!("/alerts/{}", cause.id),
    }
}
