//! What two values differ in, place by place.

use std::collections::BTreeMap;

use serde_json::Value;

/// One place in which two values differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `geography.points.IR`
    pub place: String,
    /// `None`: nothing stands there.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// All differences, in the order of their places.
pub fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let (before, after) = (leaves(before), leaves(after));
    let mut places: Vec<&String> = before.keys().chain(after.keys()).collect();
    places.sort_unstable();
    places.dedup();
    places
        .into_iter()
        .filter(|place| before.get(*place) != after.get(*place))
        .map(|place| Difference {
            place: place.clone(),
            before: before.get(place).cloned(),
            after: after.get(place).cloned(),
        })
        .collect()
}

fn leaves(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    gather(value, String::new(), &mut found);
    found
}

fn gather(value: &Value, place: String, found: &mut BTreeMap<String, String>) {
    let within = |part: &str| {
        if place.is_empty() {
            part.to_owned()
        } else {
            format!("{place}.{part}")
        }
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                gather(value, within(name), found);
            }
        }
        // A list of plain values is compared as a whole: its places mean nothing.
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                gather(item, within(&(at + 1).to_string()), found);
            }
        }
        leaf => {
            found.insert(place, leaf.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_named_with_what_stood_and_what_will() {
        let before =
            json!({ "a": { "x": 1, "y": 2 }, "codes": ["IR", "KP"], "rules": [{ "p": 1 }] });
        let after = json!({ "a": { "x": 3, "z": 2 }, "codes": ["IR"], "rules": [{ "p": 1 }] });
        let said: Vec<_> = between(&before, &after)
            .into_iter()
            .map(|d| (d.place, d.before, d.after))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            said,
            [
                ("a.x".to_owned(), text("1"), text("3")),
                ("a.y".to_owned(), text("2"), None),
                ("a.z".to_owned(), None, text("2")),
                (
                    "codes".to_owned(),
                    text("[\"IR\",\"KP\"]"),
                    text("[\"IR\"]")
                ),
            ]
        );
        assert_eq!(between(&before, &before), []);
    }
}
