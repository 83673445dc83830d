//! The timeline's own lines. They are added, and never changed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::features::incidents::incident::{EntryId, IncidentId, Source};
use crate::foundation::audit::Tx;
use crate::foundation::db::schema::incident_entry;
use crate::foundation::db::{Conn, Error, Result, first_rows};

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Opened,
    Attached,
    Detached,
    /// What it opened for was found again.
    Evidence,
    Update,
    State,
    Level,
    Command,
    /// Whoever is on call was told.
    Told,
    Runbook,
    Step,
    Review,
    Action,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Opened,
        Self::Attached,
        Self::Detached,
        Self::Evidence,
        Self::Update,
        Self::State,
        Self::Level,
        Self::Command,
        Self::Told,
        Self::Runbook,
        Self::Step,
        Self::Review,
        Self::Action,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Attached => "attached",
            Self::Detached => "detached",
            Self::Evidence => "evidence",
            Self::Update => "update",
            Self::State => "state",
            Self::Level => "level",
            Self::Command => "command",
            Self::Told => "told",
            Self::Runbook => "runbook",
            Self::Step => "step",
            Self::Review => "review",
            Self::Action => "action",
        }
    }
}

/// Whom an update is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Those who mend it.
    Team,
    /// Everybody whom it concerns, in plain words.
    Everybody,
}

impl Audience {
    pub const ALL: [Self; 2] = [Self::Team, Self::Everybody];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Everybody => "everybody",
        }
    }

    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Team => "for those who mend it",
            Self::Everybody => "for everybody",
        }
    }
}

impl std::str::FromStr for Audience {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("\"{text}\" is nobody whom an update is for"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub at: DateTime<Utc>,
    pub kind: Kind,
    pub who: String,
    pub source: Source,
    pub text: String,
    pub audience: Option<Audience>,
    pub corrects: Option<EntryId>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = incident_entry)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    kind: String,
    who: String,
    source: String,
    text: String,
    audience: Option<String>,
    corrects: Option<Uuid>,
}

impl TryFrom<Row> for Entry {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged = || Error::Damaged("a line of an incident");
        let kind = Kind::ALL.into_iter().find(|it| it.as_str() == row.kind);
        let audience = row.audience.map(|it| it.parse()).transpose();
        Ok(Self {
            id: row.id.into(),
            at: row.at,
            kind: kind.ok_or_else(damaged)?,
            who: row.who,
            source: row.source.parse().map_err(|_| damaged())?,
            text: row.text,
            audience: audience.map_err(|_| damaged())?,
            corrects: row.corrects.map(EntryId::from),
        })
    }
}

/// So many lines are read, the newest of them.
pub const READ: usize = 2_000;

/// Oldest first; of more than [`READ`] the newest.
pub fn of(conn: &mut Conn, id: IncidentId) -> Result<Vec<Entry>> {
    let newest = incident_entry::table
        .filter(incident_entry::incident_id.eq(id.uuid()))
        .order((incident_entry::at.desc(), incident_entry::id.desc()))
        .select(Row::as_select())
        .into_boxed();
    let rows: Vec<Row> = first_rows(newest, READ).load(conn)?;
    rows.into_iter().rev().map(Entry::try_from).collect()
}

/// The update of an incident, and whether another one has corrected it.
pub fn update(conn: &mut Conn, id: IncidentId, entry: EntryId) -> Result<(Entry, bool)> {
    let row: Row = incident_entry::table
        .find(entry.uuid())
        .filter(incident_entry::incident_id.eq(id.uuid()))
        .filter(incident_entry::kind.eq(Kind::Update.as_str()))
        .select(Row::as_select())
        .first(conn)?;
    let corrected: i64 = incident_entry::table
        .filter(incident_entry::corrects.eq(entry.uuid()))
        .count()
        .get_result(conn)?;
    Ok((row.try_into()?, corrected > 0))
}

/// A line that is to be added.
pub struct New<'n> {
    pub kind: Kind,
    pub who: &'n str,
    pub source: Source,
    pub text: String,
    pub audience: Option<Audience>,
    pub corrects: Option<EntryId>,
}

impl<'n> New<'n> {
    #[must_use]
    pub fn by_person(kind: Kind, who: &'n str, text: impl Into<String>) -> Self {
        Self {
            kind,
            who,
            source: Source::Person,
            text: text.into(),
            audience: None,
            corrects: None,
        }
    }
}

pub fn insert(tx: &mut Tx<'_>, id: IncidentId, new: &New<'_>) -> Result<EntryId> {
    let entry = EntryId::new();
    let now = tx.now();
    diesel::insert_into(incident_entry::table)
        .values((
            incident_entry::id.eq(entry.uuid()),
            incident_entry::incident_id.eq(id.uuid()),
            incident_entry::at.eq(now),
            incident_entry::kind.eq(new.kind.as_str()),
            incident_entry::who.eq(new.who),
            incident_entry::source.eq(new.source.as_str()),
            incident_entry::text.eq(&new.text),
            incident_entry::audience.eq(new.audience.map(Audience::as_str)),
            incident_entry::corrects.eq(new.corrects.map(EntryId::uuid)),
        ))
        .execute(&mut **tx)?;
    Ok(entry)
}
