//! The page of a subject.

use askama::Template;
use chrono::{DateTime, Utc};

use super::facts::{Flag, flag};
use super::queue::Row;
use crate::features::intake::profile::{self, Fact};
use crate::features::intake::store::{SubjectBatch, SubjectRecord};
use crate::features::intake::{self, Standing, risk_lamp, status_lamp};
use crate::features::reviews::case::Case;
use crate::features::reviews::store::assessments::Standing as Assessed;
use crate::foundation::web::{Chrome, filters};

#[derive(Template)]
#[template(path = "reviews/subject.html")]
pub struct SubjectPage {
    chrome: Chrome,
    record: SubjectRecord,
    platform: String,
    status: Standing,
    risk: Option<Standing>,
    /// Headed lists of what is known.
    facts: Vec<(&'static str, Vec<Fact>)>,
    batches: Vec<SubjectBatch>,
    assessment: Option<AssessmentCard>,
    cases: Vec<Row>,
}

/// How the risk was last assessed.
struct AssessmentCard {
    score: u16,
    policy_version: i32,
    at: DateTime<Utc>,
    reasons: Vec<Flag>,
    review_at: Option<DateTime<Utc>>,
    screened: Option<(DateTime<Utc>, String)>,
}

impl SubjectPage {
    pub fn new(
        chrome: Chrome,
        platform: String,
        batches: Vec<SubjectBatch>,
        assessed: Option<Assessed>,
        cases: &[Case],
        record: SubjectRecord,
        now: DateTime<Utc>,
    ) -> Self {
        let personal = record.personal.as_ref();
        let approved = record.status == intake::Status::Approved;
        Self {
            status: status_lamp(record.status),
            risk: record.risk.map(risk_lamp),
            facts: personal.map(profile::facts).unwrap_or_default(),
            assessment: assessed.map(|assessed| AssessmentCard {
                score: assessed.assessment.score,
                policy_version: assessed.policy_version,
                at: assessed.assessed_at,
                reasons: assessed
                    .assessment
                    .contributions
                    .iter()
                    .map(|one| flag(one, personal))
                    .collect(),
                review_at: assessed.review_at.filter(|_| approved),
                screened: assessed.screened_at.map(|at| {
                    let lists = assessed.screened_lists.join(", ");
                    (at, lists.replace(':', " version "))
                }),
            }),
            cases: cases
                .iter()
                .map(|case| Row::new(case, now, platform.clone(), None))
                .collect(),
            chrome,
            platform,
            batches,
            record,
        }
    }
}
