use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The review queues that there are: their kind of case, and what they are called.
pub const QUEUES: [(&str, &str); 1] = [("kyc", "KYC")];

/// What of the evidence an auditor is shown. Nothing said means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// Events from this moment.
    pub log_from: Option<DateTime<Utc>>,
    /// Events before this moment.
    pub log_until: Option<DateTime<Utc>>,
    /// Cases of these kinds; an empty list is none.
    pub queues: Option<Vec<String>>,
}

impl Watch {
    #[must_use]
    pub fn is_whole_log(&self) -> bool {
        self.log_from.is_none() && self.log_until.is_none()
    }

    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.is_whole_log() && self.queues.is_none()
    }

    /// Whether an event of this moment is within the dates.
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.log_from.is_none_or(|from| at >= from) && self.log_until.is_none_or(|until| at < until)
    }

    /// Of a time that somebody asks for, the part that is within the dates.
    #[must_use]
    pub fn narrow(
        &self,
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let until = match (until, self.log_until) {
            (Some(asked), Some(limit)) => Some(asked.min(limit)),
            (asked, limit) => asked.or(limit),
        };
        (from.max(self.log_from), until)
    }

    /// Whether all of such a time is within the dates.
    #[must_use]
    pub fn covers_all(&self, from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> bool {
        self.narrow(from, until) == (from, until)
    }

    #[must_use]
    pub fn sees_queue(&self, kind: &str) -> bool {
        let Some(queues) = &self.queues else {
            return true;
        };
        queues.iter().any(|queue| queue == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-{text}T00:00:00Z").parse().unwrap()
    }

    fn spring() -> Watch {
        Watch {
            log_from: Some(at("03-01")),
            log_until: Some(at("04-01")),
            queues: Some(Vec::new()),
        }
    }

    #[test]
    fn the_first_moment_is_in_and_the_last_is_out() {
        assert!(spring().covers(at("03-01")));
        assert!(!spring().covers(at("04-01")));
        assert!(!spring().covers(at("02-28")));
        assert!(Watch::default().covers(at("02-28")));
    }

    #[test]
    fn what_is_asked_for_is_cut_to_the_dates() {
        let whole = (Some(at("03-01")), Some(at("04-01")));
        assert_eq!(spring().narrow(None, None), whole);
        let wider = (Some(at("01-01")), Some(at("12-31")));
        assert_eq!(spring().narrow(wider.0, wider.1), whole);
        let within = (Some(at("03-10")), Some(at("03-11")));
        assert_eq!(spring().narrow(within.0, within.1), within);
        assert!(spring().covers_all(within.0, within.1));
        for (from, until) in [(None, None), (within.0, None), (None, within.1), wider] {
            assert!(!spring().covers_all(from, until), "{from:?} {until:?}");
        }
        assert_eq!(Watch::default().narrow(None, within.1), (None, within.1));
    }

    #[test]
    fn an_empty_list_of_queues_is_none() {
        assert!(!spring().sees_queue("kyc"));
        assert!(Watch::default().sees_queue("kyc"));
        let kyc = Watch {
            queues: Some(vec!["kyc".to_owned()]),
            ..Watch::default()
        };
        assert!(kyc.sees_queue("kyc") && !kyc.sees_queue("refund"));
        assert!(kyc.is_whole_log() && !kyc.is_everything());
    }
}
