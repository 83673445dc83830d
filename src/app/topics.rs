use crate::foundation::auth::Permission;
use crate::foundation::web::live::Topic;

/// What an event changes on the pages that are open: the topic that their blocks listen for, and who may
/// know that something changed there.
#[must_use]
pub fn topic_of(kind: &str) -> Option<Topic> {
    use Permission::{
        AlertsRead, AuditRead, HealthRead, JobsRead, ReviewsRead, ScreeningRead, SubjectsRead,
    };
    let noun = kind.split('.').next()?;
    let (name, needs) = match noun {
        "alert" => ("alerts", AlertsRead),
        // What the platforms report is shown beside what the probes find.
        "probe" | "indicator" | "event" => ("health", HealthRead),
        "kyc" => ("reviews", ReviewsRead),
        "intake" | "subject" => ("intake", SubjectsRead),
        "job" => ("jobs", JobsRead),
        "screening" => ("screening", ScreeningRead),
        // A pack decides what the health pages show.
        "pack" => ("packs", HealthRead),
        "audit_log" => ("evidence", AuditRead),
        _ => return None,
    };
    Some(Topic { name, needs })
}
