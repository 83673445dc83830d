//! What is kept of single pings and calls, for rules on what only they tell.

use chrono::{DateTime, Utc};

use super::{Asked, History, MOMENT};
use crate::features::connectors::store::{BreakerId, calls, turns};
use crate::features::heartbeats::expect;
use crate::features::heartbeats::store::pings;
use crate::features::packs::pack::{Connector, Heartbeat};
use crate::features::packs::store::{self as packs, Item};
use crate::features::rules::beats::{self, Call, Came, Heard};
use crate::foundation::db::{self, Conn};

/// When a heartbeat was late, which no turn of it says.
pub(super) fn late(
    conn: &mut Conn,
    asked: Asked,
    heartbeat: &Item<Heartbeat>,
) -> db::Result<History> {
    let mut platforms = packs::platforms(conn)?.into_iter();
    let platform = platforms.find(|it| it.id == asked.platform);
    let zone = platform.map(|it| it.zone).unwrap_or_default();
    let expected = expect::expected(&heartbeat.spec, zone)?;
    let kept = pings::heard(conn, heartbeat.id)?;
    let is_cut = i64::try_from(kept.len()).is_ok_and(|count| count >= pings::KEPT);
    let came = kept
        .into_iter()
        .map(|(at, signal, run)| Came { at, signal, run });
    let came: Vec<Came> = came.collect();
    let caveat = "The last hundred pings are kept. When each of them was due is reckoned by the schedule and the grace as they \
                  are now.";
    Ok(History {
        kept: None,
        is_cut,
        caveat: caveat.to_owned(),
        ..History::new(
            beats::stood(&expected, &came, asked.now),
            "the last hundred pings",
            MOMENT,
        )
    })
}

/// When the last call of an operation had failed, which no turn of its breaker says.
pub(super) fn failing(
    conn: &mut Conn,
    asked: Asked,
    connector: &Item<Connector>,
) -> db::Result<History> {
    let from = asked.from.max(asked.now - calls::KEPT);
    let wanted = from.max(connector.declared_at);
    let (from, ended) = calls::of_connector(conn, connector.id, wanted)?;
    let turned = turns::of_connector(conn, connector.id, from)?;
    let call = |of: BreakerId, at: DateTime<Utc>, heard| Call { of, at, heard };
    let turned = turned
        .into_iter()
        .map(|(of, at, state)| call(of, at, Heard::Turned(state)));
    let ended = ended.into_iter().map(|(of, at, failed)| {
        let heard = if failed {
            Heard::Failed
        } else {
            Heard::Answered
        };
        call(of, at, heard)
    });
    let mut heard: Vec<Call<BreakerId>> = turned.chain(ended).collect();
    heard.sort_by_key(|call| call.at);
    Ok(History {
        kept: Some(calls::KEPT),
        is_cut: from > wanted,
        caveat: "Single calls are kept for seven days.".to_owned(),
        ..History::new(
            beats::worst(&heard),
            "every call and every turn of its breakers",
            MOMENT,
        )
    })
}
