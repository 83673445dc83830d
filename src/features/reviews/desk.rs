//! What stands on a case's page, read in one transaction. Reading it is an event.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::case::{Case, CaseId, KIND};
use super::hit_steps::{HitStep, hit_steps};
use super::risk::Contribution;
use super::step::Step;
use super::store::assessments::Standing;
use super::store::decisions::{self, Decision};
use super::store::{assessments, cases, queue, steps};
use super::views::{Awaiting, ToReport};
use crate::features::intake;
use crate::features::intake::store::SubjectRecord;
use crate::features::screening::explanation::Explanation;
use crate::features::screening::hit::{Disposition, Hit};
use crate::features::screening::listed::ListedEntry;
use crate::features::screening::{current_lists, dispositions, entries, hits};
use crate::foundation::Services;
use crate::foundation::audit::{Event, Subject};
use crate::foundation::auth::{Signed, people};
use crate::foundation::crypto::Keyring;
use crate::foundation::crypto::subject_keys::{self, SubjectKey};
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PersonId, Scope, SubjectId};
use crate::foundation::web;

/// Proposals, and hits to be reported, listed at once.
const MOST_LISTED: i64 = 200;
/// Subjects that lag behind the lists are counted no further.
pub const MOST_LAGGING: u64 = 1_000;

/// A case with its evidence.
pub struct CaseFile {
    pub case: Case,
    pub platform: String,
    /// `personal` inside is `None` once the subject has been erased.
    pub record: SubjectRecord,
    pub contributions: Vec<Contribution>,
    /// The last assessment: when it was screened and with what, and when it is due again.
    pub standing: Option<Standing>,
    pub hits: Vec<HitFile>,
    pub steps: Vec<Step>,
    /// What was said about the hits in this case.
    pub hit_steps: Vec<HitStep>,
    pub decisions: Vec<(Decision, String)>,
    pub people: HashMap<PersonId, String>,
}

/// A hit with both sides.
pub struct HitFile {
    pub hit: Hit,
    pub entry: Option<ListedEntry>,
    pub explanation: Option<Explanation>,
    pub disposition: Option<(Disposition, String)>,
    /// What the authority answered to the report.
    pub report_reference: Option<String>,
}

impl HitFile {
    /// The listed name that the subject resembles.
    pub fn entry_name(&self) -> &str {
        match (&self.explanation, &self.entry) {
            (Some(explanation), _) => &explanation.entry_name,
            (None, Some(entry)) => entry.primary_name(),
            (None, None) => "",
        }
    }
}

/// Reads a case for somebody. The reading stands in the log once in a quarter of an hour, before anything is read.
pub fn read(services: &Services, signed: &Signed, id: CaseId) -> Result<CaseFile, web::Error> {
    let now = services.clock.now();
    let what = services.keyring.token("reviews.case_read", &id.to_string());
    let keyring = &services.keyring;
    let (db, who) = (&services.db, signed.actor());
    let (case, file) = db.read_for(PoolKind::Web, &who, |conn| {
        // Elsewhere the case does not exist for them, and asking for it is not reading it.
        let case = cases::find(conn, id)?;
        if !signed.reach().allows(case.platform) || !signed.watch().sees_queue(KIND) {
            return Err(web::Error::NotFound);
        }
        let recent = intake::store::recently_read(conn, signed.person, &what, now)?;
        let file = recent.then(|| open(conn, keyring, id)).transpose()?;
        Ok::<_, web::Error>((case, file))
    })?;
    if let Some(file) = file {
        return Ok(file);
    }
    let event = Event::new("kyc.case_read", Subject::new("case", id))
        .platform(case.platform)
        .detail("subject", case.subject.to_string())
        .detail("purpose", "review");
    intake::actions::note_reading(services, signed, &what, event)?;
    Ok(db.read_for(PoolKind::Web, &who, |conn| open(conn, keyring, id))?)
}

