//! Writing a chunk: a handful of statements for a thousand rows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bytea, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::batch::{Batch, Rejected};
use super::batches::signed;
use super::document_place;
use super::rejections::seal_rejected;
use crate::foundation::crypto::Keyring;
use crate::foundation::crypto::subject_keys::{self, SubjectKey};
use crate::foundation::db::schema::{intake_record, subject};
use crate::foundation::db::{self, Conn};
use crate::foundation::kernel::{PlatformId, SubjectId};

/// One chunk of a platform at a time: two files that name the same new subject would both add it.
pub fn lock_platform(conn: &mut Conn, platform: PlatformId) -> db::Result<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('intake'), hashtext($1))")
        .bind::<Text, _>(platform.to_string())
        .execute(conn)?;
    Ok(())
}

/// Rows of this batch that have these outside ids already.
pub fn recorded(
    conn: &mut Conn,
    batch: &Batch,
    external_ids: &[&str],
) -> db::Result<HashMap<String, i64>> {
    Ok(intake_record::table
        .filter(intake_record::batch_id.eq(batch.id.uuid()))
        .filter(intake_record::external_id.eq_any(external_ids))
        .select((intake_record::external_id, intake_record::row_number))
        .load::<(String, i64)>(conn)?
        .into_iter()
        .collect())
}

/// A subject that is there already.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: SubjectId,
    pub content: Vec<u8>,
}

/// The platform's subjects with these outside ids, locked to the end of the transaction.
pub fn known(
    conn: &mut Conn,
    platform: PlatformId,
    external_ids: &[&str],
) -> db::Result<HashMap<String, Known>> {
    let rows: Vec<(String, Uuid, Vec<u8>)> = subject::table
        .filter(subject::platform_id.eq(platform.uuid()))
        .filter(subject::external_id.eq_any(external_ids))
        .select((subject::external_id, subject::id, subject::content_hash))
        // In the order in which everybody locks subjects, so that nobody waits in a circle.
        .order(subject::id)
        .for_update()
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(external_id, id, content)| {
            let id = id.into();
            (external_id, Known { id, content })
        })
        .collect())
}

/// A row that adds or changes a subject.
pub struct PlannedSubject<'a> {
    pub id: SubjectId,
    pub external_id: &'a str,
    pub kind: &'static str,
    pub content: &'a [u8; 32],
    /// The document in the clear.
    pub document: Vec<u8>,
    pub tokens: Vec<[u8; 16]>,
}

/// What is to become of a chunk's rows.
#[derive(Default)]
pub struct Plan<'a> {
    pub added: Vec<PlannedSubject<'a>>,
    pub changed: Vec<PlannedSubject<'a>>,
    /// Outside id, row, subject, outcome.
    pub records: Vec<(&'a str, u64, SubjectId, &'static str)>,
    pub rejected: Vec<Rejected>,
}

/// Carries the plan out. Every changed subject must have its key still.
pub fn write(
    conn: &mut Conn,
    keyring: &Keyring,
    batch: &Batch,
    plan: &Plan<'_>,
    now: DateTime<Utc>,
) -> db::Result<()> {
    let added: Vec<SubjectId> = plan.added.iter().map(|planned| planned.id).collect();
    if !added.is_empty() {
        subject_keys::create(conn, keyring, &added)?;
        insert_subjects(conn, batch.platform, &plan.added, now)?;
    }
    if !plan.changed.is_empty() {
        update_subjects(conn, &plan.changed, now)?;
        delete_tokens(conn, &plan.changed)?;
    }
    let all: Vec<&PlannedSubject<'_>> = plan.added.iter().chain(&plan.changed).collect();
    if !all.is_empty() {
        let ids: Vec<SubjectId> = all.iter().map(|planned| planned.id).collect();
        let keys = subject_keys::load(conn, keyring, &ids)?;
        upsert_documents(conn, &all, &keys)?;
        insert_tokens(conn, &all)?;
    }
    insert_records(conn, batch, &plan.records)?;
    insert_rejections(conn, keyring, batch, &plan.rejected)
}

