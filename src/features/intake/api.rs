//! Customers from programs. They go the way of uploads: stored, read by a job, rejected row by row.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::actions::{self, KEEP_UPLOAD, Order, Received};
use super::batch::{Batch, BatchId, State};
use super::store::{self, Platform};
use crate::foundation::Services;
use crate::foundation::auth::keys::Keyed;
use crate::foundation::db::{self, Conn, PoolKind};
use crate::foundation::files::upload::LineCount;
use crate::foundation::files::{FileWriter, NewFile, Stored};
use crate::foundation::kernel::Scope;
use crate::foundation::web::api::{self, Act, Always, Asked, Nothing, Problem};
use crate::foundation::web::{self, Problems, block};

/// Longest body; a larger file is uploaded on the page Intake, or read at the command line.
const LIMIT_BYTES: usize = 8 << 20;
/// Most records of a JSON array. Lines have no such limit, only the bytes.
const MOST_RECORDS: usize = 1_000;

const TAKES: &str = "application/json or application/x-ndjson";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Target {
    /// Whose customers they are, by the platform's short name. It may be left out where the key reaches one platform.
    platform: Option<String>,
    /// Pass over columns that nobody knows, instead of rejecting the record.
    #[serde(default)]
    ignore_unknown: bool,
}

/// A batch of customers on its way in.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    id: Uuid,
    /// The platform's short name.
    platform: String,
    /// `waiting`, `reading`, `done`, `refused` or `cancelled`.
    #[schema(example = "done")]
    state: String,
    /// Why nothing was taken in, where it was refused.
    refusal: Option<String>,
    received_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// Records that have been dealt with.
    rows: u64,
    added: u64,
    changed: u64,
    unchanged: u64,
    rejected: u64,
    /// The first records that were rejected, and why. Values are not repeated.
    problems: Vec<RowProblem>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RowProblem {
    /// The record's place, from 1.
    row: i64,
    /// The column that is meant, where it is one.
    column: Option<String>,
    message: String,
}

/// Hands customers in: one record, an array of up to 1000, or a line for each.
///
/// The columns are those of the files that the page Intake takes. The same bytes are taken in once, whatever the
/// Idempotency-Key; with it, the same request is one act even where its batch was refused.
#[utoipa::path(
    post, path = "/api/v1/subjects", tag = "Intake", operation_id = "handInSubjects",
    params(Target, ("Idempotency-Key" = Option<String>, Header, description = "The same for every attempt")),
    request_body(content(
        (serde_json::Value = "application/json", example = json!([{"external_id": "C-1", "kind": "person", "name": "Ada Example"}])),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Received; a job reads it", body = BatchView,
         headers(("Location" = String, description = "Where its state is"))),
        (status = 200, description = "Received before: this is its batch", body = BatchView,
         headers(("Location" = String, description = "Where its state is"))),
        (status = 409, description = "The Idempotency-Key came before with something else (`idempotency_key_reused`)",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 8 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor lines of JSON", body = Problem,
         content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["subjects:write"])),
)]
pub async fn hand_in(
    keyed: Keyed,
    services: Data<Services>,
    request: HttpRequest,
    asked: Asked<Target>,
    payload: Payload,
) -> web::Result {
    let read = match api::media_type(&request).as_deref() {
        Some("application/json") => lines_of_json,
        Some("application/x-ndjson") => lines_of_lines,
        _ => return Err(web::Error::UnsupportedMedia { takes: TAKES }),
    };
    let body = api::collect(payload.into_inner(), LIMIT_BYTES).await?;
    let act = Act::of(&request, &services.keyring, &keyed.actor(), &body)?;
    let Asked(target) = asked;
    let (received, view) = block(move || {
        let lines = read(&body)?;
        let received = take(&services, &keyed, &target, &lines, act)?;
        let view = view(&services, &keyed, received.batch())?;
        Ok::<_, web::Error>((received, view))
    })
    .await?;
    let mut answer = match received {
        Received::New(_) | Received::Resumed(_) => HttpResponse::Accepted(),
        Received::Known(..) => HttpResponse::Ok(),
    };
    let place = format!("/api/v1/intake/{}", view.id);
    Ok(answer.insert_header(("Location", place)).json(view))
}

