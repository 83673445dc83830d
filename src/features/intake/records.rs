//! Cuts a stream of bytes into records without losing one and without growing with the file.
//!
//! A CSV record ends at a line end outside quotes. A quote that is never closed would swallow the
//! rest of the file: when a record outgrows its limit, only the line on which it began is given
//! back as broken and reading goes on with the next line. A line that alone outgrows the limit is
//! given back in pieces, each a broken record, so that all of it is kept.
//!
//! Where a record ends depends on the bytes alone, never on how they come in: a reading that is
//! resumed elsewhere counts the same rows.

use std::io::{self, BufRead};

/// Longest record, in bytes. A full row of the subject format is far below a tenth of this.
pub const RECORD_LIMIT_BYTES: usize = 64 * 1024;

/// How records are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Line ends inside double quotes belong to the field.
    Csv,
    /// One line, one record.
    Lines,
}

/// One record with its exact bytes, without the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counted from 1, empty lines included, as a spreadsheet numbers its rows.
    pub row: u64,
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    pub raw: Vec<u8>,
    pub fault: Option<Fault>,
}

/// Why a record could not be cut properly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A quote opens on this line and does not close.
    UnclosedQuote,
    /// The line alone is longer than [`RECORD_LIMIT_BYTES`]; `raw` holds its beginning.
    TooLong,
    /// What follows of such a line.
    Continued,
}

pub struct Records<R> {
    from: R,
    framing: Framing,
    /// Bytes read but not yet given out.
    pending: Vec<u8>,
    ended: bool,
    /// Within a line that is given out in pieces.
    overlong: bool,
    row: u64,
    line: u64,
}

enum Cut {
    /// A record of `len` bytes, followed by a line end of `end` bytes.
    At { len: usize, end: usize },
    /// The bytes at hand do not hold a whole record.
    More,
    /// The bytes at hand end inside quotes.
    InQuotes,
}

impl<R: BufRead> Records<R> {
    pub fn new(from: R, framing: Framing) -> Self {
        Self {
            from,
            framing,
            pending: Vec::new(),
            ended: false,
            overlong: false,
            row: 0,
            line: 1,
        }
    }

    /// The line on which the next record begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next record, empty lines included; `None` at the end.
    pub fn read(&mut self) -> io::Result<Option<Record>> {
        if self.overlong {
            return self.piece(Fault::Continued).map(Some);
        }
        loop {
            match self.cut() {
                Cut::At { len, end } if len <= RECORD_LIMIT_BYTES => {
                    return Ok(Some(self.take(len, end, None)));
                }
                Cut::At { .. } => return self.break_off().map(Some),
                Cut::InQuotes | Cut::More if self.is_beyond_limit() => {
                    return self.break_off().map(Some);
                }
                Cut::InQuotes if self.ended => return self.break_off().map(Some),
                Cut::More if self.ended => return self.last(),
                Cut::InQuotes | Cut::More => self.fill()?,
            }
        }
    }

    /// Whether the bytes at hand cannot be a record within the limit: one more than it may still be
    /// the carriage return of a line end.
    fn is_beyond_limit(&self) -> bool {
        self.pending.len() > RECORD_LIMIT_BYTES + 1
    }

