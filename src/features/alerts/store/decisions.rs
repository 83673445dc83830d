//! Who was told of an alert, who was not, and why; and who is told next.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::alerts::AlertId;
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::{alert_decision, alert_next};
use crate::foundation::db::{Conn, Error, Result};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A notice was queued for them.
    Told,
    NotTold,
    /// It would have been time, and the alert's notices are suppressed.
    HeldBack,
    /// Somebody has it in hand, so nobody else is told.
    Stopped,
    /// The steps begin again.
    Restarted,
    /// No step is left.
    Finished,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Told,
        Self::NotTold,
        Self::HeldBack,
        Self::Stopped,
        Self::Restarted,
        Self::Finished,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::NotTold => "not_told",
            Self::HeldBack => "held_back",
            Self::Stopped => "stopped",
            Self::Restarted => "restarted",
            Self::Finished => "finished",
        }
    }
}

/// What they were told, or were not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Fires,
    /// It fires again, having been over.
    Again,
    /// It comes and goes, and is held lit.
    Flaps,
    /// It fires still, and nobody has it in hand.
    Still,
    Over,
}

impl News {
    const ALL: [Self; 5] = [
        Self::Fires,
        Self::Again,
        Self::Flaps,
        Self::Still,
        Self::Over,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fires => "fires",
            Self::Again => "again",
            Self::Flaps => "flaps",
            Self::Still => "still",
            Self::Over => "over",
        }
    }
}

/// By which way a notice went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// "email" or "endpoint".
    pub channel: String,
    /// The mailbox, or the endpoint's id.
    pub address: String,
    pub notice: Uuid,
}

/// A line of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub at: DateTime<Utc>,
    pub kind: Kind,
    pub news: News,
    pub who: String,
    pub why: String,
    /// Of those who were told.
    pub way: Option<Way>,
}

pub fn insert(tx: &mut Tx<'_>, alert: AlertId, decision: &Decision) -> Result<()> {
    let way = decision.way.as_ref();
    diesel::insert_into(alert_decision::table)
        .values((
            alert_decision::id.eq(Uuid::now_v7()),
            alert_decision::alert_id.eq(alert.uuid()),
            alert_decision::at.eq(decision.at),
            alert_decision::kind.eq(decision.kind.as_str()),
            alert_decision::news.eq(decision.news.as_str()),
            alert_decision::who.eq(&decision.who),
            alert_decision::why.eq(&decision.why),
            alert_decision::channel.eq(way.map(|way| &way.channel)),
            alert_decision::address.eq(way.map(|way| &way.address)),
            alert_decision::notice_id.eq(way.map(|way| way.notice)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = alert_decision)]
struct Row {
    at: DateTime<Utc>,
    kind: String,
    news: String,
    who: String,
    why: String,
    channel: Option<String>,
    address: Option<String>,
    notice_id: Option<Uuid>,
}

impl TryFrom<Row> for Decision {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = Error::Damaged("a decision about an alert");
        let kind = Kind::ALL.into_iter().find(|it| it.as_str() == row.kind);
        let news = News::ALL.into_iter().find(|it| it.as_str() == row.news);
        let (Some(kind), Some(news)) = (kind, news) else {
            return Err(damaged);
        };
        let way = match (row.channel, row.address, row.notice_id) {
            (Some(channel), Some(address), Some(notice)) => Some(Way {
                channel,
                address,
                notice,
            }),
            _ => None,
        };
        Ok(Self {
            at: row.at,
            kind,
            news,
            who: row.who,
            why: row.why,
            way,
        })
    }
}

/// Most lines of one alert's trace that are read at once: the newest ones. Whoever was told is told again every few hours,
/// so these name everybody.
pub const AT_MOST: i64 = 500;

/// The end of the trace, oldest first.
pub fn of_alert(conn: &mut Conn, alert: AlertId) -> Result<Vec<Decision>> {
    let rows: Vec<Row> = alert_decision::table
        .filter(alert_decision::alert_id.eq(alert.uuid()))
        .order((alert_decision::at.desc(), alert_decision::id.desc()))
        .limit(AT_MOST)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().rev().map(Decision::try_from).collect()
}

type Told = (String, String, Option<String>, Option<String>, Option<Uuid>);

/// Who was told last, why, and by which way, oldest first.
fn told_any(conn: &mut Conn, alert: AlertId, news: &[News]) -> Result<Vec<(String, String, Way)>> {
    let news: Vec<&str> = news.iter().map(|it| it.as_str()).collect();
    let mut told: Vec<Told> = alert_decision::table
        .filter(alert_decision::alert_id.eq(alert.uuid()))
        .filter(alert_decision::kind.eq(Kind::Told.as_str()))
        .filter(alert_decision::news.eq_any(news))
        .order((alert_decision::at.desc(), alert_decision::id.desc()))
        .limit(AT_MOST)
        .select((
            alert_decision::who,
            alert_decision::why,
            alert_decision::channel,
            alert_decision::address,
            alert_decision::notice_id,
        ))
        .load(conn)?;
    told.reverse();
    let way = |(who, why, channel, address, notice): Told| {
        let way = Way {
            channel: channel?,
            address: address?,
            notice: notice?,
        };
        Some((who, why, way))
    };
    Ok(told.into_iter().filter_map(way).collect())
}

/// Everybody who was told that it fires, and by which way, oldest first.
pub fn told(conn: &mut Conn, alert: AlertId) -> Result<Vec<(String, Way)>> {
    let news = [News::Fires, News::Again, News::Flaps, News::Still];
    let told = told_any(conn, alert, &news)?.into_iter();
    Ok(told.map(|(who, _, way)| (who, way)).collect())
}

/// The notices that it fires, at first or again, each with why it went to whom it went, oldest first.
pub fn told_that_it_fires(conn: &mut Conn, alert: AlertId) -> Result<Vec<(Way, String)>> {
    let told = told_any(conn, alert, &[News::Fires, News::Again])?.into_iter();
    Ok(told.map(|(_, why, way)| (way, why)).collect())
}

/// Who is told next, and when, unless somebody has it in hand by then.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Next {
    pub at: DateTime<Utc>,
    pub who: String,
}

pub fn next(conn: &mut Conn, alert: AlertId) -> Result<Option<Next>> {
    Ok(alert_next::table
        .find(alert.uuid())
        .select((alert_next::at, alert_next::who))
        .first(conn)
        .optional()?)
}

pub fn save_next(tx: &mut Tx<'_>, alert: AlertId, next: Option<&Next>) -> Result<()> {
    let Some(next) = next else {
        diesel::delete(alert_next::table.find(alert.uuid())).execute(&mut **tx)?;
        return Ok(());
    };
    let news = (alert_next::at.eq(next.at), alert_next::who.eq(&next.who));
    diesel::insert_into(alert_next::table)
        .values((alert_next::alert_id.eq(alert.uuid()), news))
        .on_conflict(alert_next::alert_id)
        .do_update()
        .set(news)
        .execute(&mut **tx)?;
    Ok(())
}
