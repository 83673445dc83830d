//! Queries over the sealed log, and the rows of exports and readings.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Bytea, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use super::ExportId;
use super::checking::Standing;
use super::filter::Filter;
use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::store::{LogColumns, LogRow, log_columns};
use crate::foundation::db::schema::{
    audit_log, evidence_export, evidence_reading, log_check, platform,
};
use crate::foundation::db::{self, Conn};
use crate::foundation::files::{FileId, Stored};
use crate::foundation::jobs::JobId;
use crate::foundation::kernel::PersonId;
use crate::foundation::web::paging::{Cursor, Direction, PAGE_ROWS, Page};

/// Reading is recorded once in this long.
const READING_MINUTES: i64 = 15;

/// More kinds of action than there are.
const MOST_KINDS: i64 = 500;

/// More platforms than there are.
const MOST_PLATFORMS: usize = 200;

/// Exports that the page lists; older ones have expired.
const MOST_EXPORTS: i64 = 50;

type Query<'a> = audit_log::BoxedQuery<'a, diesel::pg::Pg, LogColumns>;

fn filtered(filter: &Filter) -> Query<'_> {
    let mut query = audit_log::table.select(log_columns()).into_boxed();
    if let Some(actor) = &filter.actor {
        query = query.filter(audit_log::actor_id.eq(actor));
    }
    if let Some(kind) = &filter.kind {
        query = query.filter(audit_log::kind.eq(kind));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(audit_log::subject_id.eq(subject));
    }
    if let Some(outcome) = &filter.outcome {
        query = query.filter(audit_log::outcome.eq(outcome));
    }
    if let Some(platform) = filter.platform {
        query = query.filter(audit_log::platform_id.eq(platform));
    }
    if let Some(reach) = &filter.reach {
        query = query.filter(audit_log::platform_id.eq_any(reach));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_log::recorded_at.ge(from));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_log::recorded_at.lt(until));
    }
    query
}

/// A screenful, newest first.
pub fn page(
    conn: &mut Conn,
    filter: &Filter,
    cursor: Option<&Cursor<i64>>,
) -> db::Result<Page<EventRow>> {
    let query = filtered(filter);
    let query = match cursor {
        None => query.order(audit_log::idx.desc()),
        Some(Cursor {
            direction: Direction::Next,
            key,
        }) => query
            .filter(audit_log::idx.lt(*key))
            .order(audit_log::idx.desc()),
        Some(Cursor {
            direction: Direction::Previous,
            key,
        }) => query
            .filter(audit_log::idx.gt(*key))
            .order(audit_log::idx.asc()),
    };
    let rows: Vec<LogRow> = db::first_rows(query, PAGE_ROWS + 1).load(conn)?;
    let events = rows
        .into_iter()
        .map(LogRow::into_event)
        .collect::<db::Result<Vec<_>>>()?;
    Ok(Page::from_rows(events, cursor, |event| {
        event.idx.cast_signed()
    }))
}

/// Hands over the next events of an export one by one, oldest first, from `after` (not included) up to `before`.
/// Each may be large, so they are never in memory together.
pub fn each_next_event<E: From<db::Error>>(
    conn: &mut Conn,
    filter: &Filter,
    (after, before): (i64, i64),
    most: i64,
    mut take: impl FnMut(EventRow) -> Result<(), E>,
) -> Result<(), E> {
    let rows = filtered(filter)
        .filter(audit_log::idx.gt(after))
        .filter(audit_log::idx.lt(before))
        .order(audit_log::idx.asc())
        .limit(most)
        .load_iter::<LogRow, PgRowByRowLoadingMode>(conn)
        .map_err(db::Error::from)?;
    for row in rows {
        take(row.map_err(db::Error::from)?.into_event()?)?;
    }
    Ok(())
}

