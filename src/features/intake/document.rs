//! A subjects file as a stream of rows, whichever of its two formats it has.

use std::io::{self, BufRead, Chain, Cursor, Read};

use super::column::{Header, HeaderError, Values};
use super::ndjson;
use super::records::{Fault, Framing, Record, Records, fields};
use super::row::Problem;

/// Enough of the beginning to tell the format.
const HEAD_BYTES: u64 = 512;

/// What other files begin with, and what to do about it.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"\xff\xfe", "UTF-16 text: save the file as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save the file as UTF-8"),
    (
        b"PK\x03\x04",
        "a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV",
    ),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old spreadsheet: save the sheet as CSV",
    ),
    (b"%PDF-", "a PDF: export the data as CSV"),
];

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// One row with its exact bytes, read or refused.
pub struct Entry {
    pub row: u64,
    pub line: u64,
    pub raw: Vec<u8>,
    pub values: Result<Values, Vec<Problem>>,
}

pub struct Document<R> {
    records: Records<Chain<Cursor<Vec<u8>>, R>>,
    /// The first row's meaning and bytes; `None` for NDJSON, whose rows name their columns.
    header: Option<(Header, Vec<u8>)>,
    ignore_unknown: bool,
    /// The first line after the last row given out.
    line: u64,
}

impl<R: BufRead> Document<R> {
    /// Tells the format by the first bytes and reads the first row of a CSV file.
    pub fn open(mut from: R, ignore_unknown: bool) -> Result<Self, OpenError> {
        let mut head = Vec::new();
        from.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        if let Some((_, what)) = FOREIGN.iter().find(|(sign, _)| head.starts_with(sign)) {
            return Err(HeaderError::Foreign(what).into());
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let framing = match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Framing::Lines,
            Some(b'[') => {
                let advice = "a JSON array: write one object on each line (NDJSON)";
                return Err(HeaderError::Foreign(advice).into());
            }
            _ => Framing::Csv,
        };
        let mut document = Self {
            records: Records::new(Cursor::new(head).chain(from), framing),
            header: None,
            ignore_unknown,
            line: 1,
        };
        if framing == Framing::Csv {
            document.header = Some(document.read_header()?);
        }
        Ok(document)
    }

    /// The first row as it stands in the file; empty for NDJSON.
    pub fn header(&self) -> &[u8] {
        self.header.as_ref().map_or(&[], |(_, raw)| raw.as_slice())
    }

    /// How many lines have been read.
    pub fn lines_read(&self) -> u64 {
        self.line - 1
    }

    /// The next row that holds anything.
    pub fn read(&mut self) -> io::Result<Option<Entry>> {
        while let Some(record) = self.next_record()? {
            if record.fault.is_none() && self.is_blank(&record.raw) {
                continue;
            }
            let values = match (&self.header, record.fault) {
                (_, Some(fault)) => Err(vec![Problem::row(fault_message(fault))]),
                (None, None) => ndjson::read(&record.raw, self.ignore_unknown),
                (Some((header, _)), None) => csv_values(header, &record.raw),
            };
            let values = match values {
                Ok(values) if values.is_empty() => Err(vec![Problem::row(NOTHING_KNOWN)]),
                values => values,
            };
            return Ok(Some(Entry {
                row: record.row,
                line: record.line,
                raw: record.raw,
                values,
            }));
        }
        Ok(None)
    }

    /// Whether nobody wrote anything into the row: spreadsheets end in rows of commas alone. A row
    /// that holds something, if only in columns that are passed over, is a row.
    fn is_blank(&self, raw: &[u8]) -> bool {
        let separates = |byte: &u8| self.header.is_some() && b",\"".contains(byte);
        raw.iter()
            .all(|byte| byte.is_ascii_whitespace() || separates(byte))
    }

    fn next_record(&mut self) -> io::Result<Option<Record>> {
        let record = self.records.read()?;
        self.line = self.records.line();
        Ok(record)
    }

    fn read_header(&mut self) -> Result<(Header, Vec<u8>), OpenError> {
        loop {
            let record = self.next_record()?.ok_or(HeaderError::Empty)?;
            if record.raw.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if let Some(fault) = record.fault {
                return Err(HeaderError::Malformed(fault_message(fault)).into());
            }
            let fields = fields(&record.raw)
                .map_err(|_| HeaderError::Malformed("has text after a closing quote"))?;
            let header = Header::read(&fields, self.ignore_unknown)?;
            return Ok((header, record.raw));
        }
    }
}

