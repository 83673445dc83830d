//! An alert as Prometheus hands it in, and as Alertmanager passes it on. Pure: the time comes in.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::features::alerts::alert::Change;
use crate::features::alerts::labels::{ALERTNAME, Labels, SEVERITY, identity, level_of};
use crate::foundation::kernel::{Level, PlatformId};

/// How much of it is taken, in labels, annotations and bytes.
pub const LABELS_AT_MOST: usize = 64;
pub const ANNOTATIONS_AT_MOST: usize = 32;
pub const NAME_AT_MOST: usize = 200;
pub const VALUE_AT_MOST: usize = 2_000;
/// Longest annotation that is kept; what is longer is cut.
pub const ANNOTATION_AT_MOST: usize = 4_000;
const SUMMARY_AT_MOST: usize = 500;

/// An alert without an end goes out after this time unless it is sent again, as in Alertmanager.
pub const RESOLVE_TIMEOUT: TimeDelta = TimeDelta::minutes(5);

/// A moment before this is none: `0001-01-01T00:00:00Z` is how Go writes that there is none.
const NO_TIME_BEFORE: i64 = 0;

/// An alert to hand in. Names that nobody knows are passed over.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    /// Names and values. `alertname` names it, `severity` says how bad it is, `platform` whose it is.
    #[schema(value_type = BTreeMap<String, String>)]
    pub labels: Labels,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends unless it is sent again; in the past: it has ended. Nothing: five minutes from now.
    pub ends_at: Option<DateTime<Utc>>,
    /// Where it came from.
    #[serde(default, rename = "generatorURL")]
    pub generator_url: String,
}

/// An alert that was handed in, as far as we go along with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub labels: Labels,
    pub fingerprint: String,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: DateTime<Utc>,
    /// Nothing: it is put out by word alone.
    pub ends_at: Option<DateTime<Utc>>,
    pub generator: String,
}

/// Whose lamp it is: what stays the same of an alert, however often it comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub platform: PlatformId,
    pub fingerprint: String,
}

/// How long an alert is believed in whose sender names no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Prometheus sends again and again.
    Timeout,
    /// Alertmanager sends once, and once more when it is over.
    Stays,
}

fn given(at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    at.filter(|at| at.timestamp() > NO_TIME_BEFORE)
}

impl Posted {
    #[must_use]
    pub fn whose(&self, platform: PlatformId) -> Identity {
        Identity {
            platform,
            fingerprint: self.fingerprint.clone(),
        }
    }

    /// What its coming means for a lamp.
    #[must_use]
    pub fn comes(&self) -> Change {
        Change::Fired {
            level: self.level(),
            active_at: self.starts_at,
        }
    }

    /// # Errors
    /// Why it is not taken, in words.
    pub fn read(sent: PostableAlert, now: DateTime<Utc>, without: Without) -> Result<Self, String> {
        let mut labels = sent.labels;
        // A label without a value is one that is not there.
        labels.retain(|_, value| !value.is_empty());
        check_labels(&labels)?;
        let (starts, ends) = (given(sent.starts_at), given(sent.ends_at));
        let starts_at = starts.or(ends).unwrap_or(now).min(now);
        if ends.is_some_and(|ends| ends < starts_at) {
            return Err("it ends before it begins".to_owned());
        }
        let ends_at = ends.or(match without {
            Without::Timeout => Some(now + RESOLVE_TIMEOUT),
            Without::Stays => None,
        });
        let annotations = sent.annotations.into_iter().take(ANNOTATIONS_AT_MOST);
        let cut = |text: String| plain(&text, ANNOTATION_AT_MOST);
        Ok(Self {
            fingerprint: identity(&labels),
            labels,
            annotations: annotations
                .map(|(name, value)| (plain(&name, NAME_AT_MOST), cut(value)))
                .collect(),
            starts_at,
            ends_at,
            generator: plain(&sent.generator_url, VALUE_AT_MOST),
        })
    }

    /// Whether it is over.
    #[must_use]
    pub fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.ends_at.is_some_and(|ends| ends <= now)
    }

    #[must_use]
    pub fn level(&self) -> Level {
        level_of(self.labels.get(SEVERITY).map(String::as_str))
    }

    /// What it is called in lists.
    #[must_use]
    pub fn name(&self) -> String {
        let named = self.labels.get(ALERTNAME);
        named.map_or_else(|| "An alert without a name".to_owned(), Clone::clone)
    }

    /// What it says, on one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let said = ["summary", "title", "description", "message"]
            .into_iter()
            .filter_map(|name| self.annotations.get(name))
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
            .find(|text| !text.is_empty());
        let said = said.unwrap_or_else(|| "handed in by another program".to_owned());
        plain(&said, SUMMARY_AT_MOST)
    }
}

fn check_labels(labels: &Labels) -> Result<(), String> {
    if labels.is_empty() {
        return Err("it has no labels".to_owned());
    }
    if labels.len() > LABELS_AT_MOST {
        return Err(format!("it has more than {LABELS_AT_MOST} labels"));
    }
    for (name, value) in labels {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_name =
            name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
        if !is_name || name.len() > NAME_AT_MOST {
            let shown: String = name.chars().take(60).collect();
            return Err(format!("{shown:?} is not the name of a label"));
        }
        if value.len() > VALUE_AT_MOST {
            return Err(format!(
                "the label {name} has more than {VALUE_AT_MOST} bytes"
            ));
        }
        if value.contains('\0') {
            return Err(format!("the label {name} holds a NUL character"));
        }
    }
    Ok(())
}

