//! How lines come in: from files, turn by turn, and from senders.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::files::{self, Turn};
use super::line::{Line, read_all};
use super::mask;
use super::store::{self, Delivered, Look, State};
use crate::features::packs::pack::{ErrorCode, ItemId, LogSource};
use crate::features::packs::store::{self as packs, Item};
use crate::foundation::Services;
use crate::foundation::audit::Unaudited;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::kernel::{PlatformId, is_about_sar};

/// How long a turn may take before somebody else may have it.
const TURN_AT_MOST: TimeDelta = TimeDelta::seconds(30);

/// A file that was not looked at for so long says nothing about now.
const LOOKED_LATELY: TimeDelta = TimeDelta::minutes(1);

/// Longest description of what went wrong, in characters.
const ERROR_AT_MOST: usize = 300;

/// A log with the codes that its platform knows.
#[derive(Clone, Debug)]
pub struct Source {
    pub item: Item<LogSource>,
    codes: Vec<String>,
}

/// The logs that packs name, each with a row to stand in.
pub fn enrol(services: &Services) -> db::Result<Vec<Source>> {
    let (items, codes) = services.db.read_on(PoolKind::Jobs, |conn| {
        let items = packs::live::<LogSource>(conn)?;
        Ok::<_, db::Error>((items, packs::live::<ErrorCode>(conn)?))
    })?;
    let ids: Vec<ItemId> = items.iter().map(|item| item.id).collect();
    services
        .audit
        .write_unaudited(Unaudited::LogLine, |conn| store::enrol(conn, &ids))?;
    let each = items.into_iter().map(|item| Source {
        codes: known_codes(&codes, item.platform),
        item,
    });
    Ok(each.collect())
}

fn known_codes(codes: &[Item<ErrorCode>], platform: PlatformId) -> Vec<String> {
    let ours = codes.iter().filter(|code| code.platform == platform);
    ours.map(|code| code.slug.clone()).collect()
}

/// Reads what was added to a log's files, unless somebody else is at it. Returns how many lines there were.
pub fn read_files(services: &Services, source: &Source) -> db::Result<usize> {
    let Some(pattern) = source.item.spec.files() else {
        return Ok(0);
    };
    let now = services.clock.now();
    let id = source.item.id;
    let turn = services.audit.write_unaudited(Unaudited::LogLine, |conn| {
        let Some(token) = store::claim(conn, id, now, now + TURN_AT_MOST)? else {
            return Ok(None);
        };
        let first = store::states(conn)?
            .get(&id)
            .is_none_or(|state| state.files.as_deref() != Some(pattern));
        Ok::<_, db::Error>(Some((token, store::positions(conn, id)?, first)))
    })?;
    let Some((token, known, first)) = turn else {
        return Ok(0);
    };
    let read = files::read_on(pattern, &known, first, now);
    let trouble = match &read {
        Ok(turn) => turn.trouble.as_deref(),
        Err(why) => Some(why.as_str()),
    };
    let trouble: Option<String> = trouble.map(|why| why.chars().take(ERROR_AT_MOST).collect());
    let look = Look {
        seen: read.is_ok().then_some((pattern, now)),
        trouble: trouble.as_deref(),
    };
    services
        .audit
        .write_unaudited(Unaudited::LogLine, |conn| match &read {
            Ok(turn) if store::release(conn, id, token, look)? => {
                take(conn, source, turn, &known, now)
            }
            Ok(_) => Ok(0),
            Err(_) => store::release(conn, id, token, look).map(|_| 0),
        })
}

/// Keeps what a turn brought, and how far it came.
fn take(
    conn: &mut Conn,
    source: &Source,
    turn: &Turn,
    known: &[store::Position],
    now: DateTime<Utc>,
) -> db::Result<usize> {
    let id = source.item.id;
    let mut count = 0;
    for (position, text) in &turn.read {
        let lines = source.readable(text);
        count += lines.len();
        if !lines.is_empty() {
            store::keep(conn, &source.item, &lines, now)?;
        }
        store::save_position(conn, id, position, now)?;
    }
    let there: Vec<(i64, i64)> = turn
        .still
        .iter()
        .chain(turn.read.iter().map(|(position, _)| position))
        .map(|position| (position.device, position.inode))
        .collect();
    for position in turn
        .still
        .iter()
        .filter(|position| !known.contains(position))
    {
        store::save_position(conn, id, position, now)?;
    }
    for gone in known {
        if !there.contains(&(gone.device, gone.inode)) {
            store::forget(conn, id, gone)?;
        }
    }
    Ok(count)
}

impl Source {
    /// The lines of a text that may be kept, without what must not stand in a log.
    fn readable(&self, text: &str) -> Vec<Line> {
        let mut lines = read_all(text, is_about_sar);
        for line in &mut lines {
            line.find_code(&self.codes);
            mask::mask(line);
            line.cut();
        }
        lines
    }
}

/// What a sender calls a delivery: the same name is one delivery.
pub struct Delivery {
    pub token: [u8; 32],
}

/// How handing in came out.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many lines came.
    Lines(usize),
    /// The delivery's name came before, with something else.
    NameReused,
}

/// Takes in what a sender hands in.
pub fn hand_in(
    services: &Services,
    item: Item<LogSource>,
    text: &str,
    delivery: Option<&Delivery>,
) -> db::Result<Taken> {
    let now = services.clock.now();
    let codes = services.db.read(packs::live::<ErrorCode>)?;
    let codes = known_codes(&codes, item.platform);
    let source = Source { item, codes };
    let lines = source.readable(text);
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    services.audit.write_unaudited(Unaudited::LogLine, |conn| {
        store::enrol(conn, &[source.item.id])?;
        if let Some(delivery) = delivery {
            let digest = Sha256::digest(text.as_bytes());
            match store::deliver(conn, &delivery.token, &digest, count, now)? {
                Delivered::New => {}
                Delivered::Before(lines) => {
                    return Ok(Taken::Lines(usize::try_from(lines).unwrap_or(0)));
                }
                Delivered::Other => return Ok(Taken::NameReused),
            }
        }
        if lines.is_empty() {
            store::heard(conn, source.item.id, now)?;
        } else {
            store::keep(conn, &source.item, &lines, now)?;
        }
        Ok(Taken::Lines(lines.len()))
    })
}

/// Whether what is known of a log is true of now: its files were looked at lately, or its senders are heard as often as
/// is expected of them. Of senders of whom nothing is expected, it is enough that they have ever sent.
#[must_use]
pub fn is_known(spec: &LogSource, state: &State, now: DateTime<Utc>) -> bool {
    match spec.files() {
        Some(_) => {
            let lately = |at: DateTime<Utc>| now - at <= LOOKED_LATELY;
            state.error.is_none() && state.looked_at.is_some_and(lately)
        }
        None => state.heard_at.is_some_and(|at| {
            let every = spec.expect_every;
            every.is_none_or(|every| now - at <= every.delta() * 2)
        }),
    }
}
