//! Assessing subjects: compare with the lists, score the risk, open a case where a person has to
//! look. Doing it again on the same facts changes nothing.
//!
//! Comparing takes long and happens before the writing transaction. That one locks the subjects, and
//! then looks whether what was compared is still what is: another job may have been faster with newer
//! lists or newer facts, and a person may have judged a hit in between.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::book::Book;
use super::case::Case;
use super::rules::RuleBook;
use super::store::{cases, queue};
use crate::features::intake;
use crate::features::intake::store::{Standing, SubjectRecord};
use crate::features::screening::current::{Current, Likeness};
use crate::features::screening::index::Scratch;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::Keyring;
use crate::foundation::db::Conn;
use crate::foundation::kernel::SubjectId;
use crate::foundation::policy::PolicyError;

/// What subjects are compared with and judged by, as one transaction saw it.
pub struct Ground {
    pub current: Arc<Current>,
    pub rules: RuleBook,
    /// The open case of each subject that has one.
    pub open: HashMap<SubjectId, Case>,
    /// Whether the lists count: names that were invented count in the demo alone.
    pub in_force: bool,
    demo: bool,
}

impl Ground {
    /// With the records of these subjects, read together.
    pub fn of(
        conn: &mut Conn,
        keyring: &Keyring,
        subjects: &[SubjectId],
        now: DateTime<Utc>,
        demo: bool,
    ) -> Result<(Self, Vec<SubjectRecord>), PolicyError> {
        let open = queue::open_of_subjects(conn, subjects)?;
        let open = open.into_iter().map(|case| (case.subject, case)).collect();
        let ground = Self::read(conn, now, open, demo)?;
        Ok((ground, intake::store::records(conn, keyring, subjects)?))
    }

    fn read(
        conn: &mut Conn,
        now: DateTime<Utc>,
        open: HashMap<SubjectId, Case>,
        demo: bool,
    ) -> Result<Self, PolicyError> {
        let current = Current::load(conn)?;
        Ok(Self {
            rules: RuleBook::open(conn, now, open.values())?,
            in_force: current.real || (demo && !current.versions.is_empty()),
            current,
            open,
            demo,
        })
    }

    /// The score from which on a likeness is a hit, for this subject.
    fn floor(&self, subject: SubjectId) -> u16 {
        let rules = self.rules.of(self.open.get(&subject));
        rules.screening.value.hit_at
    }

    /// Compares them all. An erased one has nothing to compare and is left out.
    pub fn compare(&self, records: Vec<SubjectRecord>, scratch: &mut Scratch) -> Vec<Compared<'_>> {
        let mut compared = Vec::with_capacity(records.len());
        for record in records {
            let Some(personal) = &record.personal else {
                continue;
            };
            let floor = self.floor(record.id);
            let likenesses = self.current.compare(record.kind, personal, floor, scratch);
            compared.push(Compared {
                record,
                likenesses,
                floor,
            });
        }
        compared
    }
}

/// A subject with what the lists say, compared outside of any writing transaction.
pub struct Compared<'a> {
    pub(super) record: SubjectRecord,
    pub(super) likenesses: Vec<Likeness<'a>>,
    floor: u16,
}

/// What assessing a number of subjects did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub assessed: usize,
    pub unchanged: usize,
    pub hits_found: usize,
    pub hits_reopened: usize,
    pub hits_withdrawn: usize,
    pub cases_opened: usize,
    pub cases_changed: usize,
    /// Subjects that had changed since they were compared, or whose lists or rules had.
    pub compared_again: usize,
    pub lists: Vec<String>,
    pub risk_policy: i32,
    pub screening_policy: i32,
}

/// Writes what came of comparing: hits, assessments, cases, each case with its own event. What is no
/// longer what was compared is compared again, under the lock.
pub fn write(
    tx: &mut Tx<'_>,
    was: &Ground,
    compared: &[Compared<'_>],
    scratch: &mut Scratch,
) -> Result<Tally, PolicyError> {
    let ids: Vec<SubjectId> = compared.iter().map(|one| one.record.id).collect();
    let standings = intake::store::lock_standings(tx, &ids)?;
    let open = cases::lock_open(tx, &ids)?;
    let now = tx.now();
    let ground = Ground::read(tx, now, open, was.demo)?;
    let outdated = |one: &&Compared<'_>| is_outdated(one, was, &ground, &standings);
    let again: Vec<SubjectId> = compared
        .iter()
        .filter(outdated)
        .map(|one| one.record.id)
        .collect();
    let keyring = tx.keyring();
    let records = if again.is_empty() {
        Vec::new()
    } else {
        intake::store::records(tx, keyring, &again)?
    };
    let fresh = ground.compare(records, scratch);
    let mut book = Book::open(tx, &ground, &standings, &ids)?;
    for one in compared.iter().filter(|one| !outdated(one)) {
        book.enter(tx, one)?;
    }
    for one in &fresh {
        book.enter(tx, one)?;
    }
    let mut tally = book.close(tx)?;
    tally.compared_again = again.len();
    tally.lists = ground.current.labels();
    tally.risk_policy = ground.rules.now.risk.version;
    tally.screening_policy = ground.rules.now.screening.version;
    Ok(tally)
}

fn is_outdated(
    one: &Compared<'_>,
    was: &Ground,
    now: &Ground,
    standings: &HashMap<SubjectId, Standing>,
) -> bool {
    let id = one.record.id;
    let version = standings.get(&id).map(|standing| standing.version);
    !was.current.is_same(&now.current)
        || version != Some(one.record.version)
        || now.floor(id) != one.floor
}