/// Text without what cannot be seen or kept, and no longer than this in bytes.
fn plain(text: &str, at_most: usize) -> String {
    let visible = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let mut kept = String::new();
    for c in text.chars().filter(visible) {
        if kept.len() + c.len_utf8() > at_most {
            break;
        }
        kept.push(c);
    }
    kept
}

/// What Alertmanager sends to a webhook, version 4. Names that nobody knows are passed over.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// `4`
    pub version: String,
    #[serde(default)]
    pub receiver: String,
    /// How many alerts of the group were left out.
    #[serde(default)]
    pub truncated_alerts: u64,
    #[serde(default)]
    pub alerts: Vec<Delivered>,
}

/// An alert in a delivery.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Delivered {
    /// `firing` or `resolved`.
    #[serde(default)]
    pub status: String,
    #[serde(flatten)]
    pub alert: PostableAlert,
}

impl Delivered {
    /// The same, as if Prometheus had sent it: what is resolved has ended, and what fires has no end yet.
    #[must_use]
    pub fn into_postable(self, now: DateTime<Utc>) -> PostableAlert {
        let mut alert = self.alert;
        alert.ends_at = match self.status.as_str() {
            "resolved" => Some(given(alert.ends_at).map_or(now, |ends| ends.min(now))),
            _ => None,
        };
        alert
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    fn read(alert: Value) -> Result<Posted, String> {
        let sent = serde_json::from_value(alert).unwrap();
        Posted::read(sent, now(), Without::Timeout)
    }

    #[test]
    fn what_prometheus_sends_is_read() {
        let posted = read(json!({
            "labels": {"alertname": "ok", "gone": ""},
            "annotations": {"summary": " It\nis  down "},
            "startsAt": "2026-11-26T11:59:00Z", "endsAt": "2026-11-26T12:04:00Z",
            "generatorURL": "http://prometheus/graph", "unknown": 1,
        }))
        .unwrap();
        assert_eq!(posted.fingerprint, "01167342b0fed1b2");
        assert_eq!(
            (posted.name(), posted.summary()),
            ("ok".into(), "It is down".into())
        );
        assert_eq!(posted.level(), Level::Yellow);
        assert!(!posted.has_ended(now()) && posted.has_ended(posted.ends_at.unwrap()));
    }

    #[test]
    fn an_end_that_is_not_given_is_five_minutes_away_or_comes_by_word() {
        let bare = json!({"labels": {"a": "b"}, "endsAt": "0001-01-01T00:00:00Z"});
        assert_eq!(
            read(bare.clone()).unwrap().ends_at,
            Some(now() + RESOLVE_TIMEOUT)
        );
        let sent = serde_json::from_value(bare).unwrap();
        assert_eq!(
            Posted::read(sent, now(), Without::Stays).unwrap().ends_at,
            None
        );
        let ended = read(json!({"labels": {"a": "b"}, "endsAt": "2026-11-26T11:00:00Z"})).unwrap();
        assert!(ended.has_ended(now()));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_in_words() {
        let many: BTreeMap<String, String> =
            (0..65).map(|n| (format!("l{n}"), "x".to_owned())).collect();
        for (labels, says) in [
            (json!({}), "no labels"),
            (json!({"a": ""}), "no labels"),
            (json!({"1a": "x"}), "not the name of a label"),
            (json!({"a-b": "x"}), "not the name of a label"),
            (json!({"a": "x".repeat(2_001)}), "more than 2000 bytes"),
            (json!({"a": "x\u{0}"}), "NUL"),
            (json!(many), "more than 64 labels"),
        ] {
            let error = read(json!({ "labels": labels })).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let backwards = json!({"labels": {"a": "b"}, "startsAt": "2026-11-26T11:00:00Z",
            "endsAt": "2026-11-26T10:00:00Z"});
        assert!(read(backwards).is_err());
    }

    #[test]
    fn a_delivery_of_version_four_is_read() {
        let delivery: Delivery = serde_json::from_value(json!({
            "version": "4", "groupKey": "{}", "truncatedAlerts": 3, "status": "firing", "receiver": "signalbox",
            "groupLabels": {}, "later": [1],
            "alerts": [
                {"status": "firing", "labels": {"alertname": "A"}, "endsAt": "0001-01-01T00:00:00Z",
                 "fingerprint": "1"},
                {"status": "resolved", "labels": {"alertname": "B"}, "endsAt": "2026-11-26T11:59:00Z"},
                {"status": "resolved", "labels": {"alertname": "C"}, "endsAt": "2027-01-01T00:00:00Z"},
            ],
        }))
        .unwrap();
        assert_eq!(delivery.truncated_alerts, 3);
        let ends: Vec<bool> = delivery
            .alerts
            .into_iter()
            .map(|alert| {
                Posted::read(alert.into_postable(now()), now(), Without::Stays)
                    .unwrap()
                    .has_ended(now())
            })
            .collect();
        assert_eq!(ends, [false, true, true]);
    }

    proptest! {
        #[test]
        fn text_is_cut_and_cleaned_whatever_it_is(text in "\\PC{0,80}", at_most in 0_usize..60) {
            let kept = plain(&text, at_most);
            prop_assert!(kept.len() <= at_most);
            prop_assert!(!kept.contains('\0'));
        }
    }
}
