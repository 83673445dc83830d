//! Where a file is being read: at the command line or in a job. The reading is the same.

use super::Error;
use crate::foundation::Services;
use crate::foundation::audit::{Actor, Tx};
use crate::foundation::db::PoolKind;
use crate::foundation::jobs::JobContext;

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub rows: u64,
    pub rejected: u64,
    pub lines: u64,
    /// `None` where the file comes through a pipe.
    pub lines_total: Option<u64>,
}

pub trait Desk {
    fn services(&self) -> &Services;

    /// An audited transaction in the reader's name.
    fn write<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>) -> Result<T, Error>;

    /// Shows progress; an error stops the reading.
    fn tell(&self, seen: Seen) -> Result<(), Error>;
}

/// Somebody at the command line, who watches.
pub struct Shell<'a> {
    pub services: &'a Services,
    pub actor: Actor,
    pub view: &'a dyn Fn(Seen),
}

impl Desk for Shell<'_> {
    fn services(&self) -> &Services {
        self.services
    }

    fn write<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.services
            .audit
            .write_on(PoolKind::Jobs, &self.actor, work)
    }

    fn tell(&self, seen: Seen) -> Result<(), Error> {
        (self.view)(seen);
        Ok(())
    }
}

impl Desk for JobContext {
    fn services(&self) -> &Services {
        &self.services
    }

    fn write<T>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_as(&Actor::job(self.kind()), work)
    }

    fn tell(&self, seen: Seen) -> Result<(), Error> {
        self.progress_as(seen.lines, seen.lines_total)
    }
}
