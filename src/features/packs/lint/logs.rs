//! Logs that are read, and the codes that are looked for in them.

use std::collections::BTreeSet;

use super::{Linter, Subject};
use crate::features::packs::pack::{LinesOf, Source};
use crate::features::packs::pattern::Pattern;
use crate::features::packs::quantity::Lasting;

const KEEP_MIN: Lasting = Lasting::from_secs(86_400);
const KEEP_MAX: Lasting = Lasting::from_secs(366 * 86_400);
const WITHIN_MIN: Lasting = Lasting::from_secs(60);
const WORD_AT_MOST: usize = 64;

impl Linter<'_> {
    pub(super) fn logs(&mut self) {
        let pack = self.pack;
        for (index, log) in pack.log_sources.iter().enumerate() {
            let about = ("log_source", index, log.id.as_str());
            if let Some(files) = log.files()
                && let Err(problem) = Pattern::parse(files)
            {
                self.error("bad-address", about, problem);
            }
            if !(KEEP_MIN..=KEEP_MAX).contains(&log.keep) {
                let message = format!("lines are kept between {KEEP_MIN} and {KEEP_MAX}");
                self.error("bad-timing", about, message);
            }
            if log.files().is_some() && log.expect_every.is_some() {
                let message = "files are looked at all the while, however seldom they grow: expect_every is for senders";
                self.error("bad-timing", about, message);
            }
            if let Some(service) = &log.service
                && !pack.services.iter().any(|known| known.id == *service)
            {
                let message = format!("there is no service \"{service}\"");
                self.error("unknown-reference", about, message);
            }
        }
        self.codes();
    }

    fn codes(&mut self) {
        let pack = self.pack;
        let mut seen = BTreeSet::new();
        for (index, code) in pack.error_codes.iter().enumerate() {
            let about = ("error_code", index, code.id.as_str());
            let inner = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
            if code.id.is_empty() || code.id.len() > WORD_AT_MOST || !code.id.chars().all(inner) {
                let message = "a code is 1 to 64 letters, digits, '_', '-' and '.'";
                self.error("bad-id", about, message);
            }
            if !seen.insert(code.id.as_str()) {
                self.error("duplicate", about, "a second error_code has this id");
            }
            if let Some(runbook) = &code.runbook
                && !pack.runbooks.iter().any(|known| known.id == *runbook)
            {
                let message = format!("there is no runbook \"{runbook}\"");
                self.error("unknown-reference", about, message);
            }
        }
    }

    /// What a rule that counts lines asks for and cannot have.
    pub(super) fn lines_counted(&mut self, about: Subject<'_>, source: &Source) {
        let Source::Log(of) = source else { return };
        let Some(log) = self.pack.log_sources.iter().find(|it| it.id == of.source) else {
            return;
        };
        if of.within < WITHIN_MIN || of.within > log.keep {
            let message = format!(
                "lines are counted within {WITHIN_MIN} to {}, for which they are kept",
                log.keep
            );
            self.error("bad-timing", about, message);
        }
        if let Some(code) = &of.code
            && !self.pack.error_codes.iter().any(|known| known.id == *code)
        {
            let message = format!("there is no error_code \"{code}\"");
            self.error("unknown-reference", about, message);
        }
    }

    pub(super) fn knows_log(&self, of: &LinesOf) -> bool {
        self.pack.log_sources.iter().any(|it| it.id == of.source)
    }
}
