//! Personal details: one line for every commitment of every event, in their order.

use super::super::jcs;
use super::super::package::{DETAILS, DetailLine, Disclosure};
use super::super::projection::{Body, Commitment};
use super::super::tx::commitment;
use super::files::{Lines, Package};
use super::{Failure, refuted};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DetailCounts {
    pub(super) disclosed: u64,
    pub(super) erased: u64,
    pub(super) withheld: u64,
}

pub(super) struct Details<'a> {
    lines: Lines<'a>,
    counts: DetailCounts,
}

impl<'a> Details<'a> {
    pub(super) fn open(package: &'a Package) -> Result<Self, Failure> {
        Ok(Self {
            lines: package.lines(DETAILS)?,
            counts: DetailCounts::default(),
        })
    }

    /// Takes the lines that belong to this event.
    pub(super) fn check(&mut self, idx: u64, body: &Body) -> Result<(), Failure> {
        for (position, committed) in (0..).zip(&body.commitments) {
            let place = || format!("detail {position} of event #{idx}");
            let Some(line) = self.lines.next(place)? else {
                return Err(refuted(place(), "is missing"));
            };
            let detail = DetailLine::parse_line(line).map_err(|e| refuted(place(), e))?;
            let expected = (idx, body.projection.id, position, committed.subject);
            if (detail.idx, detail.event, detail.position, detail.subject) != expected {
                return Err(refuted(place(), "the line is about something else"));
            }
            self.count(&detail, committed)
                .map_err(|problem| refuted(place(), problem))?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<DetailCounts, Failure> {
        if self.lines.next(|| DETAILS.to_owned())?.is_some() {
            return Err(refuted(DETAILS, "there are details that no event has"));
        }
        self.lines.finish()?;
        Ok(self.counts)
    }

    fn count(&mut self, detail: &DetailLine, committed: &Commitment) -> Result<(), String> {
        match &detail.disclosure {
            Disclosure::Disclosed { salt, value } => {
                let canonical = jcs::to_vec(value).map_err(|e| e.to_string())?;
                if commitment(salt, &canonical) != committed.sha256 {
                    return Err("the value is not the one that the event commits to".to_owned());
                }
                self.counts.disclosed += 1;
            }
            Disclosure::Erased => self.counts.erased += 1,
            Disclosure::Withheld => self.counts.withheld += 1,
            Disclosure::Damaged => {
                return Err(
                    "what was written is gone or was changed, and its key is there".to_owned(),
                );
            }
        }
        Ok(())
    }
}