fn take(
    services: &Services,
    keyed: &Keyed,
    target: &Target,
    lines: &[u8],
    act: Act,
) -> Result<Received, web::Error> {
    let platform = services
        .db
        .read(|conn| target_platform(conn, keyed.reach(), target.platform.as_deref()))?;
    let actor = keyed.actor();
    let name = format!("From the key {}", keyed.name);
    let mut count = LineCount::default();
    count.see(lines);
    let order = Order {
        platform: &platform,
        name: &name,
        ignore_unknown: target.ignore_unknown,
        lines_total: Some(count.total()),
    };
    let file = keep(services, keyed, &name, lines)?;
    let received = actions::receive_upload(services, &actor, &order, &file, act.key);
    let place = |location: &str| location.rsplit_once('/')?.1.parse().ok();
    match act.settle(received.map_err(web::Error::from))? {
        api::Settled::Done(received) => Ok(received),
        api::Settled::Before(location) => match place(&location) {
            Some(batch) => Ok(Received::Known(batch, State::Waiting)),
            None => Err(web::Error::NotFound),
        },
    }
}

fn keep(
    services: &Services,
    keyed: &Keyed,
    name: &str,
    lines: &[u8],
) -> Result<Stored, web::Error> {
    let new = NewFile {
        purpose: "intake",
        name,
        created_by: &keyed.actor(),
        limit_bytes: actions::UPLOAD_LIMIT_BYTES,
        keep: KEEP_UPLOAD,
    };
    let mut writer = FileWriter::create(services, &new)?;
    writer.write(lines)?;
    Ok(writer.finish()?)
}

/// The platform that is named, or the only one that the key reaches.
fn target_platform(
    conn: &mut Conn,
    reach: &Scope,
    named: Option<&str>,
) -> Result<Platform, web::Error> {
    let mut reached = store::platforms(conn)?;
    reached.retain(|platform| reach.allows(platform.id));
    match named {
        Some(slug) => reached
            .into_iter()
            .find(|platform| platform.slug == slug)
            .ok_or_else(|| Problems::no_platform(slug)),
        None if reached.len() == 1 => Ok(reached.remove(0)),
        None => Err(web::Error::Malformed(
            "say whose customers these are: ?platform= and the platform's short name".to_owned(),
        )),
    }
}

/// One record or several as lines, each as it came: a name that stands twice must not be dropped on the way.
fn lines_of_json(body: &[u8]) -> Result<Vec<u8>, web::Error> {
    let malformed = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        web::Error::Malformed(format!(
            "this is not well-formed JSON at line {line}, character {column}"
        ))
    };
    let is_list = body.trim_ascii_start().starts_with(b"[");
    let records: Vec<&RawValue> = if is_list {
        serde_json::from_slice(body).map_err(malformed)?
    } else {
        vec![serde_json::from_slice(body).map_err(malformed)?]
    };
    if records.is_empty() || records.len() > MOST_RECORDS {
        return Err(web::Error::Malformed(format!(
            "hand in 1 to {MOST_RECORDS} records at once"
        )));
    }
    let mut lines = Vec::with_capacity(body.len() + records.len());
    for (number, record) in records.iter().enumerate() {
        if !record.get().starts_with('{') {
            let place = number + 1;
            return Err(web::Error::Malformed(format!(
                "record {place} is not an object"
            )));
        }
        // Between the tokens of JSON a line end is a space, and inside of its texts there is none.
        let bytes = record.get().bytes();
        lines.extend(bytes.map(|byte| {
            if matches!(byte, b'\r' | b'\n') {
                b' '
            } else {
                byte
            }
        }));
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Lines as they came; what is wrong with one is told of that one.
fn lines_of_lines(body: &[u8]) -> Result<Vec<u8>, web::Error> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(web::Error::Malformed(
            "the first line is not an object; write one on each line".to_owned(),
        ));
    }
    Ok(body.to_vec())
}

