//! The words that Redis speaks (RESP, version 2), read and written. What a server sends is not trusted: a line,
//! a reply and how deep replies lie in each other all have a limit.

/// Longer than any line that a server has reason to send.
const LINE_LIMIT: usize = 4 * 1024;

/// What `INFO` says is a few thousand bytes long.
pub const REPLY_LIMIT: usize = 256 * 1024;

/// Replies in replies, as deep as any command that answers with a list of lists.
const DEPTH_LIMIT: usize = 4;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Nothing,
    Array(Vec<Reply>),
}

/// What keeps it from being a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("it does not speak Redis")]
    Foreign,
    #[error("a line of its answer has no end")]
    Line,
    #[error("its answer is larger than 256 KiB")]
    Large,
    #[error("its answer is nested too deeply")]
    Deep,
}

/// The reply that `bytes` begin with and how many of them it takes; `None` while it is not all there.
///
/// # Errors
/// It will never be one.
pub fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    let reply = reader.reply(0)?;
    if reader.at > REPLY_LIMIT || reply.is_none() && bytes.len() > REPLY_LIMIT {
        return Err(Malformed::Large);
    }
    Ok(reply.map(|reply| (reply, reader.at)))
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply>, Malformed> {
        if depth > DEPTH_LIMIT {
            return Err(Malformed::Deep);
        }
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let (kind, rest) = line.split_first().ok_or(Malformed::Foreign)?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        match kind {
            b'+' => Ok(Some(Reply::Simple(text()))),
            b'-' => Ok(Some(Reply::Error(text()))),
            b':' => Ok(Some(Reply::Integer(number(rest)?))),
            b'$' => self.bulk(number(rest)?),
            b'*' => self.array(number(rest)?, depth),
            _ => Err(Malformed::Foreign),
        }
    }

    /// A line without its end.
    fn line(&mut self) -> Result<Option<&'b [u8]>, Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let shown = &rest[..rest.len().min(LINE_LIMIT)];
        match shown.windows(2).position(|end| end == b"\r\n") {
            Some(end) => {
                self.at += end + 2;
                Ok(Some(&rest[..end]))
            }
            None if shown.len() == LINE_LIMIT => Err(Malformed::Line),
            None => Ok(None),
        }
    }

    fn bulk(&mut self, length: i64) -> Result<Option<Reply>, Malformed> {
        if length == -1 {
            return Ok(Some(Reply::Nothing));
        }
        let length = size(length)?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((bulk, end)) = rest.split_at_checked(length) else {
            return Ok(None);
        };
        match end.first_chunk() {
            Some(b"\r\n") => {
                self.at += length + 2;
                Ok(Some(Reply::Bulk(bulk.to_vec())))
            }
            Some(_) => Err(Malformed::Foreign),
            None => Ok(None),
        }
    }

    fn array(&mut self, length: i64, depth: usize) -> Result<Option<Reply>, Malformed> {
        if length == -1 {
            return Ok(Some(Reply::Nothing));
        }
        // Grown as its parts come: what it says of its length takes no memory.
        let mut parts = Vec::new();
        for _ in 0..size(length)? {
            match self.reply(depth + 1)? {
                Some(part) => parts.push(part),
                None => return Ok(None),
            }
        }
        Ok(Some(Reply::Array(parts)))
    }
}

fn number(text: &[u8]) -> Result<i64, Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed::Foreign)?;
    text.parse().map_err(|_| Malformed::Foreign)
}

fn size(length: i64) -> Result<usize, Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed::Foreign)?;
    if length > REPLY_LIMIT {
        return Err(Malformed::Large);
    }
    Ok(length)
}