/// Every kind of action in the log, by jumping from one to the next in the index.
pub fn kinds(conn: &mut Conn) -> db::Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Kind {
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let rows: Vec<Kind> = db::fixed(format!(
        "WITH RECURSIVE kinds (kind) AS ( \
             (SELECT kind FROM audit_log ORDER BY kind LIMIT 1) \
             UNION ALL \
             SELECT (SELECT l.kind FROM audit_log l WHERE l.kind > kinds.kind ORDER BY l.kind LIMIT 1) \
             FROM kinds WHERE kinds.kind IS NOT NULL) \
         SELECT kind FROM kinds WHERE kind IS NOT NULL LIMIT {MOST_KINDS}"
    ))
    .load(conn)?;
    Ok(rows.into_iter().map(|row| row.kind).collect())
}

/// Platforms by name, of these or of all.
pub fn platforms(conn: &mut Conn, reach: Option<&[Uuid]>) -> db::Result<Vec<(Uuid, String)>> {
    let mut query = platform::table
        .order(platform::name)
        .select((platform::id, platform::name))
        .into_boxed();
    if let Some(reach) = reach {
        query = query.filter(platform::id.eq_any(reach));
    }
    Ok(db::first_rows(query, MOST_PLATFORMS).load(conn)?)
}

pub fn recently_read(
    conn: &mut Conn,
    person: PersonId,
    what: &[u8; 32],
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let recent = evidence_reading::table
        .find((person.uuid(), what.as_slice()))
        .filter(evidence_reading::read_at.gt(now - TimeDelta::minutes(READING_MINUTES)));
    Ok(diesel::select(diesel::dsl::exists(recent)).get_result(conn)?)
}

/// Notes a reading, and forgets the person's older ones. Answers whether it is a new one: of two
/// readings at once one is.
pub fn note_reading(
    conn: &mut Conn,
    person: PersonId,
    what: &[u8; 32],
    now: DateTime<Utc>,
) -> db::Result<bool> {
    let before = now - TimeDelta::minutes(READING_MINUTES);
    // Another one may be forgetting the same rows.
    diesel::sql_query(
        "DELETE FROM evidence_reading WHERE (person_id, what) IN (SELECT person_id, what FROM evidence_reading \
         WHERE person_id = $1 AND read_at <= $2 AND what <> $3 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<SqlUuid, _>(person.uuid())
    .bind::<Timestamptz, _>(before)
    .bind::<Bytea, _>(what.as_slice())
    .execute(conn)?;
    let noted = diesel::sql_query(
        "INSERT INTO evidence_reading (person_id, what, read_at) VALUES ($1, $2, $3) \
         ON CONFLICT (person_id, what) DO UPDATE SET read_at = EXCLUDED.read_at \
         WHERE evidence_reading.read_at <= $4",
    )
    .bind::<SqlUuid, _>(person.uuid())
    .bind::<Bytea, _>(what.as_slice())
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(before)
    .execute(conn)?;
    Ok(noted == 1)
}

/// Forgets up to `limit` notes of readings that are too old to count. Returns how many.
pub fn purge_readings(conn: &mut Conn, now: DateTime<Utc>, limit: i64) -> db::Result<usize> {
    use diesel::sql_types::{BigInt, Timestamptz};
    Ok(diesel::sql_query(
        "DELETE FROM evidence_reading WHERE ctid IN \
             (SELECT ctid FROM evidence_reading WHERE read_at < $1 LIMIT $2)",
    )
    .bind::<Timestamptz, _>(now - TimeDelta::minutes(READING_MINUTES))
    .bind::<BigInt, _>(limit)
    .execute(conn)?)
}

/// An export and what came of it.
#[derive(Clone, Debug)]
pub struct Export {
    pub id: ExportId,
    pub person: PersonId,
    pub job: JobId,
    pub format: String,
    pub filter: serde_json::Value,
    pub asked_at: DateTime<Utc>,
    pub result: Option<ExportResult>,
}

#[derive(Clone, Debug)]
pub struct ExportResult {
    pub finished_at: DateTime<Utc>,
    pub file: FileId,
    pub events: i64,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = evidence_export)]
