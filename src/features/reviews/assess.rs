//! Assessing subjects: compare with the lists, score the risk, open a case where a person has to
//! look. Doing it again on the same facts changes nothing.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Months, Utc};

use super::case::{Case, CaseId};
use super::risk::{Assessment, Band, Contribution, Factor, Facts, Hits, RiskPolicy};
use super::step::What;
use super::store::assessments::{NewStanding, Standing};
use super::store::{assessments, cases, decisions, steps};
use super::verdict::Status;
use crate::features::intake::store::SubjectRecord;
use crate::features::intake::{self, Personal, Risk, SubjectKind};
use crate::features::screening::actions::{Screened, Screening, screen};
use crate::features::screening::current::{Current, Likeness, compared_content};
use crate::features::screening::hit::{Hit, HitStatus};
use crate::features::screening::hits;
use crate::features::screening::index::Scratch;
use crate::features::screening::policy::{self as screening_policy, ScreeningPolicy};
use crate::foundation::audit::{Event, Subject, Tx};
use crate::foundation::crypto::Keyring;
use crate::foundation::crypto::subject_keys::{self, SubjectKey};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::SubjectId;
use crate::foundation::policy::{self, InForce, PolicyError};

/// The rules that an assessment is made under.
#[derive(Clone)]
pub struct Rules {
    pub risk: InForce<RiskPolicy>,
    pub screening: InForce<ScreeningPolicy>,
}

impl Rules {
    pub fn at(conn: &mut Conn, now: DateTime<Utc>) -> Result<Self, PolicyError> {
        Ok(Self {
            risk: policy::at(conn, super::risk::POLICY, now)?,
            screening: policy::at(conn, screening_policy::POLICY, now)?,
        })
    }
}

/// A subject with what the lists say, compared outside of any writing transaction.
pub struct Compared<'a> {
    record: SubjectRecord,
    likenesses: Vec<Likeness<'a>>,
}

/// Compares many subjects. An erased one has nothing to compare and is left out.
pub fn compare<'a>(
    current: &'a Current,
    rules: &Rules,
    records: Vec<SubjectRecord>,
    scratch: &mut Scratch,
) -> Vec<Compared<'a>> {
    let floor = rules.screening.value.hit_at;
    let mut compared = Vec::with_capacity(records.len());
    for record in records {
        let Some(personal) = &record.personal else {
            continue;
        };
        let likenesses = current.compare(record.kind, personal, floor, scratch);
        compared.push(Compared { record, likenesses });
    }
    compared
}

/// What assessing a number of subjects did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub assessed: usize,
    pub unchanged: usize,
    pub hits_found: usize,
    pub hits_reopened: usize,
    pub hits_withdrawn: usize,
    pub cases_opened: usize,
    pub cases_changed: usize,
}

/// Writes what came of comparing: hits, assessments, cases, each case with its own event.
pub fn write(tx: &mut Tx<'_>, rules: &Rules, compared: &[Compared<'_>]) -> db::Result<Tally> {
    let ids: Vec<SubjectId> = compared.iter().map(|one| one.record.id).collect();
    let mut book = Book::open(tx, rules, &ids)?;
    for one in compared {
        book.enter(tx, one)?;
    }
    book.close(tx)
}

/// Rates one subject anew after a hit of theirs was judged: the score follows what was decided.
pub fn rate_again(tx: &mut Tx<'_>, rules: &Rules, record: &SubjectRecord) -> db::Result<()> {
    let mut book = Book::open(tx, rules, &[record.id])?;
    let screening = Screening {
        hits: standings(&book.hits.remove(&record.id).unwrap_or_default()),
        ..Screening::default()
    };
    book.rate(tx, record, &screening)?;
    book.close(tx)?;
    Ok(())
}

/// The transaction's notes on a number of subjects.
struct Book<'r> {
    rules: &'r Rules,
    hits: HashMap<SubjectId, Vec<Hit>>,
    before: HashMap<SubjectId, Standing>,
    keys: HashMap<SubjectId, SubjectKey>,
    after: Vec<NewStanding>,
    tally: Tally,
}