const NOTHING_KNOWN: &str = "holds nothing in the columns that are known";

fn fault_message(fault: Fault) -> &'static str {
    match fault {
        Fault::UnclosedQuote => "has a quote that opens and is never closed; close or double it",
        Fault::TooLong => "is longer than 64 KiB; it is kept in pieces, of which this is the first",
        Fault::Continued => "goes on with the line that is longer than 64 KiB",
    }
}

fn csv_values(header: &Header, raw: &[u8]) -> Result<Values, Vec<Problem>> {
    let fields = fields(raw).map_err(|error| vec![Problem::row(error.to_string())])?;
    if fields.len() != header.len() {
        return Err(vec![Problem::row(format!(
            "has {} fields, the first row names {}",
            fields.len(),
            header.len()
        ))]);
    }
    let mut values = Values::default();
    let mut problems = Vec::new();
    for (column, field) in header.places().zip(fields) {
        match (column, String::from_utf8(field)) {
            (None, _) => {}
            (Some(column), Ok(text)) => values.set(column, text),
            (Some(column), Err(_)) => problems.push(Problem::of(
                column,
                "is not UTF-8 text (it looks like Latin-1 or Windows-1252); save the file as UTF-8",
            )),
        }
    }
    if problems.is_empty() {
        Ok(values)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::Column;
    use super::*;

    fn open(text: &[u8]) -> Result<Document<&[u8]>, OpenError> {
        Document::open(text, false)
    }

    /// Row number and name, or the first problem.
    fn rows(text: &[u8]) -> Vec<(u64, String)> {
        let mut document = open(text).unwrap();
        std::iter::from_fn(|| document.read().unwrap())
            .map(|entry| {
                let said = match entry.values {
                    Ok(values) => values.get(Column::Name).unwrap_or_default().to_owned(),
                    Err(problems) => format!("! {}", problems[0].message),
                };
                (entry.row, said)
            })
            .collect()
    }

    #[test]
    fn both_formats_are_told_apart() {
        let csv = b"\xef\xbb\xbfexternal_id,kind,name\r\n1,person,\"Ada\nExample\"\r\n\r\n,,\r\n2,person,Zed";
        assert_eq!(rows(csv), [(2, "Ada\nExample".into()), (5, "Zed".into())]);
        let ndjson = b"\n{\"name\":\"Ada\"}\r\n\n{\"name\":\"Zed\"}";
        assert_eq!(rows(ndjson), [(2, "Ada".into()), (4, "Zed".into())]);
    }

    #[test]
    fn a_broken_row_does_not_take_its_neighbours_with_it() {
        let csv =
            b"external_id,kind,name\n1,person\n2,person,n\xe4me\n3,person,\"open\n4,person,Zed\n";
        let said = rows(csv);
        assert!(said[0].1.contains("2 fields"));
        assert!(said[1].1.contains("Latin-1"));
        assert!(said[2].1.contains("never closed"));
        assert_eq!(said[3], (5, "Zed".into()));
    }

    #[test]
    fn a_row_with_unknown_columns_only_is_counted() {
        let said = |text: &[u8]| -> Vec<(u64, bool)> {
            let mut document = Document::open(text, true).unwrap();
            std::iter::from_fn(|| document.read().unwrap())
                .map(|entry| (entry.row, entry.values.is_err()))
                .collect()
        };
        let csv = b"external_id,kind,name,mood\n1,person,Ada,\n,,,glad\n,,,\n\"\",,,\n";
        assert_eq!(said(csv), [(2, false), (3, true)]);
        let ndjson = b"{\"name\":\"Ada\"}\n{\"mood\":\"glad\"}\n\n{}\n";
        assert_eq!(said(ndjson), [(1, false), (2, true), (4, true)]);
    }

    #[test]
    fn files_that_are_something_else_are_named() {
        for (text, word) in [
            (b"\xff\xfee\0x\0".as_slice(), "UTF-16"),
            (b"PK\x03\x04rest", "ZIP"),
            (b"[{\"name\":1}]", "one object on each line"),
            (b"", "empty"),
            (b"\n \n", "empty"),
            (b"external_id;kind;name\n", "semicolons"),
        ] {
            let error = open(text).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = [b"external_id,kind,name\n".as_slice(), &bytes].concat();
            if let Ok(mut document) = open(&text) {
                while let Some(entry) = document.read().unwrap() {
                    prop_assert!(!entry.raw.is_empty());
                }
            }
        }
    }
}
