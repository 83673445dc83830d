//! What intake takes from policy.

use serde::{Deserialize, Serialize};

/// Whose customers a file holds when nobody says.
pub const DEFAULTS: &str = "intake.defaults";
/// How long what was not taken in is kept.
pub const KEEPING: &str = "intake.keeping";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// A platform's short name. It need not be there yet: then nothing is assumed.
    pub platform: String,
}

impl Defaults {
    /// What is wrong with the policy, if anything is.
    pub fn fault(&self) -> Option<&'static str> {
        self.platform
            .is_empty()
            .then_some("platform has to be the short name of a platform")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keeping {
    /// Days after the end of the reading.
    pub rejected_days: u16,
}

impl Keeping {
    pub fn fault(&self) -> Option<&'static str> {
        (self.rejected_days < 7)
            .then_some("rejected_days has to leave at least 7 days to mend the rows")
    }
}