fn open(conn: &mut Conn, keyring: &Keyring, id: CaseId) -> db::Result<CaseFile> {
    let case = cases::find(conn, id)?;
    let record = intake::store::records(conn, keyring, &[case.subject])?
        .pop()
        .ok_or(db::Error::NotFound)?;
    let key = subject_keys::load_one(conn, keyring, case.subject)?;
    let steps = steps::of_case(conn, &case, key.as_ref())?;
    let decisions = decisions::of_case(conn, id)?
        .into_iter()
        .map(|decision| {
            let note = match &key {
                Some(key) => decision.note(key)?,
                None => String::new(),
            };
            Ok((decision, note))
        })
        .collect::<db::Result<Vec<_>>>()?;
    let hits = open_hits(conn, &case, key.as_ref())?;
    let history = dispositions::history(conn, case.subject, key.as_ref())?;
    let hit_steps = hit_steps(&case, &hits, &history);
    let hands = steps.iter().filter_map(|step| step.by);
    let hands = hands.chain(hit_steps.iter().filter_map(|step| step.by));
    let people = names(conn, &case, hands, &decisions, &hits)?;
    let standing = assessments::of_subjects(conn, &[case.subject])?.remove(&case.subject);
    Ok(CaseFile {
        platform: platform_name(conn, &case)?,
        contributions: cases::contributions(conn, id)?,
        standing,
        case,
        record,
        hits,
        steps,
        hit_steps,
        decisions,
        people,
    })
}

fn open_hits(conn: &mut Conn, case: &Case, key: Option<&SubjectKey>) -> db::Result<Vec<HitFile>> {
    let found = hits::of_subjects(conn, &[case.subject])?;
    let ids: Vec<_> = found.iter().map(|hit| hit.entry).collect();
    let mut listed = entries(conn, &ids)?;
    let mut explanations = match key {
        Some(key) => hits::explanations(conn, case.subject, key)?,
        None => HashMap::new(),
    };
    let mut dispositions = dispositions::of_subject(conn, case.subject)?;
    found
        .into_iter()
        .map(|hit| {
            let disposition = match (dispositions.remove(&hit.id), key) {
                (Some(said), Some(key)) => {
                    let note = dispositions::note(conn, said.id, key)?;
                    Some((said, note))
                }
                (said, _) => said.map(|said| (said, String::new())),
            };
            let report_reference = match key {
                Some(key) if hit.reported_at.is_some() => {
                    hits::report_reference(conn, hit.id, key)?
                }
                _ => None,
            };
            Ok(HitFile {
                report_reference,
                entry: listed.remove(&hit.entry),
                explanation: explanations.remove(&hit.id),
                disposition,
                hit,
            })
        })
        .collect()
}

fn platform_name(conn: &mut Conn, case: &Case) -> db::Result<String> {
    let platforms = queue::platforms(conn)?;
    let found = platforms.into_iter().find(|(id, _)| *id == case.platform);
    Ok(found.map(|(_, name)| name).unwrap_or_default())
}

/// Everybody who has had a hand in it.
fn names(
    conn: &mut Conn,
    case: &Case,
    hands: impl Iterator<Item = PersonId>,
    decisions: &[(Decision, String)],
    hits: &[HitFile],
) -> db::Result<HashMap<PersonId, String>> {
    let mut ids: HashSet<PersonId> = hands.collect();
    ids.extend(case.claim.map(|claim| claim.by));
    for (decision, _) in decisions {
        ids.insert(decision.proposer);
        ids.extend(decision.approver);
    }
    for (said, _) in hits.iter().filter_map(|hit| hit.disposition.as_ref()) {
        ids.insert(said.proposer);
        ids.extend(said.approver);
    }
    names_of(conn, ids)
}

/// Names of a few people.
pub fn names_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = PersonId>,
) -> db::Result<HashMap<PersonId, String>> {
    ids.into_iter()
        .map(|id| Ok((id, people::find(conn, id)?.name)))
        .collect()
}