impl<'r> Book<'r> {
    fn open(tx: &mut Tx<'_>, rules: &'r Rules, ids: &[SubjectId]) -> db::Result<Self> {
        let mut by_subject: HashMap<SubjectId, Vec<Hit>> = HashMap::new();
        for hit in hits::of_subjects(tx, ids)? {
            by_subject.entry(hit.subject).or_default().push(hit);
        }
        let keyring = tx.keyring();
        Ok(Self {
            rules,
            hits: by_subject,
            before: assessments::of_subjects(tx, ids)?,
            keys: subject_keys::load(tx, keyring, ids)?,
            after: Vec::new(),
            tally: Tally::default(),
        })
    }

    fn enter(&mut self, tx: &mut Tx<'_>, one: &Compared<'_>) -> db::Result<()> {
        let record = &one.record;
        let (Some(personal), Some(key)) = (&record.personal, self.keys.get(&record.id)) else {
            return Ok(());
        };
        let before = self.hits.remove(&record.id).unwrap_or_default();
        let content = compared_content(record.kind, personal);
        let screened = Screened {
            id: record.id,
            platform: record.platform,
            content_hash: &keyed(tx.keyring(), "screening.subject", record.id, &content),
            key,
        };
        let screening = screen(tx, &screened, &one.likenesses, before)?;
        self.tally.hits_found += screening.found.len();
        self.tally.hits_reopened += screening.reopened.len();
        self.tally.hits_withdrawn += screening.withdrawn.len();
        self.rate(tx, record, &screening)
    }

    fn rate(
        &mut self,
        tx: &mut Tx<'_>,
        record: &SubjectRecord,
        screening: &Screening,
    ) -> db::Result<()> {
        let Some(personal) = &record.personal else {
            return Ok(());
        };
        let assessment =
            self.rules
                .risk
                .value
                .assess(&facts(record.kind, personal, strongest(&screening.hits)));
        let content = serde_json::to_vec(personal).unwrap_or_default();
        let basis = keyed(tx.keyring(), "reviews.basis", record.id, &content);
        let before = self.before.get(&record.id);
        let same = before.is_some_and(|before| {
            before.assessment == assessment
                && before.basis == basis
                && before.policy_version == self.rules.risk.version
        });
        let touched = !screening.found.is_empty()
            || !screening.reopened.is_empty()
            || !screening.withdrawn.is_empty();
        if same && !touched {
            self.tally.unchanged += 1;
            return Ok(());
        }
        self.tally.assessed += 1;
        let undecided = screening
            .hits
            .iter()
            .any(|(status, _)| status.is_undecided());
        self.follow_up(tx, record, &assessment, undecided)?;
        let months = self.rules.risk.value.review_months.of(assessment.band);
        self.after.push(NewStanding {
            subject: record.id,
            policy_version: self.rules.risk.version,
            basis,
            review_at: tx.now() + Months::new(u32::from(months)),
            assessment,
        });
        Ok(())
    }

    /// Opens a case, or tells the open one; without a reason for either the subject is fine.
    fn follow_up(
        &mut self,
        tx: &mut Tx<'_>,
        record: &SubjectRecord,
        assessment: &Assessment,
        undecided: bool,
    ) -> db::Result<()> {
        let due = self.due(tx.now(), assessment.band, undecided);
        let standing = if let Some(case) = cases::lock_open(tx, record.id)? {
            reassess_case(tx, case, assessment, due)?;
            self.tally.cases_changed += 1;
            intake::Status::InReview
        } else if undecided || assessment.band.needs_review() {
            self.open_case(tx, record, assessment, due)?;
            self.tally.cases_opened += 1;
            intake::Status::InReview
        } else {
            intake::Status::Approved
        };
        let risk = Some(as_risk(assessment.band));
        if record.status != standing || record.risk != risk {
            intake::store::set_standing(tx, record.id, standing, risk)?;
        }
        Ok(())
    }

    /// An undecided hit is as urgent as a prohibited risk.
    fn due(&self, now: DateTime<Utc>, band: Band, undecided: bool) -> DateTime<Utc> {
        let hours = self.rules.risk.value.due_hours;
        let mut due_hours = hours.of(band);
        if undecided {
            due_hours = due_hours.min(hours.prohibited);
        }
        now + Duration::hours(i64::from(due_hours))
    }