    /// What stands after the last line end.
    fn last(&mut self) -> io::Result<Option<Record>> {
        match self.pending.len() {
            0 => Ok(None),
            len @ ..=RECORD_LIMIT_BYTES => Ok(Some(self.take(len, 0, None))),
            _ => self.break_off().map(Some),
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let chunk = self.from.fill_buf()?;
        let read = chunk.len();
        self.pending.extend_from_slice(chunk);
        self.from.consume(read);
        self.ended = read == 0;
        Ok(())
    }

    fn cut(&self) -> Cut {
        match self.framing {
            Framing::Lines => line_end(&self.pending).unwrap_or(Cut::More),
            Framing::Csv => csv_end(&self.pending),
        }
    }

    /// Gives out the first line alone, with the reason.
    fn break_off(&mut self) -> io::Result<Record> {
        match line_end(&self.pending) {
            Some(Cut::At { len, end }) if len <= RECORD_LIMIT_BYTES => {
                Ok(self.take(len, end, Some(Fault::UnclosedQuote)))
            }
            None if self.ended && self.pending.len() <= RECORD_LIMIT_BYTES => {
                let len = self.pending.len();
                Ok(self.take(len, 0, Some(Fault::UnclosedQuote)))
            }
            _ => self.piece(Fault::TooLong),
        }
    }

    /// The next piece of an overlong line: all that remains of it, or as much as the limit allows.
    fn piece(&mut self, fault: Fault) -> io::Result<Record> {
        loop {
            let line_end = line_end(&self.pending);
            if let Some(Cut::At { len, end }) = line_end
                && len <= RECORD_LIMIT_BYTES
            {
                self.overlong = false;
                return Ok(self.take(len, end, Some(fault)));
            }
            if line_end.is_some() || self.is_beyond_limit() {
                self.overlong = true;
                return Ok(self.take(RECORD_LIMIT_BYTES, 0, Some(fault)));
            }
            if self.ended {
                let len = self.pending.len().min(RECORD_LIMIT_BYTES);
                self.overlong = len < self.pending.len();
                return Ok(self.take(len, 0, Some(fault)));
            }
            self.fill()?;
        }
    }

    fn take(&mut self, len: usize, end: usize, fault: Option<Fault>) -> Record {
        let mut raw: Vec<u8> = self.pending.drain(..len + end).collect();
        let lines: usize = raw.iter().map(|byte| usize::from(*byte == b'\n')).sum();
        raw.truncate(len);
        self.row += 1;
        let line = self.line;
        self.line += u64::try_from(lines).unwrap_or(0);
        Record {
            row: self.row,
            line,
            raw,
            fault,
        }
    }
}

fn line_end(bytes: &[u8]) -> Option<Cut> {
    let newline = bytes.iter().position(|byte| *byte == b'\n')?;
    Some(cut_before(bytes, newline))
}

/// The carriage return before a newline belongs to the line end.
fn cut_before(bytes: &[u8], newline: usize) -> Cut {
    let carriage = usize::from(newline > 0 && bytes[newline - 1] == b'\r');
    Cut::At {
        len: newline - carriage,
        end: 1 + carriage,
    }
}

fn csv_end(bytes: &[u8]) -> Cut {
    enum At {
        FieldStart,
        Bare,
        Quoted,
        /// After a quote inside quotes: it closes, unless another one follows.
        Quote,
    }
    let mut state = At::FieldStart;
    for (at, byte) in bytes.iter().enumerate() {
        state = match (state, byte) {
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) | (At::FieldStart | At::Quote, b'"') => At::Quoted,
            (_, b'\n') => return cut_before(bytes, at),
            (_, b',') => At::FieldStart,
            (_, _) => At::Bare,
        };
    }
    if matches!(state, At::Quoted) {
        Cut::InQuotes
    } else {
        Cut::More
    }
}

/// The record is not well-formed CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has text between a closing quote and the next comma")]
pub struct Malformed;

