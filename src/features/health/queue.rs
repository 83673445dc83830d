//! What is asked of Redis about a queue, and what its answers mean.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::resp::Reply;
use crate::features::packs::pack::{Layout, Measure, Queue};

/// A command whose answer is a part of a figure: parts of one are added.
pub type Part = (Measure, Vec<String>);

/// How many messages are in which state.
#[must_use]
pub fn lengths(queue: &Queue) -> Vec<Part> {
    let Queue { prefix, name, .. } = queue;
    let part = |measure, command: &str, key: String| (measure, vec![command.to_owned(), key]);
    match queue.layout {
        Layout::List => vec![part(Measure::Waiting, "LLEN", format!("{prefix}{name}"))],
        Layout::Sorted => vec![part(Measure::Waiting, "ZCARD", format!("{prefix}{name}"))],
        Layout::Laravel => {
            let key = |end: &str| format!("{prefix}queues:{name}{end}");
            vec![
                part(Measure::Waiting, "LLEN", key("")),
                part(Measure::Delayed, "ZCARD", key(":delayed")),
                part(Measure::Reserved, "ZCARD", key(":reserved")),
            ]
        }
        Layout::BullMq => {
            let key = |end: &str| bull(queue, end);
            vec![
                part(Measure::Waiting, "LLEN", key("wait")),
                part(Measure::Waiting, "LLEN", key("paused")),
                part(Measure::Waiting, "ZCARD", key("prioritized")),
                part(Measure::Delayed, "ZCARD", key("delayed")),
                part(Measure::Reserved, "LLEN", key("active")),
                part(Measure::Failed, "ZCARD", key("failed")),
            ]
        }
    }
}

fn bull(queue: &Queue, end: &str) -> String {
    let prefix = if queue.prefix.is_empty() {
        "bull:"
    } else {
        queue.prefix.as_str()
    };
    format!("{prefix}{}:{end}", queue.name)
}

/// How the message is asked for that comes next, which has waited longest: of several places the first that has one.
/// None where nothing tells how long.
#[must_use]
pub fn next(queue: &Queue) -> Vec<Vec<String>> {
    let asked = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
    match queue.layout {
        Layout::List | Layout::Sorted => Vec::new(),
        Layout::Laravel => {
            let key = format!("{}queues:{}", queue.prefix, queue.name);
            vec![asked(&["LINDEX", &key, "0"])]
        }
        // A queue that is paused has its messages elsewhere.
        Layout::BullMq => vec![
            asked(&["LINDEX", &bull(queue, "wait"), "-1"]),
            asked(&["LINDEX", &bull(queue, "paused"), "-1"]),
        ],
    }
}

/// How the moment is asked for from which on that message has waited, where the message is only its name.
#[must_use]
pub fn moment_of(queue: &Queue, message: &[u8]) -> Option<Vec<String>> {
    let id = std::str::from_utf8(message).ok()?;
    (queue.layout == Layout::BullMq).then(|| {
        let parts = ["HMGET", &bull(queue, id), "timestamp", "delay"];
        parts.map(str::to_owned).to_vec()
    })
}

/// How those are asked for that ended first of the messages which are kept, done or given up, with when that was.
#[must_use]
pub fn ended(queue: &Queue) -> Vec<Part> {
    if queue.layout != Layout::BullMq {
        return Vec::new();
    }
    let first = |end: &str| {
        let key = bull(queue, end);
        let command = ["ZRANGE", &key, "0", "0", "WITHSCORES"];
        command.map(str::to_owned).to_vec()
    };
    vec![
        (Measure::Done, first("completed")),
        (Measure::GivenUp, first("failed")),
    ]
}

/// When it ended, in seconds since 1970: `BullMQ` writes milliseconds. Nothing where none is kept.
#[must_use]
pub fn ended_at(reply: &Reply) -> Option<f64> {
    let Reply::Array(parts) = reply else {
        return None;
    };
    let Some(Reply::Bulk(score)) = parts.get(1) else {
        return None;
    };
    let millis: f64 = std::str::from_utf8(score).ok()?.parse().ok()?;
    Some(millis / 1_000.0)
}

/// When a message of Laravel was pushed, as Horizon writes it into it.
#[must_use]
pub fn pushed_at(message: &[u8]) -> Option<f64> {
    let message: Value = serde_json::from_slice(message).ok()?;
    let found = ["pushedAt", "createdAt"]
        .iter()
        .find_map(|name| message.get(*name))?;
    match found {
        Value::String(text) => text.parse().ok(),
        number => number.as_f64(),
    }
}

