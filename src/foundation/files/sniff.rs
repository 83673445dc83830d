//! What a file is, by its first bytes.

/// How much of a file is looked at.
pub const HEAD_BYTES: usize = 512;

const SIGNATURES: &[(&[u8], &str)] = &[
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"<?xml", "application/xml"),
];

/// Text is called text whatever it says it is: nothing that a browser would run is ever named.
pub fn content_type(head: &[u8]) -> &'static str {
    let body = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if let Some((_, name)) = SIGNATURES.iter().find(|(sign, _)| body.starts_with(sign)) {
        return name;
    }
    if !is_text(body) {
        return "application/octet-stream";
    }
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => "application/json",
        _ => "text/plain",
    }
}

/// UTF-8 without control characters; a character may be cut off at the end.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or("")
        }
        Err(_) => return false,
    };
    !whole
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides() {
        let check = |head: &[u8], wanted| assert_eq!(content_type(head), wanted);
        check(b"%PDF-1.7\n", "application/pdf");
        check(b"\x89PNG\r\n\x1a\n\0\0", "image/png");
        check(b"external_id,kind\n", "text/plain");
        check("external_id,Zoë".as_bytes(), "text/plain");
        check(&"Zoë".as_bytes()[..3], "text/plain");
        check(b"\xef\xbb\xbf {\"a\":1}", "application/json");
        check(b"a\0b", "application/octet-stream");
        check(b"n\xe4me", "application/octet-stream");
        check(b"<html><script>", "text/plain");
        check(b"", "text/plain");
    }
}
