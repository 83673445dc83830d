//! A transaction's notes on a number of subjects: what was known of them, and what becomes of each.

use std::collections::HashMap;

use chrono::{Months, NaiveDate};

use super::assess::{Compared, Ground, Tally};
use super::case::{Case, CaseId, OpenedFor};
use super::facts::{as_risk, basis, facts, keyed};
use super::opening::{NewCase, due, open_case, reassess_case};
use super::risk::{Assessment, Band};
use super::rules::RuleBook;
use super::store::assessments::{NewStanding, Standing as Assessed};
use super::store::{assessments, cases};
use crate::features::intake::store::{Standing, SubjectRecord};
use crate::features::intake::{self, Personal};
use crate::features::screening::actions::{Screened, Screening, screen};
use crate::features::screening::current::compared_content;
use crate::features::screening::hit::Hit;
use crate::features::screening::hits;
use crate::foundation::audit::Tx;
use crate::foundation::crypto::subject_keys::{self, SubjectKey};
use crate::foundation::db;
use crate::foundation::kernel::SubjectId;
use crate::foundation::policy::PolicyError;

pub(super) struct Book<'g> {
    rules: &'g RuleBook,
    open: &'g HashMap<SubjectId, Case>,
    standings: &'g HashMap<SubjectId, Standing>,
    /// The lists that count, if any does.
    lists: Option<Vec<String>>,
    hits: HashMap<SubjectId, Vec<Hit>>,
    before: HashMap<SubjectId, Assessed>,
    keys: HashMap<SubjectId, SubjectKey>,
    after: Vec<NewStanding>,
    entered: Vec<SubjectId>,
    screened: Vec<SubjectId>,
    tally: Tally,
}

/// What is new about a subject since the last assessment.
#[derive(Clone, Copy)]
struct News {
    /// What the platform says, as far as it counts.
    facts: bool,
    assessment: bool,
    /// A hit was found, opened again, or withdrawn.
    hits: bool,
}

impl News {
    fn any(self) -> bool {
        self.facts || self.assessment || self.hits
    }
}

/// What becomes of a subject.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The open case learns of it.
    Tell,
    /// A person has to look.
    Open,
    /// All stays as it was.
    Keep,
    /// No person has to look.
    Settle(intake::Status),
}

impl<'g> Book<'g> {
    /// The subjects and their open cases are locked; this locks their hits.
    pub fn open(
        tx: &mut Tx<'_>,
        ground: &'g Ground,
        standings: &'g HashMap<SubjectId, Standing>,
        ids: &[SubjectId],
    ) -> db::Result<Self> {
        let lists = ground.in_force.then(|| ground.current.labels());
        Self::begin(tx, &ground.rules, &ground.open, standings, lists, ids)
    }

    fn begin(
        tx: &mut Tx<'_>,
        rules: &'g RuleBook,
        open: &'g HashMap<SubjectId, Case>,
        standings: &'g HashMap<SubjectId, Standing>,
        lists: Option<Vec<String>>,
        ids: &[SubjectId],
    ) -> db::Result<Self> {
        let mut by_subject: HashMap<SubjectId, Vec<Hit>> = HashMap::new();
        for hit in hits::lock_of_subjects(tx, ids)? {
            by_subject.entry(hit.subject).or_default().push(hit);
        }
        let keyring = tx.keyring();
        Ok(Self {
            rules,
            open,
            standings,
            lists,
            hits: by_subject,
            before: assessments::of_subjects(tx, ids)?,
            keys: subject_keys::load(tx, keyring, ids)?,
            after: Vec::new(),
            entered: Vec::new(),
            screened: Vec::new(),
            tally: Tally::default(),
        })
    }

