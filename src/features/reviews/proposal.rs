//! A decision that awaits its second person, and everything that the second person agrees to.

use sha2::{Digest, Sha256};

use super::case::{CaseId, DecisionId};
use super::risk::Band;
use super::verdict::Verdict;
use crate::foundation::kernel::PersonId;

/// A decision that awaits its second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub id: DecisionId,
    pub verdict: Verdict,
    pub by: PersonId,
    pub payload_hash: [u8; 32],
}

/// Everything that an approval binds to. Any change of it gives another hash.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    pub case: CaseId,
    pub verdict: Verdict,
    pub reasons: &'a [String],
    pub note: &'a str,
    pub band: Band,
    pub score: u16,
    /// The assessment that the case shows: a keyed hash of the subject's facts, lists and policy.
    pub basis: &'a [u8],
    /// Each hit with its version.
    pub hits: &'a [(uuid::Uuid, i32)],
}

impl Payload<'_> {
    pub fn hash(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        part(self.case.uuid().as_bytes());
        part(self.verdict.as_str().as_bytes());
        part(&(self.reasons.len() as u64).to_be_bytes());
        for reason in self.reasons {
            part(reason.as_bytes());
        }
        part(self.note.as_bytes());
        part(self.band.as_str().as_bytes());
        part(&self.score.to_be_bytes());
        part(self.basis);
        for (hit, version) in self.hits {
            part(hit.as_bytes());
            part(&version.to_be_bytes());
        }
        digest.finalize().into()
    }
}
