//! Canonical JSON (RFC 8785), narrowed to what an audit event may hold.
//!
//! The bytes that this module writes are the bytes that are hashed, so there is exactly one
//! way to write a value. Floating point is refused outright: its canonical form is the one
//! part of RFC 8785 that implementations get wrong, and no event needs it.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// The largest integer that every JSON reader keeps exact: 2^53.
pub const MAX_INTEGER: u64 = 1 << 53;

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 32;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("{0} is not an integer; send it as a string or in minor units")]
    Float(String),
    #[error("{0} is beyond 2^53; send it as a string")]
    TooLarge(String),
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("not JSON: {0}")]
    Syntax(String),
    #[error("not in canonical form (RFC 8785)")]
    NotCanonical,
}

/// Writes `value` in its one canonical form.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, Error> {
    let mut out = String::new();
    write_value(&mut out, value, 0)?;
    Ok(out.into_bytes())
}

/// Reads a value and holds it to being canonical, which also refuses doubled keys.
pub fn from_canonical(bytes: &[u8]) -> Result<Value, Error> {
    let value = serde_json::from_slice(bytes).map_err(|e| Error::Syntax(e.to_string()))?;
    if to_vec(&value)? == bytes {
        Ok(value)
    } else {
        Err(Error::NotCanonical)
    }
}

/// Whether these bytes are the canonical form of the value that they hold.
pub fn is_canonical(bytes: &[u8]) -> bool {
    from_canonical(bytes).is_ok()
}

fn write_value(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number)?,
        Value::String(text) => write_string(out, text),
        Value::Array(items) => write_array(out, items, deeper(depth)?)?,
        Value::Object(members) => write_object(out, members, deeper(depth)?)?,
    }
    Ok(())
}

fn deeper(depth: usize) -> Result<usize, Error> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        Err(Error::TooDeep)
    }
}

fn write_number(out: &mut String, number: &Number) -> Result<(), Error> {
    let magnitude = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs))
        .ok_or_else(|| Error::Float(number.to_string()))?;
    if magnitude > MAX_INTEGER {
        return Err(Error::TooLarge(number.to_string()));
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "{number}");
    Ok(())
}

fn write_array(out: &mut String, items: &[Value], depth: usize) -> Result<(), Error> {
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_value(out, item, depth)?;
    }
    out.push(']');
    Ok(())
}

fn write_object(out: &mut String, members: &Map<String, Value>, depth: usize) -> Result<(), Error> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    // UTF-16 order, which differs from byte order above the basic plane.
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (position, (key, value)) in sorted.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_value(out, value, depth)?;
    }
    out.push('}');
    Ok(())
}

/// RFC 8785 section 3.2.2.2: short escapes where JSON has them, `\u00xx` for the other
/// controls, everything else as it is.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    // Most texts need no escape at all; what needs one is a single byte.
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[copied..at]);
        copied = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            control => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{control:04x}");
            }
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(value: &Value) -> String {
        String::from_utf8(to_vec(value).unwrap()).unwrap()
    }

    /// The vectors of the RFC's authors; `arrays` and `weird` are free of floats, and
    /// `structures` and `values` must be refused because of theirs.
    #[test]
    fn reference_vectors() {
        let root = std::env::var("SIGNALBOX_REFERENCE").unwrap_or("../shared/reference".into());
        let folder = std::path::Path::new(&root).join("standards/jcs");
        if !folder.exists() {
            println!("skipped: jcs::reference_vectors needs {}", folder.display());
            return;
        }
        for name in ["arrays", "french", "unicode", "weird"] {
            let input = std::fs::read(folder.join(format!("input/{name}.json"))).unwrap();
            let hex = std::fs::read_to_string(folder.join(format!("outhex/{name}.txt"))).unwrap();
            let wanted = hex::decode(hex.split_whitespace().collect::<String>()).unwrap();
            let value: Value = serde_json::from_slice(&input).unwrap();
            assert_eq!(to_vec(&value).unwrap(), wanted, "{name}");
            assert!(is_canonical(&wanted), "{name}");
        }
        for name in ["structures", "values"] {
            let input = std::fs::read(folder.join(format!("input/{name}.json"))).unwrap();
            let value: Value = serde_json::from_slice(&input).unwrap();
            assert!(matches!(to_vec(&value), Err(Error::Float(_))), "{name}");
        }
    }

    #[test]
    fn keys_sort_by_utf16_units() {
        // U+1F602 is d83d de02 in UTF-16 and so stands before U+FB33.
        let value = json!({"\u{fb33}": 1, "\u{1f602}": 2, "a": 3, "1": 4, "": 5});
        assert_eq!(
            canonical(&value),
            "{\"\":5,\"1\":4,\"a\":3,\"\u{1f602}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn numbers_are_integers_within_2_to_the_53() {
        assert_eq!(
            canonical(&json!(-9_007_199_254_740_992_i64)),
            "-9007199254740992"
        );
        assert_eq!(
            to_vec(&json!(9_007_199_254_740_993_u64))
                .unwrap_err()
                .to_string(),
            "9007199254740993 is beyond 2^53; send it as a string"
        );
        assert!(matches!(to_vec(&json!(1.5)), Err(Error::Float(_))));
        assert!(matches!(to_vec(&json!(i64::MIN)), Err(Error::TooLarge(_))));
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |levels| (0..levels).fold(Value::Null, |inner, _| json!([inner]));
        assert!(to_vec(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(to_vec(&nested(MAX_DEPTH + 1)), Err(Error::TooDeep));
    }

    #[test]
    fn other_spellings_are_not_canonical() {
        for text in [
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":1}",
            "{ }",
            "[1, 2]",
            "1.0",
            "-0",
            "1e2",
            "\"\\u0041\"",
            "\"\\/\"",
            "\"\\u000a\"",
            "nul",
            "",
            "01",
            "\"\u{1}\"",
            "[1]\n",
        ] {
            assert!(!is_canonical(text.as_bytes()), "{text}");
        }
        assert!(!is_canonical(b"\"\xff\""));
        assert!(is_canonical("\"\\u0001\u{7f}\u{2028}\\n\"".as_bytes()));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_992_i64..=9_007_199_254_740_992).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_gives_back_the_value(value in any_value()) {
            let bytes = to_vec(&value).unwrap();
            prop_assert_eq!(from_canonical(&bytes).unwrap(), value);
        }

        #[test]
        fn never_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = is_canonical(&bytes);
        }
    }
}