/// A command, ready to be sent: a list of texts.
#[must_use]
pub fn command(parts: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        bytes.extend(format!("${}\r\n", part.len()).as_bytes());
        bytes.extend(part.as_bytes());
        bytes.extend(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(reply: &Reply) -> Vec<u8> {
        match reply {
            Reply::Simple(text) => format!("+{text}\r\n").into_bytes(),
            Reply::Error(text) => format!("-{text}\r\n").into_bytes(),
            Reply::Integer(number) => format!(":{number}\r\n").into_bytes(),
            Reply::Bulk(bulk) => {
                let head = format!("${}\r\n", bulk.len()).into_bytes();
                [head.as_slice(), bulk, b"\r\n"].concat()
            }
            Reply::Nothing => b"$-1\r\n".to_vec(),
            Reply::Array(parts) => {
                let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
                bytes.extend(parts.iter().flat_map(written));
                bytes
            }
        }
    }

    #[test]
    fn replies_are_read() {
        let check = |bytes: &[u8], expected| {
            assert_eq!(parse(bytes), Ok(Some((expected, bytes.len()))));
        };
        check(b"+PONG\r\n", Reply::Simple("PONG".into()));
        check(b"-NOAUTH who\r\n", Reply::Error("NOAUTH who".into()));
        check(b":-7\r\n", Reply::Integer(-7));
        check(b"$4\r\na\r\nb\r\n", Reply::Bulk(b"a\r\nb".to_vec()));
        check(b"$0\r\n\r\n", Reply::Bulk(Vec::new()));
        check(b"$-1\r\n", Reply::Nothing);
        check(b"*-1\r\n", Reply::Nothing);
        let two = vec![Reply::Integer(1), Reply::Nothing];
        check(b"*2\r\n:1\r\n$-1\r\n", Reply::Array(two));
        assert_eq!(
            parse(b"+OK\r\n+more"),
            Ok(Some((Reply::Simple("OK".into()), 5)))
        );
    }

    #[test]
    fn hostile_replies_are_refused_before_they_are_held() {
        let check = |bytes: &[u8], expected| assert_eq!(parse(bytes), Err(expected));
        check(b"HTTP/1.1 400 Bad Request\r\n", Malformed::Foreign);
        check(b"\r\n", Malformed::Foreign);
        check(b"$-2\r\n", Malformed::Foreign);
        check(b"$1\r\nabc", Malformed::Foreign);
        check(b"$x\r\n", Malformed::Foreign);
        check(b":1.5\r\n", Malformed::Foreign);
        check(b"$262145\r\n", Malformed::Large);
        check(b"*9223372036854775807\r\n", Malformed::Large);
        check(&[b'+'; LINE_LIMIT], Malformed::Line);
        check(&b"*1\r\n".repeat(DEPTH_LIMIT + 1), Malformed::Deep);
        assert_eq!(parse(b"*9999\r\n$100\r\n"), Ok(None));
        let long = [b"*9999\r\n".to_vec(), b":1\r\n".repeat(REPLY_LIMIT / 4)].concat();
        assert!(matches!(parse(&long), Ok(Some(_))));
        let longer = [b"*99999\r\n".to_vec(), b":1\r\n".repeat(REPLY_LIMIT / 4)].concat();
        assert_eq!(parse(&longer), Err(Malformed::Large));
    }

    fn replies() -> impl Strategy<Value = Reply> {
        let leaf = prop_oneof![
            "[a-zA-Z0-9 ]{0,20}".prop_map(Reply::Simple),
            "[A-Z]{1,8} [a-z ]{0,20}".prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Integer),
            prop::collection::vec(any::<u8>(), 0..64).prop_map(Reply::Bulk),
            Just(Reply::Nothing),
        ];
        leaf.prop_recursive(3, 32, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Reply::Array)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_a_part_of_it_is_waited_for(reply in replies()) {
            let bytes = written(&reply);
            for end in 0..bytes.len() {
                prop_assert_eq!(parse(&bytes[..end]), Ok(None));
            }
            prop_assert_eq!(parse(&bytes), Ok(Some((reply, bytes.len()))));
        }

        #[test]
        fn nothing_makes_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((_, taken))) = parse(&bytes) {
                prop_assert!(taken <= bytes.len());
            }
        }

        #[test]
        fn nothing_that_begins_well_makes_it_fall_over(text in "[*$:+-][0-9-]{0,6}\r\n[*$:+\r\n0-9-]{0,60}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn a_command_is_a_list_of_texts(parts in prop::collection::vec("[ -~]{0,20}", 1..5)) {
            let named: Vec<&str> = parts.iter().map(String::as_str).collect();
            let expected = parts.iter().map(|part| Reply::Bulk(part.clone().into_bytes())).collect();
            let bytes = command(&named);
            prop_assert_eq!(parse(&bytes), Ok(Some((Reply::Array(expected), bytes.len()))));
        }
    }
}