fn insert_subjects(
    conn: &mut Conn,
    platform: PlatformId,
    added: &[PlannedSubject<'_>],
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::sql_query(
        "INSERT INTO subject \
             (id, platform_id, external_id, kind, content_hash, created_at, updated_at) \
         SELECT id, $5, external_id, kind, content, $6, $6 \
         FROM unnest($1, $2, $3, $4) AS row (id, external_id, kind, content)",
    )
    .bind::<Array<SqlUuid>, _>(ids(added))
    .bind::<Array<Text>, _>(column(added, |planned| planned.external_id))
    .bind::<Array<Text>, _>(column(added, |planned| planned.kind))
    .bind::<Array<Bytea>, _>(column(added, |planned| planned.content.as_slice()))
    .bind::<SqlUuid, _>(platform.uuid())
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}

fn update_subjects(
    conn: &mut Conn,
    changed: &[PlannedSubject<'_>],
    now: DateTime<Utc>,
) -> db::Result<()> {
    diesel::sql_query(
        "UPDATE subject SET kind = row.kind, content_hash = row.content, \
             version = version + 1, updated_at = $4 \
         FROM unnest($1, $2, $3) AS row (id, kind, content) WHERE subject.id = row.id",
    )
    .bind::<Array<SqlUuid>, _>(ids(changed))
    .bind::<Array<Text>, _>(column(changed, |planned| planned.kind))
    .bind::<Array<Bytea>, _>(column(changed, |planned| planned.content.as_slice()))
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    Ok(())
}

fn upsert_documents(
    conn: &mut Conn,
    planned: &[&PlannedSubject<'_>],
    keys: &HashMap<SubjectId, SubjectKey>,
) -> db::Result<()> {
    let sealed = planned
        .iter()
        .map(|planned| {
            let key = keys.get(&planned.id).ok_or(db::Error::NotFound)?;
            Ok(key.seal(&document_place(planned.id), &planned.document))
        })
        .collect::<db::Result<Vec<_>>>()?;
    diesel::sql_query(
        "INSERT INTO subject_personal (subject_id, ciphertext) \
         SELECT * FROM unnest($1, $2) \
         ON CONFLICT (subject_id) DO UPDATE SET ciphertext = excluded.ciphertext",
    )
    .bind::<Array<SqlUuid>, _>(column(planned, |planned| planned.id.uuid()))
    .bind::<Array<Bytea>, _>(sealed)
    .execute(conn)?;
    Ok(())
}

fn delete_tokens(conn: &mut Conn, changed: &[PlannedSubject<'_>]) -> db::Result<()> {
    diesel::sql_query("DELETE FROM subject_token WHERE subject_id = ANY($1)")
        .bind::<Array<SqlUuid>, _>(ids(changed))
        .execute(conn)?;
    Ok(())
}

fn insert_tokens(conn: &mut Conn, planned: &[&PlannedSubject<'_>]) -> db::Result<()> {
    let (mut tokens, mut owners) = (Vec::new(), Vec::new());
    for planned in planned {
        for token in &planned.tokens {
            tokens.push(token.as_slice());
            owners.push(planned.id.uuid());
        }
    }
    diesel::sql_query(
        "INSERT INTO subject_token (token, subject_id) SELECT * FROM unnest($1, $2) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Bytea>, _>(tokens)
    .bind::<Array<SqlUuid>, _>(owners)
    .execute(conn)?;
    Ok(())
}

fn insert_records(
    conn: &mut Conn,
    batch: &Batch,
    records: &[(&str, u64, SubjectId, &'static str)],
) -> db::Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO intake_record (batch_id, external_id, row_number, subject_id, outcome) \
         SELECT $5, * FROM unnest($1, $2, $3, $4)",
    )
    .bind::<Array<Text>, _>(column(records, |record| record.0))
    .bind::<Array<BigInt>, _>(column(records, |record| signed(record.1)))
    .bind::<Array<SqlUuid>, _>(column(records, |record| record.2.uuid()))
    .bind::<Array<Text>, _>(column(records, |record| record.3))
    .bind::<SqlUuid, _>(batch.id.uuid())
    .execute(conn)?;
    Ok(())
}

fn insert_rejections(
    conn: &mut Conn,
    keyring: &Keyring,
    batch: &Batch,
    rejected: &[Rejected],
) -> db::Result<()> {
    if rejected.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO intake_rejection \
             (batch_id, row_number, line_number, problems, ciphertext) \
         SELECT $5, * FROM unnest($1, $2, $3, $4)",
    )
    .bind::<Array<BigInt>, _>(column(rejected, |r| signed(r.row_number)))
    .bind::<Array<BigInt>, _>(column(rejected, |r| signed(r.line_number)))
    .bind::<Array<Jsonb>, _>(column(rejected, problems_json))
    .bind::<Array<Bytea>, _>(column(rejected, |r| {
        seal_rejected(keyring, batch.id, r.row_number, &r.raw)
    }))
    .bind::<SqlUuid, _>(batch.id.uuid())
    .execute(conn)?;
    Ok(())
}

fn problems_json(rejected: &Rejected) -> Value {
    rejected
        .problems
        .iter()
        .map(|problem| {
            json!({
                "column": problem.column.map(super::super::column::Column::name),
                "message": problem.message,
            })
        })
        .collect()
}

fn ids(planned: &[PlannedSubject<'_>]) -> Vec<Uuid> {
    column(planned, |planned| planned.id.uuid())
}

/// One column of rows, for `unnest`.
fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