    fn open_case(
        &self,
        tx: &mut Tx<'_>,
        record: &SubjectRecord,
        assessment: &Assessment,
        due_at: DateTime<Utc>,
    ) -> db::Result<()> {
        let case = Case {
            id: CaseId::new(),
            number: 0, // the database numbers it
            platform: record.platform,
            subject: record.id,
            external_id: record.external_id.clone(),
            company: record.kind == SubjectKind::Company,
            status: Status::Open,
            band: assessment.band,
            score: assessment.score,
            policy_version: self.rules.risk.version,
            opened_at: tx.now(),
            due_at,
            closed_at: None,
            claim: None,
            parked_until: None,
            version: 1,
        };
        cases::insert(tx, &case, &assessment.contributions)?;
        steps::add(tx, &case, None, What::Opened, None)?;
        tx.record(case_event("kyc.case_opened", &case, assessment))?;
        Ok(())
    }

    fn close(self, tx: &mut Tx<'_>) -> db::Result<Tally> {
        assessments::save(tx, &self.after)?;
        Ok(self.tally)
    }
}

/// The open case learns of it. What was proposed on the old facts is void.
fn reassess_case(
    tx: &mut Tx<'_>,
    mut case: Case,
    assessment: &Assessment,
    due_at: DateTime<Utc>,
) -> db::Result<()> {
    decisions::void_proposals(tx, case.id)?;
    case.reassess(assessment.band, assessment.score, due_at);
    cases::save(tx, &case)?;
    cases::save_contributions(tx, case.id, &assessment.contributions)?;
    steps::add(tx, &case, None, What::Reassessed, None)?;
    tx.record(case_event("kyc.case_reassessed", &case, assessment))?;
    Ok(())
}

fn case_event(kind: &'static str, case: &Case, assessment: &Assessment) -> Event {
    let reasons: Vec<String> = assessment
        .contributions
        .iter()
        // Which country, product or occupation it is, is the subject's own affair.
        .map(|c: &Contribution| format!("{}:{}", factor_code(c.factor), c.points))
        .collect();
    Event::new(kind, Subject::new("case", case.id))
        .platform(case.platform)
        .detail("subject", case.subject.to_string())
        .detail("band", case.band.as_str())
        .detail("score", case.score)
        .detail("policy_version", case.policy_version)
        .detail("contributions", reasons)
}

fn factor_code(factor: Factor) -> &'static str {
    match factor {
        Factor::Geography => "geography",
        Factor::Product => "product",
        Factor::Occupation => "occupation",
        Factor::Pep => "pep",
        Factor::Screening => "screening",
        Factor::ExpectedAmount => "expected_amount",
        Factor::MissingFacts => "missing_facts",
    }
}

/// What of a subject counts for the risk.
fn facts(kind: SubjectKind, personal: &Personal, hits: Hits) -> Facts {
    let code = |country: Option<intake::Country>| country.map(|c| c.code().to_owned());
    Facts {
        company: kind == SubjectKind::Company,
        residence: code(personal.country),
        nationality: code(personal.nationality),
        product: personal.product.clone(),
        occupation: personal.occupation.clone(),
        pep: personal.pep == Some(true),
        expected_monthly: personal
            .expected_monthly
            .map(|money| (money.minor, money.currency.code().to_owned())),
        has_date_of_birth: personal.date_of_birth.is_some(),
        has_id_number: personal.id_number.is_some() || personal.tax_id.is_some(),
        hits,
    }
}

fn standings(hits: &[Hit]) -> Vec<(HitStatus, bool)> {
    hits.iter().map(|hit| (hit.status, hit.exact)).collect()
}

fn strongest(hits: &[(HitStatus, bool)]) -> Hits {
    let weight = |(status, exact): &(HitStatus, bool)| match (status, exact) {
        (HitStatus::Confirmed, _) => Hits::Confirmed,
        (status, true) if status.is_undecided() => Hits::Exact,
        (status, false) if status.is_undecided() => Hits::Possible,
        _ => Hits::None,
    };
    hits.iter().map(weight).max().unwrap_or_default()
}

fn as_risk(band: Band) -> Risk {
    match band {
        Band::Low => Risk::Low,
        Band::Medium => Risk::Medium,
        Band::High => Risk::High,
        Band::Prohibited => Risk::Prohibited,
    }
}

/// A hash that nobody without the key can compare guesses with.
fn keyed(keyring: &Keyring, domain: &str, subject: SubjectId, content: &[u8]) -> [u8; 32] {
    keyring.token(domain, &format!("{subject}:{}", hex::encode(content)))
}
