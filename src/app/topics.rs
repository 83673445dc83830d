use crate::foundation::auth::Permission;
use crate::foundation::web::live::Topic;

/// What an event changes on the pages that are open: the topic that their blocks listen for, and who may
/// know that something changed there.
#[must_use]
pub fn topic_of(kind: &str) -> Option<Topic> {
    use Permission::{
        AlertsRead, AuditRead, ChecklistsRead, HealthRead, IncidentsRead, JobsRead, NoticesRead,
        ReleasesRead, ReviewsRead, ScreeningRead, SubjectsRead,
    };
    let noun = kind.split('.').next()?;
    // Alerts, cases and customers belong to platforms: an event that names none is about those of several, or
    // hides whose they are. Jobs, lists and the log are one for all.
    let (name, needs, is_shared) = match noun {
        // Who is told stands with the alert, and who is on call with them.
        "alert" | "silence" | "maintenance" | "escalation" | "rota" => {
            ("alerts", AlertsRead, false)
        }
        "incident" => ("incidents", IncidentsRead, false),
        // What the platforms report is shown beside what the probes find.
        "probe" | "indicator" | "event" | "heartbeat" | "breaker" => ("health", HealthRead, false),
        "checklist" | "digest" => ("checklists", ChecklistsRead, false),
        "release" => ("releases", ReleasesRead, false),
        "kyc" => ("reviews", ReviewsRead, false),
        "intake" | "subject" => ("intake", SubjectsRead, false),
        "notice" => ("notices", NoticesRead, false),
        "job" => ("jobs", JobsRead, true),
        "screening" => ("screening", ScreeningRead, true),
        // A pack decides what the health pages show.
        "service_level" => ("health", HealthRead, false),
        "pack" => ("packs", HealthRead, false),
        "audit_log" => ("evidence", AuditRead, true),
        _ => return None,
    };
    Some(Topic {
        name,
        needs,
        is_shared,
    })
}