    pub fn enter(&mut self, tx: &mut Tx<'_>, one: &Compared<'_>) -> db::Result<()> {
        let record = &one.record;
        let (Some(personal), Some(key)) = (&record.personal, self.keys.get(&record.id)) else {
            return Ok(());
        };
        let before = self.hits.remove(&record.id).unwrap_or_default();
        let content = compared_content(record.kind, personal);
        let rules = self.rules.of(self.open.get(&record.id));
        let screened = Screened {
            id: record.id,
            platform: record.platform,
            content_hash: &keyed(tx.keyring(), "screening.subject", record.id, &content),
            two_people_at: rules.screening.value.two_people_at,
            key,
        };
        let screening = screen(tx, &screened, &one.likenesses, before)?;
        self.tally.hits_found += screening.found.len();
        self.tally.hits_reopened += screening.reopened.len();
        self.tally.hits_withdrawn += screening.withdrawn.len();
        self.rate(tx, record, personal, &screening, self.lists.is_some())?;
        self.entered.push(record.id);
        if self.lists.is_some() {
            self.screened.push(record.id);
        }
        Ok(())
    }

    fn rate(
        &mut self,
        tx: &mut Tx<'_>,
        record: &SubjectRecord,
        personal: &Personal,
        screening: &Screening,
        is_screened: bool,
    ) -> db::Result<()> {
        let Some(standing) = self.standings.get(&record.id).copied() else {
            return Ok(()); // erased since
        };
        let case = self.open.get(&record.id);
        let rules = self.rules.of(case);
        let facts = facts(record.kind, personal, &screening.hits, is_screened);
        let assessment = rules.risk.value.assess(&facts);
        let basis = basis(tx.keyring(), record, personal);
        let before = self.before.remove(&record.id);
        let news = News {
            facts: before.as_ref().is_none_or(|before| before.basis != basis),
            assessment: before
                .as_ref()
                .is_none_or(|before| !before.assessment.is_like(&assessment)),
            hits: !screening.found.is_empty()
                || !screening.reopened.is_empty()
                || !screening.withdrawn.is_empty(),
        };
        let undecided = screening
            .hits
            .iter()
            .any(|(status, _)| status.is_undecided());
        let turn = turn(
            standing.status,
            case.is_some(),
            news,
            undecided,
            assessment.band,
            is_screened,
        );
        let same = before.as_ref().is_some_and(|before| {
            before.assessment == assessment && before.policy_version == rules.risk.version
        });
        if same && !news.any() && !moves(turn, standing.status) {
            self.tally.unchanged += 1;
            return Ok(());
        }
        self.tally.assessed += 1;
        let settled = self.follow(tx, record, standing, turn, &assessment, undecided)?;
        let months = Months::new(u32::from(
            rules.risk.value.review_months.of(assessment.band),
        ));
        let from_now = tx.now() + months;
        let known = before.as_ref().and_then(|before| before.review_at);
        let newly_approved = settled == intake::Status::Approved && standing.status != settled;
        self.after.push(NewStanding {
            subject: record.id,
            platform: record.platform,
            policy_version: rules.risk.version,
            basis,
            review_at: if newly_approved {
                Some(from_now)
            } else {
                known.map(|at| at.min(from_now))
            },
            document_expires: document_expires(personal, before.as_ref(), news),
            assessment,
        });
        Ok(())
    }

    /// Carries the turn out. Gives the status that the subject has then.
    fn follow(
        &mut self,
        tx: &mut Tx<'_>,
        record: &SubjectRecord,
        standing: Standing,
        turn: Turn,
        assessment: &Assessment,
        undecided: bool,
    ) -> db::Result<intake::Status> {
        let case = self.open.get(&record.id);
        let rules = self.rules.of(case);
        let due = due(rules, tx.now(), assessment.band, undecided);
        let status = match (turn, case) {
            (Turn::Tell, Some(case)) => {
                reassess_case(tx, case.clone(), assessment, due)?;
                self.tally.cases_changed += 1;
                if standing.status == intake::Status::Expired {
                    intake::Status::Expired
                } else {
                    intake::Status::InReview
                }
            }
            (Turn::Open, _) => {
                let new = NewCase {
                    record,
                    assessment,
                    rules,
                    opened_for: OpenedFor::Assessment,
                    due,
                };
                open_case(tx, &new)?;
                self.tally.cases_opened += 1;
                intake::Status::InReview
            }
            // It says the same in other words, such as that the subject has been screened by now.
            (Turn::Keep, Some(case)) => {
                cases::save_contributions(tx, case.id, &assessment.contributions)?;
                standing.status
            }
            (Turn::Settle(status), _) => status,
            (Turn::Keep | Turn::Tell, _) => standing.status,
        };
        let risk = Some(as_risk(assessment.band));
        if standing.status != status || standing.risk != risk {
            intake::store::set_standing(tx, record.id, status, risk)?;
        }
        Ok(status)
    }

