//! How the text of a rule became what it is, from the revisions of its pack.

use chrono::{DateTime, Utc};

use super::text::Text;
use crate::features::packs::store::revisions::{self, Revision};
use crate::features::packs::views::{HunkView, applied_by, hunks};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::PlatformId;

/// So many revisions of the pack are looked through.
const LOOKED_AT: i64 = 50;

const TAKEN_OUT: &str = "taken out";

/// A revision of the pack in which the text of the rule is another than before.
pub struct Version {
    pub revision: i64,
    pub at: DateTime<Utc>,
    pub by: String,
    pub reason: Option<String>,
    pub what: &'static str,
    pub hunks: Vec<HunkView>,
}

/// What became of the text of a rule.
pub struct Versions {
    /// Newest first.
    pub all: Vec<Version>,
    /// Whether there are older revisions that were not looked at.
    pub has_older: bool,
    /// Its piece of the last that was kept.
    pub piece: Option<String>,
}

pub fn of(conn: &mut Conn, platform: PlatformId, rule: &str) -> db::Result<Versions> {
    let mut kept = revisions::last(conn, platform, LOOKED_AT)?;
    let all = kept.last().is_none_or(|oldest| oldest.revision == 1);
    kept.reverse();
    let mut versions = Vec::new();
    let mut before: Option<String> = None;
    for revision in &kept {
        let now = piece(&revision.source, rule);
        if now != before {
            let is_oldest = versions.is_empty() && revision.revision == kept[0].revision && !all;
            versions.push(version(
                revision,
                before.as_deref(),
                now.as_deref(),
                is_oldest,
            ));
        }
        before = now;
    }
    versions.reverse();
    Ok(Versions {
        all: versions,
        has_older: !all,
        piece: before,
    })
}

/// The revision that took a rule out, as far as they are looked through.
pub fn taken_out(conn: &mut Conn, platform: PlatformId, rule: &str) -> db::Result<Option<i64>> {
    let newest = of(conn, platform, rule)?.all.into_iter().next();
    Ok(newest
        .filter(|version| version.what == TAKEN_OUT)
        .map(|version| version.revision))
}

/// The rule in the text of a pack. A text in which its name does not stand is not read: a whole pack takes its time.
fn piece(source: &str, rule: &str) -> Option<String> {
    let is_named = source.contains(rule);
    let text = is_named.then(|| Text::read(source).ok()).flatten()?;
    text.piece(rule)
}

fn version(
    revision: &Revision,
    before: Option<&str>,
    now: Option<&str>,
    is_oldest: bool,
) -> Version {
    let what = match (before, now) {
        _ if is_oldest => "as it was then",
        (None, _) => "came",
        (Some(_), None) => TAKEN_OUT,
        (Some(_), Some(_)) => "changed",
    };
    Version {
        revision: revision.revision,
        at: revision.applied_at,
        by: applied_by(revision),
        reason: revision.reason.clone(),
        what,
        hunks: hunks(before.unwrap_or(""), now.unwrap_or("")),
    }
}