/// The fields of one CSV record. A quote inside an unquoted field stands for itself.
pub fn fields(raw: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut fields = Vec::new();
    let mut rest = raw;
    loop {
        let (field, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.iter().position(|byte| *byte == b',') {
                Some(comma) => (rest[..comma].to_vec(), Some(&rest[comma + 1..])),
                None => (rest.to_vec(), None),
            },
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// What stands up to the closing quote, and what follows the comma after it.
fn quoted_field(mut rest: &[u8]) -> Result<(Vec<u8>, Option<&[u8]>), Malformed> {
    let mut field = Vec::new();
    loop {
        let quote = rest
            .iter()
            .position(|byte| *byte == b'"')
            .ok_or(Malformed)?;
        field.extend_from_slice(&rest[..quote]);
        match rest.get(quote + 1) {
            Some(b'"') => {
                field.push(b'"');
                rest = &rest[quote + 2..];
            }
            Some(b',') => return Ok((field, Some(&rest[quote + 2..]))),
            None => return Ok((field, None)),
            Some(_) => return Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn all(text: &[u8], framing: Framing, buffer: usize) -> Vec<Record> {
        let mut records = Records::new(BufReader::with_capacity(buffer, text), framing);
        std::iter::from_fn(|| records.read().unwrap()).collect()
    }

    fn raws(text: &str) -> Vec<String> {
        all(text.as_bytes(), Framing::Csv, 3)
            .into_iter()
            .map(|record| String::from_utf8(record.raw).unwrap())
            .collect()
    }

    #[test]
    fn line_ends_inside_quotes_belong_to_the_field() {
        assert_eq!(
            raws("a,b\r\n1,\"x\ny\"\n2,\"say \"\"so\"\"\n\"\nlast"),
            ["a,b", "1,\"x\ny\"", "2,\"say \"\"so\"\"\n\"", "last"]
        );
    }

    #[test]
    fn rows_and_lines_are_counted_apart() {
        let records = all(b"h\n\"a\nb\"\n\nz\n", Framing::Csv, 64);
        let places: Vec<_> = records.iter().map(|r| (r.row, r.line)).collect();
        assert_eq!(places, [(1, 1), (2, 2), (3, 4), (4, 5)]);
    }

    #[test]
    fn a_quote_inside_a_field_stands_for_itself() {
        assert_eq!(raws("5\" pipe,x\nnext"), ["5\" pipe,x", "next"]);
        assert_eq!(
            fields(b"5\" pipe,x").unwrap(),
            [b"5\" pipe".to_vec(), b"x".to_vec()]
        );
    }

    #[test]
    fn an_unclosed_quote_costs_its_own_line_only() {
        let records = all(b"h\n1,\"open\n2,fine\n3,fine\n", Framing::Csv, 8);
        assert_eq!(records.len(), 4);
        assert_eq!(records[1].fault, Some(Fault::UnclosedQuote));
        assert_eq!(records[1].raw, b"1,\"open");
        assert_eq!(records[2].raw, b"2,fine");
        assert_eq!(records[3].fault, None);
    }

    #[test]
    fn an_unclosed_quote_in_a_large_file_stays_bounded() {
        let mut text = b"1,\"open\n".to_vec();
        for _ in 0..20_000 {
            text.extend_from_slice(b"2,another row here\n");
        }
        let mut records = Records::new(text.as_slice(), Framing::Csv);
        let first = records.read().unwrap().unwrap();
        assert_eq!(first.fault, Some(Fault::UnclosedQuote));
        let rest = std::iter::from_fn(|| records.read().unwrap()).count();
        assert_eq!(rest, 20_000);
    }

    #[test]
    fn an_overlong_line_is_kept_in_pieces() {
        for extra in [0, 1, 2, 700, RECORD_LIMIT_BYTES] {
            let long: Vec<u8> = (0..2 * RECORD_LIMIT_BYTES + extra)
                .map(|at| b'a' + u8::try_from(at % 26).unwrap())
                .collect();
            for end in ["\n", "\r\n"] {
                let text = [&long, end.as_bytes(), b"next\n"].concat();
                for framing in [Framing::Csv, Framing::Lines] {
                    let whole = all(&text, framing, 1 << 20);
                    assert_eq!(
                        all(&text, framing, 4096),
                        whole,
                        "however the bytes come in"
                    );
                    let (last, pieces) = whole.split_last().unwrap();
                    assert_eq!((last.line, last.raw.as_slice()), (2, b"next".as_slice()));
                    assert_eq!(last.fault, None);
                    assert_eq!(pieces[0].fault, Some(Fault::TooLong));
                    assert!(
                        pieces
                            .iter()
                            .skip(1)
                            .all(|p| p.fault == Some(Fault::Continued))
                    );
                    assert!(pieces.iter().all(|piece| piece.line == 1));
                    assert!(pieces.iter().all(|p| p.raw.len() <= RECORD_LIMIT_BYTES));
                    let kept: Vec<u8> = pieces.iter().flat_map(|p| p.raw.clone()).collect();
                    assert!(kept == long, "{extra} {framing:?}: all of it is kept");
                }
            }
        }
    }

    #[test]
    fn a_row_of_just_the_limit_is_whole() {
        for end in ["\n", "\r\n", ""] {
            let text = [vec![b'x'; RECORD_LIMIT_BYTES], end.into()].concat();
            for buffer in [1000, RECORD_LIMIT_BYTES + 1, 1 << 20] {
                let records = all(&text, Framing::Csv, buffer);
                assert_eq!(records.len(), 1);
                assert_eq!(records[0].fault, None);
                assert_eq!(records[0].raw.len(), RECORD_LIMIT_BYTES);
            }
        }
    }

    #[test]
    fn text_after_a_closing_quote_is_malformed() {
        assert_eq!(fields(b"\"a\"b,c"), Err(Malformed));
        assert_eq!(fields(b"\"a\" ,c"), Err(Malformed));
    }

    proptest! {
        /// What any CSV writer writes, in any buffer size, comes back field by field.
        #[test]
        fn written_rows_read_back(
            rows in prop::collection::vec(prop::collection::vec("[ -~\n\r\",é]{0,12}", 2..5), 1..8),
            buffer in 1_usize..40,
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let read: Vec<Vec<String>> = all(&text, Framing::Csv, buffer)
                .into_iter()
                .map(|record| {
                    fields(&record.raw)
                        .unwrap()
                        .into_iter()
                        .map(|field| String::from_utf8(field).unwrap())
                        .collect()
                })
                .collect();
            prop_assert_eq!(read, rows);
        }

        /// Whatever the bytes are, every one of them stands in some record or is a line end.
        #[test]
        fn nothing_is_lost(bytes in prop::collection::vec(prop::sample::select(b"ab,\"\r\n\0\xff".to_vec()), 0..200)) {
            let records = all(&bytes, Framing::Csv, 7);
            let without_ends = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(|b| *b != b'\n' && *b != b'\r').collect()
            };
            let together: Vec<u8> = records.iter().flat_map(|r| without_ends(&r.raw)).collect();
            prop_assert_eq!(together, without_ends(&bytes));
        }
    }
}