/// What others proposed and this person may answer, the oldest first.
pub fn awaiting(conn: &mut Conn, person: PersonId, scope: &Scope) -> db::Result<Vec<Awaiting>> {
    let decisions = decisions::awaiting(conn, person, scope, MOST_LISTED)?;
    let hits = dispositions::awaiting(conn, person, scope, MOST_LISTED)?;
    let subjects: Vec<_> = hits.iter().map(|(_, subject)| *subject).collect();
    let cases = queue::open_of_subjects(conn, &subjects)?;
    let proposers = decisions.iter().map(|(decision, ..)| decision.proposer);
    let proposers = proposers.chain(hits.iter().map(|(said, _)| said.proposer));
    let proposers: HashSet<_> = proposers.collect();
    let names = names_of(conn, proposers)?;
    let name = |id: &PersonId| names.get(id).cloned().unwrap_or_default();
    let mut rows: Vec<Awaiting> = decisions
        .iter()
        .map(|(decision, number, external_id)| Awaiting {
            href: format!("/reviews/{}", decision.case),
            what: format!("{} case {number}", decision.verdict.label()),
            subject: external_id.clone(),
            by: name(&decision.proposer),
            at: decision.proposed_at,
        })
        .collect();
    for (said, subject) in &hits {
        let Some(case) = cases.iter().find(|case| case.subject == *subject) else {
            continue;
        };
        rows.push(Awaiting {
            href: format!("/reviews/{}#hit-{}", case.id, said.hit),
            what: format!("{} (hit on case {})", said.outcome.label(), case.number),
            subject: case.external_id.clone(),
            by: name(&said.proposer),
            at: said.proposed_at,
        });
    }
    rows.sort_by_key(|row| row.at);
    Ok(rows)
}

/// Confirmed hits that are still to be reported, what is due first comes first.
pub fn to_report(conn: &mut Conn, scope: &Scope, today: NaiveDate) -> db::Result<Vec<ToReport>> {
    let hits = hits::to_report(conn, scope, MOST_LISTED)?;
    let subjects: Vec<_> = hits.iter().map(|hit| hit.subject).collect();
    let cases = queue::newest_of_subjects(conn, &subjects)?;
    let rows = hits.iter().filter_map(|hit| {
        let case = cases.iter().find(|case| case.subject == hit.subject)?;
        ToReport::new(hit, case, today)
    });
    Ok(rows.collect())
}

/// How many subjects have not been compared, as they are now, with the lists as they are now. Nothing where no
/// list is loaded, for then everybody waits.
pub fn lagging(conn: &mut Conn, scope: &Scope, now: DateTime<Utc>) -> db::Result<Option<u64>> {
    let Some(newest) = newest_list(conn)? else {
        return Ok(None);
    };
    let cap = i64::try_from(MOST_LAGGING).unwrap_or(i64::MAX);
    let mut behind = assessments::compared_before(conn, scope, newest, None, cap)?;
    behind.extend(intake::store::unassessed(conn, scope, now, None, cap)?);
    let count = behind.into_iter().collect::<HashSet<_>>().len() as u64;
    Ok(Some(count.min(MOST_LAGGING)))
}

/// Somebody who should have been assessed by `since` and was not, because the job that had it to do was cancelled or
/// given up: the next ones after this one.
pub fn owed(
    conn: &mut Conn,
    since: DateTime<Utc>,
    after: Option<SubjectId>,
    limit: i64,
) -> db::Result<Vec<SubjectId>> {
    let mut owed = intake::store::unassessed(conn, &Scope::All, since, after, limit)?;
    if let Some(newest) = newest_list(conn)?.filter(|loaded_at| *loaded_at <= since) {
        owed.extend(assessments::compared_before(
            conn,
            &Scope::All,
            newest,
            after,
            limit,
        )?);
    }
    owed.sort();
    owed.dedup();
    owed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(owed)
}

fn newest_list(conn: &mut Conn) -> db::Result<Option<DateTime<Utc>>> {
    let lists = current_lists(conn)?;
    Ok(lists.into_iter().map(|list| list.loaded_at).max())
}
