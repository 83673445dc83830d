//! A form that was begun over an older text than the one in force now: what was not touched in it is taken from what is in
//! force, so that sending it undoes nobody's change.

use super::fields::{Among, KINDS, Kind, Part, Takes};
use super::form::{self, Typed};

/// What became of a form that was brought up to what is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// The fields that somebody else changed and this form had not touched: theirs are taken.
    pub taken: Vec<String>,
    /// The fields that both changed, each with what is to be known about it. What was typed stays.
    pub both: Vec<(&'static str, String)>,
}

/// Brings what was typed over `then` onto `now`. Where nobody knows how the form stood then, every field that is other
/// than now is taken for one that both changed.
pub fn onto(kind: &Kind, typed: &mut Typed, then: Option<&Typed>, now: &Typed) -> Brought {
    let mut brought = Brought::default();
    for (part, label) in form::parts(kind) {
        let (mine, theirs) = (typed.get(part.name), now.get(part.name));
        let known = then.map(|then| then.get(part.name));
        if mine == theirs || known == Some(theirs) {
            continue;
        }
        if known == Some(mine) {
            brought.taken.push(label);
            typed.set(part.name, theirs);
        } else {
            let message = clash(&label, theirs, mine);
            brought.both.push((part.name, message));
        }
    }
    brought
}

fn clash(label: &str, theirs: &str, mine: &str) -> String {
    let said = |value: &str| {
        if value.is_empty() {
            "nothing".to_owned()
        } else {
            format!("\"{value}\"")
        }
    };
    format!(
        "{label}: somebody else made it {}. You typed {}, which goes over that.",
        said(theirs),
        said(mine)
    )
}

/// What was typed into fields of another kind of rule than the one in force, which have no place in it any more. Where nobody
/// knows how the form stood then, all that stands in such a field.
pub fn without_place(kind: &Kind, typed: &Typed, then: Option<(&Kind, &Typed)>) -> Vec<String> {
    let has_place = |part: &Part| form::parts(kind).iter().any(|(it, _)| it.name == part.name);
    let is_lost = |part: &Part| match then {
        Some((_, then)) => typed.get(part.name) != then.get(part.name),
        // A side is sent with every form.
        None => !typed.get(part.name).is_empty() && part.takes != Takes::One(Among::Sides),
    };
    let kinds: Vec<&Kind> = match then {
        Some((was, _)) => vec![was],
        None => KINDS.iter().collect(),
    };
    let mut lost: Vec<(&str, String)> = Vec::new();
    for (part, label) in kinds.into_iter().flat_map(form::parts) {
        let is_known = lost.iter().any(|(name, _)| *name == part.name);
        if !is_known && is_lost(&part) && !has_place(&part) {
            lost.push((part.name, label));
        }
    }
    lost.into_iter().map(|(_, label)| label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::rules::fields;

    const SHOWN: [(&str, &str); 6] = [
        ("name", "The disk is full"),
        ("on.measure.probe", "host"),
        ("on.measure.name", "disk"),
        ("red.side", "above"),
        ("red.at", "90%"),
        ("owner", "operations"),
    ];

    fn form(other: &[(&str, &str)]) -> Typed {
        let mut typed = Typed::default();
        for (name, value) in SHOWN.iter().chain(other) {
            typed.set(name, *value);
        }
        typed
    }

    fn measure() -> &'static Kind {
        fields::kind("measure").unwrap()
    }

    #[test]
    fn what_was_not_touched_is_what_is_in_force() {
        let mut typed = form(&[("red.at", "95%"), ("reason", "As agreed")]);
        let now = form(&[("owner", "the night shift"), ("red.for", "5m")]);
        let brought = onto(measure(), &mut typed, Some(&form(&[])), &now);
        assert_eq!(brought.taken, ["Owner", "Red has to last"]);
        assert_eq!(brought.both, []);
        let got = |name: &str| typed.get(name).to_owned();
        assert_eq!(
            [got("red.at"), got("owner"), got("red.for"), got("reason")],
            ["95%", "the night shift", "5m", "As agreed"]
        );
    }

    #[test]
    fn what_both_changed_is_said_and_what_was_typed_stays() {
        let mut typed = form(&[("red.at", "95%"), ("owner", "")]);
        let now = form(&[("red.at", "85%"), ("owner", "")]);
        let brought = onto(measure(), &mut typed, Some(&form(&[])), &now);
        assert_eq!(brought.taken, Vec::<String>::new());
        assert_eq!(brought.both.len(), 1, "both took the owner out");
        let (field, message) = &brought.both[0];
        assert_eq!(*field, "red.at");
        assert!(
            message.starts_with("Red lights at: somebody else made it \"85%\". You typed \"95%\""),
            "{message}"
        );
        assert_eq!(typed.get("red.at"), "95%");
    }

    #[test]
    fn over_a_text_that_nobody_knows_every_difference_is_said() {
        let mut typed = form(&[("red.at", "95%")]);
        let now = form(&[("owner", "the night shift")]);
        let fields = |brought: Brought| -> Vec<&str> {
            assert_eq!(brought.taken, Vec::<String>::new());
            brought.both.into_iter().map(|(field, _)| field).collect()
        };
        let brought = onto(measure(), &mut typed, None, &now);
        let mut said = fields(brought);
        said.sort_unstable();
        assert_eq!(said, ["owner", "red.at"]);
    }

    #[test]
    fn what_has_no_place_in_another_kind_of_rule_is_said() {
        let typed = form(&[("red.at", "95%"), ("owner", "the night shift")]);
        let (then, state) = (form(&[]), fields::kind("state").unwrap());
        let lost = without_place(state, &typed, Some((measure(), &then)));
        assert_eq!(lost, ["Red lights at"]);
        let lost = without_place(measure(), &typed, Some((measure(), &then)));
        assert_eq!(lost, Vec::<String>::new());
        // Nobody knows what of it was touched.
        assert_eq!(
            without_place(state, &typed, None),
            ["Red lights at", "Probe", "Figure"]
        );
        assert_eq!(without_place(measure(), &typed, None), Vec::<String>::new());
    }
}
