//! The pack with which Signalbox watches itself: it ships with the program.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::{Given, file, store};
use crate::foundation::db::{Conn, Result};

/// The platform that it declares.
pub const PLATFORM: &str = "signalbox";

/// Its text.
pub const TEXT: &str = include_str!("../../../packs/signalbox.toml");

/// The rules that it has without any parameter of an installation, by name.
static SHIPPED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let read = file::read(TEXT, &Given::default());
    // A test reads it, so that a text that cannot be read is never shipped.
    let rules = read.map(|file| file.pack.rules).unwrap_or_default();
    rules.into_iter().map(|rule| rule.id).collect()
});

/// How much of it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was never applied.
    Missing,
    /// These of its rules are not in force, by name.
    Without(BTreeSet<String>),
    /// This many rules, and none of the pack's own is missing.
    Whole(usize),
}

/// What of the pack that ships with this program is in force. What an installation added to it is no concern.
pub fn standing(conn: &mut Conn) -> Result<Standing> {
    let platforms = store::platforms(conn)?;
    let Some(ours) = platforms.iter().find(|it| it.slug == PLATFORM) else {
        return Ok(Standing::Missing);
    };
    let live = store::live_rules(conn)?;
    let live = live.into_iter().filter(|rule| rule.platform == ours.id);
    let live: BTreeSet<String> = live.map(|rule| rule.slug).collect();
    let missing: BTreeSet<String> = SHIPPED.difference(&live).cloned().collect();
    Ok(if missing.is_empty() {
        Standing::Whole(live.len())
    } else {
        Standing::Without(missing)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_that_ships_can_be_read() {
        assert!(SHIPPED.contains("sealer-behind"), "{SHIPPED:?}");
    }
}
