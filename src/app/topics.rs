/// What an event changes on the pages that are open: the topic that their blocks listen for.
#[must_use]
pub fn topic_of(kind: &str) -> Option<&'static str> {
    let noun = kind.split('.').next()?;
    match noun {
        "alert" => Some("alerts"),
        "probe" | "indicator" => Some("health"),
        "kyc" => Some("reviews"),
        "intake" | "subject" => Some("intake"),
        "job" => Some("jobs"),
        "screening" => Some("screening"),
        "pack" => Some("packs"),
        "audit_log" => Some("evidence"),
        _ => None,
    }
}
