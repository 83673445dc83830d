//! What a page can say of an event's place in the log, and no more than that.

use crate::foundation::audit::note::SignedCheckpoint;
use crate::foundation::audit::package::EventRow;
use crate::foundation::audit::projection::Body;
use crate::foundation::audit::store::{self, StoredTree};
use crate::foundation::audit::{Log, tree};
use crate::foundation::db::{self, Conn};

/// An event against the newest checkpoint. The signature is not looked at: this process has no key from
/// outside to hold it to.
pub struct Proof {
    pub leaf: String,
    pub hashes: Vec<String>,
    pub size: u64,
    pub root: String,
    finding: Finding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Holds,
    Unreadable,
    /// The body says something else than this column.
    Column(&'static str),
    NotInTree,
}

impl Proof {
    pub fn build(conn: &mut Conn, event: &EventRow) -> db::Result<Option<Self>> {
        let Some(stored) = store::newest_checkpoint(conn, Log::Main)? else {
            return Ok(None);
        };
        // The note is what was signed; the columns beside it are not.
        let Ok(signed) = SignedCheckpoint::parse(&stored.note) else {
            return Ok(Some(Self::failed(event, Finding::NotInTree)));
        };
        let checkpoint = signed.checkpoint;
        if event.idx >= checkpoint.size {
            return Ok(None);
        }
        let nodes = StoredTree::new(conn, Log::Main, checkpoint.size);
        let hashes = match tree::inclusion_proof(&nodes, event.idx, checkpoint.size) {
            Ok(hashes) => hashes,
            Err(db::Error::Damaged(_) | db::Error::NotFound) => {
                return Ok(Some(Self::failed(event, Finding::NotInTree)));
            }
            Err(error) => return Err(error),
        };
        let leaf = tree::leaf_hash(&event.body);
        let included =
            tree::verify_inclusion(event.idx, checkpoint.size, leaf, &hashes, &checkpoint.root);
        let finding = match Body::parse(&event.body) {
            _ if !included => Finding::NotInTree,
            Err(_) => Finding::Unreadable,
            Ok(body) => event
                .projection
                .first_difference(&body.projection)
                .map_or(Finding::Holds, Finding::Column),
        };
        Ok(Some(Self {
            leaf: hex::encode(leaf),
            hashes: hashes.iter().map(hex::encode).collect(),
            size: checkpoint.size,
            root: hex::encode(checkpoint.root),
            finding,
        }))
    }

    fn failed(event: &EventRow, finding: Finding) -> Self {
        Self {
            leaf: hex::encode(tree::leaf_hash(&event.body)),
            hashes: Vec::new(),
            size: 0,
            root: String::new(),
            finding,
        }
    }

    pub fn holds(&self) -> bool {
        self.finding == Finding::Holds
    }

    pub fn claim(&self) -> String {
        match self.finding {
            Finding::Holds => format!(
                "Its bytes are in the tree of {} events that the newest checkpoint states, and what is shown is \
                 what they say",
                self.size
            ),
            Finding::Unreadable => "Its bytes cannot be read: export the log and verify it".to_owned(),
            Finding::Column(column) => format!(
                "The column {column} is not what its bytes say: export the log and verify it"
            ),
            Finding::NotInTree => {
                "Its bytes are not in the tree that the newest checkpoint states: export the log and verify it"
                    .to_owned()
            }
        }
    }
}
