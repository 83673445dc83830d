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
