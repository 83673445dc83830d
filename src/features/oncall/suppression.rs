//! The one place where it is asked whether an alert's notices are suppressed.

use chrono::{DateTime, Utc};

use crate::features::alerts::store::Alert;
use crate::features::alerts::suppression;
use crate::foundation::db::{Conn, Result};

/// What keeps notices back at one moment. It never keeps anybody who was told from being told that it is over.
pub struct Suppression(suppression::Suppression);

impl Suppression {
    pub fn read(conn: &mut Conn, now: DateTime<Utc>) -> Result<Self> {
        suppression::Suppression::read(conn, now).map(Self)
    }

    /// Why nobody is told that this alert fires, in words; nothing where they are told.
    pub fn of(&self, alert: &Alert) -> Vec<String> {
        let reasons = self.0.of(alert).into_iter();
        reasons.map(|reason| reason.title).collect()
    }
}