/// Since when a message of BullMQ has waited, in seconds since 1970: from when it came, after the delay that it came with.
#[must_use]
pub fn waits_since(reply: &Reply) -> Option<f64> {
    let Reply::Array(parts) = reply else {
        return None;
    };
    let millis = |part: Option<&Reply>| match part {
        Some(Reply::Bulk(text)) => std::str::from_utf8(text).ok()?.parse::<f64>().ok(),
        _ => None,
    };
    let delay = millis(parts.get(1)).unwrap_or(0.0);
    Some((millis(parts.first())? + delay) / 1_000.0)
}

/// How long something has waited, in seconds. Clocks that differ make nobody wait less than no time.
#[must_use]
pub fn waited(since: f64, at: DateTime<Utc>) -> f64 {
    (at.timestamp_millis() as f64 / 1_000.0 - since).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(layout: Layout, prefix: &str) -> Queue {
        Queue {
            redis: None,
            layout,
            name: "events".to_owned(),
            prefix: prefix.to_owned(),
            postgres: None,
            query: String::new(),
        }
    }

    fn asked(queue: &Queue) -> Vec<String> {
        let parts = lengths(queue).into_iter();
        parts.map(|(_, command)| command.join(" ")).collect()
    }

    #[test]
    fn each_layout_has_its_keys() {
        assert_eq!(asked(&queue(Layout::List, "q:")), ["LLEN q:events"]);
        assert_eq!(asked(&queue(Layout::Sorted, "")), ["ZCARD events"]);
        // FA-10: waiting, delayed, reserved.
        let laravel = queue(Layout::Laravel, "finaegis_database_");
        assert_eq!(
            asked(&laravel),
            [
                "LLEN finaegis_database_queues:events",
                "ZCARD finaegis_database_queues:events:delayed",
                "ZCARD finaegis_database_queues:events:reserved",
            ]
        );
        assert_eq!(next(&laravel)[0][2], "0");
        assert_eq!(moment_of(&laravel, b"7"), None);
        let bull = queue(Layout::BullMq, "");
        assert_eq!(asked(&bull).len(), 6);
        assert_eq!(asked(&bull)[0], "LLEN bull:events:wait");
        assert_eq!(next(&bull)[0].join(" "), "LINDEX bull:events:wait -1");
        let moment = moment_of(&bull, b"7").unwrap();
        assert_eq!(moment.join(" "), "HMGET bull:events:7 timestamp delay");
        assert!(next(&queue(Layout::List, "")).is_empty());
        let kept = ended(&bull);
        assert_eq!(
            kept[0].1.join(" "),
            "ZRANGE bull:events:completed 0 0 WITHSCORES"
        );
        assert_eq!(kept[1].0, Measure::GivenUp);
        assert!(ended(&laravel).is_empty());
    }

    /// What the linter lets a rule read of a queue is what is asked of it.
    #[test]
    fn each_layout_has_its_figures() {
        for layout in [
            Layout::List,
            Layout::Sorted,
            Layout::Laravel,
            Layout::BullMq,
        ] {
            let queue = queue(layout, "");
            let mut asked: Vec<Measure> = lengths(&queue).into_iter().map(|it| it.0).collect();
            asked.dedup();
            if !next(&queue).is_empty() {
                asked.push(Measure::Oldest);
            }
            asked.extend(ended(&queue).into_iter().map(|it| it.0));
            assert_eq!(queue.measures(), asked, "{layout:?}");
        }
    }

    #[test]
    fn what_a_message_says_of_its_time_is_read() {
        assert_eq!(
            pushed_at(br#"{"pushedAt":"1700000000.5"}"#),
            Some(1_700_000_000.5)
        );
        assert_eq!(
            pushed_at(br#"{"createdAt":1700000000}"#),
            Some(1_700_000_000.0)
        );
        assert_eq!(pushed_at(b"nothing of the kind"), None);
        let bulk = |text: &[u8]| Reply::Bulk(text.to_vec());
        let late = Reply::Array(vec![bulk(b"1700000000500"), bulk(b"60000")]);
        assert_eq!(waits_since(&late), Some(1_700_000_060.5));
        let plain = Reply::Array(vec![bulk(b"1700000000500"), Reply::Nothing]);
        assert_eq!(waits_since(&plain), Some(1_700_000_000.5));
        assert_eq!(waits_since(&Reply::Nothing), None);
        let ended = Reply::Array(vec![bulk(b"7"), bulk(b"1700000000500")]);
        assert_eq!(ended_at(&ended), Some(1_700_000_000.5));
        assert_eq!(ended_at(&Reply::Array(Vec::new())), None);
        let at = DateTime::from_timestamp(1_700_000_010, 0).unwrap();
        assert!((waited(1_700_000_000.0, at) - 10.0).abs() < 1e-9);
        assert!(waited(1_800_000_000.0, at).abs() < f64::EPSILON);
    }
}