/// What became of a batch.
#[utoipa::path(
    get, path = "/api/v1/intake/{id}", tag = "Intake", operation_id = "getBatch",
    params(("id" = Uuid, Path, description = "The batch")),
    responses(
        (status = 200, description = "The batch", body = BatchView),
        (status = 404, description = "There is none, or its platform is out of the key's reach", body = Problem,
         content_type = "application/problem+json"),
        Always,
    ),
    security(("key" = ["subjects:write"])),
)]
pub async fn batch(
    keyed: Keyed,
    services: Data<Services>,
    id: Path<BatchId>,
    _: Asked<Nothing>,
) -> web::Result {
    let view = block(move || view(&services, &keyed, *id)).await?;
    Ok(HttpResponse::Ok().json(view))
}

fn view(services: &Services, keyed: &Keyed, id: BatchId) -> Result<BatchView, web::Error> {
    let (db, who) = (&services.db, keyed.actor());
    db.read_for(PoolKind::Web, &who, |conn| {
        let batch = store::batch(conn, &services.keyring, id)?
            .filter(|batch| keyed.reach().allows(batch.platform))
            .ok_or(db::Error::NotFound)?;
        let rejections = store::rejections(conn, id, None)?.items;
        let problems = rejections.into_iter().flat_map(|rejection| {
            let row = rejection.row;
            rejection
                .problems
                .into_iter()
                .map(move |(column, message)| RowProblem {
                    row,
                    column,
                    message,
                })
        });
        let problems = problems.collect();
        let platforms = store::platforms(conn)?;
        let platform = platforms.into_iter().find(|it| it.id == batch.platform);
        Ok(BatchView::new(batch, platform, problems))
    })
}

impl BatchView {
    fn new(batch: Batch, platform: Option<Platform>, problems: Vec<RowProblem>) -> Self {
        Self {
            id: batch.id.uuid(),
            platform: platform.map(|platform| platform.slug).unwrap_or_default(),
            state: batch.state.as_str().to_owned(),
            refusal: batch.refusal,
            received_at: batch.created_at,
            finished_at: batch.finished_at,
            rows: batch.counts.rows(),
            added: batch.counts.added,
            changed: batch.counts.changed,
            unchanged: batch.counts.unchanged,
            rejected: batch.counts.rejected,
            problems,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Result<String, String> {
        match lines_of_json(body.as_bytes()) {
            Ok(lines) => Ok(String::from_utf8(lines).unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn records_become_lines_as_they_came() {
        let one = "{\r\n  \"name\": \"a\\nb\",\n  \"name\": \"c\"\n}";
        assert_eq!(
            text(one).unwrap(),
            "{    \"name\": \"a\\nb\",   \"name\": \"c\" }\n"
        );
        assert_eq!(text(" [ {\"a\":1} , {} ]").unwrap(), "{\"a\":1}\n{}\n");
    }

    #[test]
    fn what_is_no_record_is_refused_by_its_place() {
        assert_eq!(text("[{}, 7]").unwrap_err(), "record 2 is not an object");
        assert_eq!(text("\"x\"").unwrap_err(), "record 1 is not an object");
        for (body, told) in [
            ("[]", "1 to 1000"),
            ("", "well-formed"),
            ("{\"a\":", "line 1, character 5"),
            ("[{}] {}", "well-formed"),
        ] {
            let error = text(body).unwrap_err();
            assert!(error.contains(told), "{body}: {error}");
        }
        let many = format!("[{}{{}}]", "{},".repeat(MOST_RECORDS));
        assert!(text(&many).unwrap_err().contains("1 to 1000"));
        assert!(lines_of_lines(b"external_id,name\n").is_err());
        assert!(lines_of_lines(b"\n{\"a\":1}\n").is_ok());
    }
}
