//! When a likeness is a hit, and when one person is not enough to judge it.

use serde::{Deserialize, Serialize};

/// The key of the policy's rows.
pub const POLICY: &str = "kyc.screening";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningPolicy {
    /// Thousandths. A likeness from here on is a hit.
    pub hit_at: u16,
    /// From here on a dismissal needs two people.
    pub two_people_at: u16,
    /// A list published longer ago turns yellow.
    pub list_stale_days: u16,
    /// How long a confirmed hit may go unreported.
    pub report_business_days: u16,
}

impl ScreeningPolicy {
    /// What is wrong with the policy, if anything is.
    pub fn fault(&self) -> Option<&'static str> {
        if !(500..=1_000).contains(&self.hit_at) {
            Some("hit_at has to be between 500 and 1000 thousandths")
        } else if self.two_people_at < self.hit_at || self.two_people_at > 1_000 {
            Some("two_people_at has to be between hit_at and 1000 thousandths")
        } else if self.list_stale_days == 0 || self.report_business_days == 0 {
            Some("days have to be at least 1")
        } else {
            None
        }
    }
}

/// The key of the rules for loading lists.
pub const LISTS: &str = "screening.lists";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListsPolicy {
    /// A list that loses more than this share of its entries or names is taken for a broken
    /// download, unless somebody says otherwise.
    pub accept_drop_percent: u16,
}

impl ListsPolicy {
    pub fn fault(&self) -> Option<&'static str> {
        (!(1..=99).contains(&self.accept_drop_percent))
            .then_some("accept_drop_percent has to be between 1 and 99")
    }
}
