//! Events as lines of CSV and NDJSON, for spreadsheets and programs. Neither proves anything: for
//! that there is the verifiable export.

use serde_json::{Value, json};

use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::projection::Body;
use crate::foundation::web::csv;

pub const CSV_HEADER: &str = "index,recorded_at,action,actor_kind,actor,subject_kind,subject,platform,outcome,\
    request,details,id\r\n";

/// One line with its end.
pub fn csv_line(event: &EventRow) -> Result<Vec<u8>, ::csv::Error> {
    let columns = &event.projection;
    let body = Body::parse(&event.body).ok();
    let details = body
        .as_ref()
        .and_then(|body| body.value.get("details"))
        .map_or_else(String::new, Value::to_string);
    let request = body.as_ref().and_then(Body::request).unwrap_or_default();
    csv::line([
        event.idx.to_string().as_str(),
        &columns.recorded_at_text(),
        &columns.kind,
        &columns.actor_kind,
        &columns.actor_id,
        &columns.subject_kind,
        &columns.subject_id,
        &columns
            .platform_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        &columns.outcome,
        request,
        &details,
        &columns.id.simple().to_string(),
    ])
}

/// One line with its end: the index and the event as it was hashed, but read.
pub fn ndjson_line(event: &EventRow) -> Vec<u8> {
    let body = serde_json::from_slice::<Value>(&event.body).unwrap_or(Value::Null);
    let line =
        json!({"index": event.idx, "leaf_hash": hex::encode(event.leaf_hash), "event": body});
    format!("{line}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::audit::jcs;

    fn event(actor: &str) -> EventRow {
        let body = json!({
            "v": 1, "id": "0123456789abcdef0123456789abcdef", "at": "2026-11-20T10:00:00.000001Z", "kind": "a.b",
            "actor": {"kind": "job", "id": actor}, "subject": {"kind": "s", "id": "1"}, "outcome": "success",
            "details": {"note": "a,\"b\""}, "request": "r",
        });
        let bytes = jcs::to_vec(&body).unwrap();
        let projection = Body::parse(&bytes).unwrap().projection;
        EventRow {
            idx: 7,
            body: bytes,
            leaf_hash: [1; 32],
            projection,
        }
    }

    #[test]
    fn a_line_of_csv_reads_back() {
        let line = csv_line(&event("x")).unwrap();
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(line.as_slice());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(record.len(), CSV_HEADER.trim_end().split(',').count());
        assert_eq!(&record[1], "2026-11-20T10:00:00.000001Z");
        assert_eq!(&record[10], r#"{"note":"a,\"b\""}"#);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            let line = csv_line(&event(evil)).unwrap();
            let mut reader = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(line.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(record[4], format!("'{evil}"));
        }
    }

    #[test]
    fn a_line_of_ndjson_holds_the_event() {
        let line: Value = serde_json::from_slice(&ndjson_line(&event("x"))).unwrap();
        assert_eq!(line["event"]["actor"]["id"], "x");
        assert_eq!(line["index"], 7);
    }
}
