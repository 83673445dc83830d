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

/// Why, in a code that can be counted.
#[derive(Debug)]
pub struct Reason {
    pub code: &'static str,
    pub label: &'static str,
    /// The decisions that it speaks for. A decision that rests on a reason against it explains nothing.
    pub fits: &'static [Verdict],
}

impl Reason {
    const fn new(code: &'static str, label: &'static str, fits: &'static [Verdict]) -> Self {
        Self { code, label, fits }
    }
}

const APPROVE: &[Verdict] = &[Verdict::Approve];
const REJECT: &[Verdict] = &[Verdict::Reject];
const REJECT_OR_ASK: &[Verdict] = &[Verdict::Reject, Verdict::RequestInformation];
const ASK: &[Verdict] = &[Verdict::RequestInformation];

/// Neutral towards the customer; those that fit the same decisions stand together.
pub const REASONS: [Reason; 8] = [
    Reason::new("identity_verified", "Identity verified", APPROVE),
    Reason::new("hits_cleared", "Screening hits cleared", APPROVE),
    Reason::new("risk_understood", "Risk understood and acceptable", APPROVE),
    Reason::new(
        "documents_missing",
        "Documents missing or expired",
        REJECT_OR_ASK,
    ),
    Reason::new("identity_doubtful", "Identity in doubt", REJECT_OR_ASK),
    Reason::new("listed_person", "Listed person or company", REJECT),
    Reason::new("outside_appetite", "Outside what we accept", REJECT),
    Reason::new("information_requested", "Information requested", ASK),
];

/// The reason with this code; unknown codes have none and are refused.
pub fn reason(code: &str) -> Option<&'static Reason> {
    REASONS.iter().find(|reason| reason.code == code)
}

/// The label of a reason code.
pub fn reason_label(code: &str) -> Option<&'static str> {
    reason(code).map(|reason| reason.label)
}

/// "Reject or Ask for information".
pub fn named(verdicts: &[Verdict]) -> String {
    let labels: Vec<_> = verdicts.iter().map(|verdict| verdict.label()).collect();
    labels.join(" or ")
}

/// What is wrong with giving these reasons for a decision: each that speaks for another one, and which would do.
pub fn contrary(verdict: Verdict, codes: &[String]) -> Option<String> {
    let against: Vec<_> = codes
        .iter()
        .filter_map(|code| reason(code))
        .filter(|reason| !reason.fits.contains(&verdict))
        .map(|reason| format!("“{}” is a reason to {}", reason.label, lower(reason.fits)))
        .collect();
    let fitting: Vec<_> = REASONS
        .iter()
        .filter(|reason| reason.fits.contains(&verdict))
        .map(|reason| reason.label)
        .collect();
    let wanted = lower(&[verdict]);
    (!against.is_empty()).then(|| {
        format!(
            "{}. To {wanted}, choose from: {}.",
            against.join("; "),
            fitting.join(", ")
        )
    })
}

fn lower(verdicts: &[Verdict]) -> String {
    named(verdicts).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{REASONS, Verdict, contrary, named};

    #[test]
    fn every_decision_has_reasons_and_refuses_those_against_it() {
        for verdict in Verdict::ALL {
            for reason in &REASONS {
                let said = contrary(verdict, &[reason.code.to_owned()]);
                assert_eq!(said.is_none(), reason.fits.contains(&verdict), "{reason:?}");
            }
            assert!(REASONS.iter().any(|reason| reason.fits.contains(&verdict)));
        }
        let said = contrary(Verdict::Approve, &["documents_missing".to_owned()]).unwrap();
        assert_eq!(
            said,
            "“Documents missing or expired” is a reason to reject or ask for information. To approve, choose \
             from: Identity verified, Screening hits cleared, Risk understood and acceptable."
        );
        assert_eq!(named(&[Verdict::Reject]), "Reject");
    }
}
