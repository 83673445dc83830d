//! The download of rejected rows: the rows as they came, with the reasons in columns of our own,
//! so that the file can be mended and sent again as it is.

use super::records::fields;
use super::store::RejectedRow;

const ROW: &str = "signalbox_row";
const PROBLEMS: &str = "signalbox_problems";
const RAW: &str = "signalbox_raw";

/// How the rows of one batch are written.
pub enum Layout {
    /// With the names of the file's own columns.
    Csv(Vec<Vec<u8>>),
    Ndjson,
}

impl Layout {
    /// By the file's first row; NDJSON has none.
    pub fn of(header: Option<&[u8]>) -> Self {
        match header.map(fields) {
            Some(Ok(columns)) => Self::Csv(columns),
            _ => Self::Ndjson,
        }
    }

    pub fn extension(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Csv(_) => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    pub fn head(&self) -> Vec<u8> {
        match self {
            Self::Csv(columns) => {
                let ours = [ROW, PROBLEMS, RAW].map(|name| name.as_bytes().to_vec());
                csv_line(ours.iter().chain(columns).map(Vec::as_slice))
            }
            Self::Ndjson => Vec::new(),
        }
    }

    pub fn line(&self, rejected: &RejectedRow) -> Vec<u8> {
        match self {
            Self::Csv(columns) => csv_row(columns.len(), rejected),
            Self::Ndjson => ndjson_row(rejected),
        }
    }
}

fn reasons(rejected: &RejectedRow) -> String {
    rejected
        .problems
        .iter()
        .map(|(column, message)| match column {
            Some(column) => format!("{column} {message}"),
            None => format!("the row {message}"),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// A row that cannot be cut into its columns stands whole in a column of its own.
fn csv_row(columns: usize, rejected: &RejectedRow) -> Vec<u8> {
    let row = rejected.row.to_string();
    let reasons = reasons(rejected);
    let (raw, values) = match fields(&rejected.raw) {
        Ok(values) if values.len() == columns => (&[][..], values),
        _ => (rejected.raw.as_slice(), vec![Vec::new(); columns]),
    };
    let ours = [row.as_bytes(), reasons.as_bytes(), raw];
    csv_line(ours.into_iter().chain(values.iter().map(Vec::as_slice)))
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut line = Vec::new();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            line.push(b',');
        }
        line.push(b'"');
        // A spreadsheet would run such a cell as a formula.
        if matches!(
            cell.first(),
            Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
        ) {
            line.push(b'\'');
        }
        for byte in cell {
            if *byte == b'"' {
                line.push(b'"');
            }
            line.push(*byte);
        }
        line.push(b'"');
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Our members are put in front of the row's own, whose bytes stay as they were.
fn ndjson_row(rejected: &RejectedRow) -> Vec<u8> {
    let reasons = serde_json::Value::from(reasons(rejected));
    let mut line = format!("{{\"{ROW}\":{},\"{PROBLEMS}\":{reasons}", rejected.row).into_bytes();
    let raw = rejected.raw.trim_ascii();
    let is_object = serde_json::from_slice::<serde::de::IgnoredAny>(raw).is_ok();
    match raw.strip_prefix(b"{").filter(|_| is_object) {
        Some(rest) if rest.trim_ascii_start() == b"}" => line.push(b'}'),
        Some(rest) => {
            line.push(b',');
            line.extend_from_slice(rest);
        }
        None => {
            let text = serde_json::Value::from(String::from_utf8_lossy(raw));
            line.extend_from_slice(format!(",\"{RAW}\":{text}}}").as_bytes());
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(raw: &[u8]) -> RejectedRow {
        RejectedRow {
            row: 7,
            problems: vec![(Some("country".into()), "is not a country".into())],
            raw: raw.to_vec(),
        }
    }

    fn line(header: Option<&[u8]>, raw: &[u8]) -> String {
        String::from_utf8(Layout::of(header).line(&rejected(raw))).unwrap()
    }

    #[test]
    fn a_row_comes_back_in_its_columns() {
        let header = Some(b"external_id,name".as_slice());
        assert_eq!(
            line(header, b"A-1,\"Zed \"\"Z\"\"\""),
            "\"7\",\"country is not a country\",\"\",\"A-1\",\"Zed \"\"Z\"\"\"\r\n"
        );
    }

    #[test]
    fn a_row_that_cannot_be_cut_is_kept_whole() {
        let header = Some(b"external_id,name".as_slice());
        assert_eq!(
            line(header, b"A-1,x,\"y"),
            "\"7\",\"country is not a country\",\"A-1,x,\"\"y\",\"\",\"\"\r\n"
        );
    }

    #[test]
    fn formulas_are_made_harmless() {
        let header = Some(b"external_id,name".as_slice());
        assert!(line(header, b"=1+1,@x").ends_with("\"'=1+1\",\"'@x\"\r\n"));
    }

    #[test]
    fn json_rows_keep_their_bytes() {
        assert_eq!(
            line(None, b" {\"name\": 1.50}"),
            "{\"signalbox_row\":7,\"signalbox_problems\":\"country is not a country\",\"name\": 1.50}\n"
        );
        assert!(line(None, b"{}").ends_with("country\"}\n"));
        assert!(line(None, b"{broken").ends_with("\"signalbox_raw\":\"{broken\"}\n"));
    }
}
