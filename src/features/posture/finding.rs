//! What was found about one thing, and how to mend it.

use std::fmt;

/// From what is in order to what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Ok,
    /// Works, but should be looked at.
    Warn,
    /// Will not work, or not safely.
    Fail,
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub verdict: Verdict,
    pub subject: &'static str,
    pub found: String,
    /// What to do about it.
    pub mend: Option<String>,
}

impl Finding {
    pub fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            subject,
            found: found.into(),
            mend: None,
        }
    }

    pub fn warn(subject: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            subject,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }

    pub fn fail(subject: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            subject,
            found: found.into(),
            mend: Some(mend.into()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{word:<5} {:<16} {}", self.subject, self.found)?;
        match &self.mend {
            Some(mend) => write!(f, "\n      {:<16} → {mend}", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_a_sentence_with_its_remedy() {
        let finding = Finding::fail("port", "8080 is taken", "stop what listens there");
        let expected = "FAIL  port             8080 is taken\n                       → stop what listens there";
        assert_eq!(finding.to_string(), expected);
    }
}
