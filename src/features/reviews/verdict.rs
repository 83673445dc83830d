//! What a case can be, what can be decided about it, and the codes of the reasons.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Open,
    Proposed,
    NeedsInformation,
    Parked,
    Approved,
    Rejected,
}

impl Status {
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Proposed,
        Self::NeedsInformation,
        Self::Parked,
        Self::Approved,
        Self::Rejected,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Proposed => "proposed",
            Self::NeedsInformation => "needs_information",
            Self::Parked => "parked",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Proposed => "Awaiting approval",
            Self::NeedsInformation => "Needs information",
            Self::Parked => "Parked",
            Self::Approved => "Approved",
            Self::Rejected => "Rejected",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn is_closed(self) -> bool {
        matches!(self, Self::Approved | Self::Rejected)
    }

    /// Whether somebody can work on it now.
    pub(super) fn is_workable(self) -> bool {
        matches!(self, Self::Open | Self::NeedsInformation)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Approve,
    Reject,
    RequestInformation,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::RequestInformation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::RequestInformation => "request_information",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Reject => "Reject",
            Self::RequestInformation => "Ask for information",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
    }
}

/// Why, in codes that can be counted. Neutral towards the customer.
pub const REASONS: [(&str, &str); 8] = [
    ("identity_verified", "Identity verified"),
    ("hits_cleared", "Screening hits cleared"),
    ("risk_understood", "Risk understood and acceptable"),
    ("documents_missing", "Documents missing or expired"),
    ("identity_doubtful", "Identity in doubt"),
    ("listed_person", "Listed person or company"),
    ("outside_appetite", "Outside what we accept"),
    ("information_requested", "Information requested"),
];

/// The label of a reason code; unknown codes have none and are refused.
pub fn reason_label(code: &str) -> Option<&'static str> {
    REASONS
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, label)| *label)
}
