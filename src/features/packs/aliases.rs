//! What may be written under a name of its own: a queue, which is a probe that looks at one, and a schedule, which is a
//! heartbeat that is due by the clock.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

struct Alias {
    name: &'static str,
    kind: &'static str,
    is_one: fn(&DeValue<'_>) -> bool,
    otherwise: &'static str,
}

const ALIASES: [Alias; 2] = [
    Alias {
        name: "queue",
        kind: "probe",
        is_one: |block| {
            block
                .get("check")
                .is_some_and(|it| it.get_ref().get("queue").is_some())
        },
        otherwise: "a [[queue]] is a probe with check.queue; another one is written [[probe]]",
    },
    Alias {
        name: "schedule",
        kind: "heartbeat",
        is_one: |block| block.get("cron").is_some(),
        otherwise: "a [[schedule]] is a heartbeat with cron; one with every is written [[heartbeat]]",
    },
];

/// Puts each of them among what it is.
///
/// # Errors
/// The byte of the file at which one is not what its name says, and what is wrong with it.
pub fn take(root: &mut DeTable<'_>) -> Result<(), (usize, String)> {
    for alias in ALIASES {
        let Some(value) = root.remove(alias.name) else {
            continue;
        };
        let span = value.span();
        let DeValue::Array(blocks) = value.into_inner() else {
            let message = format!("it is written [[{}]]", alias.name);
            return Err((span.start, message));
        };
        if let Some(other) = blocks.iter().find(|it| !(alias.is_one)(it.get_ref())) {
            return Err((other.span().start, alias.otherwise.to_owned()));
        }
        match root.get_mut(alias.kind).map(Spanned::get_mut) {
            Some(DeValue::Array(all)) => {
                for block in blocks {
                    all.push(block);
                }
            }
            // What else stands there is told by whoever reads it.
            Some(_) => {}
            None => {
                let key = Spanned::new(span.clone(), Cow::Borrowed(alias.kind));
                root.insert(key, Spanned::new(span, DeValue::Array(blocks)));
            }
        }
    }
    Ok(())
}
