//! The first message of a TLS conversation in which the client knows nothing newer than TLS 1.1 (RFC 5246, 7.4.1.2, and
//! RFC 4346 for the version), because no library still writes one.

/// Handshake: the server goes on. An alert (21) is its refusal.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const TLS_1_0: [u8; 2] = [3, 1];
const TLS_1_1: [u8; 2] = [3, 2];

/// Suites that servers of that time have: ECDHE, DHE and RSA with AES-CBC.
const SUITES: [[u8; 2]; 8] = [
    [0xc0, 0x13],
    [0xc0, 0x14],
    [0xc0, 0x09],
    [0xc0, 0x0a],
    [0x00, 0x33],
    [0x00, 0x39],
    [0x00, 0x2f],
    [0x00, 0x35],
];

/// The message, with the name of the server where it has one.
pub fn tls_1_1(name: Option<&str>) -> Vec<u8> {
    let mut body = TLS_1_1.to_vec();
    // It encrypts nothing: the conversation ends before it is used.
    body.extend([0x5b; 32]);
    body.push(0);
    body.extend(counted(&SUITES.concat()));
    body.extend([1, 0]);
    body.extend(counted(&extensions(name)));

    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(counted(&body));
    let mut record = vec![HANDSHAKE];
    record.extend(TLS_1_0);
    record.extend(counted(&message));
    record
}

/// Whether the first byte of the answer goes on with the conversation.
pub fn is_accepted(first: u8) -> bool {
    first == HANDSHAKE
}

fn extensions(name: Option<&str>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(name) = name {
        let mut entry = vec![0];
        entry.extend(counted(name.as_bytes()));
        all.extend(extension(0, &counted(&entry)));
    }
    // Curves P-256 and X25519, and their points uncompressed.
    all.extend(extension(10, &counted(&[0, 23, 0, 29])));
    all.extend(extension(11, &[1, 0]));
    all
}

fn extension(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[0, kind], counted(data).as_slice()].concat()
}

/// The bytes after their number, in two bytes. What is written here is far shorter than those can say.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up() {
        let record = tls_1_1(Some("box.example"));
        let number = |at: usize| usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
        assert_eq!(record[0], HANDSHAKE);
        assert_eq!(number(3), record.len() - 5);
        assert_eq!(number(7), record.len() - 9);
        assert_eq!(record[9..11], TLS_1_1);
        let without = tls_1_1(None);
        assert_eq!(record.len() - without.len(), 9 + "box.example".len());
    }

    #[test]
    fn an_alert_is_a_refusal() {
        assert!(is_accepted(22) && !is_accepted(21));
    }
}