    pub fn close(self, tx: &mut Tx<'_>) -> db::Result<Tally> {
        assessments::save(tx, &self.after)?;
        intake::store::mark_assessed(tx, &self.entered)?;
        if let Some(lists) = &self.lists {
            assessments::mark_screened(tx, &self.screened, lists)?;
        }
        Ok(self.tally)
    }
}

/// Rates the subject of an open case anew after one of its hits was judged: the score follows what
/// was decided. The subject and the case are locked.
pub(super) fn rate_again(tx: &mut Tx<'_>, case: CaseId) -> Result<(), PolicyError> {
    let case = cases::find(tx, case)?;
    let id = case.subject;
    let keyring = tx.keyring();
    let Some(record) = intake::store::records(tx, keyring, &[id])?.pop() else {
        return Ok(());
    };
    let Some(personal) = &record.personal else {
        return Ok(());
    };
    let standings = intake::store::lock_standings(tx, &[id])?;
    let open: HashMap<_, _> = [case]
        .into_iter()
        .filter(|case| !case.status.is_closed())
        .map(|case| (id, case))
        .collect();
    let now = tx.now();
    let rules = RuleBook::open(tx, now, open.values())?;
    let mut book = Book::begin(tx, &rules, &open, &standings, None, &[id])?;
    let is_screened = book
        .before
        .get(&id)
        .is_some_and(|before| before.screened_at.is_some());
    let hits = book.hits.remove(&id).unwrap_or_default();
    let screening = Screening {
        hits: hits.iter().map(|hit| (hit.status, hit.exact)).collect(),
        ..Screening::default()
    };
    book.rate(tx, &record, personal, &screening, is_screened)?;
    book.close(tx)?;
    Ok(())
}

/// What becomes of a subject that stands at `status`. What a person has decided, the machine does not
/// undo: it may only ask a person again.
fn turn(
    status: intake::Status,
    has_case: bool,
    news: News,
    undecided: bool,
    band: Band,
    is_screened: bool,
) -> Turn {
    use intake::Status as S;
    if has_case {
        return if news.any() { Turn::Tell } else { Turn::Keep };
    }
    if undecided {
        return Turn::Open;
    }
    match status {
        S::Rejected | S::Expired if news.facts => Turn::Open,
        S::Rejected | S::Expired => Turn::Keep,
        // Who was approved in spite of the risk is looked at again when the risk changes.
        S::Approved if band.needs_review() && !news.assessment => Turn::Keep,
        _ if band.needs_review() => Turn::Open,
        _ if is_screened => Turn::Settle(S::Approved),
        _ => Turn::Settle(S::Pending),
    }
}

fn moves(turn: Turn, status: intake::Status) -> bool {
    match turn {
        Turn::Keep => false,
        Turn::Settle(next) => next != status,
        Turn::Tell | Turn::Open => true,
    }
}

/// An expired paper that a person has seen when approving is not brought up again until the facts
/// change.
fn document_expires(
    personal: &Personal,
    before: Option<&Assessed>,
    news: News,
) -> Option<NaiveDate> {
    match before {
        Some(before) if !news.facts => before.document_expires,
        _ => personal.id_expires,
    }
}
