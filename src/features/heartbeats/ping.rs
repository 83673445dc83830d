//! What comes to the address of a heartbeat, read from a request.

use uuid::Uuid;

use super::heartbeat::Signal;

/// So much of what a job has to say is kept, in bytes.
pub const BODY_LIMIT: usize = 10_000;

/// The longest name of a program that is kept, in characters.
const AGENT_LIMIT: usize = 200;

/// How it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
}

impl Method {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// One ping.
#[derive(Clone, Debug)]
pub struct Ping {
    pub signal: Signal,
    /// Which run it is about, where the job says so.
    pub run: Option<Uuid>,
    pub method: Method,
    /// The address that it came from.
    pub source: String,
    /// The program that sent it, as it calls itself.
    pub agent: String,
    pub body: Vec<u8>,
    /// Whether more was sent than is kept.
    pub cut: bool,
}

/// What the end of an address says: `start`, `fail`, `log`, or an exit code.
#[must_use]
pub fn signal(word: &str) -> Option<Signal> {
    match word {
        "start" => Some(Signal::Start),
        "fail" => Some(Signal::Fail),
        "log" => Some(Signal::Log),
        // No sign and no leading zeros beyond what a shell prints.
        code if code.len() <= 3 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
            code.parse().ok().map(Signal::Exit)
        }
        _ => None,
    }
}

/// The name of a program on one line, whatever bytes it came in.
#[must_use]
pub fn agent(header: &[u8]) -> String {
    String::from_utf8_lossy(header)
        .chars()
        .filter(|c| !c.is_control())
        .take(AGENT_LIMIT)
        .collect()
}

/// What a job said, as text that can be shown: lines and tabs stay, other control characters and what is no text are
/// marked.
#[must_use]
pub fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let visible = |c: char| {
        let hidden = c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hidden && !matches!(c, '\n' | '\t') {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.replace("\r\n", "\n").chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_an_address_is_a_word_or_an_exit_code() {
        assert_eq!(signal("start"), Some(Signal::Start));
        assert_eq!(signal("fail"), Some(Signal::Fail));
        assert_eq!(signal("log"), Some(Signal::Log));
        assert_eq!(signal("0"), Some(Signal::Exit(0)));
        assert_eq!(signal("255"), Some(Signal::Exit(255)));
        for nothing in ["", "256", "-1", "+1", "1.0", "0001", "Start", "end", "１"] {
            assert_eq!(signal(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_no_text_is_marked_and_lines_stay() {
        assert_eq!(shown(b"a\r\nb\tc"), "a\nb\tc");
        assert_eq!(shown(b"a\0b\x1b[31m\xff"), "a\u{fffd}b\u{fffd}[31m\u{fffd}");
        assert_eq!(shown("a\u{202e}b".as_bytes()), "a\u{fffd}b");
        assert_eq!(agent(b"curl/8\0\r\nX: y"), "curl/8X: y");
    }

    proptest! {
        #[test]
        fn anything_can_be_shown(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = shown(&body);
            prop_assert!(!text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
        }
    }
}