struct ExportRow {
    id: Uuid,
    person_id: Uuid,
    job_id: Uuid,
    format: String,
    filter: serde_json::Value,
    asked_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    file_id: Option<Uuid>,
    events: Option<i64>,
    bytes: Option<i64>,
    sha256: Option<Vec<u8>>,
}

impl From<ExportRow> for Export {
    fn from(row: ExportRow) -> Self {
        let finished = row.finished_at.zip(row.file_id);
        Self {
            id: row.id.into(),
            person: row.person_id.into(),
            job: row.job_id.into(),
            format: row.format,
            filter: row.filter,
            asked_at: row.asked_at,
            result: finished.map(|(finished_at, file)| ExportResult {
                finished_at,
                file: file.into(),
                events: row.events.unwrap_or_default(),
                bytes: row.bytes.unwrap_or_default().unsigned_abs(),
                sha256: hex::encode(row.sha256.unwrap_or_default()),
            }),
        }
    }
}

pub fn add_export(conn: &mut Conn, export: &Export) -> db::Result<()> {
    diesel::insert_into(evidence_export::table)
        .values((
            evidence_export::id.eq(export.id.uuid()),
            evidence_export::person_id.eq(export.person.uuid()),
            evidence_export::job_id.eq(export.job.uuid()),
            evidence_export::format.eq(&export.format),
            evidence_export::filter.eq(&export.filter),
            evidence_export::asked_at.eq(export.asked_at),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn export(conn: &mut Conn, id: ExportId) -> db::Result<Export> {
    let query = evidence_export::table
        .find(id.uuid())
        .select(ExportRow::as_select());
    Ok(query.first(conn)?.into())
}

/// The newest exports.
pub fn exports(conn: &mut Conn) -> db::Result<Vec<Export>> {
    let rows: Vec<ExportRow> = evidence_export::table
        .order(evidence_export::id.desc())
        .limit(MOST_EXPORTS)
        .select(ExportRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Export::from).collect())
}

pub fn finish_export(
    conn: &mut Conn,
    id: ExportId,
    file: &Stored,
    events: u64,
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::update(evidence_export::table.find(id.uuid()))
        .set((
            evidence_export::finished_at.eq(now),
            evidence_export::file_id.eq(file.id.uuid()),
            evidence_export::events.eq(events.cast_signed()),
            evidence_export::bytes.eq(file.bytes.cast_signed()),
            evidence_export::sha256.eq(file.sha256.as_slice()),
        ))
        .execute(conn)?;
    Ok(())
}

/// How far the application has checked the log.
pub fn check_standing(conn: &mut Conn) -> db::Result<Option<Standing>> {
    type Row = (i64, DateTime<Utc>, Option<DateTime<Utc>>, Option<String>);
    let row: Option<Row> = log_check::table
        .select((
            log_check::next_idx,
            log_check::checked_at,
            log_check::whole_at,
            log_check::finding,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(next, checked_at, whole_at, finding)| Standing {
        next: next.unsigned_abs(),
        checked_at,
        whole_at,
        finding,
    }))
}

pub fn save_check(conn: &mut Conn, standing: &Standing) -> db::Result<()> {
    const LONGEST: usize = 500;
    let finding: Option<String> = standing
        .finding
        .as_ref()
        .map(|said| said.chars().take(LONGEST).collect());
    let values = (
        log_check::next_idx.eq(standing.next.cast_signed()),
        log_check::checked_at.eq(standing.checked_at),
        log_check::whole_at.eq(standing.whole_at),
        log_check::finding.eq(finding),
    );
    diesel::insert_into(log_check::table)
        .values((log_check::one.eq(true), values.clone()))
        .on_conflict(log_check::one)
        .do_update()
        .set(values)
        .execute(conn)?;
    Ok(())
}
